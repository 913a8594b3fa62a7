//! The vty sockets, the command table, and text and JSON rendering.
