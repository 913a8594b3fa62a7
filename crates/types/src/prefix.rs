//! IP prefixes in canonical form, and interface addresses.
//!
//! Invariant: a prefix's host bits are zero and its length fits its family, by construction.
#![expect(clippy::len_without_is_empty, reason = "the length is a prefix length")]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::Afi;

/// Text that is not a prefix of the expected family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParsePrefixError {
    /// No `/` between address and length.
    #[error("expected ADDRESS/LENGTH")]
    MissingLength,
    /// The part before `/` is not an address.
    #[error("not an IP address")]
    Address,
    /// The part after `/` is not a number, or too large for the family.
    #[error("prefix length out of range")]
    Length,
}

/// IPv4 prefix; ordered by address, then by length (a covering prefix sorts before what it covers).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Prefix {
    addr: u32,
    len: u8,
}

/// IPv6 prefix; ordered like [`Ipv4Prefix`]. Kept as octets: aligned to words, each would take 24 octets instead of 17.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv6Prefix {
    octets: [u8; 16],
    len: u8,
}

/// Prefix of either family; all IPv4 prefixes sort before all IPv6 prefixes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// IPv4.
    V4(Ipv4Prefix),
    /// IPv6.
    V6(Ipv6Prefix),
}

impl Ipv4Prefix {
    /// `0.0.0.0/0`
    pub const DEFAULT: Self = Self { addr: 0, len: 0 };

    /// Prefix of the first `len` bits of `addr`; `None` when `len` > 32.
    #[inline]
    pub const fn new(addr: Ipv4Addr, len: u8) -> Option<Self> {
        Self::from_bits(addr.to_bits(), len)
    }

    /// As [`Self::new`], from the address as a big-endian number.
    #[inline]
    pub const fn from_bits(addr: u32, len: u8) -> Option<Self> {
        if len > 32 { None } else { Some(Self { addr: addr & Self::mask_bits(len), len }) }
    }

    /// Host prefix `addr/32`.
    pub const fn host(addr: Ipv4Addr) -> Self {
        Self { addr: addr.to_bits(), len: 32 }
    }

    const fn mask_bits(len: u8) -> u32 {
        if len == 0 { 0 } else { u32::MAX << (32 - len) }
    }

    /// Network address.
    pub const fn addr(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.addr)
    }

    /// Network address as a big-endian number.
    #[inline]
    pub const fn bits(self) -> u32 {
        self.addr
    }

    /// Prefix length, 0..=32.
    #[inline]
    pub const fn len(self) -> u8 {
        self.len
    }

    /// Whether this is `0.0.0.0/0`.
    pub const fn is_default(self) -> bool {
        self.len == 0
    }

    /// Netmask.
    pub const fn netmask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(Self::mask_bits(self.len))
    }

    /// Whether `other` is this prefix or more specific.
    #[inline]
    pub const fn covers(self, other: Self) -> bool {
        self.len <= other.len && other.addr & Self::mask_bits(self.len) == self.addr
    }

    /// Whether `addr` is inside.
    pub const fn contains(self, addr: Ipv4Addr) -> bool {
        addr.to_bits() & Self::mask_bits(self.len) == self.addr
    }

    /// The prefix shortened to `len` bits; itself when `len` is not shorter.
    #[must_use]
    pub const fn truncate(self, len: u8) -> Self {
        if len >= self.len { self } else { Self { addr: self.addr & Self::mask_bits(len), len } }
    }
}

impl Ipv6Prefix {
    /// `::/0`
    pub const DEFAULT: Self = Self { octets: [0; 16], len: 0 };

    /// Prefix of the first `len` bits of `addr`; `None` when `len` > 128.
    pub const fn new(addr: Ipv6Addr, len: u8) -> Option<Self> {
        Self::from_bits(addr.to_bits(), len)
    }

