//! Address families (AFI, SAFI: IANA registries; RFC 4760).

use std::fmt;

/// Address family identifier of what FeRR routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Afi {
    /// AFI 1.
    Ipv4,
    /// AFI 2.
    Ipv6,
}

impl Afi {
    /// IANA number.
    pub const fn code(self) -> u16 {
        match self {
            Self::Ipv4 => 1,
            Self::Ipv6 => 2,
        }
    }

    /// 32 or 128.
    pub const fn max_prefix_len(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }
}

impl fmt::Display for Afi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}

/// Subsequent address family identifier, for the families that FeRR's tables hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safi {
    /// SAFI 1.
    Unicast,
    /// SAFI 2.
    Multicast,
}

/// Address family of a BGP table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4Unicast = 0,
    /// AFI 2, SAFI 1.
    Ipv6Unicast = 1,
    /// AFI 1, SAFI 2.
    Ipv4Multicast = 2,
    /// AFI 2, SAFI 2.
    Ipv6Multicast = 3,
}

impl Family {
    /// All families, in the order of their discriminants.
    pub const ALL: [Self; 4] =
        [Self::Ipv4Unicast, Self::Ipv6Unicast, Self::Ipv4Multicast, Self::Ipv6Multicast];

    /// From IANA numbers; `None` for a family without a table.
    pub const fn from_codes(afi: u16, safi: u8) -> Option<Self> {
        match (afi, safi) {
            (1, 1) => Some(Self::Ipv4Unicast),
            (2, 1) => Some(Self::Ipv6Unicast),
            (1, 2) => Some(Self::Ipv4Multicast),
            (2, 2) => Some(Self::Ipv6Multicast),
            _ => None,
        }
    }

    /// Unicast family of `afi`.
    pub const fn unicast(afi: Afi) -> Self {
        match afi {
            Afi::Ipv4 => Self::Ipv4Unicast,
            Afi::Ipv6 => Self::Ipv6Unicast,
        }
    }

    /// Address family of the prefixes.
    pub const fn afi(self) -> Afi {
        match self {
            Self::Ipv4Unicast | Self::Ipv4Multicast => Afi::Ipv4,
            Self::Ipv6Unicast | Self::Ipv6Multicast => Afi::Ipv6,
        }
    }

    /// Subsequent family.
    pub const fn safi(self) -> Safi {
        match self {
            Self::Ipv4Unicast | Self::Ipv6Unicast => Safi::Unicast,
            Self::Ipv4Multicast | Self::Ipv6Multicast => Safi::Multicast,
        }
    }

    /// IANA SAFI number.
    pub const fn safi_code(self) -> u8 {
        match self.safi() {
            Safi::Unicast => 1,
            Safi::Multicast => 2,
        }
    }

    /// Key in FRR's JSON (`ipv4Unicast`).
    pub const fn json_key(self) -> &'static str {
        match self {
            Self::Ipv4Unicast => "ipv4Unicast",
            Self::Ipv6Unicast => "ipv6Unicast",
            Self::Ipv4Multicast => "ipv4Multicast",
            Self::Ipv6Multicast => "ipv6Multicast",
        }
    }
}

/// Title as in `show` text (`IPv4 Unicast`).
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4Unicast => "IPv4 Unicast",
            Self::Ipv6Unicast => "IPv6 Unicast",
            Self::Ipv4Multicast => "IPv4 Multicast",
            Self::Ipv6Multicast => "IPv6 Multicast",
        })
    }
}

/// Small set of families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FamilySet(u8);

impl FamilySet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Set of one.
    pub const fn only(family: Family) -> Self {
        Self(1 << family as u8)
    }

    /// Adds a family.
    pub const fn insert(&mut self, family: Family) {
        self.0 |= 1 << family as u8;
    }

    /// Removes a family.
    pub const fn remove(&mut self, family: Family) {
        self.0 &= !(1 << family as u8);
    }

    /// Membership.
    pub const fn contains(self, family: Family) -> bool {
        self.0 & 1 << family as u8 != 0
    }

    /// What both hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Members in discriminant order.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |f| self.contains(*f))
    }
}

impl FromIterator<Family> for FamilySet {
    fn from_iter<I: IntoIterator<Item = Family>>(iter: I) -> Self {
        let mut set = Self::EMPTY;
        iter.into_iter().for_each(|f| set.insert(f));
        set
    }
}

/// One value per family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FamilyMap<T>([T; 4]);

impl<T> FamilyMap<T> {
    /// Map whose values come from `f`.
    pub fn from_fn(mut f: impl FnMut(Family) -> T) -> Self {
        Self(Family::ALL.map(&mut f))
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (Family, &T)> {
        Family::ALL.into_iter().zip(self.0.iter())
    }

    /// All pairs, values mutable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Family, &mut T)> {
        Family::ALL.into_iter().zip(self.0.iter_mut())
    }
}

impl<T> std::ops::Index<Family> for FamilyMap<T> {
    type Output = T;
    fn index(&self, family: Family) -> &T {
        &self.0[family as usize]
    }
}

impl<T> std::ops::IndexMut<Family> for FamilyMap<T> {
    fn index_mut(&mut self, family: Family) -> &mut T {
        &mut self.0[family as usize]
    }
}
