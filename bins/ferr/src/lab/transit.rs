//! The transit peer: a router by others where one is installed, with a slice of a real Internet table.

use clap::ValueEnum;
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Error, Host, Process};

use super::topology::Transit;

/// Prefixes and origin ASes, one per line.
const TABLE: &str = include_str!("../../../../tests/data/tables/ipv4-20140513-slice.txt");

/// Who plays the transit peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransitKind {
    /// BIRD or FRR, whichever is installed
    Auto,
    /// BIRD 2
    Bird,
    /// FRR
    Frr,
    /// Nobody
    None,
}

/// A running transit peer.
#[derive(Debug)]
pub(crate) enum TransitPeer {
    Bird(Bird),
    Frr(Frr),
}

/// Prefix and origin AS of each line.
pub(crate) fn table() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with(';')).filter_map(|line| line.split_once('\t'))
}

impl TransitKind {
    /// The kind to be used here, or why there is none.
    pub(crate) fn choose(self) -> Result<Self, Error> {
        match self {
            Self::Auto => {
                let bird = Rival::Bird.available();
                if bird.is_ok() {
                    return Ok(Self::Bird);
                }
                Rival::Frr.available().and(Ok(Self::Frr)).or(bird.and(Ok(Self::None)))
            }
            Self::Bird => Rival::Bird.available().and(Ok(self)),
            Self::Frr => Rival::Frr.available().and(Ok(self)),
            Self::None => Ok(self),
        }
    }
}

impl TransitPeer {
    /// Starts it; `None` for [`TransitKind::None`].
    pub(crate) fn start(kind: TransitKind, host: &Host, plan: &Transit) -> Result<Option<Self>, Error> {
        Ok(match kind {
            TransitKind::Bird | TransitKind::Auto => Some(Self::Bird(Bird::start(host, &bird_conf(plan))?)),
            TransitKind::Frr => Some(Self::Frr(Frr::start(host, &frr_conf(plan))?)),
            TransitKind::None => None,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bird(_) => "BIRD",
            Self::Frr(_) => "FRR",
        }
    }

    pub(crate) fn processes(&mut self) -> Vec<&mut Process> {
        match self {
            Self::Bird(bird) => vec![bird.process()],
            Self::Frr(frr) => frr.processes().iter_mut().collect(),
        }
    }
}

fn bare(address: &str) -> &str {
    address.split('/').next().unwrap_or(address)
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
mod tests {
    use super::*;

    #[test]
    fn the_slice_is_prefixes_with_origins() {
        assert!(table().count() > 2000);
        for (prefix, origin) in table() {
            let (address, len) = prefix.split_once('/').unwrap();
            assert!(address.parse::<std::net::Ipv4Addr>().is_ok() && len.parse::<u8>().is_ok(), "{prefix}");
            assert!(origin.parse::<u32>().is_ok(), "{prefix} {origin}");
        }
    }
}
