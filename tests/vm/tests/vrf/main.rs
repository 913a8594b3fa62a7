//! Everything about VRF devices: sessions with keys in them, tables, overlapping addresses, their coming and going.

mod bfd;
mod lab;
mod leak;
mod links;
mod order;
mod ospf;
mod set_up;
mod tunnel;

use std::thread;
use std::time::{Duration, Instant};

use ferr_testnet::{Error, Ferrd, FerrdProgram, Net};
use ferr_vm_tests::{LINK_LOCAL, in_kernel, wait_table};

use set_up::{ROUTES, Side, ours, pair, state, theirs, vrf, wait_state};

/// Long enough for several connection attempts, which come every second.
const ATTEMPTS: Duration = Duration::from_secs(4);

fn key_in_vrf(program: &FerrdProgram, accept: &str, who_calls: Side) -> Result<(), Error> {
    let net = Net::new("key")?;
    let (us, them) = pair(&net)?;
    us.sysctl("net.ipv4.tcp_l3mdev_accept", accept)?;
    vrf(&us, "blue", 10)?;
    us.ip("link set eth0 master blue")?;
    set_up::addresses(&us)?;
    let ferrd = Ferrd::start(&us, program, &ours("blue", Some("right"), who_calls == Side::Them))?;
    let other = Ferrd::start(&them, program, &theirs(2, Some("right"), who_calls == Side::Us))?;
    wait_state(&ferrd, "blue", true)?;
    wait_table(&us, 10, &ROUTES)?;
    wait_table(&us, 254, &[])?;
    them.wait_route("198.51.100.0/24", true)?;

    // Another key of theirs ends it, and no attempt passes.
    other.configure(&[
        "router bgp 65002",
        "neighbor 192.0.2.1 password wrong",
        "neighbor 2001:db8:12::1 password wrong",
    ])?;
    wait_state(&ferrd, "blue", false)?;
    let end = Instant::now() + ATTEMPTS;
    while Instant::now() < end {
        assert!(state(&ferrd, "blue")?.iter().all(|s| s != "Established"), "a wrong key was accepted");
        thread::sleep(Duration::from_millis(200));
    }
    wait_table(&us, 10, &[ROUTES[0]])?;

    // The same key on our side heals it.
    ferrd.configure(&[
        "router bgp 65001 vrf blue",
        "neighbor 192.0.2.2 password wrong",
        "neighbor 2001:db8:12::2 password wrong",
    ])?;
    wait_state(&ferrd, "blue", true)?;
    wait_table(&us, 10, &ROUTES)
}

#[test]
fn key_with_global_listener_when_they_call() -> Result<(), Error> {
    in_kernel("key_with_global_listener_when_they_call", |program| key_in_vrf(program, "1", Side::Them))
}

#[test]
fn key_with_global_listener_when_we_call() -> Result<(), Error> {
    in_kernel("key_with_global_listener_when_we_call", |program| key_in_vrf(program, "1", Side::Us))
}

#[test]
fn key_with_listener_per_vrf_when_they_call() -> Result<(), Error> {
    in_kernel("key_with_listener_per_vrf_when_they_call", |program| key_in_vrf(program, "0", Side::Them))
}

#[test]
fn key_with_listener_per_vrf_when_we_call() -> Result<(), Error> {
    in_kernel("key_with_listener_per_vrf_when_we_call", |program| key_in_vrf(program, "0", Side::Us))
}

/// Two VRFs and the default one, all with the same addresses, each peer with a key of its own.
fn overlapping(program: &FerrdProgram, accept: &str) -> Result<(), Error> {
    let net = Net::new("overlap")?;
    let us = net.host("us")?;
    us.sysctl("net.ipv4.tcp_l3mdev_accept", accept)?;
    let mut conf = String::new();
    let (mut hosts, mut others) = (Vec::new(), Vec::new());
    for (number, (name, key)) in (2..).zip([("blue", "key-b"), ("red", "key-r"), ("default", "key-d")]) {
        let them = net.host(name)?;
        let interface = format!("eth{number}");
        net.link(&us, &interface, &them, "eth0")?;
        if name != "default" {
            vrf(&us, name, number * 10)?;
            us.ip(&format!("link set {interface} master {name}"))?;
        }
        us.addr(&interface, "192.0.2.1/24")?;
        us.addr(&interface, "2001:db8:12::1/64")?;
        set_up::their_addresses(&them)?;
        conf.push_str(&ours(name, Some(key), true));
        others.push(Ferrd::start(&them, program, &theirs(number as u8, Some(key), false))?);
        hosts.push(them);
    }
    let ferrd = Ferrd::start(&us, program, &conf)?;
    for (number, table, name) in [(2, 20, "blue"), (3, 30, "red"), (4, 254, "default")] {
        wait_state(&ferrd, name, true)?;
        let (v4, v6) = (format!("10.{number}.0.0/16"), format!("2001:db8:{number}::/48"));
        let bgp4 = (v4.as_str(), "192.0.2.2", "bgp");
        let bgp6 = (v6.as_str(), LINK_LOCAL, "bgp");
        wait_table(&us, table, &[ROUTES[0], bgp4, bgp6])?;
    }

    // What one of them loses is the others' no loss.
    drop(others.remove(0));
    wait_table(&us, 20, &[ROUTES[0]])?;
    wait_state(&ferrd, "red", true)?;
    wait_state(&ferrd, "default", true)
}

