//! BFD sessions of BGP neighbors in VRFs: each sees its own peer only, with listeners for one VRF or for all.

use std::time::{Duration, Instant};

use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, Net, wait_until};
use ferr_vm_tests::{LINK_LOCAL, in_kernel, wait_table};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::set_up::{ROUTES, addresses, ours, pair, their_addresses, theirs, vrf, wait_state};

/// How long waiting goes on.
const LIMIT: Duration = Duration::from_secs(40);
/// Longer than any detection time here, which is 1.2 s.
const DETECTED: Duration = Duration::from_secs(3);

/// BFD for all neighbors of an instance, whose own timers are too slow to be what ends a session here.
fn with_bfd(vrf: &str, asn: u32, other: u8) -> String {
    let suffix = if vrf == "default" { String::new() } else { format!(" vrf {vrf}") };
    let mut text = format!("router bgp {asn}{suffix}\n");
    for net in ["192.0.2.", "2001:db8:12::"] {
        let peer = format!(" neighbor {net}{other}");
        text.push_str(&format!("{peer} timers 60 180\n{peer} bfd 4 300 300\n"));
    }
    text + "exit\n"
}

fn our_conf(vrf: &str) -> String {
    ours(vrf, None, false) + &with_bfd(vrf, 65001, 2)
}

fn their_conf(number: u8) -> String {
    theirs(number, None, true) + &with_bfd("default", 65002, 1)
}

fn accept_in_all(host: &Host, accept: &str) -> Result<(), Error> {
    host.sysctl("net.ipv4.tcp_l3mdev_accept", accept)?;
    host.sysctl("net.ipv4.udp_l3mdev_accept", accept)
}

fn sessions(ferrd: &Ferrd, vrf: &str, counters: &str) -> Result<Vec<Value>, Error> {
    let all = ferrd.bfd_json(&format!("show bfd vrf {vrf} peers{counters} json"))?;
    Ok(all.as_array().cloned().unwrap_or_default())
}

/// Waits until both sessions of a VRF are up, or neither is.
fn wait_bfd(ferrd: &Ferrd, vrf: &str, up: bool) -> Result<(), Error> {
    let status = if up { "up" } else { "down" };
    wait_until(LIMIT, format!("both sessions of BFD in {vrf} {status}"), || {
        let seen = sessions(ferrd, vrf, "").map_err(|e| e.to_string())?;
        let fits = seen.len() == 2 && seen.iter().all(|s| s["status"] == status);
        if fits { Ok(()) } else { Err(format!("{seen:?}")) }
    })
}

/// BFD and BGP of a VRF are up, with all routes.
fn wait_all(ferrd: &Ferrd, vrf: &str) -> Result<(), Error> {
    wait_bfd(ferrd, vrf, true)?;
    wait_state(ferrd, vrf, true)
}

/// How often the sessions of a VRF came up and went down.
fn changes(ferrd: &Ferrd, vrf: &str) -> Result<Vec<(String, u64, u64)>, Error> {
    let of = |s: &Value| {
        let number = |key: &str| s[key].as_u64().expect("a counter");
        (s["peer"].to_string(), number("session-up"), number("session-down"))
    };
    Ok(sessions(ferrd, vrf, " counters")?.iter().map(of).collect())
}

/// A peer falls silent, and the session of BGP ends long before its hold time.
fn dies(us: &Ferrd, them: &mut Ferrd, vrf: &str) -> Result<(), Error> {
    let start = Instant::now();
    them.process().signal(Signal::SIGSTOP);
    wait_bfd(us, vrf, false)?;
    wait_state(us, vrf, false)?;
    assert!(start.elapsed() < Duration::from_secs(20), "the hold time did it: {:?}", start.elapsed());
    for peer in ["192.0.2.2", "2001:db8:12::2"] {
        let all = us.bgp_json(&format!("show bgp vrf {vrf} neighbors {peer} json"))?;
        let reason = &all[peer]["lastResetDueTo"];
        assert!(reason.as_str().is_some_and(|r| r.contains("BFD")), "{peer}: {reason}");
    }
    Ok(())
}

