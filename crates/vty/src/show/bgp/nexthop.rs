//! `show bgp nexthop`, and what BGP follows for `show ip nht`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use ferr_state::bgp::config::{NeighborConfig, Reach};
use ferr_state::bgp::{PeerView, State};
use ferr_state::{BgpInstance, NO_VRF};
use ferr_types::{IfIndex, NexthopReach, VrfId};
use serde_json::Value;

use super::select::Scope;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::zebra::names::Names;
use crate::show::{Clock, Ctx};
use crate::time;

/// A next hop of paths, or the address of a neighbor.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// The address.
    pub(crate) addr: IpAddr,
    /// It must be on a connected network: a neighbor of another AS on the link.
    pub(crate) connected: bool,
    /// Interface of a link-local address, about which the RIB is not asked; since when, and whether it serves.
    pub(crate) link: Option<IfIndex>,
    /// The RIB knows about it.
    asked: bool,
    peer: Option<String>,
    paths: u32,
    usable: Option<bool>,
    reach: Option<NexthopReach>,
    since: Option<Instant>,
}

const fn is_link_local(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local())
}

fn must_be_connected(peer: &PeerView) -> bool {
    let config: &NeighborConfig = &peer.config;
    peer.kind != "internal" && config.reach == Reach::Direct && !config.disable_connected_check
}

/// All that an instance follows, in order of address, IPv4 first. A view takes every next hop as it is, and asks nobody.
pub(crate) fn followed(instance: &mut BgpInstance) -> Vec<Followed> {
    if instance.bgp.config().vrf == NO_VRF {
        return Vec::new();
    }
    let asks = !instance.view;
    let peers = instance.bgp.peer_views();
    let mut all: BTreeMap<IpAddr, Followed> = BTreeMap::new();
    for view in instance.bgp.nexthops() {
        let mut entry = Followed {
            addr: view.addr,
            connected: false,
            link: None,
            asked: asks && !is_link_local(view.addr),
            peer: None,
            paths: view.path_count,
            usable: Some(view.usable),
            reach: view.reach.filter(|_| asks),
            since: None,
        };
        if let Some(old) = all.get(&view.addr) {
            entry.paths += old.paths;
        }
        if asks && is_link_local(view.addr) {
            on_link(&mut entry, &peers);
        }
        all.insert(view.addr, entry);
    }
    for peer in peers.iter().filter(|p| p.config.shutdown.is_none()) {
        let Some(addr) = peer.config.addr else { continue };
        let established = peer.state == State::Established;
        let entry = all.entry(addr).or_insert_with(|| Followed {
            addr,
            connected: false,
            link: None,
            asked: asks && !is_link_local(addr),
            peer: None,
            paths: 0,
            usable: if asks { is_link_local(addr).then_some(established) } else { Some(true) },
            reach: None,
            since: None,
        });
        entry.peer = Some(peer.config.name.clone());
        entry.connected |= asks && must_be_connected(peer);
        if asks && is_link_local(addr) {
            entry.link = peer.config.interface;
            entry.since = peer.established;
        }
    }
    all.into_values().collect()
}

/// The session that brings a link-local next hop says on which interface it is; several say nothing.
fn on_link(entry: &mut Followed, peers: &[PeerView]) {
    let sessions: Vec<&PeerView> =
        peers.iter().filter(|p| p.established.is_some() && p.addresses.ifindex.0 != 0).collect();
    let Some(first) = sessions.first() else { return };
    if sessions.iter().all(|p| p.addresses.ifindex == first.addresses.ifindex) {
        entry.link = Some(first.addresses.ifindex);
        entry.connected = sessions.iter().any(|p| must_be_connected(p));
        entry.since = sessions.iter().filter_map(|p| p.established).max();
    }
}

impl Followed {
    /// Takes in what the RIB says now.
    fn look_up(&mut self, rib: &mut ferr_state::rib::Rib, vrf: VrfId) {
        if !self.asked {
            return;
        }
        let found = rib.look_up(vrf, self.addr);
        self.since = found.as_ref().map(|(_, since)| *since);
        if self.usable.is_none() {
            self.reach = found.map(|(reach, _)| reach);
        }
    }

    fn valid(&self) -> bool {
        self.usable
            .unwrap_or_else(|| self.reach.as_ref().is_some_and(|reach| reach.connected || !self.connected))
    }

    fn hops(&self) -> Vec<(IfIndex, Option<IpAddr>)> {
        match &self.reach {
            Some(reach) => reach.nexthops.clone(),
            None => self.link.iter().map(|link| (*link, None)).collect(),
        }
    }

