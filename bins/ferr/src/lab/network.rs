//! The network of a plan, built and running.

use std::time::Duration;

use ferr_testnet::probe::Source;
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Capture, Error, Ferrd, FerrdProgram, Host, Interrupt, KernelRoute, Net, Process};
use serde_json::Value;

use super::LabError;
use super::report::{DissectReport, RouterReport, is_bgp, is_learnt, route_lines};
use super::topology::{Flow, Link, PlannedRival, Router, Topology};
use super::transit::{TransitKind, TransitPeer};
use super::tunnels::{Keys, VRF, has_vrf, in_vrf, own_conf};

/// How long the network gets to settle.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon on a router.
#[derive(Debug)]
pub(crate) enum Daemon {
    Ferrd(Ferrd),
    Frr(Frr),
    Bird(Bird),
}

/// Who makes the tunnels and the VRF of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owned {
    /// The daemons make the tunnels; else they are cables.
    pub(crate) tunnels: bool,
    /// All but the underlay is in a VRF.
    pub(crate) vrf: bool,
}

/// A router of the plan.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) plan: Router,
    pub(crate) host: Host,
    pub(crate) daemon: Option<Daemon>,
    /// VRF that it works in.
    vrf: Option<&'static str>,
    /// What it sends, from before its daemon starts.
    capture: Option<Capture>,
}

/// The network. Daemons end before the namespaces they live in (order of fields).
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) transit: Option<TransitPeer>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) transit_host: Option<Host>,
    pub(crate) net: Net,
    pub(crate) owned: Owned,
    interrupt: Interrupt,
}

impl Daemon {
    pub(crate) fn show(&self, command: &str) -> Result<String, Error> {
        match self {
            Self::Ferrd(ferrd) => ferrd.bgp(command),
            Self::Frr(frr) => frr.vtysh(&[command]),
            Self::Bird(bird) => bird.birdc("show ospf neighbors"),
        }
    }

    /// Neighbors of OSPF.
    fn adjacencies(&self) -> Result<String, Error> {
        let command = "show ip ospf neighbor";
        match self {
            Self::Ferrd(ferrd) => ferrd.commands("ospfd", &[command]).map(|a| a.text),
            Self::Frr(_) | Self::Bird(_) => self.show(command),
        }
    }

    pub(crate) fn show_json(&self, command: &str) -> Result<Value, Error> {
        match self {
            Self::Ferrd(ferrd) => ferrd.bgp_json(command),
            Self::Frr(frr) => frr.json(command),
            Self::Bird(_) => Ok(Value::Null),
        }
    }

    /// States of the BFD sessions by peer; FRR cannot watch static routes and is not asked.
    fn bfd_sessions(&self) -> Result<Option<Value>, Error> {
        match self {
            Self::Ferrd(ferrd) => ferrd.bfd_json("show bfd vrf all peers json").map(Some),
            Self::Frr(_) | Self::Bird(_) => Ok(None),
        }
    }

    /// Folder of the vty sockets; BIRD has none.
    pub(crate) fn vty_dir(&self) -> Option<&std::path::Path> {
        match self {
            Self::Ferrd(ferrd) => Some(ferrd.vty_dir()),
            Self::Frr(frr) => Some(frr.vty_dir()),
            Self::Bird(_) => None,
        }
    }

    pub(crate) fn processes(&mut self) -> Vec<&mut Process> {
        match self {
            Self::Ferrd(ferrd) => vec![ferrd.process()],
            Self::Frr(frr) => frr.processes().iter_mut().collect(),
            Self::Bird(bird) => vec![bird.process()],
        }
    }

    fn peak_memory(&self) -> Option<u64> {
        match self {
            Self::Ferrd(ferrd) => ferrd.peak_memory(),
            Self::Frr(_) | Self::Bird(_) => None,
        }
    }

    /// The other daemon that plays a router, where it is installed.
    fn rival(router: &Router, host: &Host) -> Result<Option<Self>, Error> {
        Ok(match &router.rival {
            Some(PlannedRival::Frr(config)) if Rival::Frr.available().is_ok() => {
                Some(Self::Frr(Frr::start_whole(host, config)?))
            }
            Some(PlannedRival::Bird(config)) if Rival::Bird.available().is_ok() => {
                Some(Self::Bird(Bird::start(host, config)?))
            }
            _ => None,
        })
    }
}

