//! Networks are made of LSAs by hand, and looked at through the eyes of one of their routers.

#![allow(clippy::disallowed_methods)]

mod border;
mod figures;
mod hostile;
mod identifiers;
mod lab;
mod outside;
mod protection;
mod random;
mod region;
mod six;
mod small;
