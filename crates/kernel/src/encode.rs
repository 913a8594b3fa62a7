//! FIB operations as netlink messages.

use std::net::IpAddr;
use std::num::NonZeroU16;

use ferr_rib::{FibAction, FibNexthop, FibOp, FibTarget, KERNEL_METRIC, NhId};
use ferr_types::{Afi, BlackholeKind, Prefix, Protocol, TableId};

use crate::msg::{
    AF_INET, AF_INET6, Batch, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, RTM_DELNEXTHOP, RTM_DELROUTE,
    RTM_NEWNEXTHOP, RTM_NEWROUTE,
};

pub(crate) const NHA_ID: u16 = 1;
pub(crate) const NHA_GROUP: u16 = 2;
pub(crate) const NHA_GROUP_TYPE: u16 = 3;
pub(crate) const NHA_OIF: u16 = 5;
pub(crate) const NHA_GATEWAY: u16 = 6;
pub(crate) const NHA_RES_GROUP: u16 = 12;
pub(crate) const NHA_RES_GROUP_BUCKETS: u16 = 1;
pub(crate) const NHA_RES_GROUP_IDLE_TIMER: u16 = 2;

/// `NEXTHOP_GRP_TYPE_RES`.
const RESILIENT: u16 = 1;

pub(crate) const RTA_DST: u16 = 1;
pub(crate) const RTA_OIF: u16 = 4;
pub(crate) const RTA_GATEWAY: u16 = 5;
pub(crate) const RTA_PRIORITY: u16 = 6;
pub(crate) const RTA_PREFSRC: u16 = 7;
pub(crate) const RTA_MULTIPATH: u16 = 9;
pub(crate) const RTA_TABLE: u16 = 15;
pub(crate) const RTA_VIA: u16 = 18;
pub(crate) const RTA_NH_ID: u16 = 30;

pub(crate) const RTN_UNICAST: u8 = 1;
pub(crate) const RTN_BLACKHOLE: u8 = 6;
pub(crate) const RTN_UNREACHABLE: u8 = 7;
pub(crate) const RTN_PROHIBIT: u8 = 8;

const RTNH_F_ONLINK: u8 = 4;
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_NOWHERE: u8 = 255;

/// `nh_protocol` of our next-hop objects: that of routing daemons of this kind, which do not tell protocols apart there.
pub(crate) const NEXTHOP_PROTOCOL: u8 = match Protocol::Table.kernel_protocol() {
    Some(protocol) => protocol,
    None => 11,
};

const fn family(afi: Afi) -> u8 {
    match afi {
        Afi::Ipv4 => AF_INET,
        Afi::Ipv6 => AF_INET6,
    }
}

fn address(batch: &mut Batch, kind: u16, addr: IpAddr) {
    match addr {
        IpAddr::V4(a) => batch.attr(kind, &a.octets()),
        IpAddr::V6(a) => batch.attr(kind, &a.octets()),
    }
}

/// Appends one operation.
pub(crate) fn encode(batch: &mut Batch, seq: u32, op: &FibOp) {
    match &op.action {
        FibAction::NexthopAdd { id, nexthop } => nexthop_add(batch, seq, *id, nexthop),
        FibAction::NexthopDel { id } | FibAction::GroupDel { id } => nexthop_del(batch, seq, *id),
        FibAction::GroupSet { id, members, buckets, replace } => {
            group_set(batch, seq, *id, members, *buckets, *replace);
        }
        FibAction::RouteSet { table, prefix, protocol, source, target } => {
            route_set(batch, seq, (*table, *prefix), *protocol, *source, target);
        }
        FibAction::RouteDel { table, prefix, protocol } => route_del(batch, seq, *table, *prefix, *protocol),
    }
}

fn nexthop_add(batch: &mut Batch, seq: u32, id: NhId, nexthop: &FibNexthop) {
    let flags = if nexthop.onlink { u32::from(RTNH_F_ONLINK) } else { 0 };
    let mut fixed = [family(nexthop.afi), 0, NEXTHOP_PROTOCOL, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&flags.to_ne_bytes());
    batch.begin(RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_EXCL, seq, &fixed);
    batch.attr_u32(NHA_ID, id.0);
    batch.attr_u32(NHA_OIF, nexthop.ifindex.0);
    if let Some(gateway) = nexthop.gateway {
        address(batch, NHA_GATEWAY, gateway);
    }
    batch.end();
}

