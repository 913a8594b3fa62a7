//! What of a recorded table every router takes and passes on. The rest is left out, so that what is expected is right for any recording.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ferr_bgp_wire::{PeerKind, SessionContext};
use ferr_types::{Asn, Prefix};

use super::table::{Announcer, Group};

/// ASes of the router and of all its neighbors, in every work.
const OURS: RangeInclusive<u32> = 65000..=65299;
/// Well-known communities bind what a router does with a route; only this one says no more than "soon gone" (RFC 8326).
const WELL_KNOWN: u16 = 0xffff;
const GRACEFUL_SHUTDOWN: u32 = 0xffff_0000;

/// Addresses that no router takes a route to, and those of the bench's own links.
const UNFIT: [(IpAddr, u8); 10] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    // Multicast and what was never given out.
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 3),
    (IpAddr::V4(Ipv4Addr::new(10, 1, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(10, 2, 0, 0)), 24),
    // The marked route.
    (IpAddr::V4(Ipv4Addr::new(203, 0, 113, 0)), 24),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0)), 64),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8),
];

/// Whether every router takes a route to this prefix, and no address of the bench is within it.
pub(crate) fn is_fit(prefix: Prefix) -> bool {
    let unfit = UNFIT.into_iter().filter_map(|(addr, len)| Prefix::new(addr, len));
    unfit.into_iter().all(|other| !other.covers(prefix) && !prefix.covers(other))
}

/// Whether every router takes routes with these attributes and tells them to every neighbor.
pub(crate) fn is_acceptable(group: &Group) -> bool {
    let binds = |community: &[u8; 4]| {
        community[..2] == WELL_KNOWN.to_be_bytes() && u32::from_be_bytes(*community) != GRACEFUL_SHUTDOWN
    };
    // AS 0 is refused (RFC 7607), and so is what came by a neighbor or by the router.
    let loops = |asn: Asn| asn.0 == 0 || OURS.contains(&asn.0);
    !group.path.as_path().asns().any(loops)
        && !group.communities.as_chunks::<4>().0.iter().any(binds)
        && fits_a_message(group)
}

/// Whether one route goes into a message, with what a router adds to it: its AS and a community.
fn fits_a_message(group: &Group) -> bool {
    const ADDED: usize = 64;
    const MESSAGE: usize = 4096;
    let by = Announcer {
        asn: Asn(*OURS.start()),
        kind: PeerKind::Ebgp,
        v4: Ipv4Addr::LOCALHOST,
        v6: Ipv6Addr::LOCALHOST,
    };
    let mut out = Vec::new();
    let longest = match group.family.afi() {
        ferr_types::Afi::Ipv4 => Prefix::host(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ferr_types::Afi::Ipv6 => Prefix::host(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    };
    let one = Group { prefixes: 0..1, ..group.clone() };
    one.encode(&[longest], &by, &SessionContext::new(PeerKind::Ebgp), &mut out);
    !out.is_empty() && out.len() + ADDED <= MESSAGE
}

#[cfg(test)]
mod tests {
    use ferr_types::Family;
    use ferr_types::aspath::AsPathBuf;

    use super::*;
    use crate::convergence::table::Table;

    #[test]
    fn prefixes_that_no_router_takes_and_our_own_are_unfit() {
        let fit = |text: &str| text.parse().is_ok_and(is_fit);
        for prefix in ["9.0.0.0/8", "10.2.1.0/24", "223.255.255.0/24", "2001:db8::/32", "2400::/12", "::/1"] {
            assert_eq!(fit(prefix), prefix != "::/1", "{prefix}");
        }
        for prefix in
            ["0.0.0.0/0", "127.0.0.0/8", "127.1.2.0/24", "224.0.0.0/4", "10.0.0.0/8", "10.1.64.0/24"]
        {
            assert!(!fit(prefix), "{prefix}");
        }
        for prefix in ["::/0", "::1/128", "fe80::/64", "ff02::/16", "fd00:1::/48", "203.0.113.0/24"] {
            assert!(!fit(prefix), "{prefix}");
        }
    }

    #[test]
    fn attributes_that_end_a_routes_way_are_not_acceptable() {
        let made = Table::made(1, 0, 1).groups.remove(0);
        let path = |asns: &[u32]| AsPathBuf::from_sequence(asns.iter().copied().map(Asn));
        let with = |asns: &[u32], communities: &[u32]| {
            let communities = communities.iter().flat_map(|c| c.to_be_bytes()).collect();
            is_acceptable(&Group { path: path(asns), communities, ..made.clone() })
        };
        assert!(with(&[1, 2, 3], &[0x0001_0002, GRACEFUL_SHUTDOWN]));
        for asns in [[1, 0], [1, 65000], [65100, 2], [65200, 2]] {
            assert!(!with(&asns, &[]), "{asns:?}");
        }
        // NO_EXPORT, BLACKHOLE.
        for community in [0xffff_ff01, 0xffff_029a] {
            assert!(!with(&[1], &[1, community]), "{community:x}");
        }
        assert!(with(&[1], &[7; 900]));
        assert!(!with(&[1], &[7; 1010]));
        let v6 = Group { family: Family::Ipv6Unicast, communities: vec![0; 4 * 1010], ..made };
        assert!(!is_acceptable(&v6));
    }
}
