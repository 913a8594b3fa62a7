//! What `show` says of a converged network: FRR beside us, answer by answer.

use std::collections::BTreeSet;
use std::time::Duration;

use ferr_testnet::{Error, Ferrd, wait_until};
use serde_json::Value;

use crate::bed::{Conf, Routers, with_lan};

/// Keys that only one side has, each for a reason: newer FRR has it, or there is nothing of the kind here.
const ONE_SIDE: [&str; 16] = [
    // FRR 10.
    "localIfaceAddress",
    "attachedRouters",
    // Opaque LSAs: FRR makes none unless told.
    "areaLocalOpaqueLsa",
    "areaLocalOpaqueLsaCount",
    // Timers that run at the moment or not.
    "spfTimerDueInMsecs",
    "threadLinkStateRequestRetransmission",
    "threadDatabaseDescriptionRetransmission",
    "lastRegressiveChangeMsec",
    "lastRegressiveChangeReason",
    // Depend on who is designated router.
    "drId",
    "drAddress",
    "bdrId",
    "bdrAddress",
    "mcastMemberOspfDesignatedRouters",
    // What FRR's memory looks like.
    "numberOfLock",
    "opaqueCapable",
];

/// Whether a key is the name of a thing, not of a property.
fn is_name(key: &str) -> bool {
    let first = key.split(['/', '%', ' ', ':']).next().unwrap_or_default();
    first.parse::<std::net::Ipv4Addr>().is_ok()
        || key.split('/').next().is_some_and(|k| k.parse::<std::net::IpAddr>().is_ok())
        || ["eth0", "users", "lo"].contains(&key)
        || key == "0"
        || key.starts_with("link") && key[4..].parse::<u8>().is_ok()
}

/// Paths of an answer, with the kind of what is at the end: names, numbers and texts are gone.
fn paths(value: &Value, at: &str, out: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Object(o) => {
            for (key, value) in o.iter().filter(|(key, _)| !ONE_SIDE.contains(&key.as_str())) {
                paths(value, &format!("{at}/{}", if is_name(key) { "NAME" } else { key }), out);
            }
            return;
        }
        Value::Array(list) => return list.iter().for_each(|value| paths(value, &format!("{at}[]"), out)),
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "flag",
        Value::Null => "null",
    };
    out.insert(format!("{at}: {kind}"));
}

fn shape(value: &Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    paths(value, "", &mut out);
    out
}

const V2: [&str; 14] = [
    "show ip ospf json",
    "show ip ospf vrf all json",
    "show ip ospf vrfs json",
    "show ip ospf neighbor json",
    "show ip ospf neighbor detail json",
    "show ip ospf vrf all neighbor json",
    "show ip ospf interface json",
    "show ip ospf interface traffic json",
    "show ip ospf database json",
    "show ip ospf database router json",
    "show ip ospf database network json",
    "show ip ospf database max-age json",
    "show ip ospf route json",
    "show ip ospf graceful-restart helper json",
];

const V3: [&str; 11] = [
    "show ipv6 ospf6 json",
    "show ipv6 ospf6 vrfs json",
    "show ipv6 ospf6 neighbor json",
    "show ipv6 ospf6 neighbor detail json",
    "show ipv6 ospf6 neighbor drchoice json",
    "show ipv6 ospf6 interface json",
    "show ipv6 ospf6 interface traffic json",
    "show ipv6 ospf6 database json",
    "show ipv6 ospf6 route json",
    "show ipv6 ospf6 route summary json",
    "show ipv6 ospf6 spf tree json",
];

/// Waits until all answers are alike: lists of what is under way fill and empty.
fn wait_alike(routers: &Routers) -> Result<(), Error> {
    for command in V2.into_iter().chain(V3) {
        wait_until(Duration::from_secs(20), format!("like answers to {command}"), || {
            let ours = match command.contains("ipv6") {
                true => routers.ferrd.ospf6_json(command),
                false => routers.ferrd.ospf_json(command),
            };
            let ours = shape(&ours.map_err(|e| e.to_string())?);
            let theirs = shape(&routers.frr.json(command).map_err(|e| e.to_string())?);
            let (more, less): (Vec<_>, Vec<_>) =
                (ours.difference(&theirs).collect(), theirs.difference(&ours).collect());
            if ours == theirs { Ok(()) } else { Err(format!("only ours: {more:?}; only FRR's: {less:?}")) }
        })?;
    }
    Ok(())
}

#[test]
fn answers_have_the_shape_of_those_of_frr() -> Result<(), Error> {
    with_lan("ospfshow", |lan| {
        let plain = Conf::default();
        let mut routers = lan.start(&plain, &plain, &plain)?;
        lan.wait_users(&[1, 2, 3])?;
        routers.wait_databases()?;
        wait_alike(&routers)
    })
}

/// The packaged `vtysh` looks for sockets of instances, and asks all that it finds.
#[test]
fn vtysh_finds_the_socket_of_an_instance() -> Result<(), Error> {
    with_lan("ospfmulti", |lan| {
        let ferrd = Ferrd::start(&lan.us, &lan.program, "router ospf 5\n ospf router-id 10.0.0.5\nexit\n")?;
        let five = ferrd.vty_dir().join("ospfd-5.vty");
        assert!(five.exists(), "from the start");
        let once = |ferrd: &Ferrd, what: &str| -> Result<(), Error> {
            let text = ferrd.vtysh(&["show running-config"])?;
            assert_eq!(text.matches(what).count(), 1, "{what}: {text}");
            Ok(())
        };
        once(&ferrd, "router ospf 5\n")?;
        once(&ferrd, " ospf router-id 10.0.0.5\n")?;
        // The socket without a number has nothing of its own to say: the answer is one JSON value.
        let shown: Value = serde_json::from_str(&ferrd.vtysh(&["show ip ospf json"])?)
            .map_err(|e| Error::Answer { what: "show ip ospf json".into(), text: e.to_string() })?;
        assert_eq!((shown["ospfInstance"].as_u64(), shown["routerId"].as_str()), (Some(5), Some("10.0.0.5")));
        ferrd.vtysh(&["configure terminal", "router ospf 6", "ospf router-id 10.0.0.6"])?;
        let second = Duration::from_secs(1);
        let there = |n: u16| ferrd.vty_dir().join(format!("ospfd-{n}.vty")).exists();
        wait_until(second, "the socket of 6", || if there(6) { Ok(()) } else { Err("absent".into()) })?;
        once(&ferrd, " ospf router-id 10.0.0.6\n")?;
        ferrd.vtysh(&["configure terminal", "no router ospf 5"])?;
        wait_until(second, "no socket of 5", || if there(5) { Err("there".into()) } else { Ok(()) })?;
        assert!(!ferrd.vtysh(&["show running-config"])?.contains("router ospf 5"));
        Ok(())
    })
}
