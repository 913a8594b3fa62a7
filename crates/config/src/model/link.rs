//! Links that the daemon owns: what FRR's `interface` block does not know.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ferr_types::MacAddr;

use super::wireguard::WireGuard;

/// Port of VXLAN where none is written (RFC 7348 section 5).
pub const VXLAN_PORT: u16 = 4789;

/// `link macvlan ... mode M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum MacvlanMode {
    /// `bridge`: links of one lower device reach each other. The default.
    #[default]
    Bridge,
    /// `private`: they do not.
    Private,
    /// `vepa`: through the switch outside.
    Vepa,
    /// `passthru`: one link alone takes the lower device over.
    Passthru,
}

impl MacvlanMode {
    /// All.
    pub const ALL: [Self; 4] = [Self::Bridge, Self::Private, Self::Vepa, Self::Passthru];

    /// Name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Private => "private",
            Self::Vepa => "vepa",
            Self::Passthru => "passthru",
        }
    }
}

/// `link vxlan id N [local A] [dstport N] [dev IF]` (RFC 7348).
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Vxlan {
    /// Network identifier, 1..=16777215.
    pub id: u32,
    /// Source of the outer packets.
    pub local: Option<IpAddr>,
    /// UDP port; [`VXLAN_PORT`] when not set.
    pub port: Option<u16>,
    /// Link that outer packets leave by.
    pub dev: Option<String>,
}

/// `link KIND ...`: what a declared link is made as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// `dummy`: a second loopback.
    Dummy,
    /// `bridge`
    Bridge,
    /// `vlan id N dev IF` (802.1Q).
    Vlan {
        /// 1..=4094.
        id: u16,
        /// Link below.
        dev: String,
    },
    /// `macvlan dev IF mode M`
    Macvlan {
        /// Link below.
        dev: String,
        /// Reach.
        mode: MacvlanMode,
    },
    /// `veth peer IF`: two ends of a cable.
    Veth {
        /// Name of the other end.
        peer: String,
    },
    /// `vxlan id N ...`
    Vxlan(Vxlan),
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dummy => f.write_str("dummy"),
            Self::Bridge => f.write_str("bridge"),
            Self::Vlan { id, dev } => write!(f, "vlan id {id} dev {dev}"),
            Self::Macvlan { dev, mode } => write!(f, "macvlan dev {dev} mode {}", mode.name()),
            Self::Veth { peer } => write!(f, "veth peer {peer}"),
            Self::Vxlan(v) => {
                write!(f, "vxlan id {}", v.id)?;
                if let Some(local) = v.local {
                    write!(f, " local {local}")?;
                }
                if let Some(port) = v.port {
                    write!(f, " dstport {port}")?;
                }
                v.dev.as_ref().map_or(Ok(()), |dev| write!(f, " dev {dev}"))
            }
        }
    }
}

/// `ip tcp adjust-mss N|auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mss {
    /// From the MTU of the interface, for each address family.
    Auto,
    /// This one, for both; 500..=9000.
    Fixed(u16),
}

impl fmt::Display for Mss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(mss) => mss.fmt(f),
        }
    }
}

/// Statements of an `interface` block that FRR does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnLink {
    /// `link ...`: the link is made when it is missing, and removed with the statement.
    pub kind: Option<LinkType>,
    /// `vrf NAME`: the link is moved there. Never set together with `master`.
    pub vrf: Option<String>,
    /// `master IF`: the link is a port of this bridge.
    pub master: Option<String>,
    /// `mtu N`; worked out when not set.
    pub mtu: Option<u32>,
    /// `mac-address A`.
    pub mac: Option<MacAddr>,
    /// `vxlan remote A`: where frames for unknown stations go.
    pub vxlan_remotes: BTreeSet<IpAddr>,
    /// `ip tcp adjust-mss ...`.
    pub mss: Option<Mss>,
    /// `wireguard ...`: any of these makes the interface a declared WireGuard link.
    pub wireguard: Option<WireGuard>,
}

impl OwnLink {
    /// Whether the link as a whole belongs to the configuration, with its addresses and everything else of it.
    pub const fn is_declared(&self) -> bool {
        self.kind.is_some() || self.wireguard.is_some()
    }
}
