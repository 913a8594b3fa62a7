//! Top-level statements, and those that a `vrf` block shares with them.

use ferr_types::Afi;

use super::args::Args;
use super::mode::Mode;
use super::statics::{self, HasRoutes};
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, flag, idle, inert, off_flag, stmt, value};
use crate::error::ConfigError;
use crate::model::global::{Global, ImportTable, LineVty, LogLevel, Profile, RouteSource, VrfGlobals};
use crate::model::statics::StaticRoutes;
use crate::model::{Config, Secret, Vni, Vrf};

fn level(a: &Args<'_>) -> Option<LogLevel> {
    // Old spellings are prefixes of the names; `debug` among them.
    let find = |k: &str| LogLevel::ALL.into_iter().find(|l| l.name() == k);
    a.keywords().filter(|k| *k != "log").find_map(find)
}

fn level_text(level: Option<LogLevel>) -> String {
    level.map(|l| format!(" {l}")).unwrap_or_default()
}

macro_rules! log_target {
    ($word:literal, $($f:ident).+) => {
        stmt(
            concat!("log ", $word, " ~ [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>]"),
            |g: &mut Global, a| { g.$($f).+ = Some(level(a)); DONE },
            |g, _| { g.$($f).+ = None; DONE },
            |g, o| if let Some(level) = g.$($f).+ { o.line(format_args!(concat!("log ", $word, "{}"), level_text(level))) },
        )
    };
}

fn password(a: &Args<'_>) -> (bool, Secret) {
    (a.get("kind").is_some(), Secret::new(a.name("text")))
}

fn password_text(p: &(bool, Secret)) -> String {
    format!("password {}{}", if p.0 { "8 " } else { "" }, p.1.reveal())
}

