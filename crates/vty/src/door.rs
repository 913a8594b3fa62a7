//! The sockets: one per daemon that FRR would run.

use std::fmt;

use ferr_config::Part;

/// A vty socket, named after the daemon of FRR whose place it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Daemon {
    /// RIB, interfaces.
    Zebra,
    /// Configuration of newer FRR.
    Mgmtd,
    /// Static routes.
    Staticd,
    /// BGP.
    Bgpd,
    /// OSPFv2.
    Ospfd,
    /// OSPFv3.
    Ospf6d,
    /// BFD.
    Bfdd,
    /// Supervisor.
    Watchfrr,
    /// Everything, for our own shell.
    Ferr,
}

impl Daemon {
    /// All, in the order in which they are opened: clients take `zebra` for the sign that the others are there.
    pub const ALL: [Self; 9] = [
        Self::Mgmtd,
        Self::Staticd,
        Self::Bgpd,
        Self::Ospfd,
        Self::Ospf6d,
        Self::Bfdd,
        Self::Watchfrr,
        Self::Ferr,
        Self::Zebra,
    ];

    /// Name of the daemon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zebra => "zebra",
            Self::Mgmtd => "mgmtd",
            Self::Staticd => "staticd",
            Self::Bgpd => "bgpd",
            Self::Ospfd => "ospfd",
            Self::Ospf6d => "ospf6d",
            Self::Bfdd => "bfdd",
            Self::Watchfrr => "watchfrr",
            Self::Ferr => "ferr",
        }
    }

    /// Tag in messages and lists.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zebra => "ZEBRA",
            Self::Mgmtd => "MGMTD",
            Self::Staticd => "STATIC",
            Self::Bgpd => "BGP",
            Self::Ospfd => "OSPF",
            Self::Ospf6d => "OSPF6",
            Self::Bfdd => "BFD",
            Self::Watchfrr => "WATCHFRR",
            Self::Ferr => "FERR",
        }
    }

    /// Part of the configuration that the socket prints, when its client has no `mgmtd` connection.
    pub(crate) const fn part(self) -> Part {
        match self {
            Self::Zebra => Part::Zebra,
            Self::Mgmtd => Part::Mgmt,
            Self::Staticd => Part::Static,
            Self::Bgpd => Part::Bgp,
            Self::Ospfd => Part::Ospf,
            Self::Ospf6d => Part::Ospf6,
            Self::Bfdd => Part::Bfd,
            Self::Watchfrr => Part::Watchfrr,
            Self::Ferr => Part::All,
        }
    }
}

/// A socket: a daemon's, or that of one of its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Door {
    /// Whose place it takes.
    pub(crate) daemon: Daemon,
    /// Number of the instance; 0 for all.
    pub(crate) number: u16,
}

impl From<Daemon> for Door {
    fn from(daemon: Daemon) -> Self {
        Self { daemon, number: 0 }
    }
}

impl Door {
    /// Of an OSPFv2 instance.
    pub(crate) const fn ospfd(number: u16) -> Self {
        Self { daemon: Daemon::Ospfd, number }
    }
}

impl fmt::Display for Door {
    /// Name of the socket, without `.vty`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => f.write_str(self.daemon.name()),
            n => write!(f, "{}-{n}", self.daemon.name()),
        }
    }
}

/// A set of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doors(u16);

impl Doors {
    /// Every socket.
    pub(crate) const ALL: Self = Self(u16::MAX);
    /// The RIB.
    pub(crate) const ZEBRA: Self = Self::of(&[Daemon::Zebra]);
    /// BGP.
    pub(crate) const BGP: Self = Self::of(&[Daemon::Bgpd]);
    /// OSPFv2.
    pub(crate) const OSPF: Self = Self::of(&[Daemon::Ospfd]);
    /// OSPFv3.
    pub(crate) const OSPF6: Self = Self::of(&[Daemon::Ospf6d]);
    /// BFD.
    pub(crate) const BFD: Self = Self::of(&[Daemon::Bfdd]);
    /// Our own shell only.
    pub(crate) const FERR: Self = Self::of(&[]);
    /// The supervisor.
    pub(crate) const WATCHFRR: Self = Self::of(&[Daemon::Watchfrr]);
    /// Those that know lists and route-maps.
    pub(crate) const LISTS: Self =
        Self::of(&[Daemon::Zebra, Daemon::Mgmtd, Daemon::Bgpd, Daemon::Ospfd, Daemon::Ospf6d, Daemon::Bfdd]);

    const fn of(list: &[Daemon]) -> Self {
        let mut bits = 1 << Daemon::Ferr as u16;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    /// Membership.
    pub(crate) const fn contains(self, door: Daemon) -> bool {
        self.0 & 1 << door as u16 != 0
    }
}
