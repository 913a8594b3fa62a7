//! What peers are sent: rules of the protocol, knobs of neighbors, outbound policy.

use ferr_bgp_wire::Capability;
use ferr_policy::{Action, Match, NexthopChange, PolicyDef, Set};
use ferr_types::Asn;
use ferr_types::community::{Community, ExtCommunity, ExtCommunityKind};

use super::inbound::{entry, map};
use super::lab::{Attrs, Lab, OWN_AS, V4, path};
use crate::config::{
    LocalAs, NeighborConfig, NeighborFamily, Network, NexthopSelf, RemovePrivateAs, Role, SendCommunity,
};

const P: &str = "192.0.2.0/24";

/// A source, and a peer that is told.
fn pair(from: u32, to: u32) -> (Lab, usize, usize) {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(from, |_| {});
    let sink = lab.peer(to, |_| {});
    (lab, source, sink)
}

#[test]
fn external_to_external() {
    let (mut lab, source, sink) = pair(65001, 65002);
    let attrs = Attrs { med: Some(5), next_hop: Some([192, 168, 9, 9].into()), ..path(&[65001, 65009]) };
    lab.cost([192, 168, 9, 9].into(), Some(1));
    lab.announce(source, &[P], &attrs);
    assert_eq!(lab.wires[sink].as_path(P), "65000 65001 65009");
    assert_eq!(lab.wires[sink].next_hop(P), "10.0.0.254");
    assert_eq!(lab.wires[sink].attrs(P).med, None, "MED is for the neighbor only");
    assert!(!lab.wires[source].is_told(P), "split horizon");
    lab.announce(source, &[P], &path(&[65001]));
    assert_eq!(lab.wires[sink].next_hop(P), "10.0.0.1", "third party on a shared link");
    lab.withdraw(source, &[P]);
    assert!(!lab.wires[sink].is_told(P));
}

#[test]
fn a_site_does_not_get_its_own_routes_back() {
    let site = ExtCommunity::parse(ExtCommunityKind::SiteOfOrigin, "65000:7").unwrap();
    let at_site = |f: &mut NeighborFamily, here: bool| {
        f.filters_in.site = here.then_some(site);
        f.filters_out.site = here.then_some(site);
    };
    let mut lab = Lab::new(|_| {});
    let here = |n: &mut NeighborConfig| at_site(n.families[V4].as_mut().unwrap(), true);
    let (a, b) = (lab.peer(65001, here), lab.peer(65002, here));
    let elsewhere = lab.peer(65003, |_| {});
    let other = ExtCommunity::parse(ExtCommunityKind::RouteTarget, "65001:9").unwrap();
    lab.announce(a, &[P], &Attrs { ext: vec![other.0], ..path(&[65001]) });
    assert!(!lab.wires[b].is_told(P));
    assert_eq!(lab.wires[elsewhere].attrs(P).ext_communities.to_string(), "RT:65001:9 SoO:65000:7");
    lab.change_family(b, |f| at_site(f, false));
    assert!(lab.wires[b].is_told(P));
    lab.change_family(b, |f| at_site(f, true));
    assert!(!lab.wires[b].is_told(P));
    lab.withdraw(a, &[P]);
    assert!(!lab.wires[elsewhere].is_told(P));
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 0);
}

#[test]
fn external_to_internal_and_back() {
    let (mut lab, source, sink) = pair(65001, OWN_AS);
    lab.announce(source, &[P], &Attrs { med: Some(5), ..path(&[65001]) });
    let attrs = lab.wires[sink].attrs(P);
    assert_eq!(
        (attrs.as_path.to_string(), attrs.med, attrs.local_pref),
        ("65001".into(), Some(5), Some(100))
    );
    assert_eq!(lab.wires[sink].next_hop(P), "10.0.0.1");
    lab.change_family(sink, |f| f.next_hop_self = NexthopSelf::Force);
    assert_eq!(lab.wires[sink].next_hop(P), "10.0.0.254");
    let internal = lab.peer(OWN_AS, |_| {});
    lab.announce(internal, &["198.51.100.0/24"], &path(&[]));
    assert!(!lab.wires[sink].is_told("198.51.100.0/24"), "internal routes do not pass");
    assert_eq!(lab.wires[source].as_path("198.51.100.0/24"), "65000");
}