/// Of every socket's configuration.
pub(crate) static COMMON: &[Stmt<Global>] = &[
    value!("hostname", "WORD", hostname),
    value!("domainname", "WORD", domainname),
    stmt(
        "log file ~ FILENAME@path [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>]",
        |g, a| {
            g.log.file = Some((a.name("path"), level(a)));
            DONE
        },
        |g, _| {
            g.log.file = None;
            DONE
        },
        |g, o| {
            if let Some((path, level)) = &g.log.file {
                o.line(format_args!("log file {path}{}", level_text(*level)));
            }
        },
    ),
    log_target!("syslog", log.syslog),
    log_target!("stdout", log.stdout),
    log_target!("monitor", log.monitor),
    stmt(
        "log facility ~ FACILITY@v",
        |g, a| {
            g.log.facility = Some(a.name("v")).filter(|f| f != "daemon");
            DONE
        },
        |g, _| {
            g.log.facility = None;
            DONE
        },
        |g, o| {
            if let Some(f) = &g.log.facility {
                o.line(format_args!("log facility {f}"));
            }
        },
    ),
    flag!("log record-priority", log.record_priority),
    stmt(
        "log timestamp precision ~ (0-6)@v",
        |g, a| {
            g.log.timestamp_precision = a.val("v")?;
            DONE
        },
        |g, _| {
            g.log.timestamp_precision = 0;
            DONE
        },
        |g, o| {
            if g.log.timestamp_precision != 0 {
                o.line(format_args!("log timestamp precision {}", g.log.timestamp_precision));
            }
        },
    ),
    flag!("log commands", log.commands),
    off_flag!("log error-category", log.no_error_category),
    off_flag!("log unique-id", log.no_unique_id),
    stmt(
        "log filter-text WORD@v",
        |g, a| {
            g.log.filters.insert(a.name("v"));
            DONE
        },
        |g, a| {
            g.log.filters.remove(&a.name("v"));
            DONE
        },
        |g, o| g.log.filters.iter().for_each(|w| o.line(format_args!("log filter-text {w}"))),
    ),
    stmt(
        "service integrated-vtysh-config",
        |g, _| {
            g.services.integrated_vtysh_config = Some(true);
            DONE
        },
        |g, _| {
            g.services.integrated_vtysh_config = Some(false);
            DONE
        },
        |g, o| {
            if let Some(on) = g.services.integrated_vtysh_config {
                o.switch(on, "service integrated-vtysh-config");
            }
        },
    ),
    flag!("service password-encryption", services.password_encryption),
    flag!("service advanced-vty", services.advanced_vty),
    off_flag!("service cputime-stats", services.no_cputime_stats),
    stmt(
        "service cputime-warning ~ (1-4294967295)@v",
        |g, a| {
            g.services.cputime_warning = a.opt("v")?.filter(|ms| *ms != 5000);
            DONE
        },
        |g, _| {
            g.services.cputime_warning = Some(0);
            DONE
        },
        |g, o| show_warning("service cputime-warning", g.services.cputime_warning, o),
    ),
    stmt(
        "service walltime-warning ~ (1-4294967295)@v",
        |g, a| {
            g.services.walltime_warning = a.opt("v")?.filter(|ms| *ms != 5000);
            DONE
        },
        |g, _| {
            g.services.walltime_warning = Some(0);
            DONE
        },
        |g, o| show_warning("service walltime-warning", g.services.walltime_warning, o),
    ),
    stmt(
        "service terminal-length ~ (0-512)@v",
        |g, a| {
            g.services.terminal_length = a.opt("v")?;
            DONE
        },
        |g, _| {
            g.services.terminal_length = None;
            DONE
        },
        |g, o| {
            if let Some(n) = g.services.terminal_length {
                o.line(format_args!("service terminal-length {n}"));
            }
        },
    ),
    flag!("allow-reserved-ranges", allow_reserved_ranges),
    stmt(
        "password ~ [(8-8)@kind] WORD@text",
        |g, a| {
            g.password = Some(password(a));
            DONE
        },
        |g, _| {
            g.password = None;
            DONE
        },
        |g, o| {
            if let Some(p) = &g.password {
                o.line(password_text(p));
            }
        },
    ),
    stmt(
        "enable password ~ [(8-8)@kind] WORD@text",
        |g, a| {
            g.enable_password = Some(password(a));
            DONE
        },
        |g, _| {
            g.enable_password = None;
            DONE
        },
        |g, o| {
            if let Some(p) = &g.enable_password {
                o.line(format_args!("enable {}", password_text(p)));
            }
        },
    ),
];

fn show_warning(words: &str, value: Option<u32>, o: &mut Lines) {
    match value {
        None => {}
        Some(0) => o.no(words),
        Some(ms) => o.line(format_args!("{words} {ms}")),
    }
}

/// Of zebra's configuration.
pub(crate) static ZEBRA: &[Stmt<Global>] = &[
    stmt(
        "ip forwarding",
        |g, _| {
            g.ip_forwarding = Some(true);
            DONE
        },
        |g, _| {
            g.ip_forwarding = Some(false);
            DONE
        },
        |g, o| {
            if g.ip_forwarding == Some(false) {
                o.no("ip forwarding");
            }
        },
    ),
    stmt(
        "ipv6 forwarding",
        |g, _| {
            g.ipv6_forwarding = Some(true);
            DONE
        },
        |g, _| {
            g.ipv6_forwarding = Some(false);
            DONE
        },
        |g, o| {
            if g.ipv6_forwarding == Some(false) {
                o.no("ipv6 forwarding");
            }
        },
    ),
    idle(stmt(
        "ip import-table (1-252)@n ~ [distance (1-255)@distance] [route-map NAME@map]",
        |g, a| {
            let options =
                ImportTable { distance: a.opt("distance")?, route_map: a.get("map").map(str::to_owned) };
            g.import_tables.insert(a.val("n")?, options);
            DONE
        },
        |g, a| {
            g.import_tables.remove(&a.val("n")?);
            DONE
        },
        |g, o| {
            for (n, t) in &g.import_tables {
                let distance = t.distance.map(|d| format!(" distance {d}")).unwrap_or_default();
                let map = t.route_map.as_ref().map(|m| format!(" route-map {m}")).unwrap_or_default();
                o.line(format_args!("ip import-table {n}{distance}{map}"));
            }
        },
    )),
    idle(value!("zebra route-map delay-timer", "(0-600)", zebra_route_map_delay)),
    idle(stmt(
        "zebra nexthop-group keep ~ (1-3600)@v",
        |g, a| {
            g.nexthop_group_keep = a.opt("v")?.filter(|s| *s != 180);
            DONE
        },
        |g, _| {
            g.nexthop_group_keep = None;
            DONE
        },
        |g, o| {
            if let Some(s) = g.nexthop_group_keep {
                o.line(format_args!("zebra nexthop-group keep {s}"));
            }
        },
    )),
];

