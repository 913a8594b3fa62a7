//! Names of interfaces and VRFs for numbers in views.

use std::collections::BTreeMap;

use ferr_state::rib::Rib;
use ferr_types::{Afi, IfIndex, VrfId};

use crate::pattern::Args;

/// Names at the time of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    links: BTreeMap<IfIndex, String>,
    vrfs: BTreeMap<VrfId, String>,
}

impl Names {
    /// Of the RIB.
    pub(crate) fn of(rib: &Rib) -> Self {
        Self {
            links: rib.links().map(|l| (l.ifindex, l.name.clone())).collect(),
            vrfs: rib.vrfs().map(|v| (v.id, v.name.clone())).collect(),
        }
    }

    /// Interface; its number when it is gone.
    pub(crate) fn link(&self, ifindex: IfIndex) -> String {
        self.links.get(&ifindex).cloned().unwrap_or_else(|| format!("ifindex-{ifindex}"))
    }

    /// VRF; its number when it is gone.
    pub(crate) fn vrf(&self, vrf: VrfId) -> String {
        self.vrfs.get(&vrf).cloned().unwrap_or_else(|| format!("vrf-{vrf}"))
    }

    /// VRFs by id, the default one first.
    pub(crate) fn vrfs(&self) -> impl Iterator<Item = (VrfId, &str)> {
        self.vrfs.iter().map(|(id, name)| (*id, name.as_str()))
    }

    /// VRFs that a line means: `vrf NAME`, `vrf all`, or the default one; none when the name is unknown.
    pub(crate) fn wanted(&self, args: &Args) -> Vec<VrfId> {
        match args.get("VRF") {
            None => vec![VrfId::DEFAULT],
            Some("all") => self.vrfs.keys().copied().collect(),
            Some(name) => self.vrfs().filter(|(_, n)| *n == name).map(|(id, _)| id).collect(),
        }
    }
}

/// Address family that a line names, IPv4 when it names none.
pub(crate) fn afi(args: &Args) -> Afi {
    if args.has("ipv6") { Afi::Ipv6 } else { Afi::Ipv4 }
}
