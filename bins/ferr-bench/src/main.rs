//! ferr-bench.
fn main() {}
