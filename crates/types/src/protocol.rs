//! Where a route comes from.

use std::fmt;
use std::str::FromStr;

use crate::Distance;

/// Source of a route, as FRR names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// Put into the kernel by somebody else.
    Kernel,
    /// Prefix of an interface address.
    Connected,
    /// Host route of an own address.
    Local,
    /// Configured.
    Static,
    /// OSPFv2.
    Ospf,
    /// OSPFv3.
    Ospf6,
    /// BGP.
    Bgp,
    /// Imported from another kernel table.
    Table,
}

impl Protocol {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Kernel,
        Self::Connected,
        Self::Local,
        Self::Static,
        Self::Ospf,
        Self::Ospf6,
        Self::Bgp,
        Self::Table,
    ];

    /// Name in configuration and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Connected => "connected",
            Self::Local => "local",
            Self::Static => "static",
            Self::Ospf => "ospf",
            Self::Ospf6 => "ospf6",
            Self::Bgp => "bgp",
            Self::Table => "table",
        }
    }

    /// Letter in `show ip route`.
    pub const fn letter(self) -> char {
        match self {
            Self::Kernel => 'K',
            Self::Connected => 'C',
            Self::Local => 'L',
            Self::Static => 'S',
            Self::Ospf | Self::Ospf6 => 'O',
            Self::Bgp => 'B',
            Self::Table => 'T',
        }
    }

    /// Default administrative distance; for BGP that of eBGP (iBGP is 200).
    pub const fn default_distance(self) -> Distance {
        Distance(match self {
            Self::Kernel | Self::Connected | Self::Local => 0,
            Self::Static => 1,
            Self::Ospf | Self::Ospf6 => 110,
            Self::Bgp => 20,
            Self::Table => 15,
        })
    }

    /// `rtm_protocol` of routes that we install (`/etc/iproute2/rt_protos.d/frr.conf`); `None` for what is never
    /// installed by us.
    pub const fn kernel_protocol(self) -> Option<u8> {
        match self {
            Self::Kernel | Self::Connected | Self::Local => None,
            Self::Static => Some(196),
            Self::Ospf | Self::Ospf6 => Some(188),
            Self::Bgp => Some(186),
            Self::Table => Some(11),
        }
    }

    /// Whether `rtm_protocol` is one that routing stacks of FRR's kind use for their own routes.
    pub const fn is_own_kernel_protocol(protocol: u8) -> bool {
        matches!(protocol, 11 | 186..=197)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|p| p.name() == s).ok_or(())
    }
}
