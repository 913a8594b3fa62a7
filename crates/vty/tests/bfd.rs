//! `show bfd`, `clear bfd`, `doctor bfd`.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::World;

fn snapshot(world: &World, daemon: &str, command: &str) {
    let mut client = world.connect(daemon);
    client.run("enable");
    let (text, status) = client.run(command);
    let name = command.replace([' ', '/', ':', '.'], "_");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("{daemon}__{name}"), format!("status {status}\n{text}"));
    });
}

#[test]
fn show() {
    let world = World::new();
    for command in [
        "show bfd peers",
        "show bfd peers json",
        "show bfd peers brief",
        "show bfd peers counters",
        "show bfd vrf red peers",
        "show bfd vrf none peers json",
        "show bfd peer 10.255.0.2",
        "show bfd peer 10.255.0.2 counters",
        "show bfd peer 10.255.0.2 counters json",
        "show bfd vrf red peer 10.255.0.2 json",
        "show bfd peer 1.2.3.4 json",
        "show bfd distributed",
    ] {
        snapshot(&world, "bfdd", command);
    }
    for command in
        ["doctor bfd 10.255.0.2", "doctor bfd 10.0.12.99 json", "doctor bfd 192.0.2.1", "doctor bfd fe80::2"]
    {
        snapshot(&world, "ferr", command);
    }
}

#[test]
fn sessions_are_named_by_what_tells_them_apart() {
    let world = World::new();
    let mut client = world.connect("bfdd");
    client.run("enable");
    let mut found = |line: &str| {
        let (text, status) = client.run(line);
        (status == 0).then_some(text)
    };
    assert!(found("show bfd peer 2.2.2.2").is_none(), "it is multihop");
    assert!(found("show bfd peer 2.2.2.2 multihop").is_some());
    assert!(found("show bfd peer 2.2.2.2 local-address 1.1.1.1 multihop").is_some());
    assert!(found("show bfd peer 2.2.2.2 multihop local-address 1.1.1.2").is_none());
    assert!(found("show bfd peer fe80::2 interface eth12").is_some());
    assert!(found("show bfd peer fe80::2 interface eth13").is_none());
    assert!(found("show bfd vrf red peer 10.0.12.99").is_none());
    assert!(found("show bfd vrf all peer 10.0.12.99").is_some());
    let text = found("show bfd vrf red peer 10.255.0.2").unwrap();
    assert!(text.contains("vrf red"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&found("show bfd peer 10.255.0.2 json").unwrap()).unwrap();
    let by_number = found(&format!("show bfd peer {} json", json["id"])).unwrap();
    assert_eq!(json, serde_json::from_str::<serde_json::Value>(&by_number).unwrap());
    assert_eq!(client.run("show bfd peer 7"), ("% Unable to find 'peer 7'\n".into(), 13));
}

#[test]
fn brief_and_full_lists_are_the_same_in_json() {
    let world = World::new();
    assert_eq!(world.ask("bfdd", "show bfd peers json"), world.ask("bfdd", "show bfd peers brief json"));
    assert_eq!(world.ask("bfdd", "show bfd vrf all peers json"), world.ask("bfdd", "show bfd peers json"));
}

#[test]
fn counters_are_cleared_of_one_session() {
    let world = World::new();
    let count = |peer: &str| {
        world.json("bfdd", &format!("show bfd peer {peer} counters json"))["control-packet-input"].clone()
    };
    assert!(count("10.255.0.2").as_u64() > Some(2000));
    assert_eq!(world.ask("bfdd", "clear bfd peer 10.255.0.2 counters"), "");
    assert_eq!(count("10.255.0.2"), 0);
    assert!(count("2.2.2.2 multihop").as_u64() > Some(2000));
    let mut client = world.connect("bfdd");
    assert_eq!(client.run("clear bfd peer 10.255.0.2 counters").1, 2, "not without enable");
    client.run("enable");
    assert_eq!(
        client.run("clear bfd peer 1.2.3.4 counters"),
        ("% Unable to find 'peer 1.2.3.4'\n".into(), 13)
    );
}

#[test]
fn ten_thousand_sessions_come_in_slices() {
    let world = World::with_sessions(10_000);
    let all = world.json("bfdd", "show bfd peers json");
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 10_005);
    let mut seen: Vec<String> =
        all.iter().map(|p| format!("{} {} {}", p["vrf"], p["peer"], p["multihop"])).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 10_005);
    assert_eq!(world.json("bfdd", "show bfd vrf many peers json").as_array().unwrap().len(), 10_000);
    let brief = world.ask("bfdd", "show bfd peers brief");
    assert!(brief.starts_with("Session count: 10005\n") && brief.lines().count() == 10_008);
    assert!(world.ask("bfdd", "show bfd vrf many peer 11.0.39.15").contains("peer 11.0.39.15 vrf many"));
}

#[test]
fn the_doctor_says_by_the_status_whether_something_is_wrong() {
    let world = World::new();
    let mut client = world.connect("ferr");
    let mut cause = |line: &str| {
        let (text, status) = client.run(line);
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let causes = list.as_array().unwrap().iter().map(|d| d["cause"].as_str().unwrap().to_owned());
        (causes.collect::<Vec<_>>(), status)
    };
    assert_eq!(cause("doctor bfd 10.255.0.2 vrf default json"), (vec!["fine".into()], 0));
    let both = (vec!["fine".into(), "no-route".into()], 1);
    assert_eq!(cause("doctor bfd 10.255.0.2 json"), both);
    assert_eq!(cause("doctor bfd 192.0.2.1 json"), (vec!["not-configured".into()], 1));
    let mut bfdd = world.connect("bfdd");
    assert_eq!(bfdd.run("doctor bfd 10.255.0.2").1, 2, "vtysh does not know it");
}
