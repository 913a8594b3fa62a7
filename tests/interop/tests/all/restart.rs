//! Ends of sessions beside FRR: after which it keeps our routes, and after which not; the other way round, and what is shown of it.

use ferr_interop::{THEM, kernel_route, our_conf, wait_their_routes, with_pair};
use ferr_testnet::rivals::{Frr, Rival};
use ferr_testnet::{Error, Ferrd, Host};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const RESTARTS: &str = " bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n";
const OURS: &str = "10.1.0.0/16";

/// How an answer to `show bgp neighbors json` says that the last session ended.
fn ending(answer: &Value, neighbor: &str) -> Value {
    let all = ["lastErrorCodeSubcode", "lastNotificationReason", "lastNotificationHardReset"];
    let mut out = json!({});
    for key in all.into_iter().chain(["lastShutdownDescription", "lastResetDueTo", "lastResetCode"]) {
        if let Some(value) = answer[neighbor].get(key) {
            out[key] = value.clone();
        }
    }
    out
}

/// What a log says of NOTIFICATIONs.
fn notifications(log: &str) -> Vec<String> {
    let after = log.lines().filter_map(|line| line.split_once("%NOTIFICATION"));
    after.map(|(_, rest)| rest.trim_end().to_owned()).collect()
}

/// The line of `show bgp neighbors` without its time.
fn last_reset(text: &str) -> Option<&str> {
    text.lines().find(|l| l.contains("Last reset"))?.split(",  ").nth(1)
}

fn wait_ending(host: &Host, expected: &Value, seen: impl Fn() -> Result<Value, Error>) -> Result<(), Error> {
    host.wait(20, format!("an end of the session with {expected}"), || {
        let seen = seen().map_err(|e| e.to_string())?;
        if seen == *expected { Ok(()) } else { Err(seen.to_string()) }
    })
}

/// Waits until FRR has our route, fresh or kept from an earlier session.
fn wait_ours(pair: &Host, frr: &Frr, kept: bool) -> Result<(), Error> {
    pair.wait(30, format!("our route at FRR, kept: {kept}"), || {
        let seen = frr.json(&format!("show bgp ipv4 unicast {OURS} json")).map_err(|e| e.to_string())?;
        let path = &seen["paths"][0];
        if path.is_object() && (path["stale"] == true) == kept { Ok(()) } else { Err(seen.to_string()) }
    })
}

/// FRR's configuration, so that it logs how sessions end.
fn talkative(more: &str) -> String {
    let logs = format!("log stdout informational\nrouter bgp 65002\n bgp log-neighbor-changes\n{more}");
    super::frr::CONF.replace("router bgp 65002\n", &logs)
}

#[test]
fn frr_keeps_our_routes_only_when_we_shall_be_back() -> Result<(), Error> {
    with_pair("hardreset", &[Rival::Frr], |pair| {
        let ferrd = Ferrd::start(&pair.us, &pair.program, &our_conf(RESTARTS))?;
        let mut frr = Frr::start(&pair.them, &talkative(""))?;
        let bgpd = frr.processes().iter().position(|p| p.name().contains("bgpd")).unwrap();
        let theirs = || Ok(ending(&frr.json("show bgp neighbors json")?, "192.0.2.1"));
        wait_ours(&pair.us, &frr, false)?;

        ferrd.configure(&["router bgp 65001", "neighbor 192.0.2.2 shutdown message moving house"])?;
        let shutdown = json!({
            "lastErrorCodeSubcode": "0602", "lastNotificationReason": "Cease/Administrative Shutdown",
            "lastNotificationHardReset": true, "lastShutdownDescription": "moving house",
            "lastResetDueTo": "BGP Notification received", "lastResetCode": 13,
        });
        wait_ending(&pair.us, &shutdown, theirs)?;
        frr.wait_prefix(OURS, false)?;
        ferrd.configure(&["router bgp 65001", "no neighbor 192.0.2.2 shutdown"])?;
        wait_ours(&pair.us, &frr, false)?;

        // It comes back at once, and what is shown is overwritten; the log has it.
        let heard = |frr: &mut Frr, words: &str| frr.processes()[bgpd].log().matches(words).count();
        let soft = "%NOTIFICATION: received from neighbor 192.0.2.1 6/4 (Cease/Administrative Reset)";
        let hard =
            "%NOTIFICATION(Hard Reset): received from neighbor 192.0.2.1 6/4 (Cease/Administrative Reset)";
        ferrd.configure(&["router bgp 65001", "no bgp hard-administrative-reset"])?;
        for (count, switch) in [((1, 0), "bgp hard-administrative-reset"), ((1, 1), "exit")] {
            ferrd.bgp("clear bgp 192.0.2.2")?;
            pair.us.wait(20, format!("soft and hard resets {count:?}"), || {
                let seen = (heard(&mut frr, soft), heard(&mut frr, hard));
                if seen == count { Ok(()) } else { Err(format!("{seen:?}")) }
            })?;
            ferrd.configure(&["router bgp 65001", switch])?;
            wait_ours(&pair.us, &frr, false)?;
        }
        Ok(())
    })
}

