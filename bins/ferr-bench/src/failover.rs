//! Two providers announce the same prefixes; the path to the better one silently drops everything. How long traffic is lost, and when the
//! kernel's tables changed first and last.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ferr_testnet::probe::{self, Stream};
use ferr_testnet::rivals::{Bird, Frr};
use ferr_testnet::{Ferrd, Host, Net};
use ferr_types::{Asn, Ipv4Prefix};
use serde_json::json;

use crate::dut::{self, Kind};
use crate::feed::{Feed, feed};
use crate::kernel_watch::KernelWatch;
use crate::measure::{kernel_prefixes, median};
use crate::reflector::{Peer, Reflector};
use crate::speaker::Speaker;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Prefixes of both providers.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    routes: Vec<usize>,
    /// BFD intervals in milliseconds; the multiplier is 3.
    #[arg(long, value_delimiter = ',', default_value = "50,300")]
    interval: Vec<u64>,
    /// Runs of each router; they alternate.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Routers.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ferr,bird,frr")]
    duts: Vec<Kind>,
    /// Longest wait for one step, in seconds.
    #[arg(long, default_value_t = 180)]
    limit: u64,
    /// One JSON object per set-up instead of text.
    #[arg(long)]
    json: bool,
}

/// One run, in milliseconds since the last answered probe before the cut.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Time without an answer.
    outage: f64,
    first: f64,
    last: f64,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PROBE: Duration = Duration::from_millis(1);
/// No change for so long: the router has converged.
const QUIET: Duration = Duration::from_secs(2);
const TRIES: usize = 3;

/// Runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    for routes in &options.routes {
        let feeds = [2, 3].map(|i| feed(*routes, Asn(65100), Ipv4Addr::new(10, 0, i, 2), 1));
        for interval in &options.interval {
            let mut runs: Vec<(Kind, Vec<Run>)> = options.duts.iter().map(|k| (*k, Vec::new())).collect();
            for _ in 0..options.runs {
                for (kind, results) in &mut runs {
                    results.push(patiently(*kind, &feeds, *routes, *interval, options)?);
                }
            }
            report(&runs, *routes, *interval, options.json);
        }
    }
    Ok(())
}

fn report(runs: &[(Kind, Vec<Run>)], routes: usize, interval: u64, as_json: bool) {
    for (kind, results) in runs {
        let of = |f: fn(&Run) -> f64| median(&mut results.iter().map(f).collect::<Vec<_>>());
        let worst = results.iter().map(|r| r.outage).fold(0.0, f64::max);
        let (outage, first, last) = (of(|r| r.outage), of(|r| r.first), of(|r| r.last));
        if as_json {
            println!(
                "{}",
                json!({ "router": kind.name(), "routes": routes, "interval_ms": interval, "runs": results.len(),
                    "outage_ms": outage, "worst_outage_ms": worst, "first_change_ms": first, "last_change_ms": last })
            );
        } else {
            println!(
                "{routes:8} routes, BFD {interval} ms x 3: {:<5} outage {outage:6.0} ms (worst {worst:.0}), kernel changes: first \
                 {first:.0} ms, last {last:.0} ms",
                kind.name()
            );
        }
    }
}

/// A router under test.
enum Dut {
    Ferr { _process: Box<Ferrd> },
    Bird { _process: Box<Bird> },
    Frr { _process: Box<Frr> },
}

fn frr_conf(interval: u64) -> String {
    format!(
        "frr defaults traditional\nbfd\n profile fast\n  detect-multiplier 3\n  receive-interval {interval}\n  transmit-interval \
         {interval}\n exit\nexit\nrouter bgp 65000\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n neighbor 10.0.2.2 \
         remote-as 65100\n neighbor 10.0.2.2 passive\n neighbor 10.0.2.2 bfd profile fast\n neighbor 10.0.3.2 remote-as 65100\n \
         neighbor 10.0.3.2 passive\n neighbor 10.0.3.2 bfd profile fast\n address-family ipv4 unicast\n  neighbor 10.0.2.2 weight \
         100\n exit-address-family\nexit\n"
    )
}

fn bird_conf(interval: u64) -> String {
    format!(
        "router id 10.0.0.1;\nprotocol device {{}}\nprotocol kernel {{ ipv4 {{ import none; export all; }}; }}\nprotocol bfd {{ \
         interface \"*\" {{ min rx interval {interval} ms; min tx interval {interval} ms; multiplier 3; }}; }}\ntemplate bgp peer {{ \
         local as 65000; passive on; bfd on; }}\nprotocol bgp one from peer {{ neighbor 10.0.2.2 as 65100; ipv4 {{ import filter {{ \
         bgp_local_pref = 200; accept; }}; export none; }}; }}\nprotocol bgp two from peer {{ neighbor 10.0.3.2 as 65100; ipv4 {{ \
         import all; export none; }}; }}\n"
    )
}

impl Dut {
    fn start(kind: Kind, host: &Host, interval: u64) -> Result<Self> {
        Ok(match kind {
            Kind::Ferr => {
                Self::Ferr { _process: Box::new(Ferrd::start(host, &dut::ferrd()?, &frr_conf(interval))?) }
            }
            Kind::Bird => Self::Bird { _process: Box::new(Bird::start(host, &bird_conf(interval))?) },
            Kind::Frr => Self::Frr { _process: Box::new(Frr::start_with_bfd(host, &frr_conf(interval))?) },
        })
    }
}

