//! What the lab found, for people and for programs.

use std::fmt::Write;

use ferr_testnet::KernelRoute;
use serde::Serialize;
use serde_json::Value;

use super::steps::Step;

/// Kernel routes by BGP that are listed for a router; the rest is counted.
const LISTED: usize = 6;

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) version: &'static str,
    pub(crate) topology: String,
    pub(crate) daemon: &'static str,
    /// Name of the transit peer's daemon.
    pub(crate) transit: String,
    /// The daemons made WireGuard tunnels; else they were cables.
    pub(crate) tunnels: bool,
    /// VRF that all but the underlay is in; none where the kernel has no VRFs.
    pub(crate) vrf: Option<&'static str>,
    pub(crate) routers: Vec<RouterReport>,
    pub(crate) pings: Vec<PingReport>,
    /// Prefixes that should have stayed inside and did not, as `router: prefix`.
    pub(crate) leaked: Vec<String>,
    /// The link's packets are lost, and its carrier stays; only where BFD watches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) silent_cut: Option<CutReport>,
    /// The link goes down.
    pub(crate) cut: CutReport,
    /// With `--dissect`: what Wireshark's dissectors say of what each router sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dissected: Vec<DissectReport>,
    pub(crate) steps: Vec<Step>,
    /// With `--keep`: command lines to look around.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) look_around: Vec<String>,
}

/// One router.
#[derive(Debug, Serialize)]
pub(crate) struct RouterReport {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) summary_text: String,
    pub(crate) bgp_summary: Value,
    pub(crate) kernel_routes: usize,
    pub(crate) kernel_bgp_routes: usize,
    pub(crate) routes: Vec<String>,
    /// Most memory of the daemon so far.
    pub(crate) peak_memory_kib: Option<u64>,
}

/// What one router sent.
#[derive(Debug, Serialize)]
pub(crate) struct DissectReport {
    pub(crate) router: String,
    /// BGP messages.
    pub(crate) messages: usize,
    /// BFD packets.
    pub(crate) bfd: usize,
    /// Malformed packets, one line each.
    pub(crate) faults: Vec<String>,
}

/// One end-to-end ping.
#[derive(Debug, Serialize)]
pub(crate) struct PingReport {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) milliseconds: f64,
}

/// The cut.
#[derive(Debug, Serialize)]
pub(crate) struct CutReport {
    pub(crate) link: String,
    /// Time without traffic; none when it did not come back.
    pub(crate) outage_milliseconds: Option<f64>,
    pub(crate) probes_sent: u32,
    pub(crate) probes_lost: u32,
    /// The router's kernel route to the watched address, before and after.
    pub(crate) before: String,
    pub(crate) after: String,
    /// Whether the BGP sessions between the sites outlived it.
    pub(crate) sessions_kept: bool,
}

/// A route on one line, as `ip route` writes it.
pub(crate) fn route_line(route: &KernelRoute) -> String {
    let mut line = String::new();
    if route.kind != "unicast" {
        let _ = write!(line, "{} ", route.kind);
    }
    line.push_str(&route.destination);
    for index in 0..route.gateways.len().max(route.interfaces.len()) {
        if let Some(gateway) = route.gateways.get(index) {
            let _ = write!(line, " via {gateway}");
        }
        if let Some(interface) = route.interfaces.get(index) {
            let _ = write!(line, " dev {interface}");
        }
    }
    let _ = write!(line, " proto {}", route.protocol);
    if route.metric != 0 {
        let _ = write!(line, " metric {}", route.metric);
    }
    line
}

/// Whether a daemon made the route by BGP (the number is what `ip` prints where no name is known).
pub(crate) fn is_bgp(route: &KernelRoute) -> bool {
    matches!(route.protocol.as_str(), "bgp" | "186")
}

/// Whether a daemon learnt the route, by BGP or by OSPF.
pub(crate) fn is_learnt(route: &KernelRoute) -> bool {
    is_bgp(route) || matches!(route.protocol.as_str(), "ospf" | "188" | "bird" | "12")
}