/// `debug ...` of any daemon.
pub(crate) static DEBUG: &[Stmt<Global>] = &[stmt(
    "debug LINE...",
    |g, a| {
        let line = a.canonical();
        g.debug.set(line.clone(), line);
        Ok(Effect::Inert)
    },
    |g, a| {
        let line = a.canonical();
        g.debug.unset(&line, &line);
        DONE
    },
    |g, o| g.debug.iter().for_each(|line| o.line(line)),
)];

/// `line vty`.
pub(crate) static LINE_VTY: &[Stmt<LineVty>] = &[
    stmt(
        "exec-timeout ~ (0-35791)@min [(0-2147483)@sec]",
        |l, a| {
            let value = (a.val("min")?, a.opt("sec")?.unwrap_or(0));
            l.exec_timeout = Some(value).filter(|v| *v != (10, 0));
            DONE
        },
        |l, _| {
            l.exec_timeout = None;
            DONE
        },
        |l, o| {
            if let Some((min, sec)) = l.exec_timeout {
                o.line(format_args!("exec-timeout {min} {sec}"));
            }
        },
    ),
    value!("access-class", "WORD", access_class),
    value!("ipv6 access-class", "WORD", access_class6),
    off_flag!("login", no_login),
];

/// Top-level statements that open a block or act on the whole.
pub(crate) static BLOCKS: &[Stmt<Config>] = &[
    alias("frr version LINE...", |_, _| DONE, |_, _| DONE),
    alias("frr defaults ~ PROFILE@profile", set_profile, |c, _| {
        apply_profile(c, Profile::Traditional);
        DONE
    }),
    alias("interface IFNAME@name [vrf NAME@vrf]", interface, |c, a| {
        c.interfaces.remove(&a.name("name"));
        DONE
    }),
    alias("vrf NAME@name", vrf, |c, a| {
        c.vrfs.remove(&a.name("name"));
        DONE
    }),
    alias(
        "line vty",
        |_, _| Ok(Effect::Enter(Mode::LineVty)),
        |c, _| {
            c.global.line_vty = LineVty::default();
            DONE
        },
    ),
    // Typed inside a `vrf` block these have no such word; at top level they name the VRF.
    alias("ip router-id A.B.C.D@id vrf NAME@vrf", vrf_router_id, no_vrf_router_id),
    alias("router-id A.B.C.D@id vrf NAME@vrf", vrf_router_id, no_vrf_router_id),
    alias("route-map NAME@name ~ <deny|permit> (1-65535)@seq", route_map, no_route_map),
    alias("route-map NAME@name optimization", |c, a| optimize(c, a, true), |c, a| optimize(c, a, false)),
];

fn set_profile(c: &mut Config, a: &Args<'_>) -> Applied {
    match a.get("profile") {
        Some("traditional") => apply_profile(c, Profile::Traditional),
        Some("datacenter") => apply_profile(c, Profile::Datacenter),
        other => {
            let text = other.unwrap_or_default().to_owned();
            return Err(ConfigError::Value { what: "profile", text });
        }
    }
    DONE
}

