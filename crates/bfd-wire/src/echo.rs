//! The payload of our echo packets (RFC 5880 section 5 leaves it to the sender).
//!
//! ```text
//!  0      4               8           16                 24        32
//!  | FeRB | discriminator | sequence  | time sent, ns    | SipHash |
//! ```
//! The keyed hash lets nobody else make one; the sequence number keeps old ones from counting again.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;

/// Octets of an echo payload.
pub const ECHO_LEN: usize = 32;
const MAGIC: [u8; 4] = *b"FeRB";
const SIGNED: usize = 24;

/// Key of the echo packets of one speaker; not known to anybody else.
#[derive(Clone, Copy)]
pub struct EchoKey(u64, u64);

impl EchoKey {
    /// A key of two random words.
    pub const fn new(a: u64, b: u64) -> Self {
        Self(a, b)
    }

    fn tag(self, signed: &[u8]) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_keys(self.0, self.1);
        hasher.write(signed);
        hasher.finish().to_be_bytes()
    }
}

impl fmt::Debug for EchoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EchoKey(..)")
    }
}

/// Why an echo payload is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EchoError {
    /// Another length or magic: somebody else's.
    #[error("not an echo packet of ours")]
    Foreign,
    /// Ours by its look, but the keyed hash differs.
    #[error("echo packet with a wrong checksum")]
    Forged,
}

/// An echo payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Echo {
    /// Discriminator of the session that sent it.
    pub discriminator: u32,
    /// Counts the session's echo packets, from 1.
    pub sequence: u64,
    /// When it was sent, in nanoseconds of the sender's clock.
    pub sent: u64,
}

impl Echo {
    /// Writes and signs the payload.
    pub fn encode(&self, key: EchoKey, out: &mut [u8; ECHO_LEN]) {
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&self.discriminator.to_be_bytes());
        out[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        out[16..SIGNED].copy_from_slice(&self.sent.to_be_bytes());
        let tag = key.tag(&out[..SIGNED]);
        out[SIGNED..].copy_from_slice(&tag);
    }

    /// Reads a payload and checks that this speaker made it.
    ///
    /// # Errors
    /// Somebody else's packet, or a forged one.
    pub fn decode(payload: &[u8], key: EchoKey) -> Result<Self, EchoError> {
        let packet: &[u8; ECHO_LEN] = payload.try_into().map_err(|_| EchoError::Foreign)?;
        if packet[..4] != MAGIC {
            return Err(EchoError::Foreign);
        }
        if !bool::from(key.tag(&packet[..SIGNED]).ct_eq(&packet[SIGNED..])) {
            return Err(EchoError::Forged);
        }
        let word = |at: usize| packet[at..at + 8].iter().fold(0, |word, b| word << 8 | u64::from(*b));
        Ok(Self { discriminator: (word(4) >> 32) as u32, sequence: word(8), sent: word(16) })
    }
}
