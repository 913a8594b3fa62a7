//! Authentication sections (RFC 5880 sections 4.2 to 4.4).

use std::fmt;

use crate::HEADER_LEN;

/// Octets of the largest section (SHA1).
pub const MAX_AUTH_LEN: usize = 28;
/// Where the digest begins in a packet.
pub(crate) const DIGEST_AT: usize = HEADER_LEN + 8;

/// Sequence number of an authenticated packet; circular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sequence(pub u32);

impl Sequence {
    /// The one that follows, circularly.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Whether this number is acceptable after `last`: at least `last` (`meticulous`: more), and at most three times `detect_mult` on
    /// (RFC 5880 sections 6.7.3 and 6.7.4).
    pub const fn follows(self, last: Self, detect_mult: u8, meticulous: bool) -> bool {
        let ahead = self.0.wrapping_sub(last.0);
        ahead >= meticulous as u32 && ahead <= 3 * detect_mult as u32
    }
}

/// Authentication type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AuthType {
    /// Simple Password.
    Simple = 1,
    /// Keyed MD5.
    KeyedMd5 = 2,
    /// Meticulous Keyed MD5.
    MeticulousMd5 = 3,
    /// Keyed SHA1.
    KeyedSha1 = 4,
    /// Meticulous Keyed SHA1.
    MeticulousSha1 = 5,
}

impl AuthType {
    /// The type with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Simple,
            2 => Self::KeyedMd5,
            3 => Self::MeticulousMd5,
            4 => Self::KeyedSha1,
            5 => Self::MeticulousSha1,
            _ => return None,
        })
    }

    /// Octets of the longest key.
    pub const fn max_key_len(self) -> usize {
        match self {
            Self::Simple | Self::KeyedMd5 | Self::MeticulousMd5 => 16,
            Self::KeyedSha1 | Self::MeticulousSha1 => 20,
        }
    }

    /// Whether every packet has a sequence number of its own.
    pub const fn is_meticulous(self) -> bool {
        matches!(self, Self::MeticulousMd5 | Self::MeticulousSha1)
    }
}

impl fmt::Display for AuthType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Simple => "Simple Password",
            Self::KeyedMd5 => "Keyed MD5",
            Self::MeticulousMd5 => "Meticulous Keyed MD5",
            Self::KeyedSha1 => "Keyed SHA1",
            Self::MeticulousSha1 => "Meticulous Keyed SHA1",
        })
    }
}

/// Why a packet is not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthError {
    /// The type is reserved.
    #[error("unknown authentication type {0}")]
    UnknownType(u8),
    /// The type is not the one in use.
    #[error("authentication type {0} is not the one in use")]
    WrongType(AuthType),
    /// No key with this number.
    #[error("no key with the number {0}")]
    UnknownKey(u8),
    /// Auth Len does not fit the type, the key or the packet.
    #[error("length of the authentication section is wrong")]
    Length,
    /// The sequence number is outside of the window.
    #[error("sequence number is outside of the window")]
    Sequence,
    /// Password or digest differ.
    #[error("password or digest differ")]
    Mismatch,
    /// The packet has no section, but the session wants one.
    #[error("packet without authentication")]
    Missing,
    /// The packet has a section, but the session uses none.
    #[error("packet with authentication, which the session does not use")]
    Unexpected,
}

/// An authentication section, viewed in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Auth<'a> {
    /// Type 1.
    Simple {
        /// Auth Key ID.
        key_id: u8,
        /// The password as sent, 1 to 16 octets.
        password: &'a [u8],
    },
    /// Types 2 to 5.
    Digest {
        /// Which of them.
        kind: AuthType,
        /// Auth Key ID.
        key_id: u8,
        /// Sequence Number.
        sequence: Sequence,
        /// 16 octets for MD5, 20 for SHA1.
        digest: &'a [u8],
    },
}

impl<'a> Auth<'a> {
    /// Decodes the octets behind the mandatory section.
    pub(crate) fn decode(section: &'a [u8]) -> Result<Self, AuthError> {
        let &[code, length] = section.first_chunk::<2>().ok_or(AuthError::Length)?;
        let kind = AuthType::from_code(code).ok_or(AuthError::UnknownType(code))?;
        let section = section.get(..usize::from(length)).ok_or(AuthError::Length)?;
        let wanted = match kind {
            AuthType::Simple => 4..=19,
            AuthType::KeyedMd5 | AuthType::MeticulousMd5 => 24..=24,
            AuthType::KeyedSha1 | AuthType::MeticulousSha1 => 28..=28,
        };
        if !wanted.contains(&length) {
            return Err(AuthError::Length);
        }
        match *section {
            [_, _, key_id, ref password @ ..] if kind == AuthType::Simple => {
                Ok(Self::Simple { key_id, password })
            }
            [_, _, key_id, _, a, b, c, d, ref digest @ ..] => Ok(Self::Digest {
                kind,
                key_id,
                sequence: Sequence(u32::from_be_bytes([a, b, c, d])),
                digest,
            }),
            _ => Err(AuthError::Length),
        }
    }

    /// Authentication type.
    pub const fn kind(&self) -> AuthType {
        match self {
            Self::Simple { .. } => AuthType::Simple,
            Self::Digest { kind, .. } => *kind,
        }
    }

    /// Auth Key ID.
    pub const fn key_id(&self) -> u8 {
        match self {
            Self::Simple { key_id, .. } | Self::Digest { key_id, .. } => *key_id,
        }
    }

    /// Sequence number; passwords have none.
    pub const fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::Simple { .. } => None,
            Self::Digest { sequence, .. } => Some(*sequence),
        }
    }
}

impl fmt::Debug for Auth<'_> {
    /// Leaves the password out: it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("kind", &self.kind())
            .field("key_id", &self.key_id())
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}
