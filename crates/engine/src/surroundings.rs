//! What the kernel says of links, addresses and VRFs, as one immutable picture for those who translate configuration.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_bgp::LocalAddresses;
use ferr_rib::{Address, Link, LinkKind, Rib};
use ferr_types::{IfIndex, RouterId, VrfId};
use nix::unistd::gethostname;

/// The picture; replaced whole when something in it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Surroundings {
    pub(crate) links: BTreeMap<IfIndex, Link>,
    pub(crate) addresses: Vec<Address>,
    /// VRFs by name, the default one included.
    pub(crate) vrfs: BTreeMap<String, VrfId>,
    /// Name of the system.
    pub(crate) hostname: Option<String>,
    /// The first dump is complete.
    pub(crate) synced: bool,
}

impl Surroundings {
    /// Picture of what the RIB knows.
    pub(crate) fn of(rib: &Rib, synced: bool) -> Self {
        Self {
            links: rib.links().map(|l| (l.ifindex, l.clone())).collect(),
            addresses: rib.addresses().copied().collect(),
            vrfs: rib.vrfs().map(|v| (v.name.clone(), v.id)).collect(),
            hostname: gethostname().ok().and_then(|h| h.into_string().ok()).filter(|h| !h.is_empty()),
            synced,
        }
    }

    /// Link by name.
    pub(crate) fn link(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|l| l.name == name)
    }

    /// Addresses of a link.
    pub(crate) fn addresses_of(&self, ifindex: IfIndex) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(move |a| a.ifindex == ifindex)
    }

    /// Own addresses of a VRF.
    pub(crate) fn own_addresses(&self, vrf: VrfId) -> impl Iterator<Item = IpAddr> {
        self.addresses
            .iter()
            .filter(move |a| self.links.get(&a.ifindex).is_some_and(|l| l.vrf == vrf))
            .map(|a| a.addr.addr())
    }

    /// Whether an address is on a connected prefix of a VRF.
    pub(crate) fn is_connected(&self, vrf: VrfId, addr: IpAddr) -> bool {
        let here = |a: &&Address| self.links.get(&a.ifindex).is_some_and(|l| l.vrf == vrf);
        self.addresses.iter().filter(here).any(|a| a.connected_prefix().contains(addr))
    }

    /// Own address and interface on the connected prefix of a VRF that holds an address.
    pub(crate) fn towards(&self, vrf: VrfId, addr: IpAddr) -> Option<(IpAddr, IfIndex)> {
        let here = |a: &&Address| self.links.get(&a.ifindex).is_some_and(|l| l.vrf == vrf);
        let holds = |a: &&Address| a.connected_prefix().contains(addr);
        let found =
            self.addresses.iter().filter(here).filter(holds).max_by_key(|a| a.connected_prefix().len());
        found.map(|a| (a.addr.addr(), a.ifindex))
    }

    /// Address that stands for an interface as `update-source`: the first of the family that is not link-local.
    pub(crate) fn source_address(&self, name: &str, v6: bool) -> Option<IpAddr> {
        let link = self.link(name)?;
        let usable = |a: &IpAddr| match a {
            IpAddr::V4(v4) => !v6 && !v4.is_loopback(),
            IpAddr::V6(a6) => v6 && !a6.is_loopback() && !a6.is_unicast_link_local(),
        };
        self.addresses_of(link.ifindex).map(|a| a.addr.addr()).find(usable)
    }

    /// Router id of a VRF without a configured one: the highest address of a loopback, else of any interface.
    pub(crate) fn router_id(&self, vrf: VrfId) -> RouterId {
        let highest = |loopback: bool| {
            let links = self.links.values().filter(|l| {
                let is_loopback = matches!(l.kind, LinkKind::Loopback | LinkKind::Vrf(_));
                l.vrf == vrf && l.up && is_loopback == loopback
            });
            let v4 = links.flat_map(|l| self.addresses_of(l.ifindex)).filter_map(|a| match a.addr.addr() {
                IpAddr::V4(v4) if !v4.is_loopback() => Some(v4),
                _ => None,
            });
            v4.max()
        };
        RouterId(highest(true).or_else(|| highest(false)).unwrap_or(Ipv4Addr::UNSPECIFIED))
    }

    /// Own addresses of a session between `local` and `remote`.
    pub(crate) fn session_addresses(&self, vrf: VrfId, local: IpAddr, remote: IpAddr) -> LocalAddresses {
        let owner = self
            .addresses
            .iter()
            .find(|a| a.addr.addr() == local && self.links.get(&a.ifindex).is_some_and(|l| l.vrf == vrf));
        let ifindex = owner.map_or(IfIndex(0), |a| a.ifindex);
        let link_local = |a: Ipv6Addr| a.is_unicast_link_local();
        let on_link: Vec<&Address> = self.addresses_of(ifindex).collect();
        let v4 = match local {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => on_link.iter().find_map(|a| match a.addr.addr() {
                IpAddr::V4(v4) if !v4.is_loopback() => Some(v4),
                _ => None,
            }),
        };
        let v6 = |wanted: fn(Ipv6Addr) -> bool| {
            on_link.iter().find_map(|a| match a.addr.addr() {
                IpAddr::V6(v6) if wanted(v6) => Some(v6),
                _ => None,
            })
        };
        let v6_global = match local {
            IpAddr::V6(v6) if !link_local(v6) => Some(v6),
            _ => v6(|a| !a.is_unicast_link_local() && !a.is_loopback()),
        };
        let v6_link_local = match local {
            IpAddr::V6(v6) if link_local(v6) => Some(v6),
            _ => v6(|a| a.is_unicast_link_local()),
        };
        let shared = on_link.iter().map(|a| a.connected_prefix()).filter(|p| p.contains(remote));
        let link = shared.max_by_key(|p| p.len()).filter(|p| !p.is_host() || local == remote);
        LocalAddresses { v4, v6_global, v6_link_local, ifindex, link }
    }
}
