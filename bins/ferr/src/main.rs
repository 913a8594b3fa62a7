//! ferr.
fn main() {}
