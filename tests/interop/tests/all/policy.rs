//! A change of policy reaches the peers that it concerns, without a new session.

use ferr_interop::{THEM, wait_their_routes, with_pair};
use ferr_testnet::Error;
use ferr_testnet::rivals::{Frr, Rival};
use serde_json::Value;

#[test]
fn policy_changes_take_effect_in_both_directions() -> Result<(), Error> {
    with_pair("policy", &[Rival::Frr], |pair| {
        let ferrd = pair.ferrd()?;
        let frr = Frr::start(&pair.them, super::frr::CONF)?;
        wait_their_routes(&pair.us)?;
        frr.wait_prefix("10.1.0.0/16", true)?;

        // Outbound: another community.
        ferrd.configure(&["route-map OUT permit 10", "set community 65001:88"])?;
        pair.them.wait(20, "the new community at FRR", || {
            let route =
                frr.json("show bgp ipv4 unicast 10.1.0.0/16 json").map_err(|e| e.to_string())?.to_string();
            if route.contains("65001:88") && !route.contains("65001:77") { Ok(()) } else { Err(route) }
        })?;
        // Outbound: denied, then permitted again by deleting the clause.
        ferrd.configure(&["ip prefix-list OURS seq 5 permit 10.1.0.0/16"])?;
        ferrd.configure(&["route-map OUT deny 5", "match ip address prefix-list OURS"])?;
        frr.wait_prefix("10.1.0.0/16", false)?;
        ferrd.configure(&["no route-map OUT deny 5"])?;
        frr.wait_prefix("10.1.0.0/16", true)?;

        // Inbound: local preference; then the list that the map names changes; then the map is taken off.
        ferrd.configure(&["route-map IN permit 10", "set local-preference 250"])?;
        let local_pref = |wanted: Option<u64>| {
            pair.us.wait(20, format!("local preference {wanted:?}"), || {
                let route =
                    ferrd.bgp_json("show bgp ipv4 unicast 10.2.0.0/16 json").map_err(|e| e.to_string())?;
                let path = &route["paths"][0];
                let seen = path.get("localpref").or_else(|| path.get("locPrf")).and_then(Value::as_u64);
                if seen.filter(|pref| *pref != 100) == wanted { Ok(()) } else { Err(route.to_string()) }
            })
        };
        local_pref(Some(250))?;
        ferrd.configure(&["ip prefix-list NONE seq 5 deny any"])?;
        ferrd.configure(&["route-map IN permit 10", "match ip address prefix-list NONE"])?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        ferrd.configure(&["ip prefix-list NONE seq 3 permit 10.2.0.0/16"])?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        ferrd.configure(&[
            "router bgp 65001",
            "address-family ipv4 unicast",
            "no neighbor 192.0.2.2 route-map IN in",
        ])?;
        // Without any policy inbound, an external peer's routes are not taken.
        pair.us.wait_route("10.2.0.0/16", false)?;
        ferrd.configure(&["router bgp 65001", "no bgp ebgp-requires-policy"])?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        local_pref(None)?;

        let summary = ferrd.bgp_json("show bgp summary json")?;
        let peer = &summary["ipv4Unicast"]["peers"][THEM];
        assert_eq!(peer["connectionsEstablished"], 1, "{summary}");
        Ok(())
    })
}
