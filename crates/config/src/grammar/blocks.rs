//! Blocks that are accepted and kept as text: RPKI, next-hop groups, PBR, ...
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
    Rpki,
    NexthopGroup,
    PbrMap,
    SegmentRouting,
    Other,
}

impl BlockKind {
    pub(crate) const fn prompt(self) -> &'static str {
        match self {
            Self::Rpki => "config-rpki",
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
    block!("rpki", Rpki),
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

const RPKI: &[Stmt<OpaqueBlock>] = &[
    inert!("rpki polling_period ~ (1-86400)", lines),
    inert!("rpki expire_interval ~ (600-172800)", lines),
    inert!("rpki retry_interval ~ (1-7200)", lines),
    inert!("rpki cache LINE...", lines),
    inert!("rpki <start|stop|reset>", lines),
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
    pub(crate) const ALL: [Self; 5] =
        [Self::Rpki, Self::NexthopGroup, Self::PbrMap, Self::SegmentRouting, Self::Other];
}

/// What a block takes.
pub(crate) const fn tables(kind: BlockKind) -> &'static [&'static [Stmt<OpaqueBlock>]] {
    match kind {
        BlockKind::Rpki => &[RPKI],
        BlockKind::NexthopGroup => &[NEXTHOP_GROUP],
        BlockKind::PbrMap => &[PBR_MAP],
        BlockKind::SegmentRouting | BlockKind::Other => &[OTHER],
    }
}
