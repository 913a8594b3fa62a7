//! TCP-MD5: right, wrong, missing and changed keys.

use std::thread;
use std::time::Duration;

use ferr_interop::{THEM, our_conf, wait_their_routes, with_pair};
use ferr_testnet::rivals::{Bird, Rival};
use ferr_testnet::{Error, Ferrd};

/// Long enough for several connection attempts, which come every second.
const ATTEMPTS: Duration = Duration::from_secs(4);

fn bird_conf(key: Option<&str>) -> String {
    let key = key.map_or_else(String::new, |key| format!("password \"{key}\";"));
    super::bird::CONF.replace("hold time 9;", &format!("hold time 9; {key}"))
}

fn ours(key: Option<&str>) -> String {
    let lines = key.map(|key| {
        format!(" neighbor {THEM} password {key}\n neighbor {} password {key}\n", ferr_interop::THEM6)
    });
    our_conf(&lines.unwrap_or_default())
}

#[test]
fn the_right_key_passes_and_a_changed_key_is_followed() -> Result<(), Error> {
    with_pair("md5", &[Rival::Bird], |pair| {
        let ferrd = Ferrd::start(&pair.us, &pair.program, &ours(Some("s3cret-Key")))?;
        let bird = Bird::start(&pair.them, &bird_conf(Some("s3cret-Key")))?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_their_routes(&pair.us)?;
        bird.wait_route("10.1.0.0/16", "BGP", true)?;
        assert!(
            !ferrd.vty_dir().join("../ferrd.log").canonicalize().is_ok_and(|log| {
                std::fs::read_to_string(log).is_ok_and(|text| text.contains("s3cret-Key"))
            })
        );

        // Another key on both sides: the session is made anew with it.
        ferrd.configure(&["router bgp 65001", "neighbor 192.0.2.2 password other-Key"])?;
        bird.reconfigure(&bird_conf(Some("other-Key")))?;
        ferrd.wait_peer(THEM, "Established")?;
        bird.wait_protocol("us4", "Established")?;
        Ok(())
    })
}

fn never(our_key: Option<&str>, their_key: Option<&str>, name: &str) -> Result<(), Error> {
    with_pair(name, &[Rival::Bird], |pair| {
        let ferrd = Ferrd::start(&pair.us, &pair.program, &ours(our_key))?;
        let bird = Bird::start(&pair.them, &bird_conf(their_key))?;
        let end = std::time::Instant::now() + ATTEMPTS;
        while std::time::Instant::now() < end {
            let state = ferrd.peer_state(THEM)?.unwrap_or_default();
            assert!(!["OpenConfirm", "Established"].contains(&state.as_str()), "{state}");
            thread::sleep(Duration::from_millis(100));
        }
        let text = bird.birdc("show protocols all us4")?;
        assert!(!text.contains("Established"), "{text}");
        assert!(!pair.us.routes(false)?.iter().any(|r| r.destination == "10.2.0.0/16"));

        // The right key heals it.
        bird.reconfigure(&bird_conf(our_key))?;
        ferrd.wait_peer(THEM, "Established")?;
        Ok(())
    })
}

#[test]
fn a_wrong_key_is_no_session() -> Result<(), Error> {
    never(Some("right"), Some("wrong"), "md5wrong")
}

#[test]
fn a_missing_key_of_theirs_is_no_session() -> Result<(), Error> {
    never(Some("right"), None, "md5none")
}

#[test]
fn a_missing_key_of_ours_is_no_session() -> Result<(), Error> {
    never(None, Some("theirs"), "md5ours")
}
