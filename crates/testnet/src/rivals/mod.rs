//! Routing daemons by others, as installed by the distribution, each with files of its own.

mod bird;
mod exabgp;
mod frr;
mod gobgp;
mod openbgpd;

pub use bird::Bird;
pub use exabgp::ExaBgp;
pub use frr::Frr;
pub use gobgp::GoBgp;
pub use openbgpd::OpenBgpd;

use crate::skip::{Requirement, check};
use crate::{Error, FerrdProgram};

/// A routing daemon that may take part in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// FRRouting: zebra, staticd, bgpd, vtysh.
    Frr,
    /// BIRD 2.
    Bird,
    /// GoBGP.
    GoBgp,
    /// ExaBGP.
    ExaBgp,
    /// OpenBGPD (portable).
    OpenBgpd,
}

impl Rival {
    /// Whether it can run here; the error has the reason and the fix.
    pub fn available(self) -> Result<(), Error> {
        use Requirement::{Namespaces, Program, Root};
        match self {
            Self::Frr => check(&[Namespaces, Root, Program("/usr/lib/frr/zebra"), Program("vtysh")]),
            Self::Bird => check(&[Namespaces, Program("bird"), Program("birdc")]),
            Self::GoBgp => check(&[Namespaces, Program("gobgpd"), Program("gobgp")]),
            Self::ExaBgp => check(&[Namespaces, Program("exabgp")]),
            Self::OpenBgpd => check(&[Namespaces, Root, Program("bgpctl"), Program("/usr/sbin/bgpd")]),
        }
    }
}

/// Whether our daemon and all of `rivals` can run here.
pub fn ready(rivals: &[Rival]) -> Result<FerrdProgram, Error> {
    check(&[Requirement::Namespaces, Requirement::Program("ip")])?;
    for rival in rivals {
        rival.available()?;
    }
    FerrdProgram::locate()
}
