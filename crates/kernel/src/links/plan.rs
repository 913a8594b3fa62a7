//! What shall be: links with all that belongs to them, system settings, MSS rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ferr_types::{IfAddr, MacAddr};

/// Everything that the configuration wants of the kernel's links. Two equal plans ask for the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkPlan {
    /// Links by name, VRFs among them.
    pub links: BTreeMap<String, WantedLink>,
    /// Values of system settings.
    pub sysctls: BTreeMap<Sysctl, String>,
    /// Interfaces on which TCP connections are told to send smaller segments.
    pub mss: BTreeMap<String, MssClamp>,
}

/// A system setting: the parts of its name below `/proc/sys`. Ordered so that those of all interfaces come before those of one, which
/// they would overwrite.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sysctl {
    /// It is about one interface.
    pub of_interface: bool,
    /// Parts; an interface's name is one part, whatever it holds.
    pub name: Vec<String>,
}

impl Sysctl {
    /// A setting of the whole system (or network namespace).
    pub fn global(name: &[&str]) -> Self {
        Self { of_interface: false, name: name.iter().map(|p| (*p).to_owned()).collect() }
    }

    /// `net.FAMILY.conf.INTERFACE.SETTING`.
    pub fn of_interface(family: &str, interface: &str, setting: &str) -> Self {
        let name = ["net", family, "conf", interface, setting].map(str::to_owned).to_vec();
        Self { of_interface: true, name }
    }

    /// Name as people write it, with dots.
    pub fn text(&self) -> String {
        self.name.join(".")
    }
}

/// How large the segments may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MssClamp {
    /// What the interface's MTU leaves.
    Auto,
    /// This, for both families.
    Fixed(u16),
}

/// Where a link shall belong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WantedMaster {
    /// Wherever it is.
    #[default]
    Any,
    /// Nowhere.
    None,
    /// In this VRF.
    Vrf(String),
    /// To this bridge.
    Bridge(String),
}

/// A link, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantedLink {
    /// What it is made as. `None`: it is somebody else's, neither made nor deleted.
    pub kind: Option<WantedKind>,
    /// Administratively up or down; `None` leaves it alone.
    pub up: Option<bool>,
    /// MTU; for declared tunnels and VLANs `None` means that it is worked out.
    pub mtu: Option<u32>,
    /// Link-layer address.
    pub mac: Option<MacAddr>,
    /// Where it belongs.
    pub master: WantedMaster,
    /// Addresses.
    pub addresses: BTreeSet<WantedAddress>,
    /// Other ends of a VXLAN.
    pub remotes: BTreeSet<IpAddr>,
    /// Ways of the outer packets of a tunnel, from which the MTU is worked out.
    pub underlays: BTreeSet<Underlay>,
}

/// An address, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WantedAddress {
    /// Own address, with the length of the shared prefix.
    pub addr: IfAddr,
    /// For a point-to-point address: own one, while `addr` is the other end's.
    pub local: Option<Ipv4Addr>,
    /// Name in old tools.
    pub label: Option<String>,
}

impl From<IfAddr> for WantedAddress {
    fn from(addr: IfAddr) -> Self {
        Self { addr, local: None, label: None }
    }
}

/// Way of outer packets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Underlay {
    /// Where they go.
    pub remote: IpAddr,
    /// VRF in which they are routed; `None` is the default one.
    pub vrf: Option<String>,
    /// Their mark; 0 is none.
    pub mark: u32,
}

/// What a link is made as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WantedKind {
    /// A VRF with its table.
    Vrf {
        /// Kernel table.
        table: u32,
    },
    /// A loopback of its own.
    Dummy,
    /// A bridge.
    Bridge,
    /// 802.1Q on top of `dev`.
    Vlan {
        /// 1..=4094.
        id: u16,
        /// Link below.
        dev: String,
    },
    /// Another station on `dev`.
    Macvlan {
        /// Link below.
        dev: String,
        /// `MACVLAN_MODE_*`.
        mode: MacvlanMode,
    },
    /// A pair.
    Veth {
        /// Other end.
        peer: String,
    },
    /// VXLAN (RFC 7348).
    Vxlan(WantedVxlan),
    /// WireGuard of the kernel; keys and peers come from elsewhere.
    WireGuard,
    /// A tunnel that somebody else in this process opens (a TUN device): it is waited for, then set up.
    Tunnel,
}

/// Reach of a macvlan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum MacvlanMode {
    /// Links on one device do not reach each other.
    Private = 1,
    /// Only through the switch outside.
    Vepa = 2,
    /// Directly.
    Bridge = 4,
    /// One link has the device for itself.
    Passthru = 8,
}

/// A VXLAN's settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WantedVxlan {
    /// Network identifier.
    pub id: u32,
    /// Source address.
    pub local: Option<IpAddr>,
    /// UDP port.
    pub port: u16,
    /// Link that outer packets leave by.
    pub dev: Option<String>,
}

impl WantedKind {
    /// The kernel's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Vrf { .. } => "vrf",
            Self::Dummy => "dummy",
            Self::Bridge => "bridge",
            Self::Vlan { .. } => "vlan",
            Self::Macvlan { .. } => "macvlan",
            Self::Veth { .. } => "veth",
            Self::Vxlan(_) => "vxlan",
            Self::WireGuard => "wireguard",
            Self::Tunnel => "tun",
        }
    }

    /// Link below, when one is named.
    pub fn lower(&self) -> Option<&str> {
        match self {
            Self::Vlan { dev, .. } | Self::Macvlan { dev, .. } => Some(dev),
            Self::Vxlan(vxlan) => vxlan.dev.as_deref(),
            _ => None,
        }
    }

    /// Whether this process makes and deletes it by itself, rather than wait for it.
    pub const fn is_made(&self) -> bool {
        !matches!(self, Self::Tunnel)
    }
}

impl LinkPlan {
    /// All ways of outer packets that matter.
    pub(crate) fn underlays(&self) -> BTreeSet<Underlay> {
        self.links.values().flat_map(WantedLink::ways).collect()
    }
}

impl WantedLink {
    /// Ways of outer packets, those to a VXLAN's other ends among them.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Underlay> {
        let to = |remote: &IpAddr| Underlay { remote: *remote, vrf: None, mark: 0 };
        self.underlays.iter().cloned().chain(self.remotes.iter().map(to))
    }
}
