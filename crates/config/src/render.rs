//! Canonical text of a configuration: FRR 8.4.4's words, and its order of blocks.
//!
//! Invariant: `parse(render(c)) == c`, up to [`Config::normalized`].

mod links;
mod ospf;

use crate::grammar::table::Lines;
use crate::grammar::{bfd, bgp, bgp_af, bgp_global, bgp_neighbor, bgp_neighbor_af, global, lists, routemap};
use crate::model::Config;
use crate::model::bfd::{Bfd, BfdParameters};
use crate::model::bgp::{BgpAf, BgpFamily, BgpInstance, InstanceName};
use crate::model::neighbor::NeighborAf;
use crate::model::opaque::{OpaqueBlock, OpaqueLines};
use crate::model::ospf::OspfInstance;
use crate::model::routemap::Match;

/// Version of FRR whose form is printed.
pub const FRR_VERSION: &str = "8.4.4";

/// Which part of the configuration a socket prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Everything.
    All,
    /// What FRR's programs know: all of `frr.conf`.
    Frr,
    /// Statements of our own, in their blocks: `ferr.conf`. Empty when there is none.
    Own,
    /// Interfaces, VRFs, lists, forwarding.
    Zebra,
    /// Static routes.
    Static,
    /// Static routes, interfaces and VRFs: what newer FRR's `mgmtd` prints.
    Mgmt,
    /// `router bgp`, its lists and route-maps.
    Bgp,
    /// `router ospf`, interfaces' `ip ospf`, key chains.
    Ospf,
    /// `router ospf6`, interfaces' `ipv6 ospf6`, key chains.
    Ospf6,
    /// `bfd`.
    Bfd,
    /// PBR and other blocks that no daemon here runs.
    Other,
    /// Nothing but the header.
    Watchfrr,
}

impl Part {
    const fn has(self, part: Self) -> bool {
        match self {
            Self::All | Self::Frr => true,
            Self::Own => false,
            Self::Mgmt => matches!(part, Self::Mgmt | Self::Zebra | Self::Static),
            Self::Zebra => matches!(part, Self::Zebra | Self::Other),
            _ => self as u8 == part as u8,
        }
    }

    /// Whether it has statements that FRR's programs do not know.
    const fn has_own(self) -> bool {
        matches!(self, Self::All | Self::Own)
    }
}

/// Renders `part` of `config`. Lines end in a newline; the text does not end in `end`.
pub fn render(config: &Config, part: Part) -> String {
    let mut o = Lines::default();
    if part == Part::Own {
        links::show_vrfs(config, part, &mut o);
        links::show_interfaces(config, part, &mut o);
        show_own_bfd(&config.bfd, &mut o);
        return o.into_text();
    }
    head(config, part, &mut o);
    if part.has(Part::Other) || part.has(Part::Ospf) || part.has(Part::Ospf6) {
        ospf::show_key_chains(config, &mut o);
    }
    if part.has(Part::Zebra) {
        o.section(|o| {
            o.table(global::ZEBRA, &config.global);
            o.table(global::VRF_GLOBALS, &config.global.vrf);
            o.table(global::INERT, config);
        });
    }
    if part.has(Part::Static) {
        o.section(|o| o.table(global::ROUTES, config));
    }
    links::show_vrfs(config, part, &mut o);
    links::show_interfaces(config, part, &mut o);
    if part.has(Part::Bgp) {
        show_bgp(config, &mut o);
    }
    ospf::show(config, part, &mut o);
    show_other_blocks(config, part, &mut o);
    show_lists(config, part, &mut o);
    show_route_maps(config, part, &mut o);
    if part.has(Part::Zebra) {
        o.section(|o| o.table(global::VRF_MAPS, &config.global.vrf));
    }
    line_vty(config, &mut o);
    if part.has(Part::Bgp) {
        for (header, block) in of_kind(config, "rpki") {
            show_block(header, block, &mut o);
        }
    }
    if part.has(Part::Bfd) {
        show_bfd(&config.bfd, part, &mut o);
    }
    o.into_text()
}

