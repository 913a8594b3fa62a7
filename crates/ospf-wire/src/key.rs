//! Secrets, and the digests that they make.

use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::EncodeError;

/// Octets of the longest digest (SHA-512).
pub(crate) const MAX_DIGEST: usize = 64;
/// Octets of a simple password.
const PASSWORD_LEN: usize = 8;
/// What the place of a digest holds while it is computed (RFC 5709 section 3.3).
const APAD: [u8; 4] = [0x87, 0x8f, 0xe1, 0xf3];

/// How a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Keyed MD5 (RFC 2328 section D.4.3), of plain OSPFv2 only.
    KeyedMd5,
    /// HMAC-SHA-1.
    HmacSha1,
    /// HMAC-SHA-256.
    HmacSha256,
    /// HMAC-SHA-384.
    HmacSha384,
    /// HMAC-SHA-512.
    HmacSha512,
}

impl Algorithm {
    /// Octets of the digest.
    pub const fn digest_len(self) -> usize {
        match self {
            Self::KeyedMd5 => 16,
            Self::HmacSha1 => 20,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyedMd5 => "keyed MD5",
            Self::HmacSha1 => "HMAC-SHA-1",
            Self::HmacSha256 => "HMAC-SHA-256",
            Self::HmacSha384 => "HMAC-SHA-384",
            Self::HmacSha512 => "HMAC-SHA-512",
        })
    }
}

/// What a key is for: the methods derive different keys from one secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUse {
    /// Cryptographic authentication of OSPFv2, type 2 (RFC 2328, RFC 5709): 8 bits of key number, 32 of sequence.
    V2,
    /// The same with extended sequence numbers, type 3 (RFC 7474): 32 bits of key number, 64 of sequence.
    V2Extended,
    /// Authentication trailer of OSPFv3 (RFC 7166): 16 bits of key number, 64 of sequence.
    V3,
    /// The same as FRR makes it on little-endian machines: the octets of the protocol number behind the secret are swapped.
    V3Swapped,
}

impl KeyUse {
    /// Whether it is for OSPFv3.
    pub(crate) const fn is_v3(self) -> bool {
        matches!(self, Self::V3 | Self::V3Swapped)
    }

    /// Cryptographic Protocol ID, appended to the secret (RFC 7474 section 6, RFC 7166 section 4.4).
    const fn protocol_id(self) -> &'static [u8] {
        match self {
            Self::V2 => &[],
            Self::V2Extended => &[0, 3],
            Self::V3 => &[0, 1],
            Self::V3Swapped => &[1, 0],
        }
    }

    const fn max_id(self) -> u32 {
        match self {
            Self::V2 => u8::MAX as u32,
            Self::V2Extended => u32::MAX,
            Self::V3 | Self::V3Swapped => u16::MAX as u32,
        }
    }
}

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No secret.
    #[error("the key is empty")]
    Empty,
    /// More octets than the method takes.
    #[error("a key of {len} octets; {max} are the most for this method")]
    TooLong {
        /// Octets given.
        len: usize,
        /// Octets allowed.
        max: usize,
    },
    /// The method has no such algorithm.
    #[error("{0} is for plain OSPFv2 only")]
    Algorithm(Algorithm),
    /// The number does not fit its field.
    #[error("key number {id}; {max} is the largest")]
    Id {
        /// The number.
        id: u32,
        /// The largest.
        max: u32,
    },
}

/// A simple password of 1 to 8 octets, padded with zeros (RFC 2328 section D.4.2). Never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<[u8; PASSWORD_LEN]>);

impl Password {
    /// The password `secret`.
    ///
    /// # Errors
    /// It is empty or has more than 8 octets.
    pub fn new(secret: &[u8]) -> Result<Self, KeyError> {
        let mut octets = Zeroizing::new([0; PASSWORD_LEN]);
        let wrong = KeyError::TooLong { len: secret.len(), max: PASSWORD_LEN };
        octets.get_mut(..secret.len()).ok_or(wrong)?.copy_from_slice(secret);
        if secret.is_empty() { Err(KeyError::Empty) } else { Ok(Self(octets)) }
    }

