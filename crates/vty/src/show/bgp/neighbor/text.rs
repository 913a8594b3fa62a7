//! A neighbor as text.

use ferr_state::bgp::config::{NeighborFamily, NexthopSelf};
use ferr_state::bgp::{BfdHold, Capability, DownReason, PeerFamilyView, State};
use ferr_types::Family;

use super::Neighbor;
use super::capabilities::{Opens, remote_mode, remote_restart};
use super::json::{communities, remote_role};
use crate::output::{Out, line, put};
use crate::show::bgp::reason;
use crate::show::{Clock, bfd};
use crate::time;

/// The text.
pub(super) fn neighbor(out: &mut Out<'_>, n: &Neighbor, clock: &Clock) {
    let (view, config) = (&n.view, &n.view.config);
    head(out, n);
    put!(out, "  BGP version 4, remote router ID {}", view.router_id);
    line!(out, ", local router ID {}", n.instance.router_id);
    put!(out, "  BGP state = {}", view.state.name());
    if let Some(at) = view.established {
        put!(out, ", up for {}", time::uptime(clock.age(at)));
    } else if view.prefix_limit {
        put!(out, " (PfxCt)");
    }
    line!(out);
    let ago = |at: Option<std::time::Instant>| {
        at.map_or_else(|| "never".to_owned(), |at| time::uptime(clock.age(at)))
    };
    line!(out, "  Last read {}, Last write {}", ago(view.last_read), ago(view.last_write));
    let (hold, keepalive) = n.used_times();
    line!(out, "  Hold time is {hold} seconds, keepalive interval is {keepalive} seconds");
    let (hold, keepalive) = n.configured_times();
    line!(out, "  Configured hold time is {hold} seconds, keepalive interval is {keepalive} seconds");
    line!(out, "  Configured conditional advertisements interval is 60 seconds");
    if let Some(opens) = Opens::of(view) {
        capabilities(out, n, opens);
    }
    graceful(out, n);
    statistics(out, n);
    line!(out, "  Minimum time between advertisement runs is {} seconds", config.advertisement_interval);
    if let Some(source) = &config.update_source_text {
        line!(out, "  Update source is {source}");
    }
    line!(out);
    for (family, part) in n.families() {
        family_text(out, n, family, part);
    }
    ending(out, n, clock);
}

fn head(out: &mut Out<'_>, n: &Neighbor) {
    let (view, config) = (&n.view, &n.view.config);
    let kind = if config.interface_name.is_some() { "on" } else { "is" };
    put!(out, "BGP neighbor {kind} {}", config.name);
    if config.interface_name.is_some()
        && let Some(addr) = config.addr
    {
        put!(out, ": {addr}");
    }
    put!(out, ", remote AS {}, local AS {}", view.remote_as.map_or(0, |a| a.0), view.local_as);
    if let Some(local) = config.local_as {
        put!(out, "{}", if local.no_prepend { " no-prepend" } else { "" });
        put!(out, "{}", if local.replace_as { " replace-as" } else { "" });
    }
    line!(out, ", {} link", if n.is_external() { "external" } else { "internal" });
    line!(out, "  Local Role: {}", config.role.map_or("undefined", |_| "configured"));
    line!(out, "  Remote Role: {}", remote_role(n));
    config.description.iter().for_each(|d| line!(out, " Description: {d}"));
    view.hostname.iter().for_each(|h| line!(out, "Hostname: {h}"));
    config.peer_group.iter().for_each(|g| line!(out, " Member of peer-group {g} for session parameters"));
    if config.shutdown.is_some() {
        line!(out, " Administratively shut down");
    }
}

