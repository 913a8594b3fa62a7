//! Keys of Curve25519 and preshared keys, with their text forms.
//!
//! # Invariants
//! Secrets are wiped when dropped, compared in constant time, and appear in no `Debug` and no `Display`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boringtun::x25519;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Octets of every key.
pub const KEY_LEN: usize = 32;
/// Characters of a key in base64.
const BASE64_LEN: usize = 44;

/// Text that is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: 44 characters of base64 are expected")]
pub struct ParseKeyError;

/// Who a peer is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_LEN]);

/// Our secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; KEY_LEN]);

/// Secret that two peers share beside their keys.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PresharedKey([u8; KEY_LEN]);

fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, ParseKeyError> {
    // One more than fits, since the decoder estimates by whole groups.
    let mut room = Zeroizing::new([0; KEY_LEN + 1]);
    if text.len() != BASE64_LEN || STANDARD.decode_slice(text, room.as_mut()) != Ok(KEY_LEN) {
        return Err(ParseKeyError);
    }
    let mut key = Zeroizing::new([0; KEY_LEN]);
    key.copy_from_slice(&room[..KEY_LEN]);
    Ok(key)
}

fn decode_hex(text: &str) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
    let text = text.as_bytes();
    if text.len() != 2 * KEY_LEN {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY_LEN]);
    for (octet, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

fn hex(key: &[u8; KEY_LEN]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_LEN));
    for octet in key {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
    text
}

impl PublicKey {
    /// From its octets.
    pub const fn from_bytes(key: [u8; KEY_LEN]) -> Self {
        Self(key)
    }

    /// Its octets.
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        decode_hex(text).map(|key| Self(*key))
    }

    /// As 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0).to_string()
    }

    pub(crate) fn curve(&self) -> x25519::PublicKey {
        self.0.into()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; BASE64_LEN];
        let len = STANDARD.encode_slice(self.0, &mut text).unwrap_or(0);
        f.write_str(std::str::from_utf8(&text[..len]).unwrap_or_default())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text).map(|key| Self(*key))
    }
}

macro_rules! secret {
    ($name:ident) => {
        impl $name {
            /// From its octets; `None` when all are zero, which stands for no key.
            pub fn from_bytes(key: [u8; KEY_LEN]) -> Option<Self> {
                (key != [0; KEY_LEN]).then_some(Self(key))
            }

            /// The secret itself.
            pub const fn expose(&self) -> &[u8; KEY_LEN] {
                &self.0
            }

            /// From 64 hexadecimal digits; `Some(None)` when all are zero, which stands for no key.
            pub fn from_hex(text: &str) -> Option<Option<Self>> {
                decode_hex(text).map(|key| Self::from_bytes(*key))
            }

            /// The secret as 64 hexadecimal digits.
            pub fn expose_hex(&self) -> Zeroizing<String> {
                hex(&self.0)
            }

            /// The secret in base64.
            pub fn expose_base64(&self) -> Zeroizing<String> {
                Zeroizing::new(STANDARD.encode(self.0))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl FromStr for $name {
            type Err = ParseKeyError;

            fn from_str(text: &str) -> Result<Self, ParseKeyError> {
                decode(text).map(|key| Self(*key))
            }
        }
    };
}
secret!(PrivateKey);
secret!(PresharedKey);

impl PrivateKey {
    /// The key that others know us by.
    pub fn public(&self) -> PublicKey {
        PublicKey(x25519::PublicKey::from(&self.curve()).to_bytes())
    }

    pub(crate) fn curve(&self) -> x25519::StaticSecret {
        self.0.into()
    }
}
