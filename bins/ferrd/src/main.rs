//! ferrd.
fn main() {}
