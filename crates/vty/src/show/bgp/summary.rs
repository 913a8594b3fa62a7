//! `show bgp summary`.

use std::sync::Arc;

use ferr_state::bgp::config::{BestpathConfig, UpdateDelay};
use ferr_state::bgp::{Instance, PeerFamilyView, PeerView, State, SummaryView};
use ferr_state::{BgpInstance, BgpWorld};
use ferr_types::{Afi, Family};

use super::row::HostNames;
use super::select::{self, Scope, Wanted};
use crate::json::{Obj, pretty_at};
use crate::output::{Out, Outcome, Status, line, put};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};
use crate::time;

/// Rough size of what one prefix with its paths takes.
const PREFIX_BYTES: u64 = 192;
/// Rough size of a neighbor.
const PEER_BYTES: u64 = 16 * 1024;
/// Rough size of a peer-group.
const GROUP_BYTES: u64 = 64;

/// One family of one instance.
#[derive(Debug, Clone)]
struct Picture {
    vrf: String,
    /// `VRF` or `VIEW`.
    kind: &'static str,
    vrf_id: i64,
    family: Family,
    view: SummaryView,
    peers: Vec<Arc<PeerView>>,
    groups: usize,
    damping: bool,
    start: Start,
    bestpath: BestpathConfig,
    names: HostNames,
}

/// What is special while a router starts.
#[derive(Debug, Clone, Copy)]
struct Start {
    update_delay: Option<UpdateDelay>,
    delaying: bool,
    max_med_administrative: bool,
    max_med_on_startup: bool,
}

impl Start {
    fn of(bgp: &Instance) -> Self {
        Self {
            update_delay: bgp.config().update_delay,
            delaying: bgp.in_update_delay(),
            max_med_administrative: bgp.config().max_med_administrative.is_some(),
            max_med_on_startup: bgp.in_max_med_on_startup(),
        }
    }

    fn json(&self, o: &mut Obj) {
        if let Some(delay) = self.update_delay {
            o.put("updateDelayLimit", delay.longest.as_secs())
                .opt("updateDelayEstablishWait", delay.establish_wait.map(|w| w.as_secs()))
                .flag("updateDelayInProgress", self.delaying);
        }
        o.flag("maxMedOnStartup", self.max_med_on_startup)
            .flag("maxMedAdministrative", self.max_med_administrative);
    }

    fn text(&self, out: &mut Out<'_>) {
        if let Some(delay) = self.update_delay {
            line!(out, "Read-only mode update-delay limit: {} seconds", delay.longest.as_secs());
            if let Some(wait) = delay.establish_wait {
                line!(out, "                   Establish wait: {} seconds", wait.as_secs());
            }
            if self.delaying {
                line!(out, "  Delay in progress");
            }
        }
        if self.max_med_on_startup {
            line!(out, "Max-med on-startup active");
        }
        if self.max_med_administrative {
            line!(out, "Max-med administrative active");
        }
    }
}

/// What the line asks for.
#[derive(Debug, Clone, Default)]
struct Options {
    established: bool,
    failed: bool,
    terse: bool,
    wide: bool,
    neighbor: Option<String>,
    remote_as: Option<String>,
}

impl Options {
    fn of(args: &Args) -> Self {
        let neighbor = args.after("neighbor").map(ToOwned::to_owned);
        let remote_as = args
            .has("remote-as")
            .then(|| args.after("remote-as").or_else(|| args.one_of(&["internal", "external"])))
            .flatten()
            .map(ToOwned::to_owned);
        Self {
            established: args.has("established"),
            failed: args.has("failed"),
            terse: args.has("terse"),
            wide: args.has("wide"),
            neighbor,
            remote_as,
        }
    }

    fn wants(&self, peer: &PeerView) -> bool {
        let up = peer.state == State::Established;
        let by_state = !(self.established && !up || self.failed && up);
        let by_name = self
            .neighbor
            .as_ref()
            .is_none_or(|n| peer.config.name == *n || n.parse().is_ok_and(|a| peer.config.addr == Some(a)));
        let by_as = self.remote_as.as_deref().is_none_or(|wanted| match wanted {
            "internal" => peer.kind == "internal",
            "external" => peer.kind != "internal",
            number => peer.remote_as.is_some_and(|asn| number.parse() == Ok(asn.0)),
        });
        by_state && by_name && by_as
    }
}

fn families(args: &Args) -> Vec<Family> {
    // `show ip bgp` means IPv4.
    let afi = select::afi(args).or_else(|| args.has("ip").then_some(Afi::Ipv4));
    match (afi, select::safi(args)) {
        (None, _) => Family::ALL.to_vec(),
        (Some(afi), None) => Family::ALL.into_iter().filter(|f| f.afi() == afi).collect(),
        (Some(_), Some(_)) => match select::wanted(args) {
            Wanted::Table(family) => vec![family],
            Wanted::None(_) => Vec::new(),
        },
    }
}

