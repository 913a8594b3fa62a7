//! The link manager against this kernel: bridges, VXLANs, pairs, stations, tunnels, settings and the MSS clamp.

// Helpers of tests, outside of `#[test]` functions.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ferr_kernel::links::{
    LinkManager, LinkPlan, LinkState, MacvlanMode, MssClamp, Refusal, Sysctl, Underlay, WantedKind,
    WantedLink, WantedMaster, WantedVxlan,
};

use crate::common::{in_namespace, ip, ip_json};

fn manager() -> LinkManager {
    LinkManager::open(None).unwrap()
}

/// Works until nothing is left to do, as the daemon does when events wake it.
fn settle(m: &mut LinkManager) {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        m.work(Instant::now());
        let ready = m.report().links.values().all(|l| l.state == LinkState::Ready);
        if ready && m.report().settled {
            return;
        }
        let said = m.messages();
        assert!(Instant::now() < end, "{:#?} {said:?}", m.report());
        m.wait(Duration::from_millis(50), Instant::now());
    }
}

fn declared(kind: WantedKind) -> WantedLink {
    WantedLink { kind: Some(kind), up: Some(true), master: WantedMaster::None, ..WantedLink::default() }
}

fn plan(links: impl IntoIterator<Item = (&'static str, WantedLink)>) -> LinkPlan {
    let links = links.into_iter().map(|(name, link)| (name.to_owned(), link)).collect();
    LinkPlan { links, ..LinkPlan::default() }
}

fn vxlan(id: u32) -> WantedKind {
    WantedKind::Vxlan(WantedVxlan { id, local: Some("192.0.2.1".parse().unwrap()), port: 4789, dev: None })
}

fn details(name: &str) -> serde_json::Value {
    ip_json(&format!("-d link show {name}"))[0].clone()
}

fn names() -> BTreeSet<String> {
    ip_json("link show").iter().map(|l| l["ifname"].as_str().unwrap().to_owned()).collect()
}

fn addresses(name: &str) -> BTreeSet<String> {
    let all = ip_json(&format!("addr show dev {name}"));
    let list = all[0]["addr_info"].as_array().unwrap().clone();
    let text = |a: &serde_json::Value| format!("{}/{}", a["local"].as_str().unwrap(), a["prefixlen"]);
    list.iter().filter(|a| a["scope"] != "link").map(text).collect()
}

fn bridge() -> LinkPlan {
    let port = |mut link: WantedLink| {
        link.master = WantedMaster::Bridge("br0".into());
        link
    };
    let mut vx0 = port(declared(vxlan(1000)));
    vx0.remotes = ["192.0.2.2", "192.0.2.3"].map(|a| a.parse().unwrap()).into();
    vx0.mtu = Some(1450);
    let mut br0 = declared(WantedKind::Bridge);
    br0.mac = Some("02:00:00:00:00:0a".parse().unwrap());
    br0.addresses =
        ["10.1.0.1/24", "2001:db8:1::1/64"].map(|a| a.parse::<ferr_types::IfAddr>().unwrap().into()).into();
    let mv0 = declared(WantedKind::Macvlan { dev: "v1".into(), mode: MacvlanMode::Private });
    plan([
        ("br0", br0),
        ("vx0", vx0),
        ("v0", port(declared(WantedKind::Veth { peer: "v1".into() }))),
        ("v1", WantedLink { up: Some(true), ..WantedLink::default() }),
        ("mv0", mv0),
    ])
}

fn check_bridge() {
    assert_eq!(details("br0")["address"], "02:00:00:00:00:0a");
    assert_eq!(details("vx0")["master"], "br0");
    assert_eq!(details("vx0")["mtu"], 1450);
    assert_eq!(details("v0")["master"], "br0");
    assert_eq!(details("mv0")["linkinfo"]["info_data"]["mode"], "private");
    assert_eq!(addresses("br0"), ["10.1.0.1/24", "2001:db8:1::1/64"].map(str::to_owned).into());
    for remote in ["192.0.2.2", "192.0.2.3"] {
        let fdb = std::process::Command::new("bridge").args(["fdb", "show", "dev", "vx0"]).output().unwrap();
        let fdb = String::from_utf8_lossy(&fdb.stdout).into_owned();
        assert!(fdb.contains(&format!("00:00:00:00:00:00 dst {remote}")), "{fdb}");
    }
    for link in ["br0", "vx0", "v0", "v1", "mv0"] {
        assert!(details(link)["flags"].as_array().unwrap().iter().any(|f| f == "UP"), "{link}");
    }
}

#[test]
fn links_are_made_repaired_and_removed() {
    in_namespace(|| {
        let before = names();
        let mut m = manager();
        m.set_plan(bridge());
        settle(&mut m);
        check_bridge();
        // Whatever somebody does to them.
        for damage in [
            "link del br0",
            "link del vx0",
            "link del v1",
            "link set v0 nomaster",
            "link set vx0 down",
            "addr del 10.1.0.1/24 dev br0",
            "addr flush dev br0",
            "link set br0 address 02:00:00:00:00:0b",
            "link set vx0 mtu 1400",
            "link set br0 name elsewhere",
            "link set mv0 name mv7",
        ] {
            ip(damage);
            settle(&mut m);
            check_bridge();
        }
        m.set_plan(LinkPlan::default());
        settle(&mut m);
        assert_eq!(names(), before);
    });
}

#[test]
fn what_others_made_is_adopted_and_what_is_theirs_left_alone() {
    in_namespace(|| {
        ip("link add br0 type bridge");
        ip("link add br9 type bridge");
        ip("link add vx0 type vxlan id 7 dstport 4789 local 192.0.2.1");
        ip("link add name v0 type veth peer name w0");
        ip("link add name v2 type veth peer name w2");
        ip("addr add 10.9.9.9/24 dev br0");
        let mut m = manager();
        let mut wanted = plan([
            ("br0", declared(WantedKind::Bridge)),
            ("vx0", declared(vxlan(1000))),
            ("v0", declared(WantedKind::Bridge)),
        ]);
        m.set_plan(wanted.clone());
        m.work(Instant::now());
        let state = |m: &LinkManager, name: &str| m.report().links[name].state.clone();
        assert_eq!(state(&m, "br0"), LinkState::Ready);
        assert_eq!(state(&m, "vx0"), LinkState::Refused(Refusal::OtherSettings));
        assert!(matches!(state(&m, "v0"), LinkState::Refused(Refusal::OtherKind { .. })));
        assert_eq!(details("v0")["linkinfo"]["info_kind"], "veth");
        // An address of somebody else is nobody's business.
        assert!(addresses("br0").contains("10.9.9.9/24"));
        // The way is free.
        ip("link del v0");
        ip("link del vx0");
        settle(&mut m);
        assert_eq!(details("v0")["linkinfo"]["info_kind"], "bridge");
        assert_eq!(details("vx0")["linkinfo"]["info_data"]["id"], 1000);
        // Ours is made anew with other settings.
        wanted.links.insert("vx0".into(), declared(vxlan(1001)));
        m.set_plan(wanted);
        settle(&mut m);
        assert_eq!(details("vx0")["linkinfo"]["info_data"]["id"], 1001);
        m.set_plan(LinkPlan::default());
        settle(&mut m);
        let left = names();
        assert!(
            !left.contains("br0") && !left.contains("vx0") && left.contains("br9") && left.contains("v2"),
            "{left:?}"
        );
    });
}

#[test]
fn other_links_get_back_what_they_had() {
    in_namespace(|| {
        ip("link add name v0 type veth peer name w0");
        ip("link add br0 type bridge");
        ip("link set v0 up");
        ip("addr add 10.5.0.1/24 dev v0");
        let before = (details("v0")["mtu"].clone(), details("v0")["address"].clone());
        let mut m = manager();
        let v0 = WantedLink {
            mtu: Some(1300),
            mac: Some("02:00:00:00:00:01".parse().unwrap()),
            master: WantedMaster::Bridge("br0".into()),
            addresses: ["10.6.0.1/24".parse::<ferr_types::IfAddr>().unwrap().into()].into(),
            up: Some(false),
            ..WantedLink::default()
        };
        m.set_plan(plan([("v0", v0)]));
        settle(&mut m);
        let v0 = details("v0");
        assert_eq!((&v0["mtu"], &v0["master"]), (&1300.into(), &"br0".into()));
        assert!(!v0["flags"].as_array().unwrap().iter().any(|f| f == "UP"));
        m.set_plan(LinkPlan::default());
        settle(&mut m);
        let v0 = details("v0");
        assert_eq!((v0["mtu"].clone(), v0["address"].clone()), before);
        assert!(v0.get("master").is_none() && v0["flags"].as_array().unwrap().iter().any(|f| f == "UP"));
        assert_eq!(addresses("v0"), ["10.5.0.1/24".to_owned()].into());
    });
}

#[test]
fn the_next_run_knows_what_the_last_one_did() {
    in_namespace(|| {
        let folder = std::env::temp_dir().join(format!("ferr-links-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let state: PathBuf = folder.join("state");
        ip("link add name v0 type veth peer name w0");
        let v0 = WantedLink {
            addresses: ["10.6.0.1/24".parse::<ferr_types::IfAddr>().unwrap().into()].into(),
            mtu: Some(1400),
            ..WantedLink::default()
        };
        let forwarding = Sysctl::of_interface("ipv4", "v0", "forwarding");
        let old = ferr_kernel::sysctl(&["net", "ipv4", "conf", "v0", "forwarding"]).unwrap();
        let ours = if old == "1" { "0" } else { "1" };
        let mut wanted =
            plan([("v0", v0), ("br0", declared(WantedKind::Bridge)), ("br1", declared(WantedKind::Bridge))]);
        wanted.sysctls.insert(forwarding, ours.to_owned());
        let mut first = LinkManager::open(Some(state.clone())).unwrap();
        first.set_plan(wanted.clone());
        settle(&mut first);
        let number = details("br0")["ifindex"].clone();
        drop(first);
        // It crashed, and the configuration is another one.
        wanted.links.remove("v0");
        wanted.links.remove("br1");
        wanted.sysctls.clear();
        let mut second = LinkManager::open(Some(state.clone())).unwrap();
        second.set_plan(wanted);
        settle(&mut second);
        assert_eq!(details("br0")["ifindex"], number);
        assert!(!names().contains("br1"));
        assert_eq!(details("v0")["mtu"], 1500);
        assert!(addresses("v0").is_empty());
        assert_eq!(ferr_kernel::sysctl(&["net", "ipv4", "conf", "v0", "forwarding"]).unwrap(), old);
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn settings_are_put_back_at_the_end() {
    in_namespace(|| {
        let read = || ferr_kernel::sysctl(&["net", "ipv4", "ip_forward"]).unwrap();
        let old = read();
        let ours = if old == "1" { "0" } else { "1" };
        let mut m = manager();
        let mut wanted = LinkPlan::default();
        wanted.sysctls.insert(Sysctl::global(&["net", "ipv4", "ip_forward"]), ours.to_owned());
        m.set_plan(wanted);
        m.work(Instant::now());
        assert_eq!(read(), ours);
        assert_eq!(m.report().sysctls[0].before.as_ref(), Some(&old));
        m.end();
        assert_eq!(read(), old);
    });
}

fn nft(command: &str) -> String {
    let output =
        std::process::Command::new("nft").args(command.split(' ')).output().expect("nftables is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_mss_clamp_follows_the_mtu_and_survives_a_flush() {
    in_namespace(|| {
        ip("link add name v0 type veth peer name w0");
        nft("add table inet others");
        let mut m = manager();
        let mut wanted = plan([("v0", WantedLink { mtu: Some(1400), ..WantedLink::default() })]);
        wanted.mss.insert("v0".into(), MssClamp::Auto);
        wanted.mss.insert("w9".into(), MssClamp::Fixed(1300));
        m.set_plan(wanted.clone());
        settle(&mut m);
        // Older and newer versions write the same condition differently.
        let table = nft("list table inet ferr");
        let written = table.replace("& (syn | rst) == syn", "syn / syn,rst");
        for rule in [
            "iifname \"v0\" meta nfproto ipv4 tcp flags syn / syn,rst tcp option maxseg size > 1360 tcp option maxseg size set 1360",
            "oifname \"v0\" meta nfproto ipv6 tcp flags syn / syn,rst tcp option maxseg size > 1340 tcp option maxseg size set 1340",
            "oifname \"w9\" meta nfproto ipv4 tcp flags syn / syn,rst tcp option maxseg size > 1300 tcp option maxseg size set 1300",
        ] {
            assert!(written.contains(rule), "{rule}\n{table}");
        }
        assert_eq!(table.matches("maxseg size set").count(), 8);
        nft("flush ruleset");
        m.wait(Duration::from_secs(1), Instant::now());
        settle(&mut m);
        assert_eq!(nft("list table inet ferr"), table);
        wanted.links.insert("v0".into(), WantedLink { mtu: Some(1300), ..WantedLink::default() });
        m.set_plan(wanted);
        settle(&mut m);
        assert!(nft("list table inet ferr").contains("set 1260"));
        m.end();
        assert_eq!(nft("list table inet ferr"), "");
    });
}

#[test]
fn tunnels_are_waited_for_and_their_mtu_follows_the_way_below() {
    in_namespace(|| {
        ip("link add name v0 type veth peer name w0");
        ip("link set w0 up");
        ip("link set v0 mtu 1492 up");
        ip("addr add 192.0.2.1/24 dev v0");
        let mut wg0 = declared(WantedKind::Tunnel);
        wg0.underlays = [Underlay { remote: "192.0.2.2".parse().unwrap(), vrf: None, mark: 0 }].into();
        wg0.addresses = ["10.0.0.1/30".parse::<ferr_types::IfAddr>().unwrap().into()].into();
        let mut m = manager();
        let mut unknown = wg0.clone();
        unknown.underlays.clear();
        m.set_plan(plan([("wg0", wg0), ("wg1", unknown)]));
        m.work(Instant::now());
        assert!(matches!(m.report().links["wg0"].state, LinkState::Waiting(_)));
        ip("tuntap add wg0 mode tun");
        ip("tuntap add wg1 mode tun");
        settle(&mut m);
        assert_eq!(details("wg0")["mtu"], 1432);
        assert_eq!(details("wg1")["mtu"], 1420);
        assert_eq!(addresses("wg0"), ["10.0.0.1/30".to_owned()].into());
        ip("link set v0 mtu 1400");
        m.wait(Duration::from_secs(1), Instant::now());
        settle(&mut m);
        assert_eq!(details("wg0")["mtu"], 1340);
        // It is its data plane's to remove.
        m.set_plan(LinkPlan::default());
        settle(&mut m);
        assert!(names().contains("wg0") && addresses("wg0").is_empty());
    });
}

/// Bound far above what is measured (about a second), so that only a change of complexity fails it.
#[test]
fn many_links_take_no_time() {
    in_namespace(|| {
        let mut wanted = LinkPlan::default();
        for n in 0..120_u32 {
            let mut link = declared(vxlan(1 + n));
            link.addresses =
                [format!("10.{}.{}.1/24", n / 250, n % 250).parse::<ferr_types::IfAddr>().unwrap().into()]
                    .into();
            let name = format!("vx{n}");
            wanted.sysctls.insert(Sysctl::of_interface("ipv4", &name, "rp_filter"), "2".to_owned());
            wanted.links.insert(name, link);
        }
        let folder = std::env::temp_dir().join(format!("ferr-many-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut m = LinkManager::open(Some(folder.join("state"))).unwrap();
        let start = Instant::now();
        m.set_plan(wanted.clone());
        settle(&mut m);
        let made = start.elapsed();
        let start = Instant::now();
        m.work(Instant::now());
        println!("made in {made:?}, looked at in {:?}", start.elapsed());
        assert!(made < Duration::from_secs(30));
        m.set_plan(LinkPlan::default());
        settle(&mut m);
        assert!(!names().contains("vx0"));
        std::fs::remove_dir_all(&folder).unwrap();
    });
}
