//! What is counted.

use std::time::Duration;

use ferr_bfd_wire::{AuthError, Error};

/// Why a packet was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// Shorter than the fields that are needed.
    Truncated,
    /// Version.
    Version,
    /// Length field below the minimum.
    LengthTooSmall,
    /// Length field beyond the datagram.
    LengthBeyondPayload,
    /// Multiplier 0.
    DetectMult,
    /// M bit.
    Multipoint,
    /// My Discriminator is 0.
    MyDiscriminator,
    /// Your Discriminator is 0 in Init or Up.
    YourDiscriminator,
    /// Your Discriminator is not one of ours.
    UnknownDiscriminator,
    /// No session with these addresses.
    NoSession,
    /// The discriminator belongs to a session of another VRF.
    Vrf,
    /// Single-hop packet for a multihop session, or the reverse.
    HopMode,
    /// TTL too low, or not known.
    Ttl,
    /// The session wants authentication, the packet has none.
    AuthMissing,
    /// The packet has authentication, the session uses none.
    AuthUnexpected,
    /// Type, key number, length or digest.
    Auth,
    /// Sequence number outside of the window.
    AuthSequence,
    /// We are AdminDown.
    AdminDown,
    /// Echo packet that was not made by us, is old, or cannot be looped.
    Echo,
}

impl Cause {
    /// Number of causes.
    pub const COUNT: usize = 19;

    /// All of them, in the order of the rules.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Truncated,
        Self::Version,
        Self::LengthTooSmall,
        Self::LengthBeyondPayload,
        Self::DetectMult,
        Self::Multipoint,
        Self::MyDiscriminator,
        Self::YourDiscriminator,
        Self::UnknownDiscriminator,
        Self::NoSession,
        Self::Vrf,
        Self::HopMode,
        Self::Ttl,
        Self::AuthMissing,
        Self::AuthUnexpected,
        Self::Auth,
        Self::AuthSequence,
        Self::AdminDown,
        Self::Echo,
    ];
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        match error {
            Error::Truncated(_) => Self::Truncated,
            Error::Version(_) => Self::Version,
            Error::LengthTooSmall(_) => Self::LengthTooSmall,
            Error::LengthBeyondPayload { .. } => Self::LengthBeyondPayload,
            Error::DetectMultZero => Self::DetectMult,
            Error::Multipoint => Self::Multipoint,
            Error::MyDiscriminatorZero => Self::MyDiscriminator,
            Error::YourDiscriminatorZero(_) => Self::YourDiscriminator,
        }
    }
}

impl From<AuthError> for Cause {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::AuthMissing,
            AuthError::Unexpected => Self::AuthUnexpected,
            AuthError::Sequence => Self::AuthSequence,
            _ => Self::Auth,
        }
    }
}

/// Packets not used, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops([u64; Cause::COUNT]);

impl Drops {
    pub(crate) fn add(&mut self, cause: Cause) {
        self.0[cause as usize] += 1;
    }

    /// Packets not used for this cause.
    pub const fn of(&self, cause: Cause) -> u64 {
        self.0[cause as usize]
    }

    /// Packets not used, all causes.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Counters of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Counters {
    /// Control packets used.
    pub control_in: u64,
    /// Control packets sent.
    pub control_out: u64,
    /// Echo packets of ours that came back.
    pub echo_in: u64,
    /// Echo packets sent.
    pub echo_out: u64,
    /// Packets that the driver could not send.
    pub send_failures: u64,
    /// Times that the session came up.
    pub up: u64,
    /// Times that the session went down.
    pub down: u64,
    /// Transmissions that left later than [`crate::LATE_AFTER`].
    pub late: u64,
    /// Packets not used.
    pub drops: Drops,
}

/// Round-trip times of echo packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rtt {
    /// Shortest; zero before the first.
    pub min: Duration,
    /// Longest.
    pub max: Duration,
    sum: Duration,
    count: u32,
}

impl Rtt {
    pub(crate) fn record(&mut self, rtt: Duration) {
        self.min = if self.count == 0 { rtt } else { self.min.min(rtt) };
        self.max = self.max.max(rtt);
        if self.count == u32::MAX {
            (self.sum, self.count) = (self.avg(), 1);
        }
        self.sum += rtt;
        self.count += 1;
    }

    /// Mean; zero before the first.
    pub fn avg(&self) -> Duration {
        self.sum.checked_div(self.count).unwrap_or_default()
    }
}
