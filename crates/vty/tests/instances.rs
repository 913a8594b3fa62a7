//! Sockets of numbered OSPFv2 instances.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use support::{Client, World};

const NOT_MY_INSTANCE: u8 = 14;

fn wait_for(world: &World, socket: &str, there: bool) {
    let (path, end) = (world.dir.join(socket), Instant::now() + Duration::from_secs(1));
    while path.exists() != there {
        assert!(Instant::now() < end, "{socket} there: {}", !there);
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn configure(client: &mut Client, lines: &[&str]) {
    for line in ["enable", "configure terminal"].iter().chain(lines).chain(&["end"]) {
        let (text, status) = client.run(line);
        assert_eq!(status, 0, "{line}: {text}");
    }
}

/// The world with `router ospf` and `router ospf 5`.
fn world() -> World {
    let world = World::with_ospf();
    let lines = [
        "router ospf",
        "passive-interface default",
        "router ospf 5",
        "ospf router-id 1.1.0.10",
        "interface eth12",
        "ip ospf 5 area 3",
        "ip ospf cost 7",
    ];
    configure(&mut world.connect("ospfd"), &lines);
    world
}

#[test]
fn sockets_come_and_go_with_instances() {
    let world = world();
    assert!(!world.dir.join("ospfd-9.vty").exists(), "a leftover");
    assert!(!world.dir.join("ospfd-5.vty").exists());
    world.numbers.send(BTreeSet::from([5, 6])).unwrap();
    wait_for(&world, "ospfd-5.vty", true);
    wait_for(&world, "ospfd-6.vty", true);
    let mode = std::fs::metadata(world.dir.join("ospfd-5.vty")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o770);
    let mut client = world.connect("ospfd-5");
    assert_eq!(client.run("show ip ospf json").1, 0);
    world.numbers.send(BTreeSet::from([6])).unwrap();
    wait_for(&world, "ospfd-5.vty", false);
    assert!(world.dir.join("ospfd-6.vty").exists());
    // Who is inside stays.
    assert_eq!(client.run("show ip ospf json").1, 0);
    // Gone and back again before anybody looked.
    for n in 0..20 {
        world.numbers.send(if n % 2 == 0 { BTreeSet::from([5, 6]) } else { BTreeSet::from([6]) }).unwrap();
    }
    world.numbers.send(BTreeSet::from([5, 6])).unwrap();
    wait_for(&world, "ospfd-5.vty", true);
    assert_eq!(world.json("ospfd-5", "show ip ospf json")["ospfInstance"], 5);
    let dir = world.dir.clone();
    drop(world);
    assert!(!dir.join("ospfd-6.vty").exists());
}

#[test]
fn a_socket_answers_for_its_instance() {
    let world = world();
    world.numbers.send(BTreeSet::from([5])).unwrap();
    wait_for(&world, "ospfd-5.vty", true);
    let one = world.json("ospfd-5", "show ip ospf json");
    assert_eq!((one["ospfInstance"].as_u64(), one["routerId"].as_str()), (Some(5), Some("1.1.0.10")));
    // As an exporter asks.
    for what in ["", "interface ", "neighbor ", "database max-age "] {
        let answer = world.json("ospfd-5", &format!("show ip ospf vrf all {what}json"));
        let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["ospfInstance", "default"], "{what}");
    }
    assert!(world.ask("ospfd-5", "show ip ospf").starts_with("\nOSPF Instance: 5\n\n OSPF Routing Process"));
    assert_eq!(world.json("ospfd-5", "show ip ospf 5 json")["routerId"], "1.1.0.10");
    assert_eq!(world.json("ospfd-5", "show ip ospf vrfs json")["vrfs"]["default"]["routerId"], "1.1.0.10");
    let mut client = world.connect("ospfd-5");
    assert_eq!(client.run("show ip ospf 6"), (String::new(), NOT_MY_INSTANCE));
    assert_eq!(world.json("ospfd", "show ip ospf json")["ospfInstance"], serde_json::Value::Null);
}

/// As `vtysh` is: what it puts together holds every line once.
#[test]
fn a_client_of_both_gets_everything_once() {
    let world = world();
    let whole = world.ask("ospfd", "show running-config");
    assert!(whole.contains("router ospf 5\n") && whole.contains(" ip ospf 5 area 3\n"));
    world.numbers.send(BTreeSet::from([5])).unwrap();
    wait_for(&world, "ospfd-5.vty", true);
    let (mut main, mut five) = (world.connect("ospfd"), world.connect("ospfd-5"));
    five.run("enable");
    main.run("enable");
    let theirs = five.run("show running-config").0;
    let block = |text: &str| -> Vec<String> {
        let lines = text.lines().skip_while(|l| !l.starts_with("interface") && !l.starts_with("router"));
        lines.map(str::to_owned).take_while(|l| l != "line vty").collect()
    };
    assert_eq!(
        block(&theirs),
        [
            "interface eth12",
            " ip ospf 5 area 3",
            "exit",
            "!",
            "router ospf 5",
            " ospf router-id 1.1.0.10",
            "exit",
            "!"
        ]
    );
    let ours = main.run("show running-config").0;
    assert!(ours.contains("router ospf\n") && ours.contains(" ip ospf cost 7\n"));
    assert!(!ours.contains("ospf 5"), "{ours}");
    assert_eq!(main.run("show ip ospf 5 neighbor"), (String::new(), NOT_MY_INSTANCE));
    // A line that was refused on the one is not refused once more on the other.
    for client in [&mut main, &mut five] {
        client.run("configure terminal");
        client.run("router ospf");
    }
    assert_eq!(main.run("nonsense").1, 2);
    assert_eq!(five.run("nonsense"), (String::new(), 0));
}
