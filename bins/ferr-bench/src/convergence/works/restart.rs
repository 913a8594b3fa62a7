//! `restart`: killed and started again with the kernel full. Packets through it are counted meanwhile.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ferr_testnet::Host;
use ferr_testnet::probe::Stream;
use ferr_types::Prefix;

use super::table::{plan, watches};
use super::{FEED, Setting, Steps};
use crate::convergence::fib::{Sample, Until};
use crate::convergence::nlri::expected;
use crate::convergence::outcome::{Metric, Outcome};
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer};
use crate::convergence::table::{Table, end_of_rib};
use crate::convergence::usage::process_cpu;

/// Long enough for routers that leave an earlier run's routes in place for a while.
const LIMIT: Duration = Duration::from_secs(120);
/// Time between packets.
const PROBE: Duration = Duration::from_millis(1);

/// A host behind the router, and an address in front of it that a route leads to.
fn probe(rig: &Rig, prefix: Prefix) -> Result<(Host, Stream)> {
    let inside = rig.host("inside", "in")?;
    rig.dut.addr("in", "10.2.0.1/24")?;
    inside.addr("eth0", "10.2.0.2/24")?;
    inside.ip("route add default via 10.2.0.1")?;
    rig.dut.sysctl("net.ipv4.ip_forward", "1")?;
    rig.outside.ip("route add 10.2.0.0/24 via 10.1.0.1")?;
    let target = match prefix {
        Prefix::V4(p) => std::net::Ipv4Addr::from_bits(p.addr().to_bits() + 1),
        Prefix::V6(_) => return Err("no IPv4 route to probe".into()),
    };
    rig.outside.ip(&format!("addr add {target}/32 dev lo"))?;
    inside.ping(None, target.into(), Duration::from_secs(5))?;
    let stream = Stream::start(inside.netns(), None, target.into(), PROBE)?;
    Ok((inside, stream))
}

pub(super) fn run(setting: &Setting, steps: &mut Steps) -> Result<()> {
    let kind = steps.kind;
    if !kind.has_fib() || !steps.begin("restart") {
        return Ok(());
    }
    // A fiftieth of the table is gone after the restart, and another fiftieth is new.
    let parts = setting.table.split(50);
    let table = |range: std::ops::Range<usize>| Table::joined(&parts[range]);
    let (before, after) = (table(0..49), table(1..50));
    // As long as the routes that are gone stay, they hide what they cover.
    let gone: HashSet<Prefix> = parts[0].prefixes.iter().copied().collect();
    let hidden: HashSet<IpAddr> = gone.iter().map(|p| p.addr()).collect();
    let covered =
        |p: &Prefix| (0..p.len()).any(|len| Prefix::new(p.addr(), len).is_some_and(|c| gone.contains(&c)));
    let seen = |p: &Prefix| !hidden.contains(&p.addr()) && (matches!(p, Prefix::V4(_)) || !covered(p));
    let (old, new) = (Sample::new(&before.prefixes), Arc::new(Sample::among(&after.prefixes, seen)));
    let encode = |table: &Table| Arc::new(table.encode(&announcer(0, FEED)).announce);
    let (first, second) = (encode(&before), encode(&after));
    let mut plan = plan(new.total.v6 > 0);
    plan.graceful = true;
    let mut rig = Rig::start(setting, kind, &plan, watches())?;
    let goals = |present, sample: &Arc<Sample>| Goals {
        peers: vec![Goal { peer: 1, present: Some(present), ..Goal::default() }],
        fib: Some(FibGoal { sample: Arc::clone(sample), until: Until::Present, total: sample.total }),
        settle: false,
        limit: setting.limit.max(LIMIT),
    };
    let old = Arc::new(old);
    // A router that restarts waits until all its neighbors have said all.
    let nothing = end_of_rib(new.total.v6 > 0);
    rig.peers[1].send_now(&nothing)?;
    rig.phase(&goals(expected(&before.prefixes), &old), |rig| rig.send(0, first))?;
    let prefix = parts[25].prefixes.iter().find(|p| matches!(p, Prefix::V4(_))).copied();
    let (_inside, stream) = probe(&rig, prefix.ok_or("no IPv4 route to probe")?)?;
    rig.count_base(old.total);
    let phase = rig.phase(&goals(expected(&after.prefixes), &new), |rig| {
        rig.router.crash(&mut || ())?;
        rig.connect_all()?;
        rig.peers[1].send_now(&nothing)?;
        rig.send(0, second)
    })?;
    std::thread::sleep(Duration::from_millis(200));
    let report = stream.finish();
    let lost = f64::from(report.sent.saturating_sub(report.answered));
    let outage = report.longest_gap.saturating_sub(PROBE).as_secs_f64() * 1e3;
    let cpu: Duration = rig.router.pids().into_iter().map(process_cpu).sum();
    let figures = [
        (Metric::Outage, if lost > 0.0 { outage } else { 0.0 }),
        (Metric::Lost, lost),
        (Metric::Cpu, cpu.as_secs_f64()),
    ];
    // What is right counts first; what an earlier run left over is another matter.
    let times = [(Metric::Kernel, phase.sampled), (Metric::Swept, phase.kernel)];
    let times: Vec<_> = times.into_iter().filter_map(|(metric, s)| Some((metric, s?))).collect();
    let outcome = Outcome::of("restart", kind, new.total.sum(), phase)
        .with(figures.into_iter().chain(times))
        .ran_with(&rig);
    steps.done(outcome);
    Ok(())
}
