//! The frr.conf grammar: text to typed configuration, differences, and back to text.