    pub(crate) fn octets(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A key, its number, and how it is used. The secret is wiped when dropped, compared in constant time, and never printed.
#[derive(Clone)]
pub struct AuthKey {
    purpose: KeyUse,
    algorithm: Algorithm,
    id: u32,
    /// As long as the digest (Ko of RFC 5709 section 3.3), the rest zeros.
    key: Zeroizing<[u8; MAX_DIGEST]>,
}

impl AuthKey {
    /// The key number `id` with this secret. MD5 takes up to 16 octets, HMAC any number.
    ///
    /// # Errors
    /// The secret, the number or the algorithm is not for this use.
    pub fn new(purpose: KeyUse, algorithm: Algorithm, id: u32, secret: &[u8]) -> Result<Self, KeyError> {
        let (len, max) = (secret.len(), algorithm.digest_len());
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        if id > purpose.max_id() {
            return Err(KeyError::Id { id, max: purpose.max_id() });
        }
        if algorithm == Algorithm::KeyedMd5 {
            if purpose != KeyUse::V2 {
                return Err(KeyError::Algorithm(algorithm));
            }
            if len > max {
                return Err(KeyError::TooLong { len, max });
            }
        }
        let mut key = Zeroizing::new([0; MAX_DIGEST]);
        let parts = [secret, purpose.protocol_id()];
        if len + parts[1].len() > max {
            hash(algorithm, &parts, &mut key);
        } else {
            let (head, tail) = key.split_at_mut(len);
            head.copy_from_slice(secret);
            tail.iter_mut().zip(parts[1]).for_each(|(to, from)| *to = *from);
        }
        Ok(Self { purpose, algorithm, id, key })
    }

    /// What it is for.
    pub const fn purpose(&self) -> KeyUse {
        self.purpose
    }

    /// Algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Key number: Key ID or Security Association ID.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Octets behind the packet, sequence number and header of a trailer included; an interface's MTU has to hold them too.
    pub const fn overhead(&self) -> usize {
        let before = match self.purpose {
            KeyUse::V2 => 0,
            KeyUse::V2Extended => 8,
            KeyUse::V3 | KeyUse::V3Swapped => 16,
        };
        before + self.algorithm.digest_len()
    }

    /// The digest over `parts`, behind which the place of the digest stands.
    pub(crate) fn digest(&self, parts: &[&[u8]], source: IpAddr) -> DigestOctets {
        let mut octets = [0; MAX_DIGEST];
        let len = self.algorithm.digest_len();
        let mut apad = [0; MAX_DIGEST];
        apad.chunks_exact_mut(4).for_each(|word| word.copy_from_slice(&APAD));
        match (self.purpose, source) {
            (KeyUse::V2Extended, IpAddr::V4(source)) => apad[..4].copy_from_slice(&source.octets()),
            (KeyUse::V3 | KeyUse::V3Swapped, IpAddr::V6(source)) => {
                apad[..16].copy_from_slice(&source.octets())
            }
            _ => {}
        }
        let (key, apad) = (&self.key[..len], &apad[..len]);
        match self.algorithm {
            Algorithm::KeyedMd5 => plain::<Md5>(&[parts, &[key]], &mut octets),
            Algorithm::HmacSha1 => keyed::<Hmac<Sha1>>(key, &[parts, &[apad]], &mut octets),
            Algorithm::HmacSha256 => keyed::<Hmac<Sha256>>(key, &[parts, &[apad]], &mut octets),
            Algorithm::HmacSha384 => keyed::<Hmac<Sha384>>(key, &[parts, &[apad]], &mut octets),
            Algorithm::HmacSha512 => keyed::<Hmac<Sha512>>(key, &[parts, &[apad]], &mut octets),
        }
        DigestOctets { octets, len }
    }

    pub(crate) fn is_for(&self, purpose: KeyUse) -> Result<(), EncodeError> {
        if self.purpose == purpose { Ok(()) } else { Err(EncodeError::WrongKey) }
    }
}

impl PartialEq for AuthKey {
    fn eq(&self, other: &Self) -> bool {
        let equal: bool = self.key.ct_eq(&*other.key).into();
        equal & (self.purpose == other.purpose) & (self.algorithm == other.algorithm) & (self.id == other.id)
    }
}

impl Eq for AuthKey {}

impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthKey")
            .field("purpose", &self.purpose)
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A digest of up to 64 octets.
pub(crate) struct DigestOctets {
    octets: [u8; MAX_DIGEST],
    len: usize,
}

impl DigestOctets {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn equals(&self, other: &[u8]) -> bool {
        self.as_slice().ct_eq(other).into()
    }
}

fn hash(algorithm: Algorithm, parts: &[&[u8]], out: &mut [u8; MAX_DIGEST]) {
    match algorithm {
        Algorithm::KeyedMd5 => plain::<Md5>(&[parts], out),
        Algorithm::HmacSha1 => plain::<Sha1>(&[parts], out),
        Algorithm::HmacSha256 => plain::<Sha256>(&[parts], out),
        Algorithm::HmacSha384 => plain::<Sha384>(&[parts], out),
        Algorithm::HmacSha512 => plain::<Sha512>(&[parts], out),
    }
}

fn plain<D: Digest>(parts: &[&[&[u8]]], out: &mut [u8; MAX_DIGEST]) {
    let mut digest = D::new();
    parts.iter().copied().flatten().for_each(|part| digest.update(part));
    out.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
}

fn keyed<M: Mac + KeyInit>(key: &[u8], parts: &[&[&[u8]]], out: &mut [u8; MAX_DIGEST]) {
    // HMAC takes a key of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return };
    parts.iter().copied().flatten().for_each(|part| mac.update(part));
    out.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
}
