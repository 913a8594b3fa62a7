//! Routers under test.

use std::env;

use ferr_testnet::rivals::{Bird, Frr};
use ferr_testnet::{Error, Ferrd, FerrdProgram};

/// Our daemon: what `FERRD_BIN` names, else this very program.
pub(crate) fn ferrd() -> Result<FerrdProgram, Error> {
    if env::var_os("FERRD_BIN").is_some() {
        FerrdProgram::locate()
    } else {
        FerrdProgram::within(crate::AS_DAEMON)
    }
}

/// Which router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    /// FeRR.
    Ferr,
    /// BIRD.
    Bird,
    /// FRR.
    Frr,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ferr => "FeRR",
            Self::Bird => "BIRD",
            Self::Frr => "FRR",
        }
    }
}

/// A running router.
pub(crate) enum Dut {
    Ferr(Box<Ferrd>),
    Bird(Box<Bird>),
    Frr(Box<Frr>),
}

impl Dut {
    /// Its processes.
    pub(crate) fn pids(&mut self) -> Vec<u32> {
        match self {
            Self::Ferr(d) => vec![d.process().pid()],
            Self::Bird(d) => vec![d.process().pid()],
            Self::Frr(d) => d.processes().iter().map(|p| p.pid()).collect(),
        }
    }
}
