//! WireGuard tunnels between two namespaces: throughput, packet rate, latency and processor time, ours and others' in turn.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use ferr_netio::ReceiveBatch;
use ferr_testnet::{Host, Net, Process};
use ferr_wireguard::{PrivateKey, Tunnel, TunnelSpec, wg_quick};
use serde_json::json;

use crate::measure::{Cost, cost, median};

/// An implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Maker {
    /// Ours.
    Ferr,
    /// Cloudflare's, the one whose sessions ours uses.
    Boringtun,
    /// The reference in user space.
    WireguardGo,
    /// Mullvad's.
    Gotatun,
}

impl Maker {
    const fn program(self) -> &'static str {
        match self {
            Self::Ferr => "ferr",
            Self::Boringtun => "boringtun-cli",
            Self::WireguardGo => "wireguard-go",
            Self::Gotatun => "gotatun",
        }
    }
}

/// What carries the outer packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Frames {
    /// A cable that takes bursts whole, as modern network cards do.
    Offload,
    /// Every packet is a frame of its own.
    Single,
}

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Implementations; those that are not installed are left out.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ferr,boringtun,wireguard-go,gotatun")]
    makers: Vec<Maker>,
    /// Runs of each; they alternate.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// What carries the outer packets.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "offload,single")]
    frames: Vec<Frames>,
    /// Folder of programs that are not in the path.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// One JSON object per implementation instead of text.
    #[arg(long)]
    json: bool,
}

/// A tunnel in a process of its own, for the benchmark itself.
#[derive(Debug, Args)]
pub(crate) struct TunnelOptions {
    name: String,
    file: PathBuf,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One run.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Gbit/s of one stream and of four.
    one: f64,
    four: f64,
    /// Thousand packets of 200 octets per second.
    packets: f64,
    /// Median of an idle echo, in microseconds.
    echo: f64,
    /// Median of an echo beside one stream, in microseconds.
    loaded: f64,
    /// Processor time of both ends per octet of one stream, in nanoseconds.
    per_octet: f64,
}

const ADDRS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)];
const PORT: u16 = 51820;
const ECHOES: usize = 300;
/// How long the load lasts that echoes are sent beside.
const LOADED: Duration = Duration::from_secs(3);
const PACKET: usize = 200;
const CONTROL: &str = "/var/run/wireguard";

/// Runs a tunnel until it is killed.
pub(crate) fn tunnel(options: &TunnelOptions) -> Result<()> {
    let (file, errors) = wg_quick::parse(&ferr_wireguard::read_secret_file(&options.file)?);
    if let Some(error) = errors.first() {
        return Err((*error).into());
    }
    let tunnel = Tunnel::start(TunnelSpec::new(&options.name))?;
    tunnel.configure(&file.tunnel)?;
    loop {
        thread::park();
    }
}

/// Runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    for frames in &options.frames {
        let mut runs: Vec<(Maker, Vec<Run>)> = Vec::new();
        for maker in &options.makers {
            if *maker == Maker::Ferr || find(*maker, options).is_some() {
                runs.push((*maker, Vec::new()));
            } else {
                eprintln!("{} is not installed", maker.program());
            }
        }
        for _ in 0..options.rounds {
            for (maker, results) in &mut runs {
                results.push(measure(*maker, *frames, options)?);
            }
        }
        report(&runs, *frames, options.json);
    }
    Ok(())
}

fn find(maker: Maker, options: &Options) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = options.programs.iter().cloned().chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(maker.program())).find(|program| program.is_file())
}