fn apply_profile(c: &mut Config, profile: Profile) {
    c.global.profile = profile;
    for instance in c.bgp.values_mut() {
        instance.profile = profile;
    }
    for instance in c.ospf.values_mut().chain(c.ospf6.values_mut()) {
        instance.profile = profile;
    }
}

fn interface(c: &mut Config, a: &Args<'_>) -> Applied {
    let vrf = a.get("vrf").filter(|v| *v != "default").map(str::to_owned);
    let name = a.name("name");
    if let Some(held) = c.interfaces.get_mut(&name)
        && vrf.is_some()
    {
        held.vrf.clone_from(&vrf);
    }
    Ok(Effect::Enter(Mode::Interface { name, vrf }))
}

fn vrf(c: &mut Config, a: &Args<'_>) -> Applied {
    let name = a.name("name");
    c.vrfs.entry(name.clone()).or_default();
    Ok(Effect::Enter(Mode::Vrf(name)))
}

fn vrf_router_id(c: &mut Config, a: &Args<'_>) -> Applied {
    let id = a.val("id")?;
    match a.get("vrf") {
        Some("default") | None => c.global.vrf.router_id = Some(id),
        Some(vrf) => c.vrfs.entry(vrf.to_owned()).or_default().globals.router_id = Some(id),
    }
    DONE
}

fn no_vrf_router_id(c: &mut Config, a: &Args<'_>) -> Applied {
    match a.get("vrf") {
        Some("default") | None => c.global.vrf.router_id = None,
        Some(vrf) => {
            if let Some(vrf) = c.vrfs.get_mut(vrf) {
                vrf.globals.router_id = None;
            }
        }
    }
    DONE
}

fn route_map(c: &mut Config, a: &Args<'_>) -> Applied {
    let (name, seq) = (a.name("name"), a.val("seq")?);
    let action = super::lists::action(a);
    let map = c.route_maps.entry(name.clone()).or_default();
    let new = || crate::model::routemap::RouteMapEntry::new(action);
    map.entries.entry(seq).or_insert_with(new).action = action;
    Ok(Effect::Enter(Mode::RouteMap(name, seq)))
}

fn no_route_map(c: &mut Config, a: &Args<'_>) -> Applied {
    let name = a.name("name");
    let Some(seq) = a.opt::<u16>("seq")? else {
        c.route_maps.remove(&name);
        return DONE;
    };
    if let Some(map) = c.route_maps.get_mut(&name) {
        map.entries.remove(&seq);
        if map.entries.is_empty() && !map.no_optimization {
            c.route_maps.remove(&name);
        }
    }
    DONE
}

fn optimize(c: &mut Config, a: &Args<'_>, on: bool) -> Applied {
    let name = a.name("name");
    match c.route_maps.get_mut(&name) {
        Some(map) => map.no_optimization = !on,
        None if !on => c.route_maps.entry(name).or_default().no_optimization = true,
        None => {}
    }
    DONE
}

impl HasRoutes for Config {
    fn routes_mut(&mut self, vrf: Option<&str>, create: bool) -> Option<&mut StaticRoutes> {
        match vrf {
            None => Some(&mut self.routes),
            Some(vrf) if create => Some(&mut self.vrfs.entry(vrf.to_owned()).or_default().routes),
            Some(vrf) => self.vrfs.get_mut(vrf).map(|v| &mut v.routes),
        }
    }

    fn routes(&self) -> &StaticRoutes {
        &self.routes
    }
}

impl HasRoutes for Vrf {
    fn routes_mut(&mut self, _: Option<&str>, _: bool) -> Option<&mut StaticRoutes> {
        Some(&mut self.routes)
    }

    fn routes(&self) -> &StaticRoutes {
        &self.routes
    }
}

