//! Communities: RFC 1997, extended (RFC 4360, 5668), large (RFC 8092), and views of their attributes.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Text that is no community of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a community")]
pub struct ParseCommunityError;

fn digits<T: FromStr>(s: &str) -> Result<T, ParseCommunityError> {
    if s.is_empty() || !s.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseCommunityError);
    }
    s.parse().map_err(|_| ParseCommunityError)
}

/// Standard community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

/// Names of well-known communities (IANA registry), as configurations spell them.
const WELL_KNOWN: [(u32, &str); 14] = [
    (0xffff_0000, "graceful-shutdown"),
    (0xffff_0001, "accept-own"),
    (0xffff_0002, "route-filter-translated-v4"),
    (0xffff_0003, "route-filter-v4"),
    (0xffff_0004, "route-filter-translated-v6"),
    (0xffff_0005, "route-filter-v6"),
    (0xffff_0006, "llgr-stale"),
    (0xffff_0007, "no-llgr"),
    (0xffff_0008, "accept-own-nexthop"),
    (0xffff_029a, "blackhole"),
    (0xffff_ff01, "no-export"),
    (0xffff_ff02, "no-advertise"),
    (0xffff_ff03, "local-AS"),
    (0xffff_ff04, "no-peer"),
];

impl Community {
    /// Do not advertise outside the AS (RFC 1997).
    pub const NO_EXPORT: Self = Self(0xffff_ff01);
    /// Do not advertise at all (RFC 1997).
    pub const NO_ADVERTISE: Self = Self(0xffff_ff02);
    /// Do not advertise to eBGP, confederation peers included (RFC 1997).
    pub const LOCAL_AS: Self = Self(0xffff_ff03);
    /// RFC 8326.
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xffff_0000);
    /// Stale for long: the last resort (RFC 9494).
    pub const LLGR_STALE: Self = Self(0xffff_0006);
    /// Not to be kept as stale for long (RFC 9494).
    pub const NO_LLGR: Self = Self(0xffff_0007);
    /// RFC 7999.
    pub const BLACKHOLE: Self = Self(0xffff_029a);

    /// `high:low`
    pub const fn new(high: u16, low: u16) -> Self {
        Self((high as u32) << 16 | low as u32)
    }

    /// Name of a well-known community.
    pub fn well_known_name(self) -> Option<&'static str> {
        WELL_KNOWN.iter().find(|(value, _)| *value == self.0).map(|(_, name)| *name)
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.well_known_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl FromStr for Community {
    type Err = ParseCommunityError;

    /// `AA:NN`, a plain number, or a well-known name (`internet` is 0:0).
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s == "internet" {
            return Ok(Self(0));
        }
        if let Some((value, _)) = WELL_KNOWN.iter().find(|(_, name)| name.eq_ignore_ascii_case(s)) {
            return Ok(Self(*value));
        }
        match s.split_once(':') {
            Some((high, low)) => Ok(Self::new(digits(high)?, digits(low)?)),
            None => Ok(Self(digits(s)?)),
        }
    }
}

/// Large community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// Global administrator.
    pub global: u32,
    /// First local part.
    pub local1: u32,
    /// Second local part.
    pub local2: u32,
}

impl LargeCommunity {
    /// From 12 wire octets.
    pub const fn from_bytes(b: [u8; 12]) -> Self {
        Self {
            global: u32::from_be_bytes([b[0], b[1], b[2], b[3]]),
            local1: u32::from_be_bytes([b[4], b[5], b[6], b[7]]),
            local2: u32::from_be_bytes([b[8], b[9], b[10], b[11]]),
        }
    }

    /// Wire octets.
    pub fn to_bytes(self) -> [u8; 12] {
        let mut out = [0; 12];
        out[..4].copy_from_slice(&self.global.to_be_bytes());
        out[4..8].copy_from_slice(&self.local1.to_be_bytes());
        out[8..].copy_from_slice(&self.local2.to_be_bytes());
        out
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local1, self.local2)
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseCommunityError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let mut parts = s.split(':').map(digits);
        let mut next = || parts.next().unwrap_or(Err(ParseCommunityError));
        let value = Self { global: next()?, local1: next()?, local2: next()? };
        if parts.next().is_some() { Err(ParseCommunityError) } else { Ok(value) }
    }
}

/// Extended community, 8 octets as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtCommunity(pub [u8; 8]);

/// Sub-types that configurations name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExtCommunityKind {
    /// Route target (`rt`).
    RouteTarget = 2,
    /// Site of origin (`soo`).
    SiteOfOrigin = 3,
}

impl ExtCommunity {
    /// `rt` or `soo` from `ASN:NN`, `A.B.C.D:NN` (RFC 4360 sections 3-5, RFC 5668).
    ///
    /// # Errors
    /// [`ParseCommunityError`] when a part is out of range.
    pub fn parse(kind: ExtCommunityKind, s: &str) -> Result<Self, ParseCommunityError> {
        let (admin, local) = s.split_once(':').ok_or(ParseCommunityError)?;
        let mut out = [0; 8];
        out[1] = kind as u8;
        if let Ok(addr) = admin.parse::<Ipv4Addr>() {
            out[0] = 1;
            out[2..6].copy_from_slice(&addr.octets());
            out[6..].copy_from_slice(&digits::<u16>(local)?.to_be_bytes());
            return Ok(Self(out));
        }
        let asn: u32 = admin.parse::<crate::Asn>().map_err(|_| ParseCommunityError)?.0;
        if let Ok(asn) = u16::try_from(asn) {
            out[2..4].copy_from_slice(&asn.to_be_bytes());
            out[4..].copy_from_slice(&digits::<u32>(local)?.to_be_bytes());
        } else {
            out[0] = 2;
            out[2..6].copy_from_slice(&asn.to_be_bytes());
            out[6..].copy_from_slice(&digits::<u16>(local)?.to_be_bytes());
        }
        Ok(Self(out))
    }

