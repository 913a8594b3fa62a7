//! Two providers with the same routes: the better one dies without a word, and traffic is on the other at once.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ferr_interop::bfd::{bfd_conf, changes, neighbor, wait_change};
use ferr_testnet::rivals::{Bird, Rival, ready};
use ferr_testnet::{Capture, Error, Ferrd, Host, Net, Requirement, check, skipped};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Routes of each family.
const ROUTES: u32 = 5_000;
/// 50 ms x 3.
const DETECTION: Duration = Duration::from_millis(150);
/// What a busy machine may add. Without BFD it takes BGP's hold time, four minutes.
const MARGIN: Duration = Duration::from_secs(3);
/// Way of the better provider, and of the other.
const BETTER: &str = "eth1";
const OTHER: &str = "eth2";
/// Addresses of the better provider.
const PEERS: [&str; 2] = ["192.0.2.2", "2001:db8:12::2"];

fn prefix(v6: bool, n: u32) -> String {
    if v6 { format!("2001:db9:{n:x}::/48") } else { format!("10.{}.{}.0/24", n / 256, n % 256) }
}

/// An address of a route: the first, the last, and some between.
fn samples() -> Vec<String> {
    let inside = |v6, n| prefix(v6, n).replace("::/48", "::1").replace(".0/24", ".1");
    [false, true].into_iter().flat_map(|v6| [0, 1_234, 4_321, ROUTES - 1].map(|n| inside(v6, n))).collect()
}

fn our_conf() -> String {
    let mut text = "route-map BETTER permit 10\n set local-preference 200\nexit\nrouter bgp 65001\n \
                    bgp router-id 10.255.0.1\n no bgp ebgp-requires-policy\n"
        .to_owned();
    let neighbors = [(PEERS[0], 2), ("198.51.100.2", 3), (PEERS[1], 2), ("2001:db8:13::2", 3)];
    for (addr, last) in neighbors {
        for line in [&format!("remote-as 6500{last}"), "timers connect 1", "bfd 3 50 50"] {
            text.push_str(&format!(" neighbor {addr} {line}\n"));
        }
    }
    for (family, mine, foreign) in [("ipv4", [0, 1], [2, 3]), ("ipv6", [2, 3], [0, 1])] {
        text.push_str(&format!(" address-family {family} unicast\n"));
        text.push_str(&format!("  neighbor {} activate\n", neighbors[mine[0]].0));
        text.push_str(&format!("  neighbor {} activate\n", neighbors[mine[1]].0));
        text.push_str(&format!("  neighbor {} route-map BETTER in\n", neighbors[mine[0]].0));
        if family == "ipv4" {
            foreign
                .iter()
                .for_each(|at| text.push_str(&format!("  no neighbor {} activate\n", neighbors[*at].0)));
        }
        text.push_str(" exit-address-family\n");
    }
    bfd_conf("", &(text + "exit\n"))
}

fn provider_conf(asn: u32, v4: [&str; 2], v6: [&str; 2]) -> String {
    let mut text = format!(
        "router id {};\nprotocol device {{}}\nprotocol bfd {{ interface \"*\" {{ interval 50 ms; \
         idle tx interval 300 ms; multiplier 3; }}; }}\n",
        v4[0]
    );
    for (name, [own, us], family) in [("four", v4, "ipv4"), ("six", v6, "ipv6")] {
        text.push_str(&format!(
            "protocol bgp {name} {{ local {own} as {asn}; neighbor {us} as 65001; hold time 240; bfd on;\n  \
             connect delay time 1; connect retry time 1; error wait time 1, 2;\n  \
             {family} {{ import all; export where source = RTS_STATIC; }}; }}\n\
             protocol static static_{name} {{ {family};\n"
        ));
        for n in 0..ROUTES {
            text.push_str(&format!("  route {} blackhole;\n", prefix(family == "ipv6", n)));
        }
        text.push_str("}\n");
    }
    text
}

/// Interface by which the kernel reaches an address.
fn way(us: &Host, addr: &str) -> Result<String, String> {
    let text = us.run(Command::new("ip").args(["-j", "route", "get", addr])).map_err(|e| e.to_string())?;
    let answer: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    answer[0]["dev"].as_str().map(str::to_owned).ok_or(text)
}

/// Waits until all samples leave by `interface`; gives the time that it took.
fn wait_way(us: &Host, interface: &str) -> Result<Duration, Error> {
    let start = Instant::now();
    let samples = samples();
    us.wait(60, format!("traffic to leave by {interface}"), || {
        for sample in &samples {
            let seen = way(us, sample)?;
            if seen != interface {
                return Err(format!("{sample} by {seen}"));
            }
        }
        Ok(start.elapsed())
    })
}

fn count(us: &Host, v6: bool) -> Result<usize, String> {
    let routes = us.routes(v6).map_err(|e| e.to_string())?;
    Ok(routes.iter().filter(|r| matches!(r.protocol.as_str(), "bgp" | "186")).count())
}

struct Site {
    us: Host,
    better: Host,
    ferrd: Ferrd,
    birds: [Bird; 2],
    capture: Capture,
    _net: Net,
}