fn show_bfd(b: &Bfd, part: Part, o: &mut Lines) {
    if *b == Bfd::default() {
        return;
    }
    o.block("bfd", "exit", |o| {
        o.table(bfd::BLOCK, b);
        come_back(b, part, o);
        for (name, profile) in &b.profiles {
            o.block(format_args!("profile {name}"), "exit", |o| {
                o.table(bfd::PARAMETERS, &profile.without_defaults());
                own_parameters(profile, part, o);
            });
        }
        let (many, one): (Vec<_>, Vec<_>) = b.peers.iter().partition(|(key, _)| key.multihop);
        for (key, peer) in one.into_iter().chain(many) {
            o.block(bfd::peer_header(key), "exit", |o| {
                o.table(bfd::PEER, peer);
                o.table(bfd::PARAMETERS, &peer.telling());
                own_parameters(&peer.parameters, part, o);
            });
        }
    });
}

/// The statements of our own alone, each in its block.
fn show_own_bfd(b: &Bfd, o: &mut Lines) {
    let profiles = || b.profiles.iter().filter(|(_, profile)| profile.has_own());
    let peers = || b.peers.iter().filter(|(_, peer)| peer.parameters.has_own());
    if b.come_back.is_none() && profiles().next().is_none() && peers().next().is_none() {
        return;
    }
    o.block("bfd", "exit", |o| {
        come_back(b, Part::Own, o);
        for (name, profile) in profiles() {
            o.block(format_args!("profile {name}"), "exit", |o| own_parameters(profile, Part::Own, o));
        }
        for (key, peer) in peers() {
            o.block(bfd::peer_header(key), "exit", |o| own_parameters(&peer.parameters, Part::Own, o));
        }
    });
}

fn come_back(b: &Bfd, part: Part, o: &mut Lines) {
    if let Some(come_back) = b.come_back.filter(|_| part.has_own()) {
        o.line(bfd::come_back_text(come_back));
    }
}

fn own_parameters(parameters: &BfdParameters, part: Part, o: &mut Lines) {
    if part.has_own() {
        bfd::show_own(parameters, o);
    }
}

fn head(config: &Config, part: Part, o: &mut Lines) {
    o.line(format_args!("frr version {FRR_VERSION}"));
    o.line(format_args!("frr defaults {}", config.global.profile.name()));
    o.table(global::COMMON, &config.global);
    if part.has(Part::Zebra) || part.has(Part::Bgp) {
        o.table(global::DEBUG, &config.global);
    }
    if part.has(Part::Bgp) {
        o.table(bgp_global::BGP, &config.global);
    }
    o.line("!");
}

impl Lines {
    /// Lines of `body`, and a `!` when there are any.
    fn section(&mut self, body: impl FnOnce(&mut Self)) {
        let start = self.len();
        body(self);
        if self.len() > start {
            self.line("!");
        }
    }

    /// A block: header, body one step in, closer.
    fn block(&mut self, header: impl std::fmt::Display, closer: &str, body: impl FnOnce(&mut Self)) {
        self.line(header);
        self.nested(body);
        self.line(closer);
        self.line("!");
    }
}

fn show_lists(config: &Config, part: Part, o: &mut Lines) {
    if part.has(Part::Zebra) || part.has(Part::Bgp) {
        o.section(|o| o.table(lists::ACCESS_LISTS, config));
        o.section(|o| o.table(lists::PREFIX_LISTS, config));
    }
    if part.has(Part::Bgp) {
        o.section(|o| o.table(lists::AS_PATH_LISTS, config));
        o.section(|o| o.table(lists::COMMUNITY_LISTS, config));
    }
}

