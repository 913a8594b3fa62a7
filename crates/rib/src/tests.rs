//! Units of the RIB.
