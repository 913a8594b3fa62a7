//! A neighbor as an object.

use std::net::{IpAddr, SocketAddr};

use ferr_state::bgp::config::{NexthopSelf, SendCommunity};
use ferr_state::bgp::{Capability, PeerFamilyView, State};
use ferr_types::Family;

use super::Neighbor;
use super::capabilities::{Opens, remote_mode, remote_restart};
use crate::json::Obj;
use crate::show::bgp::reason;
use crate::show::{Clock, bfd};
use crate::time;

/// The object.
pub(super) fn neighbor(n: &Neighbor, clock: &Clock) -> Obj {
    let (view, config) = (&n.view, &n.view.config);
    let mut o = Obj::new();
    o.put("remoteAs", view.remote_as.map_or(0, |a| a.0)).put("localAs", view.local_as.0);
    if config.local_as.is_some_and(|l| l.no_prepend) {
        o.put("localAsNoPrepend", true)
            .flag("localAsReplaceAs", config.local_as.is_some_and(|l| l.replace_as));
    }
    o.put(if n.is_external() { "nbrExternalLink" } else { "nbrInternalLink" }, true);
    o.put("localRole", config.role.map_or("undefined", |(r, _)| role(r as u8)))
        .put("remoteRole", remote_role(n))
        .opt("nbrDesc", config.description.clone())
        .opt("hostname", view.hostname.clone())
        .opt("peerGroup", config.peer_group.clone())
        .flag("adminShutDown", config.shutdown.is_some())
        .put("bgpVersion", 4)
        .put("remoteRouterId", view.router_id.to_string())
        .put("localRouterId", n.instance.router_id.to_string())
        .put("bgpState", view.state.name());
    timers(&mut o, n, clock);
    if let Some(opens) = Opens::of(view) {
        o.put("neighborCapabilities", capabilities(n, opens));
    }
    o.put("gracefulRestartInfo", graceful_with_ends(n)).put("messageStats", statistics(n));
    o.put("minBtwnAdvertisementRunsTimerMsecs", u32::from(config.advertisement_interval) * 1000);
    o.opt("updateSource", config.update_source_text.clone());
    let mut families = Obj::new();
    for (family, part) in n.families() {
        families.put(family.json_key(), family_json(n, family, part));
    }
    o.put("addressFamilyInfo", families)
        .put("connectionsEstablished", view.established_count)
        .put("connectionsDropped", view.dropped_count);
    ending(&mut o, n, clock);
    o
}

const fn role(code: u8) -> &'static str {
    match code {
        0 => "provider",
        1 => "rs-server",
        2 => "rs-client",
        3 => "customer",
        4 => "peer",
        _ => "undefined",
    }
}

/// The neighbor's role (RFC 9234).
pub(super) fn remote_role(n: &Neighbor) -> &'static str {
    let code = n.view.opens.as_ref().and_then(|(_, remote)| {
        remote.capabilities.iter().find_map(|c| if let Capability::Role(r) = c { Some(*r) } else { None })
    });
    code.map_or("undefined", role)
}

fn timers(o: &mut Obj, n: &Neighbor, clock: &Clock) {
    let view = &n.view;
    if let Some(at) = view.established {
        let age = clock.age(at);
        o.put("bgpTimerUpMsec", age.as_secs() * 1000)
            .put("bgpTimerUpString", time::uptime(age))
            .put("bgpTimerUpEstablishedEpoch", time::epoch(clock.wall(at)));
    }
    let ago = |at: Option<std::time::Instant>| at.map_or(0, |at| clock.age(at).as_secs() * 1000);
    let (hold, keepalive) = n.configured_times();
    let (used_hold, used_keepalive) = n.used_times();
    o.put("bgpTimerLastRead", ago(view.last_read))
        .put("bgpTimerLastWrite", ago(view.last_write))
        .put("bgpInUpdateElapsedTimeMsecs", ago(view.last_read))
        .put("bgpTimerConfiguredHoldTimeMsecs", hold * 1000)
        .put("bgpTimerConfiguredKeepAliveIntervalMsecs", keepalive * 1000)
        .put("bgpTimerHoldTimeMsecs", used_hold * 1000)
        .put("bgpTimerKeepAliveIntervalMsecs", used_keepalive * 1000)
        .put("extendedOptionalParametersLength", false)
        .put("bgpTimerConfiguredConditionalAdvertisementsSec", 60);
}