fn capabilities(out: &mut Out<'_>, n: &Neighbor, opens: Opens<'_>) {
    line!(out, "  Neighbor capabilities:");
    let simple = |out: &mut Out<'_>, title: &str, is: fn(&Capability) -> bool| {
        let sides = opens.sides(is);
        if sides.any() {
            line!(out, "    {title}: {}", sides.text());
        }
        sides.any()
    };
    simple(out, "4 Byte AS", |c| matches!(c, Capability::FourOctetAs(_)));
    simple(out, "Extended Message", |c| matches!(c, Capability::ExtendedMessage));
    if opens.sides(|c| matches!(c, Capability::AddPath(_))).any() {
        line!(out, "    AddPath:");
        for family in Family::ALL {
            let (rx, tx) = opens.add_path(family);
            for (side, name) in [(rx, "RX"), (tx, "TX")] {
                if side.any() {
                    line!(out, "      {family}: {name} {}", side.text());
                }
            }
        }
    }
    simple(out, "Extended nexthop", |c| matches!(c, Capability::ExtendedNexthop(_)));
    let long =
        simple(out, "Long-lived Graceful Restart", |c| matches!(c, Capability::LongLivedGracefulRestart(_)));
    if long {
        line!(out, "      Address families by peer:");
    }
    if let Some((_, text)) = opens.refresh() {
        line!(out, "    Route refresh: {text}");
    }
    simple(out, "Enhanced Route Refresh", |c| matches!(c, Capability::EnhancedRouteRefresh));
    for family in Family::ALL {
        let sides = opens.family(family);
        if sides.any() {
            line!(out, "    Address Family {family}: {}", sides.text());
        }
    }
    put!(out, "    Hostname Capability:");
    for (word, open) in [("advertised", opens.local), ("received", opens.remote)] {
        match Opens::fqdn(open) {
            Some((host, domain)) => put!(out, " {word} (name: {host},domain name: {domain})"),
            None => put!(out, " not {word}"),
        }
    }
    line!(out);
    if simple(out, "Graceful Restart Capability", |c| matches!(c, Capability::GracefulRestart { .. }))
        && let Some(remote) = remote_restart(&n.view)
    {
        line!(out, "      Remote Restart timer is {} seconds", remote.time);
        line!(out, "      Address families by peer:");
        if remote.families.is_empty() {
            line!(out, "        none");
        }
        for (family, kept) in &remote.families {
            line!(out, "        {family}({})", if *kept { "preserved" } else { "not preserved" });
        }
    }
}

const fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

const fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn graceful(out: &mut Out<'_>, n: &Neighbor) {
    let remote = remote_restart(&n.view).unwrap_or_default();
    let names = |which: fn(&PeerFamilyView) -> bool| {
        let list: Vec<String> = n.families().filter(|(_, p)| which(p)).map(|(f, _)| f.to_string()).collect();
        list.join(", ")
    };
    line!(out, "  Graceful restart information:");
    for (title, list) in [("send", names(|p| p.eor_sent)), ("received", names(|p| p.eor_received))] {
        if !list.is_empty() {
            line!(out, "    End-of-RIB {title}: {list}");
        }
    }
    line!(out, "    Local GR Mode: {}", n.local_mode());
    line!(out, "    Remote GR Mode: {}", remote_mode(&n.view));
    line!(out, "    R bit: {}", truth(remote.restarted));
    line!(out, "    N bit: {}", truth(remote.notification));
    line!(out, "    Timers:");
    line!(out, "      Configured Restart Time(sec): {}", n.instance.restart_time);
    line!(out, "      Received Restart Time(sec): {}", remote.time);
    for (family, part) in n.families().filter(|(_, p)| p.negotiated) {
        let kept = remote.families.iter().any(|(f, kept)| *f == family && *kept);
        line!(out, "    {family}:");
        line!(out, "      F bit: {}", truth(kept));
        line!(out, "      End-of-RIB sent: {}", yes(part.eor_sent));
        line!(out, "      End-of-RIB sent after update: {}", yes(part.eor_sent));
        line!(out, "      End-of-RIB received: {}", yes(part.eor_received));
        line!(out, "      Timers:");
        line!(out, "        Configured Stale Path Time(sec): {}", n.instance.stalepath_time.as_secs());
    }
}

