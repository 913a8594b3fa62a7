//! The header of an LSA, which of two instances is newer, and the arithmetic of its fields.

use std::cmp::Ordering;
use std::fmt;
use std::net::Ipv4Addr;

use ferr_types::RouterId;

use crate::bytes::{be16, be32};
use crate::record::fill;
use crate::{LsaRequest, Options, Record, Version};

/// LS age: seconds, and whether they stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Age(pub u16);

impl Age {
    /// MaxAge, in seconds: an LSA as old takes no part in routing and is being flushed.
    pub const MAX: Self = Self(3600);
    /// MaxAgeDiff, in seconds: ages that differ by more belong to different instances.
    pub const MAX_DIFF: u16 = 900;
    /// The DoNotAge bit (RFC 1793 section 2.2).
    pub const DO_NOT_AGE: u16 = 0x8000;

    /// Seconds, without DoNotAge; a value beyond MaxAge counts as that.
    pub const fn seconds(self) -> u16 {
        let seconds = self.0 & !Self::DO_NOT_AGE;
        if seconds > Self::MAX.0 { Self::MAX.0 } else { seconds }
    }

    /// Whether the LSA does not age while it is held.
    pub const fn is_do_not_age(self) -> bool {
        self.0 & Self::DO_NOT_AGE != 0
    }

    /// Whether the age is MaxAge (or, by an error of somebody, more).
    pub const fn is_max(self) -> bool {
        self.seconds() == Self::MAX.0
    }

    /// The age after `seconds` in a database: not beyond MaxAge, and the same with DoNotAge.
    pub const fn held(self, seconds: u64) -> Self {
        if self.is_do_not_age() { self } else { self.older(seconds) }
    }

    /// The age with `seconds` of transit added, DoNotAge or not: not beyond MaxAge.
    pub const fn older(self, seconds: u64) -> Self {
        let sum = (self.seconds() as u64).saturating_add(seconds);
        let sum = if sum > Self::MAX.0 as u64 { Self::MAX.0 } else { sum as u16 };
        Self(sum | self.0 & Self::DO_NOT_AGE)
    }
}

/// LS sequence number: signed, ordered as such.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LsSequence(pub i32);

impl LsSequence {
    /// That of a first instance.
    pub const INITIAL: Self = Self(i32::MIN + 1);
    /// The last one: the LSA is flushed before it begins anew.
    pub const MAX: Self = Self(i32::MAX);
    /// Never used.
    pub const RESERVED: Self = Self(i32::MIN);

    /// The one that follows; none behind [`Self::MAX`] (RFC 2328 section 12.1.6).
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

impl fmt::Debug for LsSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Display for LsSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Link State ID: an address in OSPFv2, a number of the originator in OSPFv3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkStateId(pub u32);

impl LinkStateId {
    /// As an address.
    pub const fn addr(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0)
    }

    /// Of an opaque LSA: type and number (RFC 5250 section 3).
    pub const fn opaque(self) -> (OpaqueType, u32) {
        (OpaqueType((self.0 >> 24) as u8), self.0 & 0xff_ffff)
    }

    /// That of an opaque LSA; of `number` the low 24 bits count.
    pub const fn from_opaque(kind: OpaqueType, number: u32) -> Self {
        Self((kind.0 as u32) << 24 | number & 0xff_ffff)
    }
}

impl From<Ipv4Addr> for LinkStateId {
    fn from(addr: Ipv4Addr) -> Self {
        Self(addr.to_bits())
    }
}

impl fmt::Display for LinkStateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.addr().fmt(f)
    }
}

/// Opaque type (RFC 5250).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpaqueType(pub u8);

impl OpaqueType {
    /// Traffic engineering (RFC 3630).
    pub const TRAFFIC_ENGINEERING: Self = Self(1);
    /// Grace-LSA (RFC 3623).
    pub const GRACE: Self = Self(3);
    /// Router information (RFC 7770).
    pub const ROUTER_INFORMATION: Self = Self(4);
    /// Extended prefix (RFC 7684).
    pub const EXTENDED_PREFIX: Self = Self(7);
    /// Extended link (RFC 7684).
    pub const EXTENDED_LINK: Self = Self(8);
}

