//! Why packets were dropped.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why a packet was dropped, or a message refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $($(#[$doc])* $name,)*
        }

        impl Cause {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it is called in shows.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

causes! {
    /// Not a WireGuard message.
    Malformed = "malformed",
    /// For a session that we do not have.
    UnknownSession = "unknownSession",
    /// A handshake that was not made for our key.
    BadMac = "badMac",
    /// Too many handshakes: the sender has to prove its address.
    UnderLoad = "underLoad",
    /// A handshake of somebody who is no peer.
    UnknownPeer = "unknownPeer",
    /// A handshake that was seen before.
    HandshakeReplay = "handshakeReplay",
    /// A handshake that does not fit.
    HandshakeInvalid = "handshakeInvalid",
    /// Data that was seen before or is too old.
    Replay = "replay",
    /// Data that fails authentication.
    NotAuthentic = "notAuthentic",
    /// Data that is no IP packet.
    NotIp = "notIp",
    /// From an address that the peer may not send from.
    NotAllowed = "notAllowed",
    /// The kernel refused what the peer sent.
    DeviceRefused = "deviceRefused",
    /// To an address that no peer has.
    NoPeer = "noPeer",
    /// To a peer whose address is not known.
    NoEndpoint = "noEndpoint",
    /// Could not be sent.
    SendFailed = "sendFailed",
    /// The kernel gave something malformed.
    BadBurst = "badBurst",
    /// We have no key.
    NoKey = "noKey",
}

const CAUSES: usize = Cause::ALL.len();

/// Packets by cause.
#[derive(Debug, Default)]
pub(crate) struct Drops([AtomicU64; CAUSES]);

impl Drops {
    pub(crate) fn add(&self, cause: Cause) {
        self.add_many(cause, 1);
    }

    pub(crate) fn add_many(&self, cause: Cause, count: u64) {
        self.0[cause as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// Those that are not 0.
    pub(crate) fn list(&self) -> Vec<(Cause, u64)> {
        let counts = Cause::ALL.iter().map(|c| (*c, self.0[*c as usize].load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count != 0).collect()
    }
}