fn group_set(
    batch: &mut Batch,
    seq: u32,
    id: NhId,
    members: &[(NhId, u8)],
    buckets: Option<NonZeroU16>,
    replace: bool,
) {
    let flags = NLM_F_CREATE | if replace { NLM_F_REPLACE } else { NLM_F_EXCL };
    batch.begin(RTM_NEWNEXTHOP, flags, seq, &[0, 0, NEXTHOP_PROTOCOL, 0, 0, 0, 0, 0]);
    batch.attr_u32(NHA_ID, id.0);
    let mut entries = Vec::with_capacity(members.len() * 8);
    for (member, weight) in members {
        entries.extend_from_slice(&member.0.to_ne_bytes());
        // The kernel counts weights from 0.
        entries.extend_from_slice(&[weight.saturating_sub(1), 0, 0, 0]);
    }
    batch.attr(NHA_GROUP, &entries);
    if let Some(buckets) = buckets {
        batch.attr(NHA_GROUP_TYPE, &RESILIENT.to_ne_bytes());
        batch.nested(NHA_RES_GROUP, |batch| {
            batch.attr(NHA_RES_GROUP_BUCKETS, &buckets.get().to_ne_bytes());
            // Buckets move at once, in use or not.
            batch.attr_u32(NHA_RES_GROUP_IDLE_TIMER, 0);
        });
    }
    batch.end();
}

/// Deletes an object or a group.
pub(crate) fn nexthop_del(batch: &mut Batch, seq: u32, id: NhId) {
    batch.begin(RTM_DELNEXTHOP, 0, seq, &[0; 8]);
    batch.attr_u32(NHA_ID, id.0);
    batch.end();
}

fn rtmsg(prefix: Prefix, table: TableId, protocol: u8, scope: u8, kind: u8) -> [u8; 12] {
    // Tables beyond one octet are named by the attribute alone.
    let short = u8::try_from(table.0).unwrap_or(0);
    [family(prefix.afi()), prefix.len(), 0, 0, short, protocol, scope, kind, 0, 0, 0, 0]
}

fn destination(batch: &mut Batch, table: TableId, prefix: Prefix) {
    address(batch, RTA_DST, prefix.addr());
    batch.attr_u32(RTA_TABLE, table.0);
    batch.attr_u32(RTA_PRIORITY, KERNEL_METRIC);
}

fn route_set(
    batch: &mut Batch,
    seq: u32,
    (table, prefix): (TableId, Prefix),
    protocol: u8,
    source: Option<IpAddr>,
    target: &FibTarget,
) {
    let (kind, scope) = match target {
        FibTarget::Blackhole(BlackholeKind::Drop) => (RTN_BLACKHOLE, SCOPE_UNIVERSE),
        FibTarget::Blackhole(BlackholeKind::Reject) => (RTN_UNREACHABLE, SCOPE_UNIVERSE),
        FibTarget::Blackhole(BlackholeKind::Prohibit) => (RTN_PROHIBIT, SCOPE_UNIVERSE),
        FibTarget::Plain(ways) if ways.iter().all(|(w, _)| w.gateway.is_none()) => (RTN_UNICAST, SCOPE_LINK),
        FibTarget::Plain(_) | FibTarget::Group(_) => (RTN_UNICAST, SCOPE_UNIVERSE),
    };
    let fixed = rtmsg(prefix, table, protocol, scope, kind);
    batch.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, seq, &fixed);
    destination(batch, table, prefix);
    if let Some(source) = source.filter(|s| s.is_ipv4() == (prefix.afi() == Afi::Ipv4)) {
        address(batch, RTA_PREFSRC, source);
    }
    match target {
        FibTarget::Group(id) => batch.attr_u32(RTA_NH_ID, id.0),
        FibTarget::Plain(ways) => batch.nested(RTA_MULTIPATH, |batch| {
            for (way, weight) in ways {
                let flags = if way.onlink { RTNH_F_ONLINK } else { 0 };
                batch.rtnexthop(flags, weight.saturating_sub(1), way.ifindex.0, |batch| {
                    plain_gateway(batch, prefix.afi(), way);
                });
            }
        }),
        FibTarget::Blackhole(_) => {}
    }
    batch.end();
}

fn plain_gateway(batch: &mut Batch, afi: Afi, way: &FibNexthop) {
    match (afi, way.gateway) {
        (Afi::Ipv4, Some(IpAddr::V6(gateway))) => {
            let mut via = [0; 18];
            via[..2].copy_from_slice(&u16::from(AF_INET6).to_ne_bytes());
            via[2..].copy_from_slice(&gateway.octets());
            batch.attr(RTA_VIA, &via);
        }
        (_, Some(gateway)) => address(batch, RTA_GATEWAY, gateway),
        (_, None) => {}
    }
}

/// Deletes a route of ours; `protocol` 0 is any.
pub(crate) fn route_del(batch: &mut Batch, seq: u32, table: TableId, prefix: Prefix, protocol: u8) {
    batch.begin(RTM_DELROUTE, 0, seq, &rtmsg(prefix, table, protocol, SCOPE_NOWHERE, 0));
    destination(batch, table, prefix);
    batch.end();
}
