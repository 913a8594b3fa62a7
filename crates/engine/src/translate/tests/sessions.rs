//! BFD sessions, of what is configured and of what BGP learnt, and remarks on their timers.

use std::collections::BTreeSet;
use std::time::Duration;

use ferr_bgp::{BfdNeighbor, BfdPeer};
use ferr_state::{BfdClient, HopReason};
use ferr_types::IfIndex;

use super::{around, parse};
use crate::bgp_thread::Learnt;
use crate::translate::bfd::{Sessions, Sources, sessions};
use crate::translate::bfd_timing::{remarks, warnings};
use crate::translate::bgp::bgp;

fn learnt(name: &str, addr: &str, ifindex: Option<u32>, dynamic: bool, restarts: bool) -> Learnt {
    let peer = BfdPeer { addr: addr.parse().unwrap(), ifindex: ifindex.map(IfIndex) };
    let neighbor = BfdNeighbor { name: name.into(), peer, dynamic, restarts, leaving: false };
    Learnt { instance: "default".into(), neighbor }
}

fn wanted(text: &str, learnt: &[Learnt]) -> Sessions {
    let config = parse(text);
    let learnt: BTreeSet<Learnt> = learnt.iter().cloned().collect();
    let bgp = bgp(&config, &around());
    let sources = Sources { learnt: &learnt, ..Sources::configured(&bgp) };
    sessions(&config, &sources, &around()).sessions
}

fn names(sessions: &Sessions) -> Vec<String> {
    sessions.keys().map(|n| format!("{}%{}", n.remote, n.interface.as_deref().unwrap_or("-"))).collect()
}

#[test]
fn an_unnumbered_neighbor_has_a_session_once_its_address_is_known() {
    let text = "router bgp 65000\n neighbor eth0 interface remote-as external\n neighbor eth0 bfd\n";
    assert!(wanted(text, &[]).is_empty());
    let found = wanted(text, &[learnt("eth0", "fe80::9", Some(2), false, false)]);
    assert_eq!(names(&found), ["fe80::9%eth0"]);
    let session = found.values().next().unwrap();
    assert_eq!((session.key.interface, session.gateway.ifindex), (Some(IfIndex(2)), Some(IfIndex(2))));
    assert_eq!(session.gateway.addr.to_string(), "fe80::9");
    assert_eq!((session.key.hop.port(), session.device.as_deref()), (3784, Some("eth0")));
    // Inside of the own AS it is on the link as well.
    let found =
        wanted(&text.replace("external", "internal"), &[learnt("eth0", "fe80::9", Some(2), false, false)]);
    assert_eq!(found.values().next().unwrap().reason, HopReason::Connected);
    // What is not configured (any more) has none.
    assert!(wanted("router bgp 65000\n", &[learnt("eth0", "fe80::9", Some(2), false, false)]).is_empty());
}

#[test]
fn a_configured_link_local_neighbor_is_pinned_to_its_interface() {
    let text = "router bgp 65000\n neighbor fe80::9 remote-as 65001\n neighbor fe80::9 bfd\n";
    assert!(wanted(text, &[]).is_empty(), "on which link?");
    let found = wanted(&format!("{text} neighbor fe80::9 interface eth0\n"), &[]);
    assert_eq!(names(&found), ["fe80::9%eth0"]);
}

#[test]
fn an_internal_neighbor_is_one_hop_away_where_it_is_on_a_connected_prefix() {
    let session = |addr: &str| {
        let text = format!("router bgp 65000\n neighbor {addr} remote-as 65000\n neighbor {addr} bfd\n");
        let found = wanted(&text, &[]).into_values().next().unwrap();
        (found.key.hop.port(), found.reason)
    };
    assert_eq!(session("192.0.2.9"), (3784, HopReason::Connected));
    assert_eq!(session("10.0.0.2"), (4784, HopReason::NotConnected));
}