fn site() -> Result<Option<Site>, Error> {
    let programs = ["tcpdump", "tshark", "tc"].map(Requirement::Program);
    let program = match check(&programs).and_then(|()| ready(&[Rival::Bird])) {
        Ok(program) => program,
        Err(reason) => {
            skipped(&reason);
            return Ok(None);
        }
    };
    let net = Net::new("failover")?;
    let (us, better, other) = (net.host("us")?, net.host("better")?, net.host("other")?);
    for (host, interface, v4, v6) in
        [(&better, BETTER, "192.0.2", "2001:db8:12::"), (&other, OTHER, "198.51.100", "2001:db8:13::")]
    {
        net.link(&us, interface, host, "eth0")?;
        us.addr(interface, &format!("{v4}.1/24"))?;
        us.addr(interface, &format!("{v6}1/64"))?;
        host.addr("eth0", &format!("{v4}.2/24"))?;
        host.addr("eth0", &format!("{v6}2/64"))?;
    }
    let capture = Capture::start(&us)?;
    let ferrd = Ferrd::start(&us, &program, &our_conf())?;
    let birds = [
        Bird::start(&better, &provider_conf(65002, [PEERS[0], "192.0.2.1"], [PEERS[1], "2001:db8:12::1"]))?,
        Bird::start(
            &other,
            &provider_conf(65003, ["198.51.100.2", "198.51.100.1"], ["2001:db8:13::2", "2001:db8:13::1"]),
        )?,
    ];
    let mut site = Site { us, better, ferrd, birds, capture, _net: net };
    for peer in [PEERS[0], PEERS[1], "198.51.100.2", "2001:db8:13::2"] {
        wait_change(&mut site.ferrd, peer, "up", 1)?;
    }
    site.settled()?;
    Ok(Some(site))
}

impl Site {
    /// Waits until all routes are there, by both providers, and in use by the better one.
    fn settled(&self) -> Result<(), Error> {
        for v6 in [false, true] {
            self.us.wait(60, "all routes in the kernel", || match count(&self.us, v6)? {
                seen if seen == ROUTES as usize => Ok(()),
                seen => Err(format!("{seen}")),
            })?;
            for n in [0, ROUTES - 1] {
                let family = if v6 { "ipv6" } else { "ipv4" };
                let command = format!("show bgp {family} unicast {} json", prefix(v6, n));
                self.us.wait(60, "two paths", || {
                    let seen = self.ferrd.bgp_json(&command).map_err(|e| e.to_string())?;
                    let paths = seen["paths"].as_array().map_or(0, Vec::len);
                    if paths == 2 { Ok(()) } else { Err(format!("{paths} paths")) }
                })?;
            }
        }
        wait_way(&self.us, BETTER).map(drop)
    }

    /// Lets the better provider die by `kill`, and looks that everything leaves by the other.
    fn dies(&mut self, kill: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        let start = Instant::now();
        kill(self)?;
        wait_way(&self.us, OTHER)?;
        let took = start.elapsed();
        assert!(took < DETECTION + MARGIN, "{took:?}");
        for peer in PEERS {
            self.us.wait(20, format!("BGP with {peer} to be reset"), || {
                let (state, _, reason) = neighbor(&self.ferrd, peer).map_err(|e| e.to_string())?;
                let reset = state != "Established" && reason == "BFD down received";
                if reset { Ok(()) } else { Err(format!("{state}, {reason}")) }
            })?;
        }
        // Nothing was lost on the way.
        for v6 in [false, true] {
            assert_eq!(count(&self.us, v6).unwrap(), ROUTES as usize);
        }
        wait_way(&self.us, OTHER).map(drop)
    }

    /// Lets it live again by `revive`; gives the time from BFD being up to the return of traffic.
    fn comes_back(&mut self, revive: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<Duration, Error> {
        let ups = PEERS.map(|peer| changes(&mut self.ferrd, peer, "up"));
        revive(self)?;
        let first = wait_change(&mut self.ferrd, PEERS[0], "up", ups[0] + 1)?;
        let second = wait_change(&mut self.ferrd, PEERS[1], "up", ups[1] + 1)?;
        wait_way(&self.us, BETTER)?;
        let took = first.max(second).elapsed();
        self.settled()?;
        Ok(took)
    }
}

#[test]
fn the_other_provider_takes_over_within_the_detection_time() -> Result<(), Error> {
    let Some(mut site) = site()? else { return Ok(()) };
    // The process stops, the link stays up.
    site.dies(|site| {
        site.birds[0].process().signal(Signal::SIGSTOP);
        Ok(())
    })?;
    let first = site.comes_back(|site| {
        site.birds[0].process().signal(Signal::SIGCONT);
        Ok(())
    })?;
    assert!(first > Duration::from_millis(500), "not damped: {first:?}");
    // All packets are lost, in both directions.
    site.dies(|site| {
        site.us.black_hole(BETTER)?;
        site.better.black_hole("eth0")
    })?;
    let second = site.comes_back(|site| {
        site.us.heal(BETTER)?;
        site.better.heal("eth0")
    })?;
    // It failed before, not long ago.
    assert!(second > Duration::from_millis(1_500), "not damped: {second:?}");
    // And it stays so.
    let mut downs = || PEERS.map(|peer| changes(&mut site.ferrd, peer, "down"));
    let before = downs();
    thread::sleep(Duration::from_secs(1));
    assert_eq!(downs(), before);
    wait_way(&site.us, BETTER)?;
    let Site { mut ferrd, capture, .. } = site;
    ferrd.process().stop();
    let sent = capture.finish()?;
    assert!(sent.faults.is_empty() && sent.bfd.single_hop > 0, "{sent:?}");
    Ok(())
}
