//! What the routers own of their network: WireGuard tunnels, and the VRF that everything but the underlay is in.
//!
//! The plan says where tunnels lead and over which link; keys are made here, and written where only the owner may read them. The VRF is
//! put around a plain frr.conf, so that one text serves kernels with and without VRFs.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferr_testnet::{Error, Host, Net};
use ferr_wireguard::PrivateKey;

use super::LabError;
use super::topology::{End, Link, Router, Topology};

/// Name and table of the VRF.
pub(crate) const VRF: &str = "CORE";
const TABLE: u32 = 200;
/// Seconds between packets that keep the way open.
const KEEPALIVE: u16 = 5;

/// Whether this kernel has VRFs.
pub(crate) fn has_vrf(net: &Net) -> Result<bool, Error> {
    let host = net.host("vrf-probe")?;
    Ok(host.ip(&format!("link add {VRF} type vrf table {TABLE}")).is_ok())
}

/// Keys of tunnels by router and link.
#[derive(Default)]
pub(crate) struct Keys(HashMap<(String, String), PrivateKey>);

impl Keys {
    /// A pair for each end of each tunnel.
    pub(crate) fn make(plan: &Topology) -> Result<Self, LabError> {
        let mut keys = HashMap::new();
        for link in plan.links.iter().filter(|l| l.tunnel.is_some()) {
            for end in &link.ends {
                let secret = STANDARD.encode(rand::random::<[u8; 32]>());
                let key = secret.parse().map_err(|_| LabError::Key)?;
                keys.insert((end.router.clone(), link.name.clone()), key);
            }
        }
        Ok(Self(keys))
    }

    fn of(&self, router: &str, link: &str) -> Result<&PrivateKey, LabError> {
        self.0.get(&(router.to_owned(), link.to_owned())).ok_or(LabError::Key)
    }
}

/// Text of a router's ferr.conf. Its key files are written into the folder of its host.
pub(crate) fn own_conf(
    plan: &Topology,
    router: &Router,
    host: &Host,
    keys: &Keys,
    vrf: bool,
) -> Result<String, LabError> {
    let mut out = String::new();
    if vrf {
        let _ = writeln!(out, "vrf {VRF}\n table {TABLE}\nexit-vrf");
        for (interface, addresses) in inner_addresses(plan, router) {
            // The VRF's device is its loopback.
            let name = if interface == "lo" { VRF } else { interface };
            let _ = writeln!(out, "interface {name}");
            if name != VRF {
                let _ = writeln!(out, " vrf {VRF}");
            }
            write_addresses(&mut out, addresses);
            out.push_str("exit\n");
        }
    }
    for link in &plan.links {
        for (end, other) in [(0, 1), (1, 0)] {
            if link.ends[end].router == router.name {
                tunnel(&mut out, plan, link, (&link.ends[end], &link.ends[other]), host, keys, vrf)?;
            }
        }
    }
    Ok(out)
}

/// Interfaces that carry what is inside, with their addresses: those of the router itself and that to the transit.
fn inner_addresses<'a>(plan: &'a Topology, router: &'a Router) -> Vec<(&'a str, &'a [String])> {
    let own = router.addresses.iter().map(|(name, list)| (name.as_str(), &list[..]));
    let transit = plan.transit.iter().filter(|t| t.router == router.name);
    own.chain(transit.map(|t| (t.interface.as_str(), std::slice::from_ref(&t.address)))).collect()
}

fn write_addresses(out: &mut String, addresses: &[String]) {
    for address in addresses {
        let family = if address.contains(':') { "ipv6" } else { "ip" };
        let _ = writeln!(out, " {family} address {address}");
    }
}

fn tunnel(
    out: &mut String,
    plan: &Topology,
    link: &Link,
    (end, other): (&End, &End),
    host: &Host,
    keys: &Keys,
    vrf: bool,
) -> Result<(), LabError> {
    let Some(tunnel) = &link.tunnel else { return Ok(()) };
    let key = keys.of(&end.router, &link.name)?;
    let file = host.file(&format!("{}.key", end.interface), &key.expose_base64())?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(super::io_error("key file"))?;
    let peer = keys.of(&other.router, &link.name)?.public();
    let endpoint = plan.outer_address(tunnel, &other.router).unwrap_or_default();
    let _ = writeln!(out, "interface {}", end.interface);
    if vrf {
        let _ = writeln!(out, " vrf {VRF}");
    }
    write_addresses(out, &end.addresses);
    let port = tunnel.port;
    let _ = writeln!(
        out,
        " ip tcp adjust-mss auto\n wireguard private-key-file {}\n wireguard listen-port {port}\n wireguard peer {peer} endpoint \
         {endpoint}:{port} allowed-ips 0.0.0.0/0,::/0 persistent-keepalive {KEEPALIVE}\nexit",
        file.display()
    );
    Ok(())
}

/// A plain frr.conf with its routes, its speaker and its sessions in the VRF.
pub(crate) fn in_vrf(config: &str) -> String {
    let is_route = |line: &&str| line.starts_with("ip route ") || line.starts_with("ipv6 route ");
    let mut out = String::new();
    let routes: Vec<&str> = config.lines().filter(is_route).collect();
    if !routes.is_empty() {
        let _ = writeln!(out, "vrf {VRF}\n {}\nexit-vrf", routes.join("\n "));
    }
    for line in config.lines().filter(|line| !is_route(line)) {
        if line.starts_with("router bgp ") && !line.contains(" vrf ") {
            let _ = writeln!(out, "{line} vrf {VRF}");
        } else if let Some(start) = line.strip_suffix(" update-source lo") {
            let _ = writeln!(out, "{start} update-source {VRF}");
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
