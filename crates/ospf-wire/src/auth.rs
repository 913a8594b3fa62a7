//! What proves a received packet: the authentication field, the trailer, and their checks.
//!
//! A digest that holds says who sent the packet, not when: the caller compares the sequence number with the last one of that
//! neighbor, as RFC 2328 section D.4.3, RFC 7474 section 2 and RFC 7166 section 4.1 want.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use subtle::ConstantTimeEq;

use crate::bytes::{Reader, be16, be32};
use crate::checksum::internet_checksum;
use crate::{AuthKey, Error, KeyUse, Options, PROTOCOL, Packet, Part, Password, Version};

/// Octets of an OSPFv3 trailer before its digest.
pub(crate) const TRAILER_HEAD: usize = 16;
/// Authentication type of an OSPFv3 trailer.
pub(crate) const TRAILER_HMAC: u16 = 1;

/// The authentication field of an OSPFv2 header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Auth<'a> {
    /// Type 0: none.
    Null,
    /// Type 1: a password, padded with zeros.
    Simple(&'a [u8]),
    /// Type 2 and 3: a digest behind the packet.
    Cryptographic {
        /// Type 3 (RFC 7474) instead of 2.
        extended: bool,
        /// Key ID.
        key_id: u32,
        /// Octets behind the packet, the sequence number of type 3 among them.
        len: u8,
        /// Cryptographic sequence number.
        sequence: u64,
    },
    /// A type that we do not know.
    Unknown(u8),
}

impl fmt::Debug for Auth<'_> {
    /// Leaves the password out: it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Simple(_) => f.write_str("Simple(..)"),
            Self::Cryptographic { extended, key_id, len, sequence } => f
                .debug_struct("Cryptographic")
                .field("extended", extended)
                .field("key_id", key_id)
                .field("len", len)
                .field("sequence", sequence)
                .finish(),
            Self::Unknown(kind) => f.debug_tuple("Unknown").field(kind).finish(),
        }
    }
}

/// The authentication trailer of an OSPFv3 packet (RFC 7166 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer<'a> {
    /// Authentication Type; 1 is HMAC.
    pub kind: u16,
    /// Security Association ID, which names the key.
    pub association: u16,
    /// Cryptographic sequence number.
    pub sequence: u64,
    /// The digest.
    pub data: &'a [u8],
    /// Where the digest begins behind the packet.
    at: usize,
}

/// Why a packet is not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthError {
    /// The packet has no authentication.
    #[error("packet without authentication")]
    Missing,
    /// The type is not the one in use.
    #[error("authentication type {0} is not the one in use")]
    WrongType(u16),
    /// The key is not the one that the packet names.
    #[error("no key with the number {0}")]
    UnknownKey(u32),
    /// The length does not fit the algorithm or the packet.
    #[error("length of the authentication data is wrong")]
    Length,
    /// Password or digest differ.
    #[error("password or digest differ")]
    Mismatch,
    /// The checksum is wrong.
    #[error("wrong checksum")]
    Checksum,
    /// What is behind the packet makes no sense.
    #[error(transparent)]
    Malformed(#[from] Error),
}