/// A provider on the other side of a bridge: taking it off the bridge drops everything, and no link goes down.
struct Provider {
    host: Host,
    bridge: Host,
}

impl Provider {
    fn join(net: &Net, dut: &Host, number: u8, probed: IpAddr) -> Result<Self> {
        let (host, bridge) = (net.host(&format!("p{number}"))?, net.host(&format!("m{number}"))?);
        bridge.bridge("br0")?;
        net.link(dut, &format!("p{number}"), &bridge, "near")?;
        net.link(&bridge, "far", &host, "eth0")?;
        bridge.ip("link set near master br0")?;
        bridge.ip("link set far master br0")?;
        dut.addr(&format!("p{number}"), &format!("10.0.{number}.1/24"))?;
        host.addr("eth0", &format!("10.0.{number}.2/24"))?;
        host.addr("lo", &format!("{probed}/32"))?;
        host.ip(&format!("route add default via 10.0.{number}.1"))?;
        Ok(Self { host, bridge })
    }

    fn cut(&self) -> Result<()> {
        Ok(self.bridge.ip("link set far nomaster")?)
    }
}

/// A run; one that a router spoils beforehand by losing a session without cause is told and made again.
fn patiently(kind: Kind, feeds: &[Feed; 2], routes: usize, interval: u64, options: &Options) -> Result<Run> {
    for _ in 0..TRIES {
        match one(kind, feeds, routes, interval, options) {
            Err(error) => eprintln!("{routes} routes, {interval} ms: {}: {error}", kind.name()),
            run => return run,
        }
    }
    Err(format!("{}: no run came to its end", kind.name()).into())
}

fn one(kind: Kind, feeds: &[Feed; 2], routes: usize, interval: u64, options: &Options) -> Result<Run> {
    let net = Net::new("failover")?;
    let (dut, source) = (net.host("dut")?, net.host("src")?);
    let probed = IpAddr::V4(Ipv4Addr::from_bits(first(&feeds[0]).addr().to_bits() | 1));
    net.link(&dut, "src", &source, "eth0")?;
    dut.addr("src", "10.0.9.1/24")?;
    source.addr("eth0", "10.0.9.2/24")?;
    source.ip("route add default via 10.0.9.1")?;
    dut.sysctl("net.ipv4.ip_forward", "1")?;
    let providers = [Provider::join(&net, &dut, 2, probed)?, Provider::join(&net, &dut, 3, probed)?];
    let before = kernel_prefixes(dut.netns());
    let _dut = Dut::start(kind, &dut, interval)?;
    let deadline = Instant::now() + Duration::from_secs(options.limit);
    let mut kept = Vec::new();
    for (number, provider) in (2..).zip(&providers) {
        let [local, remote] = [2, 1].map(|host| Ipv4Addr::new(10, 0, number, host));
        let peer = Peer { local: local.into(), remote: remote.into() };
        let reflector = Reflector::start(provider.host.netns(), &[peer], Duration::from_millis(interval), 3)?;
        let connect = || Speaker::connect(provider.host.netns(), remote, Asn(65100), local);
        let mut speaker = connect()?;
        wait("BFD", deadline, || reflector.tally().up.load(Ordering::Relaxed) == 1)?;
        thread::sleep(QUIET);
        if speaker.is_closed() {
            // Some routers reset the session once when its timers are negotiated.
            speaker = connect()?;
        }
        kept.push((reflector, speaker));
    }
    for ((_, speaker), feed) in kept.iter_mut().zip(feeds) {
        speaker.send(&feed.announce)?;
    }
    wait("routes", deadline, || {
        thread::sleep(Duration::from_millis(500));
        kernel_prefixes(dut.netns()) == before + routes
    })?;
    let watch = KernelWatch::start(dut.netns())?;
    settle(&watch, deadline)?;
    if kept.iter().any(|(_, speaker)| speaker.is_closed()) {
        return Err(format!("{}: lost a session before the cut", kind.name()).into());
    }
    probe::ping(source.netns(), None, probed, Duration::from_secs(5))?;
    let stream = Stream::start(source.netns(), None, probed, PROBE)?;
    thread::sleep(Duration::from_millis(300));
    watch.arm();
    providers[0].cut()?;
    thread::sleep(Duration::from_millis(interval));
    let cut = stream.newest_answered().ok_or("no probe was answered")?;
    wait("a change of the kernel", deadline, || watch.changes().is_some())?;
    let quiet = || watch.changes().is_some_and(|(_, last)| last.elapsed() > QUIET);
    wait("an end of changes", deadline, quiet)?;
    let outage = stream.finish();
    let (first, last) = watch.changes().ok_or("no change of the kernel")?;
    let millis = |at: Instant| at.saturating_duration_since(cut).as_secs_f64() * 1e3;
    Ok(Run { outage: outage.longest_gap.as_secs_f64() * 1e3, first: millis(first), last: millis(last) })
}

fn first(feed: &Feed) -> Ipv4Prefix {
    feed.first
}

/// Waits until late changes of the start are through.
fn settle(watch: &KernelWatch, deadline: Instant) -> Result<()> {
    watch.arm();
    let begin = Instant::now();
    wait("rest", deadline, || {
        let last = watch.changes().map_or(begin, |(_, last)| last);
        last.max(begin).elapsed() > QUIET
    })?;
    watch.reset();
    Ok(())
}

fn wait(what: &str, deadline: Instant, done: impl Fn() -> bool) -> Result<()> {
    while !done() {
        if Instant::now() > deadline {
            return Err(format!("waited too long for {what}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