/// How far an LSA is flooded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One link.
    Link,
    /// One area.
    Area,
    /// The whole autonomous system.
    As,
    /// The reserved value of OSPFv3: such an LSA is discarded.
    Reserved,
}

/// LS type, with the version that gives it a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LsaType {
    /// One octet of OSPFv2.
    V2(u8),
    /// OSPFv3: U bit, two bits of scope, function code.
    V3(u16),
}

impl LsaType {
    /// OSPFv2 router-LSA.
    pub const ROUTER_V2: Self = Self::V2(1);
    /// OSPFv2 network-LSA.
    pub const NETWORK_V2: Self = Self::V2(2);
    /// OSPFv2 summary-LSA of a network.
    pub const SUMMARY_V2: Self = Self::V2(3);
    /// OSPFv2 summary-LSA of an AS boundary router.
    pub const ASBR_SUMMARY_V2: Self = Self::V2(4);
    /// OSPFv2 AS-external-LSA.
    pub const EXTERNAL_V2: Self = Self::V2(5);
    /// OSPFv2 NSSA-LSA.
    pub const NSSA_V2: Self = Self::V2(7);
    /// OSPFv2 opaque LSA of a link.
    pub const OPAQUE_LINK: Self = Self::V2(9);
    /// OSPFv2 opaque LSA of an area.
    pub const OPAQUE_AREA: Self = Self::V2(10);
    /// OSPFv2 opaque LSA of the AS.
    pub const OPAQUE_AS: Self = Self::V2(11);
    /// OSPFv3 router-LSA.
    pub const ROUTER_V3: Self = Self::V3(0x2001);
    /// OSPFv3 network-LSA.
    pub const NETWORK_V3: Self = Self::V3(0x2002);
    /// OSPFv3 inter-area-prefix-LSA.
    pub const INTER_AREA_PREFIX: Self = Self::V3(0x2003);
    /// OSPFv3 inter-area-router-LSA.
    pub const INTER_AREA_ROUTER: Self = Self::V3(0x2004);
    /// OSPFv3 AS-external-LSA.
    pub const EXTERNAL_V3: Self = Self::V3(0x4005);
    /// OSPFv3 NSSA-LSA.
    pub const NSSA_V3: Self = Self::V3(0x2007);
    /// OSPFv3 link-LSA.
    pub const LINK: Self = Self::V3(0x0008);
    /// OSPFv3 intra-area-prefix-LSA.
    pub const INTRA_AREA_PREFIX: Self = Self::V3(0x2009);
    /// OSPFv3 grace-LSA (RFC 5187).
    pub const GRACE_V3: Self = Self::V3(0x000b);
    /// Function code of OSPFv3 router information LSAs (RFC 7770 section 2.2), of any scope.
    pub const ROUTER_INFORMATION_CODE: u16 = 12;

    /// The number on the wire.
    pub const fn value(self) -> u16 {
        match self {
            Self::V2(value) => value as u16,
            Self::V3(value) => value,
        }
    }

    /// The version.
    pub const fn version(self) -> Version {
        match self {
            Self::V2(_) => Version::V2,
            Self::V3(_) => Version::V3,
        }
    }

    /// OSPFv3: the type without U bit and scope.
    pub const fn function_code(self) -> u16 {
        match self {
            Self::V2(value) => value as u16,
            Self::V3(value) => value & 0x1fff,
        }
    }

    /// OSPFv3: the U bit, by which a router that does not know the type floods it as its scope says; without it, as if of link scope.
    pub const fn u_bit(self) -> bool {
        matches!(self, Self::V3(value) if value & 0x8000 != 0)
    }

    /// Whether this crate decodes the body.
    pub const fn is_known(self) -> bool {
        match self {
            Self::V2(value) => matches!(value, 1..=5 | 7 | 9..=11),
            Self::V3(value) => {
                matches!(value, 0x2001..=0x2004 | 0x4005 | 0x2007 | 0x0008 | 0x2009 | 0x000b)
                    || value & 0x1fff == Self::ROUTER_INFORMATION_CODE
            }
        }
    }