fn report(runs: &[(Maker, Vec<Run>)], frames: Frames, as_json: bool) {
    let middle = |results: &[Run]| {
        let of = |f: fn(&Run) -> f64| median(&mut results.iter().map(f).collect::<Vec<_>>());
        Run {
            one: of(|r| r.one),
            four: of(|r| r.four),
            packets: of(|r| r.packets),
            echo: of(|r| r.echo),
            loaded: of(|r| r.loaded),
            per_octet: of(|r| r.per_octet),
        }
    };
    let base = runs.iter().find(|(maker, _)| *maker == Maker::Boringtun).map(|(_, r)| middle(r));
    for (maker, results) in runs {
        let Run { one, four, packets, echo, loaded, per_octet } = middle(results);
        if as_json {
            println!(
                "{}",
                json!({ "program": maker.program(), "frames": format!("{frames:?}").to_lowercase(), "runs": results.len(),
                    "tcp1_gbit": one, "tcp4_gbit": four, "kpackets": packets, "echo_us": echo, "loaded_echo_us": loaded, "cpu_ns_per_octet": per_octet })
            );
            continue;
        }
        println!(
            "{frames:?}: {:<14} TCP {one:5.2} Gbit/s, 4 streams {four:5.2}; 200 octets {packets:4.0} k/s; echo {echo:4.0} us, loaded {loaded:5.0}; \
             CPU {per_octet:5.2} ns per octet",
            maker.program()
        );
        if let Some(base) = base.filter(|_| *maker != Maker::Boringtun) {
            println!(
                "{:>30} x boringtun-cli: {:.1}, {:.1}; {:.1}; {:.2}, {:.2}; {:.2}",
                "",
                one / base.one,
                four / base.four,
                packets / base.packets,
                echo / base.echo,
                loaded / base.loaded,
                per_octet / base.per_octet
            );
        }
    }
}

/// Two hosts with a tunnel of one maker.
struct Bed {
    hosts: [Host; 2],
    tunnels: [Process; 2],
    _net: Net,
}

fn measure(maker: Maker, frames: Frames, options: &Options) -> Result<Run> {
    let bed = Bed::new(maker, frames, options)?;
    let end = Duration::from_secs(options.seconds);
    let mut idle = bed.echoes(ECHOES)?;
    let pids = [bed.tunnels[0].pid(), bed.tunnels[1].pid()];
    let before = cost(&pids);
    let (octets, took) = bed.streams(1, end)?;
    let used: Cost = cost(&pids);
    let four = bed.streams(4, end)?;
    let mut loaded = thread::scope(|scope| {
        let load = scope.spawn(|| bed.streams(1, LOADED).map(drop).map_err(|e| e.to_string()));
        thread::sleep(Duration::from_millis(500));
        let echoes = bed.echoes(ECHOES / 3);
        load.join().map_err(|_| "the load ended")??;
        echoes
    })?;
    let gbit = |(octets, took): (u64, Duration)| octets as f64 * 8.0 / took.as_secs_f64() / 1e9;
    Ok(Run {
        one: gbit((octets, took)),
        four: gbit(four),
        packets: bed.packets(end)? / 1e3,
        echo: median(&mut idle),
        loaded: median(&mut loaded),
        per_octet: (used.cpu - before.cpu).as_secs_f64() * 1e9 / octets as f64 / 2.0,
    })
}

impl Bed {
    /// Times of echoes, in microseconds.
    fn echoes(&self, count: usize) -> Result<Vec<f64>> {
        let mut echoes = Vec::with_capacity(count);
        for _ in 0..count {
            let took = self.hosts[0].ping(None, IpAddr::V4(ADDRS[1]), Duration::from_secs(1))?;
            echoes.push(took.as_secs_f64() * 1e6);
            thread::sleep(Duration::from_millis(5));
        }
        Ok(echoes)
    }

    fn new(maker: Maker, frames: Frames, options: &Options) -> Result<Self> {
        let net = Net::new("bench-wireguard")?;
        let hosts = [net.host("a")?, net.host("b")?];
        net.link(&hosts[0], "cable", &hosts[1], "cable")?;
        let keys = [1, 2].map(|i| PrivateKey::from_bytes([i; 32]));
        let [Some(a), Some(b)] = keys else { return Err("keys".into()) };
        let mut tunnels = Vec::new();
        for (i, host) in hosts.iter().enumerate() {
            host.addr("cable", &format!("192.0.2.{}/24", i + 1))?;
            if frames == Frames::Single {
                host.run(
                    Command::new("ethtool").args(["-K", "cable", "tx", "off", "gso", "off", "gro", "off"]),
                )?;
            }
            let (own, other) = if i == 0 { (&a, &b) } else { (&b, &a) };
            let conf = format!(
                "[Interface]\nPrivateKey = {}\nListenPort = {PORT}\n[Peer]\nPublicKey = {}\nAllowedIPs = 0.0.0.0/0\nEndpoint = \
                 192.0.2.{}:{PORT}\n",
                own.expose_base64().as_str(),
                other.public(),
                2 - i
            );
            // The folder of control sockets is common to both hosts.
            let name = format!("wb{}{}", std::process::id(), ["a", "b"][i]);
            tunnels.push(start(maker, host, &name, &conf, options)?);
            host.ip(&format!("link set {name} mtu 1420 up"))?;
            host.addr(&name, &format!("{}/24", ADDRS[i]))?;
        }
        let [first, second] = <[Process; 2]>::try_from(tunnels).map_err(|_| "two tunnels")?;
        hosts[0].ping(None, IpAddr::V4(ADDRS[1]), Duration::from_secs(20))?;
        Ok(Self { hosts, tunnels: [first, second], _net: net })
    }

