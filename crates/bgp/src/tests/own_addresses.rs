//! Update groups whose members are on links of their own.

use std::time::Duration;

use ferr_bgp_wire::Capability;
use ferr_types::IfIndex;
use ferr_types::attr::BgpNexthop;

use super::lab::{Attrs, Lab, V4, V6, path, prefix};
use crate::LocalAddresses;
use crate::config::{NeighborConfig, NeighborFamily};

const P: &str = "192.0.2.0/24";
const P6: &str = "2001:db8:1::/48";

/// Our addresses on link `n`, which is `10.0.0.n/32` for the peer that has this number.
fn own(n: u8, len: u8) -> LocalAddresses {
    LocalAddresses {
        v4: Some([172, 16, n, 1].into()),
        v6_global: Some([0x2001, 0xdb8, n.into(), 0, 0, 0, 0, 1].into()),
        v6_link_local: Some([0xfe80, 0, 0, 0, 0, 0, n.into(), 1].into()),
        ifindex: IfIndex(u32::from(n) + 10),
        link: Some(prefix(&format!("10.0.0.{n}/{len}"))),
    }
}

fn both(n: &mut NeighborConfig) {
    n.families[V6] = Some(NeighborFamily::default());
}

/// A peer on a link of its own.
fn apart(lab: &mut Lab, asn: u32, len: u8) -> usize {
    let i = lab.add(asn, both);
    lab.wires[i].open.capabilities.push(Capability::Multiprotocol { afi: 2, safi: 1 });
    lab.wires[i].own = own(i as u8 + 1, len);
    lab.up(i);
    i
}

fn next_hops(lab: &Lab, p: &str) -> Vec<String> {
    let told = lab.wires.iter().filter(|w| w.conn.is_some() && w.is_told(p));
    told.map(|w| w.next_hop(p)).collect()
}

#[test]
fn members_on_links_of_their_own_share_a_group_and_hear_of_their_own_next_hop() {
    let mut lab = Lab::new(|_| {});
    let peers: Vec<usize> = (0..4).map(|i| apart(&mut lab, 65001 + i, 32)).collect();
    for family in [V4, V6] {
        assert_eq!(lab.bgp.groups(family).len(), 1);
    }
    lab.announce(peers[0], &[P], &path(&[65001]));
    lab.announce(
        peers[0],
        &[P6],
        &Attrs { next_hop: Some("2001:db8::9".parse().unwrap()), ..path(&[65001]) },
    );
    assert_eq!(next_hops(&lab, P), ["172.16.2.1", "172.16.3.1", "172.16.4.1"]);
    let expected = own(3, 32);
    let both = BgpNexthop::V6 { global: expected.v6_global.unwrap(), link_local: expected.v6_link_local };
    assert_eq!(lab.wires[peers[2]].attrs(P6).next_hop, Some(both));
    assert_eq!(lab.wires[peers[2]].as_path(P), "65000 65001", "and all else is whole");
    // One that comes later is told by itself.
    apart(&mut lab, 65009, 32);
    assert_eq!(next_hops(&lab, P), ["172.16.2.1", "172.16.3.1", "172.16.4.1", "172.16.5.1"]);
    for p in 0..5 {
        lab.cut(p);
    }
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 0);
}

#[test]
fn next_hops_on_a_shared_link_stay_there_and_nowhere_else() {
    let mut lab = Lab::new(|_| {});
    // 10.0.0.1, .2 and .3 are on 10.0.0.0/30; .4 has a link of its own.
    let shared: Vec<usize> = (0..3).map(|i| apart(&mut lab, 65001 + i, 30)).collect();
    for i in &shared {
        lab.wires[*i].own.v4 = Some([172, 16, 0, 1].into());
    }
    shared.iter().for_each(|i| {
        lab.cut(*i);
        lab.up(*i);
    });
    let alone = apart(&mut lab, 65004, 32);
    assert_eq!(lab.bgp.groups(V4).len(), 1);
    lab.announce(shared[0], &[P], &path(&[65001]));
    assert_eq!(next_hops(&lab, P), ["10.0.0.1", "10.0.0.1", "172.16.4.1"]);
    // Behind its source there is another router of the link.
    let third = Attrs { next_hop: Some("10.0.0.2".parse().unwrap()), ..path(&[65001]) };
    lab.announce(shared[0], &[P], &third);
    assert_eq!(next_hops(&lab, P), ["10.0.0.2", "10.0.0.2", "172.16.4.1"]);
    lab.announce(alone, &["198.51.100.0/24"], &path(&[65004]));
    assert_eq!(next_hops(&lab, "198.51.100.0/24"), ["172.16.0.1"; 3]);
    // Again with all of one link.
    lab.cut(alone);
    lab.announce(shared[0], &[P], &path(&[65001, 65002]));
    assert_eq!(next_hops(&lab, P), ["10.0.0.1"; 2]);
}

#[test]
fn a_member_whose_address_changes_is_told_again() {
    let mut lab = Lab::new(|_| {});
    let (source, stays, moves) =
        (apart(&mut lab, 65001, 32), apart(&mut lab, 65002, 32), apart(&mut lab, 65003, 32));
    lab.announce(source, &[P], &path(&[65001]));
    let before = lab.wires[stays].update_messages;
    let (moved, addr) =
        (LocalAddresses { v4: Some([172, 16, 77, 1].into()), ..own(3, 32) }, lab.wires[moves].addr);
    let known: Vec<_> = lab.wires.iter().map(|w| (w.addr, w.own)).collect();
    lab.bgp.session_addresses_changed(lab.now, |(_, remote)| {
        let same = known.iter().find(|(a, _)| *a == remote.ip()).unwrap().1;
        if remote.ip() == addr { moved } else { same }
    });
    lab.settle();
    assert_eq!(next_hops(&lab, P), ["172.16.2.1", "172.16.77.1"]);
    assert_eq!(lab.wires[stays].update_messages, before);
    assert_eq!(lab.bgp.groups(V4).len(), 1);
}

#[test]
fn members_left_behind_and_the_default_route_have_gaps_too() {
    let mut lab = Lab::new(|_| {});
    let source = apart(&mut lab, 65001, 32);
    let (slow, fast) = (apart(&mut lab, 65002, 32), apart(&mut lab, 65003, 32));
    lab.wires[slow].reads = false;
    let list: Vec<String> = (0..20_000).map(|i| format!("20.{}.{}.0/24", i >> 8, i & 255)).collect();
    for (i, p) in list.iter().enumerate() {
        let bytes = lab.update_bytes(source, &[(0, p)], &path(&[65001, 70_000 + i as u32]));
        let conn = lab.wires[source].conn.unwrap();
        assert_eq!(lab.bgp.received(lab.now, conn, &bytes), bytes.len());
    }
    lab.settle();
    lab.advance(Duration::from_millis(600));
    assert_eq!(lab.bgp.groups(V4)[0].behind.len(), 1);
    lab.wires[slow].reads = true;
    lab.settle();
    let all = |i: usize| lab.wires[i].table.keys().filter(|k| k.0 != prefix("0.0.0.0/0")).count();
    assert_eq!((all(slow), all(fast)), (20_000, 20_000));
    for p in [&list[0], &list[9_000], &list[19_999]] {
        assert_eq!(next_hops(&lab, p), ["172.16.2.1", "172.16.3.1"]);
    }
    for i in [slow, fast] {
        lab.change_family(i, |f| f.default_originate = Some(None));
    }
    assert_eq!(next_hops(&lab, "0.0.0.0/0"), ["172.16.2.1", "172.16.3.1"]);
}
