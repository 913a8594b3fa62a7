//! Why a packet is discarded before a session is looked up: one case per format rule of RFC 5880 section 6.8.6.

use crate::State;

/// A packet that breaks a format rule; the rules are checked in the order of the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// The payload ends before the Length field.
    #[error("{0} octets are too few for a BFD packet")]
    Truncated(usize),
    /// The version is not 1.
    #[error("version {0} instead of 1")]
    Version(u8),
    /// Length is below 24, or below 26 with the A bit.
    #[error("length field of {0} octets is too small")]
    LengthTooSmall(u8),
    /// Length is larger than the payload.
    #[error("length field of {length} octets, but the datagram has {payload}")]
    LengthBeyondPayload {
        /// Value of the Length field.
        length: u8,
        /// Octets in the datagram.
        payload: usize,
    },
    /// Detect Mult is zero.
    #[error("detection multiplier is zero")]
    DetectMultZero,
    /// The M bit is set.
    #[error("multipoint bit is set")]
    Multipoint,
    /// My Discriminator is zero.
    #[error("my discriminator is zero")]
    MyDiscriminatorZero,
    /// Your Discriminator is zero although the sender claims to know us.
    #[error("your discriminator is zero in state {0}")]
    YourDiscriminatorZero(State),
}
