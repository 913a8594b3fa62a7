//! What is: links, addresses and what hangs on them, as dumps told it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ferr_types::{Afi, IfAddr, MacAddr};

use super::plan::Underlay;

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedLink {
    /// Its number.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// The kernel's name of its kind; empty for physical links.
    pub kind: String,
    /// Parameters of its kind.
    pub data: KindData,
    /// Administratively up.
    pub up: bool,
    /// Largest packet.
    pub mtu: u32,
    /// Link-layer address, when it is an Ethernet one.
    pub mac: Option<MacAddr>,
    /// Master's number, 0 for none.
    pub master: u32,
    /// Number of the link below (or the other end); 0 for none, or one in another namespace.
    pub lower: u32,
    /// The link below (or the other end) is in another namespace.
    pub lower_elsewhere: bool,
    /// `IFLA_IFALIAS`.
    pub alias: String,
}

/// Parameters of a link's kind, as far as we set them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KindData {
    /// Nothing that matters.
    #[default]
    Other,
    /// A VRF's table.
    Vrf(u32),
    /// A VLAN's number.
    Vlan(u16),
    /// `MACVLAN_MODE_*`.
    Macvlan(u32),
    /// A VXLAN.
    Vxlan {
        /// Network identifier.
        id: u32,
        /// Source address.
        local: Option<IpAddr>,
        /// UDP port.
        port: u16,
        /// Number of the link that outer packets leave by; 0 for none.
        dev: u32,
    },
}

/// How the kernel routes outer packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Link that they leave by.
    pub ifindex: u32,
    /// MTU of the route, when it has one.
    pub mtu: Option<u32>,
}

/// The kernel at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Links by number.
    pub links: BTreeMap<u32, ObservedLink>,
    /// Addresses by link: what is ours of them, and the other end's prefix for point-to-point ones.
    pub addresses: BTreeMap<u32, BTreeSet<(IfAddr, Option<IfAddr>)>>,
    /// Where VXLANs flood to, by link.
    pub remotes: BTreeMap<u32, BTreeSet<IpAddr>>,
    /// Tables with an unreachable default route of the lowest preference.
    pub unreachable: BTreeSet<(u32, Afi)>,
    /// Families whose lookups follow VRFs (the l3mdev rule).
    pub vrf_rules: BTreeSet<Afi>,
    /// Ways of outer packets; those without a route are missing.
    pub ways: BTreeMap<Underlay, Way>,
}

impl Observed {
    /// Link by name.
    pub fn named(&self, name: &str) -> Option<&ObservedLink> {
        self.links.values().find(|l| l.name == name)
    }

    /// Whether a table ends in an unreachable default route.
    pub(crate) fn is_closed(&self, table: u32, afi: Afi) -> bool {
        self.unreachable.contains(&(table, afi))
    }
}
