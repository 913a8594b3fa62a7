//! BFD packets that prove where they come from, with BIRD.

use std::time::Duration;

use ferr_interop::bfd::{bfd_conf, changes, wait_bird, wait_change, with_bfd};
use ferr_interop::{Pair, THEM, our_conf};
use ferr_testnet::rivals::{Bird, Rival};
use ferr_testnet::{Error, Ferrd};

const US: &str = "192.0.2.1";
const TIMERS: &str = "interval 100 ms; idle tx interval 500 ms; multiplier 3;";

fn ours(keys: &str) -> String {
    let profile = format!("  receive-interval 100\n  transmit-interval 100\n{keys}");
    bfd_conf(&format!(" profile safe\n{profile} exit\n"), &our_conf(" neighbor 192.0.2.2 bfd profile safe"))
}

/// BIRD's configuration; `auth` are options of the interface.
fn theirs(auth: &str) -> String {
    let bfd = format!("protocol bfd {{ interface \"*\" {{ {TIMERS} {auth} }}; }}\n");
    format!("{bfd}{}", super::bird::CONF.replace("hold time 9;", "hold time 90; bfd on;"))
}

fn bird_key(kind: &str, id: u8, password: &str) -> String {
    format!("authentication {kind}; password \"{password}\" {{ id {id}; }};")
}

fn both_up(pair: &Pair, keys: &str, auth: &str) -> Result<(Ferrd, Bird), Error> {
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, &ours(keys))?;
    let bird = Bird::start(&pair.them, &theirs(auth))?;
    wait_change(&mut ferrd, THEM, "up", 1)?;
    wait_bird(&bird, US, "Up")?;
    ferrd.wait_peer(THEM, "Established")?;
    Ok((ferrd, bird))
}

/// Waits until our log says that packets are not authentic, and gives the line.
fn told(pair: &Pair, ferrd: &mut Ferrd, why: &str) -> Result<String, Error> {
    pair.us.wait(20, format!("our log to tell of {why}"), || {
        let log = ferrd.process().log();
        let line =
            log.lines().find(|l| l.contains("are not authentic") && l.contains(why)).map(str::to_owned);
        line.ok_or_else(|| ferrd.process().log_tail(5))
    })
}

/// The session stays as it is for longer than several detection times.
fn stays_up(ferrd: &mut Ferrd) {
    std::thread::sleep(Duration::from_millis(1500));
    let (ups, downs) = (changes(ferrd, THEM, "up"), changes(ferrd, THEM, "down"));
    assert_eq!((ups, downs), (1, 0), "{}", ferrd.process().log_tail(10));
}

#[test]
fn every_type_of_bird_comes_up_and_a_wrong_key_does_not() -> Result<(), Error> {
    for (i, (word, kind, password)) in [
        ("simple", "simple", "sixteen-octets-1"),
        ("keyed-md5", "keyed md5", "sixteen-octets-2"),
        ("meticulous-keyed-md5", "meticulous keyed md5", "short"),
        ("keyed-sha1", "keyed sha1", "twenty-octets-long-3"),
        ("meticulous-keyed-sha1", "meticulous keyed sha1", "with blanks in it"),
    ]
    .into_iter()
    .enumerate()
    {
        with_bfd(&format!("bfdauth{i}"), &[Rival::Bird], |pair| {
            let keys = format!("  authentication {word} key-id 7 password {password}\n");
            let (mut ferrd, mut bird) = both_up(pair, &keys, &bird_key(kind, 7, password))?;
            stays_up(&mut ferrd);
            // No shell of FRR's and no log shows it.
            let text =
                ferrd.commands("bfdd", &["show running-config", "show bfd peers", "show bfd peers json"])?;
            assert!(!text.text.contains(password), "{}", text.text);
            bird.process().kill();
            wait_change(&mut ferrd, THEM, "down", 1)?;
            let wrong = Bird::start(&pair.them, &theirs(&bird_key(kind, 7, "something else")))?;
            told(pair, &mut ferrd, "")?;
            std::thread::sleep(Duration::from_secs(1));
            assert_eq!(changes(&mut ferrd, THEM, "up"), 1);
            wait_bird(&wrong, US, "Down")?;
            assert!(!ferrd.process().log().contains(password));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_peer_without_a_key_or_with_another_is_told() -> Result<(), Error> {
    with_bfd("bfdauthno", &[Rival::Bird], |pair| {
        let keys = "  authentication keyed-sha1 key-id 1 password secret\n";
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &ours(keys))?;
        for (auth, why) in [
            (String::new(), "packet without authentication"),
            (bird_key("keyed sha1", 9, "secret"), "no key with the number 9"),
            (bird_key("keyed md5", 1, "secret"), "Keyed MD5 is not the one in use"),
        ] {
            let mut bird = Bird::start(&pair.them, &theirs(&auth))?;
            ferrd.wait_peer(THEM, "Established")?;
            let line = told(pair, &mut ferrd, why)?;
            assert!(!line.contains("secret"), "{line}");
            bird.process().stop();
        }
        assert_eq!(changes(&mut ferrd, THEM, "up"), 0, "{}", ferrd.process().log_tail(10));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn keys_are_changed_while_the_session_stays_up() -> Result<(), Error> {
    with_bfd("bfdauthroll", &[Rival::Bird], |pair| {
        let two = |first: &str, second: &str| {
            format!("authentication meticulous keyed sha1; password \"{first}; password \"{second};")
        };
        // BIRD signs with the first key that may be used, and accepts all.
        let (old, new) = ("old\" { id 1; }", "new\" { id 2; }");
        let keys = "  authentication meticulous-keyed-sha1 key-id 1 password old\n  \
                    authentication accept key-id 2 password new\n";
        let (mut ferrd, bird) = both_up(pair, keys, &two(old, new))?;
        stays_up(&mut ferrd);
        // We change what we sign with, and then BIRD does.
        let change = |ferrd: &Ferrd, lines: &[&str]| {
            let lines: Vec<&str> = ["bfd", "profile safe"].iter().chain(lines).copied().collect();
            ferrd.configure(&lines)
        };
        change(&ferrd, &["authentication accept key-id 1 password old"])?;
        change(&ferrd, &["no authentication accept key-id 2"])?;
        change(&ferrd, &["authentication accept key-id 2 password new"])?;
        stays_up(&mut ferrd);
        change(&ferrd, &["authentication meticulous-keyed-sha1 key-id 2 password new"])?;
        stays_up(&mut ferrd);
        bird.reconfigure(&theirs(&two(new, old)))?;
        stays_up(&mut ferrd);
        change(&ferrd, &["no authentication accept key-id 1"])?;
        bird.reconfigure(&theirs(&bird_key("meticulous keyed sha1", 2, "new")))?;
        stays_up(&mut ferrd);
        wait_bird(&bird, US, "Up")
    })?;
    Ok(())
}
