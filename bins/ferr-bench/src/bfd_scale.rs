//! Many BFD sessions against one reflector: how long they take to come up, how many fail without cause, and what they cost; with a
//! full table that comes and goes beside them, if wanted.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ferr_testnet::rivals::{Bird, Frr};
use ferr_testnet::{Ferrd, Host, Net};
use ferr_types::Asn;
use serde_json::json;

use crate::dut::{self, Dut, Kind};
use crate::feed::feed;
use crate::measure::cost;
use crate::reflector::{Peer, Reflector};
use crate::speaker::Speaker;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Sessions.
    #[arg(long, default_value_t = 1000)]
    sessions: u32,
    /// Interval in milliseconds; the multiplier is 3.
    #[arg(long, default_value_t = 50)]
    interval: u64,
    /// How long to watch, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Routes of a table that is announced and withdrawn again and again meanwhile; 0 is none.
    #[arg(long, default_value_t = 0)]
    routes: usize,
    /// Routers, one after the other.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ferr,bird,frr")]
    duts: Vec<Kind>,
    /// Longest wait for all sessions, in seconds.
    #[arg(long, default_value_t = 120)]
    limit: u64,
    /// One JSON object per router instead of text.
    #[arg(long)]
    json: bool,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What one router reached.
struct Outcome {
    up: usize,
    seconds_to_up: f64,
    /// Sessions that failed while watched.
    downs: u64,
    /// Processor time per second of watching, in percent of one core.
    cpu: f64,
    rss_mb: u64,
    /// Times that the table came and went.
    rounds: u64,
    /// The witness' worst gap.
    gap: Duration,
}

/// Runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    for kind in &options.duts {
        let o = one(*kind, options)?;
        if options.json {
            println!(
                "{}",
                json!({ "router": kind.name(), "sessions": options.sessions, "interval_ms": options.interval,
                    "seconds": options.seconds, "up": o.up, "seconds_to_up": o.seconds_to_up, "false_downs": o.downs,
                    "cpu_percent": o.cpu, "rss_mb": o.rss_mb, "table_rounds": o.rounds,
                    "witness_gap_ms": o.gap.as_secs_f64() * 1e3 })
            );
        } else {
            println!(
                "{:<5} {} of {} sessions at {} ms x 3 up after {:.1} s; in {} s {} went down, CPU {:.0} %, {} MB; table rounds {}, \
                 witness's worst gap {:.1} ms",
                kind.name(),
                o.up,
                options.sessions,
                options.interval,
                o.seconds_to_up,
                options.seconds,
                o.downs,
                o.cpu,
                o.rss_mb,
                o.rounds,
                o.gap.as_secs_f64() * 1e3
            );
        }
    }
    Ok(())
}

/// The ARP table has room for a thousand neighbors that have to be asked, and the limit is the whole machine's: these need not be asked.
fn know_all(dut: &Host, far: &Host, sessions: u32) -> Result<()> {
    let text = far.run(std::process::Command::new("ip").args(["-j", "link", "show", "dev", "eth0"]))?;
    let links: serde_json::Value = serde_json::from_str(&text)?;
    let mac = links[0]["address"].as_str().ok_or("the far link has no address")?;
    let batch: String = (0..sessions)
        .map(|i| format!("neigh add {} lladdr {mac} dev bfd nud permanent\n", peer(i)))
        .collect();
    let path = dut.file("neighbors", &batch)?;
    dut.run(std::process::Command::new("ip").arg("-batch").arg(path))?;
    Ok(())
}

/// Address of the peer of a session.
fn peer(i: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a40_0100 + i)
}

const OURS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);

fn start(kind: Kind, host: &Host, options: &Options) -> Result<Dut> {
    let (n, ms) = (options.sessions, options.interval);
    let bgp = "router bgp 65000\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n neighbor 10.0.1.2 remote-as 65100\n \
         neighbor 10.0.1.2 passive\nexit\n";
    let mut frr = format!(
        "frr defaults traditional\n{bgp}bfd\n profile fast\n  detect-multiplier 3\n  receive-interval {ms}\n  transmit-interval \
         {ms}\n exit\n"
    );
    for i in 0..n {
        let _ = write!(frr, " peer {}\n  profile fast\n exit\n", peer(i));
    }
    frr.push_str("exit\n");
    Ok(match kind {
        Kind::Ferr => Dut::Ferr(Box::new(Ferrd::start(host, &dut::ferrd()?, &frr)?)),
        Kind::Frr => Dut::Frr(Box::new(Frr::start_with_bfd(host, &frr)?)),
        Kind::Bird => {
            let mut conf = format!(
                "router id 10.0.0.1;\nprotocol device {{}}\nprotocol kernel {{ ipv4 {{ import none; export all; }}; }}\nprotocol bgp \
                 injector {{ local as 65000; passive on; neighbor 10.0.1.2 as 65100; ipv4 {{ import all; export none; }}; }}\nprotocol \
                 bfd {{ interface \"*\" {{ min rx interval {ms} ms; min tx interval {ms} ms; multiplier 3; }};\n"
            );
            for i in 0..n {
                let _ = writeln!(conf, "neighbor {} dev \"bfd\";", peer(i));
            }
            conf.push_str("}\n");
            Dut::Bird(Box::new(Bird::start(host, &conf)?))
        }
    })
}