#[test]
fn reflection() {
    let mut lab = Lab::new(|_| {});
    let client =
        |lab: &mut Lab| lab.peer(OWN_AS, |n| n.families[V4].as_mut().unwrap().reflector_client = true);
    let (a, b) = (client(&mut lab), client(&mut lab));
    let (x, y) = (lab.peer(OWN_AS, |_| {}), lab.peer(OWN_AS, |_| {}));
    lab.announce(a, &["192.0.2.0/24"], &path(&[]));
    lab.announce(x, &["198.51.100.0/24"], &path(&[]));
    assert_eq!(lab.wires[b].prefixes(), ["192.0.2.0/24", "198.51.100.0/24"]);
    assert_eq!(lab.wires[x].prefixes(), ["192.0.2.0/24"]);
    assert_eq!(lab.wires[y].prefixes(), ["192.0.2.0/24"], "nothing between non-clients");
    assert_eq!(lab.wires[a].prefixes(), ["198.51.100.0/24"]);
    let attrs = lab.wires[b].attrs("192.0.2.0/24");
    assert_eq!(attrs.originator_id.unwrap().to_string(), "10.0.0.1");
    assert_eq!(attrs.cluster_list.to_string(), "10.0.0.254");
    lab.configure(|c| c.client_to_client = false);
    assert_eq!(lab.wires[b].prefixes(), ["198.51.100.0/24"]);
    lab.configure(|c| c.cluster_id = ferr_types::RouterId([7, 7, 7, 7].into()));
    assert_eq!(lab.wires[b].attrs("198.51.100.0/24").cluster_list.to_string(), "7.7.7.7");
}

#[test]
fn well_known_communities() {
    let told = |community: Community, to: u32| {
        let (mut lab, source, sink) = pair(65001, to);
        lab.announce(source, &[P], &Attrs { communities: vec![community], ..path(&[65001]) });
        lab.wires[sink].is_told(P)
    };
    assert!(!told(Community::NO_EXPORT, 65002) && told(Community::NO_EXPORT, OWN_AS));
    assert!(!told(Community::NO_ADVERTISE, 65002) && !told(Community::NO_ADVERTISE, OWN_AS));
    assert!(!told(Community::LOCAL_AS, 65002) && told(Community::LOCAL_AS, OWN_AS));
    assert!(told(Community::new(1, 1), 65002));
}

#[test]
fn communities_are_sent_as_configured() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let none = SendCommunity { standard: false, extended: false, large: false };
    let sink = lab.peer(65002, |n| n.families[V4].as_mut().unwrap().send_community = none);
    // A route target, and one that may not leave the AS (RFC 4360 section 6).
    let ext = vec![[0, 2, 0, 1, 0, 0, 0, 1], [0x40, 4, 0, 1, 0, 0, 0, 1]];
    lab.announce(source, &[P], &Attrs { communities: vec![Community::new(1, 1)], ext, ..path(&[65001]) });
    assert!(
        lab.wires[sink].attrs(P).communities.is_empty()
            && lab.wires[sink].attrs(P).ext_communities.is_empty()
    );
    let all = SendCommunity { standard: true, extended: true, large: true };
    lab.change_family(sink, |f| f.send_community = all);
    assert_eq!(lab.wires[sink].attrs(P).communities.to_string(), "1:1");
    assert_eq!(lab.wires[sink].attrs(P).ext_communities.len(), 1);
    lab.configure(|c| c.graceful_shutdown = true);
    assert!(lab.wires[sink].attrs(P).communities.contains(Community::GRACEFUL_SHUTDOWN));
}

#[test]
fn private_as_numbers() {
    let sent = |how: (bool, bool), path_in: &[u32], to: u32| {
        let mut lab = Lab::new(|c| c.asn = Asn(100));
        let source = lab.peer(path_in[0], |_| {});
        let remove = Some(RemovePrivateAs { all: how.0, replace: how.1 });
        let sink = lab.peer(to, |n| n.families[V4].as_mut().unwrap().remove_private_as = remove);
        lab.announce(source, &[P], &path(path_in));
        lab.wires[sink].as_path(P)
    };
    assert_eq!(sent((false, false), &[65001, 65003], 200), "100");
    assert_eq!(sent((false, false), &[65001, 300], 200), "100 65001 300", "not beside public ones");
    assert_eq!(sent((true, false), &[65001, 300, 65003], 200), "100 300");
    assert_eq!(sent((true, true), &[65001, 300, 65003], 200), "100 100 300 100");
    // The neighbor's own number stays, so that it sees its loops.
    assert_eq!(sent((true, false), &[65001, 65002], 65002), "100 65002");
}