/// Whether zebra knows the clause; it prints no other.
const fn zebra_match(m: &Match) -> bool {
    matches!(
        m,
        Match::Interface(_)
            | Match::Address(..)
            | Match::NextHop(..)
            | Match::Metric(_)
            | Match::Tag(_)
            | Match::SourceProtocol(_)
            | Match::SourceInstance(_)
    )
}

fn show_route_maps(config: &Config, part: Part, o: &mut Lines) {
    if !(part.has(Part::Zebra) || part.has(Part::Bgp)) {
        return;
    }
    let whole = part.has(Part::Bgp);
    for (name, map) in &config.route_maps {
        if map.no_optimization {
            o.no(format_args!("route-map {name} optimization"));
        }
        for (seq, entry) in &map.entries {
            o.block(format_args!("route-map {name} {} {seq}", entry.action), "exit", |o| {
                let start = o.len();
                if whole {
                    o.table(routemap::FLOW, entry);
                } else {
                    let mut partial = entry.clone();
                    partial.matches.retain(|_, m| zebra_match(m));
                    partial.sets.retain(|slot, _| matches!(slot.as_str(), "metric" | "src" | "tag"));
                    o.table(routemap::FLOW, &partial);
                }
                o.sort_from(start);
            });
        }
    }
}

fn line_vty(config: &Config, o: &mut Lines) {
    let start = o.len();
    o.line("line vty");
    let body = o.len();
    o.nested(|o| o.table(global::LINE_VTY, &config.global.line_vty));
    if o.len() == body {
        o.truncate(start);
        return;
    }
    o.line("exit");
    o.line("!");
}

fn show_bgp(config: &Config, o: &mut Lines) {
    for (name, instance) in &config.bgp {
        let which = match name {
            InstanceName::Default => String::new(),
            InstanceName::View(name) => format!(" view {name}"),
            InstanceName::Vrf(name) => format!(" vrf {name}"),
        };
        o.block(format_args!("router bgp {}{which}", instance.asn), "exit", |o| show_instance(instance, o));
    }
}

fn show_instance(b: &BgpInstance, o: &mut Lines) {
    o.table(bgp::SETTINGS, b);
    o.table(bgp::GLOBALS, &b.globals);
    o.table(bgp::DECISION, &b.globals);
    for (name, group) in &b.groups {
        o.led_by(format!("neighbor {name} "), |o| bgp_neighbor::show_group(group, o));
    }
    for (key, neighbor) in &b.neighbors {
        o.led_by(format!("neighbor {key} "), |o| bgp_neighbor::show_neighbor(key, neighbor, o));
    }
    o.table(bgp::LISTEN, b);
    for family in BgpFamily::ALL {
        show_family(b, family, o);
    }
    for (name, lines) in &b.bmp {
        o.line("!");
        o.line(format_args!("bmp targets {name}"));
        o.nested(|o| lines.iter().for_each(|line| o.line(line)));
        o.line("exit");
    }
}

fn show_family(b: &BgpInstance, family: BgpFamily, o: &mut Lines) {
    let start = o.len();
    o.line("!");
    o.line(format_args!("address-family {family}"));
    let body = o.len();
    o.nested(|o| {
        let empty = BgpAf::default();
        let af = b.afs.get(&family).unwrap_or(&empty);
        o.table(bgp_af::ORIGINATION, af);
        for (name, group) in &b.groups {
            let default = b.active_by_default(family);
            show_neighbor_af(name, group.afs.get(&family), default, o);
        }
        for (key, n) in &b.neighbors {
            let inherited = b.inherited_activation(n.group.as_deref(), family);
            show_neighbor_af(&key.to_string(), n.afs.get(&family), inherited, o);
        }
        o.table(bgp_af::REST, af);
        for (vni, lines) in &af.vnis {
            o.line(format_args!("vni {vni}"));
            o.nested(|o| lines.iter().for_each(|line| o.line(line)));
            o.line("exit-vni");
        }
    });
    if o.len() == body {
        o.truncate(start);
        return;
    }
    o.line("exit-address-family");
}