fn take(world: &mut BgpWorld, scope: &Scope, families: &[Family]) -> Vec<(String, Vec<Picture>)> {
    let mut out = Vec::new();
    for name in scope.names(world) {
        let Some(instance) = world.instances.get_mut(&name) else { continue };
        let mut peers: Vec<Arc<PeerView>> = instance.bgp.peer_views().into_iter().map(Arc::new).collect();
        peers.sort_by(|a, b| select::peer_order(&a.config.name).cmp(&select::peer_order(&b.config.name)));
        let pictures = families.iter().filter_map(|f| picture(instance, &name, &peers, *f)).collect();
        out.push((name, pictures));
    }
    out
}

fn picture(instance: &mut BgpInstance, name: &str, all: &[Arc<PeerView>], family: Family) -> Option<Picture> {
    let peers: Vec<Arc<PeerView>> = all.iter().filter(|p| p.families[family].is_some()).cloned().collect();
    if peers.is_empty() {
        return None;
    }
    let mut groups: Vec<&str> = peers.iter().filter_map(|p| p.config.peer_group.as_deref()).collect();
    groups.sort_unstable();
    groups.dedup();
    let groups = groups.len();
    let (kind, bgp) = (if instance.view { "VIEW" } else { "VRF" }, &mut instance.bgp);
    let config = bgp.config();
    let (vrf_id, bestpath) = (select::shown_vrf(config.vrf), config.bestpath.clone());
    let damping = config.families[family].damping.is_some();
    let (start, names) = (Start::of(bgp), HostNames::of(bgp));
    let view = bgp.summary(family);
    Some(Picture {
        vrf: name.to_owned(),
        kind,
        vrf_id,
        family,
        view,
        peers,
        groups,
        damping,
        start,
        bestpath,
        names,
    })
}

/// State as shown, with what keeps it there.
pub(super) fn state_text(peer: &PeerView) -> String {
    if peer.config.shutdown.is_some() {
        "Idle (Admin)".to_owned()
    } else if peer.prefix_limit {
        "Idle (PfxCt)".to_owned()
    } else {
        peer.state.name().to_owned()
    }
}

fn peer_state(peer: &PeerView, family: Option<&PeerFamilyView>) -> &'static str {
    if peer.config.shutdown.is_some() {
        "Admin"
    } else if peer.prefix_limit {
        "PfxCt"
    } else if peer.config.passive && peer.state != State::Established {
        "Passive"
    } else if family.is_some_and(|f| f.policy_missing) {
        "Policy"
    } else {
        "OK"
    }
}

/// When the session came up or, if it is down and was up, when it went down.
fn since(peer: &PeerView) -> Option<std::time::Instant> {
    peer.established.or_else(|| {
        (peer.established_count > 0).then(|| peer.last_reset.as_ref().map(|(at, _)| *at)).flatten()
    })
}

fn uptime(peer: &PeerView, clock: &Clock) -> String {
    since(peer).map_or_else(|| "never".to_owned(), |at| time::uptime(clock.age(at)))
}

fn remote_as(peer: &PeerView) -> u32 {
    peer.remote_as.map_or(0, |a| a.0)
}

fn peer_json(peer: &PeerView, family: Family, clock: &Clock) -> Obj {
    let part = peer.families[family].as_ref();
    let mut o = Obj::new();
    o.opt("hostname", peer.hostname.clone())
        .put("remoteAs", remote_as(peer))
        .put("localAs", peer.local_as.0)
        .put("version", 4)
        .put("msgRcvd", peer.counters.total_in())
        .put("msgSent", peer.counters.total_out())
        .put("tableVersion", 0)
        .put("outq", peer.out_queue)
        .put("inq", 0)
        .put("peerUptime", uptime(peer, clock))
        .put("peerUptimeMsec", since(peer).map_or(0, |at| clock.age(at).as_secs() * 1000));
    if let Some(at) = peer.established {
        o.put("peerUptimeEstablishedEpoch", time::epoch(clock.wall(at)));
    }
    o.put("pfxRcd", part.map_or(0, |p| p.accepted))
        .put("pfxSnt", part.map_or(0, |p| p.sent))
        .put("state", state_text(peer))
        .put("peerState", peer_state(peer, part))
        .put("connectionsEstablished", peer.established_count)
        .put("connectionsDropped", peer.dropped_count)
        .flag("dynamicPeer", peer.config.dynamic)
        .opt("desc", peer.config.description.clone())
        .put("idType", id_type(peer));
    o
}