    /// As [`Self::new`], from the address as a big-endian number.
    #[inline]
    pub const fn from_bits(addr: u128, len: u8) -> Option<Self> {
        if len > 128 {
            return None;
        }
        let addr = addr & Self::mask_bits(len);
        Some(Self { octets: addr.to_be_bytes(), len })
    }

    /// Host prefix `addr/128`.
    pub const fn host(addr: Ipv6Addr) -> Self {
        Self { octets: addr.octets(), len: 128 }
    }

    const fn mask_bits(len: u8) -> u128 {
        if len == 0 { 0 } else { u128::MAX << (128 - len) }
    }

    /// Network address.
    pub const fn addr(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.bits())
    }

    /// Network address as a big-endian number.
    #[inline]
    pub const fn bits(self) -> u128 {
        u128::from_be_bytes(self.octets)
    }

    /// Prefix length, 0..=128.
    #[inline]
    pub const fn len(self) -> u8 {
        self.len
    }

    /// Whether this is `::/0`.
    pub const fn is_default(self) -> bool {
        self.len == 0
    }

    /// Whether `other` is this prefix or more specific.
    #[inline]
    pub const fn covers(self, other: Self) -> bool {
        self.len <= other.len && other.bits() & Self::mask_bits(self.len) == self.bits()
    }

    /// Whether `addr` is inside.
    pub const fn contains(self, addr: Ipv6Addr) -> bool {
        addr.to_bits() & Self::mask_bits(self.len) == self.bits()
    }

    /// The prefix shortened to `len` bits; itself when `len` is not shorter.
    #[must_use]
    pub const fn truncate(self, len: u8) -> Self {
        if len >= self.len {
            return self;
        }
        let bits = self.bits() & Self::mask_bits(len);
        Self { octets: bits.to_be_bytes(), len }
    }
}

impl Prefix {
    /// Prefix of the first `len` bits of `addr`; `None` when `len` does not fit the family.
    pub const fn new(addr: IpAddr, len: u8) -> Option<Self> {
        match addr {
            IpAddr::V4(a) => match Ipv4Prefix::new(a, len) {
                Some(p) => Some(Self::V4(p)),
                None => None,
            },
            IpAddr::V6(a) => match Ipv6Prefix::new(a, len) {
                Some(p) => Some(Self::V6(p)),
                None => None,
            },
        }
    }

    /// Host prefix of `addr`.
    pub const fn host(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(a) => Self::V4(Ipv4Prefix::host(a)),
            IpAddr::V6(a) => Self::V6(Ipv6Prefix::host(a)),
        }
    }

    /// Default route of the family.
    pub const fn default_route(afi: Afi) -> Self {
        match afi {
            Afi::Ipv4 => Self::V4(Ipv4Prefix::DEFAULT),
            Afi::Ipv6 => Self::V6(Ipv6Prefix::DEFAULT),
        }
    }

    /// Address family.
    pub const fn afi(self) -> Afi {
        match self {
            Self::V4(_) => Afi::Ipv4,
            Self::V6(_) => Afi::Ipv6,
        }
    }

    /// Network address.
    pub const fn addr(self) -> IpAddr {
        match self {
            Self::V4(p) => IpAddr::V4(p.addr()),
            Self::V6(p) => IpAddr::V6(p.addr()),
        }
    }

    /// Prefix length.
    pub const fn len(self) -> u8 {
        match self {
            Self::V4(p) => p.len(),
            Self::V6(p) => p.len(),
        }
    }

    /// Whether this is the family's default route.
    pub const fn is_default(self) -> bool {
        self.len() == 0
    }

    /// Whether this is a host route (/32 or /128).
    pub const fn is_host(self) -> bool {
        self.len() == self.afi().max_prefix_len()
    }

    /// Whether `other` is of the same family and is this prefix or more specific.
    pub const fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::V4(a), Self::V4(b)) => a.covers(b),
            (Self::V6(a), Self::V6(b)) => a.covers(b),
            _ => false,
        }
    }

    /// Whether `addr` is of the same family and inside.
    pub const fn contains(self, addr: IpAddr) -> bool {
        match (self, addr) {
            (Self::V4(p), IpAddr::V4(a)) => p.contains(a),
            (Self::V6(p), IpAddr::V6(a)) => p.contains(a),
            _ => false,
        }
    }

    /// The prefix shortened to `len` bits; itself when `len` is not shorter.
    #[must_use]
    pub const fn truncate(self, len: u8) -> Self {
        match self {
            Self::V4(p) => Self::V4(p.truncate(len)),
            Self::V6(p) => Self::V6(p.truncate(len)),
        }
    }
}

