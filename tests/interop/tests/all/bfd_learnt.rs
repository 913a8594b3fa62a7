//! BFD with neighbors whose address is learnt, and sessions of BGP that wait for it.

use std::time::Duration;

use ferr_interop::bfd::{bfd_conf, changes, frr_session, neighbor, wait_change, with_bfd};
use ferr_testnet::rivals::{Frr, Rival};
use ferr_testnet::{Error, Ferrd};
use nix::sys::signal::Signal;
use serde_json::Value;

const FRR: &str = "router bgp 65002
 bgp router-id 10.0.0.2
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65001
 neighbor 192.0.2.1 timers 3 9
 neighbor 192.0.2.1 timers connect 1
 address-family ipv4 unicast
  network 10.2.0.0/16
 exit-address-family
exit
ip route 10.2.0.0/16 blackhole
";

/// Our BFD sessions, each with its peer and status.
fn sessions(ferrd: &Ferrd) -> Result<Vec<(String, String)>, Error> {
    let text = ferrd.commands("bfdd", &["show bfd peers json"])?.text;
    let all: Value = serde_json::from_str(&text)
        .map_err(|e| Error::Answer { what: format!("show bfd peers json: {e}"), text })?;
    let word = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    Ok(all.as_array().into_iter().flatten().map(|one| (word(one, "peer"), word(one, "status"))).collect())
}

fn wait_sessions(ferrd: &Ferrd, what: &str, fits: impl Fn(&[(String, String)]) -> bool) -> Result<(), Error> {
    ferr_testnet::wait_until(Duration::from_secs(30), what.to_owned(), || {
        let seen = sessions(ferrd).map_err(|e| e.to_string())?;
        if fits(&seen) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
}

/// Only FRR's BFD.
fn bfdd(frr: &mut Frr, signal: Signal) {
    frr.processes().last_mut().iter_mut().for_each(|p| p.signal(signal));
}

#[test]
fn an_unnumbered_neighbor_is_watched_over_its_link() -> Result<(), Error> {
    let sent = with_bfd("bfdunnum", &[Rival::Frr], |pair| {
        pair.net.link(&pair.us, "eth1", &pair.them, "eth1")?;
        let conf = |own: u8, bfd: &str| {
            format!(
                "ip route 10.{own}.0.0/16 blackhole\ninterface eth1\n ipv6 nd ra-interval 1\n no ipv6 nd suppress-ra\nexit\n\
                 router bgp 6500{own}\n bgp router-id 10.0.0.{own}\n no bgp ebgp-requires-policy\n \
                 neighbor eth1 interface remote-as external\n neighbor eth1 timers 30 90\n \
                 neighbor eth1 timers connect 1\n neighbor eth1 {bfd}\n \
                 address-family ipv4 unicast\n  network 10.{own}.0.0/16\n exit-address-family\nexit\n"
            )
        };
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &bfd_conf("", &conf(1, "bfd 3 100 100")))?;
        let mut frr = Frr::start_with_bfd(&pair.them, &conf(2, "bfd"))?;
        ferrd.wait_peer("eth1", "Established")?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        wait_sessions(
            &ferrd,
            "a session with the link-local address to be up",
            |seen| matches!(seen, [(peer, status)] if peer.starts_with("fe80:") && status == "up"),
        )?;
        let peer = sessions(&ferrd)?.remove(0).0;
        // FRR makes its session anew when BGP is up.
        std::thread::sleep(Duration::from_secs(3));
        ferrd.wait_peer("eth1", "Established")?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        let downs = changes(&mut ferrd, &peer, "down");
        frr.processes().iter_mut().for_each(|p| p.signal(Signal::SIGSTOP));
        wait_change(&mut ferrd, &peer, "down", downs + 1)?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        let (state, _, why) = neighbor(&ferrd, "eth1")?;
        assert!(state != "Established" && why.contains("BFD"), "{state} {why}");
        // The neighbor is gone, and its session with it.
        ferrd.configure(&["router bgp 65001", "no neighbor eth1 interface"])?;
        wait_sessions(&ferrd, "no session", <[_]>::is_empty)
    })?;
    assert!(sent.is_none_or(|sent| sent.single_hop > 0 && sent.multihop == 0));
    Ok(())
}

#[test]
fn a_strict_neighbor_of_a_listen_range_waits_for_bfd() -> Result<(), Error> {
    let conf = "router bgp 65001
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor RANGE peer-group
 neighbor RANGE remote-as 65002
 neighbor RANGE timers 3 9
 neighbor RANGE bfd 3 100 100
 neighbor RANGE bfd strict hold-time 60
 bgp listen range 192.0.2.0/24 peer-group RANGE
exit
";
    let sent = with_bfd("bfdstrict", &[Rival::Frr], |pair| {
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &bfd_conf("", conf))?;
        let mut frr = Frr::start_with_bfd(&pair.them, FRR)?;
        // FRR speaks BGP alone: that makes us look for it by BFD, and nothing else.
        wait_sessions(
            &ferrd,
            "a session that is not up",
            |seen| matches!(seen, [(peer, status)] if peer == "192.0.2.2" && status != "up"),
        )?;
        std::thread::sleep(Duration::from_secs(2));
        let text = ferrd.bgp("show bgp neighbors 192.0.2.2")?;
        assert!(text.contains("BGP state = Idle") && text.contains("Waiting for BFD"), "{text}");
        frr.configure(&["router bgp 65002", "neighbor 192.0.2.1 bfd"])?;
        ferrd.wait_peer("192.0.2.2", "Established")?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        // FRR makes its session anew when BGP is up.
        ferr_testnet::wait_until(Duration::from_secs(30), "FRR to settle".to_owned(), || {
            let session = frr_session(&frr, "192.0.2.1").map_err(|e| e.to_string())?.unwrap_or_default();
            let fine = session["status"] == "up" && session["interface"] == "eth0";
            if fine { Ok(()) } else { Err(session.to_string()) }
        })?;
        ferrd.wait_peer("192.0.2.2", "Established")?;
        let downs = changes(&mut ferrd, "192.0.2.2", "down");
        // BFD alone fails, and BGP with it, until BFD is back.
        bfdd(&mut frr, Signal::SIGSTOP);
        wait_change(&mut ferrd, "192.0.2.2", "down", downs + 1)?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        std::thread::sleep(Duration::from_secs(3));
        let text = ferrd.bgp("show bgp neighbors 192.0.2.2")?;
        assert!(text.contains("BGP state = Idle"), "{text}");
        bfdd(&mut frr, Signal::SIGCONT);
        ferrd.wait_peer("192.0.2.2", "Established")?;
        Ok(())
    })?;
    assert!(sent.is_none_or(|sent| sent.single_hop > 0));
    Ok(())
}

