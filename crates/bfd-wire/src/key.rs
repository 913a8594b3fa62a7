//! Secrets, and what they sign.

use std::fmt;

use md5::Md5;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::{DIGEST_AT, Sequence};
use crate::{Auth, AuthError, AuthType, HEADER_LEN, MAX_LEN, Packet};

/// Octets of the longest key (SHA1).
const MAX_KEY: usize = 20;

/// A secret of 1 to 20 octets, padded with zeros. Wiped when dropped, compared in constant time, never printed.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<[u8; MAX_KEY]>,
    len: u8,
}

/// A key that the authentication type cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key of {len} octets; {max} are the most for this type, and 1 the least")]
pub struct KeyError {
    /// Octets given.
    pub len: usize,
    /// Octets allowed.
    pub max: usize,
}

impl Key {
    /// A key for `kind`: up to 16 octets for passwords and MD5, up to 20 for SHA1 (RFC 5880 sections 6.7.2 to 6.7.4).
    ///
    /// # Errors
    /// The secret is empty or too long.
    pub fn new(kind: AuthType, secret: &[u8]) -> Result<Self, KeyError> {
        let max = kind.max_key_len();
        if secret.is_empty() || secret.len() > max {
            return Err(KeyError { len: secret.len(), max });
        }
        let mut bytes = Zeroizing::new([0; MAX_KEY]);
        bytes[..secret.len()].copy_from_slice(secret);
        Ok(Self { bytes, len: secret.len() as u8 })
    }

    fn secret(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        (self.bytes.ct_eq(&*other.bytes) & self.len.ct_eq(&other.len)).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A key, its number, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthKey {
    kind: AuthType,
    id: u8,
    key: Key,
}

impl AuthKey {
    /// The key number `id` with this secret, used as `kind` says.
    ///
    /// # Errors
    /// As [`Key::new`].
    pub fn new(kind: AuthType, id: u8, secret: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { kind, id, key: Key::new(kind, secret)? })
    }

    /// Authentication type.
    pub const fn kind(&self) -> AuthType {
        self.kind
    }

    /// Auth Key ID.
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// Octets of the section that [`Self::sign`] writes.
    pub const fn section_len(&self) -> u8 {
        match self.kind {
            AuthType::Simple => 3 + self.key.len,
            AuthType::KeyedMd5 | AuthType::MeticulousMd5 => 24,
            AuthType::KeyedSha1 | AuthType::MeticulousSha1 => 28,
        }
    }

    /// Writes the authentication section behind an encoded header, whose Length counts it. `sequence` is used by the digests.
    pub fn sign(&self, packet: &mut [u8; MAX_LEN], sequence: Sequence) {
        packet[HEADER_LEN] = self.kind as u8;
        packet[HEADER_LEN + 1] = self.section_len();
        packet[HEADER_LEN + 2] = self.id;
        let end = HEADER_LEN + usize::from(self.section_len());
        if self.kind == AuthType::Simple {
            packet[HEADER_LEN + 3..end].copy_from_slice(self.key.secret());
            return;
        }
        packet[HEADER_LEN + 3] = 0;
        packet[HEADER_LEN + 4..DIGEST_AT].copy_from_slice(&sequence.0.to_be_bytes());
        let mut digest = [0; MAX_KEY];
        let len = self.digest(&[&packet[..DIGEST_AT]], &[], &mut digest);
        packet[DIGEST_AT..DIGEST_AT + len].copy_from_slice(&digest[..len]);
    }

    /// Whether the section of `packet` was made with this key. Says nothing about the sequence number.
    ///
    /// # Errors
    /// The first rule of RFC 5880 sections 6.7.2 to 6.7.4 that is broken.
    pub fn verify(&self, packet: &Packet<'_>, auth: &Auth<'_>) -> Result<(), AuthError> {
        if auth.kind() != self.kind {
            return Err(AuthError::WrongType(auth.kind()));
        }
        if auth.key_id() != self.id {
            return Err(AuthError::UnknownKey(auth.key_id()));
        }
        let equal = match auth {
            Auth::Simple { password, .. } => {
                if password.len() != self.key.secret().len() {
                    return Err(AuthError::Length);
                }
                password.ct_eq(self.key.secret())
            }
            Auth::Digest { digest, .. } => {
                let mut expected = [0; MAX_KEY];
                let bytes = packet.bytes();
                let (head, tail) = bytes.split_at(DIGEST_AT.min(bytes.len()));
                let tail = tail.get(digest.len()..).unwrap_or_default();
                let len = self.digest(&[head], tail, &mut expected);
                digest.ct_eq(&expected[..len])
            }
        };
        if equal.into() { Ok(()) } else { Err(AuthError::Mismatch) }
    }

    /// Digest over `head`, the padded key in the place of the digest, and `tail`.
    fn digest(&self, head: &[&[u8]], tail: &[u8], out: &mut [u8; MAX_KEY]) -> usize {
        fn run<D: Digest>(head: &[&[u8]], key: &[u8], tail: &[u8], out: &mut [u8]) -> usize {
            let mut hash = D::new();
            for part in head {
                hash.update(part);
            }
            hash.update(key);
            hash.update(tail);
            let digest = hash.finalize();
            out[..digest.len()].copy_from_slice(&digest);
            digest.len()
        }
        match self.kind {
            AuthType::Simple => 0,
            AuthType::KeyedMd5 | AuthType::MeticulousMd5 => {
                run::<Md5>(head, &self.key.bytes[..16], tail, out)
            }
            AuthType::KeyedSha1 | AuthType::MeticulousSha1 => {
                run::<Sha1>(head, &self.key.bytes[..], tail, out)
            }
        }
    }
}