impl fmt::Display for Ipv4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr(), self.len)
    }
}

impl fmt::Display for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr(), self.len)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(p) => p.fmt(f),
            Self::V6(p) => p.fmt(f),
        }
    }
}

macro_rules! debug_as_display {
    ($($t:ty),*) => {$(
        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
debug_as_display!(Ipv4Prefix, Ipv6Prefix, Prefix, IfAddr);

fn split(s: &str) -> Result<(&str, u8), ParsePrefixError> {
    let (addr, len) = s.split_once('/').ok_or(ParsePrefixError::MissingLength)?;
    // u8::from_str takes a leading '+', which no configuration language does.
    if len.is_empty() || len.len() > 3 || !len.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParsePrefixError::Length);
    }
    Ok((addr, len.parse().map_err(|_| ParsePrefixError::Length)?))
}

impl FromStr for Ipv4Prefix {
    type Err = ParsePrefixError;

    /// Accepts set host bits and clears them, as routing configurations do.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (addr, len) = split(s)?;
        Self::new(addr.parse().map_err(|_| ParsePrefixError::Address)?, len).ok_or(ParsePrefixError::Length)
    }
}

impl FromStr for Ipv6Prefix {
    type Err = ParsePrefixError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (addr, len) = split(s)?;
        Self::new(addr.parse().map_err(|_| ParsePrefixError::Address)?, len).ok_or(ParsePrefixError::Length)
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (addr, len) = split(s)?;
        Self::new(addr.parse().map_err(|_| ParsePrefixError::Address)?, len).ok_or(ParsePrefixError::Length)
    }
}

impl From<Ipv4Prefix> for Prefix {
    fn from(p: Ipv4Prefix) -> Self {
        Self::V4(p)
    }
}

impl From<Ipv6Prefix> for Prefix {
    fn from(p: Ipv6Prefix) -> Self {
        Self::V6(p)
    }
}

/// Address of an interface with its prefix length; host bits are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfAddr {
    addr: IpAddr,
    len: u8,
}

impl IfAddr {
    /// `None` when `len` does not fit the family.
    pub const fn new(addr: IpAddr, len: u8) -> Option<Self> {
        match Prefix::new(addr, len) {
            Some(_) => Some(Self { addr, len }),
            None => None,
        }
    }

    /// The address itself.
    pub const fn addr(self) -> IpAddr {
        self.addr
    }

    /// Prefix length.
    pub const fn len(self) -> u8 {
        self.len
    }

    /// Address family.
    pub const fn afi(self) -> Afi {
        match self.addr {
            IpAddr::V4(_) => Afi::Ipv4,
            IpAddr::V6(_) => Afi::Ipv6,
        }
    }

    /// The prefix on the link.
    pub const fn prefix(self) -> Prefix {
        match Prefix::new(self.addr, self.len) {
            Some(p) => p,
            None => Prefix::host(self.addr),
        }
    }
}

impl fmt::Display for IfAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

impl FromStr for IfAddr {
    type Err = ParsePrefixError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (addr, len) = split(s)?;
        Self::new(addr.parse().map_err(|_| ParsePrefixError::Address)?, len).ok_or(ParsePrefixError::Length)
    }
}