fn statistics(out: &mut Out<'_>, n: &Neighbor) {
    let c = &n.view.counters;
    line!(out, "  Message statistics:");
    line!(out, "    Inq depth is 0");
    line!(out, "    Outq depth is {}", n.view.out_queue);
    line!(out, "                         Sent       Rcvd");
    let rows = [
        ("Opens", c.open_out, c.open_in),
        ("Notifications", c.notification_out, c.notification_in),
        ("Updates", c.update_out, c.update_in),
        ("Keepalives", c.keepalive_out, c.keepalive_in),
        ("Route Refresh", c.refresh_out, c.refresh_in),
        ("Capability", 0, 0),
        ("Total", c.total_out(), c.total_in()),
    ];
    for (title, sent, received) in rows {
        line!(out, "    {:<15}{sent:>10} {received:>10}", format!("{title}:"));
    }
}

fn family_text(out: &mut Out<'_>, n: &Neighbor, family: Family, part: &PeerFamilyView) {
    let Some(config) = n.view.config.families[family].as_ref() else { return };
    let up = n.view.state == State::Established;
    line!(out, " For address family: {family}");
    if let Some(group) = &n.view.config.peer_group {
        line!(out, "  {group} peer-group member");
    }
    if up {
        match part.group {
            Some(group) => line!(out, "  Update group {group}, subgroup {group}"),
            None => line!(out, "  Not part of any update group"),
        }
        line!(out, "  Packet Queue length 0");
    } else {
        line!(out, "  Not part of any update group");
    }
    let remarks = [
        (config.reflector_client, "Route-Reflector Client"),
        (config.server_client, "Route-Server Client"),
        (config.soft_reconfiguration, "Inbound soft reconfiguration allowed"),
        (config.remove_private_as.is_some(), "Private AS numbers removed in updates to this neighbor"),
        (config.next_hop_self != NexthopSelf::No, "NEXT_HOP is always this router"),
        (config.as_override, "Override ASNs in outbound updates"),
        (config.unchanged.as_path, "AS_PATH is propagated unchanged to this neighbor"),
        (config.unchanged.next_hop, "NEXT_HOP is propagated unchanged to this neighbor"),
        (config.unchanged.med, "MED is propagated unchanged to this neighbor"),
    ];
    remarks.iter().filter(|(on, _)| *on).for_each(|(_, text)| line!(out, "  {text}"));
    match communities(config.send_community) {
        Some("extendedAndStandard") => line!(out, "  Community attribute sent to this neighbor(all)"),
        Some(which) => line!(out, "  Community attribute sent to this neighbor({which})"),
        None => {}
    }
    if config.default_originate.is_some() {
        line!(out, "  Default information originate, default sent");
    }
    if part.policy_missing {
        line!(out, "  Inbound updates discarded due to missing policy");
        line!(out, "  Outbound updates discarded due to missing policy");
    }
    if config.filters_in.any() {
        line!(out, "  Inbound path policy configured");
    }
    if config.filters_out.any() {
        line!(out, "  Outbound path policy configured");
    }
    filters(out, config);
    if let Some(c) = &config.advertise_map {
        let (condition, status) = (
            if c.exist { "EXIST" } else { "NON_EXIST" },
            if part.withheld { "Withdraw" } else { "Advertise" },
        );
        put!(out, "  Condition {condition}, Condition-map *{}, ", c.condition);
        line!(out, "Advertise-map *{}, status: {status}", c.map);
    }
    line!(out, "  {} accepted prefixes", part.accepted);
    if let Some(limit) = config.maximum_prefix {
        let only = if limit.warning_only { " (warning-only)" } else { "" };
        line!(out, "  Maximum prefixes allowed {}{only}", limit.limit);
        line!(out, "  Threshold for warning message {}%", limit.threshold);
        limit.restart.iter().for_each(|r| line!(out, ", restart interval {} min", r.as_secs() / 60));
    }
    line!(out);
}