    fn object(&self, names: &Names, clock: &Clock) -> Obj {
        let mut o = Obj::new();
        o.put("valid", self.valid()).put("complete", self.valid() || self.reach.is_some());
        o.opt("igpMetric", self.reach.as_ref().map(|r| r.metric.0));
        o.put("pathCount", self.paths).opt("peer", self.peer.clone());
        o.opt("resolvedPrefix", self.reach.as_ref().map(|r| r.prefix.to_string()));
        let hop = |(ifindex, gateway): &(IfIndex, Option<IpAddr>)| -> Value {
            let mut hop = Obj::new();
            hop.opt("ip", gateway.map(|g| g.to_string())).put("interfaceName", names.link(*ifindex));
            hop.into()
        };
        o.put("nexthops", self.hops().iter().map(hop).collect::<Vec<_>>());
        if let Some(since) = self.since.map(|at| clock.wall(at)) {
            let mut update = Obj::new();
            update.put("epoch", time::epoch(since)).put("string", format!("{}\n", time::ctime(since)));
            o.put("lastUpdate", update);
        }
        o
    }

    fn text(&self, out: &mut Out<'_>, names: &Names, clock: &Clock) {
        let peer = self.peer.as_ref().map_or_else(String::new, |name| format!(", peer {name}"));
        if self.valid() {
            let metric = self.reach.as_ref().map_or(0, |r| r.metric.0);
            line!(out, " {} valid [IGP metric {metric}], #paths {}{peer}", self.addr, self.paths);
            for (ifindex, gateway) in self.hops() {
                match gateway {
                    Some(gateway) => line!(out, "  gate {gateway}, if {}", names.link(ifindex)),
                    None => line!(out, "  if {}", names.link(ifindex)),
                }
            }
        } else {
            line!(out, " {} invalid, #paths {}{peer}", self.addr, self.paths);
            if self.connected {
                line!(out, "  Must be Connected");
            }
        }
        if let Some(since) = self.since {
            line!(out, "  Last update: {}", time::ctime(clock.wall(since)));
        }
        line!(out);
    }
}

/// `show bgp nexthop`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let scope = Scope::of(args);
    let wanted: Option<IpAddr> =
        args.get("A.B.C.D").or_else(|| args.get("X:X::X:X")).and_then(|a| a.parse().ok());
    let asked = scope.clone();
    let (mut found, now) = ctx
        .handle()
        .bgp(move |world, now| {
            let per_name = asked.names(world).into_iter().filter_map(|name| {
                let instance = world.instances.get_mut(&name)?;
                let mut all = followed(instance);
                all.retain(|f| wanted.is_none_or(|w| w == f.addr));
                Some((name, instance.bgp.config().vrf, all))
            });
            (per_name.collect::<Vec<_>>(), now)
        })
        .await?;
    let (names, found) = ctx
        .handle()
        .rib(move |rib, _| {
            for (_, vrf, all) in &mut found {
                all.iter_mut().for_each(|f| f.look_up(rib, *vrf));
            }
            (Names::of(rib), found)
        })
        .await?;
    let clock = Clock::new(ctx.handle(), now);
    if args.has("json") {
        json(ctx, &scope, &found, &names, &clock);
        return Ok(Status::Success);
    }
    for (name, _, all) in &found {
        if scope.is_all() {
            line!(ctx.out, "\nInstance {name}:");
        }
        if wanted.is_none() {
            line!(ctx.out, "Current BGP nexthop cache:");
        } else if all.is_empty() {
            line!(ctx.out, "specified nexthop is not found");
        }
        for entry in all {
            entry.text(&mut ctx.out, &names, &clock);
            ctx.out.breathe().await?;
        }
    }
    Ok(Status::Success)
}

fn json(
    ctx: &mut Ctx<'_>,
    scope: &Scope,
    found: &[(String, VrfId, Vec<Followed>)],
    names: &Names,
    clock: &Clock,
) {
    let mut all = Obj::new();
    for (name, _, entries) in found {
        let (mut v4, mut v6) = (Obj::new(), Obj::new());
        for entry in entries {
            let map = if entry.addr.is_ipv4() { &mut v4 } else { &mut v6 };
            map.put(entry.addr.to_string(), entry.object(names, clock));
        }
        let mut o = Obj::new();
        o.put("ipv4", v4).put("ipv6", v6);
        if !scope.is_all() {
            return ctx.out.push(&o.pretty());
        }
        all.put(name.clone(), o);
    }
    ctx.out.push(&all.pretty());
}
