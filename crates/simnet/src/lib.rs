//! Deterministic simulator: virtual clock, links and faults.
