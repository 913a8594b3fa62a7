//! VRFs and interfaces: each line goes to the part that owns it.
//!
//! Invariant: every line is of one owner, `frr.conf` or `ferr.conf`; together the two files say all.

use super::Part;
use crate::file::OWN_FILE;
use crate::grammar::table::Lines;
use crate::grammar::{global, interface, link, ospf_interface, wireguard};
use crate::model::interface::Interface;
use crate::model::{Config, Vrf};

/// Lines of one block, with what is to know of each.
struct Body<'c> {
    config: &'c Config,
    part: Part,
    /// Header without options.
    block: String,
    lines: Vec<String>,
}

impl<'c> Body<'c> {
    const fn new(config: &'c Config, part: Part, block: String) -> Self {
        Self { config, part, block, lines: Vec::new() }
    }

    /// Lines that FRR knows, in a part that prints them; `own` says of which our own file holds nevertheless.
    fn known(&mut self, of: Part, own: impl Fn(&str) -> bool, fill: impl FnOnce(&mut Lines)) {
        let (config, part, block) = (self.config, self.part, &self.block);
        let text = lines_of(fill);
        let mine = |line: &str| {
            own(line) || config.origins.inner(block, line).is_some_and(|origin| origin.is_in(OWN_FILE))
        };
        let shown = |line: &&str| match part {
            Part::All => true,
            Part::Own => mine(line),
            _ => part.has(of) && !mine(line),
        };
        self.lines.extend(text.lines().filter(shown).map(str::to_owned));
    }

    /// Lines that FRR does not know.
    fn ours(&mut self, fill: impl FnOnce(&mut Lines)) {
        if self.part.has_own() {
            self.lines.extend(lines_of(fill).lines().map(str::to_owned));
        }
    }
}

fn lines_of(fill: impl FnOnce(&mut Lines)) -> String {
    let mut lines = Lines::default();
    fill(&mut lines);
    lines.into_text()
}

pub(super) fn show_vrfs(config: &Config, part: Part, o: &mut Lines) {
    for (name, vrf) in &config.vrfs {
        let mut body = Body::new(config, part, format!("vrf {name}"));
        fill_vrf(vrf, &mut body);
        // A VRF that says nothing is printed by one who is asked for VRFs, unless it is ours.
        let names = part.has(Part::Zebra) && (vrf.table.is_none() || part == Part::All);
        if body.lines.is_empty() && !names {
            continue;
        }
        o.block(&body.block, "exit-vrf", |o| body.lines.iter().for_each(|line| o.line(line)));
    }
}

fn fill_vrf(vrf: &Vrf, body: &mut Body<'_>) {
    body.ours(|o| o.table(global::VRF_TABLE, &vrf.table));
    body.known(
        Part::Zebra,
        |_| false,
        |o| {
            o.table(global::VRF, vrf);
            o.table(global::VRF_GLOBALS, &vrf.globals);
            o.table(global::VRF_MAPS, &vrf.globals);
            vrf.opaque.iter().for_each(|line| o.line(line));
        },
    );
    body.known(Part::Static, |_| false, |o| o.table(global::VRF_ROUTES, vrf));
}

/// Part that prints a kept line of an interface.
fn interface_part(line: &str) -> Part {
    match line {
        _ if line.starts_with("ip ospf") => Part::Ospf,
        _ => Part::Zebra,
    }
}

/// Whether a line that FRR knows is about the link itself, and so belongs to whoever declares it.
fn is_of_link(line: &str) -> bool {
    line == "shutdown"
        || ["description ", "ip address ", "ipv6 address "].iter().any(|lead| line.starts_with(lead))
}

pub(super) fn show_interfaces(config: &Config, part: Part, o: &mut Lines) {
    for (name, i) in &config.interfaces {
        let mut body = Body::new(config, part, format!("interface {name}"));
        fill_interface(i, &mut body);
        if body.lines.is_empty() {
            continue;
        }
        body.lines.sort_unstable();
        body.lines.dedup();
        let vrf = i.vrf.as_ref().filter(|_| part != Part::Own);
        let header = format!("{}{}", body.block, vrf.map(|v| format!(" vrf {v}")).unwrap_or_default());
        o.block(header, "exit", |o| body.lines.iter().for_each(|line| o.line(line)));
    }
}

fn fill_interface(i: &Interface, body: &mut Body<'_>) {
    let declared = i.own.is_declared();
    body.ours(|o| {
        o.table(link::LINK, &i.own);
        o.table(wireguard::WIREGUARD, &i.own);
    });
    body.known(
        Part::Zebra,
        |line| declared && is_of_link(line),
        |o| {
            o.table(interface::STATEMENTS, i);
            o.table(interface::ND, i);
        },
    );
    if i.mpls_bgp_forwarding && body.part == Part::Bgp {
        body.known(Part::Bgp, |_| false, |o| o.line("mpls bgp forwarding"));
    }
    body.known(
        Part::Ospf,
        |_| false,
        |o| {
            o.table(ospf_interface::LINK, &i.ospf);
            o.table(ospf_interface::INTERFACE, &i.ospf.interface);
            for (addr, settings) in &i.ospf.addresses {
                let text = lines_of(|o| o.table(ospf_interface::INTERFACE, settings));
                text.lines().for_each(|line| o.line(format_args!("{line} {addr}")));
            }
        },
    );
    body.known(Part::Ospf6, |_| false, |o| o.table(ospf_interface::LINK6, &i.ospf6));
    for line in i.opaque.iter() {
        body.known(interface_part(line), |_| false, |o| o.line(line));
    }
}
