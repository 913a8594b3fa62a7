//! BFD sessions as a sans-I/O core.
#![forbid(unsafe_code)]
