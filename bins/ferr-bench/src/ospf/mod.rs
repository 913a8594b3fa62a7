//! A router at the edge of a large OSPF network: how long until it knows it, follows a change, and moves to another cable.

mod corner;
mod network;

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ferr_testnet::rivals::{Bird, Frr};
use ferr_testnet::{Ferrd, FerrdProgram, Host, Net};
use serde_json::json;

use self::corner::Corner;
use self::network::{CABLES, Network};
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
    /// From the loss of a cable until the kernel's first and last change.
    first: f64,
    cut: f64,
    /// Peak memory in MB, and processor seconds.
    memory: f64,
    cpu: f64,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// No change for so long: the router has converged.
const QUIET: Duration = Duration::from_millis(2500);
/// Between two changes: more than MinLSArrival, and than the longest tick of a rival.
const BETWEEN: Duration = Duration::from_millis(1500);

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
        let (load, change, cut) = (of(|r| r.load), of(|r| r.change), of(|r| r.cut));
        let first = of(|r| r.first);
        let (memory, cpu) = (of(|r| r.memory), of(|r| r.cpu));
        if as_json {
            println!(
                "{}",
                json!({ "router": kind.name(), "routers": routers, "runs": results.len(), "load_ms": load,
                    "change_ms": change, "cut_first_ms": first, "cut_ms": cut, "memory_mb": memory, "cpu_s": cpu })
            );
        } else {
            println!(
                "{routers:6} routers: {:<5} load {load:7.0} ms, change {change:7.1} ms, cable cut {first:.1} to {cut:.1} ms, \
                 {memory:5.0} MB, {cpu:5.2} s of processor time",
                kind.name()
            );
        }
    }
}

fn frr_conf() -> String {
    let link = |n: usize, cost: u8| {
        format!(
            "interface eth{n}\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n \
             ip ospf dead-interval 4\n ip ospf cost {cost}\nexit\n"
        )
    };
    // The shortest delays that it takes without giving up on storms.
    let router = "router ospf\n ospf router-id 10.0.0.1\n timers throttle spf 0 50 500\nexit\n";
    format!("frr defaults traditional\n{}{}{router}", link(0, 10), link(1, 20))
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

/// A router under test.
enum Dut {
    Ferr(Box<Ferrd>),
    Bird(Box<Bird>),
    Frr(Box<Frr>),
}

impl Dut {
    fn start(kind: Kind, host: &Host) -> Result<Self> {
        Ok(match kind {
            Kind::Ferr => Self::Ferr(Box::new(Ferrd::start(host, &FerrdProgram::locate()?, &frr_conf())?)),
            Kind::Bird => Self::Bird(Box::new(Bird::start(host, &bird_conf())?)),
            Kind::Frr => Self::Frr(Box::new(Frr::start_with_ospf(host, &frr_conf())?)),
        })
    }

    fn pids(&mut self) -> Vec<u32> {
        match self {
            Self::Ferr(d) => vec![d.process().pid()],
            Self::Bird(d) => vec![d.process().pid()],
            Self::Frr(d) => d.processes().iter().map(|p| p.pid()).collect(),
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn once(kind: Kind, routers: u32, options: &Options) -> Result<Run> {
    let net = Net::new("bench-ospf")?;
    let (dut, ghost) = (net.host("dut")?, net.host("ghost")?);
    for (n, (us, them)) in CABLES.iter().enumerate() {
        net.link(&dut, &format!("eth{n}"), &ghost, &format!("eth{n}"))?;
        dut.addr(&format!("eth{n}"), &format!("{us}/30"))?;
        ghost.addr(&format!("eth{n}"), &format!("{them}/30"))?;
    }
    dut.sysctl("net.ipv4.ip_forward", "1")?;
    let limit = Duration::from_secs(options.limit);
    let mut network = Network::new(routers)?;
    let last = network.last();
    let without = network.tell(last, false)?;
    let mut changes = vec![without];
    for n in 1..options.changes {
        changes.push(network.tell(last, n % 2 == 1)?);
    }
    // The exchange tells of the first instance.
    let corner = Corner::start(&ghost, Network::new(routers)?)?;
    let mut router = Dut::start(kind, &dut)?;
    let began = corner.began.recv_timeout(limit)?;
    let wanted = routers as usize;
    while kernel_prefixes(dut.netns()) < wanted {
        if began.elapsed() > limit {
            return Err(
                format!("{}: {} of {wanted} prefixes", kind.name(), kernel_prefixes(dut.netns())).into()
            );
        }
        thread::sleep(Duration::from_millis(2));
    }
    let mut run = Run { load: ms(began.elapsed()), ..Run::default() };
    thread::sleep(QUIET * 3);
    let watch = KernelWatch::start(dut.netns())?;
    let mut latencies = Vec::new();
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
    }
    run.change = median(&mut latencies);
    thread::sleep(QUIET * 3);
    watch.reset();
    watch.arm();
    let cut = Instant::now();
    ghost.ip("link set eth0 down")?;
    let end = loop {
        thread::sleep(QUIET);
        match watch.changes() {
            Some((first, last)) if last.elapsed() >= QUIET => break (first, last),
            _ if cut.elapsed() > limit => return Err(format!("{}: no end of changes", kind.name()).into()),
            _ => {}
        }
    };
    run.first = ms(end.0.saturating_duration_since(cut));
    run.cut = ms(end.1.saturating_duration_since(cut));
    let spent = cost(&router.pids());
    run.memory = spent.peak_kib as f64 / 1024.0;
    run.cpu = spent.cpu.as_secs_f64();
    Ok(run)
}
