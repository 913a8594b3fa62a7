//! Routers under test: one description of a router, and what each maker's program makes of it.

mod bird;
mod frr;
mod gobgp;
mod openbgpd;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ferr_testnet::rivals::Rival;
use ferr_testnet::{Error, Host};
use ferr_types::{Asn, Prefix};

use crate::dut;

/// AS, address and IPv6 address of the router.
pub(crate) const ASN: Asn = Asn(65000);
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
pub(crate) const ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 1);

/// Which router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    /// FeRR.
    Ferr,
    /// BIRD 2.
    Bird,
    /// FRR.
    Frr,
    /// GoBGP, without a FIB.
    Gobgp,
    /// OpenBGPD, whose portable edition has no FIB.
    Openbgpd,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ferr => "FeRR",
            Self::Bird => "BIRD",
            Self::Frr => "FRR",
            Self::Gobgp => "GoBGP",
            Self::Openbgpd => "OpenBGPD",
        }
    }

    /// Whether it writes routes into the kernel.
    pub(crate) const fn has_fib(self) -> bool {
        matches!(self, Self::Ferr | Self::Bird | Self::Frr)
    }

    /// Whether it can run here; the error has the reason and the fix.
    pub(crate) fn available(self) -> Result<(), Error> {
        match self {
            Self::Ferr => dut::ferrd().map(drop),
            Self::Bird => Rival::Bird.available(),
            Self::Frr => Rival::Frr.available(),
            Self::Gobgp => Rival::GoBgp.available(),
            Self::Openbgpd => Rival::OpenBgpd.available(),
        }
    }

    /// What it says about its version.
    pub(crate) fn version(self) -> String {
        let say = |command: &mut Command, arg: &str| {
            let output = ferr_testnet::run(command.arg(arg), None);
            let text = output.map(|o| [o.stdout, o.stderr].concat()).unwrap_or_default();
            String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
        };
        let ask = |program: &str, arg: &str| say(&mut Command::new(program), arg);
        match self {
            Self::Ferr => dut::ferrd().map(|p| say(&mut p.command(), "--version")).unwrap_or_default(),
            Self::Bird => ask("bird", "--version"),
            Self::Frr => ask("/usr/lib/frr/bgpd", "--version"),
            Self::Gobgp => ask("gobgpd", "--version"),
            Self::Openbgpd => ask("/usr/sbin/bgpd", "-V"),
        }
    }

    /// Starts it.
    pub(crate) fn start(self, host: &Host, plan: &Plan) -> Result<Box<dyn Router>, Error> {
        Ok(match self {
            Self::Ferr => Box::new(frr::FerrRouter::start(host, plan)?),
            Self::Bird => Box::new(bird::BirdRouter::start(host, plan)?),
            Self::Frr => Box::new(frr::FrrRouter::start(host, plan)?),
            Self::Gobgp => Box::new(gobgp::GobgpRouter::start(host, plan)?),
            Self::Openbgpd => Box::new(openbgpd::OpenbgpdRouter::start(host, plan)?),
        })
    }
}

/// A neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Neighbor {
    pub(crate) address: Ipv4Addr,
    pub(crate) asn: Asn,
}

/// What a group may be told, or tell.
#[derive(Debug, Clone, Default)]
pub(crate) enum Filter {
    #[default]
    All,
    Nothing,
    Policy(Arc<Policy>),
}

/// A long policy: what is listed is refused; the first clause whose community a route has sets the MED, else the last does.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) refused: Vec<Prefix>,
    /// Clauses with a community.
    pub(crate) communities: Vec<(u16, u16)>,
    /// MED of the first clause; each later one sets one more.
    pub(crate) med: u32,
    /// Clauses that refuse what has their community.
    pub(crate) denied: Range<usize>,
}

/// Neighbors that are treated alike.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) neighbors: Vec<Neighbor>,
    /// Clients of a route reflector.
    pub(crate) clients: bool,
    pub(crate) import: Filter,
    pub(crate) export: Filter,
    /// A community that is added to what they are told.
    pub(crate) tag: Option<u16>,
}

impl Group {
    fn is_internal(&self) -> bool {
        self.neighbors.iter().all(|n| n.asn == ASN)
    }

    /// Name of what is applied to routes for it, when that is more than all.
    fn export_name(&self) -> Option<String> {
        match (&self.export, self.tag) {
            (Filter::Policy(policy), _) => Some(policy.name.to_owned()),
            (Filter::Nothing, _) => Some("NOTHING".to_owned()),
            (Filter::All, Some(_)) => Some(format!("TAG-{}", self.name)),
            (Filter::All, None) => None,
        }
    }
}

/// A router.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) groups: Vec<Group>,
    /// IPv6 unicast beside IPv4, on the same sessions.
    pub(crate) v6: bool,
    /// What is in the kernel is to survive a restart.
    pub(crate) graceful: bool,
}

impl Plan {
    /// All policies of the plan, each once.
    fn policies(&self) -> Vec<&Policy> {
        let mut all: Vec<&Policy> = Vec::new();
        for group in &self.groups {
            for filter in [&group.import, &group.export] {
                if let Filter::Policy(policy) = filter
                    && all.iter().all(|known| known.name != policy.name)
                {
                    all.push(policy);
                }
            }
        }
        all
    }

    fn denies(&self) -> bool {
        let is_nothing = |f: &Filter| matches!(f, Filter::Nothing);
        self.groups.iter().any(|g| is_nothing(&g.import) || is_nothing(&g.export))
    }
}

/// How something is asked for.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A socket with a command and NUL; three NULs end the answer.
    Vty(PathBuf, String),
    /// BIRD's control socket.
    Birdc(PathBuf, String),
    /// A program and its arguments, in the router's namespace.
    Program(Vec<String>),
}

/// A short question.
#[derive(Debug)]
pub(crate) struct Show {
    /// The same for all prefixes.
    pub(crate) name: &'static str,
    pub(crate) ask: Ask,
}

/// Questions by their names, in which `PREFIX` stands for this one.
fn shows(names: &[&'static str], prefix: Prefix, ask: impl Fn(&'static str, String) -> Ask) -> Vec<Show> {
    let show =
        |name: &&'static str| Show { name, ask: ask(name, name.replace("PREFIX", &prefix.to_string())) };
    names.iter().map(show).collect()
}

/// A running router.
pub(crate) trait Router {
    /// Its processes.
    fn pids(&mut self) -> Vec<u32>;

    /// An error with its last words when one of its processes has ended.
    fn check(&mut self) -> Result<(), Error>;

    /// Its configuration files.
    fn configs(&self) -> Vec<(String, String)>;

    /// Changes it to another plan with the same neighbors and lists, while it runs. What came before and what was sent are judged again.
    fn reconfigure(&mut self, plan: &Plan) -> Result<(), Error>;

    /// How something is asked for.
    fn ask(&self) -> Ask;

    /// What its users ask all day, once each.
    fn shows(&self, prefix: Prefix) -> Vec<Show>;

    /// Ends it without a word, and starts it again.
    fn crash(&mut self, meanwhile: &mut dyn FnMut()) -> Result<(), Error>;
}

/// Lines of a text, for a configuration.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{line}");
    }
}

fn hex(community: (u16, u16)) -> String {
    format!("{}:{}", community.0, community.1)
}
