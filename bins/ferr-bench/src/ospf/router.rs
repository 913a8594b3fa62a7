//! Routers under test, with the same two cables.

use ferr_testnet::rivals::{Bird, Frr};
use ferr_testnet::{Ferrd, Host};

use super::Result;
use crate::dut::{self, Kind};

fn frr_conf() -> String {
    let link = |n: usize, cost: u8| {
        format!(
            "interface eth{n}\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n \
             ip ospf dead-interval 4\n ip ospf cost {cost}\nexit\n"
        )
    };
    // The shortest delays that FRR takes without giving up on storms.
    let router = "router ospf\n ospf router-id 10.0.0.1\n timers throttle spf 0 50 500\nexit\n";
    format!("frr defaults traditional\nlog stdout debugging\n{}{}{router}", link(0, 10), link(1, 20))
}

fn bird_conf() -> String {
    let link =
        |n: usize, cost: u8| format!("interface \"eth{n}\" {{ type ptp; hello 1; dead 4; cost {cost}; }};");
    format!(
        "router id 10.0.0.1;\nprotocol device {{ scan time 1; }}\nprotocol kernel {{ ipv4 {{ import none; export all; }}; }}\n\
         protocol ospf v2 {{ tick 1; ipv4 {{ import all; export none; }}; area 0 {{ {} {} }}; }}\n",
        link(0, 10),
        link(1, 20)
    )
}

/// A running router.
pub(super) enum Dut {
    Ferr(Box<Ferrd>),
    Bird(Box<Bird>),
    Frr(Box<Frr>),
}

impl Dut {
    pub(super) fn start(kind: Kind, host: &Host) -> Result<Self> {
        let conf = frr_conf();
        Ok(match kind {
            Kind::Ferr => Self::Ferr(Box::new(Ferrd::start(host, &dut::ferrd()?, &conf)?)),
            Kind::Bird => Self::Bird(Box::new(Bird::start(host, &bird_conf())?)),
            Kind::Frr => Self::Frr(Box::new(Frr::start_with_ospf(host, &conf)?)),
        })
    }

    pub(super) fn pids(&mut self) -> Vec<u32> {
        match self {
            Self::Ferr(d) => vec![d.process().pid()],
            Self::Bird(d) => vec![d.process().pid()],
            Self::Frr(d) => d.processes().iter().map(|p| p.pid()).collect(),
        }
    }

    /// What the last run of SPF took, in milliseconds; BIRD does not say it.
    pub(super) fn spf_time(&mut self) -> Option<f64> {
        match self {
            // `show` gives milliseconds, too coarse here.
            Self::Ferr(d) => {
                let log = d.process().log();
                let (_, number) = log.rsplit_once("SPF Processing Time(usecs): ")?;
                Some(number.split_whitespace().next()?.parse::<f64>().ok()? / 1e3)
            }
            // With its log of events it would be slower.
            Self::Frr(d) => {
                let text = d.vtysh(&["show ip ospf"]).ok()?;
                let (_, rest) = text.split_once("Last SPF duration ")?;
                let span = rest.lines().next()?.trim();
                match span.strip_suffix(" usecs") {
                    Some(micros) => Some(micros.parse::<f64>().ok()? / 1e3),
                    None => Some(span.strip_suffix('s')?.parse::<f64>().ok()? * 1e3),
                }
            }
            Self::Bird(_) => None,
        }
    }
}