fn failed_json(peer: &PeerView, clock: &Clock) -> Obj {
    let mut o = Obj::new();
    o.opt("hostname", peer.hostname.clone())
        .put("connectionsEstablished", peer.established_count)
        .put("connectionsDropped", peer.dropped_count)
        .put("peerUptime", uptime(peer, clock))
        .put("peerUptimeMsec", since(peer).map_or(0, |at| clock.age(at).as_secs() * 1000))
        .put("lastResetDueTo", super::reason::text(peer))
        .put("lastResetCode", super::reason::of(peer).0)
        .put("idType", id_type(peer));
    o
}

fn id_type(peer: &PeerView) -> &'static str {
    match peer.config.name.parse() {
        Ok(std::net::IpAddr::V4(_)) => "ipv4",
        Ok(std::net::IpAddr::V6(_)) => "ipv6",
        Err(_) => "interface",
    }
}

fn json(p: &Picture, options: &Options, clock: &Clock) -> Obj {
    let failed = p.peers.iter().filter(|x| x.state != State::Established).count();
    let shown: Vec<&PeerView> = p.peers.iter().map(AsRef::as_ref).filter(|x| options.wants(x)).collect();
    let dynamic = p.peers.iter().filter(|x| x.config.dynamic).count();
    let mut o = Obj::new();
    if options.failed && failed == 0 {
        o.put("failedPeersCount", 0).put("dynamicPeers", dynamic).put("totalPeers", p.peers.len());
        return o;
    }
    o.put("routerId", p.view.router_id.to_string())
        .put("as", p.view.asn.0)
        .put("vrfId", p.vrf_id)
        .put("vrfName", p.vrf.clone());
    p.start.json(&mut o);
    o.put("tableVersion", p.view.table_version)
        .put("ribCount", p.view.prefixes)
        .put("ribMemory", p.view.prefixes as u64 * PREFIX_BYTES)
        .put("peerCount", p.peers.len())
        .put("peerMemory", p.peers.len() as u64 * PEER_BYTES);
    if p.groups > 0 {
        o.put("peerGroupCount", p.groups).put("peerGroupMemory", p.groups as u64 * GROUP_BYTES);
    }
    o.flag("dampeningEnabled", p.damping);
    let mut peers = Obj::new();
    for peer in &shown {
        let object = if options.failed { failed_json(peer, clock) } else { peer_json(peer, p.family, clock) };
        peers.put(peer.config.name.clone(), object);
    }
    o.put("peers", peers)
        .put("failedPeers", failed)
        .put("displayedPeers", shown.len())
        .put("totalPeers", p.peers.len())
        .put("dynamicPeers", dynamic);
    if !options.failed {
        o.put("bestPath", bestpath(&p.bestpath));
    }
    o
}

/// What the decision was told to do otherwise.
fn bestpath(config: &BestpathConfig) -> Obj {
    let mut best = Obj::new();
    let as_path = config.as_path_ignore.then_some("ignore");
    best.opt("asPath", as_path.or_else(|| config.as_path_confed.then_some("confed")))
        .put("multiPathRelax", if config.multipath_relax { "true" } else { "false" })
        .flag("peerTypeRelax", config.peer_type_relax)
        .opt("compareRouterId", config.compare_router_id.then_some("true"));
    let worst = config.med_missing_as_worst.then_some("missing-as-worst");
    best.opt("med", worst.or_else(|| config.med_confed.then_some("confed")));
    best
}

/// The command.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (scope, options, families) = (Scope::of(args), Options::of(args), families(args));
    let keyed = select::afi(args).is_none() || select::safi(args).is_none();
    let (asked, wanted) = (scope.clone(), families.clone());
    let (pictures, now) = ctx.handle().bgp(move |world, now| (take(world, &asked, &wanted), now)).await?;
    let clock = Clock::new(ctx.handle(), now);
    if args.has("json") {
        print_json(&mut ctx.out, &scope, keyed, &pictures, &options, &clock);
        return Ok(Status::Success);
    }
    if pictures.is_empty() {
        if scope.is_all() {
            return Ok(Status::Success);
        }
        line!(ctx.out, "% BGP instance not found");
        return Ok(Status::Warning);
    }
    for (name, pictures) in &pictures {
        if pictures.is_empty() {
            line!(ctx.out, "% No BGP neighbors found in VRF {name}");
        }
        for p in pictures {
            text(&mut ctx.out, p, &options, &clock);
        }
    }
    Ok(Status::Success)
}

