//! Smaller commands of BGP.

use std::collections::BTreeMap;

use ferr_state::bgp::config::RemoteAs;
use ferr_state::bgp::{DestView, GroupView, PeerView, RouteFilter, State};
use ferr_types::{Afi, Family, Prefix};
use serde_json::Value;

use super::select::{self, Scope, Wanted};
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// Prefixes per job.
const SLICE: usize = 500;

/// `show bgp vrfs`.
pub(super) async fn vrfs(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let mut rows = ctx
        .handle()
        .bgp(|world, _| {
            // A view is not of a VRF.
            let of_vrfs = world.instances.iter_mut().filter(|(_, i)| !i.view);
            let rows = of_vrfs.map(|(name, instance)| {
                let peers = instance.bgp.peer_views();
                let up = peers.iter().filter(|p| p.state == State::Established).count();
                let config = instance.bgp.config();
                let kind = if name == select::DEFAULT { "DFLT" } else { "VRF" };
                (
                    name.clone(),
                    kind,
                    select::shown_vrf(config.vrf),
                    config.router_id.to_string(),
                    peers.len(),
                    up,
                )
            });
            rows.collect::<Vec<_>>()
        })
        .await?;
    rows.sort_by_key(|r| r.0 != select::DEFAULT);
    if args.has("json") {
        let mut vrfs = Obj::new();
        for (name, kind, id, router_id, peers, up) in &rows {
            let mut o = Obj::new();
            o.put("type", *kind)
                .put("vrfId", *id)
                .put("routerId", router_id.clone())
                .put("numConfiguredPeers", *peers)
                .put("numEstablishedPeers", *up)
                .put("l3vni", 0)
                .put("rmac", "00:00:00:00:00:00")
                .put("interface", "unknown");
            vrfs.put(name.clone(), o);
        }
        let mut o = Obj::new();
        o.put("vrfs", vrfs).put("totalVrfs", rows.len());
        ctx.out.push(&o.pretty());
        return Ok(Status::Success);
    }
    line!(ctx.out, "Type  Id     routerId          #PeersCfg  #PeersEstb  Name");
    line!(ctx.out, "             L3-VNI            RouterMAC              Interface");
    for (name, kind, id, router_id, peers, up) in &rows {
        line!(ctx.out, "{kind:>4}  {id:<5}  {router_id:<16}  {peers:<9}  {up:<10}  {name}");
        line!(ctx.out, "{:<12} {:<16}  {:<21}  unknown", "", 0, "00:00:00:00:00:00");
    }
    line!(ctx.out, "\nTotal number of VRFs (including default): {}", rows.len());
    Ok(Status::Success)
}

/// `show bgp views`.
pub(super) async fn views(ctx: &mut Ctx<'_>) -> Outcome {
    let names = ctx
        .handle()
        .bgp(|world, _| {
            let views = world.instances.iter().filter(|(_, i)| i.view);
            views.map(|(n, i)| (n.clone(), i.bgp.config().asn)).collect::<Vec<_>>()
        })
        .await?;
    line!(ctx.out, "Defined BGP views:");
    names.iter().for_each(|(name, asn)| line!(ctx.out, "\t{name} (AS{asn})"));
    Ok(Status::Success)
}

fn group_object(peers: &[&PeerView], own: u32) -> Obj {
    let mut o = Obj::new();
    let Some(first) = peers.first() else { return o };
    match first.config.remote_as {
        RemoteAs::Asn(asn) => {
            o.put("remoteAs", asn.0).put("type", if asn.0 == own { "internal" } else { "external" });
        }
        RemoteAs::Internal => {
            o.put("type", "internal");
        }
        RemoteAs::External => {
            o.put("type", "external");
        }
        RemoteAs::Auto => {
            o.put("type", "auto");
        }
    }
    let families = Family::ALL.into_iter().filter(|f| first.families[*f].is_some());
    o.put("addressFamiliesConfigured", families.map(|f| f.to_string()).collect::<Vec<_>>());
    let mut members = Obj::new();
    for peer in peers {
        let mut member = Obj::new();
        member.put("status", super::summary::state_text(peer)).flag("dynamic", peer.config.dynamic);
        members.put(peer.config.name.clone(), member);
    }
    o.put("members", members);
    o
}

