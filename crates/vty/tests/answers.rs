//! What commands print, held as snapshots.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::World;

fn snapshot(world: &World, daemon: &str, command: &str) {
    snapshot_as(daemon, world, daemon, command);
}

/// Under a name of its own, for worlds other than the usual one.
fn snapshot_as(kind: &str, world: &World, daemon: &str, command: &str) {
    let mut client = world.connect(daemon);
    client.run("enable");
    let (text, status) = client.run(command);
    let name = command.replace([' ', '/', ':', '.'], "_");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("{kind}__{name}"), format!("status {status}\n{text}"));
    });
}

#[test]
fn bgp() {
    let world = World::new();
    for command in [
        "show ip bgp summary",
        "show ip bgp summary wide",
        "show ip bgp summary failed",
        "show bgp summary json",
        "show bgp vrf all ipv4 unicast summary failed json",
        "show ip bgp",
        "show ip bgp json",
        "show ip bgp wide",
        "show bgp vrf all ipv4 json",
        "show ip bgp 10.50.1.0/24",
        "show ip bgp 10.50.1.9 json",
        "show ip bgp 1.1.1.1/32 bestpath",
        "show bgp ipv4 unicast 10.93.0.0/24",
        "show bgp ipv4 unicast 10.93.0.0/24 json",
        "show bgp 10.50.1.0/24",
        "show bgp neighbors 10.255.0.2",
        "show bgp neighbors 10.255.0.2 json",
        "show ip bgp neighbors 10.0.12.77 json",
        "show ip bgp neighbors 192.0.2.1 json",
        "show ip bgp neighbor 10.255.0.2 advertised-routes",
        "show ip bgp neighbor 10.255.0.2 advertised-routes json",
        "show ip bgp neighbor 10.255.0.2 routes json",
        "show ip bgp neighbor 10.255.0.2 received-routes json",
        "show ip bgp neighbor 10.255.0.2 prefix-counts json",
        "show ip bgp regexp ^65002$",
        "show ip bgp 10.0.0.0/8 longer-prefixes json",
        "show ip bgp cidr-only",
        "show ip bgp prefix-list NONE",
        "show bgp vrfs json",
        "show bgp update-groups",
        "show ip bgp nexthop",
        "show bgp ipv4 unicast statistics json",
        "show bgp as-path-access-list json",
        "show bgp community-list",
        "show route-map RIN json",
        "show bgp vrf all l2vpn evpn summary json",
        "clear bgp 10.9.9.9",
    ] {
        snapshot(&world, "bgpd", command);
    }
}

#[test]
fn damping() {
    let world = World::restless();
    for command in [
        "show bgp ipv4 unicast",
        "show bgp ipv4 unicast json",
        "show bgp ipv4 unicast dampening flap-statistics",
        "show bgp ipv4 unicast dampening flap-statistics json",
        "show bgp ipv4 unicast dampening dampened-paths",
        "show bgp ipv4 unicast dampening dampened-paths json",
        "show bgp ipv4 unicast dampening parameters",
        "show bgp ipv4 unicast dampening parameters json",
        "show bgp ipv6 unicast dampening parameters",
        "show bgp ipv4 unicast neighbors 10.255.0.2 flap-statistics",
        "show bgp ipv4 unicast neighbors 10.255.0.2 dampened-routes",
        "show ip bgp 10.50.1.0/24",
        "show ip bgp 10.50.2.0/24",
        "show ip bgp 10.50.1.0/24 json",
        "show ip bgp 10.50.2.0/24 json",
        "show bgp ipv4 unicast summary",
        "show bgp ipv4 unicast summary json",
    ] {
        snapshot_as("damping", &world, "bgpd", command);
    }
    world.ask("bgpd", "clear ip bgp dampening 10.50.1.0 255.255.255.0");
    assert!(world.ask("bgpd", "show bgp ipv4 unicast").contains("*> 10.50.1.0/24"));
    world.ask("bgpd", "clear ip bgp dampening 10.50.2.0/24");
    assert!(!world.ask("bgpd", "show bgp ipv4 unicast").contains("10.50.2.0/24"));
    world.ask("bgpd", "clear ip bgp dampening");
}

#[test]
fn zebra() {
    let world = World::new();
    for command in [
        "show ip route",
        "show ip route json",
        "show ip route vrf all",
        "show ip route vrf all summary json",
        "show ip route summary",
        "show ip route 10.94.0.0/24",
        "show ip route 10.60.1.9 json",
        "show ip route 10.93.0.0/24 json",
        "show ip route static",
        "show ip route bgp json",
        "show ip fib",
        "show ipv6 route",
        "show ip route 10.64.0.0/10 longer-prefixes",
        "show interface eth12",
        "show interface eth12 json",
        "show interface brief",
        "show interface brief json",
        "show interface description",
        "show vrf",
        "show nexthop-group rib",
        "show ip nht",
        "show ip prefix-list",
        "show ip prefix-list detail json",
        "show ip access-list",
        "show ip access-list json",
        "show route-map",
        "show version",
        "show evpn vni json",
    ] {
        snapshot(&world, "zebra", command);
    }
}

#[test]
fn others() {
    let world = World::new();
    for (daemon, command) in [
        ("watchfrr", "show watchfrr"),
        ("ospfd", "show ip ospf vrf all json"),
        ("ospfd", "show ip ospf vrf all neighbor json"),
        ("ospf6d", "show ipv6 ospf6 neighbor json"),
        ("bfdd", "show running-config"),
        ("ferr", "show running-config"),
        ("ferr", "XFERR_complete show ip bgp n"),
    ] {
        snapshot(&world, daemon, command);
    }
}
