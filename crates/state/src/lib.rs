//! Read-only views and requests: what show commands and the API see.
