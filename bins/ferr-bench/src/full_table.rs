//! One peer sends a full table; it ends in the kernel and at a second peer. Then it is withdrawn.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ferr_testnet::{Net, Netns};
use ferr_types::Asn;
use serde_json::json;

use crate::dut::{Dut, Kind};
use crate::feed::{Feed, feed};
use crate::measure::{Cost, cost, kernel_prefixes, median};
use crate::speaker::Speaker;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Routes.
    #[arg(long, default_value_t = 1_000_000)]
    routes: usize,
    /// Runs of each router; they alternate.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Routers.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ferr,bird")]
    duts: Vec<Kind>,
    /// Longest wait for one step, in seconds.
    #[arg(long, default_value_t = 180)]
    limit: u64,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// One run.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// Last announcement at the monitor, seconds.
    monitor: f64,
    /// Last route in the kernel.
    kernel: f64,
    /// Cost up to then.
    cost: Cost,
    /// Last withdrawal at the monitor.
    gone_monitor: f64,
    /// Last route out of the kernel.
    gone_kernel: f64,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    let injector = Ipv4Addr::new(10, 0, 1, 2);
    let feed = feed(options.routes, Asn(65100), injector, 1);
    if !options.json {
        println!("{} routes, {} attribute sets, {} octets", options.routes, feed.sets, feed.announce.len());
    }
    let mut runs: Vec<(Kind, Vec<Run>)> = options.duts.iter().map(|k| (*k, Vec::new())).collect();
    for round in 0..options.runs {
        for (kind, results) in &mut runs {
            let result = one(*kind, &feed, options)?;
            if !options.json {
                println!(
                    "run {}: {:<5} monitor {:.2} s, kernel {:.2} s, CPU {:.2} s, peak {} MB; withdrawn: monitor {:.2} s, kernel {:.2} s",
                    round + 1,
                    kind.name(),
                    result.monitor,
                    result.kernel,
                    result.cost.cpu.as_secs_f64(),
                    result.cost.peak_kib / 1024,
                    result.gone_monitor,
                    result.gone_kernel
                );
            }
            results.push(result);
        }
    }
    report(&runs, options);
    Ok(())
}

fn one(kind: Kind, feed: &Feed, options: &Options) -> Result<Run> {
    let net = Net::new("bench")?;
    let (dut, injector, monitor) = (net.host("dut")?, net.host("injector")?, net.host("monitor")?);
    net.link(&dut, "inj", &injector, "eth0")?;
    net.link(&dut, "mon", &monitor, "eth0")?;
    dut.addr("inj", "10.0.1.1/24")?;
    injector.addr("eth0", "10.0.1.2/24")?;
    dut.addr("mon", "10.0.2.1/24")?;
    monitor.addr("eth0", "10.0.2.2/24")?;
    let mut router = Dut::start(kind, &dut)?;
    let pids = router.pids();
    let start = Instant::now();
    let far = Ipv4Addr::new(10, 0, 2, 1);
    let near = Ipv4Addr::new(10, 0, 1, 1);
    let sink = Speaker::connect(monitor.netns(), far, Asn(65200), Ipv4Addr::new(10, 0, 2, 2), start)?;
    let mut source = Speaker::connect(injector.netns(), near, Asn(65100), Ipv4Addr::new(10, 0, 1, 2), start)?;
    let before = kernel_prefixes(dut.netns());
    let mut result = Run::default();

    let begin = start.elapsed();
    source.send(&feed.announce)?;
    let wait = Wait { limit: Duration::from_secs(options.limit), kind, sink: &sink, netns: dut.netns() };
    result.kernel =
        wait.until("announced", options.routes, |s| s.counts().0, before + options.routes, start)?
            - begin.as_secs_f64();
    result.monitor = (sink.last_update() - begin).as_secs_f64();
    result.cost = cost(&pids);

    let begin = start.elapsed();
    source.send(&feed.withdraw)?;
    result.gone_kernel =
        wait.until("withdrawn", options.routes, |s| s.counts().1, before, start)? - begin.as_secs_f64();
    result.gone_monitor = (sink.last_update() - begin).as_secs_f64();
    Ok(result)
}

struct Wait<'a> {
    limit: Duration,
    kind: Kind,
    sink: &'a Speaker,
    netns: &'a Netns,
}

impl Wait<'_> {
    /// Waits for `count` prefixes at the monitor, then for `kernel` in the kernel; seconds since `start` of the latter.
    ///
    /// Counting the kernel's prefixes takes time from the router, so it begins when the monitor is done.
    fn until(
        &self,
        what: &str,
        count: usize,
        seen: fn(&Speaker) -> usize,
        kernel: usize,
        start: Instant,
    ) -> Result<f64> {
        let deadline = Instant::now() + self.limit;
        let late = |at: &str, have: usize, want: usize| {
            format!(
                "{}: {what} {have} of {want} at the {at} after {} s",
                self.kind.name(),
                self.limit.as_secs()
            )
        };
        while seen(self.sink) < count {
            if Instant::now() > deadline || self.sink.is_closed() {
                return Err(late("monitor", seen(self.sink), count).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        loop {
            let at = start.elapsed().as_secs_f64();
            let have = kernel_prefixes(self.netns);
            if have == kernel {
                return Ok(at);
            }
            if Instant::now() > deadline {
                return Err(late("kernel", have, kernel).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A figure of a run, with its name.
type Column = (&'static str, fn(&Run) -> f64);

fn report(runs: &[(Kind, Vec<Run>)], options: &Options) {
    let med = |results: &[Run], f: fn(&Run) -> f64| median(&mut results.iter().map(f).collect::<Vec<_>>());
    let columns: [Column; 6] = [
        ("monitor_s", |r| r.monitor),
        ("kernel_s", |r| r.kernel),
        ("cpu_s", |r| r.cost.cpu.as_secs_f64()),
        ("peak_mb", |r| r.cost.peak_kib as f64 / 1024.0),
        ("withdraw_monitor_s", |r| r.gone_monitor),
        ("withdraw_kernel_s", |r| r.gone_kernel),
    ];
    if options.json {
        let duts: serde_json::Map<String, serde_json::Value> = runs
            .iter()
            .map(|(kind, results)| {
                let medians: serde_json::Map<String, serde_json::Value> =
                    columns.iter().map(|(name, f)| ((*name).to_owned(), json!(med(results, *f)))).collect();
                (kind.name().to_owned(), medians.into())
            })
            .collect();
        println!("{}", json!({ "routes": options.routes, "runs": options.runs, "medians": duts }));
        return;
    }
    println!("medians of {}:", options.runs);
    for (kind, results) in runs {
        let cells: Vec<String> = columns
            .iter()
            .map(|(name, f)| {
                let own = med(results, *f);
                let ratio = runs.first().map_or(1.0, |(_, first)| own / med(first, *f).max(1e-9));
                format!("{name} {own:.2} ({ratio:.2}x)")
            })
            .collect();
        println!("{:<5} {}", kind.name(), cells.join(", "));
    }
}
