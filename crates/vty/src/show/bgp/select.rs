//! Which instances and which family a command means.

use std::net::IpAddr;

use ferr_state::bgp::Instance;
use ferr_state::{BgpWorld, NO_VRF};
use ferr_types::{Afi, Family, PeerId, VrfId};

use crate::pattern::Args;

/// Name of the instance of the default VRF.
pub(crate) const DEFAULT: &str = "default";

/// Number of a VRF, -1 for one that does not exist.
pub(crate) fn shown_vrf(vrf: VrfId) -> i64 {
    if vrf == NO_VRF { -1 } else { vrf.0.into() }
}

/// Instances that a command means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// `vrf all`, `view all`.
    All,
    /// One by name.
    One {
        /// Name.
        name: String,
        /// Whether the line names it.
        named: bool,
    },
}

impl Scope {
    /// Of a line.
    pub(crate) fn of(args: &Args) -> Self {
        match args.get("VRF") {
            Some("all") => Self::All,
            name => Self::One { name: name.unwrap_or(DEFAULT).to_owned(), named: name.is_some() },
        }
    }

    /// Whether every instance is meant.
    pub(crate) const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Names of the instances, the default one first.
    pub(crate) fn names(&self, world: &BgpWorld) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::All => world.instances.keys().cloned().collect(),
            Self::One { name, .. } => {
                world.instances.contains_key(name).then(|| name.clone()).into_iter().collect()
            }
        };
        names.sort_by_key(|n| n != DEFAULT);
        names
    }
}

/// Family of a table, as named in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One that has a table.
    Table(Family),
    /// One that this daemon does not run: always empty.
    None(&'static str),
}

/// Address family named in the line.
pub(crate) fn afi(args: &Args) -> Option<Afi> {
    match args.one_of(&["ipv4", "ipv6"]) {
        Some("ipv4") => Some(Afi::Ipv4),
        Some(_) => Some(Afi::Ipv6),
        None => None,
    }
}

/// Subsequent family named in the line.
pub(crate) fn safi(args: &Args) -> Option<&'static str> {
    args.one_of(&["unicast", "multicast", "vpn", "labeled-unicast", "flowspec"])
}

/// Family of a table command: `show ip bgp` means IPv4, `show bgp` alone means IPv6.
pub(crate) fn wanted(args: &Args) -> Wanted {
    let afi = afi(args).unwrap_or(if args.has("ip") { Afi::Ipv4 } else { Afi::Ipv6 });
    match (afi, safi(args)) {
        (afi, None | Some("unicast")) => Wanted::Table(Family::unicast(afi)),
        (Afi::Ipv4, Some("multicast")) => Wanted::Table(Family::Ipv4Multicast),
        (Afi::Ipv6, Some("multicast")) => Wanted::Table(Family::Ipv6Multicast),
        (Afi::Ipv4, Some("vpn")) => Wanted::None("ipv4Vpn"),
        (Afi::Ipv6, Some("vpn")) => Wanted::None("ipv6Vpn"),
        (Afi::Ipv4, Some("labeled-unicast")) => Wanted::None("ipv4LabeledUnicast"),
        (Afi::Ipv6, Some("labeled-unicast")) => Wanted::None("ipv6LabeledUnicast"),
        (Afi::Ipv4, Some(_)) => Wanted::None("ipv4Flowspec"),
        (Afi::Ipv6, Some(_)) => Wanted::None("ipv6Flowspec"),
    }
}

/// The neighbor that a word means: its name, or another writing of its address.
pub(crate) fn find_peer(bgp: &Instance, word: &str) -> Option<PeerId> {
    bgp.find_neighbor(word).or_else(|| {
        let addr: IpAddr = word.parse().ok()?;
        bgp.neighbors().find(|(_, c)| c.addr == Some(addr)).map(|(id, _)| id)
    })
}

/// Key that sorts neighbors as people expect: addresses by value, then interfaces by name.
pub(crate) fn peer_order(name: &str) -> (u8, u128, &str) {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(a)) => (0, u128::from(a.to_bits()), ""),
        Ok(IpAddr::V6(a)) => (1, a.to_bits(), ""),
        Err(_) => (2, 0, name),
    }
}
