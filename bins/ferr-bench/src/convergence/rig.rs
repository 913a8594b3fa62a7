//! A router between its neighbors, and one phase of a run: something is sent, and what comes of it is timed.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ferr_bgp_wire::PeerKind;
use ferr_testnet::{Host, Net};
use ferr_types::Asn;

use super::duts::{ADDRESS, ADDRESS6, ASN, Kind, Neighbor, Plan, Router};
use super::fib::{FibWatch, Sample, Totals, Until, count};
use super::peers::{Hub, Identity, Peer, Watch};
use super::sampler::{Point, Sampler};
use super::table::Announcer;
use super::usage::{Moment, Spent, peak_kib, resident_kib, wait_for_quiet};
use super::works::Setting;

/// Any failure of a run; one failed run does not end the others.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Time between looks at the counters.
const LOOK: Duration = Duration::from_millis(2);
/// Time between looks at the router itself, and between words about how far it came.
const CHECK: Duration = Duration::from_millis(300);
const WORD: Duration = Duration::from_secs(5);
/// A router that sends nothing and computes nothing for so long has done all it wants to do.
const SETTLED: Duration = Duration::from_millis(1000);

/// IPv4 address of the neighbor number `index`.
pub(crate) fn address(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 64 + (index / 250) as u8, 1 + (index % 250) as u8)
}

fn address6(index: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0x1000 + index as u16)
}

/// The neighbor number `index` in this AS.
pub(crate) fn neighbor(index: usize, asn: Asn) -> Neighbor {
    Neighbor { address: address(index), asn }
}

/// What it writes into what it announces.
pub(crate) fn announcer(index: usize, asn: Asn) -> Announcer {
    let kind = if asn == ASN { PeerKind::Ibgp } else { PeerKind::Ebgp };
    Announcer { asn, kind, v4: address(index), v6: address6(index) }
}

/// A router, its neighbors and their cable. Neighbors have the numbers of their order in the plan.
pub(crate) struct Rig {
    pub(crate) peers: Vec<Peer>,
    hub: Hub,
    pub(crate) router: Box<dyn Router>,
    /// What the kernel had before the first route came.
    pub(crate) base: Totals,
    /// Memory of the router before the first route came.
    pub(crate) idle_kib: u64,
    pub(crate) kind: Kind,
    /// Processor time of senders whose session is gone.
    pub(crate) gone_cpu: Duration,
    plan: Plan,
    watches: Vec<Watch>,
    /// For all sessions to come up.
    limit: Duration,
    pub(crate) dut: Host,
    pub(crate) outside: Host,
    net: Net,
}

/// What a neighbor is to have received since the beginning of a phase.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Goal {
    pub(crate) peer: usize,
    /// At least so many announcements and withdrawals.
    pub(crate) announced: usize,
    pub(crate) withdrawn: usize,
    /// Exactly so many prefixes, by their bits.
    pub(crate) present: Option<usize>,
}

/// What the kernel's table is to become.
#[derive(Debug, Clone)]
pub(crate) struct FibGoal {
    pub(crate) sample: Arc<Sample>,
    pub(crate) until: Until,
    /// Routes beside those that were there before.
    pub(crate) total: Totals,
}

/// When a phase has ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Goals {
    pub(crate) peers: Vec<Goal>,
    pub(crate) fib: Option<FibGoal>,
    /// Only when nothing more happens; the last update counts.
    pub(crate) settle: bool,
    pub(crate) limit: Duration,
}

/// What came of a phase.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phase {
    /// Seconds to the last UPDATE that was waited for, and to the last route of the kernel.
    pub(crate) monitor: Option<f64>,
    pub(crate) kernel: Option<f64>,
    pub(crate) spent: Spent,
    /// Part of the time in which the kernel was asked.
    pub(crate) asking: f64,
    /// Peak of the router's memory until the end of the phase, and what it was before any route.
    pub(crate) peak_kib: u64,
    pub(crate) idle_kib: u64,
    pub(crate) points: Vec<Point>,
    /// Seconds until all that should be in the kernel was there, with what should not be perhaps.
    pub(crate) sampled: Option<f64>,
    /// Prefixes that the first of the watched neighbors had at the end, or was told of.
    pub(crate) monitored: usize,
    /// Routes of the router in the kernel when all are there.
    pub(crate) kernel_routes: usize,
    /// Part of the sample that the kernel had, by seconds.
    pub(crate) kernel_curve: Vec<(f64, f64)>,
}

