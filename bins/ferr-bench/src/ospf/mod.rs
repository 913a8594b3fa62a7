//! A router at the edge of a large OSPF network: how long until it knows it, follows a change, and moves to another cable.

mod corner;
mod cut_watch;
mod network;
mod router;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ferr_testnet::probe::Stream;
use ferr_testnet::{Host, Net};
use serde_json::json;

use self::corner::Corner;
use self::cut_watch::CutWatch;
use self::network::{CABLES, Network, Second};
use self::router::Dut;
use crate::dut::Kind;
use crate::kernel_watch::KernelWatch;
use crate::measure::{cost, kernel_prefixes, median};

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Routers of the network, each with one prefix.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    routers: Vec<u32>,
    /// Runs of each router; they alternate.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Changes in a run.
    #[arg(long, default_value_t = 6)]
    changes: usize,
    /// Routers under test.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ferr,bird,frr")]
    duts: Vec<Kind>,
    /// Who is at the other end of the second cable.
    #[arg(long, value_enum, default_value = "same")]
    second: Second,
    /// Longest wait for one step, in seconds.
    #[arg(long, default_value_t = 120)]
    limit: u64,
    /// One JSON object per line instead of text.
    #[arg(long)]
    json: bool,
}

/// One run, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// From the beginning of the exchange until the kernel has all prefixes.
    load: f64,
    /// From an LSA that cuts a router off (or connects it) to the kernel's change.
    change: f64,
    /// What a full calculation took by the router's own log: trees, routes, and what it tells others of them.
    spf: Option<f64>,
    /// From the kernel's word that the cable is lost to its first and last change.
    first: f64,
    last: f64,
    /// From the kernel's word to the first probe that comes through.
    switch: f64,
    /// Time without an answer to probes.
    outage: f64,
    /// Peak memory in MB, and processor seconds.
    memory: f64,
    cpu: f64,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// No change for so long: the router has converged.
const QUIET: Duration = Duration::from_millis(2500);
/// Between two changes: more than MinLSArrival, and than the longest tick of a rival.
const BETWEEN: Duration = Duration::from_millis(1500);

/// Probes are watched for so long after a cut.
const AFTERWARDS: Duration = Duration::from_secs(1);
/// Between two probes.
const PROBE: Duration = Duration::from_micros(200);

/// Runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    for routers in &options.routers {
        let mut runs: Vec<(Kind, Vec<Run>)> = options.duts.iter().map(|k| (*k, Vec::new())).collect();
        for _ in 0..options.runs {
            for (kind, results) in &mut runs {
                results.push(once(*kind, *routers, options)?);
            }
        }
        report(&runs, *routers, options.json);
    }
    Ok(())
}