/// Our daemon ends after `prepare`, with its routes in the kernel, and comes back.
fn comes_back(
    name: &str,
    (argument, conf): (&str, &str),
    prepare: impl FnOnce(&Ferrd) -> Result<(), Error>,
) -> Result<(), Error> {
    with_pair(name, &[Rival::Frr], |pair| {
        let mut program = pair.program.clone();
        program.prefix.push(argument.into());
        let mut ferrd = Ferrd::start(&pair.us, &program, &(our_conf(RESTARTS) + conf))?;
        let frr = Frr::start(&pair.them, super::frr::CONF)?;
        wait_ours(&pair.us, &frr, false)?;
        wait_their_routes(&pair.us)?;
        prepare(&ferrd)?;
        ferrd.process().stop();
        wait_ours(&pair.us, &frr, true)?;
        let kept = kernel_route(&pair.us, "10.2.0.0/16").unwrap();
        assert!(kept.is_some(), "its route is in our kernel");
        ferrd.restart()?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_ours(&pair.us, &frr, false)?;
        wait_their_routes(&pair.us)
    })
}

#[test]
fn an_end_with_routes_that_stay_is_no_end_for_frr() -> Result<(), Error> {
    comes_back("stays", ("--retain", ""), |_| Ok(()))
}

#[test]
fn a_restart_that_ospf_prepared_is_one_of_bgp_too() -> Result<(), Error> {
    let ospf = "router ospf\n ospf router-id 10.0.0.1\n graceful-restart\nexit\ninterface eth0\n ip ospf area 0\nexit\n";
    comes_back("prepared", ("-K30", ospf), |ferrd| {
        ferrd.commands("ospfd", &["enable", "graceful-restart prepare ip ospf"]).map(drop)
    })
}

#[test]
fn ends_are_shown_and_logged_as_frr_does() -> Result<(), Error> {
    with_pair("lastreset", &[Rival::Frr], |pair| {
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &our_conf(" bgp log-neighbor-changes\n"))?;
        let mut frr = Frr::start(&pair.them, &talkative(RESTARTS))?;
        let wait_shown = |ferrd: &Ferrd, expected: &Value, text: &str| {
            wait_ending(&pair.us, expected, || {
                Ok(ending(&ferrd.bgp_json("show bgp neighbors json")?, THEM))
            })?;
            let seen = ferrd.bgp(&format!("show bgp neighbors {THEM}"))?;
            assert_eq!(last_reset(&seen), Some(text), "{seen}");
            Ok::<(), Error>(())
        };
        wait_their_routes(&pair.us)?;
        frr.configure(&["router bgp 65002", "neighbor 192.0.2.1 shutdown message moving house"])?;
        let shutdown = json!({
            "lastErrorCodeSubcode": "0602", "lastNotificationReason": "Cease/Administrative Shutdown",
            "lastNotificationHardReset": true, "lastShutdownDescription": "moving house",
            "lastResetDueTo": "BGP Notification received", "lastResetCode": 13,
        });
        let hard = "Notification received (Cease/Administrative Shutdown/Hard Reset)";
        wait_shown(&ferrd, &shutdown, hard)?;
        pair.us.wait_route("10.2.0.0/16", false)?;

        frr.configure(&["router bgp 65002", "no neighbor 192.0.2.1 shutdown"])?;
        wait_their_routes(&pair.us)?;
        // It hangs: our hold timer ends the session.
        let bgpd = frr.processes().iter().position(|p| p.name().contains("bgpd")).unwrap();
        frr.processes()[bgpd].signal(Signal::SIGSTOP);
        let expired = json!({
            "lastErrorCodeSubcode": "0400", "lastNotificationReason": "Hold Timer Expired",
            "lastNotificationHardReset": false, "lastResetDueTo": "BGP Notification send", "lastResetCode": 14,
        });
        let seen = wait_shown(&ferrd, &expired, "Notification sent (Hold Timer Expired)");
        frr.processes()[bgpd].signal(Signal::SIGCONT);
        seen?;

        // What one logs as sent the other logs as received.
        let ours = notifications(&ferrd.process().log());
        let heard = "(Hard Reset): received from neighbor 192.0.2.2 6/2 (Cease/Administrative Shutdown) \"moving house\"";
        let said = ": sent to neighbor 192.0.2.2 4/0 (Hold Timer Expired) 0 bytes";
        assert!([heard, said].iter().all(|words| ours.iter().any(|line| line == words)), "{ours:?}");
        let theirs = notifications(&frr.processes()[bgpd].log());
        let mirrored = heard.replace("received from neighbor 192.0.2.2", "sent to neighbor 192.0.2.1");
        assert!(theirs.contains(&mirrored), "{theirs:?}");
        Ok(())
    })
}
