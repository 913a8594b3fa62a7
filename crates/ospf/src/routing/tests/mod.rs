//! Networks are made of LSAs by hand, and looked at through the eyes of one of their routers.

mod border;
mod identifiers;
mod lab;
mod outside;
mod random;
mod small;