#[test]
fn a_failure_that_the_peer_s_control_plane_shares_is_a_restart() -> Result<(), Error> {
    with_bfd("bfdcbit", &[Rival::Frr], |pair| {
        let extra = " neighbor 192.0.2.2 bfd 3 100 100\n neighbor 192.0.2.2 bfd check-control-plane-failure";
        let conf = bfd_conf("", &ferr_interop::our_conf(extra)).replace("timers 3 9", "timers 30 90");
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
        let theirs = FRR.replace("timers 3 9", "bfd").replace(
            " no bgp ebgp-requires-policy\n",
            " no bgp ebgp-requires-policy\n bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n",
        );
        let mut frr = Frr::start_with_bfd(&pair.them, &theirs)?;
        ferrd.wait_peer("192.0.2.2", "Established")?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        ferr_testnet::wait_until(Duration::from_secs(30), "FRR to settle".to_owned(), || {
            let session = frr_session(&frr, "192.0.2.1").map_err(|e| e.to_string())?.unwrap_or_default();
            let fine = session["status"] == "up" && session["interface"] == "eth0";
            if fine { Ok(()) } else { Err(session.to_string()) }
        })?;
        ferrd.wait_peer("192.0.2.2", "Established")?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        let downs = changes(&mut ferrd, "192.0.2.2", "down");
        frr.processes().iter_mut().for_each(|p| p.signal(Signal::SIGSTOP));
        wait_change(&mut ferrd, "192.0.2.2", "down", downs + 1)?;
        std::thread::sleep(Duration::from_secs(2));
        let (state, ..) = neighbor(&ferrd, "192.0.2.2")?;
        assert_ne!(state, "Established");
        pair.us.wait_route("10.2.0.0/16", true)?;
        let text = ferrd.bgp("show bgp ipv4 unicast 10.2.0.0/16")?;
        assert!(text.contains("stale"), "{text}");
        frr.processes().iter_mut().for_each(|p| p.signal(Signal::SIGCONT));
        ferrd.wait_peer("192.0.2.2", "Established")?;
        pair.us.wait_route("10.2.0.0/16", true).map(drop)
    })?;
    Ok(())
}
