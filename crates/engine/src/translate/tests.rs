//! Translations of small configurations.

mod keys;
mod sessions;

use std::collections::HashSet;
use std::net::IpAddr;

use ferr_bgp::config::{Reach, RemoteAs};
use ferr_policy::{Action, PolicyRoute, PolicySet};
use ferr_rib::{Address, Link, LinkKind};
use ferr_state::NO_VRF;
use ferr_types::attr::PathAttributes;
use ferr_types::{Asn, Family, Gateway, IfIndex, Prefix, Protocol, VrfId};

use super::{bgp, policy, statics};
use crate::surroundings::Surroundings;

fn parse(text: &str) -> ferr_config::Config {
    let outcome = ferr_config::parse("test.conf", text);
    assert_eq!(outcome.errors().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    outcome.config
}

fn link(ifindex: u32, name: &str, vrf: u32, kind: LinkKind) -> Link {
    Link {
        ifindex: IfIndex(ifindex),
        name: name.to_owned(),
        up: true,
        running: true,
        vrf: VrfId(vrf),
        master: IfIndex(vrf),
        kind,
        mtu: 1500,
        mac: vec![2, 0, 0, 0, 0, ifindex as u8],
        flags: 0,
        lower: IfIndex(0),
        speed: 0,
    }
}

/// `lo` with 10.0.0.1/32 and 2001:db8::1/128, `eth0` with 192.0.2.1/24, VRF `blue` (7) with `eth1` and 198.51.100.1/24.
fn around() -> Surroundings {
    let links = [
        link(1, "lo", 0, LinkKind::Loopback),
        link(2, "eth0", 0, LinkKind::Other),
        link(7, "blue", 7, LinkKind::Vrf(ferr_types::TableId(10))),
        link(3, "eth1", 7, LinkKind::Other),
    ];
    let addresses = [
        (1, "127.0.0.1/8"),
        (1, "10.0.0.1/32"),
        (1, "2001:db8::1/128"),
        (2, "192.0.2.1/24"),
        (2, "fe80::2/64"),
        (3, "198.51.100.1/24"),
    ];
    Surroundings {
        links: links.into_iter().map(|l| (l.ifindex, l)).collect(),
        addresses: addresses
            .iter()
            .map(|(i, a)| Address {
                ifindex: IfIndex(*i),
                addr: a.parse().unwrap(),
                peer: None,
                secondary: false,
            })
            .collect(),
        vrfs: [("default".to_owned(), VrfId(0)), ("blue".to_owned(), VrfId(7))].into(),
        hostname: None,
        synced: true,
    }
}

#[test]
fn statics_of_one_prefix_and_distance_are_one_offer() {
    let config = parse(
        "ip route 10.1.0.0/16 192.0.2.2\nip route 10.1.0.0/16 192.0.2.3 tag 5\nip route 10.1.0.0/16 Null0 250\n\
         ip route 10.2.0.0/16 192.0.2.2 nosuch\nip route 10.3.0.0/16 eth0\n\
         vrf blue\n ip route 10.1.0.0/16 198.51.100.2 nexthop-vrf default\nexit-vrf\n",
    );
    let offers = statics::statics(&config, &around());
    let find = |vrf: u32, prefix: &str, distance: u16| {
        let prefix: Prefix = prefix.parse().unwrap();
        offers
            .iter()
            .find(|(k, _)| k.vrf == VrfId(vrf) && k.prefix == prefix && k.instance == distance)
            .map(|(_, spec)| spec)
    };
    assert_eq!(find(0, "10.1.0.0/16", 1).unwrap().nexthops.len(), 2);
    let discard = find(0, "10.1.0.0/16", 250).unwrap();
    assert!(matches!(discard.nexthops.as_slice()[0].gateway, Gateway::Blackhole(_)));
    assert_eq!(find(0, "10.2.0.0/16", 1), None, "its interface does not exist yet");
    let direct = find(0, "10.3.0.0/16", 1).unwrap().nexthops.as_slice()[0].gateway;
    assert_eq!(direct, Gateway::Interface(IfIndex(2)));
    assert_eq!(find(7, "10.1.0.0/16", 1).unwrap().nexthops.as_slice()[0].vrf, VrfId(0));
    assert_eq!(offers.len(), 4);
}

#[test]
fn a_watched_static_route_is_guarded_by_its_gateway() {
    let config = parse(
        "ip route 10.1.0.0/16 192.0.2.2 bfd\nip route 10.2.0.0/16 192.0.2.2\n\
         ip route 10.3.0.0/16 192.0.2.2 eth0 bfd profile p\n",
    );
    let offers = statics::statics(&config, &around());
    let guards: Vec<_> = offers.values().map(|spec| spec.nexthops.as_slice()[0].guard).collect();
    let gateway = Some("192.0.2.2".parse().unwrap());
    assert_eq!(guards, [gateway, None, gateway]);
}

#[test]
fn neighbors_are_translated_with_their_group_and_surroundings() {
    let config = parse(
        "router bgp 65001\n neighbor RR peer-group\n neighbor RR remote-as 65001\n neighbor RR update-source lo\n\
         neighbor RR password sesame\n neighbor 10.0.0.2 peer-group RR\n neighbor 2001:db8::2 peer-group RR\n\
         neighbor 192.0.2.2 remote-as 65002\n neighbor 192.0.2.3 remote-as 65003\n neighbor 192.0.2.3 ttl-security hops 2\n\
         neighbor 192.0.2.4 remote-as 65004\n neighbor 192.0.2.4 ebgp-multihop 5\n neighbor eth0 interface remote-as external\n\
         neighbor EMPTY peer-group\n bgp listen range 192.0.2.128/25 peer-group RR\n\
         address-family ipv4 unicast\n  redistribute static\n  neighbor 10.0.0.2 next-hop-self force\n exit-address-family\nexit\n\
         router bgp 65010 vrf blue\nexit\nrouter bgp 65011 vrf red\n address-family ipv4 unicast\n  redistribute static\n\
         exit-address-family\nexit\n",
    );
    let all = bgp::bgp(&config, &around());
    let vrfs: Vec<(&str, VrfId)> = all.instances.iter().map(|(n, i)| (n.as_str(), i.config.vrf)).collect();
    assert_eq!(vrfs, [("blue", VrfId(7)), ("default", VrfId(0)), ("red", NO_VRF)], "red does not exist");
    assert!(all.instances["red"].redistribute.is_empty());
    let default = &all.instances["default"];
    assert_eq!(default.config.router_id.0.to_string(), "10.0.0.1", "loopbacks come first");
    assert_eq!(all.instances["blue"].config.router_id.0.to_string(), "198.51.100.1");
    assert_eq!(all.instances["blue"].device.as_deref(), Some("blue"));
    let neighbor = |name: &str| &default.neighbors[name];
    let internal = neighbor("10.0.0.2");
    assert_eq!(internal.config.update_source, Some("10.0.0.1".parse::<IpAddr>().unwrap()));
    assert_eq!(internal.config.reach, Reach::Multihop(255));
    assert_eq!(internal.transport.password.as_ref().unwrap().reveal(), "sesame");
    assert!(!format!("{:?}", internal.transport).contains("sesame"));
    let v6 = neighbor("2001:db8::2");
    assert_eq!(v6.config.update_source, Some("2001:db8::1".parse::<IpAddr>().unwrap()));
    assert_eq!(neighbor("192.0.2.2").config.reach, Reach::Direct);
    assert_eq!(neighbor("192.0.2.3").config.reach, Reach::TtlSecurity(2));
    assert_eq!(neighbor("192.0.2.4").config.reach, Reach::Multihop(5));
    let unnumbered = &neighbor("eth0").config;
    assert_eq!((unnumbered.interface, unnumbered.addr), (Some(IfIndex(2)), None));
    assert_eq!(unnumbered.remote_as, RemoteAs::External);
    assert_eq!(default.listen.len(), 1);
    assert_eq!(default.redistribute[0].protocol, Protocol::Static);
    let family = internal.config.families[Family::Ipv4Unicast].as_ref().unwrap();
    assert_eq!(family.next_hop_self, ferr_bgp::config::NexthopSelf::Force);
    assert_eq!(internal.config.families[Family::Ipv6Unicast], None);
}

#[test]
fn sessions_know_their_own_addresses() {
    let around = around();
    let ip = |s: &str| s.parse::<IpAddr>().unwrap();
    let direct = around.session_addresses(VrfId(0), ip("192.0.2.1"), ip("192.0.2.9"));
    assert_eq!((direct.ifindex, direct.link), (IfIndex(2), Some("192.0.2.0/24".parse().unwrap())));
    assert_eq!(direct.v6_link_local, Some("fe80::2".parse().unwrap()));
    let multihop = around.session_addresses(VrfId(0), ip("10.0.0.1"), ip("10.0.0.2"));
    assert_eq!((multihop.v4, multihop.link), (Some("10.0.0.1".parse().unwrap()), None));
    assert_eq!(multihop.v6_global, Some("2001:db8::1".parse().unwrap()));
    assert_eq!(around.session_addresses(VrfId(7), ip("192.0.2.1"), ip("192.0.2.9")).ifindex, IfIndex(0));
}

#[test]
fn policy_keeps_its_meaning() {
    let config = parse(
        "ip prefix-list ANY seq 5 permit any\nbgp community-list standard ALL seq 5 permit internet\n\
         route-map M permit 10\n match ip address prefix-list ANY\n match community ALL\n set local-preference +20\n set as-path prepend 7 7\nexit\n",
    );
    let (set, errors) = PolicySet::compile(&policy::policy(&config));
    assert_eq!(errors, []);
    let run = |prefix: &str| {
        let mut route = PolicyRoute::new(prefix.parse().unwrap(), PathAttributes::default());
        let action = set.route_map("M").unwrap().apply(&set, &mut route);
        (action, route.attributes.local_pref, route.as_path().asns().collect::<Vec<_>>())
    };
    assert_eq!(run("10.0.0.0/8"), (Action::Permit, Some(120), vec![Asn(7), Asn(7)]));
    assert_eq!(run("2001:db8::/32").0, Action::Deny);
}

#[test]
fn a_change_reaches_everything_that_refers_to_it() {
    let text = |len: u8| {
        format!(
            "ip prefix-list P seq 5 permit 10.0.0.0/8 le {len}\nip prefix-list OTHER seq 5 permit any\n\
             route-map INNER permit 10\n match ip address prefix-list P\nexit\n\
             route-map OUTER permit 10\n call INNER\nexit\nroute-map APART permit 10\nexit\n"
        )
    };
    let (old, new) = (policy::policy(&parse(&text(16))), policy::policy(&parse(&text(24))));
    let changed = policy::changed_names(&old, &new);
    let expected: HashSet<String> = ["P", "INNER", "OUTER"].map(str::to_owned).into();
    assert_eq!(changed, expected);
    assert!(policy::changed_names(&new, &new).is_empty());
}

/// Applying the same configuration twice must not differ: what is compared is what decides about events.
#[test]
fn translation_is_a_function() {
    let text = include_str!("../../../config/tests/data/wide.conf");
    let (a, b) = (ferr_config::parse("a", text).config, ferr_config::parse("b", text).config);
    let around = around();
    assert_eq!(bgp::bgp(&a, &around), bgp::bgp(&b, &around));
    assert_eq!(statics::statics(&a, &around), statics::statics(&b, &around));
    assert_eq!(policy::policy(&a), policy::policy(&b));
}

#[test]
fn protocol_route_maps_filter_and_set_the_source() {
    use ferr_types::{Distance, Metric, Nexthop, NexthopSet, RouteKey, RouteSpec, RouteUpdate, Tag};
    let config = parse(
        "ip prefix-list OWN seq 5 permit 10.0.0.0/8 le 32\nroute-map SRC permit 10\n match ip address prefix-list OWN\n\
         set src 10.0.0.1\nexit\nip protocol any route-map NOSUCH\nip protocol bgp route-map SRC\n",
    );
    let around = around();
    let (set, _) = PolicySet::compile(&policy::policy(&config));
    let maps = crate::route_filter::maps(&config, &around);
    let filter = crate::route_filter::RouteFilter::new(std::sync::Arc::new(set), maps);
    let run = |prefix: &str, protocol: Protocol| {
        let key =
            RouteKey { vrf: VrfId(0), table: None, prefix: prefix.parse().unwrap(), protocol, instance: 0 };
        let via = Nexthop::via("192.0.2.2".parse().unwrap(), VrfId(0));
        let spec = RouteSpec {
            distance: Distance(20),
            metric: Metric(0),
            tag: Tag(0),
            nexthops: NexthopSet::one(via),
            backup: NexthopSet::default(),
            internal: false,
            source: None,
        };
        match filter.apply(RouteUpdate::Set(key, spec.into())) {
            RouteUpdate::Set(_, spec) => Some(spec.source),
            RouteUpdate::Withdraw(_) => None,
        }
    };
    assert_eq!(run("10.1.0.0/16", Protocol::Bgp), Some(Some("10.0.0.1".parse().unwrap())));
    assert_eq!(run("172.16.0.0/12", Protocol::Bgp), None, "refused");
    assert_eq!(run("10.1.0.0/16", Protocol::Static), None, "its route-map does not exist");
    assert_eq!(run("2001:db8::/32", Protocol::Static), Some(None), "the statement is for IPv4");
}
