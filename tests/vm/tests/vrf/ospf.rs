//! OSPFv2 and OSPFv3 in VRFs: the same addresses, router IDs and areas three times over, each with its own neighbor.

use ferr_testnet::{Error, Ferrd, FerrdProgram, Net};
use ferr_vm_tests::{LINK_LOCAL, in_kernel, wait_table};

use crate::set_up::{their_addresses, vrf};

fn interface(name: &str) -> String {
    format!(
        "interface {name}\n ip ospf area 0\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n ipv6 ospf6 area 0\n \
         ipv6 ospf6 hello-interval 1\n ipv6 ospf6 dead-interval 4\nexit\n"
    )
}

fn routers(suffix: &str, id: &str, inside: &str) -> String {
    format!(
        "router ospf{suffix}\n ospf router-id {id}\n{inside}exit\nrouter ospf6{suffix}\n ospf6 router-id {id}\n{inside}exit\n"
    )
}

/// Number N has external routes 10.N.0.0/16 and 2001:db8:N::/48.
fn theirs(number: u8) -> String {
    format!(
        "ip route 10.{number}.0.0/16 blackhole\nipv6 route 2001:db8:{number}::/48 blackhole\n{}{}",
        interface("eth0"),
        routers("", "10.0.0.2", " redistribute static\n")
    )
}

fn three_times(program: &FerrdProgram) -> Result<(), Error> {
    let net = Net::new("ospf")?;
    let us = net.host("us")?;
    let mut conf = String::new();
    let (mut hosts, mut others) = (Vec::new(), Vec::new());
    for (number, name) in (2..).zip(["blue", "red", "default"]) {
        let them = net.host(name)?;
        let link = format!("eth{number}");
        net.link(&us, &link, &them, "eth0")?;
        if name != "default" {
            vrf(&us, name, number * 10)?;
            us.ip(&format!("link set {link} master {name}"))?;
        }
        us.addr(&link, "192.0.2.1/24")?;
        us.addr(&link, "2001:db8:12::1/64")?;
        their_addresses(&them)?;
        conf.push_str(&interface(&link));
        let suffix = if name == "default" { String::new() } else { format!(" vrf {name}") };
        conf.push_str(&routers(&suffix, "10.0.0.1", ""));
        others.push(Ferrd::start(&them, program, &theirs(number as u8))?);
        hosts.push(them);
    }
    let ferrd = Ferrd::start(&us, program, &conf)?;
    for (number, table) in [(2, 20), (3, 30), (4, 254)] {
        let (v4, v6) = (format!("10.{number}.0.0/16"), format!("2001:db8:{number}::/48"));
        wait_table(&us, table, &[(v4.as_str(), "192.0.2.2", "ospf"), (v6.as_str(), LINK_LOCAL, "ospf")])?;
    }
    for name in ["blue", "red"] {
        let seen = ferrd.ospf_json(&format!("show ip ospf vrf {name} neighbor json"))?;
        assert!(seen.to_string().contains("10.0.0.2"), "{name}: {seen}");
    }

    // One neighbor's loss is nobody else's, and a VRF that is made again gets its neighbor again.
    drop(others.remove(0));
    wait_table(&us, 20, &[])?;
    wait_table(&us, 30, &[("10.3.0.0/16", "192.0.2.2", "ospf"), ("2001:db8:3::/48", LINK_LOCAL, "ospf")])?;
    us.ip("link del red")?;
    wait_table(&us, 30, &[])?;
    vrf(&us, "red", 31)?;
    us.ip("link set eth3 master red")?;
    us.ip("addr replace 2001:db8:12::1/64 dev eth3 nodad")?;
    wait_table(&us, 31, &[("10.3.0.0/16", "192.0.2.2", "ospf"), ("2001:db8:3::/48", LINK_LOCAL, "ospf")])?;
    wait_table(&us, 254, &[("10.4.0.0/16", "192.0.2.2", "ospf"), ("2001:db8:4::/48", LINK_LOCAL, "ospf")])
}

#[test]
fn the_same_network_in_three_vrfs() -> Result<(), Error> {
    in_kernel("ospf::the_same_network_in_three_vrfs", three_times)
}