fn silent_death(program: &FerrdProgram, accept: &str) -> Result<(), Error> {
    let net = Net::new("bfd")?;
    let (us, them) = pair(&net)?;
    accept_in_all(&us, accept)?;
    vrf(&us, "blue", 10)?;
    us.ip("link set eth0 master blue")?;
    addresses(&us)?;
    let ferrd = Ferrd::start(&us, program, &our_conf("blue"))?;
    let mut other = Ferrd::start(&them, program, &their_conf(2))?;
    wait_all(&ferrd, "blue")?;
    wait_table(&us, 10, &ROUTES)?;
    dies(&ferrd, &mut other, "blue")?;
    wait_table(&us, 10, &[ROUTES[0]])?;
    other.process().signal(Signal::SIGCONT);
    wait_all(&ferrd, "blue")?;
    wait_table(&us, 10, &ROUTES)
}

#[test]
fn silent_death_with_listener_per_vrf() -> Result<(), Error> {
    in_kernel("bfd::silent_death_with_listener_per_vrf", |program| silent_death(program, "0"))
}

#[test]
fn silent_death_with_global_listener() -> Result<(), Error> {
    in_kernel("bfd::silent_death_with_global_listener", |program| silent_death(program, "1"))
}

/// Another host with the same addresses as all others, on a link of its own.
fn one_more(net: &Net, us: &Host, number: u32, name: &str) -> Result<Host, Error> {
    let them = net.host(name)?;
    let interface = format!("eth{number}");
    net.link(us, &interface, &them, "eth0")?;
    if name != "default" {
        vrf(us, name, number * 10)?;
        us.ip(&format!("link set {interface} master {name}"))?;
    }
    us.addr(&interface, "192.0.2.1/24")?;
    us.addr(&interface, "2001:db8:12::1/64")?;
    their_addresses(&them)?;
    Ok(them)
}

/// What the table of a VRF holds of the other with `number`.
fn wait_routes(us: &Host, table: u32, number: u32) -> Result<(), Error> {
    let (v4, v6) = (format!("10.{number}.0.0/16"), format!("2001:db8:{number}::/48"));
    wait_table(us, table, &[ROUTES[0], (&v4, "192.0.2.2", "bgp"), (&v6, LINK_LOCAL, "bgp")])
}

const VRFS: [(u32, u32, &str); 3] = [(2, 20, "blue"), (3, 30, "red"), (4, 254, "default")];

fn overlapping(program: &FerrdProgram, accept: &str) -> Result<(), Error> {
    let net = Net::new("bfds")?;
    let us = net.host("us")?;
    accept_in_all(&us, accept)?;
    let (mut conf, mut others) = (String::new(), Vec::new());
    for (number, _, name) in VRFS {
        let them = one_more(&net, &us, number, name)?;
        conf.push_str(&our_conf(name));
        others.push(Ferrd::start(&them, program, &their_conf(number as u8))?);
    }
    let ferrd = Ferrd::start(&us, program, &conf)?;
    for (number, table, name) in VRFS {
        wait_all(&ferrd, name)?;
        wait_routes(&us, table, number)?;
    }
    for dead in [0, 2] {
        let others_of = || VRFS.iter().enumerate().filter(move |(at, _)| *at != dead).map(|(_, v)| *v);
        let before: Vec<_> = others_of().map(|(.., name)| changes(&ferrd, name)).collect::<Result<_, _>>()?;
        let (number, table, name) = VRFS[dead];
        dies(&ferrd, &mut others[dead], name)?;
        wait_table(&us, table, &[ROUTES[0]])?;
        std::thread::sleep(DETECTED);
        wait_bfd(&ferrd, name, false)?;
        for ((number, table, name), before) in others_of().zip(before) {
            wait_all(&ferrd, name)?;
            assert_eq!(changes(&ferrd, name)?, before, "{name} is not {}", VRFS[dead].2);
            wait_routes(&us, table, number)?;
        }
        others[dead].process().signal(Signal::SIGCONT);
        wait_all(&ferrd, name)?;
        wait_routes(&us, table, number)?;
    }
    Ok(())
}

#[test]
fn overlapping_with_listener_per_vrf() -> Result<(), Error> {
    in_kernel("bfd::overlapping_with_listener_per_vrf", |program| overlapping(program, "0"))
}

#[test]
fn overlapping_with_global_listener() -> Result<(), Error> {
    in_kernel("bfd::overlapping_with_global_listener", |program| overlapping(program, "1"))
}

