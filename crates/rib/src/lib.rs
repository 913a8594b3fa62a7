//! Routing information base: selection, next-hop resolution, next-hop groups, FIB operations.