fn show_neighbor_af(name: &str, af: Option<&NeighborAf>, inherited: bool, o: &mut Lines) {
    let Some(af) = af else { return };
    o.led_by(format!("neighbor {name} "), |o| {
        if let Some(on) = af.activate
            && on != inherited
        {
            o.switch(on, "activate");
        }
        o.table(bgp_neighbor_af::NEIGHBOR, af);
        o.table(bgp_neighbor_af::FILTERS, af);
    });
}

fn of_kind<'c>(
    config: &'c Config,
    kind: &'static str,
) -> impl Iterator<Item = (&'c String, &'c OpaqueBlock)> {
    config.blocks.iter().filter(move |(header, _)| header.starts_with(kind))
}

fn show_other_blocks(config: &Config, part: Part, o: &mut Lines) {
    for (header, block) in &config.blocks {
        if header != "rpki" && part.has(Part::Other) {
            show_block(header, block, o);
        }
    }
}

fn show_block(header: &str, block: &OpaqueBlock, o: &mut Lines) {
    o.block(header, "exit", |o| {
        show_lines(&block.lines, o);
        for (header, inner) in &block.blocks {
            show_block(header, inner, o);
        }
    });
}

fn show_lines(lines: &OpaqueLines, o: &mut Lines) {
    lines.iter().for_each(|line| o.line(line));
}

impl Config {
    /// The same configuration without what is not printed: explicit defaults, and objects that say nothing.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut c = self.clone();
        c.interfaces.values_mut().for_each(|i| i.ospf.tidy());
        c.interfaces.retain(|_, i| {
            let vrf = i.vrf.take();
            let says_something = *i != Default::default();
            i.vrf = vrf;
            says_something
        });
        c.interfaces.values_mut().for_each(|i| i.opaque.sort());
        c.ospf.values_mut().chain(c.ospf6.values_mut()).for_each(OspfInstance::tidy);
        for b in c.bgp.values_mut() {
            normalize_instance(b);
        }
        c.bfd.profiles.values_mut().for_each(|p| *p = p.without_defaults());
        c.bfd.peers.values_mut().for_each(|p| p.parameters = p.telling());
        // A block that says something is rendered anyway.
        c.bfd.present |= c.bfd != Bfd::default();
        if c.global.ip_forwarding == Some(true) {
            c.global.ip_forwarding = None;
        }
        if c.global.ipv6_forwarding == Some(true) {
            c.global.ipv6_forwarding = None;
        }
        c
    }
}

fn normalize_instance(b: &mut BgpInstance) {
    let datacenter = b.profile == crate::model::global::Profile::Datacenter;
    let g = &mut b.globals;
    let drop = |field: &mut Option<bool>, default: bool| *field = field.filter(|v| *v != default);
    drop(&mut g.log_neighbor_changes, datacenter);
    drop(&mut g.ebgp_requires_policy, !datacenter);
    drop(&mut g.enforce_first_as, datacenter);
    drop(&mut g.default_ipv4_unicast, true);
    drop(&mut g.show_hostname, datacenter);
    drop(&mut g.show_nexthop_hostname, datacenter);
    drop(&mut g.bestpath.deterministic_med, datacenter);
    drop(&mut g.import_check, true);
    drop(&mut g.suppress_duplicates, true);
    let inherited = b.clone();
    for n in b.neighbors.values_mut() {
        for (family, af) in &mut n.afs {
            let default = inherited.inherited_activation(n.group.as_deref(), *family);
            drop(&mut af.activate, default);
        }
        n.afs.retain(|_, af| *af != NeighborAf::default());
    }
    for group in b.groups.values_mut() {
        for (family, af) in &mut group.afs {
            drop(&mut af.activate, inherited.active_by_default(*family));
        }
        group.afs.retain(|_, af| *af != NeighborAf::default());
    }
    b.afs.retain(|_, af| *af != BgpAf::default());
}