    /// What the type says about flooding. Types of OSPFv2 that are not known count as [`Scope::Reserved`]. Mind [`Self::flooding_scope`].
    pub const fn scope(self) -> Scope {
        match self {
            Self::V2(1..=4 | 7 | 10) => Scope::Area,
            Self::V2(5 | 11) => Scope::As,
            Self::V2(9) => Scope::Link,
            Self::V2(_) => Scope::Reserved,
            Self::V3(value) => match value >> 13 & 3 {
                0 => Scope::Link,
                1 => Scope::Area,
                2 => Scope::As,
                _ => Scope::Reserved,
            },
        }
    }

    /// How far it is flooded by a router that may not know it (RFC 5340 section 4.5.1): unknown types without U bit stay on the link.
    pub const fn flooding_scope(self) -> Scope {
        match (self, self.scope()) {
            (Self::V3(_), Scope::Area | Scope::As) if !self.is_known() && !self.u_bit() => Scope::Link,
            (_, scope) => scope,
        }
    }
}

/// Header of an LSA (RFC 2328 section A.4.1, RFC 5340 section A.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LsaHeader {
    /// LS age.
    pub age: Age,
    /// OSPFv2: options; empty in OSPFv3, which has them in the bodies.
    pub options: Options,
    /// LS type.
    pub kind: LsaType,
    /// Link State ID.
    pub id: LinkStateId,
    /// Advertising Router.
    pub router: RouterId,
    /// LS sequence number.
    pub sequence: LsSequence,
    /// Fletcher's checksum over all but the age.
    pub checksum: u16,
    /// Octets of the whole LSA.
    pub length: u16,
}

impl LsaHeader {
    /// Octets.
    pub const LEN: usize = 20;

    /// What names the LSA in a database.
    pub const fn key(&self) -> LsaRequest {
        LsaRequest { kind: self.kind, id: self.id, router: self.router }
    }

    /// Which of two instances of one LSA is newer (RFC 2328 section 13.1): `Greater` when this one is, `Equal` when they count as the
    /// same instance.
    pub fn freshness(&self, other: &Self) -> Ordering {
        let by_age = || match (self.age.is_max(), other.age.is_max()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ if self.age.seconds().abs_diff(other.age.seconds()) > Age::MAX_DIFF => {
                other.age.seconds().cmp(&self.age.seconds())
            }
            _ => Ordering::Equal,
        };
        let (sequence, checksum) = (self.sequence.cmp(&other.sequence), self.checksum.cmp(&other.checksum));
        sequence.then(checksum).then_with(by_age)
    }
}

impl Record for LsaHeader {
    const LEN: usize = Self::LEN;

    fn read(version: Version, octets: &[u8]) -> Self {
        let kind = be16(octets, 2);
        let [options, low] = kind.to_be_bytes();
        Self {
            age: Age(be16(octets, 0)),
            options: match version {
                Version::V2 => Options::from_bits_retain(options.into()),
                Version::V3 => Options::empty(),
            },
            kind: match version {
                Version::V2 => LsaType::V2(low),
                Version::V3 => LsaType::V3(kind),
            },
            id: LinkStateId(be32(octets, 4)),
            router: RouterId(be32(octets, 8).into()),
            sequence: LsSequence(be32(octets, 12) as i32),
            checksum: be16(octets, 16),
            length: be16(octets, 18),
        }
    }

    fn write(&self, _: Version, out: &mut [u8]) {
        let kind = match self.kind {
            LsaType::V2(kind) => u16::from_be_bytes([self.options.bits() as u8, kind]),
            LsaType::V3(kind) => kind,
        };
        fill(
            out,
            &[
                &self.age.0.to_be_bytes(),
                &kind.to_be_bytes(),
                &self.id.0.to_be_bytes(),
                &self.router.0.octets(),
                &self.sequence.0.to_be_bytes(),
                &self.checksum.to_be_bytes(),
                &self.length.to_be_bytes(),
            ],
        );
    }
}
