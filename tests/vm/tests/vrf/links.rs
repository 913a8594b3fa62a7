//! Links that the daemon owns: the order in which everything comes leaves no trace, damage heals, and a new start finds the old one's.

use std::fs;
use std::process::Command;

use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, Net};
use ferr_vm_tests::{Entry, in_kernel, table, wait_table};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::set_up;

const VRF: &str = "vrf CORE\n table 200\n ip route 198.51.100.0/24 192.0.2.77\nexit-vrf\n";
const LINKS: &str = "interface dum0\n link dummy\n vrf CORE\n ip address 10.0.0.1/32\n ipv6 address 2001:db8::1/128\nexit\n\
    interface eth0\n vrf CORE\n ip address 192.0.2.1/24\nexit\n\
    interface eth0.10\n link vlan id 10 dev eth0\n vrf CORE\n mtu 1400\n ip address 10.10.0.1/24\nexit\n";
const NAMES: [&str; 4] = ["CORE", "dum0", "eth0", "eth0.10"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The VRF is configured.
    Vrf,
    /// The links in it are configured.
    Links,
    /// The physical link appears.
    Wire,
    Daemon,
}

/// A link without its number: name, kind, master, flags of the operator, MTU, addresses.
type Link = (String, String, String, bool, u64, Vec<String>);

/// All that counts in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Picture {
    links: Vec<Link>,
    tables: [Vec<Entry>; 2],
    /// Rules for VRFs, and closing routes, of both families.
    closed: [usize; 4],
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn link(value: &Value) -> Link {
    let info = value["addr_info"].as_array().into_iter().flatten();
    let own =
        info.filter(|a| a["scope"] != "link").map(|a| format!("{}/{}", text(&a["local"]), a["prefixlen"]));
    let mut addresses: Vec<String> = own.collect();
    addresses.sort();
    let up = value["flags"].as_array().is_some_and(|f| f.iter().any(|f| f == "UP"));
    let kind = text(&value["linkinfo"]["info_kind"]);
    (text(&value["ifname"]), kind, text(&value["master"]), up, value["mtu"].as_u64().unwrap_or(0), addresses)
}