impl Rig {
    /// Waits for quiet, builds the network, starts the router and brings all sessions up.
    pub(crate) fn start(setting: &Setting, kind: Kind, plan: &Plan, watches: Vec<Watch>) -> Result<Self> {
        let mut rig = Self::without_sessions(setting, kind, plan, watches)?;
        rig.connect_all()?;
        rig.base = count(rig.dut.netns());
        Ok(rig)
    }

    /// The same without any session.
    pub(crate) fn without_sessions(
        setting: &Setting,
        kind: Kind,
        plan: &Plan,
        watches: Vec<Watch>,
    ) -> Result<Self> {
        wait_for_quiet(setting.patience);
        let net = Net::new("bench")?;
        let (dut, outside) = (net.host("dut")?, net.host("outside")?);
        // No address of a link comes up in the middle of a run.
        dut.sysctl("net.ipv6.conf.default.accept_dad", "0")?;
        net.link(&dut, "eth0", &outside, "eth0")?;
        dut.addr("eth0", &format!("{ADDRESS}/16"))?;
        dut.addr("eth0", &format!("{ADDRESS6}/64"))?;
        outside.addr("eth0", "10.1.0.2/16")?;
        outside.addr("eth0", "fd00:1::2/64")?;
        // All neighbors' addresses at once.
        outside.ip("route add local 10.1.64.0/18 dev lo")?;
        let mut router = kind.start(&dut, plan)?;
        let idle_kib = resident_kib(&router.pids());
        let mut rig = Self {
            peers: Vec::new(),
            hub: Hub::start(setting.limit)?,
            router,
            base: Totals::default(),
            idle_kib,
            kind,
            gone_cpu: Duration::ZERO,
            plan: plan.clone(),
            watches,
            limit: setting.limit,
            dut,
            outside,
            net,
        };
        rig.base = count(rig.dut.netns());
        Ok(rig)
    }

    fn identity(&self, index: usize) -> Identity {
        let neighbors = self.plan.groups.iter().flat_map(|g| &g.neighbors);
        let asn = neighbors.clone().nth(index).map_or(ASN, |n| n.asn);
        Identity {
            local: address(index),
            remote: ADDRESS,
            asn,
            v6: self.plan.v6,
            graceful: self.plan.graceful,
        }
    }

    fn open(&self, index: usize, deadline: Instant) -> Result<Peer> {
        let watch = self.watches.get(index).cloned().unwrap_or_default();
        Ok(self.hub.connect(self.outside.netns(), self.identity(index), &watch, deadline)?)
    }

    /// Opens all sessions, in place of those that were.
    pub(crate) fn connect_all(&mut self) -> Result<()> {
        self.gone_cpu = self.injector_cpu();
        self.peers.clear();
        self.connect_up_to(self.plan.groups.iter().map(|g| g.neighbors.len()).sum())
    }

    /// Opens sessions until so many neighbors have one.
    pub(crate) fn connect_up_to(&mut self, count: usize) -> Result<()> {
        let deadline = Instant::now() + self.limit;
        for index in self.peers.len()..count {
            let peer = self.open(index, deadline)?;
            self.peers.push(peer);
        }
        Ok(())
    }

    /// Opens the session of one neighbor again.
    pub(crate) fn reconnect(&mut self, index: usize) -> Result<()> {
        let peer = self.open(index, Instant::now() + self.limit)?;
        let old = std::mem::replace(&mut self.peers[index], peer);
        self.gone_cpu += old.cpu();
        Ok(())
    }

    /// Has a neighbor send, in the background.
    pub(crate) fn send(&self, index: usize, bytes: Arc<Vec<u8>>) -> Result<()> {
        self.peers[index].send(bytes)?;
        Ok(())
    }

