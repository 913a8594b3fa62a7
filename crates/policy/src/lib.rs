//! Lists and route-maps compiled to immutable programs.