impl Network {
    /// Namespaces, links and addresses.
    pub(crate) fn build(
        plan: &Topology,
        transit: bool,
        ours: bool,
        interrupt: Interrupt,
    ) -> Result<Self, Error> {
        let net = Net::with_interrupt(&format!("lab-{}", plan.name), interrupt.clone())?;
        let tunnels = ours && plan.links.iter().any(|l| l.tunnel.is_some());
        let owned = Owned { tunnels, vrf: tunnels && has_vrf(&net)? };
        let vrf = owned.vrf.then_some(VRF);
        let mut nodes = Vec::new();
        for router in &plan.routers {
            let host = net.host(&router.name)?;
            for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
                host.sysctl(key, "1")?;
            }
            router.bridges.iter().try_for_each(|bridge| host.bridge(bridge))?;
            nodes.push(Node { plan: router.clone(), host, daemon: None, vrf, capture: None });
        }
        let mut network = Self { transit: None, nodes, transit_host: None, net, owned, interrupt };
        for link in plan.links.iter().filter(|l| !tunnels || l.tunnel.is_none()) {
            network.add_link(link)?;
        }
        if let (Some(place), true) = (&plan.transit, transit) {
            let host = network.net.host("transit")?;
            let router = network.host(&place.router)?;
            network.net.link(router, &place.interface, &host, "eth0")?;
            if !owned.vrf {
                router.addr(&place.interface, &place.address)?;
            }
            host.addr("eth0", &place.peer)?;
            network.transit_host = Some(host);
        }
        // In a VRF they are the daemon's business: what moves there loses its addresses.
        for node in network.nodes.iter().filter(|_| !owned.vrf) {
            for (interface, addresses) in &node.plan.addresses {
                addresses.iter().try_for_each(|address| node.host.addr(interface, address))?;
            }
        }
        Ok(network)
    }

    fn add_link(&self, link: &Link) -> Result<(), Error> {
        let [a, b] = &link.ends;
        let hosts = [self.host(&a.router)?, self.host(&b.router)?];
        self.net.link(hosts[0], &a.interface, hosts[1], &b.interface)?;
        for (end, host) in link.ends.iter().zip(hosts) {
            end.addresses.iter().try_for_each(|address| host.addr(&end.interface, address))?;
        }
        Ok(())
    }

    /// The host of a router, which the checked plan has.
    pub(crate) fn host(&self, name: &str) -> Result<&Host, Error> {
        let found = self.nodes.iter().find(|node| node.plan.name == name);
        found
            .map(|node| &node.host)
            .ok_or_else(|| Error::Answer { what: "topology".to_owned(), text: format!("no router {name}") })
    }

    /// Begins to capture what the routers send.
    pub(crate) fn capture(&mut self) -> Result<(), Error> {
        for node in &mut self.nodes {
            node.capture = Some(Capture::start(&node.host)?);
        }
        Ok(())
    }

    /// Ends the captures and has them judged; empty when nothing was captured.
    pub(crate) fn dissect(&mut self) -> Result<Vec<DissectReport>, Error> {
        let captured = self.nodes.iter_mut().filter_map(|node| Some((&node.plan.name, node.capture.take()?)));
        captured
            .map(|(name, capture)| {
                let found = capture.finish()?;
                let messages = found.messages.iter().sum();
                let bfd = found.bfd.single_hop + found.bfd.multihop + found.bfd.echo;
                Ok(DissectReport { router: name.clone(), messages, bfd, faults: found.faults })
            })
            .collect()
    }

    /// Starts a daemon on each router; without a program of ours, FRR, whose packaged versions know no BFD on static routes.
    pub(crate) fn start(&mut self, plan: &Topology, program: Option<&FerrdProgram>) -> Result<(), LabError> {
        let (keys, owned) = (Keys::make(plan)?, self.owned);
        for node in &mut self.nodes {
            node.daemon = Daemon::rival(&node.plan, &node.host)?;
            if node.daemon.is_some() {
                continue;
            }
            node.daemon = Some(match program {
                Some(program) if owned.tunnels => {
                    let own = own_conf(plan, &node.plan, &node.host, &keys, owned.vrf)?;
                    let frr = if owned.vrf { in_vrf(&node.plan.config) } else { node.plan.config.clone() };
                    let program = program.with_own_run();
                    Daemon::Ferrd(Ferrd::start_with_own(&node.host, &program, &frr, &own)?)
                }
                Some(program) => Daemon::Ferrd(Ferrd::start(&node.host, program, &node.plan.config)?),
                None => Daemon::Frr(Frr::start_whole(&node.host, &without_static_bfd(&node.plan.config))?),
            });
        }
        Ok(())
    }

    /// Starts the transit peer.
    pub(crate) fn start_transit(&mut self, plan: &Topology, kind: TransitKind) -> Result<(), Error> {
        if let (Some(place), Some(host)) = (&plan.transit, &self.transit_host) {
            self.transit = TransitPeer::start(kind, host, place)?;
        }
        Ok(())
    }

    /// Waits until every session of the plan is up.
    pub(crate) fn wait_sessions(&self, plan: &Topology, say: &dyn Fn(String)) -> Result<(), Error> {
        let mut expected = Vec::new();
        for node in &self.nodes {
            expected.extend(node.plan.peers.iter().map(|peer| (node, peer.as_str())));
        }
        if let (Some(place), Some(_)) = (&plan.transit, &self.transit) {
            let peer = place.peer.split('/').next().unwrap_or_default();
            let node = self.nodes.iter().find(|node| node.plan.name == place.router);
            expected.extend(node.map(|node| (node, peer)));
        }
        let all = expected.len();
        self.interrupt.wait_until(PATIENCE, "all BGP sessions to be established", || {
            let mut missing = Vec::new();
            for (node, peer) in &expected {
                let state = node.peer_state(peer);
                if state != "Established" {
                    missing.push(format!("{} with {peer}: {state}", node.plan.name));
                }
            }
            say(format!("{} of {all}", all - missing.len()));
            if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
        })
    }

    /// Waits until every BFD session of the plan is up.
    pub(crate) fn wait_bfd(&self, say: &dyn Fn(String)) -> Result<(), Error> {
        self.interrupt.wait_until(PATIENCE, "all BFD sessions to be up", || {
            let mut missing = Vec::new();
            for node in &self.nodes {
                let Some(all) = node.bfd_sessions().map_err(|e| e.to_string())? else { continue };
                let up = |peer: &&String| {
                    let mut sessions = all.as_array().into_iter().flatten();
                    sessions.any(|s| s["peer"] == **peer && s["status"] == "up")
                };
                let down = node.plan.bfd.iter().filter(|peer| !up(peer));
                missing.extend(down.map(|peer| format!("{} with {peer}", node.plan.name)));
            }
            say(format!("{} to go", missing.len()));
            if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
        })
    }

    /// How many times the BGP sessions of the plan came up until now, all together.
    pub(crate) fn times_established(&self) -> Result<u64, Error> {
        let mut sum = 0;
        for node in &self.nodes {
            let Some(daemon) = &node.daemon else { continue };
            for peer in &node.plan.peers {
                let seen = daemon.show_json(&format!("show bgp{} neighbors {peer} json", node.of_vrf()))?;
                sum += seen[peer.as_str()]["connectionsEstablished"].as_u64().unwrap_or_default();
            }
        }
        Ok(sum)
    }

    /// Waits until the kernels have the routes of the plan, and every BGP route of the router beside the transit.
    pub(crate) fn wait_routes(
        &self,
        plan: &Topology,
        table: usize,
        say: &dyn Fn(String),
    ) -> Result<(), Error> {
        self.interrupt.wait_until(PATIENCE, "the routes in the kernels", || {
            let mut missing = Vec::new();
            for node in &self.nodes {
                let routes = node.routes().map_err(|e| e.to_string())?;
                let bgp = routes.iter().filter(|r| is_bgp(r)).count();
                for wanted in &node.plan.routes {
                    if !routes.iter().any(|r| is_learnt(r) && r.destination == *wanted) {
                        missing.push(format!("{} has no {wanted}", node.plan.name));
                    }
                }
                if plan.transit.is_some() && bgp < table {
                    missing.push(format!("{} has {bgp} of {table} BGP routes", node.plan.name));
                }
                say(format!("{}: {bgp}", node.plan.name));
            }
            if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
        })
    }

    /// Waits until traffic flows between a pair; gives the round-trip time.
    pub(crate) fn ping(&self, flow: &Flow) -> Result<Duration, Error> {
        self.interrupt.check()?;
        self.host(&flow.router)?.ping(self.source(flow), flow.to, Duration::from_secs(10))
    }

    /// Where traffic comes from.
    pub(crate) fn source(&self, flow: &Flow) -> Source {
        Source { addr: Some(flow.from), device: self.owned.vrf.then(|| VRF.to_owned()) }
    }

    /// The router's node.
    pub(crate) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.plan.name == name)
    }

    /// `router: prefix` for each prefix that a router has by BGP although it should have stayed inside.
    pub(crate) fn leaks(&self, inside: &[String]) -> Result<Vec<String>, Error> {
        let mut leaks = Vec::new();
        for node in &self.nodes {
            let routes = node.routes()?;
            let bad = routes.iter().filter(|r| is_bgp(r) && inside.contains(&r.destination));
            leaks.extend(bad.map(|r| format!("{}: {}", node.plan.name, r.destination)));
        }
        Ok(leaks)
    }
}

