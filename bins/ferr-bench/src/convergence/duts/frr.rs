//! FeRR and FRR, which read the same file.

use std::path::Path;

use ferr_testnet::rivals::Frr;
use ferr_testnet::{Error, Ferrd, Host};
use ferr_types::Prefix;

use super::{ADDRESS, ASN, Ask, Filter, Group, Plan, Policy, Router, Show, Text, hex, shows};
use crate::convergence::peers::HOLD;
use crate::dut;

const QUERY: &str = "show bgp ipv4 unicast json";
/// What is asked of bgpd's socket, and of zebra's.
const SHOWS: [&str; 7] = [
    "show bgp ipv4 unicast PREFIX json",
    "show bgp summary json",
    "show bgp neighbors json",
    "show running-config",
    "show ip route PREFIX json",
    "show ip route summary json",
    "show interface json",
];
const OF_BGPD: usize = 4;
/// Prefixes in one of FRR's lists.
const LIST: usize = 500;

fn ask_both(dir: &Path, prefix: Prefix) -> Vec<Show> {
    shows(&SHOWS, prefix, |name, command| {
        let daemon = if SHOWS[..OF_BGPD].contains(&name) { "bgpd" } else { "zebra" };
        Ask::Vty(dir.join(format!("{daemon}.vty")), command)
    })
}

pub(super) struct FerrRouter {
    host: Host,
    ferrd: Ferrd,
    text: String,
}

pub(super) struct FrrRouter {
    frr: Frr,
    zebra: String,
    text: String,
}

/// `list` is how many prefixes go into one list.
fn policy(text: &mut Text, policy: &Policy, list: usize) {
    let name = policy.name;
    for (number, part) in policy.refused.chunks(list).enumerate() {
        for (at, prefix) in part.iter().enumerate() {
            text.line(format_args!("ip prefix-list {name}-{number} seq {} permit {prefix}", 5 * (at + 1)));
        }
        text.line(format_args!("route-map {name} deny {}", 1 + number));
        text.line(format_args!(" match ip address prefix-list {name}-{number}\nexit"));
    }
    for (at, community) in policy.communities.iter().enumerate() {
        text.line(format_args!("bgp community-list standard {name}-{at} permit {}", hex(*community)));
    }
    clauses(text, policy);
}

fn clauses(text: &mut Text, policy: &Policy) {
    let name = policy.name;
    for at in 0..policy.communities.len() {
        let is_denied = policy.denied.contains(&at);
        let action = if is_denied { "deny" } else { "permit" };
        text.line(format_args!("route-map {name} {action} {}\n match community {name}-{at}", 100 + at));
        if !is_denied {
            text.line(format_args!(" set metric {}", policy.med + at as u32));
        }
        text.line("exit");
    }
    let last = policy.med + policy.communities.len() as u32;
    text.line(format_args!("route-map {name} permit 60000\n set metric {last}\nexit"));
}

fn activate(text: &mut Text, group: &Group) {
    let name = &group.name;
    text.line(format_args!("  neighbor {name} activate"));
    if group.clients {
        text.line(format_args!("  neighbor {name} route-reflector-client"));
    }
    match &group.import {
        Filter::All => {}
        Filter::Nothing => text.line(format_args!("  neighbor {name} route-map NOTHING in")),
        Filter::Policy(p) => text.line(format_args!("  neighbor {name} route-map {} in", p.name)),
    }
    if let Some(map) = group.export_name() {
        text.line(format_args!("  neighbor {name} route-map {map} out"));
    }
}