/// Static routes of the default VRF.
pub(crate) static ROUTES: &[Stmt<Config>] = &statics::statements::<Config>();
/// Static routes of a VRF.
pub(crate) static VRF_ROUTES: &[Stmt<Vrf>] = &statics::statements::<Vrf>();

fn source(a: &Args<'_>) -> Result<(Afi, RouteSource), ConfigError> {
    let afi = if a.has("ipv6") { Afi::Ipv6 } else { Afi::Ipv4 };
    Ok((afi, a.protocol()?))
}

fn set_protocol(g: &mut VrfGlobals, a: &Args<'_>) -> Applied {
    g.protocol_maps.insert(source(a)?, a.name("map"));
    DONE
}

fn unset_protocol(g: &mut VrfGlobals, a: &Args<'_>) -> Applied {
    g.protocol_maps.remove(&source(a)?);
    DONE
}

fn set_nht(g: &mut VrfGlobals, a: &Args<'_>) -> Applied {
    g.nht_maps.insert(source(a)?, a.name("map"));
    DONE
}

fn unset_nht(g: &mut VrfGlobals, a: &Args<'_>) -> Applied {
    g.nht_maps.remove(&source(a)?);
    DONE
}

fn show_maps(maps: &std::collections::BTreeMap<(Afi, RouteSource), String>, word: &str, o: &mut Lines) {
    for ((afi, source), map) in maps {
        let ip = if *afi == Afi::Ipv6 { "ipv6" } else { "ip" };
        o.line(format_args!("{ip} {word} {source} route-map {map}"));
    }
}

/// Statements of the default VRF and of `vrf` blocks alike.
pub(crate) static VRF_GLOBALS: &[Stmt<VrfGlobals>] = &[
    value!("ip router-id", "A.B.C.D", router_id),
    alias(
        "router-id ~ A.B.C.D@v",
        |g, a| {
            g.router_id = Some(a.val("v")?);
            DONE
        },
        |g, _| {
            g.router_id = None;
            DONE
        },
    ),
    idle(value!("ipv6 router-id", "X:X::X:X", router_id6)),
];

/// Maps and next-hop tracking of the default VRF and of `vrf` blocks alike; printed after the route-maps.
pub(crate) static VRF_MAPS: &[Stmt<VrfGlobals>] = &[
    stmt("ip protocol PROTOCOL ~ route-map ~ NAME@map", set_protocol, unset_protocol, |g, o| {
        show_maps(&g.protocol_maps, "protocol", o);
    }),
    alias("ipv6 protocol PROTOCOL ~ route-map ~ NAME@map", set_protocol, unset_protocol),
    stmt("ip nht PROTOCOL ~ route-map ~ NAME@map", set_nht, unset_nht, |g, o| {
        show_maps(&g.nht_maps, "nht", o);
    }),
    alias("ipv6 nht PROTOCOL ~ route-map ~ NAME@map", set_nht, unset_nht),
    stmt(
        "ip nht resolve-via-default",
        |g, _| {
            g.nht_resolve_via_default = Some(true);
            DONE
        },
        |g, _| {
            g.nht_resolve_via_default = Some(false);
            DONE
        },
        |g, o| {
            if let Some(on) = g.nht_resolve_via_default {
                o.switch(on, "ip nht resolve-via-default");
            }
        },
    ),
    stmt(
        "ipv6 nht resolve-via-default",
        |g, _| {
            g.nht6_resolve_via_default = Some(true);
            DONE
        },
        |g, _| {
            g.nht6_resolve_via_default = Some(false);
            DONE
        },
        |g, o| {
            if let Some(on) = g.nht6_resolve_via_default {
                o.switch(on, "ipv6 nht resolve-via-default");
            }
        },
    ),
    idle(stmt(
        "ip table range ~ (1-4294967295)@low (1-4294967295)@high",
        |g, a| {
            g.table_range = Some((a.val("low")?, a.val("high")?));
            DONE
        },
        |g, _| {
            g.table_range = None;
            DONE
        },
        |g, o| {
            if let Some((low, high)) = g.table_range {
                o.line(format_args!("ip table range {low} {high}"));
            }
        },
    )),
];

