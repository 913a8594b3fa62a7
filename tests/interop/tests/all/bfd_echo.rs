//! Echo packets with FRR, which sends them to itself by way of us, and loops ours by forwarding them.

use std::time::{Duration, Instant};

use ferr_interop::bfd::{bfd_conf, changes, frr_session, wait_change, wait_frr, with_bfd};
use ferr_interop::{Pair, THEM, THEM6, our_conf, pair};
use ferr_testnet::rivals::{Frr, Rival};
use ferr_testnet::{Error, Ferrd};
use serde_json::Value;

const US: &str = "192.0.2.1";
/// FRR holds its BFD and its BGP session apart, so that neither makes the other anew.
const FRR_BFD: &str = "bfd\n peer 192.0.2.1 interface eth0\n  echo-mode\n exit\nexit\n";

fn ours() -> String {
    bfd_conf(" peer 192.0.2.2\n  echo-mode\n exit\n", &our_conf(""))
}

fn our_session(ferrd: &Ferrd) -> Result<Value, Error> {
    let all = ferrd.bfd_json("show bfd peers json")?;
    Ok(all.as_array().into_iter().flatten().find(|s| s["peer"] == THEM).cloned().unwrap_or_default())
}

/// Echoes that were sent and that came back, as one side counts them.
fn echoes(all: &Value, peer: &str) -> (u64, u64) {
    let one = all.as_array().into_iter().flatten().find(|c| c["peer"] == peer);
    let count = |key: &str| one.and_then(|c| c[key].as_u64()).unwrap_or_default();
    (count("echo-packet-output"), count("echo-packet-input"))
}

fn both_up(pair: &Pair) -> Result<(Ferrd, Frr), Error> {
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, &ours())?;
    let frr = Frr::start_with_bfd(&pair.them, &format!("{}{FRR_BFD}", super::frr::CONF))?;
    ferrd.wait_peer(THEM, "Established")?;
    wait_change(&mut ferrd, THEM, "up", 1)?;
    wait_frr(&frr, US, "up")?;
    Ok((ferrd, frr))
}

/// Both sides send echoes, and get them back.
fn echoes_run(ferrd: &mut Ferrd, frr: &Frr) -> Result<(), Error> {
    let ours = |ferrd: &Ferrd| Ok::<_, Error>(echoes(&ferrd.bfd_json("show bfd peers counters json")?, THEM));
    let theirs = || Ok::<_, Error>(echoes(&frr.json("show bfd peers counters json")?, US));
    let before = (ours(ferrd)?, theirs()?);
    std::thread::sleep(Duration::from_secs(3));
    let after = (ours(ferrd)?, theirs()?);
    let grown = |before: (u64, u64), after: (u64, u64)| (after.0 - before.0, after.1 - before.1);
    for (who, (sent, back)) in [("ours", grown(before.0, after.0)), ("theirs", grown(before.1, after.1))] {
        // 60 at 50 ms and without jitter.
        assert!((40..=90).contains(&sent) && back + 4 >= sent && back <= sent + 4, "{who}: {sent} {back}");
    }
    let session = our_session(ferrd)?;
    let rtt = |key: &str| session[key].as_u64().unwrap_or_default();
    assert!(
        rtt("rtt-max") > 0 && rtt("rtt-max") < 1_000_000 && rtt("rtt-min") <= rtt("rtt-avg"),
        "{session}"
    );
    Ok(())
}

#[test]
fn echoes_are_looped_by_both_kernels() -> Result<(), Error> {
    let sent = with_bfd("bfdecho", &[Rival::Frr], |pair| {
        pair.us.sysctl("net.ipv4.ip_forward", "1")?;
        pair.them.sysctl("net.ipv4.ip_forward", "1")?;
        let (mut ferrd, frr) = both_up(pair)?;
        echoes_run(&mut ferrd, &frr)?;
        assert_eq!(changes(&mut ferrd, THEM, "down"), 0, "{}", ferrd.process().log_tail(10));
        Ok(())
    })?;
    assert!(sent.is_none_or(|sent| sent.echo > 50), "{sent:?}");
    Ok(())
}