#[test]
fn as_override_and_loop_detection() {
    let (mut lab, source, sink) = pair(65001, 65002);
    lab.announce(source, &[P], &path(&[65001, 65002, 65003]));
    assert_eq!(lab.wires[sink].as_path(P), "65000 65001 65002 65003");
    lab.change_family(sink, |f| f.as_override = true);
    assert_eq!(lab.wires[sink].as_path(P), "65000 65001 65000 65003");
    lab.change(sink, |n| n.sender_loop_detection = true);
    assert!(!lab.wires[sink].is_told(P));
}

#[test]
fn local_as_as_seen_from_outside() {
    let sent = |replace_as| {
        let mut lab = Lab::new(|_| {});
        let source = lab.peer(65001, |_| {});
        let local = LocalAs { asn: Asn(64999), no_prepend: true, replace_as };
        let sink = lab.peer(65002, |n| n.local_as = Some(local));
        lab.announce(source, &[P], &path(&[65001]));
        lab.wires[sink].as_path(P)
    };
    assert_eq!(sent(false), "64999 65000 65001");
    assert_eq!(sent(true), "64999 65001");
}

#[test]
fn route_servers_and_unchanged_attributes() {
    let (mut lab, source, sink) = pair(65001, 65002);
    lab.announce(source, &[P], &Attrs { med: Some(5), ..path(&[65001]) });
    lab.change_family(sink, |f| f.server_client = true);
    lab.up(sink);
    assert_eq!(lab.wires[sink].as_path(P), "65001");
    assert_eq!(lab.wires[sink].attrs(P).med, Some(5));
    lab.change_family(sink, |f| {
        f.server_client = false;
        f.unchanged.med = true;
    });
    lab.up(sink);
    assert_eq!((lab.wires[sink].as_path(P), lab.wires[sink].attrs(P).med), ("65000 65001".into(), Some(5)));
}

#[test]
fn roles_on_the_way_out() {
    let sent = |role: Role, otc: Option<u32>| {
        let mut lab = Lab::new(|_| {});
        let source = lab.peer(65001, |_| {});
        let sink = lab.peer(65002, |n| n.role = Some((role, false)));
        lab.announce(source, &[P], &Attrs { otc, ..path(&[65001]) });
        lab.wires[sink].is_told(P).then(|| lab.wires[sink].attrs(P).only_to_customer.map(|a| a.0))
    };
    assert_eq!(sent(Role::Provider, None), Some(Some(OWN_AS)));
    assert_eq!(sent(Role::Provider, Some(65009)), Some(Some(65009)));
    assert_eq!(sent(Role::Peer, None), Some(Some(OWN_AS)));
    assert_eq!(sent(Role::Peer, Some(65009)), None);
    assert_eq!(sent(Role::Customer, Some(65009)), None);
    assert_eq!(sent(Role::Customer, None), Some(None));
}

#[test]
fn outbound_policy_changes_and_takes_back() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let out = |n: &mut NeighborConfig| {
        n.families[V4].as_mut().unwrap().filters_out.route_map = Some("OUT".into());
    };
    let sink = lab.peer(65002, out);
    lab.announce(source, &[P], &path(&[65001]));
    assert!(!lab.wires[sink].is_told(P), "an undefined map refuses");
    let mut def = PolicyDef::default();
    let sets = vec![Set::AsPathPrepend(vec![Asn(65000), Asn(65000)])];
    map(&mut def, "OUT", vec![entry(10, Action::Permit, vec![], sets)]);
    lab.policy(&def, &["OUT"]);
    assert_eq!(lab.wires[sink].as_path(P), "65000 65000 65000 65001");
    map(
        &mut def,
        "OUT",
        vec![entry(10, Action::Permit, vec![], vec![Set::Nexthop(NexthopChange::Unchanged)])],
    );
    lab.policy(&def, &["OUT"]);
    assert_eq!(lab.wires[sink].as_path(P), "65000 65001");
    map(&mut def, "OUT", vec![entry(10, Action::Deny, vec![], vec![])]);
    lab.policy(&def, &["OUT"]);
    assert!(!lab.wires[sink].is_told(P));
}