    /// Octets that arrive over some TCP streams, and the time that took.
    fn streams(&self, count: usize, end: Duration) -> Result<(u64, Duration)> {
        let stop = Arc::new(AtomicBool::new(false));
        let octets = Arc::new(AtomicU64::new(0));
        let at = SocketAddr::from((ADDRS[1], 0));
        let listener = self.hosts[1].netns().enter(|| TcpListener::bind(at))??;
        let target = listener.local_addr()?;
        let mut threads = Vec::new();
        for _ in 0..count {
            let mut sender = self.hosts[0].netns().enter(|| TcpStream::connect(target))??;
            let (mut receiver, _) = listener.accept()?;
            let (counter, stopped) = (Arc::clone(&octets), Arc::clone(&stop));
            threads.push(thread::spawn(move || {
                let chunk = vec![0x5a; 128 << 10];
                while !stopped.load(Ordering::Relaxed) && sender.write_all(&chunk).is_ok() {}
            }));
            threads.push(thread::spawn(move || {
                let mut buffer = vec![0; 256 << 10];
                while let Ok(len @ 1..) = receiver.read(&mut buffer) {
                    counter.fetch_add(len as u64, Ordering::Relaxed);
                }
            }));
        }
        // Past the slow start.
        thread::sleep(Duration::from_millis(500));
        let (start, before) = (Instant::now(), octets.load(Ordering::Relaxed));
        thread::sleep(end);
        let arrived = (octets.load(Ordering::Relaxed) - before, start.elapsed());
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|t| drop(t.join()));
        Ok(arrived)
    }

    /// Packets per second that arrive when somebody sends as many as he can.
    fn packets(&self, end: Duration) -> Result<f64> {
        let receiver = self.hosts[1].netns().enter(|| UdpSocket::bind((ADDRS[1], 0)))??;
        let target = receiver.local_addr()?;
        let sender = self.hosts[0].netns().enter(|| UdpSocket::bind((ADDRS[0], 0)))??;
        sender.connect(target)?;
        receiver.set_read_timeout(Some(Duration::from_millis(100)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let source = thread::spawn(move || {
            let packet = [0x5a; PACKET];
            while !stopped.load(Ordering::Relaxed) {
                // A full queue is part of the measurement.
                let _ = sender.send(&packet);
            }
        });
        let mut batch = ReceiveBatch::new(64, 256);
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < end {
            match batch.receive(receiver.as_fd())? {
                0 => drop(receiver.peek(&mut [0])),
                some => count += some,
            }
        }
        let rate = count as f64 / start.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        drop(source.join());
        Ok(rate)
    }
}

fn start(maker: Maker, host: &Host, name: &str, conf: &str, options: &Options) -> Result<Process> {
    let file = host.file("wg.conf", conf)?;
    host.run(Command::new("chmod").arg("600").arg(&file))?;
    if maker == Maker::Ferr {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["wireguard-tunnel", name]).arg(&file);
        let process = host.start(name, command)?;
        host.wait(5, "the tunnel", || host.ip(&format!("link show {name}")).map_err(|e| e.to_string()))?;
        return Ok(process);
    }
    let mut command = Command::new(find(maker, options).ok_or("not installed")?);
    match maker {
        Maker::Boringtun | Maker::Gotatun => command.args(["-f", "--disable-drop-privileges", name]),
        Maker::WireguardGo | Maker::Ferr => command.args(["-f", name]),
    };
    let process = host.start(name, command)?;
    let socket = Path::new(CONTROL).join(format!("{name}.sock"));
    host.wait(5, "its control socket", || if socket.exists() { Ok(()) } else { Err("none".into()) })?;
    // Some make their socket before they listen to it.
    host.wait(5, "a control socket that answers", || {
        let done = host.run(Command::new("wg").args(["setconf", name]).arg(&file));
        done.map(drop).map_err(|e| e.to_string())
    })?;
    Ok(process)
}
