//! Behaviour of instances that talk to each other.
