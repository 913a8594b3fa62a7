//! BGP-4 messages: bytes to typed views and back, with the error handling of RFC 7606.