fn filters(out: &mut Out<'_>, config: &NeighborFamily) {
    let lists = [
        ("Incoming update prefix filter list", &config.filters_in.prefix_list),
        ("Outgoing update prefix filter list", &config.filters_out.prefix_list),
        ("Incoming update network filter list", &config.filters_in.distribute_list),
        ("Outgoing update network filter list", &config.filters_out.distribute_list),
        ("Incoming update AS path filter list", &config.filters_in.filter_list),
        ("Outgoing update AS path filter list", &config.filters_out.filter_list),
        ("Route map for incoming advertisements", &config.filters_in.route_map),
        ("Route map for outgoing advertisements", &config.filters_out.route_map),
        ("Route-map for selective unsuppress", &config.unsuppress_map),
    ];
    for (title, name) in lists {
        name.iter().for_each(|name| line!(out, "  {title} is *{name}"));
    }
}

fn ending(out: &mut Out<'_>, n: &Neighbor, clock: &Clock) {
    let view = &n.view;
    line!(out, "  Connections established {}; dropped {}", view.established_count, view.dropped_count);
    match &view.last_reset {
        Some((at, reason)) => {
            let (_, text) = reason::code(reason);
            put!(out, "  Last reset {},  ", time::uptime(clock.age(*at)));
            match reason::last_error(view) {
                Some((error, hard)) => {
                    let way = if matches!(reason, DownReason::NotificationReceived(_)) {
                        "received"
                    } else {
                        "sent"
                    };
                    let hard = if hard { "/Hard Reset" } else { "" };
                    line!(out, "Notification {way} ({}{hard})", reason::error_text(&error));
                }
                None => line!(out, "{text}"),
            }
        }
        None if view.state == State::Established => line!(out, "  Last reset never"),
        None => line!(out, "  Last reset never,  {}", reason::text(view)),
    }
    match view.bfd_hold {
        Some(BfdHold::Until(at)) => {
            let left = at.saturating_duration_since(clock.now).as_secs();
            line!(out, "  Waiting for BFD to come up (strict), given up in {left} seconds");
        }
        Some(BfdHold::GivenUp) => line!(out, "  Given up: BFD did not come up in time (strict)"),
        None => {}
    }
    let (kind, hops) = if n.is_external() { ("External", n.external_hops()) } else { ("Internal", u8::MAX) };
    line!(out, "  {kind} BGP neighbor may be up to {hops} hops away.");
    if let Some((local, remote)) = view.ends {
        line!(out, "Local host: {}, Local port: {}", local.ip(), local.port());
        line!(out, "Foreign host: {}, Foreign port: {}", remote.ip(), remote.port());
    }
    if view.established.is_some() {
        let a = &view.addresses;
        line!(out, "Nexthop: {}", a.v4.map_or("0.0.0.0".to_owned(), |a| a.to_string()));
        line!(out, "Nexthop global: {}", a.v6_global.map_or("::".to_owned(), |a| a.to_string()));
        line!(out, "Nexthop local: {}", a.v6_link_local.map_or("::".to_owned(), |a| a.to_string()));
        line!(out, "BGP connection: {}shared network", if n.shares_link() { "" } else { "non " });
    }
    line!(out, "BGP Connect Retry Timer in Seconds: {}", view.config.connect_retry);
    n.round_trip.iter().for_each(|t| line!(out, "Estimated round trip time: {} ms", t.as_millis()));
    if let Some(at) = view.next_attempt {
        let due = at.saturating_duration_since(clock.now).as_secs();
        line!(out, "Next connect timer due in {due} seconds");
    }
    if view.config.password {
        line!(out, "Peer Authentication Enabled");
    }
    let thread = if view.established.is_some() { "on" } else { "off" };
    line!(out, "Read thread: {thread}  Write thread: {thread}  FD used: -1");
    line!(out);
    n.bfd.iter().for_each(|view| bfd::neighbor_text(out, view));
}
