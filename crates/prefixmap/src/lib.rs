//! Ordered prefix maps with longest-prefix match.
