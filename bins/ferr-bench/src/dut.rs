//! Routers under test: the same small configuration for each.

use ferr_testnet::rivals::{Bird, Frr};
use ferr_testnet::{Error, Ferrd, FerrdProgram, Host};

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

const FRR_CONF: &str = "frr defaults traditional\n\
    router bgp 65000\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n\
    neighbor 10.0.1.2 remote-as 65100\n neighbor 10.0.1.2 passive\n\
    neighbor 10.0.2.2 remote-as 65200\n neighbor 10.0.2.2 passive\nexit\n";

const BIRD_CONF: &str = "router id 10.0.0.1;\nprotocol device {}\n\
    protocol kernel { ipv4 { import none; export all; }; }\n\
    template bgp peer { local as 65000; passive on; ipv4 { import all; export all; }; }\n\
    protocol bgp injector from peer { neighbor 10.0.1.2 as 65100; }\n\
    protocol bgp monitor from peer { neighbor 10.0.2.2 as 65200; }\n";

impl Dut {
    /// Starts a router on `host`, whose peers are 10.0.1.2 (AS 65100) and 10.0.2.2 (AS 65200).
    pub(crate) fn start(kind: Kind, host: &Host) -> Result<Self, Error> {
        Ok(match kind {
            Kind::Ferr => Self::Ferr(Box::new(Ferrd::start(host, &FerrdProgram::locate()?, FRR_CONF)?)),
            Kind::Bird => Self::Bird(Box::new(Bird::start(host, BIRD_CONF)?)),
            Kind::Frr => Self::Frr(Box::new(Frr::start(host, FRR_CONF)?)),
        })
    }

    /// Its processes.
    pub(crate) fn pids(&mut self) -> Vec<u32> {
        match self {
            Self::Ferr(d) => vec![d.process().pid()],
            Self::Bird(d) => vec![d.process().pid()],
            Self::Frr(d) => d.processes().iter().map(|p| p.pid()).collect(),
        }
    }
}