fn report(runs: &[(Kind, Vec<Run>)], routers: u32, as_json: bool) {
    for (kind, results) in runs {
        let of = |f: fn(&Run) -> f64| median(&mut results.iter().map(f).collect::<Vec<_>>());
        let (load, change, outage) = (of(|r| r.load), of(|r| r.change), of(|r| r.outage));
        let (first, last, switch) = (of(|r| r.first), of(|r| r.last), of(|r| r.switch));
        let (memory, cpu) = (of(|r| r.memory), of(|r| r.cpu));
        let mut spf: Vec<f64> = results.iter().filter_map(|r| r.spf).collect();
        let spf = (!spf.is_empty()).then(|| median(&mut spf));
        if as_json {
            println!(
                "{}",
                json!({ "router": kind.name(), "routers": routers, "runs": results.len(), "load_ms": load,
                    "change_ms": change, "full_spf_ms": spf, "cut_first_ms": first, "cut_last_ms": last, "cut_switch_ms": switch,
                    "outage_ms": outage, "memory_mb": memory, "cpu_s": cpu })
            );
        } else {
            let spf = spf.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.3} ms"));
            println!(
                "{routers:6} routers: {:<5} load {load:7.0} ms, change {change:7.1} ms, full SPF {spf}, carrier lost {first:.2} to \
                 {last:.2} ms, packets pass after {switch:.2} ms, outage {outage:.1} ms, {memory:5.0} MB, {cpu:5.2} s of processor time",
                kind.name()
            );
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The router under test, its neighbor, and a host behind it that sends probes.
struct Bed {
    dut: Host,
    ghost: Host,
    source: Host,
    _net: Net,
}

fn bed(probed: IpAddr) -> Result<Bed> {
    let net = Net::new("bench-ospf")?;
    let (dut, ghost, source) = (net.host("dut")?, net.host("ghost")?, net.host("source")?);
    for (n, (us, them)) in CABLES.iter().enumerate() {
        net.link(&dut, &format!("eth{n}"), &ghost, &format!("eth{n}"))?;
        dut.addr(&format!("eth{n}"), &format!("{us}/30"))?;
        ghost.addr(&format!("eth{n}"), &format!("{them}/30"))?;
    }
    net.link(&dut, "probes", &source, "eth0")?;
    dut.addr("probes", "10.3.0.1/30")?;
    source.addr("eth0", "10.3.0.2/30")?;
    source.ip("route add default via 10.3.0.1")?;
    ghost.addr("lo", &format!("{probed}/32"))?;
    // Answers never take the cable that is cut.
    ghost.ip(&format!("route add 10.3.0.0/30 via {}", CABLES[1].0))?;
    dut.sysctl("net.ipv4.ip_forward", "1")?;
    Ok(Bed { dut, ghost, source, _net: net })
}

fn once(kind: Kind, routers: u32, options: &Options) -> Result<Run> {
    let limit = Duration::from_secs(options.limit);
    let mut network = Network::new(routers, options.second)?;
    let (last, probed) = (network.last(), IpAddr::V4(network::host(network.last() / 2)));
    let bed = bed(probed)?;
    let mut changes = Vec::new();
    for n in 0..options.changes {
        changes.push(network.tell(last, n % 2 == 1)?);
    }
    // The exchange tells of the first instance.
    let corner = Corner::start(&bed.ghost, Network::new(routers, options.second)?)?;
    let mut router = Dut::start(kind, &bed.dut)?;
    let began = corner.began.recv_timeout(limit)?;
    let wanted = routers as usize;
    while kernel_prefixes(bed.dut.netns()) < wanted {
        if began.elapsed() > limit {
            let seen = kernel_prefixes(bed.dut.netns());
            return Err(format!("{}: {seen} of {wanted} prefixes", kind.name()).into());
        }
        thread::sleep(Duration::from_millis(2));
    }
    let mut run = Run { load: ms(began.elapsed()), ..Run::default() };
    thread::sleep(QUIET * 3);
    (run.change, run.spf) = follow(&mut router, kind, &bed, (&corner, changes), limit)?;
    thread::sleep(QUIET * 3);
    cut(kind, &bed, probed, limit, &mut run)?;
    let spent = cost(&router.pids());
    run.memory = spent.peak_kib as f64 / 1024.0;
    run.cpu = spent.cpu.as_secs_f64();
    Ok(run)
}

/// Floods one change after the other; gives the median time until the kernel's change, and what SPF takes.
fn follow(
    router: &mut Dut,
    kind: Kind,
    bed: &Bed,
    (corner, changes): (&Corner, Vec<Vec<u8>>),
    limit: Duration,
) -> Result<(f64, Option<f64>)> {
    let watch = KernelWatch::start(bed.dut.netns())?;
    let (mut latencies, mut calculations) = (Vec::new(), Vec::new());
    for lsa in changes {
        watch.reset();
        watch.arm();
        let sent = Instant::now();
        corner.flood(vec![lsa]);
        while watch.changes().is_none() {
            if sent.elapsed() > limit {
                return Err(format!("{}: a change was not followed", kind.name()).into());
            }
            thread::sleep(Duration::from_micros(200));
        }
        if let Some((first, _)) = watch.changes() {
            latencies.push(ms(first.saturating_duration_since(sent)));
        }
        thread::sleep(BETWEEN);
        calculations.extend(router.spf_time());
    }
    let spf = (!calculations.is_empty()).then(|| median(&mut calculations));
    Ok((median(&mut latencies), spf))
}

/// When probes were sent that are answered while `cut` runs and for a while after.
fn answered_during(stream: &Stream, cut: impl FnOnce() -> Result<()>) -> Result<Vec<Instant>> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut answered: Vec<Instant> = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let newest = stream.newest_answered();
                answered.extend(newest.filter(|newest| answered.last() != Some(newest)));
                thread::sleep(Duration::from_micros(50));
            }
            answered
        });
        let outcome = cut();
        thread::sleep(AFTERWARDS);
        done.store(true, Ordering::Relaxed);
        let answered = sampler.join().unwrap_or_default();
        outcome.map(|()| answered)
    })
}

/// Cuts the better cable under a stream of probes.
fn cut(kind: Kind, bed: &Bed, probed: IpAddr, limit: Duration, run: &mut Run) -> Result<()> {
    let watch = CutWatch::start(bed.dut.netns())?;
    let stream = Stream::start(bed.source.netns(), None, probed, PROBE)?;
    thread::sleep(QUIET);
    let began = Instant::now();
    let answered = answered_during(&stream, || Ok(bed.ghost.ip("link set eth0 down")?))?;
    let (lost, (first, last)) = loop {
        thread::sleep(QUIET);
        let seen = watch.seen();
        match (seen.lost, seen.changes) {
            (Some(lost), Some(changes)) if changes.1.elapsed() >= QUIET => break (lost, changes),
            _ if began.elapsed() > limit => return Err(format!("{}: no end of changes", kind.name()).into()),
            _ => {}
        }
    };
    let report = stream.finish();
    if report.answered == 0 {
        return Err(format!("{}: no probe was answered", kind.name()).into());
    }
    run.first = ms(first.saturating_duration_since(lost));
    run.last = ms(last.saturating_duration_since(lost));
    run.outage = ms(report.longest_gap);
    // The kernel takes a while from the end of the cable to the loss of the carrier.
    let back = answered.into_iter().filter(|sent| *sent > lost).min();
    run.switch = back.map_or(f64::NAN, |sent| ms(sent - lost));
    Ok(())
}
