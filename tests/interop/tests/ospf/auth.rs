//! Authentication of each kind, wrong keys, and a change of keys.

use std::time::{Duration, Instant};

use ferr_testnet::{Error, wait_until};

use crate::bed::{Conf, segment, with_lan};

#[test]
fn passwords() -> Result<(), Error> {
    with_lan("ospfpass", |lan| {
        let frr = " ip ospf authentication\n ip ospf authentication-key secret\n";
        let v2 = |text: &str| Conf { without: Some(3), ..segment(text) };
        let bird = v2("authentication simple; password \"secret\";");
        let _routers = lan.start(&v2(frr), &v2(frr), &bird)?;
        lan.wait_users_v4(&[1, 2, 3])
    })
}

const MD5: &str = " ip ospf authentication message-digest\n ip ospf message-digest-key 1 md5 one\n";

#[test]
fn keys_change_without_a_gap() -> Result<(), Error> {
    with_lan("ospfmd5", |lan| {
        let v2 = |text: &str| Conf { without: Some(3), ..segment(text) };
        let bird = |keys: &str| v2(&format!("authentication cryptographic; {keys}"));
        let one = "password \"one\" { id 1; };";
        let mut routers = lan.start(&v2(MD5), &v2(MD5), &bird(one))?;
        lan.wait_users_v4(&[1, 2, 3])?;
        let full = |routers: &crate::bed::Routers| {
            let all = routers.ferrd.ospf_json("show ip ospf neighbor json").map_err(|e| e.to_string())?;
            let states = ["10.9.0.2", "10.9.0.3"].map(|r| all["neighbors"][r][0]["nbrState"].clone());
            let is_full = |s: &serde_json::Value| s.as_str().is_some_and(|s| s.starts_with("Full"));
            if states.iter().all(is_full) { Ok(()) } else { Err(all.to_string()) }
        };
        wait_until(Duration::from_secs(20), "both adjacencies", || full(&routers))?;
        let add = ["interface eth0", "ip ospf message-digest-key 2 md5 two"];
        routers.frr.configure(&add)?;
        routers.bird.reconfigure(&bird(&format!("{one} password \"two\" {{ id 2; }};")).bird())?;
        routers.ferrd.configure_on("ospfd", &add)?;
        let remove = ["interface eth0", "no ip ospf message-digest-key 1"];
        std::thread::sleep(Duration::from_secs(2));
        routers.frr.configure(&remove)?;
        routers.ferrd.configure_on("ospfd", &remove)?;
        routers.bird.reconfigure(&bird("password \"two\" { id 2; };").bird())?;
        // Longer than the dead interval: whoever did not follow would be gone.
        let end = Instant::now() + Duration::from_secs(6);
        while Instant::now() < end {
            full(&routers).map_err(|text| Error::Answer { what: "adjacency".to_owned(), text })?;
            std::thread::sleep(Duration::from_millis(200));
        }
        routers.ferrd.process().check()
    })
}

#[test]
fn digests_of_hmac_sha() -> Result<(), Error> {
    with_lan("ospfsha", |lan| {
        // Packaged FRR has key chains for OSPFv3 only.
        lan.switch.ip("link set frr down")?;
        let ours = Conf {
            global: "key chain K\n key 7\n  key-string secret\n  cryptographic-algorithm hmac-sha-256\n exit\nexit".to_owned(),
            without: Some(3),
            ..segment(" ip ospf authentication key-chain K\n")
        };
        let bird =
            segment("authentication cryptographic; password \"secret\" { id 7; algorithm hmac sha256; };");
        let plain = Conf { without: Some(3), ..Conf::default() };
        let _routers = lan.start(&ours, &plain, &Conf { without: Some(3), ..bird })?;
        lan.wait_users_v4(&[1, 3])
    })
}

/// Packaged FRR makes trailers in another way than RFC 7166 says, and so cannot be on one link with BIRD.
fn trailers(name: &str, with: u8) -> Result<(), Error> {
    with_lan(name, |lan| {
        lan.switch.ip(&format!("link set {} down", if with == 2 { "bird" } else { "frr" }))?;
        let frr = " ipv6 ospf6 authentication key-id 9 hash-algo hmac-sha-256 key secret\n";
        let v3 = |text: &str| Conf { without: Some(2), ..segment(text) };
        let bird = v3("authentication cryptographic; password \"secret\" { id 9; algorithm hmac sha256; };");
        let _routers = lan.start(&v3(frr), &v3(frr), &bird)?;
        lan.wait_users_v6(&[1, with])
    })
}

#[test]
fn trailers_as_frr_makes_them() -> Result<(), Error> {
    trailers("ospftrailf", 2)
}

#[test]
fn trailers_as_bird_makes_them() -> Result<(), Error> {
    trailers("ospftrailb", 3)
}

#[test]
fn a_wrong_key_makes_no_adjacency() -> Result<(), Error> {
    with_lan("ospfwrong", |lan| {
        let v2 = |text: &str| Conf { without: Some(3), ..segment(text) };
        let wrong = MD5.replace("one", "another");
        let bird = v2("authentication cryptographic; password \"one\" { id 1; };");
        let routers = lan.start(&v2(&wrong), &v2(MD5), &bird)?;
        lan.wait_users_v4(&[2, 3])?;
        let seen = routers.ferrd.ospf_json("show ip ospf neighbor json")?;
        assert!(seen["neighbors"].as_object().is_none_or(serde_json::Map::is_empty), "{seen}");
        let seen = routers.frr.json("show ip ospf neighbor json")?;
        assert!(seen["neighbors"].get("10.9.0.1").is_none(), "{seen}");
        Ok(())
    })
}