/// A configuration in which no static route is watched.
fn without_static_bfd(config: &str) -> String {
    let line = |line: &str| match line.split_once(" bfd") {
        Some((route, _)) if line.starts_with("ip route ") || line.starts_with("ipv6 route ") => {
            format!("{route}\n")
        }
        _ => format!("{line}\n"),
    };
    config.lines().map(line).collect()
}

impl Node {
    fn bfd_sessions(&self) -> Result<Option<Value>, Error> {
        self.daemon.as_ref().map_or(Ok(None), Daemon::bfd_sessions)
    }

    fn peer_state(&self, peer: &str) -> String {
        let Some(daemon) = &self.daemon else { return "no daemon".to_owned() };
        match daemon.show_json(&format!("show bgp{} summary json", self.of_vrf())) {
            Err(e) => e.to_string(),
            Ok(all) => {
                let families = all.as_object().into_iter().flatten();
                let state = families
                    .filter_map(|(_, family)| family.get("peers")?.get(peer)?.get("state")?.as_str())
                    .next();
                state.unwrap_or("no such neighbor").to_owned()
            }
        }
    }

    /// ` vrf NAME` for commands, where the router works in a VRF.
    fn of_vrf(&self) -> String {
        self.vrf.map(|vrf| format!(" vrf {vrf}")).unwrap_or_default()
    }