fn ip(host: &Host, args: &str) -> Result<String, Error> {
    let output = host.try_run(Command::new("ip").args(args.split_whitespace()))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn picture(host: &Host) -> Result<Picture, Error> {
    let all: Value = serde_json::from_str(&ip(host, "-j -d addr show")?).unwrap_or_default();
    let mut links: Vec<Link> = all.as_array().into_iter().flatten().map(link).collect();
    links.retain(|l| l.0 != "lo");
    links.sort();
    let mut closed = [0; 4];
    for (i, family) in ["-4", "-6"].into_iter().enumerate() {
        closed[i] = ip(host, &format!("{family} rule show"))?.matches("l3mdev").count();
        let routes = ip(host, &format!("{family} route show table 200"))?;
        closed[i + 2] = routes.lines().filter(|l| l.starts_with("unreachable default")).count();
    }
    Ok(Picture { links, tables: [table(host, 200)?, table(host, 254)?], closed })
}

/// Whether all is there.
fn complete(p: &Picture) -> bool {
    let link = |name: &str| p.links.iter().find(|l| l.0 == name);
    let in_core = NAMES[1..].iter().all(|n| link(n).is_some_and(|l| l.2 == "CORE" && l.3 && !l.5.is_empty()));
    let vrf = link("CORE").is_some_and(|l| l.1 == "vrf" && l.3 && l.5 == ["127.0.0.1/8", "::1/128"]);
    let six = link("dum0").is_some_and(|l| l.5.len() == 2);
    let mtu = link("eth0.10").is_some_and(|l| l.4 == 1400);
    let route = p.tables[0].iter().any(|e| e.destination == "198.51.100.0/24");
    in_core
        && vrf
        && six
        && mtu
        && route
        && p.links.len() == 4
        && p.closed == [1; 4]
        && p.tables[1].is_empty()
}

fn wait(host: &Host, expected: Option<&Picture>, what: &str) -> Result<Picture, Error> {
    host.wait(40, what, || {
        let seen = picture(host).map_err(|e| e.to_string())?;
        let fits = complete(&seen) && expected.is_none_or(|e| *e == seen);
        if fits { Ok(seen) } else { Err(format!("{seen:#?}")) }
    })
}

fn orders() -> Vec<[Step; 4]> {
    use Step::{Daemon, Links, Vrf, Wire};
    let all = [Vrf, Links, Wire, Daemon];
    let order = |code: usize| std::array::from_fn(|i| all[code >> (2 * i) & 3]);
    (0..256).map(order).filter(|o: &[Step; 4]| all.iter().all(|s| o.contains(s))).collect()
}

/// One order; `script`: somebody else makes the VRF's device at that place.
fn run(program: &FerrdProgram, order: [Step; 4], script: bool) -> Result<Picture, Error> {
    let net = Net::new("order")?;
    let (us, them) = (net.host("us")?, net.host("them")?);
    let (mut file, mut ferrd) = (String::new(), None::<Ferrd>);
    for step in order {
        let lines = match step {
            Step::Vrf => VRF,
            Step::Links => LINKS,
            Step::Wire => {
                net.link(&us, "eth0", &them, "eth0")?;
                continue;
            }
            Step::Daemon => {
                ferrd = Some(Ferrd::start(&us, program, &file)?);
                continue;
            }
        };
        if script && step == Step::Vrf {
            us.ip("link add CORE type vrf table 200")?;
        }
        match &ferrd {
            Some(ferrd) => ferrd.configure_on("ferr", &lines.lines().collect::<Vec<_>>())?,
            None => file.push_str(lines),
        }
    }
    wait(&us, None, &format!("{order:?}"))
}

fn same_end(test: &str, script: bool) -> Result<(), Error> {
    in_kernel(test, |program| {
        let orders = orders();
        assert_eq!(orders.len(), 24);
        let mut first = None;
        // Beside a script every second one: what it made is adopted at the same places.
        for order in orders.into_iter().step_by(1 + usize::from(script)) {
            println!("{order:?}");
            let end = run(program, order, script)?;
            assert_eq!(first.get_or_insert_with(|| end.clone()), &end, "{order:?}");
        }
        Ok(())
    })
}

#[test]
fn every_order() -> Result<(), Error> {
    same_end("links::every_order", false)
}

#[test]
fn every_order_beside_a_script() -> Result<(), Error> {
    same_end("links::every_order_beside_a_script", true)
}

#[test]
fn damage_heals() -> Result<(), Error> {
    in_kernel("links::damage_heals", |program| {
        let net = Net::new("heal")?;
        let (us, them) = (net.host("us")?, net.host("them")?);
        net.link(&us, "eth0", &them, "eth0")?;
        let mut ferrd = Ferrd::start(&us, program, &format!("{LINKS}{VRF}"))?;
        let whole = wait(&us, None, "start")?;
        for damage in [
            "link del CORE",
            "link del dum0",
            "link del eth0.10",
            "link set dum0 nomaster",
            "link set eth0 nomaster",
            "link set dum0 down",
            "link set CORE down",
            "link set eth0.10 mtu 1300",
            "addr del 10.0.0.1/32 dev dum0",
            "addr flush dev eth0",
            "rule del pref 1000",
            "-6 rule del pref 1000",
        ] {
            println!("{damage}");
            us.ip(damage)?;
            wait(&us, Some(&whole), damage)?;
        }
        // A link that is up cannot be renamed here, so it happens while nobody looks.
        for name in ["dum0", "CORE", "eth0.10"] {
            println!("rename {name}");
            ferrd.process().signal(Signal::SIGSTOP);
            us.ip(&format!("link set {name} down"))?;
            us.ip(&format!("link set {name} name other"))?;
            us.ip("link set other up")?;
            ferrd.process().signal(Signal::SIGCONT);
            wait(&us, Some(&whole), name)?;
        }
        // The wire itself goes and comes.
        us.ip("link del eth0")?;
        net.link(&us, "eth0", &them, "eth0")?;
        wait(&us, Some(&whole), "another wire")?;
        // Into a VRF of somebody else, which stays.
        us.ip("link add EDGE type vrf table 300")?;
        us.ip("link set dum0 master EDGE")?;
        us.wait(40, "dum0 back in CORE", || {
            let seen = picture(&us).map_err(|e| e.to_string())?;
            let rest: Vec<_> = seen.links.iter().filter(|l| l.0 != "EDGE").cloned().collect();
            if rest == whole.links && seen.links.len() == 5 { Ok(()) } else { Err(format!("{seen:#?}")) }
        })
    })
}

fn number(host: &Host, name: &str) -> Result<String, Error> {
    let all: Value = serde_json::from_str(&ip(host, "-j link show")?).unwrap_or_default();
    let found = all.as_array().into_iter().flatten().find(|l| l["ifname"] == name);
    Ok(found.map(|l| l["ifindex"].to_string()).unwrap_or_default())
}

#[test]
fn a_new_start_finds_what_is_there() -> Result<(), Error> {
    in_kernel("links::a_new_start_finds_what_is_there", |program| {
        let net = Net::new("again")?;
        let (us, them) = (net.host("us")?, net.host("them")?);
        net.link(&us, "eth0", &them, "eth0")?;
        us.ip("link add foreign type dummy")?;
        let more = "interface dum9\n link dummy\n ip address 10.9.9.9/32\nexit\ninterface eth0\n ip address 10.8.8.8/24\nexit\n";
        let mut ferrd = Ferrd::start(&us, program, &format!("{VRF}{LINKS}{more}"))?;
        us.wait(40, "the first start", || {
            let seen = picture(&us).map_err(|e| e.to_string())?;
            if seen.links.len() == 6 { Ok(()) } else { Err(format!("{seen:#?}")) }
        })?;
        let before = (number(&us, "CORE")?, number(&us, "dum0")?);
        // Killed, and the configuration changed meanwhile: what it no longer has goes, the rest is not touched.
        ferrd.process().kill();
        fs::write(ferrd.config(), format!("{VRF}{LINKS}"))
            .map_err(|source| Error::Io { what: "frr.conf".into(), source })?;
        ferrd.restart()?;
        us.ip("link del foreign")?;
        let whole = wait(&us, None, "after the crash")?;
        assert!(whole.links.iter().all(|l| !l.5.iter().any(|a| a.starts_with("10.8."))), "{whole:#?}");
        assert_eq!((number(&us, "CORE")?, number(&us, "dum0")?), before);
        // Without anything of it, everything goes.
        ferrd.configure_on(
            "ferr",
            &["no interface dum0", "no interface eth0.10", "no interface eth0", "no vrf CORE"],
        )?;
        us.wait(40, "nothing of ours", || {
            let seen = picture(&us).map_err(|e| e.to_string())?;
            let [only] = seen.links.as_slice() else { return Err(format!("{seen:#?}")) };
            if only.2.is_empty() && only.5.is_empty() { Ok(()) } else { Err(format!("{only:?}")) }
        })
    })
}

/// Sessions with keys in a VRF of ours, from one start with nothing prepared; and again after somebody deleted it.
#[test]
fn sessions_come_back_with_a_vrf_of_ours() -> Result<(), Error> {
    in_kernel("links::sessions_come_back_with_a_vrf_of_ours", |program| {
        let net = Net::new("bgp")?;
        let (us, them) = set_up::pair(&net)?;
        let links = "interface eth0\n vrf blue\n ip address 192.0.2.1/24\n ipv6 address 2001:db8:12::1/64\nexit\n\
            vrf blue\n table 10\nexit-vrf\n";
        let conf = set_up::ours("blue", Some("key"), false) + links;
        let ferrd = Ferrd::start(&us, program, &conf)?;
        let _other = Ferrd::start(&them, program, &set_up::theirs(2, Some("key"), false))?;
        set_up::wait_state(&ferrd, "blue", true)?;
        wait_table(&us, 10, &set_up::ROUTES)?;
        wait_table(&us, 254, &[])?;
        us.ip("link del blue")?;
        // It may be back before anybody sees that it was gone; its routes and its sockets are new.
        us.wait(40, "another device", || {
            let routes = ip(&us, "route show table 10").map_err(|e| e.to_string())?;
            if routes.contains("198.51.100.0/24") { Ok(()) } else { Err(routes) }
        })?;
        set_up::wait_state(&ferrd, "blue", true)?;
        wait_table(&us, 10, &set_up::ROUTES)?;
        wait_table(&us, 254, &[])
    })
}

#[test]
fn the_same_addresses_in_two_vrfs() -> Result<(), Error> {
    in_kernel("links::the_same_addresses_in_two_vrfs", |program| {
        let net = Net::new("twice")?;
        let us = net.host("us")?;
        let mut conf = String::new();
        let mut others = Vec::new();
        for (number, name) in [(1, "blue"), (2, "red")] {
            let them = net.host(name)?;
            net.link(&us, &format!("eth{number}"), &them, "eth0")?;
            them.addr("eth0", "192.0.2.2/24")?;
            conf.push_str(&format!(
                "vrf {name}\n table {number}0\nexit-vrf\ninterface eth{number}\n vrf {name}\n ip address 192.0.2.1/24\nexit\n\
                 interface {name}\n ip address 10.0.0.{number}/32\nexit\n"
            ));
            others.push(them);
        }
        let ferrd = Ferrd::start(&us, program, &conf)?;
        for (number, name) in [(1, "blue"), (2, "red")] {
            us.wait(40, name, || {
                let way = ip(&us, &format!("route get 192.0.2.2 vrf {name}")).map_err(|e| e.to_string())?;
                if way.contains(&format!("dev eth{number}")) { Ok(()) } else { Err(way) }
            })?;
            let ping = us.try_run(Command::new("ping").args(["-c1", "-W2", "-I", name, "192.0.2.2"]))?;
            assert!(ping.status.success(), "{name}: {}", String::from_utf8_lossy(&ping.stdout));
        }
        assert_eq!(ip(&us, "route get 192.0.2.2")?, "", "nothing of it is in the default VRF");
        let routes = ferrd.zebra_json("show ip route vrf red json")?;
        assert!(routes["192.0.2.0/24"].is_array() && routes["10.0.0.2/32"].is_array(), "{routes}");
        Ok(())
    })
}
