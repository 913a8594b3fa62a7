//! Blocks that are accepted and kept as text: OSPF, OSPFv3, RPKI, key chains, next-hop groups, PBR, ...
//!
//! Invariant: what a block takes is an explicit list; unknown words in it are errors, as elsewhere.

use super::args::Args;
use super::mode::Mode;
use super::table::{Applied, DONE, Effect, Stmt, alias, inert};
use crate::model::Config;
use crate::model::opaque::OpaqueBlock;

/// Kinds of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BlockKind {
    Ospf,
    Ospf6,
    Rpki,
    KeyChain,
    Key,
    NexthopGroup,
    PbrMap,
    SegmentRouting,
    Other,
}

impl BlockKind {
    pub(crate) const fn prompt(self) -> &'static str {
        match self {
            Self::Ospf => "config-router",
            Self::Ospf6 => "config-ospf6",
            Self::Rpki => "config-rpki",
            Self::KeyChain => "config-keychain",
            Self::Key => "config-keychain-key",
            Self::NexthopGroup => "config-nh-group",
            Self::PbrMap => "config-pbr-map",
            Self::SegmentRouting => "config-sr",
            Self::Other => "config-router",
        }
    }
}

/// Opens a top-level block.
fn open(c: &mut Config, a: &Args<'_>, kind: BlockKind) -> Applied {
    let header = a.canonical();
    c.blocks.entry(header.clone()).or_default();
    Ok(Effect::Enter(Mode::Block(kind, vec![header])))
}

/// Removes the block, or (with words left out) those whose header begins so.
fn close(c: &mut Config, a: &Args<'_>) -> Applied {
    c.blocks.remove(&a.canonical());
    DONE
}

macro_rules! block {
    ($syntax:literal, $kind:ident) => {
        alias($syntax, |c, a| open(c, a, BlockKind::$kind), close)
    };
}

/// Headers at top level.
pub(crate) static HEADERS: &[Stmt<Config>] = &[
    block!("router ospf [(1-65535)] [vrf NAME]", Ospf),
    block!("router ospf6 [vrf NAME]", Ospf6),
    block!("rpki", Rpki),
    block!("key chain NAME", KeyChain),
    block!("nexthop-group NAME", NexthopGroup),
    block!("pbr-map NAME seq (1-700)", PbrMap),
    block!("segment-routing", SegmentRouting),
    block!("router rip [vrf NAME]", Other),
    block!("router ripng [vrf NAME]", Other),
    block!("router isis WORD [vrf NAME]", Other),
    block!("router eigrp (1-65535) [vrf NAME]", Other),
    block!("router openfabric WORD", Other),
    block!("router babel", Other),
    block!("mpls ldp", Other),
    block!("pseudowire IFNAME", Other),
    block!("l2vpn WORD type vpls", Other),
    block!("vrf-policy NAME", Other),
];

/// An inner block's header becomes part of the path; the object here is the outer block.
fn enter(b: &mut OpaqueBlock, a: &Args<'_>, kind: BlockKind) -> Applied {
    let header = a.canonical();
    b.blocks.entry(header.clone()).or_default();
    Ok(Effect::Enter(Mode::Block(kind, vec![header])))
}

fn leave(b: &mut OpaqueBlock, a: &Args<'_>) -> Applied {
    b.blocks.remove(&a.canonical());
    DONE
}

macro_rules! inner {
    ($syntax:literal, $kind:ident) => {
        alias($syntax, |b, a| enter(b, a, BlockKind::$kind), leave)
    };
}

const OSPF: &[Stmt<OpaqueBlock>] = &[
    inert!("ospf router-id ~ A.B.C.D", lines),
    inert!("router-id ~ A.B.C.D", lines),
    inert!("ospf abr-type ~ <cisco|ibm|shortcut|standard>", lines),
    inert!("ospf rfc1583compatibility", lines),
    inert!("ospf opaque-lsa", lines),
    inert!("ospf LINE...", lines),
    inert!("network A.B.C.D/M area <A.B.C.D|(0-4294967295)>", lines),
    inert!("passive-interface IFNAME ~ [A.B.C.D]", lines),
    inert!("log-adjacency-changes ~ [detail]", lines),
    inert!(
        "redistribute PROTOCOL ~ [(1-65535)] [{metric (0-16777214)|metric-type (1-2)|route-map NAME}]",
        lines
    ),
    inert!(
        "default-information originate ~ [{always|metric (0-16777214)|metric-type (1-2)|route-map NAME}]",
        lines
    ),
    inert!("default-metric ~ (0-16777214)", lines),
    inert!("distance ospf ~ LINE...", lines),
    inert!("distance ~ (1-255)", lines),
    inert!("auto-cost reference-bandwidth ~ (1-4294967)", lines),
    inert!("timers throttle spf ~ (0-600000) (0-600000) (0-600000)", lines),
    inert!("timers throttle lsa all ~ (0-5000)", lines),
    inert!("timers lsa min-arrival ~ (0-5000)", lines),
    inert!("maximum-paths ~ (1-256)", lines),
    inert!("max-metric router-lsa administrative", lines),
    inert!("max-metric router-lsa on-startup ~ (5-86400)", lines),
    inert!("max-metric router-lsa on-shutdown ~ (5-100)", lines),
    inert!("refresh timer ~ (10-1800)", lines),
    inert!("write-multiplier ~ (1-100)", lines),
    inert!("compatible rfc1583", lines),
    inert!("capability opaque", lines),
    inert!("neighbor A.B.C.D ~ [{priority (0-255)|poll-interval (1-65535)}]", lines),
    inert!("graceful-restart ~ [grace-period (1-1800)]", lines),
    inert!("graceful-restart helper LINE...", lines),
    inert!("distribute-list NAME out PROTOCOL", lines),
    inert!("summary-address A.B.C.D/M ~ [<tag (1-4294967295)|no-advertise>]", lines),
    inert!("aggregation timer ~ (5-1800)", lines),
    inert!("proactive-arp", lines),
    inert!("flood-reduction", lines),
    inert!("mpls-te LINE...", lines),
    inert!("router-info LINE...", lines),
    inert!("pce LINE...", lines),
    inert!("segment-routing LINE...", lines),
    inert!("fast-reroute LINE...", lines),
    inert!("mpls ldp-sync ~ [LINE...]", lines),
    inert!("socket LINE...", lines),
    inert!("area AREA LINE...", lines),
];