fn capabilities(n: &Neighbor, opens: Opens<'_>) -> Obj {
    let mut o = Obj::new();
    let mut simple = |key: &str, is: fn(&Capability) -> bool| {
        let sides = opens.sides(is);
        o.opt(key, sides.any().then(|| sides.key()));
    };
    simple("4byteAs", |c| matches!(c, Capability::FourOctetAs(_)));
    simple("extendedMessage", |c| matches!(c, Capability::ExtendedMessage));
    let add_path = add_path(opens);
    if !add_path.is_empty() {
        o.put("addPath", add_path);
    }
    let extended = opens.extended_nexthop();
    o.opt("extendedNexthop", extended.any().then(|| extended.key()));
    let llgr = opens.sides(|c| matches!(c, Capability::LongLivedGracefulRestart(_)));
    if llgr.any() {
        o.put("longLivedGracefulRestart", llgr.key()).put("longLivedGracefulRestartByPeer", Obj::new());
    }
    o.opt("routeRefresh", opens.refresh().map(|(key, _)| key));
    let enhanced = opens.sides(|c| matches!(c, Capability::EnhancedRouteRefresh));
    o.opt("enhancedRouteRefresh", enhanced.any().then(|| enhanced.key()));
    let mut multi = Obj::new();
    for family in Family::ALL {
        let sides = opens.family(family);
        if sides.any() {
            let mut inner = Obj::new();
            inner.put(sides.key(), true);
            multi.put(family.json_key(), inner);
        }
    }
    o.put("multiprotocolExtensions", multi);
    let names = host_names(opens);
    if !names.is_empty() {
        o.put("hostName", names);
    }
    let restart = opens.sides(|c| matches!(c, Capability::GracefulRestart { .. }));
    if restart.any() {
        o.put("gracefulRestart", restart.key());
    }
    if let Some(remote) = remote_restart(&n.view) {
        o.put("gracefulRestartRemoteTimerMsecs", u32::from(remote.time) * 1000);
        if remote.families.is_empty() {
            o.put("addressFamiliesByPeer", "none");
        } else {
            let mut list = Obj::new();
            for (family, kept) in &remote.families {
                let mut inner = Obj::new();
                inner.flag("preserved", *kept);
                list.put(family.json_key(), inner);
            }
            o.put("addressFamiliesByPeer", list);
        }
    }
    o
}

fn add_path(opens: Opens<'_>) -> Obj {
    let mut add_path = Obj::new();
    for family in Family::ALL {
        let (rx, tx) = opens.add_path(family);
        let mut inner = Obj::new();
        for (side, name) in [(rx, "rx"), (tx, "tx")] {
            if side.any() {
                let mut key = side.key().to_owned();
                key[..1].make_ascii_uppercase();
                inner.put(format!("{name}{key}"), true);
            }
        }
        if !inner.is_empty() {
            add_path.put(family.json_key(), inner);
        }
    }
    add_path
}

fn host_names(opens: Opens<'_>) -> Obj {
    let mut names = Obj::new();
    if let Some((host, domain)) = Opens::fqdn(opens.local) {
        names.put("advHostName", host).put("advDomainName", domain);
    }
    if let Some((host, domain)) = Opens::fqdn(opens.remote) {
        names.put("rcvHostName", host).put("rcvDomainName", domain);
    }
    names
}

fn graceful_with_ends(n: &Neighbor) -> Obj {
    let (mut sent, mut received) = (Obj::new(), Obj::new());
    for (family, part) in n.families() {
        sent.flag(family.json_key(), part.eor_sent);
        received.flag(family.json_key(), part.eor_received);
    }
    let mut o = Obj::new();
    o.put("endOfRibSend", sent).put("endOfRibRecv", received);
    graceful(&mut o, n);
    o
}

/// Graceful restart: modes, timers and families.
pub(super) fn graceful(o: &mut Obj, n: &Neighbor) {
    let remote = remote_restart(&n.view).unwrap_or_default();
    let mut timers = Obj::new();
    timers.put("configuredRestartTimer", n.instance.restart_time).put("receivedRestartTimer", remote.time);
    o.put("localGrMode", n.local_mode())
        .put("remoteGrMode", remote_mode(&n.view))
        .put("rBit", remote.restarted)
        .put("nBit", remote.notification)
        .put("timers", timers);
    for (family, part) in n.families().filter(|(_, p)| p.negotiated) {
        let mut status = Obj::new();
        status
            .put("endOfRibSend", part.eor_sent)
            .put("endOfRibSentAfterUpdate", part.eor_sent)
            .put("endOfRibRecv", part.eor_received);
        let mut timers = Obj::new();
        timers.put("stalePathTimer", n.instance.stalepath_time.as_secs());
        let mut inner = Obj::new();
        let kept = remote.families.iter().any(|(f, kept)| *f == family && *kept);
        inner.put("fBit", kept).put("endOfRibStatus", status).put("timers", timers);
        o.put(family.json_key(), inner);
    }
}