/// `show bgp peer-group`.
pub(super) async fn peer_groups(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (scope, wanted) = (Scope::of(args), args.get("PGNAME").map(ToOwned::to_owned));
    let found = ctx
        .handle()
        .bgp(move |world, _| {
            let names = scope.names(world);
            let instances = names.iter().filter_map(|name| {
                let bgp = &mut world.instances.get_mut(name)?.bgp;
                let own = bgp.config().asn.0;
                Some((own, bgp.peer_views()))
            });
            instances.collect::<Vec<_>>()
        })
        .await?;
    let mut all = Obj::new();
    for (own, peers) in &found {
        let mut groups: BTreeMap<&str, Vec<&PeerView>> = BTreeMap::new();
        for peer in peers {
            if let Some(group) = peer.config.peer_group.as_deref() {
                groups.entry(group).or_default().push(peer);
            }
        }
        groups.retain(|name, _| wanted.as_deref().is_none_or(|w| w == *name));
        for (name, peers) in groups {
            if args.has("json") {
                all.put(name, group_object(&peers, *own));
            } else {
                group_text(&mut ctx.out, name, &peers, *own);
            }
        }
    }
    if args.has("json") {
        ctx.out.push(&all.pretty());
    }
    Ok(Status::Success)
}

fn group_text(out: &mut Out<'_>, name: &str, peers: &[&PeerView], own: u32) {
    match peers.first().map(|p| p.config.remote_as) {
        Some(RemoteAs::Asn(asn)) => line!(out, "\nBGP peer-group {name}, remote AS {asn}"),
        _ => line!(out, "\nBGP peer-group {name}"),
    }
    let internal = peers.first().is_some_and(|p| p.remote_as.is_some_and(|a| a.0 == own));
    line!(out, "  Peer-group type is {}", if internal { "internal" } else { "external" });
    let families: Vec<String> = Family::ALL
        .into_iter()
        .filter(|f| peers.first().is_some_and(|p| p.families[*f].is_some()))
        .map(|f| f.to_string())
        .collect();
    line!(out, "  Configured address-families: {};", families.join("; "));
    line!(out, "  Peer-group members:");
    for peer in peers {
        let dynamic = if peer.config.dynamic { " (dynamic)" } else { "" };
        line!(out, "    {}{dynamic}  {}", peer.config.name, super::summary::state_text(peer));
    }
}