const OSPF6: &[Stmt<OpaqueBlock>] = &[
    inert!("ospf6 router-id ~ A.B.C.D", lines),
    inert!("log-adjacency-changes ~ [detail]", lines),
    inert!("redistribute PROTOCOL ~ [{metric (0-16777214)|metric-type (1-2)|route-map NAME}]", lines),
    inert!(
        "default-information originate ~ [{always|metric (0-16777214)|metric-type (1-2)|route-map NAME}]",
        lines
    ),
    inert!("auto-cost reference-bandwidth ~ (1-4294967)", lines),
    inert!("timers throttle spf ~ (0-600000) (0-600000) (0-600000)", lines),
    inert!("timers lsa min-arrival ~ (0-600000)", lines),
    inert!("maximum-paths ~ (1-256)", lines),
    inert!("distance ospf6 ~ LINE...", lines),
    inert!("distance ~ (1-255)", lines),
    inert!("stub-router administrative", lines),
    inert!("summary-address X:X::X:X/M ~ [LINE...]", lines),
    inert!("aggregation timer ~ (5-1800)", lines),
    inert!("graceful-restart ~ [grace-period (1-1800)]", lines),
    inert!("graceful-restart helper LINE...", lines),
    inert!("interface IFNAME area <A.B.C.D|(0-4294967295)>", lines),
    inert!("area AREA LINE...", lines),
];

const RPKI: &[Stmt<OpaqueBlock>] = &[
    inert!("rpki polling_period ~ (1-86400)", lines),
    inert!("rpki expire_interval ~ (600-172800)", lines),
    inert!("rpki retry_interval ~ (1-7200)", lines),
    inert!("rpki cache LINE...", lines),
    inert!("rpki <start|stop|reset>", lines),
];

const KEY_CHAIN: &[Stmt<OpaqueBlock>] = &[inner!("key (0-2147483647)", Key)];

const KEY: &[Stmt<OpaqueBlock>] = &[
    inert!("key-string ~ LINE...", lines),
    inert!("cryptographic-algorithm ~ WORD", lines),
    inert!("accept-lifetime ~ LINE...", lines),
    inert!("send-lifetime ~ LINE...", lines),
];

const NEXTHOP_GROUP: &[Stmt<OpaqueBlock>] = &[
    inert!("nexthop LINE...", lines),
    inert!("backup-group ~ NAME", lines),
    inert!("resilient ~ LINE...", lines),
];

const PBR_MAP: &[Stmt<OpaqueBlock>] = &[
    inert!("match <src-ip|dst-ip|src-port|dst-port|mark|dscp|ecn|ip-protocol|pcp|vlan> ~ LINE...", lines),
    inert!("set <nexthop|nexthop-group|vrf|queue-id|pcp|vlan|strip> ~ [LINE...]", lines),
];

const OTHER: &[Stmt<OpaqueBlock>] = &[inert!("LINE...", lines)];

impl BlockKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 9] = [
        Self::Ospf,
        Self::Ospf6,
        Self::Rpki,
        Self::KeyChain,
        Self::Key,
        Self::NexthopGroup,
        Self::PbrMap,
        Self::SegmentRouting,
        Self::Other,
    ];
}

/// What a block takes.
pub(crate) const fn tables(kind: BlockKind) -> &'static [&'static [Stmt<OpaqueBlock>]] {
    match kind {
        BlockKind::Ospf => &[OSPF],
        BlockKind::Ospf6 => &[OSPF6],
        BlockKind::Rpki => &[RPKI],
        BlockKind::KeyChain => &[KEY_CHAIN],
        BlockKind::Key => &[KEY],
        BlockKind::NexthopGroup => &[NEXTHOP_GROUP],
        BlockKind::PbrMap => &[PBR_MAP],
        BlockKind::SegmentRouting | BlockKind::Other => &[OTHER],
    }
}