fn statistics(n: &Neighbor) -> Obj {
    let c = &n.view.counters;
    let mut o = Obj::new();
    o.put("depthInq", 0)
        .put("depthOutq", n.view.out_queue)
        .put("opensSent", c.open_out)
        .put("opensRecv", c.open_in)
        .put("notificationsSent", c.notification_out)
        .put("notificationsRecv", c.notification_in)
        .put("updatesSent", c.update_out)
        .put("updatesRecv", c.update_in)
        .put("keepalivesSent", c.keepalive_out)
        .put("keepalivesRecv", c.keepalive_in)
        .put("routeRefreshSent", c.refresh_out)
        .put("routeRefreshRecv", c.refresh_in)
        .put("capabilitySent", 0)
        .put("capabilityRecv", 0)
        .put("totalSent", c.total_out())
        .put("totalRecv", c.total_in());
    o
}

/// Which communities are sent.
pub(super) const fn communities(send: SendCommunity) -> Option<&'static str> {
    match (send.standard, send.extended, send.large) {
        (true, true, _) => Some("extendedAndStandard"),
        (false, true, _) => Some("extended"),
        (true, false, _) => Some("standard"),
        (false, false, true) => Some("large"),
        (false, false, false) => None,
    }
}

fn family_json(n: &Neighbor, family: Family, part: &PeerFamilyView) -> Obj {
    let mut o = Obj::new();
    let Some(config) = n.view.config.families[family].as_ref() else { return o };
    let up = n.view.state == State::Established;
    o.opt("peerGroupMember", n.view.config.peer_group.clone());
    if let Some(group) = part.group.filter(|_| up) {
        o.put("updateGroupId", group).put("subGroupId", group).put("packetQueueLength", 0);
    }
    let filters = [
        ("incomingUpdatePrefixFilterList", &config.filters_in.prefix_list),
        ("outgoingUpdatePrefixFilterList", &config.filters_out.prefix_list),
        ("incomingUpdateNetworkFilterList", &config.filters_in.distribute_list),
        ("outgoingUpdateNetworkFilterList", &config.filters_out.distribute_list),
        ("incomingUpdateAsPathFilterList", &config.filters_in.filter_list),
        ("outgoingUpdateAsPathFilterList", &config.filters_out.filter_list),
        ("routeMapForIncomingAdvertisements", &config.filters_in.route_map),
        ("routeMapForOutgoingAdvertisements", &config.filters_out.route_map),
        ("selectiveUnsuppressRouteMap", &config.unsuppress_map),
    ];
    o.flag("routeReflectorClient", config.reflector_client)
        .flag("routeServerClient", config.server_client)
        .flag("inboundSoftConfigPermit", config.soft_reconfiguration)
        .flag("privateAsNumsRemovedInUpdatesToNbr", config.remove_private_as.is_some())
        .flag("routerAlwaysNextHop", config.next_hop_self != NexthopSelf::No)
        .flag("asPathOverride", config.as_override)
        .flag("unchangedAsPathPropogatedToNbr", config.unchanged.as_path)
        .flag("unchangedNextHopPropogatedToNbr", config.unchanged.next_hop)
        .flag("unchangedMedPropogatedToNbr", config.unchanged.med)
        .opt("commAttriSentToNbr", communities(config.send_community))
        .flag("inboundPathPolicyConfig", config.filters_in.any())
        .flag("outboundPathPolicyConfig", config.filters_out.any());
    if let Some(map) = &config.default_originate {
        o.opt("defaultRouteMap", map.clone());
        o.put(if up { "defaultSent" } else { "defaultNotSent" }, true);
    }
    if n.view.kind == "external" && n.instance.ebgp_requires_policy {
        let direction = |word| format!("{word} updates discarded due to missing policy");
        let (inbound, outbound) = (config.filters_in.any(), config.filters_out.any());
        o.opt("inboundEbgpRequiresPolicy", (!inbound).then(|| direction("Inbound")));
        o.opt("outboundEbgpRequiresPolicy", (!outbound).then(|| direction("Outbound")));
    }
    for (key, name) in filters {
        o.opt(key, name.clone());
    }
    if let Some(condition) = &config.advertise_map {
        let mut map = Obj::new();
        map.put("condition", if condition.exist { "EXIST" } else { "NON_EXIST" })
            .put("conditionMap", condition.condition.clone())
            .put("advertiseMap", condition.map.clone())
            .put("advertiseStatus", if part.withheld { "Withdraw" } else { "Advertise" });
        o.put("advertiseMap", map);
    }
    o.opt("weight", config.weight).put("acceptedPrefixCounter", part.accepted);
    o.opt("sentPrefixCounter", up.then_some(part.sent));
    if let Some(limit) = config.maximum_prefix {
        o.put("prefixAllowedMax", limit.limit)
            .flag("prefixAllowedMaxWarning", limit.warning_only)
            .put("prefixAllowedWarningThresh", limit.threshold)
            .opt("prefixAllowedRestartIntervalMsecs", limit.restart.map(|r| r.as_secs() * 1000));
    }
    o
}

