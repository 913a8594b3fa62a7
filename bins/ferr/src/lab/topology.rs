//! The plan of a network, read from JSON and checked as a whole before anything is built.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Longest name that the kernel allows for an interface.
const MAX_INTERFACE: usize = 15;

/// A network.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topology {
    pub(crate) name: String,
    pub(crate) routers: Vec<Router>,
    pub(crate) links: Vec<Link>,
    /// A peer that sends a slice of an Internet table.
    pub(crate) transit: Option<Transit>,
    /// Pairs of addresses between which traffic flows; the first one is watched while the link is cut.
    pub(crate) traffic: Vec<Flow>,
    /// Prefixes that must not be told to other sites.
    #[serde(default)]
    pub(crate) inside: Vec<String>,
    /// Name of the link to be cut.
    pub(crate) cut: String,
}

/// A router that runs our daemon.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Router {
    pub(crate) name: String,
    /// File name of its frr.conf, relative to the topology; replaced by its text when loaded.
    pub(crate) config: String,
    /// Another daemon that plays this router where it is installed.
    #[serde(default)]
    pub(crate) rival: Option<PlannedRival>,
    #[serde(default)]
    pub(crate) bridges: Vec<String>,
    /// Interface to addresses with prefix length.
    #[serde(default)]
    pub(crate) addresses: BTreeMap<String, Vec<String>>,
    /// Peers whose sessions have to come up.
    #[serde(default)]
    pub(crate) peers: Vec<String>,
    /// Peers whose BFD sessions have to come up.
    #[serde(default)]
    pub(crate) bfd: Vec<String>,
    /// Destinations that have to be in the kernel by BGP or OSPF, as `ip route` prints them.
    #[serde(default)]
    pub(crate) routes: Vec<String>,
}

/// A daemon by others, with the name of its configuration's file; replaced by its text when loaded.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum PlannedRival {
    Frr(String),
    Bird(String),
}

/// A cable.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) ends: [End; 2],
    /// A WireGuard tunnel that the routers make, where they can; else a cable.
    #[serde(default)]
    pub(crate) tunnel: Option<Tunnel>,
}

/// A tunnel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tunnel {
    /// Name of the link that carries it.
    pub(crate) over: String,
    /// UDP port of both ends.
    pub(crate) port: u16,
}

/// One end of a cable.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) router: String,
    pub(crate) interface: String,
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
}

/// The transit peer's place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transit {
    pub(crate) router: String,
    pub(crate) interface: String,
    /// Address of the router's end, with prefix length.
    pub(crate) address: String,
    /// Address of the transit's end, with prefix length.
    pub(crate) peer: String,
    /// AS of the transit.
    pub(crate) asn: u32,
    /// AS of the router.
    pub(crate) peer_asn: u32,
}

/// Traffic that has to flow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flow {
    /// Router that sends.
    pub(crate) router: String,
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
}

/// What is wrong with a plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopologyError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}:{line}:{column}: {message}")]
    Syntax { path: PathBuf, line: usize, column: usize, message: String },
    #[error("{0} is used for two things: give each its own name")]
    Twice(String),
    #[error("{place} names {name}, which does not exist: known are {known}")]
    Unknown { place: String, name: String, known: String },
    #[error("{place}: '{address}' is not an address with a prefix length, such as 192.0.2.1/30")]
    Address { place: String, address: String },
    #[error("'{0}' cannot be an interface: 1 to 15 letters, digits, '.', '-' or '_'")]
    Interface(String),
    #[error("'{0}' cannot be a router's name: letters, digits, '-' or '_'")]
    RouterName(String),
    #[error("link {0} is a tunnel over {1}, which is itself a tunnel, or joins other routers")]
    Over(String, String),
    #[error("no traffic is named: add a pair of addresses to \"traffic\"")]
    NoTraffic,
}

impl Topology {
    /// The built-in network: two sites, two overlay links, a transit peer.
    pub(crate) fn hybrid_cloud() -> Result<Self, TopologyError> {
        let texts = HashMap::from([
            ("t1.conf", include_str!("hybrid-cloud/t1.conf")),
            ("t2.conf", include_str!("hybrid-cloud/t2.conf")),
        ]);
        let path = Path::new("hybrid-cloud/topology.json");
        Self::built_in(path, include_str!("hybrid-cloud/topology.json"), &texts)
    }

    /// The other built-in network: a site with two areas of OSPF, and a far one behind BGP.
    pub(crate) fn region() -> Result<Self, TopologyError> {
        let texts = HashMap::from([
            ("edge.conf", include_str!("region/edge.conf")),
            ("core1.conf", include_str!("region/core1.conf")),
            ("core2.conf", include_str!("region/core2.conf")),
            ("core2.bird", include_str!("region/core2.bird")),
            ("branch.conf", include_str!("region/branch.conf")),
            ("far.conf", include_str!("region/far.conf")),
        ]);
        Self::built_in(Path::new("region/topology.json"), include_str!("region/topology.json"), &texts)
    }

    /// A built-in network by its name, or a file.
    pub(crate) fn find(name: &Path) -> Result<Self, TopologyError> {
        match name.to_str() {
            Some("hybrid-cloud") => Self::hybrid_cloud(),
            Some("region") => Self::region(),
            _ => Self::read(name),
        }
    }

    fn built_in(path: &Path, plan: &str, texts: &HashMap<&str, &str>) -> Result<Self, TopologyError> {
        let text = |name: &str| texts.get(name).map(|text| (*text).to_owned());
        Self::parse(path, plan, |name| text(name).ok_or(io::ErrorKind::NotFound.into()))
    }