/// Nobody here wants a session in red, whose other wants one; its address is that of the other in the default VRF.
#[test]
fn uninvited_from_a_vrf_without_sessions() -> Result<(), Error> {
    in_kernel("bfd::uninvited_from_a_vrf_without_sessions", |program| {
        let net = Net::new("bfdalien")?;
        let us = net.host("us")?;
        accept_in_all(&us, "1")?;
        let default = one_more(&net, &us, 4, "default")?;
        let red = one_more(&net, &us, 3, "red")?;
        let ferrd = Ferrd::start(&us, program, &(our_conf("default") + &ours("red", None, false)))?;
        let mut other = Ferrd::start(&default, program, &their_conf(4))?;
        wait_all(&ferrd, "default")?;
        let before = changes(&ferrd, "default")?;
        let alien = Ferrd::start(&red, program, &their_conf(3))?;
        wait_state(&ferrd, "red", true)?;
        std::thread::sleep(DETECTED);
        assert_eq!(changes(&ferrd, "default")?, before, "red's other was taken for that of the default VRF");
        wait_bfd(&alien, "default", false)?;
        dies(&ferrd, &mut other, "default")?;
        std::thread::sleep(DETECTED);
        wait_bfd(&ferrd, "default", false)?;
        wait_bfd(&alien, "default", false)
    })
}

/// The same on another network: while its VRF is gone, a link is in the default one.
fn elsewhere(conf: &str) -> String {
    conf.replace("192.0.2.", "203.0.113.").replace("2001:db8:12::", "2001:db8:13::")
}

/// Commands of `ip`, one right after the other.
fn batch(host: &Host, lines: &str) -> Result<(), Error> {
    let file = host.file("batch", lines)?;
    host.ip(&format!("-batch {}", file.display()))
}

fn made_again(program: &FerrdProgram, accept: &str) -> Result<(), Error> {
    let net = Net::new("bfdagain")?;
    let us = net.host("us")?;
    accept_in_all(&us, accept)?;
    let (blue, default) = (one_more(&net, &us, 2, "blue")?, net.host("default")?);
    net.link(&us, "eth4", &default, "eth0")?;
    for (host, interface, number) in [(&us, "eth4", 1), (&default, "eth0", 2)] {
        host.addr(interface, &format!("203.0.113.{number}/24"))?;
        host.addr(interface, &format!("2001:db8:13::{number}/64"))?;
    }
    let ferrd = Ferrd::start(&us, program, &(our_conf("blue") + &elsewhere(&our_conf("default"))))?;
    let other = Ferrd::start(&blue, program, &their_conf(2))?;
    let _beside = Ferrd::start(&default, program, &elsewhere(&their_conf(4)))?;
    wait_all(&ferrd, "blue")?;
    wait_all(&ferrd, "default")?;
    let before = changes(&ferrd, "default")?;
    // Gone for long, then for no time at all.
    for (table, long) in [(20, true), (21, true), (21, false)] {
        let again = format!(
            "link add blue type vrf table {table}\nlink set blue up\nlink set eth2 master blue\n\
             addr replace 2001:db8:12::1/64 dev eth2 nodad\n"
        );
        if long {
            us.ip("link del blue")?;
            wait_until(LIMIT, "no session of BFD in blue", || {
                let seen = sessions(&ferrd, "blue", "").map_err(|e| e.to_string())?;
                if seen.is_empty() { Ok(()) } else { Err(format!("{seen:?}")) }
            })?;
            wait_bfd(&other, "default", false)?;
            batch(&us, &again)?;
        } else {
            batch(&us, &format!("link del blue\n{again}"))?;
            // What goes on with sockets of the old device is not seen earlier.
            std::thread::sleep(DETECTED);
        }
        wait_all(&ferrd, "blue")?;
        wait_bfd(&other, "default", true)?;
        wait_all(&ferrd, "default")?;
        assert_eq!(changes(&ferrd, "default")?, before, "the default VRF was disturbed");
    }
    Ok(())
}

#[test]
fn vrf_made_again_with_listener_per_vrf() -> Result<(), Error> {
    in_kernel("bfd::vrf_made_again_with_listener_per_vrf", |program| made_again(program, "0"))
}

#[test]
fn vrf_made_again_with_global_listener() -> Result<(), Error> {
    in_kernel("bfd::vrf_made_again_with_global_listener", |program| made_again(program, "1"))
}