fn one(kind: Kind, options: &Options) -> Result<Outcome> {
    let net = Net::new("bfdscale")?;
    let (dut, far, injector) = (net.host("dut")?, net.host("far")?, net.host("injector")?);
    net.link(&dut, "bfd", &far, "eth0")?;
    net.link(&dut, "inj", &injector, "eth0")?;
    dut.addr("bfd", &format!("{OURS}/10"))?;
    dut.addr("inj", "10.0.1.1/24")?;
    injector.addr("eth0", "10.0.1.2/24")?;
    let batch: String =
        (0..options.sessions).map(|i| format!("addr add {}/10 dev eth0\n", peer(i))).collect();
    let path = far.file("addresses", &batch)?;
    far.run(std::process::Command::new("ip").arg("-batch").arg(path))?;
    know_all(&dut, &far, options.sessions)?;

    let peers: Vec<Peer> = (0..options.sessions)
        .map(|i| Peer { local: IpAddr::V4(peer(i)), remote: IpAddr::V4(OURS) })
        .collect();
    let interval = Duration::from_millis(options.interval);
    let reflector = Reflector::start(far.netns(), &peers, interval, 3)?;
    let begin = Instant::now();
    let mut router = start(kind, &dut, options)?;
    let up = || reflector.tally().up.load(Ordering::Relaxed);
    while up() < peers.len() && begin.elapsed() < Duration::from_secs(options.limit) {
        thread::sleep(Duration::from_millis(50));
    }
    let seconds_to_up = begin.elapsed().as_secs_f64();
    let reached = up();
    // Slow start and the negotiation of timers are over then.
    thread::sleep(Duration::from_secs(5));

    let table = (options.routes > 0).then(|| feed(options.routes, Asn(65100), Ipv4Addr::new(10, 0, 1, 2), 1));
    let mut source = match &table {
        Some(_) => {
            let id = Ipv4Addr::new(10, 0, 1, 2);
            Some(Speaker::connect(injector.netns(), Ipv4Addr::new(10, 0, 1, 1), Asn(65100), id)?)
        }
        None => None,
    };
    let pids = router.pids();
    let witness = Witness::start();
    let (downs, before, watched) =
        (reflector.tally().downs.load(Ordering::Relaxed), cost(&pids), Instant::now());
    let end = watched + Duration::from_secs(options.seconds);
    let mut rounds = 0;
    while Instant::now() < end {
        if let (Some(source), Some(table)) = (&mut source, &table) {
            source.send(&table.announce)?;
            source.send(&table.withdraw)?;
            rounds += 1;
        } else {
            thread::sleep(Duration::from_millis(200));
        }
    }
    let after = cost(&pids);
    Ok(Outcome {
        up: reached,
        seconds_to_up,
        downs: reflector.tally().downs.load(Ordering::Relaxed) - downs,
        cpu: (after.cpu.saturating_sub(before.cpu)).as_secs_f64() / watched.elapsed().as_secs_f64() * 100.0,
        rss_mb: after.peak_kib / 1024,
        rounds,
        gap: witness.stop(),
    })
}

/// A thread of the priority of a BFD thread that does nothing but wake up: what it sees is the machine's doing.
struct Witness {
    stop: Arc<AtomicBool>,
    worst: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Witness {
    fn start() -> Self {
        let (stop, worst) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, seen) = (stop.clone(), worst.clone());
        let thread = thread::spawn(move || {
            let _ = ferr_netio::run_in_real_time(50);
            let mut last = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
                let gap = last.elapsed();
                seen.fetch_max(u64::try_from(gap.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
                last = Instant::now();
            }
        });
        Self { stop, worst, thread }
    }

    fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        Duration::from_micros(self.worst.load(Ordering::Relaxed))
    }
}