#[test]
fn echoes_are_looped_by_us_where_the_kernel_does_not() -> Result<(), Error> {
    with_bfd("bfdechoself", &[Rival::Frr], |pair| {
        pair.them.sysctl("net.ipv4.ip_forward", "1")?;
        let conf = format!("no ip forwarding\n{}", ours());
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
        let frr = Frr::start_with_bfd(&pair.them, &format!("{}{FRR_BFD}", super::frr::CONF))?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_frr(&frr, US, "up")?;
        let forwarding =
            pair.us.run(std::process::Command::new("sysctl").args(["-n", "net.ipv4.ip_forward"]))?;
        assert_eq!(forwarding.trim(), "0");
        std::thread::sleep(Duration::from_secs(1));
        echoes_run(&mut ferrd, &frr)?;
        assert_eq!(changes(&mut ferrd, THEM, "down"), 0, "{}", ferrd.process().log_tail(10));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_peer_that_stops_looping_is_down_and_does_not_flap() -> Result<(), Error> {
    with_bfd("bfdechofail", &[Rival::Frr], |pair| {
        pair.us.sysctl("net.ipv4.ip_forward", "1")?;
        pair.them.sysctl("net.ipv4.ip_forward", "1")?;
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &ours())?;
        // FRR sends none: it would take its own session down again and again.
        let quiet = FRR_BFD.replace("  echo-mode\n", "");
        let frr = Frr::start_with_bfd(&pair.them, &format!("{}{quiet}", super::frr::CONF))?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_frr(&frr, US, "up")?;
        std::thread::sleep(Duration::from_secs(2));
        let downs = changes(&mut ferrd, THEM, "down");
        assert_eq!(downs, 0, "{}", ferrd.process().log_tail(10));
        // Control packets go on, echoes do not come back.
        let stopped = Instant::now();
        pair.them.sysctl("net.ipv4.ip_forward", "0")?;
        let down = wait_change(&mut ferrd, THEM, "down", 1)?;
        // Three times 50 ms, and what looking takes; control packets would have been missed after 3 s.
        assert!(down - stopped < Duration::from_millis(1000), "{:?}", down - stopped);
        let log = ferrd.process().log();
        assert!(log.lines().any(|l| l.contains("is down") && l.contains("EchoFailed")), "{log}");
        // Held down for 1, 2, 4, 8 s.
        std::thread::sleep(Duration::from_secs(12));
        let flaps = changes(&mut ferrd, THEM, "down");
        assert!((2..=4).contains(&flaps), "{flaps}: {}", ferrd.process().log_tail(20));
        pair.them.sysctl("net.ipv4.ip_forward", "1")?;
        let ups = changes(&mut ferrd, THEM, "up");
        wait_change(&mut ferrd, THEM, "up", ups + 1)?;
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(frr_session(&frr, US)?.unwrap_or_default()["status"], "up");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn echoes_over_ipv6_are_looped_by_the_peers_kernel() -> Result<(), Error> {
    let sent = with_bfd("bfdecho6", &[Rival::Frr], |pair| {
        pair.us.sysctl("net.ipv6.conf.all.forwarding", "1")?;
        pair.them.sysctl("net.ipv6.conf.all.forwarding", "1")?;
        let conf = bfd_conf(&format!(" peer {THEM6}\n  echo-mode\n exit\n"), &our_conf(""));
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
        let theirs = format!("{}bfd\n peer 2001:db8:12::1 interface eth0\n exit\nexit\n", super::frr::CONF);
        let frr = Frr::start_with_bfd(&pair.them, &theirs)?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_change(&mut ferrd, THEM6, "up", 1)?;
        wait_frr(&frr, "2001:db8:12::1", "up")?;
        std::thread::sleep(Duration::from_secs(3));
        let (sent, back) = echoes(&ferrd.bfd_json("show bfd peers counters json")?, THEM6);
        assert!(sent > 40 && back + 4 >= sent, "{sent} sent, {back} back");
        pair.them.sysctl("net.ipv6.conf.all.forwarding", "0")?;
        wait_change(&mut ferrd, THEM6, "down", 1)?;
        assert!(ferrd.process().log().contains("EchoFailed"), "{}", ferrd.process().log_tail(10));
        Ok(())
    })?;
    assert!(sent.is_none_or(|sent| sent.echo > 40), "{sent:?}");
    Ok(())
}

/// Their host forwards, and speaks no BFD.
#[test]
fn a_host_without_bfd_is_watched_by_unaffiliated_echoes() -> Result<(), Error> {
    let Some(pair) = pair("bfdechoalone", &[])? else { return Ok(()) };
    let forward = |on: &str| {
        pair.them.sysctl("net.ipv4.ip_forward", on)?;
        pair.them.sysctl("net.ipv6.conf.all.forwarding", on)
    };
    forward("1")?;
    let peers: String =
        [THEM, THEM6].iter().map(|p| format!(" peer {p}\n  echo unaffiliated\n exit\n")).collect();
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, &bfd_conf(&peers, ""))?;
    for peer in [THEM, THEM6] {
        wait_change(&mut ferrd, peer, "up", 1)?;
    }
    assert_eq!(our_session(&ferrd)?["status"], "up");
    std::thread::sleep(Duration::from_secs(2));
    let stopped = Instant::now();
    forward("0")?;
    for peer in [THEM, THEM6] {
        assert_eq!(changes(&mut ferrd, peer, "up"), 1, "{}", ferrd.process().log_tail(20));
        let down = wait_change(&mut ferrd, peer, "down", 1)?;
        assert!(down - stopped < Duration::from_secs(2), "{peer}: {:?}", down - stopped);
    }
    forward("1")?;
    for peer in [THEM, THEM6] {
        wait_change(&mut ferrd, peer, "up", 2)?;
    }
    Ok(())
}
