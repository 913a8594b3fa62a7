//! What tests of BFD share: how sessions are seen from both sides.

use std::time::{Duration, Instant};

use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{BfdPackets, Error, Ferrd};
use serde_json::Value;

use crate::{Pair, with_capture};

/// As [`crate::with_pair`], for tests in which we send BFD packets: a capture without any is an error.
pub fn with_bfd(
    name: &str,
    rivals: &[Rival],
    test: impl FnOnce(&Pair) -> Result<(), Error>,
) -> Result<Option<BfdPackets>, Error> {
    let Some(sent) = with_capture(name, rivals, test)? else { return Ok(None) };
    if sent.bfd.single_hop + sent.bfd.multihop > 0 {
        return Ok(Some(sent.bfd));
    }
    Err(Error::Answer { what: "tshark".to_owned(), text: format!("no BFD in the capture: {sent:?}") })
}

/// Our configuration with sessions of BFD that are logged; `bfd` is inside the block of that name.
#[must_use]
pub fn bfd_conf(bfd: &str, rest: &str) -> String {
    format!("bfd\n log-session-changes\n{bfd}exit\n!\n{rest}")
}

/// What FRR says of its session with `peer`.
pub fn frr_session(frr: &Frr, peer: &str) -> Result<Option<Value>, Error> {
    let all = frr.json("show bfd peers json")?;
    Ok(all.as_array().into_iter().flatten().find(|session| session["peer"] == peer).cloned())
}

/// Waits until FRR's session with `peer` has `status`.
pub fn wait_frr(frr: &Frr, peer: &str, status: &str) -> Result<Value, Error> {
    wait(format!("FRR's BFD session with {peer} to be {status}"), || {
        let seen = frr_session(frr, peer).map_err(|e| e.to_string())?;
        seen.clone().filter(|session| session["status"] == status).ok_or_else(|| format!("{seen:?}"))
    })
}

/// Waits until BIRD's session with `peer` is in `state` (`Up`, `Down`, ...).
pub fn wait_bird(bird: &Bird, peer: &str, state: &str) -> Result<(), Error> {
    wait(format!("BIRD's BFD session with {peer} to be {state}"), || {
        let text = bird.birdc("show bfd sessions").map_err(|e| e.to_string())?;
        let found = text.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.first() == Some(&peer) && words.get(2) == Some(&state)
        });
        if found { Ok(()) } else { Err(text) }
    })
}

/// How many times our log says that the session with `peer` is `state` (`up`, `down`, `held down`).
pub fn changes(ferrd: &mut Ferrd, peer: &str, state: &str) -> usize {
    let needle = format!("[peer {peer} vrf default] is {state}");
    ferrd.process().log().lines().filter(|line| line.contains(&needle)).count()
}

/// Waits until our log says for the `count`th time that the session with `peer` is `state`; gives the time of seeing it.
pub fn wait_change(ferrd: &mut Ferrd, peer: &str, state: &str, count: usize) -> Result<Instant, Error> {
    wait(format!("our BFD session with {peer} to be {state} ({count})"), || {
        match changes(ferrd, peer, state) {
            seen if seen >= count => Ok(Instant::now()),
            seen => Err(format!("{seen} times\n{}", ferrd.process().log_tail(10))),
        }
    })
}

/// State, times established, and the reason of the last reset of a BGP neighbor of ours.
pub fn neighbor(ferrd: &Ferrd, peer: &str) -> Result<(String, u64, String), Error> {
    let all = ferrd.bgp_json(&format!("show bgp neighbors {peer} json"))?;
    let one = &all[peer];
    let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    Ok((word("bgpState"), one["connectionsEstablished"].as_u64().unwrap_or_default(), word("lastResetDueTo")))
}

fn wait<T>(what: String, look: impl FnMut() -> Result<T, String>) -> Result<T, Error> {
    ferr_testnet::wait_until(Duration::from_secs(30), what, look)
}