fn ending(o: &mut Obj, n: &Neighbor, clock: &Clock) {
    let view = &n.view;
    let (code, text) = reason::of(view);
    if code != 0 {
        let ago = view.last_reset.as_ref().map_or(0, |(at, _)| clock.age(*at).as_secs() * 1000);
        o.put("lastResetTimerMsecs", ago).put("lastResetDueTo", text).put("lastResetCode", code);
    }
    if let Some((error, hard)) = reason::last_error(view) {
        o.put("lastErrorCodeSubcode", format!("{:02X}{:02X}", error.code, error.subcode))
            .put("lastNotificationReason", reason::error_text(&error))
            .put("lastNotificationHardReset", hard)
            .opt("lastShutdownDescription", error.shutdown_text());
    }
    if n.is_external() {
        o.put("externalBgpNbrMaxHopsAway", n.external_hops());
    } else {
        o.put("internalBgpNbrMaxHopsAway", 255);
    }
    let end = |o: &mut Obj, host: &str, port: &str, addr: Option<SocketAddr>| {
        o.put(host, addr.map_or_else(|| "Unknown".to_owned(), |a| a.ip().to_string()))
            .put(port, addr.map_or(-1, |a| i32::from(a.port())));
    };
    end(o, "hostLocal", "portLocal", view.ends.map(|e| e.0));
    end(o, "hostForeign", "portForeign", view.ends.map(|e| e.1));
    if view.established.is_some() {
        let a = &view.addresses;
        o.opt("nexthop", Some(a.v4.map_or("0.0.0.0".to_owned(), |a| a.to_string())))
            .opt("nexthopGlobal", Some(a.v6_global.map_or("::".to_owned(), |a| a.to_string())))
            .opt("nexthopLocal", Some(a.v6_link_local.map_or("::".to_owned(), |a| a.to_string())))
            .put("bgpConnection", if n.shares_link() { "sharedNetwork" } else { "nonSharedNetwork" });
    }
    o.put("connectRetryTimer", view.config.connect_retry);
    o.opt("estimatedRttInMsecs", n.round_trip.map(|time| time.as_millis() as u64));
    if view.established.is_none() {
        let due = view.next_attempt.map(|at| at.saturating_duration_since(clock.now).as_secs() * 1000);
        o.opt("nextConnectTimerDueInMsecs", due);
    }
    o.flag("peerAuthenticationEnabled", view.config.password);
    let thread = if view.established.is_some() { "on" } else { "off" };
    o.put("readThread", thread).put("writeThread", thread);
    o.opt("peerBfdInfo", n.bfd.as_ref().map(bfd::neighbor_info));
}

impl Neighbor {
    /// Hold and keepalive times before negotiation, seconds.
    pub(super) fn configured_times(&self) -> (u64, u64) {
        (self.view.config.hold_time.into(), self.view.config.keepalive.into())
    }

    /// Those in use.
    pub(super) fn used_times(&self) -> (u64, u64) {
        self.view.times.map_or(self.configured_times(), |(h, k)| (h.as_secs(), k.as_secs()))
    }

    /// Whether both ends are on one subnet.
    pub(super) fn shares_link(&self) -> bool {
        let remote: Option<IpAddr> = self.view.ends.map(|e| e.1.ip());
        self.view.addresses.link.is_some_and(|l| remote.is_some_and(|r| l.contains(r)))
    }
}