/// Between addresses of the VRF's own device, which is its loopback.
#[test]
fn multihop_between_loopbacks() -> Result<(), Error> {
    in_kernel("bfd::multihop_between_loopbacks", |program| {
        let net = Net::new("bfdhops")?;
        let (us, them) = pair(&net)?;
        accept_in_all(&us, "1")?;
        vrf(&us, "blue", 10)?;
        us.ip("link set eth0 master blue")?;
        addresses(&us)?;
        us.addr("blue", "10.255.0.1/32")?;
        them.addr("lo", "10.255.0.2/32")?;
        let conf = |head: &str, local: u8, other: u8, other_as: u32| {
            let peer = format!(" neighbor 10.255.0.{other}");
            format!(
                "{head} no bgp ebgp-requires-policy\n{peer} remote-as {other_as}\n{peer} ebgp-multihop 3\n\
                 {peer} update-source 10.255.0.{local}\n{peer} timers 60 180\n{peer} timers connect 1\n\
                 {peer} bfd 4 300 300\nexit\n"
            )
        };
        let ours = "vrf blue\n ip route 10.255.0.2/32 192.0.2.2\nexit-vrf\n".to_owned()
            + &conf("router bgp 65001 vrf blue\n bgp router-id 10.255.0.1\n", 1, 2, 65002);
        let theirs = "ip route 10.255.0.1/32 192.0.2.1\n".to_owned()
            + &conf("router bgp 65002\n bgp router-id 10.255.0.2\n", 2, 1, 65001);
        let ferrd = Ferrd::start(&us, program, &ours)?;
        let mut other = Ferrd::start(&them, program, &theirs)?;
        let one = |status: &str| {
            wait_until(LIMIT, format!("one session of BFD {status}"), || {
                let seen = sessions(&ferrd, "blue", "").map_err(|e| e.to_string())?;
                let fits = matches!(&*seen, [s] if s["status"] == status && s["multihop"] == true);
                if fits { Ok(()) } else { Err(format!("{seen:?}")) }
            })
        };
        one("up")?;
        other.process().signal(Signal::SIGSTOP);
        one("down")?;
        other.process().signal(Signal::SIGCONT);
        one("up")
    })
}

/// Echoes come back to the session whose packets they are, though another VRF has the same addresses.
#[test]
fn echoes_in_a_vrf() -> Result<(), Error> {
    in_kernel("bfd::echoes_in_a_vrf", |program| {
        let net = Net::new("bfdecho")?;
        let us = net.host("us")?;
        let echo = "bfd\n profile echo\n  echo-mode\n exit\nexit\n";
        let profile = |vrf: &str| {
            let suffix = if vrf == "default" { String::new() } else { format!(" vrf {vrf}") };
            format!("router bgp 65001{suffix}\n neighbor 192.0.2.2 bfd profile echo\nexit\n")
        };
        let (mut conf, mut others) = (echo.to_owned(), Vec::new());
        for (number, _, name) in VRFS {
            let them = one_more(&net, &us, number, name)?;
            conf.push_str(&(our_conf(name) + &profile(name)));
            others.push(Ferrd::start(&them, program, &their_conf(number as u8))?);
        }
        let ferrd = Ferrd::start(&us, program, &conf)?;
        let back = |vrf: &str| {
            let all = sessions(&ferrd, vrf, " counters")?;
            let one = all.iter().find(|s| s["peer"] == "192.0.2.2");
            Ok::<_, Error>(one.and_then(|s| s["echo-packet-input"].as_u64()).unwrap_or_default())
        };
        for (.., name) in VRFS {
            wait_all(&ferrd, name)?;
            wait_until(LIMIT, format!("echoes in {name}"), || {
                let seen = back(name).map_err(|e| e.to_string())?;
                if seen > 20 { Ok(()) } else { Err(seen.to_string()) }
            })?;
        }
        dies(&ferrd, &mut others[1], "red")?;
        std::thread::sleep(DETECTED);
        let before = (back("blue")?, back("red")?, back("default")?);
        std::thread::sleep(Duration::from_secs(1));
        let after = (back("blue")?, back("red")?, back("default")?);
        assert!(before.0 < after.0 && before.2 < after.2, "{before:?} {after:?}");
        assert_eq!(before.1, after.1, "the session of red is down");
        wait_all(&ferrd, "blue")?;
        wait_all(&ferrd, "default")
    })
}