#[test]
fn dynamic_neighbors_have_sessions_as_their_group_says() {
    let text = "router bgp 65000\n neighbor all peer-group\n neighbor all remote-as 65001\n neighbor few peer-group\n\
                 \x20neighbor few remote-as 65002\n neighbor few bfd profile fast\n\
                 \x20bgp listen range 192.0.2.0/24 peer-group all\n bgp listen range 192.0.2.128/25 peer-group few\n\
                 exit\nbfd\n profile fast\n  receive-interval 50\n";
    let found = wanted(
        text,
        &[
            learnt("192.0.2.9", "192.0.2.9", None, true, false),
            learnt("192.0.2.200", "192.0.2.200", None, true, false),
        ],
    );
    assert_eq!(names(&found), ["192.0.2.200%-"]);
    let session = found.values().next().unwrap();
    assert_eq!(session.config.required_min_rx, Duration::from_millis(50));
    assert_eq!(session.clients, [BfdClient::Bgp("default".into())]);
    assert!(
        wanted("router bgp 65000\n", &[learnt("192.0.2.200", "192.0.2.200", None, true, false)]).is_empty()
    );
}

#[test]
fn a_session_is_lenient_when_all_who_use_it_survive_a_restart() {
    let text = "router bgp 65000\n neighbor 192.0.2.9 remote-as 65001\n neighbor 192.0.2.9 bfd\n";
    let check = format!("{text} neighbor 192.0.2.9 bfd check-control-plane-failure\n");
    let restarts = [learnt("192.0.2.9", "192.0.2.9", None, false, true)];
    let lenient = |text: &str, learnt: &[Learnt]| wanted(text, learnt).values().next().unwrap().lenient;
    assert!(!lenient(text, &restarts));
    assert!(!lenient(&check, &[]));
    assert!(lenient(&check, &restarts));
    assert!(lenient(&format!("bfd\n peer 192.0.2.9\nexit\nexit\n{check}"), &restarts));
    assert!(!lenient(&format!("{check}exit\nip route 10.9.0.0/16 192.0.2.9 bfd\n"), &restarts));
}

/// Two sites: eBGP over a tunnel with BFD, and a multihop session between loopbacks.
fn sites(multihop: &str, route: &str) -> String {
    format!(
        "router bgp 65000\n neighbor 192.0.2.9 remote-as 65001\n neighbor 192.0.2.9 bfd 3 50 50\n\
         \x20neighbor 10.0.0.2 remote-as 65001\n neighbor 10.0.0.2 ebgp-multihop 3\n\
         \x20neighbor 10.0.0.2 bfd {multihop}\nexit\n{route}"
    )
}

#[test]
fn a_multihop_session_that_would_fall_with_a_tunnel_is_remarked() {
    let said = |text: &str| {
        let config = parse(text);
        let found = sessions(&config, &Sources::configured(&bgp(&config, &around())), &around());
        let said = warnings(&config, &found.sessions, &around());
        assert_eq!(remarks(&config), said, "the same without looking at the kernel");
        said.into_iter().collect::<Vec<_>>()
    };
    let found = said(&sites("3 50 50", ""));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("with 10.0.0.2 in vrf default would fall together with the tunnel to 192.0.2.9")
    );
    assert!(found[0].contains("150 ms has to be longer than 170 ms"), "{}", found[0]);
    // 150 ms and 20 ms are 170 ms.
    assert_eq!(said(&sites("2 85 85", "")).len(), 1);
    assert_eq!(said(&sites("3 57 57", "")).len(), 0);
    // A static route says which way it takes: over the tunnel, or another one.
    assert_eq!(said(&sites("3 50 50", "ip route 10.0.0.2/32 192.0.2.9\n")).len(), 1);
    assert_eq!(said(&sites("3 50 50", "ip route 10.0.0.2/32 192.0.2.77\n")).len(), 0);
    assert_eq!(said(&sites("3 50 50", "ip route 0.0.0.0/0 192.0.2.77\n")).len(), 1);
    assert_eq!(said(&sites("3 50 50", "ip route 0.0.0.0/0 192.0.2.77 bfd\n")).len(), 1);
}
