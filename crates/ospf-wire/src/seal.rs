//! The last step before a packet is sent: checksum, or authentication and what stands behind the packet.
//!
//! All functions take a buffer that begins with a finished packet of `len` octets and give the length of what is to be sent. They may
//! be used again on the same buffer, for another key or sequence number.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::auth::{TRAILER_HEAD, TRAILER_HMAC, pseudo_sum};
use crate::checksum::internet_checksum;
use crate::record::fill;
use crate::{AuthKey, EncodeError, KeyUse, Password};

/// How an OSPFv2 packet is authenticated.
#[derive(Debug, Clone, Copy)]
pub enum AuthOut<'k> {
    /// Type 0.
    Null,
    /// Type 1.
    Password(&'k Password),
    /// Type 2 or 3, as the key says.
    Key {
        /// The key, not one of OSPFv3.
        key: &'k AuthKey,
        /// Cryptographic sequence number, never less than the one before; of type 2 the low 32 bits count.
        sequence: u64,
        /// Source address of the IP header, which type 3 proves.
        source: Ipv4Addr,
    },
}

/// Seals an OSPFv2 packet. `lls`, which may be empty, goes behind it (and behind the digest, RFC 5613 section 2).
///
/// # Errors
/// No space, or a key of OSPFv3.
pub fn seal_v2(buf: &mut [u8], len: usize, lls: &[u8], auth: &AuthOut<'_>) -> Result<usize, EncodeError> {
    let (packet, behind) = buf.split_at_mut_checked(len).ok_or(EncodeError::NoSpace)?;
    let (head, body) = packet.split_at_mut_checked(24).ok_or(EncodeError::NoSpace)?;
    let (head, field) = head.split_at_mut(16);
    head[12..14].fill(0);
    field.fill(0);
    let used = match auth {
        AuthOut::Null | AuthOut::Password(_) => {
            head[15] = if matches!(auth, AuthOut::Null) { 0 } else { 1 };
            let sum = internet_checksum(&[head, body]);
            head[12..14].copy_from_slice(&sum.to_be_bytes());
            if let AuthOut::Password(password) = auth {
                fill(field, &[password.octets()]);
            }
            0
        }
        AuthOut::Key { key, sequence, source } => {
            // Two of the octets of a digest's length are never needed: 72 is the most.
            let overhead = key.overhead() as u8;
            let number = sequence.to_be_bytes();
            let before: &[u8] = if key.purpose() == KeyUse::V2 {
                head[15] = 2;
                fill(field, &[&[0, 0, key.id() as u8, overhead], &(*sequence as u32).to_be_bytes()]);
                &[]
            } else {
                key.is_for(KeyUse::V2Extended)?;
                head[15] = 3;
                fill(field, &[&[0, 0, 0, overhead], &key.id().to_be_bytes()]);
                &number
            };
            let digest = key.digest(&[head, field, body, before], (*source).into());
            append(behind, 0, &[before, digest.as_slice()])?
        }
    };
    Ok(len + append(behind, used, &[lls])?)
}

/// Seals an OSPFv3 packet without authentication: the checksum of packet and addresses. `lls`, which may be empty, goes behind it.
///
/// # Errors
/// No space.
pub fn seal_v3(
    buf: &mut [u8],
    len: usize,
    lls: &[u8],
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Result<usize, EncodeError> {
    let (packet, behind) = buf.split_at_mut_checked(len).ok_or(EncodeError::NoSpace)?;
    packet.get_mut(12..14).ok_or(EncodeError::NoSpace)?.fill(0);
    let sum = pseudo_sum(packet, source, destination);
    if let Some(field) = packet.get_mut(12..14) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    Ok(len + append(behind, 0, &[lls])?)
}

/// Seals an OSPFv3 packet with a trailer (RFC 7166). `lls`, which may be empty, goes before it and has no checksum of its own. The
/// caller has set [`crate::Options::AT`] in a Hello or Database Description.
///
/// # Errors
/// No space, or a key of OSPFv2.
pub fn seal_v3_trailer(
    buf: &mut [u8],
    len: usize,
    lls: &[u8],
    key: &AuthKey,
    sequence: u64,
    source: Ipv6Addr,
) -> Result<usize, EncodeError> {
    if !key.purpose().is_v3() {
        return Err(EncodeError::WrongKey);
    }
    let (packet, behind) = buf.split_at_mut_checked(len).ok_or(EncodeError::NoSpace)?;
    packet.get_mut(12..14).ok_or(EncodeError::NoSpace)?.fill(0);
    let mut head = [0; TRAILER_HEAD];
    let (kind, length) = (TRAILER_HMAC.to_be_bytes(), (key.overhead() as u16).to_be_bytes());
    let association = (key.id() as u16).to_be_bytes();
    fill(&mut head, &[&kind, &length, &[0, 0], &association, &sequence.to_be_bytes()]);
    let digest = key.digest(&[packet, lls, &head], source.into());
    Ok(len + append(behind, 0, &[lls, &head, digest.as_slice()])?)
}

/// Copies `parts` behind the first `at` octets of `behind`; gives where they end.
fn append(behind: &mut [u8], at: usize, parts: &[&[u8]]) -> Result<usize, EncodeError> {
    let end = parts.iter().fold(at, |end, part| end + part.len());
    let place = behind.get_mut(at..end).ok_or(EncodeError::NoSpace)?;
    fill(place, parts);
    Ok(end)
}