    pub(crate) fn injector_cpu(&self) -> Duration {
        self.gone_cpu + self.peers.iter().map(Peer::cpu).sum::<Duration>()
    }

    pub(crate) fn moment(&mut self) -> Moment {
        Moment::now(&self.router.pids(), self.injector_cpu(), self.hub.cpu())
    }

    /// Counts the base again, with `routes` routes in the kernel.
    pub(crate) fn count_base(&mut self, routes: Totals) {
        let Totals { v4, v6 } = count(self.dut.netns());
        self.base = Totals { v4: v4.saturating_sub(routes.v4), v6: v6.saturating_sub(routes.v6) };
    }

    /// Another host, on a cable to the interface `interface` of the router.
    pub(crate) fn host(&self, name: &str, interface: &str) -> Result<Host> {
        let host = self.net.host(name)?;
        self.net.link(&self.dut, interface, &host, "eth0")?;
        Ok(host)
    }

    fn check(&mut self) -> Result<()> {
        self.router.check()?;
        match self.peers.iter().position(Peer::was_ended) {
            Some(index) => Err(format!("it ended the session with {}", address(index)).into()),
            None => Ok(()),
        }
    }

    /// Begins something by `action` and waits until all goals are reached.
    pub(crate) fn phase(
        &mut self,
        goals: &Goals,
        action: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<Phase> {
        let before = self.counts(&goals.peers);
        let watch = match &goals.fib {
            Some(fib) if self.kind.has_fib() => {
                let total = self.base + fib.total;
                Some(FibWatch::start(self.dut.netns(), &fib.sample, fib.until, total)?)
            }
            _ => None,
        };
        let pids = self.router.pids();
        let begin = self.moment();
        let sampler = Sampler::start(pids.clone(), begin.at);
        action(self)?;
        let monitor = self.wait(goals, &before, begin.at, &pids, (watch.as_ref(), &sampler))?;
        let end = self.moment();
        let seen = watch.map(FibWatch::finish);
        let wall = (end.at - begin.at).as_secs_f64().max(1e-3);
        let since = |at: Instant| at.saturating_duration_since(begin.at).as_secs_f64();
        let kernel_curve = seen.iter().flat_map(|s| &s.curve).map(|(at, part)| (since(*at), *part)).collect();
        Ok(Phase {
            monitor: monitor.map(since),
            kernel: seen.as_ref().and_then(|s| s.whole).map(since),
            sampled: seen.as_ref().and_then(|s| s.sampled).map(since),
            kernel_routes: goals.fib.as_ref().map_or(0, |f| f.sample.total.sum()),
            asking: seen.as_ref().map_or(0.0, |s| s.cpu.as_secs_f64() / wall),
            spent: begin.until(&end),
            peak_kib: peak_kib(&self.router.pids()),
            idle_kib: self.idle_kib,
            points: sampler.finish(),
            monitored: self.monitored(&goals.peers, &before),
            kernel_curve,
        })
    }

    /// What the first of the watched neighbors has, or was told since.
    fn monitored(&self, goals: &[Goal], before: &[(usize, usize)]) -> usize {
        let (Some(first), Some(before)) = (goals.first(), before.first()) else { return 0 };
        let peer = &self.peers[first.peer];
        if first.present.is_some() { peer.present() } else { peer.counts().0.saturating_sub(before.0) }
    }

    fn counts(&self, goals: &[Goal]) -> Vec<(usize, usize)> {
        goals.iter().map(|g| self.peers.get(g.peer).map_or((0, 0), Peer::counts)).collect()
    }

    fn is_reached(&self, goals: &[Goal], before: &[(usize, usize)]) -> bool {
        goals.iter().zip(before).all(|(goal, before)| {
            let peer = &self.peers[goal.peer];
            let (announced, withdrawn) = peer.counts();
            // A session that was opened anew counts from nothing.
            let since = |now: usize, then: usize| if now >= then { now - then } else { now };
            since(announced, before.0) >= goal.announced
                && since(withdrawn, before.1) >= goal.withdrawn
                && goal.present.is_none_or(|wanted| peer.present() == wanted)
        })
    }

    fn wait(
        &mut self,
        goals: &Goals,
        before: &[(usize, usize)],
        begin: Instant,
        pids: &[u32],
        (watch, sampler): (Option<&FibWatch>, &Sampler),
    ) -> Result<Option<Instant>> {
        let deadline = begin + goals.limit;
        let mut monitor = None;
        let (mut next_check, mut next_word) = (begin + CHECK, begin + WORD);
        let mut settling: Option<(Instant, Duration)> = None;
        loop {
            sampler.note(self.monitored(&goals.peers, before));
            if monitor.is_none() && self.is_reached(&goals.peers, before) {
                let last = goals.peers.iter().filter_map(|g| self.peers[g.peer].last_update()).max();
                match goals.settle {
                    false => monitor = last.or(Some(begin)),
                    true => {
                        let cpu = pids.iter().map(|p| super::usage::process_cpu(*p)).sum::<Duration>();
                        let (since, cpu_then) = *settling.get_or_insert((Instant::now(), cpu));
                        let moved = last.is_some_and(|at| at > since) || cpu > cpu_then + SETTLED / 20;
                        if moved {
                            settling = Some((Instant::now(), cpu));
                        } else if since.elapsed() > SETTLED {
                            monitor = last.or(Some(begin));
                        } else {
                            thread::sleep(SETTLED / 10);
                        }
                    }
                }
            }
            if monitor.is_some() && watch.is_none_or(FibWatch::is_done) {
                return Ok(monitor.filter(|_| !goals.peers.is_empty()));
            }
            let now = Instant::now();
            if now > next_check {
                next_check = now + CHECK;
                self.check()?;
            }
            if now > next_word {
                next_word += WORD;
                let kernel = watch.map_or(String::new(), |w| format!("; {} % in the kernel", w.percent()));
                eprintln!(
                    "{:14} s: {}{kernel}",
                    begin.elapsed().as_secs(),
                    self.how_far(&goals.peers, before)
                );
            }
            if now > deadline {
                return Err(self.late(goals, before, monitor.is_some()).into());
            }
            thread::sleep(LOOK);
        }
    }

    /// How far it came in the time that it had.
    fn late(&self, goals: &Goals, before: &[(usize, usize)], monitor: bool) -> String {
        let ended = format!("did not end in {} s", goals.limit.as_secs());
        if monitor {
            let (have, base) = (count(self.dut.netns()), self.base);
            let Totals { v4, v6 } = goals.fib.as_ref().map_or(Totals::default(), |f| f.total);
            let [have4, have6] = [have.v4.saturating_sub(base.v4), have.v6.saturating_sub(base.v6)];
            return format!(
                "{ended}: the kernel has {have4} IPv4 and {have6} IPv6 routes, not {v4} and {v6}"
            );
        }
        if self.is_reached(&goals.peers, before) {
            return format!("{ended}: not at rest");
        }
        format!("{ended}: {}", self.how_far(&goals.peers, before))
    }

    /// What the neighbors have of what they are to have.
    fn how_far(&self, goals: &[Goal], before: &[(usize, usize)]) -> String {
        let all = goals.iter().zip(before);
        let mut behind = all.filter(|(g, b)| !self.is_reached(&[**g], &[**b]));
        let Some((goal, before)) = behind.next() else { return "all neighbors have all".to_owned() };
        let done = goals.len() - 1 - behind.count();
        let peer = &self.peers[goal.peer];
        let (announced, withdrawn) = peer.counts();
        let (announced, withdrawn) = (announced.saturating_sub(before.0), withdrawn.saturating_sub(before.1));
        let mut text = format!("{done} of {} neighbors have all;", goals.len());
        let _ = write!(text, " {} has", address(goal.peer));
        if let Some(present) = goal.present {
            let _ = write!(text, " {} prefixes, not {present}, after", peer.present());
        }
        let _ = write!(text, " {announced} announcements");
        if goal.announced > 0 {
            let _ = write!(text, " of {}", goal.announced);
        }
        let _ = write!(text, " and {withdrawn} withdrawals");
        text
    }
}