/// `show bgp update-groups`.
pub(super) async fn update_groups(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let scope = Scope::of(args);
    let families: Vec<Family> = match select::afi(args) {
        None => Family::ALL.to_vec(),
        Some(afi) => Family::ALL.into_iter().filter(|f| f.afi() == afi).collect(),
    };
    // Members, and whether they were left behind.
    type Row = (Family, GroupView, Vec<(String, bool)>);
    let rows = ctx
        .handle()
        .bgp(move |world, _| {
            let mut rows: Vec<Row> = Vec::new();
            for name in scope.names(world) {
                let Some(instance) = world.instances.get_mut(&name) else { continue };
                for family in &families {
                    for group in instance.bgp.groups(*family) {
                        let name = |id| instance.bgp.neighbor(id).map(|c| c.name.clone());
                        let names = group
                            .members
                            .iter()
                            .filter_map(|id| Some((name(*id)?, group.behind.contains(id))));
                        let names = names.collect();
                        rows.push((*family, group, names));
                    }
                }
            }
            rows
        })
        .await?;
    if args.has("json") {
        let mut o = Obj::new();
        for (family, group, members) in &rows {
            let mut inner = Obj::new();
            inner
                .put("afi", family.to_string())
                .opt("outgoingRouteMap", group.route_map.clone())
                .put("peers", members.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
            o.put(group.id.number().to_string(), inner);
        }
        ctx.out.push(&o.pretty());
        return Ok(Status::Success);
    }
    for (family, group, members) in &rows {
        let id = group.id.number();
        line!(ctx.out, "Update-group {id}:");
        line!(ctx.out, "  Address family: {family}");
        group.route_map.iter().for_each(|m| line!(ctx.out, "  Outgoing route map: {m}"));
        line!(ctx.out, "  MRAI value (seconds): 0\n");
        line!(ctx.out, "  Update-subgroup {id}:");
        line!(ctx.out, "    Peers:");
        for (name, behind) in members {
            let behind = if *behind { " (left behind: it does not read)" } else { "" };
            line!(ctx.out, "      - {name}{behind}");
        }
    }
    Ok(Status::Success)
}

/// `show bgp memory` and `show bgp attribute-info`.
pub(super) async fn memory(ctx: &mut Ctx<'_>) -> Outcome {
    let (mut prefixes, mut paths, mut sets, mut peers) = (0u64, 0u64, 0u64, 0u64);
    let counts = ctx
        .handle()
        .bgp(|world, _| {
            let counts = world.instances.values_mut().map(|instance| {
                let families = Family::ALL.map(|f| instance.bgp.family(f));
                let sets = instance.bgp.summary(Family::Ipv4Unicast).attribute_sets;
                (families, sets, instance.bgp.neighbors().count())
            });
            counts.collect::<Vec<_>>()
        })
        .await?;
    for (families, instance_sets, neighbors) in &counts {
        prefixes += families.iter().map(|f| f.prefixes as u64).sum::<u64>();
        paths += families.iter().map(|f| f.paths as u64).sum::<u64>();
        sets += *instance_sets as u64;
        peers += *neighbors as u64;
    }
    line!(ctx.out, "{} BGP instances", counts.len());
    line!(ctx.out, "{prefixes} RIB nodes");
    line!(ctx.out, "{paths} BGP routes");
    line!(ctx.out, "{sets} BGP attributes");
    line!(ctx.out, "{peers} peers");
    Ok(Status::Success)
}

/// Counts over a table.
#[derive(Debug, Default)]
struct Tally {
    adverts: u64,
    prefixes: u64,
    length_sum: u64,
    with_path: u64,
    longest: u64,
    largest: u64,
    path_bytes: u64,
    hops: u64,
    aggregates: u64,
    highest_public: u32,
    addresses: f64,
    /// The last prefix that no other covers, and how many there are.
    top: Option<Prefix>,
    uncovered: u64,
    by_length: BTreeMap<u8, u64>,
}

impl Tally {
    fn add(&mut self, dest: &DestView) {
        self.prefixes += 1;
        let len = dest.prefix.len();
        self.length_sum += u64::from(len);
        *self.by_length.entry(len).or_default() += 1;
        // A covering prefix comes before what it covers.
        if !self.top.is_some_and(|top| top.covers(dest.prefix)) {
            self.top = Some(dest.prefix);
            self.uncovered += 1;
            let bits = dest.prefix.afi().max_prefix_len() - len;
            self.addresses += f64::from(bits).exp2();
        }
        for path in &dest.paths {
            let a = path.attributes();
            let hops = u64::from(a.as_path.hop_count(false));
            self.adverts += 1;
            self.with_path += 1;
            self.hops += hops;
            self.longest = self.longest.max(hops);
            let bytes = a.as_path.as_bytes().len() as u64;
            self.largest = self.largest.max(bytes);
            self.path_bytes += bytes;
            self.aggregates += u64::from(a.atomic_aggregate);
            let public = a.as_path.asns().filter(|n| !n.is_private()).map(|n| n.0);
            self.highest_public = public.fold(self.highest_public, u32::max);
        }
    }

    fn average(sum: u64, count: u64) -> f64 {
        if count == 0 { 0.0 } else { sum as f64 / count as f64 }
    }

    fn json(&self, family: Family, vrf: &str) -> Obj {
        let space = f64::from(family.afi().max_prefix_len()).exp2();
        let mut o = Obj::new();
        o.put("instance", format!("VRF {vrf}"))
            .put("totalAdvertisements", self.adverts)
            .put("totalPrefixes", self.prefixes)
            .put("averagePrefixLength", Self::average(self.length_sum, self.prefixes))
            .put("unaggregateablePrefixes", self.uncovered)
            .put("maximumAggregateablePrefixes", self.prefixes - self.uncovered)
            .put("bgpAggregateAdvertisements", self.aggregates)
            .put("addressSpaceAdvertised", self.addresses)
            .put("%announced", 100.0 * self.addresses / space);
        if family.afi() == Afi::Ipv4 {
            o.put("/8equivalent", self.addresses / 24f64.exp2())
                .put("/24equivalent", self.addresses / 8f64.exp2());
        } else {
            o.put("/32equivalent", self.addresses / 96f64.exp2())
                .put("/48equivalent", self.addresses / 80f64.exp2());
        }
        o.put("advertisementsWithPaths", self.with_path)
            .put("longestAsPath", self.longest)
            .put("averageAsPathLengthHops", Self::average(self.hops, self.with_path))
            .put("largestAsPath", self.largest)
            .put("averageAsPathSizeBytes", Self::average(self.path_bytes, self.with_path))
            .put("highestPublicAsn", self.highest_public);
        let lengths: Vec<Value> = self
            .by_length
            .iter()
            .map(|(len, n)| {
                let mut row = Obj::new();
                row.put(len.to_string(), *n);
                row.into()
            })
            .collect();
        o.put("prefixLength", lengths);
        o
    }
}

/// `show bgp statistics`.
pub(super) async fn statistics(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let json = args.has("json");
    let Wanted::Table(family) = select::wanted(args) else {
        ctx.out.push(if json { "{\n}\n" } else { "" });
        return Ok(Status::Success);
    };
    let scope = Scope::of(args);
    let names = ctx.handle().bgp(move |world, _| scope.names(world)).await?;
    let mut list: Vec<Value> = Vec::new();
    for name in names {
        let mut tally = Tally::default();
        let mut after = None;
        loop {
            let (vrf, from) = (name.clone(), after);
            let job = ctx.handle().bgp_slice(move |world, _| {
                let bgp = &mut world.instances.get_mut(&vrf)?.bgp;
                Some(bgp.routes(family, from, SLICE, &RouteFilter::All))
            });
            let Some((dests, next)) = job.await? else { break };
            dests.iter().for_each(|d| tally.add(d));
            after = next;
            if next.is_none() {
                break;
            }
        }
        if json {
            list.push(tally.json(family, &name).into());
        } else {
            statistics_text(&mut ctx.out, &tally, family, &name);
        }
    }
    if json {
        let mut o = Obj::new();
        o.put(family.json_key(), list);
        ctx.out.push(&o.pretty());
    }
    Ok(Status::Success)
}

fn statistics_text(out: &mut Out<'_>, tally: &Tally, family: Family, vrf: &str) {
    line!(out, "BGP {family} RIB statistics (VRF {vrf})");
    let count = |out: &mut Out<'_>, title: &str, n: u64| line!(out, "{title:<30}: {n:>12}");
    let part = |out: &mut Out<'_>, title: &str, n: f64| line!(out, "{title}: {n:>12.2}");
    count(out, "Total Advertisements", tally.adverts);
    count(out, "Total Prefixes", tally.prefixes);
    part(out, "Average prefix length         ", Tally::average(tally.length_sum, tally.prefixes));
    count(out, "Unaggregateable prefixes", tally.uncovered);
    count(out, "Maximum aggregateable prefixes", tally.prefixes - tally.uncovered);
    count(out, "BGP Aggregate advertisements", tally.aggregates);
    line!(out, "{:<30}: {:>12.0}", "Address space advertised", tally.addresses);
    let space = f64::from(family.afi().max_prefix_len()).exp2();
    part(out, &format!("{:>29} ", "% announced"), 100.0 * tally.addresses / space);
    let (v4, v6) = ([(8, 24f64), (24, 8.0)], [(32, 96f64), (48, 80.0)]);
    for (len, bits) in if family.afi() == Afi::Ipv4 { v4 } else { v6 } {
        part(out, &format!("{:>29} ", format!("/{len} equivalent")), tally.addresses / bits.exp2());
    }
    line!(out);
    count(out, "Advertisements with paths", tally.with_path);
    count(out, "Longest AS-Path (hops)", tally.longest);
    part(out, "Average AS-Path length (hops) ", Tally::average(tally.hops, tally.with_path));
    count(out, "Largest AS-Path (bytes)", tally.largest);
    part(out, "Average AS-Path size (bytes)  ", Tally::average(tally.path_bytes, tally.with_path));
    count(out, "Highest public ASN", tally.highest_public.into());
    line!(out);
}
