//! Operations on links.

use std::fmt;
use std::net::IpAddr;

use ferr_types::{Afi, IfAddr, MacAddr};

use super::plan::{WantedAddress, WantedKind};

/// A link to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: WantedKind,
    /// Number of the link below.
    pub lower: Option<u32>,
    /// Outer packets are IPv6; a VXLAN has to know.
    pub v6: bool,
}

/// One property of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkChange {
    /// Administratively up or down.
    Up(bool),
    /// MTU.
    Mtu(u32),
    /// Link-layer address.
    Mac(MacAddr),
    /// Number of the master, 0 for none.
    Master(u32),
    /// `IFLA_IFALIAS`.
    Alias(String),
}

/// One operation. `name` is the link that it is for; for messages and for who waits after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkOp {
    /// Makes a link.
    Create(NewLink),
    /// Deletes one.
    Delete {
        /// Its number.
        ifindex: u32,
        /// Its name.
        name: String,
    },
    /// Gives it its name back.
    Rename {
        /// Its number.
        ifindex: u32,
        /// Its name.
        from: String,
        /// The one that it shall have.
        to: String,
        /// It is up: some kernels rename only what is down.
        up: bool,
    },
    /// Changes a property.
    Set {
        /// Its number.
        ifindex: u32,
        /// Its name.
        name: String,
        /// The property.
        change: LinkChange,
    },
    /// Gives an address.
    AddAddress {
        /// The link's number.
        ifindex: u32,
        /// Its name.
        name: String,
        /// The address.
        address: WantedAddress,
    },
    /// Takes one away.
    DelAddress {
        /// The link's number.
        ifindex: u32,
        /// Its name.
        name: String,
        /// Own address.
        addr: IfAddr,
        /// Other end's, for a point-to-point address.
        peer: Option<IfAddr>,
    },
    /// Adds or removes an other end of a VXLAN.
    Remote {
        /// The link's number.
        ifindex: u32,
        /// Its name.
        name: String,
        /// The other end.
        remote: IpAddr,
        /// Add it.
        add: bool,
    },
    /// Ends a VRF's table with an unreachable default route.
    Unreachable {
        /// The VRF.
        name: String,
        /// Its table.
        table: u32,
        /// Family.
        afi: Afi,
    },
    /// Has lookups follow VRFs.
    VrfRule {
        /// A VRF that needs it.
        name: String,
        /// Family.
        afi: Afi,
    },
}

impl LinkOp {
    /// The link that it is for.
    pub fn name(&self) -> &str {
        match self {
            Self::Create(new) => &new.name,
            Self::Rename { to, .. } => to,
            Self::Delete { name, .. }
            | Self::Set { name, .. }
            | Self::AddAddress { name, .. }
            | Self::DelAddress { name, .. }
            | Self::Remote { name, .. }
            | Self::Unreachable { name, .. }
            | Self::VrfRule { name, .. } => name,
        }
    }
}

impl fmt::Display for LinkOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(new) => write!(f, "make {} ({})", new.name, new.kind.name()),
            Self::Delete { name, .. } => write!(f, "delete {name}"),
            Self::Rename { from, to, .. } => write!(f, "rename {from} to {to}"),
            Self::Set { name, change, .. } => match change {
                LinkChange::Up(up) => write!(f, "set {name} {}", if *up { "up" } else { "down" }),
                LinkChange::Mtu(mtu) => write!(f, "set mtu {mtu} of {name}"),
                LinkChange::Mac(mac) => write!(f, "set address {mac} of {name}"),
                LinkChange::Master(0) => write!(f, "release {name} from its master"),
                LinkChange::Master(master) => write!(f, "give {name} to link {master}"),
                LinkChange::Alias(_) => write!(f, "mark {name} as ours"),
            },
            Self::AddAddress { name, address, .. } => write!(f, "add {} to {name}", address.addr),
            Self::DelAddress { name, addr, .. } => write!(f, "take {addr} from {name}"),
            Self::Remote { name, remote, add: true, .. } => write!(f, "add {remote} to {name}"),
            Self::Remote { name, remote, .. } => write!(f, "take {remote} from {name}"),
            Self::Unreachable { table, afi, .. } => write!(f, "close table {table} for {afi}"),
            Self::VrfRule { afi, .. } => write!(f, "add the rule for VRFs of {afi}"),
        }
    }
}