/// Makes the VRF itself one of ours; FRR does not know it. The kernel's own tables cannot be given away.
pub(crate) static VRF_TABLE: &[Stmt<Option<u32>>] = &[stmt(
    "table ~ (1-4294967295)@table",
    |t, a| {
        let table = a.val("table")?;
        if (253..=255).contains(&table) {
            return Err(ConfigError::KernelTable(table));
        }
        *t = Some(table);
        DONE
    },
    |t, _| {
        *t = None;
        DONE
    },
    |t, o| {
        if let Some(table) = t {
            o.line(format_args!("table {table}"));
        }
    },
)];

/// `vrf` blocks only.
pub(crate) static VRF: &[Stmt<Vrf>] = &[
    stmt(
        "vni ~ (1-16777215)@id [prefix-routes-only]",
        |v, a| {
            v.vni = Some(Vni { id: a.val("id")?, prefix_routes_only: a.has("prefix-routes-only") });
            Ok(Effect::Inert)
        },
        |v, _| {
            v.vni = None;
            DONE
        },
        |v, o| {
            if let Some(vni) = v.vni {
                let only = if vni.prefix_routes_only { " prefix-routes-only" } else { "" };
                o.line(format_args!("vni {}{only}", vni.id));
            }
        },
    ),
    idle(value!("netns", "NAME", netns)),
    inert!("ip mroute LINE...", opaque),
    inert!("ip pim LINE...", opaque),
];

/// Accepted at top level, without effect yet.
pub(crate) static INERT: &[Stmt<Config>] = &[
    stmt(
        "agentx",
        |c, a| {
            c.opaque.set("agentx".into(), a.canonical());
            Ok(Effect::Inert)
        },
        |c, _| {
            c.opaque.unset("agentx", "agentx");
            DONE
        },
        |c, o| c.opaque.iter().for_each(|line| o.line(line)),
    ),
    inert!("banner motd ~ LINE...", opaque),
    inert!("username WORD ~ LINE...", opaque),
    inert!("log filtered-file ~ LINE...", opaque),
    inert!("log extended-syslog WORD", opaque),
    inert!("log immediate-mode", opaque),
    inert!("vni (1-16777215) [prefix-routes-only]", opaque),
    inert!("fpm ~ LINE...", opaque),
    inert!("zebra dplane limit ~ (0-10000)", opaque),
    inert!("zebra protodown reason-bit ~ (0-31)", opaque),
    inert!("zebra LINE...", opaque),
    inert!("allow-external-route-update", opaque),
    inert!("ip multicast LINE...", opaque),
    inert!("ip mroute LINE...", opaque),
    inert!("ip pim LINE...", opaque),
    inert!("ip igmp LINE...", opaque),
    inert!("ip ssmpingd ~ [LINE...]", opaque),
    inert!("pbr nexthop-resolve", opaque),
    inert!("pbr table range ~ (10000-4294966272) (10000-4294966272)", opaque),
    inert!("evpn mh mac-holdtime ~ (0-86400)", opaque),
    inert!("evpn mh neigh-holdtime ~ (0-86400)", opaque),
    inert!("evpn mh startup-delay ~ (0-3600)", opaque),
    inert!("evpn mh redirect-off", opaque),
    inert!("mpls lsp LINE...", opaque),
    inert!("mpls label bind LINE...", opaque),
    inert!("mpls label global-block ~ (16-1048575) (16-1048575)", opaque),
    inert!("mpls label dynamic-block ~ (16-1048575) (16-1048575)", opaque),
    inert!("dump bgp LINE...", opaque),
    inert!("bmp mirror buffer-limit ~ (0-4294967294)", opaque),
    inert!("yang LINE...", opaque),
];