/// Only what policy said of the next hop differs: the attributes that are stored do not.
#[test]
fn a_change_of_the_next_hop_alone_is_sent() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let sink =
        lab.peer(OWN_AS, |n| n.families[V4].as_mut().unwrap().filters_out.route_map = Some("OUT".into()));
    let mut def = PolicyDef::default();
    map(&mut def, "OUT", vec![entry(10, Action::Permit, vec![], vec![])]);
    lab.policy(&def, &["OUT"]);
    lab.announce(source, &[P], &path(&[65001]));
    assert_eq!(lab.wires[sink].next_hop(P), "10.0.0.1");
    map(
        &mut def,
        "OUT",
        vec![entry(10, Action::Permit, vec![], vec![Set::Nexthop(NexthopChange::PeerAddress)])],
    );
    lab.policy(&def, &["OUT"]);
    assert_eq!(lab.wires[sink].next_hop(P), "10.0.0.254", "one's own address towards the peer");
    map(&mut def, "OUT", vec![entry(10, Action::Permit, vec![], vec![])]);
    lab.policy(&def, &["OUT"]);
    assert_eq!(lab.wires[sink].next_hop(P), "10.0.0.1");
}

#[test]
fn default_originate() {
    let default = "0.0.0.0/0";
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let sink = lab.peer(65002, |n| n.families[V4].as_mut().unwrap().default_originate = Some(None));
    assert_eq!(lab.wires[sink].as_path(default), "65000");
    assert_eq!(lab.wires[sink].next_hop(default), "10.0.0.254");
    assert!(!lab.wires[source].is_told(default));
    // A default route that is learnt does not take its place.
    lab.announce(source, &[default], &path(&[65001]));
    assert_eq!(lab.wires[sink].as_path(default), "65000");
    lab.change_family(sink, |f| f.default_originate = None);
    assert_eq!(lab.wires[sink].as_path(default), "65000 65001");
    lab.change_family(sink, |f| f.default_originate = Some(None));
    assert_eq!(lab.wires[sink].as_path(default), "65000");
    lab.withdraw(source, &[default]);
    assert_eq!(lab.wires[sink].as_path(default), "65000");
    lab.change_family(sink, |f| f.default_originate = None);
    assert!(!lab.wires[sink].is_told(default));
}

#[test]
fn default_originate_on_condition() {
    let default = "0.0.0.0/0";
    let mut lab = Lab::new(|_| {});
    let mut def = PolicyDef::default();
    map(&mut def, "COND", vec![entry(10, Action::Permit, vec![Match::Metric(7)], vec![])]);
    lab.policy(&def, &["COND"]);
    let source = lab.peer(65001, |_| {});
    let sink =
        lab.peer(65002, |n| n.families[V4].as_mut().unwrap().default_originate = Some(Some("COND".into())));
    assert!(!lab.wires[sink].is_told(default));
    lab.announce(source, &[P], &Attrs { med: Some(7), ..path(&[65001]) });
    assert!(lab.wires[sink].is_told(default));
    lab.withdraw(source, &[P]);
    assert!(!lab.wires[sink].is_told(default));
}

#[test]
fn a_limit_of_prefixes_sent() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let sink = lab.peer(65002, |n| n.families[V4].as_mut().unwrap().maximum_prefix_out = Some(2));
    lab.announce(source, &["192.0.1.0/24", "192.0.2.0/24", "192.0.3.0/24"], &path(&[65001]));
    assert_eq!(lab.wires[sink].table.len(), 2);
}

#[test]
fn sessions_with_narrow_as_numbers_get_as_trans() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let sink = lab.add(65002, |_| {});
    lab.wires[sink].open.capabilities.retain(|c| !matches!(c, Capability::FourOctetAs(_)));
    lab.up(sink);
    lab.announce(source, &[P], &path(&[65001, 4_200_000_001]));
    assert_eq!(lab.wires[sink].as_path(P), "65000 65001 4200000001", "AS4_PATH goes beside it");
}

#[test]
fn own_networks_are_sent_with_the_own_address() {
    let (mut lab, external, internal) = pair(65001, OWN_AS);
    lab.configure(|c| {
        c.families[V4].networks =
            vec![Network { prefix: super::lab::prefix(P), route_map: None, backdoor: false }];
    });
    assert_eq!(
        (lab.wires[external].as_path(P), lab.wires[external].next_hop(P)),
        ("65000".into(), "10.0.0.254".into())
    );
    assert_eq!(
        (lab.wires[internal].as_path(P), lab.wires[internal].next_hop(P)),
        (String::new(), "10.0.0.254".into())
    );
}
