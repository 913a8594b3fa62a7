//! Translations of small configurations.