    /// Reads a plan; the configurations are beside it.
    fn read(path: &Path) -> Result<Self, TopologyError> {
        let text =
            fs::read_to_string(path).map_err(|source| TopologyError::Read { path: path.into(), source })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(path, &text, |name| fs::read_to_string(folder.join(name)))
    }

    fn parse(
        path: &Path,
        text: &str,
        config: impl Fn(&str) -> io::Result<String>,
    ) -> Result<Self, TopologyError> {
        let mut plan: Self = serde_json::from_str(text).map_err(|e| TopologyError::Syntax {
            path: path.into(),
            line: e.line(),
            column: e.column(),
            message: e.to_string(),
        })?;
        for router in &mut plan.routers {
            let rival = router.rival.iter_mut().map(|r| match r {
                PlannedRival::Frr(name) | PlannedRival::Bird(name) => name,
            });
            for name in std::iter::once(&mut router.config).chain(rival) {
                let path = path.with_file_name(&*name);
                *name = config(name).map_err(|source| TopologyError::Read { path, source })?;
            }
        }
        plan.validate()?;
        Ok(plan)
    }

    fn validate(&self) -> Result<(), TopologyError> {
        let mut interfaces = HashSet::new();
        for router in &self.routers {
            valid_router_name(&router.name)?;
            claim(&mut interfaces, &router.name, "")?;
            for bridge in &router.bridges {
                claim(&mut interfaces, &router.name, valid_interface(bridge)?)?;
            }
        }
        for link in &self.links {
            let place = format!("link {}", link.name);
            for end in &link.ends {
                self.known_router(&place, &end.router)?;
                claim(&mut interfaces, &end.router, valid_interface(&end.interface)?)?;
                end.addresses.iter().try_for_each(|a| valid_address(&place, a))?;
            }
            if let Some(tunnel) = &link.tunnel {
                self.valid_tunnel(link, tunnel)?;
            }
        }
        if let Some(transit) = &self.transit {
            self.known_router("transit", &transit.router)?;
            claim(&mut interfaces, &transit.router, valid_interface(&transit.interface)?)?;
            valid_address("transit", &transit.address)?;
            valid_address("transit", &transit.peer)?;
        }
        for router in &self.routers {
            let place = format!("router {}", router.name);
            for (interface, addresses) in &router.addresses {
                let exists = interface == "lo" || interfaces.contains(&key(&router.name, interface));
                if !exists {
                    let known = interfaces.iter().filter_map(|i| i.strip_prefix(&key(&router.name, "")));
                    let known = known.filter(|i| !i.is_empty()).collect::<Vec<_>>().join(", ");
                    return Err(TopologyError::Unknown { place, name: interface.clone(), known });
                }
                addresses.iter().try_for_each(|a| valid_address(&place, a))?;
            }
        }
        if self.traffic.is_empty() {
            return Err(TopologyError::NoTraffic);
        }
        self.traffic.iter().try_for_each(|flow| self.known_router("traffic", &flow.router))?;
        if self.links.iter().any(|link| link.name == self.cut) {
            return Ok(());
        }
        let known = self.links.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(", ");
        Err(TopologyError::Unknown { place: "\"cut\"".to_owned(), name: self.cut.clone(), known })
    }

    /// A tunnel is carried by a cable between its routers, whose ends have addresses.
    fn valid_tunnel(&self, link: &Link, tunnel: &Tunnel) -> Result<(), TopologyError> {
        let ends = link.ends.iter();
        let reached = ends.filter(|end| self.outer_address(tunnel, &end.router).is_some()).count();
        let cable = self.links.iter().any(|l| l.name == tunnel.over && l.tunnel.is_none());
        if cable && reached == 2 {
            return Ok(());
        }
        Err(TopologyError::Over(link.name.clone(), tunnel.over.clone()))
    }

    /// Address of a router on the link that carries a tunnel.
    pub(crate) fn outer_address(&self, tunnel: &Tunnel, router: &str) -> Option<&str> {
        let link = self.links.iter().find(|l| l.name == tunnel.over)?;
        let end = link.ends.iter().find(|end| end.router == router)?;
        end.addresses.first()?.split('/').next()
    }

    fn known_router(&self, place: &str, name: &str) -> Result<(), TopologyError> {
        if self.routers.iter().any(|router| router.name == name) {
            return Ok(());
        }
        let known = self.routers.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ");
        Err(TopologyError::Unknown { place: place.to_owned(), name: name.to_owned(), known })
    }
}

fn key(router: &str, interface: &str) -> String {
    format!("{router} {interface}")
}

fn claim(taken: &mut HashSet<String>, router: &str, interface: &str) -> Result<(), TopologyError> {
    let name = key(router, interface);
    if taken.insert(name.clone()) { Ok(()) } else { Err(TopologyError::Twice(name.trim_end().to_owned())) }
}

fn valid_router_name(name: &str) -> Result<(), TopologyError> {
    let fine = !name.is_empty()
        && name != "transit"
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if fine { Ok(()) } else { Err(TopologyError::RouterName(name.to_owned())) }
}

fn valid_interface(name: &str) -> Result<&str, TopologyError> {
    let fine = (1..=MAX_INTERFACE).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && !name.starts_with(['.', '-']);
    if fine { Ok(name) } else { Err(TopologyError::Interface(name.to_owned())) }
}

fn valid_address(place: &str, text: &str) -> Result<(), TopologyError> {
    let fine = text.split_once('/').is_some_and(|(address, len)| {
        let max = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        len.parse::<u8>().is_ok_and(|len| len <= max)
    });
    if fine {
        return Ok(());
    }
    Err(TopologyError::Address { place: place.to_owned(), address: text.to_owned() })
}

#[cfg(test)]
mod tests;
