//! The transit peer: a router by others where one is installed, with a slice of a real Internet table.

use std::net::{IpAddr, Ipv4Addr};

use clap::ValueEnum;
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Error, Host, InjectedRoute, Injector, InjectorPeer, Process};
use ferr_types::Asn;

use super::topology::Transit;

/// Prefixes and origin ASes, one per line.
const TABLE: &str = include_str!("../../../../tests/data/tables/ipv4-20140513-slice.txt");

/// Who plays the transit peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransitKind {
    /// BIRD or FRR, whichever is installed, else the built-in one
    Auto,
    /// BIRD 2
    Bird,
    /// FRR
    Frr,
    /// A speaker inside this program; it ends with the command, also with --keep
    BuiltIn,
    /// Nobody
    None,
}

/// A running transit peer.
#[derive(Debug)]
pub(crate) enum TransitPeer {
    Bird(Bird),
    Frr(Frr),
    /// Held for the sake of its end.
    BuiltIn {
        _speaker: Injector,
    },
}

/// Prefix and origin AS of each line.
pub(crate) fn table() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with(';')).filter_map(|line| line.split_once('\t'))
}

impl TransitKind {
    /// The kind to be used here, or why there is none.
    pub(crate) fn choose(self) -> Result<Self, Error> {
        match self {
            Self::Auto if Rival::Bird.available().is_ok() => Ok(Self::Bird),
            Self::Auto if Rival::Frr.available().is_ok() => Ok(Self::Frr),
            Self::Auto => Ok(Self::BuiltIn),
            Self::Bird => Rival::Bird.available().and(Ok(self)),
            Self::Frr => Rival::Frr.available().and(Ok(self)),
            Self::BuiltIn | Self::None => Ok(self),
        }
    }
}

impl TransitPeer {
    /// Starts it; `None` for [`TransitKind::None`].
    pub(crate) fn start(kind: TransitKind, host: &Host, plan: &Transit) -> Result<Option<Self>, Error> {
        Ok(match kind {
            TransitKind::BuiltIn | TransitKind::Auto => {
                built_in(host, plan).map(|speaker| Self::BuiltIn { _speaker: speaker })
            }
            TransitKind::Bird => Some(Self::Bird(Bird::start(host, &bird_conf(plan))?)),
            TransitKind::Frr => Some(Self::Frr(Frr::start(host, &frr_conf(plan))?)),
            TransitKind::None => None,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bird(_) => "BIRD",
            Self::Frr(_) => "FRR",
            Self::BuiltIn { .. } => "built-in",
        }
    }

    pub(crate) fn processes(&mut self) -> Vec<&mut Process> {
        match self {
            Self::Bird(bird) => vec![bird.process()],
            Self::Frr(frr) => frr.processes().iter_mut().collect(),
            Self::BuiltIn { .. } => Vec::new(),
        }
    }
}

fn bare(address: &str) -> &str {
    address.split('/').next().unwrap_or(address)
}

/// The checked plan has addresses that can be read.
fn built_in(host: &Host, plan: &Transit) -> Option<Injector> {
    let local: IpAddr = bare(&plan.peer).parse().ok()?;
    let peer = InjectorPeer {
        local,
        remote: bare(&plan.address).parse().ok()?,
        asn: Asn(plan.asn),
        remote_asn: Asn(plan.peer_asn),
        router_id: match local {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::new(203, 0, 113, 2),
        },
    };
    let route = |(prefix, origin): (&str, &str)| {
        Some(InjectedRoute { prefix: prefix.parse().ok()?, path: vec![Asn(origin.parse().ok()?)] })
    };
    Some(Injector::start(host.netns(), peer, table().filter_map(route).collect()))
}

fn bird_conf(plan: &Transit) -> String {
    let (ours, theirs) = (bare(&plan.peer), bare(&plan.address));
    let mut text = format!(
        "router id {ours};\nprotocol device {{}}\nprotocol bgp site {{\n  local {ours} as {};\n  neighbor {theirs} as {};\n  \
         connect delay time 1;\n  connect retry time 1;\n  error wait time 1, 5;\n  \
         ipv4 {{ import all; export where source = RTS_STATIC; }};\n}}\n\
         protocol static slice {{\n  ipv4;\n",
        plan.asn, plan.peer_asn
    );
    for (prefix, origin) in table() {
        text.push_str(&format!("  route {prefix} blackhole {{ bgp_path.prepend({origin}); }};\n"));
    }
    text.push_str("}\n");
    text
}

/// FRR has no way to give each route an origin of its own; the slice then seems to come from the transit itself.
fn frr_conf(plan: &Transit) -> String {
    let (ours, theirs) = (bare(&plan.peer), bare(&plan.address));
    let mut text = String::new();
    for (prefix, _) in table() {
        text.push_str(&format!("ip route {prefix} blackhole\n"));
    }
    text.push_str(&format!(
        "router bgp {}\n bgp router-id {ours}\n no bgp ebgp-requires-policy\n neighbor {theirs} remote-as {}\n \
         neighbor {theirs} timers connect 1\n address-family ipv4 unicast\n  redistribute static\n \
         exit-address-family\nexit\n",
        plan.asn, plan.peer_asn
    ));
    text
}

#[cfg(test)]
mod tests;