/// All that is not by BGP, and the first that are; routes that `first` names come before others.
pub(crate) fn route_lines(routes: &[KernelRoute], first: &[String]) -> Vec<String> {
    let own = routes.iter().filter(|r| !is_bgp(r));
    let named = routes.iter().filter(|r| is_bgp(r) && first.contains(&r.destination));
    let other = routes.iter().filter(|r| is_bgp(r) && !first.contains(&r.destination)).take(LISTED);
    own.chain(named).chain(other).map(route_line).collect()
}

impl Report {
    /// Whether everything was as it should be.
    pub(crate) fn good(&self) -> bool {
        let cuts = self.silent_cut.iter().chain([&self.cut]);
        let healed = cuts.into_iter().all(|cut| cut.outage_milliseconds.is_some());
        // What others cannot do is a result, not a failure.
        (healed || self.daemon != "ferrd")
            && self.leaked.is_empty()
            && self.dissected.iter().all(|router| router.faults.is_empty())
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for router in &self.routers {
            let _ = writeln!(out, "\n== {}: neighbors ==\n{}", router.name, router.summary_text.trim());
            let _ = writeln!(out, "\n== {}: routes in the kernel ==", router.name);
            for line in &router.routes {
                let _ = writeln!(out, "{line}");
            }
            let shown = router.routes.len();
            if router.kernel_routes > shown {
                let _ = writeln!(
                    out,
                    "... and {} more ({} by BGP in all)",
                    router.kernel_routes - shown,
                    router.kernel_bgp_routes
                );
            }
        }
        let _ = writeln!(out, "\n== end to end ==");
        for ping in &self.pings {
            let _ = writeln!(out, "ping from {} to {}: {:.3} ms", ping.from, ping.to, ping.milliseconds);
        }
        if self.leaked.is_empty() {
            let _ = writeln!(out, "link nets and loopbacks stayed inside");
        }
        for leak in &self.leaked {
            let _ = writeln!(out, "LEAKED: {leak}");
        }
        if let Some(cut) = &self.silent_cut {
            cut.text("loses all packets, its carrier stays", &mut out);
        }
        self.cut.text("cut", &mut out);
        for router in &self.dissected {
            let (name, messages, bfd) = (&router.router, router.messages, router.bfd);
            let faults = router.faults.len();
            let _ = writeln!(
                out,
                "{name} sent {messages} BGP messages and {bfd} BFD packets, {faults} of its packets are malformed"
            );
            for fault in &router.faults {
                let _ = writeln!(out, "MALFORMED: {name}: {fault}");
            }
        }
        let _ = writeln!(out, "\n== time ==");
        for step in &self.steps {
            let _ = writeln!(out, "{:<44} {:>7.2} s", step.name, step.seconds);
        }
        let _ = writeln!(out, "transit peer: {}", self.transit);
        if self.tunnels {
            let place = match self.vrf {
                Some(vrf) => format!("in VRF {vrf}"),
                None => "in the default VRF, because this kernel has no others".to_owned(),
            };
            let _ = writeln!(out, "tunnels: WireGuard, made by the daemons, {place}");
        }
        if !self.look_around.is_empty() {
            let _ = writeln!(out, "\n== still running: look around with ==");
            for line in &self.look_around {
                let _ = writeln!(out, "{line}");
            }
        }
        out
    }
}

impl CutReport {
    fn text(&self, how: &str, out: &mut String) {
        let _ = writeln!(out, "\n== link {} {how} ==", self.link);
        let _ = writeln!(out, "before: {}\nafter:  {}", self.before, self.after);
        let lost = format!("{} of {} probes lost", self.probes_lost, self.probes_sent);
        let _ = match self.outage_milliseconds {
            Some(outage) => writeln!(out, "traffic flows again after {outage:.1} ms ({lost})"),
            None => writeln!(out, "traffic does NOT flow again ({lost})"),
        };
        if self.sessions_kept {
            let _ = writeln!(out, "the BGP sessions between the sites stayed up");
        }
    }
}