impl<'a> Packet<'a> {
    /// The authentication field of OSPFv2. [`Auth::Null`] in OSPFv3, which has no field.
    pub fn auth(&self) -> Auth<'a> {
        if self.origin.version == Version::V3 {
            return Auth::Null;
        }
        let [_, kind] = be16(self.octets(), 14).to_be_bytes();
        let len = be16(self.octets(), 18) as u8;
        let word = |octets: &[u8], at| u64::from(be32(octets, at));
        match kind {
            0 => Auth::Null,
            1 => Auth::Simple(self.octets().get(16..24).unwrap_or_default()),
            2 => {
                let [key_id, _] = be16(self.octets(), 18).to_be_bytes();
                let sequence = word(self.octets(), 20);
                Auth::Cryptographic { extended: false, key_id: key_id.into(), len, sequence }
            }
            3 => {
                let key_id = be32(self.octets(), 20);
                let sequence = word(self.behind(), 0) << 32 | word(self.behind(), 4);
                Auth::Cryptographic { extended: true, key_id, len, sequence }
            }
            other => Auth::Unknown(other),
        }
    }

    /// Octets between the packet and a block of link-local signaling.
    pub(crate) fn digest_len(&self) -> usize {
        match self.auth() {
            Auth::Cryptographic { len, .. } => len.into(),
            _ => 0,
        }
    }

    /// The trailer of OSPFv3: announced by the options of Hello and Database Description, whatever follows the other packets.
    ///
    /// # Errors
    /// The trailer is announced or begun, and is not whole.
    pub fn trailer(&self) -> Result<Option<Trailer<'a>>, Error> {
        let announced = match self.options() {
            Some(options) => options.contains(Options::AT),
            None => !self.behind().is_empty(),
        };
        if self.origin.version == Version::V2 || !announced {
            return Ok(None);
        }
        let before = self.lls()?.map_or(0, |lls| lls.octets().len());
        let start = self.octets().len() + before;
        let mut reader = Reader::new(self.behind().get(before..).unwrap_or_default(), start, Part::Trailer);
        let (kind, len) = (reader.u16()?, usize::from(reader.u16()?));
        reader.u16()?;
        let (association, sequence) = (reader.u16()?, reader.u64()?);
        let wrong = Error::Length { part: Part::Trailer, at: start + 2, value: len };
        let data = reader.take(len.checked_sub(TRAILER_HEAD).ok_or(wrong)?)?;
        Ok(Some(Trailer { kind, association, sequence, data, at: before + TRAILER_HEAD }))
    }

    /// Checks the sum of an OSPFv2 packet with type 0 or 1; the authentication field does not count.
    fn checksum_v2(&self) -> Result<(), AuthError> {
        let (head, tail) = (self.octets().get(..16), self.octets().get(24..));
        let sum = internet_checksum(&[head.unwrap_or_default(), tail.unwrap_or_default()]);
        if sum == 0 { Ok(()) } else { Err(AuthError::Checksum) }
    }

    /// An OSPFv2 packet without authentication: type and checksum are right.
    ///
    /// # Errors
    /// They are not.
    pub fn verify_null(&self) -> Result<(), AuthError> {
        match self.auth_type() {
            0 => self.checksum_v2(),
            other => Err(AuthError::WrongType(other)),
        }
    }

    /// An OSPFv2 packet with this password and a right checksum.
    ///
    /// # Errors
    /// Another type, another password or a wrong checksum.
    pub fn verify_password(&self, password: &Password) -> Result<(), AuthError> {
        let Auth::Simple(sent) = self.auth() else { return Err(AuthError::WrongType(self.auth_type())) };
        if !bool::from(sent.ct_eq(password.octets())) {
            return Err(AuthError::Mismatch);
        }
        self.checksum_v2()
    }

    /// An OSPFv3 packet without trailer: the checksum, which covers the addresses of the IPv6 header, is right (RFC 5340 section A.3.1).
    ///
    /// # Errors
    /// It is not.
    pub fn verify_checksum(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Result<(), AuthError> {
        if pseudo_sum(self.octets(), source, destination) == 0 { Ok(()) } else { Err(AuthError::Checksum) }
    }

    /// AuType of OSPFv2; in OSPFv3 an octet that is 0.
    fn auth_type(&self) -> u16 {
        be16(self.octets(), 14) & 0xff
    }

    /// A packet whose digest was made with this key; `source` is that of the IP header. Gives the sequence number, which says
    /// nothing before it was compared with the last one.
    ///
    /// # Errors
    /// Another type, key or length, or another digest.
    pub fn verify_key(&self, key: &AuthKey, source: IpAddr) -> Result<u64, AuthError> {
        match self.origin.version {
            Version::V2 => self.verify_v2(key, source),
            Version::V3 => self.verify_v3(key, source),
        }
    }

    fn verify_v2(&self, key: &AuthKey, source: IpAddr) -> Result<u64, AuthError> {
        let kind = self.auth_type();
        let Auth::Cryptographic { extended, key_id, len, sequence } = self.auth() else {
            return Err(if kind == 0 { AuthError::Missing } else { AuthError::WrongType(kind) });
        };
        let purpose = if extended { KeyUse::V2Extended } else { KeyUse::V2 };
        if key.purpose() != purpose {
            return Err(AuthError::WrongType(kind));
        }
        if key.id() != key_id {
            return Err(AuthError::UnknownKey(key_id));
        }
        let trailer = self.behind().get(..len.into()).ok_or(AuthError::Length)?;
        let before = if extended { 8 } else { 0 };
        let (number, digest) = trailer.split_at_checked(before).ok_or(AuthError::Length)?;
        check(key, &[self.octets(), number], digest, source)?;
        Ok(sequence)
    }

    fn verify_v3(&self, key: &AuthKey, source: IpAddr) -> Result<u64, AuthError> {
        let trailer = self.trailer()?.ok_or(AuthError::Missing)?;
        if trailer.kind != TRAILER_HMAC || !key.purpose().is_v3() {
            return Err(AuthError::WrongType(trailer.kind));
        }
        if key.id() != u32::from(trailer.association) {
            return Err(AuthError::UnknownKey(trailer.association.into()));
        }
        let before = self.behind().get(..trailer.at).ok_or(AuthError::Length)?;
        check(key, &[self.octets(), before], trailer.data, source)?;
        Ok(trailer.sequence)
    }
}

fn check(key: &AuthKey, parts: &[&[u8]], digest: &[u8], source: IpAddr) -> Result<(), AuthError> {
    if digest.len() != key.algorithm().digest_len() {
        return Err(AuthError::Length);
    }
    if key.digest(parts, source).equals(digest) { Ok(()) } else { Err(AuthError::Mismatch) }
}

/// The sum over an OSPFv3 packet and its pseudo-header.
pub(crate) fn pseudo_sum(packet: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> u16 {
    let length = (packet.len() as u32).to_be_bytes();
    let next = [0, 0, 0, PROTOCOL];
    internet_checksum(&[&source.octets(), &destination.octets(), &length, &next, packet])
}