/// The file without what belongs to one of the two alone.
fn render(plan: &Plan, list: usize) -> String {
    let mut text = Text::default();
    text.line("frr defaults traditional\nbgp route-map delay-timer 0");
    for p in plan.policies() {
        policy(&mut text, p, list);
    }
    if plan.denies() {
        text.line("route-map NOTHING deny 10\nexit");
    }
    for group in &plan.groups {
        if let (Filter::All, Some(tag)) = (&group.export, group.tag) {
            text.line(format_args!("route-map TAG-{} permit 10", group.name));
            text.line(format_args!(" set community {}:{tag} additive\nexit", ASN.0));
        }
    }
    text.line(format_args!("router bgp {}\n bgp router-id {ADDRESS}", ASN.0));
    text.line(" no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n no bgp network import-check");
    text.line(format_args!(" timers bgp {} {HOLD}\n coalesce-time 0", HOLD / 3));
    text.line(" write-quanta 64\n read-quanta 10");
    if plan.graceful {
        text.line(" bgp graceful-restart\n bgp graceful-restart preserve-fw-state");
    }
    for group in &plan.groups {
        let name = &group.name;
        text.line(format_args!(" neighbor {name} peer-group\n neighbor {name} passive"));
        text.line(format_args!(" neighbor {name} advertisement-interval 0"));
        for neighbor in &group.neighbors {
            text.line(format_args!(" neighbor {} remote-as {}", neighbor.address, neighbor.asn.0));
            text.line(format_args!(" neighbor {} peer-group {name}", neighbor.address));
        }
    }
    for family in ["ipv4", "ipv6"].into_iter().take(1 + usize::from(plan.v6)) {
        text.line(format_args!(" address-family {family} unicast"));
        for group in &plan.groups {
            activate(&mut text, group);
        }
        text.line(" exit-address-family");
    }
    text.line("exit");
    text.0
}

impl FerrRouter {
    pub(super) fn start(host: &Host, plan: &Plan) -> Result<Self, Error> {
        let text = render(plan, usize::MAX);
        let ferrd = Ferrd::start(host, &dut::ferrd()?, &text)?;
        Ok(Self { host: host.clone(), ferrd, text })
    }
}

impl Router for FerrRouter {
    fn pids(&mut self) -> Vec<u32> {
        vec![self.ferrd.process().pid()]
    }

    fn check(&mut self) -> Result<(), Error> {
        self.ferrd.process().check()
    }

    fn configs(&self) -> Vec<(String, String)> {
        vec![("frr.conf".to_owned(), self.text.clone())]
    }

    fn reconfigure(&mut self, plan: &Plan) -> Result<(), Error> {
        self.text = render(plan, usize::MAX);
        self.host.file("frr.conf", &self.text)?;
        self.ferrd.process().signal(nix::sys::signal::Signal::SIGHUP);
        Ok(())
    }

    fn ask(&self) -> Ask {
        Ask::Vty(self.ferrd.vty_dir().join("bgpd.vty"), QUERY.to_owned())
    }

    fn shows(&self, prefix: Prefix) -> Vec<Show> {
        ask_both(self.ferrd.vty_dir(), prefix)
    }

    fn crash(&mut self, meanwhile: &mut dyn FnMut()) -> Result<(), Error> {
        self.ferrd.process().kill();
        meanwhile();
        self.ferrd.restart()
    }
}

/// More routes on their way to the kernel at a time, and no pause before work on a route begins.
const ZEBRA: &str = "zebra work-queue 0\nzebra dplane limit 10000\n";

impl FrrRouter {
    pub(super) fn start(host: &Host, plan: &Plan) -> Result<Self, Error> {
        let text = render(plan, LIST);
        let frr = Frr::start_from_files(host, ZEBRA, &text, plan.graceful)?;
        Ok(Self { frr, zebra: ZEBRA.to_owned(), text })
    }
}

impl Router for FrrRouter {
    fn pids(&mut self) -> Vec<u32> {
        self.frr.processes().iter().map(|p| p.pid()).collect()
    }

    fn check(&mut self) -> Result<(), Error> {
        self.frr.processes().iter_mut().try_for_each(|p| p.check())
    }

    fn configs(&self) -> Vec<(String, String)> {
        vec![("bgpd.conf".to_owned(), self.text.clone()), ("zebra.conf".to_owned(), self.zebra.clone())]
    }

    fn reconfigure(&mut self, plan: &Plan) -> Result<(), Error> {
        let text = render(plan, LIST);
        let mut lines = Text::default();
        for p in plan.policies() {
            clauses(&mut lines, p);
        }
        self.frr.load(&lines.0)?;
        // Once at the end, not by the timer while lines are still read.
        self.frr.vtysh(&["clear bgp ipv4 unicast * soft"])?;
        self.text = text;
        Ok(())
    }

    fn ask(&self) -> Ask {
        Ask::Vty(self.frr.vty_dir().join("bgpd.vty"), QUERY.to_owned())
    }

    fn shows(&self, prefix: Prefix) -> Vec<Show> {
        ask_both(self.frr.vty_dir(), prefix)
    }

    fn crash(&mut self, meanwhile: &mut dyn FnMut()) -> Result<(), Error> {
        self.frr.crash(meanwhile)
    }
}