fn print_json(
    out: &mut Out<'_>,
    scope: &Scope,
    keyed: bool,
    pictures: &[(String, Vec<Picture>)],
    options: &Options,
    clock: &Clock,
) {
    let mut all = Obj::new();
    for (name, pictures) in pictures {
        let mut families = Obj::new();
        for p in pictures {
            families.put(p.family.json_key(), json(p, options, clock));
        }
        // With both parts of the family named there is nothing to key by.
        let only = pictures.first().filter(|_| !keyed);
        let value = only.map_or(families, |p| json(p, options, clock));
        if !scope.is_all() {
            out.push(&value.pretty());
            return;
        }
        all.put(name.clone(), value);
    }
    line!(out, "{}", pretty_at(&serde_json::Value::from(all), 0));
}

fn text(out: &mut Out<'_>, p: &Picture, options: &Options, clock: &Clock) {
    line!(out, "\n{} Summary ({} {}):", p.family, p.kind, p.vrf);
    let shown: Vec<&PeerView> = p.peers.iter().map(AsRef::as_ref).filter(|x| options.wants(x)).collect();
    if options.failed && shown.is_empty() {
        line!(out, "% No failed BGP neighbors found");
        return;
    }
    let (router_id, asn) = (p.view.router_id, p.view.asn);
    line!(out, "BGP router identifier {router_id}, local AS number {asn} vrf-id {}", p.vrf_id);
    if !options.terse {
        p.start.text(out);
        line!(out, "BGP table version {}", p.view.table_version);
        let prefixes = p.view.prefixes as u64;
        line!(out, "RIB entries {prefixes}, using {} of memory", time::memory(prefixes * PREFIX_BYTES));
        let peers = p.peers.len() as u64;
        line!(out, "Peers {peers}, using {} of memory", time::memory(peers * PEER_BYTES));
        if p.groups > 0 {
            let bytes = time::memory(p.groups as u64 * GROUP_BYTES);
            line!(out, "Peer groups {}, using {bytes} of memory", p.groups);
        }
        if p.damping {
            line!(out, "Dampening enabled.");
        }
    }
    line!(out);
    let label = |x: &PeerView| {
        let star = if x.config.dynamic { "*" } else { "" };
        format!("{star}{}", p.names.neighbor(&x.config.name, x.hostname.as_deref()))
    };
    let width = shown.iter().map(|x| label(x).len()).max().unwrap_or(0).max(15);
    if options.failed {
        line!(out, "{:<width$} EstdCnt DropCnt ResetTime Reason", "Neighbor");
    } else {
        put!(out, "{:<width$} V         AS ", "Neighbor");
        if options.wide {
            put!(out, "   LocalAS ");
        }
        line!(out, "  MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc");
    }
    for peer in &shown {
        put!(out, "{:<width$} ", label(peer));
        if options.failed {
            let reason = super::reason::text(peer);
            let up = uptime(peer, clock);
            line!(out, "{:>7} {:>7} {up:>9} {reason}", peer.established_count, peer.dropped_count);
        } else {
            row(out, peer, p.family, options, clock);
        }
    }
    line!(out);
    if options.established || options.failed {
        line!(out, "Displayed neighbors {}", shown.len());
    }
    line!(out, "Total number of neighbors {}", p.peers.len());
    let dynamic = p.peers.iter().filter(|x| x.config.dynamic).count();
    if dynamic > 0 {
        line!(out, "* - dynamic neighbor");
        line!(out, "{dynamic} dynamic neighbor(s)");
    }
}

fn row(out: &mut Out<'_>, peer: &PeerView, family: Family, options: &Options, clock: &Clock) {
    let part = peer.families[family].clone().unwrap_or_default();
    put!(out, "4 {:>10} ", remote_as(peer));
    if options.wide {
        put!(out, "{:>10} ", peer.local_as);
    }
    put!(
        out,
        "{:>9} {:>9} {:>8} {:>4} {:>4} {:>8} ",
        peer.counters.total_in(),
        peer.counters.total_out(),
        0,
        0,
        peer.out_queue,
        uptime(peer, clock)
    );
    if peer.state == State::Established && part.policy_missing {
        put!(out, "{:>12} {:>8}", "(Policy)", "(Policy)");
    } else if peer.state == State::Established {
        put!(out, "{:>12} {:>8}", part.accepted, part.sent);
    } else {
        put!(out, "{:>12} {:>8}", state_text(peer), part.sent);
    }
    let width = if options.wide { 64 } else { 20 };
    line!(out, " {}", peer.config.description.as_deref().map_or("N/A", |d| whole_words(d, width)));
}

/// `text` if it is shorter than `width` characters, else its first words that are; of a single long word, its start.
fn whole_words(text: &str, width: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(width.saturating_sub(1)) else { return text };
    let head = text.get(..end).unwrap_or(text);
    let blank_follows = text.get(end..).is_some_and(|rest| rest.starts_with(' '));
    if blank_follows { head } else { head.rsplit_once(' ').map_or(head, |(words, _)| words) }
}

#[cfg(test)]
mod tests;