#[test]
fn overlapping_addresses_with_listener_per_vrf() -> Result<(), Error> {
    in_kernel("overlapping_addresses_with_listener_per_vrf", |program| overlapping(program, "0"))
}

#[test]
fn overlapping_addresses_with_global_listener() -> Result<(), Error> {
    in_kernel("overlapping_addresses_with_global_listener", |program| overlapping(program, "1"))
}

#[test]
fn deleted_and_made_again() -> Result<(), Error> {
    in_kernel("deleted_and_made_again", |program| {
        let net = Net::new("again")?;
        let (us, them) = pair(&net)?;
        vrf(&us, "blue", 10)?;
        us.ip("link set eth0 master blue")?;
        us.addr("eth0", "192.0.2.1/24")?;
        us.addr("eth0", "2001:db8:12::1/64")?;
        let ferrd = Ferrd::start(&us, program, &ours("blue", Some("key"), false))?;
        let _other = Ferrd::start(&them, program, &theirs(2, Some("key"), false))?;
        wait_state(&ferrd, "blue", true)?;
        wait_table(&us, 10, &ROUTES)?;
        // The same table, then another one.
        for table in [10, 11] {
            us.ip("link del blue")?;
            wait_state(&ferrd, "blue", false)?;
            wait_table(&us, 10, &[])?;
            wait_table(&us, 254, &[])?;
            vrf(&us, "blue", table)?;
            us.ip("link set eth0 master blue")?;
            // IPv6 addresses do not survive a change of the VRF.
            us.ip("addr replace 2001:db8:12::1/64 dev eth0 nodad")?;
            wait_state(&ferrd, "blue", true)?;
            wait_table(&us, table, &ROUTES)?;
        }
        wait_table(&us, 10, &[])
    })
}

#[test]
fn what_a_killed_run_left_goes_by_vrf() -> Result<(), Error> {
    in_kernel("what_a_killed_run_left_goes_by_vrf", |program| {
        let net = Net::new("killed")?;
        let us = net.host("us")?;
        let mut conf = String::new();
        let (mut hosts, mut others) = (Vec::new(), Vec::new());
        for (number, name) in (2..).zip(["blue", "red"]) {
            let them = net.host(name)?;
            let interface = format!("eth{number}");
            net.link(&us, &interface, &them, "eth0")?;
            vrf(&us, name, number * 10)?;
            us.ip(&format!("link set {interface} master {name}"))?;
            us.addr(&interface, "192.0.2.1/24")?;
            us.addr(&interface, "2001:db8:12::1/64")?;
            set_up::their_addresses(&them)?;
            conf.push_str(&ours(name, None, false));
            others.push(Ferrd::start(&them, program, &theirs(2, None, false))?);
            hosts.push(them);
        }
        // The bound is too far away to be what takes routes along.
        let mut bounded = program.clone();
        bounded.prefix.extend(["-K".into(), "200".into()]);
        let mut ferrd = Ferrd::start(&us, &bounded, &conf)?;
        wait_table(&us, 20, &ROUTES)?;
        wait_table(&us, 30, &ROUTES)?;

        // While we are away blue's neighbor changes what it says, and red's has nothing to say.
        ferrd.process().kill();
        drop(others);
        let blue = Ferrd::start(&hosts[0], program, &theirs(3, None, false))?;
        ferrd.restart()?;
        wait_table(
            &us,
            20,
            &[ROUTES[0], ("10.3.0.0/16", "192.0.2.2", "bgp"), ("2001:db8:3::/48", LINK_LOCAL, "bgp")],
        )?;
        wait_table(&us, 30, &ROUTES)?;
        drop(blue);
        wait_table(&us, 20, &[ROUTES[0]])
    })
}
