//! Set-ups that the interop tests share: `ferrd` on one host, a rival on the other.
#![forbid(unsafe_code)]
