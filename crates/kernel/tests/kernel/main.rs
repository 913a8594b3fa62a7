//! The FIB against a real kernel, each test in a network namespace of its own.

mod common;
mod failover;
mod fib;
mod links;
