//! Two hosts, and what both are told.
//!
//! We are AS 65001, 192.0.2.1 and 2001:db8:12::1, and have a static route to 198.51.100.0/24. Others are AS 65002, 192.0.2.2 and
//! 2001:db8:12::2; number N announces 10.N.0.0/16 and 2001:db8:N::/48.

use ferr_testnet::{Error, Ferrd, Host, Net};
use ferr_vm_tests::LINK_LOCAL;
use serde_json::Value;

/// What our table holds in the end, when the other is number 2: destination, gateway, protocol. The first one is static; its
/// gateway is not the other itself, who takes no route with its own address as next hop.
pub(crate) const ROUTES: [(&str, &str, &str); 3] = [
    ("198.51.100.0/24", "192.0.2.77", "static"),
    ("10.2.0.0/16", "192.0.2.2", "bgp"),
    ("2001:db8:2::/48", LINK_LOCAL, "bgp"),
];

const SESSIONS: [(&str, &str); 2] = [("192.0.2.", "ipv4"), ("2001:db8:12::", "ipv6")];

/// One of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Our router.
    Us,
    /// The other.
    Them,
}

/// Linked hosts; only the other has addresses.
pub(crate) fn pair(net: &Net) -> Result<(Host, Host), Error> {
    let (us, them) = (net.host("us")?, net.host("them")?);
    net.link(&us, "eth0", &them, "eth0")?;
    their_addresses(&them)?;
    Ok((us, them))
}

/// Addresses of the other.
pub(crate) fn their_addresses(them: &Host) -> Result<(), Error> {
    them.addr("eth0", "192.0.2.2/24")?;
    them.addr("eth0", "2001:db8:12::2/64")
}

/// Our addresses.
pub(crate) fn addresses(us: &Host) -> Result<(), Error> {
    us.addr("eth0", "192.0.2.1/24")?;
    us.addr("eth0", "2001:db8:12::1/64")
}

/// Makes a VRF.
pub(crate) fn vrf(host: &Host, name: &str, table: u32) -> Result<(), Error> {
    host.ip(&format!("link add {name} type vrf table {table}"))?;
    host.ip(&format!("link set {name} up"))
}

fn router(
    head: &str,
    other: u8,
    other_as: u32,
    key: Option<&str>,
    passive: bool,
    inside: [&str; 2],
) -> String {
    let mut text = format!("{head} no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n");
    for (net, _) in SESSIONS {
        let peer = format!(" neighbor {net}{other}");
        text.push_str(&format!("{peer} remote-as {other_as}\n{peer} timers 3 9\n{peer} timers connect 1\n"));
        if let Some(key) = key {
            text.push_str(&format!("{peer} password {key}\n"));
        }
        if passive {
            text.push_str(&format!("{peer} passive\n"));
        }
    }
    for ((net, family), inside) in SESSIONS.into_iter().zip(inside) {
        text.push_str(&format!(
            " address-family {family} unicast\n  neighbor {net}{other} activate\n{inside} exit-address-family\n"
        ));
    }
    text + "exit\n"
}

/// Our configuration of one VRF; `default` is none.
pub(crate) fn ours(vrf: &str, key: Option<&str>, passive: bool) -> String {
    let route = "ip route 198.51.100.0/24 192.0.2.77\n";
    let (statics, suffix) = match vrf {
        "default" => (route.to_owned(), String::new()),
        _ => (format!("vrf {vrf}\n {route}exit-vrf\n"), format!(" vrf {vrf}")),
    };
    let head = format!("router bgp 65001{suffix}\n bgp router-id 10.0.0.1\n");
    statics + &router(&head, 2, 65002, key, passive, ["  redistribute static\n", ""])
}

/// Configuration of the other with `number`.
pub(crate) fn theirs(number: u8, key: Option<&str>, passive: bool) -> String {
    let head = format!("router bgp 65002\n bgp router-id 10.0.0.{number}\n");
    let statics =
        format!("ip route 10.{number}.0.0/16 blackhole\nipv6 route 2001:db8:{number}::/48 blackhole\n");
    let redistribute = "  redistribute static\n";
    statics + &router(&head, 1, 65001, key, passive, [redistribute, redistribute])
}

/// States of our sessions in a VRF.
pub(crate) fn state(ferrd: &Ferrd, vrf: &str) -> Result<Vec<String>, Error> {
    let summary = ferrd.bgp_json(&format!("show bgp vrf {vrf} summary json"))?;
    let mut states = Vec::new();
    for family in summary.as_object().into_iter().flat_map(|o| o.values()) {
        let peers = family.get("peers").and_then(Value::as_object).into_iter().flatten();
        states.extend(peers.filter_map(|(_, p)| p["state"].as_str()).map(str::to_owned));
    }
    Ok(states)
}

/// Waits until both sessions are established, or neither is.
pub(crate) fn wait_state(ferrd: &Ferrd, vrf: &str, established: bool) -> Result<(), Error> {
    let limit = std::time::Duration::from_secs(40);
    ferr_testnet::wait_until(limit, format!("both sessions in {vrf} established: {established}"), || {
        let seen = state(ferrd, vrf).map_err(|e| e.to_string())?;
        let up = seen.iter().filter(|s| *s == "Established").count();
        // An instance whose VRF is gone shows them still.
        let fits = seen.len() == 2 && up == if established { 2 } else { 0 };
        if fits { Ok(()) } else { Err(format!("{seen:?}")) }
    })
}