    /// The table that the router works in.
    pub(crate) fn table(&self, v6: bool) -> Result<Vec<KernelRoute>, Error> {
        match self.vrf {
            Some(vrf) => self.host.vrf_routes(v6, vrf),
            None => self.host.routes(v6),
        }
    }

    /// IPv4 and IPv6 routes, without the kernel's link-local ones.
    pub(crate) fn routes(&self) -> Result<Vec<KernelRoute>, Error> {
        let mut routes = self.table(false)?;
        let v6 = self.table(true)?;
        routes.extend(v6.into_iter().filter(|r| !r.destination.starts_with("fe80:")));
        Ok(routes)
    }

    pub(crate) fn report(&self) -> Result<RouterReport, Error> {
        let routes = self.routes()?;
        let (text, json) = match &self.daemon {
            Some(daemon) if self.plan.peers.is_empty() => (daemon.adjacencies()?, Value::Null),
            Some(daemon) => {
                let summary = format!("show bgp{} summary", self.of_vrf());
                (daemon.show(&summary)?, daemon.show_json(&format!("{summary} json"))?)
            }
            None => (String::new(), Value::Null),
        };
        Ok(RouterReport {
            name: self.plan.name.clone(),
            summary_text: text,
            bgp_summary: json,
            kernel_routes: routes.len(),
            kernel_bgp_routes: routes.iter().filter(|r| is_bgp(r)).count(),
            routes: route_lines(&routes, &self.plan.routes),
            peak_memory_kib: self.daemon.as_ref().and_then(Daemon::peak_memory),
        })
    }
}
