//! The outermost fields of messages.

/// Octets of the shortest data message.
const DATA_LEAST: usize = 32;
/// Numbers from here on may not be used (`REJECT_AFTER_MESSAGES` of the protocol).
const LAST_NUMBER: u64 = u64::MAX - (1 << 13);

/// What a datagram is, by its type and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// First message of a handshake.
    Initiation,
    /// Second message, for a session of ours.
    Response(u32),
    /// A cookie, for a session of ours.
    Cookie(u32),
    /// Data, for a session of ours.
    Data(u32),
    /// Nothing of WireGuard.
    Other,
}

fn word(datagram: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(datagram.get(at..at + 4)?.try_into().ok()?))
}

impl Kind {
    pub(crate) fn of(datagram: &[u8]) -> Self {
        let receiver = |at| word(datagram, at).unwrap_or(0);
        match (word(datagram, 0), datagram.len()) {
            (Some(1), 148) => Self::Initiation,
            (Some(2), 92) => Self::Response(receiver(8)),
            (Some(3), 64) => Self::Cookie(receiver(4)),
            (Some(4), DATA_LEAST..) => Self::Data(receiver(4)),
            _ => Self::Other,
        }
    }
}

/// Whether one of our own messages asks for a handshake.
pub(crate) fn is_initiation(datagram: &[u8]) -> bool {
    datagram.first() == Some(&1)
}

/// Whether one of our own messages is data.
pub(crate) fn is_data(datagram: &[u8]) -> bool {
    datagram.first() == Some(&4)
}

/// The number that the sender of a response gives to its session.
pub(crate) fn sender(response: &[u8]) -> Option<u32> {
    word(response, 4)
}

/// Whether the number of a data message is beyond what the protocol allows.
pub(crate) fn is_exhausted(datagram: &[u8]) -> bool {
    let number = datagram.get(8..16).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    number.is_none_or(|n| n >= LAST_NUMBER)
}
