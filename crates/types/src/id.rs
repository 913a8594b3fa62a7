//! Identifiers and small numbers with a meaning.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// Kernel interface index; 0 is no interface.
    IfIndex(u32)
}
number! {
    /// VRF: the interface index of its device, 0 for the default VRF.
    VrfId(u32)
}
number! {
    /// Kernel routing table; 254 is main.
    TableId(u32)
}
number! {
    /// Administrative distance, lower is preferred; 255 is never installed.
    Distance(u8)
}
number! {
    /// Protocol metric, lower is preferred.
    Metric(u32)
}
number! {
    /// Route tag carried beside a route; 0 is none.
    Tag(u32)
}
number! {
    /// A BGP neighbor in one daemon's life; never reused while paths of it exist.
    PeerId(u32)
}

impl VrfId {
    /// The default VRF.
    pub const DEFAULT: Self = Self(0);
}

impl TableId {
    /// Kernel table `main`.
    pub const MAIN: Self = Self(254);
}

/// Autonomous system number, 4 octets (RFC 6793).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Asn(pub u32);

/// Text that is not an AS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an AS number 1-4294967295 or HIGH.LOW")]
pub struct ParseAsnError;

impl Asn {
    /// Stands for a 4-octet number in a 2-octet field (RFC 6793 section 9).
    pub const TRANS: Self = Self(23456);

    /// Whether reserved for private use (RFC 6996).
    pub const fn is_private(self) -> bool {
        matches!(self.0, 64512..=65534 | 4_200_000_000..=4_294_967_294)
    }

    /// The 2-octet form: itself, or [`Self::TRANS`].
    pub const fn to_2_octets(self) -> u16 {
        if self.0 <= 0xffff { self.0 as u16 } else { Self::TRANS.0 as u16 }
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Asn {
    type Err = ParseAsnError;

    /// asplain or asdot (RFC 5396); 0 is refused (RFC 7607).
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let number = |s: &str| {
            let digits = !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| s.parse::<u32>().ok()).flatten().ok_or(ParseAsnError)
        };
        let value = match s.split_once('.') {
            None => number(s)?,
            Some((high, low)) => {
                let (high, low) = (number(high)?, number(low)?);
                if high > 0xffff || low > 0xffff {
                    return Err(ParseAsnError);
                }
                high << 16 | low
            }
        };
        if value == 0 { Err(ParseAsnError) } else { Ok(Self(value)) }
    }
}

/// Router identifier (BGP identifier, OSPF router ID), written as an IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(pub Ipv4Addr);

impl RouterId {
    /// `0.0.0.0`, which no router may use.
    pub const UNSET: Self = Self(Ipv4Addr::UNSPECIFIED);
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// OSPF area, written as an IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AreaId(pub Ipv4Addr);

impl AreaId {
    /// `0.0.0.0`, through which all other areas talk.
    pub const BACKBONE: Self = Self(Ipv4Addr::UNSPECIFIED);
}

impl fmt::Display for AreaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AreaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