    /// Link bandwidth (`draft-ietf-idr-link-bandwidth`), octets per second.
    pub fn link_bandwidth(asn: u16, bytes_per_second: f32, transitive: bool) -> Self {
        let mut out = [if transitive { 0 } else { 0x40 }, 4, 0, 0, 0, 0, 0, 0];
        out[2..4].copy_from_slice(&asn.to_be_bytes());
        out[4..].copy_from_slice(&bytes_per_second.to_be_bytes());
        Self(out)
    }

    /// Rate of a link bandwidth community, octets per second.
    pub fn bandwidth(self) -> Option<f32> {
        let b = self.0;
        let rate = f32::from_be_bytes([b[4], b[5], b[6], b[7]]);
        (b[0] & 0x3f == 0 && b[1] == 4 && rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// Whether it may cross an AS border (RFC 4360 section 2).
    pub const fn is_transitive(self) -> bool {
        self.0[0] & 0x40 == 0
    }

    /// `rt` or `soo`, whatever the form of its administrator.
    pub const fn kind(self) -> Option<ExtCommunityKind> {
        match (self.0[0] & 0x3f, self.0[1]) {
            (0..=2, 2) => Some(ExtCommunityKind::RouteTarget),
            (0..=2, 3) => Some(ExtCommunityKind::SiteOfOrigin),
            _ => None,
        }
    }

    /// `ASN:NN` or `A.B.C.D:NN` of the value, without the kind.
    pub fn value_text(self) -> String {
        let b = self.0;
        match b[0] & 0x3f {
            0 => format!(
                "{}:{}",
                u16::from_be_bytes([b[2], b[3]]),
                u32::from_be_bytes([b[4], b[5], b[6], b[7]])
            ),
            1 => format!("{}:{}", Ipv4Addr::new(b[2], b[3], b[4], b[5]), u16::from_be_bytes([b[6], b[7]])),
            _ => format!(
                "{}:{}",
                u32::from_be_bytes([b[2], b[3], b[4], b[5]]),
                u16::from_be_bytes([b[6], b[7]])
            ),
        }
    }
}

/// `RT:65001:100`, `SoO:65001:1`, `LB:65001:125000 (1.000 Mbps)`, or the raw octets.
impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.0;
        match self.kind() {
            Some(ExtCommunityKind::RouteTarget) => write!(f, "RT:{}", self.value_text()),
            Some(ExtCommunityKind::SiteOfOrigin) => write!(f, "SoO:{}", self.value_text()),
            None if b[0] & 0x3f == 0 && b[1] == 4 => {
                let rate = f32::from_be_bytes([b[4], b[5], b[6], b[7]]);
                let asn = u16::from_be_bytes([b[2], b[3]]);
                write!(f, "LB:{asn}:{rate:.0} ({:.3} Mbps)", rate * 8.0 / 1e6)
            }
            None => {
                f.write_str("UNK:")?;
                b.iter().try_for_each(|o| write!(f, "{o:02x}"))
            }
        }
    }
}

macro_rules! view {
    ($(#[$doc:meta])* $name:ident, $item:ty, $size:literal, $from:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name<'a>(&'a [u8]);

        impl<'a> $name<'a> {
            /// `None` unless the length is a multiple of an element's size.
            pub const fn new(bytes: &'a [u8]) -> Option<Self> {
                if bytes.len() % $size == 0 { Some(Self(bytes)) } else { None }
            }

            /// Wire bytes.
            pub const fn as_bytes(self) -> &'a [u8] {
                self.0
            }

            /// Whether there is none.
            pub const fn is_empty(self) -> bool {
                self.0.is_empty()
            }

            /// Number of elements.
            pub const fn len(self) -> usize {
                self.0.len() / $size
            }

            /// The elements as received.
            pub fn iter(self) -> impl DoubleEndedIterator<Item = $item> + ExactSizeIterator + use<'a> {
                self.0.as_chunks::<$size>().0.iter().map(|c| ($from)(*c))
            }

            /// Membership.
            pub fn contains(self, item: $item) -> bool {
                self.iter().any(|i| i == item)
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (i, item) in self.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" ")?;
                    }
                    item.fmt(f)?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        }
    };
}

view! {
    /// Value of a COMMUNITIES attribute.
    Communities, Community, 4, |c| Community(u32::from_be_bytes(c))
}
view! {
    /// Value of an EXTENDED COMMUNITIES attribute.
    ExtCommunities, ExtCommunity, 8, ExtCommunity
}
view! {
    /// Value of a LARGE_COMMUNITY attribute.
    LargeCommunities, LargeCommunity, 12, LargeCommunity::from_bytes
}
view! {
    /// Value of a CLUSTER_LIST attribute.
    ClusterList, Ipv4Addr, 4, |c| Ipv4Addr::from_bits(u32::from_be_bytes(c))
}
