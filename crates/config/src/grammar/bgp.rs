//! `router bgp` and its statements outside address families.

use ferr_types::{Asn, IfAddr};

use super::args::Args;
use super::bgp_global::{show_update_delay, update_delay};
use super::mode::Mode;
use super::table::{
    Applied, DONE, Effect, Lines, Stmt, alias, flag, idle, inert, off_flag, stmt, tristate, value,
};
use crate::error::ConfigError;
use crate::model::Config;
use crate::model::bgp::{
    BandwidthMode, BgpFamily, BgpGlobals, BgpInstance, ClusterId, DEFAULT_MAX_MED, InstanceName,
    MultipathRelax,
};
use crate::model::global::Profile;
use crate::model::opaque::OpaqueLines;

fn instance_name(a: &Args<'_>) -> InstanceName {
    match a.get("name") {
        None | Some("default") => InstanceName::Default,
        Some(name) if a.has("view") => InstanceName::View(name.to_owned()),
        Some(name) => InstanceName::Vrf(name.to_owned()),
    }
}

/// The one instance that `router bgp` without a number means.
fn only_instance(c: &Config) -> Result<InstanceName, ConfigError> {
    let mut names = c.bgp.keys();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name.clone()),
        _ => Err(ConfigError::NoInstance),
    }
}

fn router(c: &mut Config, a: &Args<'_>) -> Applied {
    let Some(asn) = a.opt::<Asn>("asn")? else {
        return Ok(Effect::Enter(Mode::Bgp(only_instance(c)?)));
    };
    let name = instance_name(a);
    let profile = c.global.profile;
    let held = c.bgp.entry(name.clone()).or_insert_with(|| BgpInstance::new(asn, profile));
    if held.asn != asn {
        return Err(ConfigError::AsMismatch(held.asn));
    }
    Ok(Effect::Enter(Mode::Bgp(name)))
}

fn no_router(c: &mut Config, a: &Args<'_>) -> Applied {
    let asn = a.opt::<Asn>("asn")?;
    let name = match asn {
        Some(_) => instance_name(a),
        None if c.bgp.is_empty() => return DONE,
        None => only_instance(c)?,
    };
    match (c.bgp.get(&name), asn) {
        (Some(held), Some(asn)) if held.asn != asn => Err(ConfigError::AsMismatch(held.asn)),
        _ => {
            c.bgp.remove(&name);
            DONE
        }
    }
}

/// The header.
pub(crate) static HEADER: &[Stmt<Config>] =
    &[alias("router bgp [ASN@asn [<view|vrf> NAME@name] [as-notation <dot|dot+|plain>]]", router, no_router)];

/// Family that an `address-family` line names.
pub(crate) fn family(a: &Args<'_>) -> BgpFamily {
    let v6 = a.has("ipv6") || a.has("vpnv6");
    let pick = |v4: BgpFamily, other: BgpFamily| if v6 { other } else { v4 };
    match () {
        () if a.has("l2vpn") => BgpFamily::L2vpnEvpn,
        () if a.has("vpnv4") || a.has("vpnv6") || a.has("vpn") => {
            pick(BgpFamily::Ipv4Vpn, BgpFamily::Ipv6Vpn)
        }
        () if a.has("multicast") => pick(BgpFamily::Ipv4Multicast, BgpFamily::Ipv6Multicast),
        () if a.has("labeled-unicast") => pick(BgpFamily::Ipv4Labeled, BgpFamily::Ipv6Labeled),
        () if a.has("flowspec") => pick(BgpFamily::Ipv4Flowspec, BgpFamily::Ipv6Flowspec),
        () => pick(BgpFamily::Ipv4Unicast, BgpFamily::Ipv6Unicast),
    }
}

fn enter_family(_: &mut BgpInstance, a: &Args<'_>) -> Applied {
    // The session puts the instance's name in.
    Ok(Effect::Enter(Mode::BgpAf(InstanceName::Default, family(a))))
}

fn default_family(a: &Args<'_>) -> BgpFamily {
    match a.keywords().last().unwrap_or_default() {
        "ipv4-multicast" => BgpFamily::Ipv4Multicast,
        "ipv4-vpn" => BgpFamily::Ipv4Vpn,
        "ipv4-labeled-unicast" => BgpFamily::Ipv4Labeled,
        "ipv4-flowspec" => BgpFamily::Ipv4Flowspec,
        "ipv6-multicast" => BgpFamily::Ipv6Multicast,
        "ipv6-vpn" => BgpFamily::Ipv6Vpn,
        "ipv6-labeled-unicast" => BgpFamily::Ipv6Labeled,
        "ipv6-flowspec" => BgpFamily::Ipv6Flowspec,
        "l2vpn-evpn" => BgpFamily::L2vpnEvpn,
        _ => BgpFamily::Ipv6Unicast,
    }
}

/// Inner blocks.
pub(crate) static BLOCKS: &[Stmt<BgpInstance>] = &[
    alias(
        "address-family <ipv4|ipv6> [<unicast|multicast|labeled-unicast|vpn|flowspec>]",
        enter_family,
        |b, a| {
            b.afs.remove(&family(a));
            DONE
        },
    ),
    alias("address-family l2vpn evpn", enter_family, |b, _| {
        b.afs.remove(&BgpFamily::L2vpnEvpn);
        DONE
    }),
    alias("address-family <vpnv4|vpnv6> [unicast]", enter_family, |b, a| {
        b.afs.remove(&family(a));
        DONE
    }),
    alias(
        "bmp targets NAME@name",
        |b, a| {
            let name = a.name("name");
            b.bmp.entry(name.clone()).or_default();
            Ok(Effect::Enter(Mode::Bmp(InstanceName::Default, name)))
        },
        |b, a| {
            b.bmp.remove(&a.name("name"));
            DONE
        },
    ),
];

/// `bmp targets` blocks.
pub(crate) static BMP: &[Stmt<OpaqueLines>] = &[
    bmp(
        "bmp connect NAME port (1-65535) {min-retry (100-86400000)|max-retry (100-86400000)} [source-interface IFNAME]",
    ),
    bmp("bmp listener <A.B.C.D|X:X::X:X> port (1-65535)"),
    bmp("bmp stats ~ [interval (100-86400000)]"),
    bmp("bmp mirror"),
    bmp("bmp monitor <ipv4|ipv6|l2vpn> <unicast|multicast|vpn|evpn> <pre-policy|post-policy|loc-rib>"),
    bmp("<ip|ipv6> access-list NAME"),
];

const fn bmp(syntax: &'static str) -> Stmt<OpaqueLines> {
    alias(
        syntax,
        |l, a| {
            let key = if a.has("stats") { "bmp stats".to_owned() } else { a.canonical() };
            l.set(key, a.canonical());
            Ok(Effect::Inert)
        },
        |l, a| {
            l.unset(&a.canonical(), &a.canonical());
            DONE
        },
    )
}

fn cluster_id(a: &Args<'_>) -> Result<Option<ClusterId>, ConfigError> {
    Ok(match a.opt("addr")? {
        Some(addr) => Some(ClusterId::Address(addr)),
        None => a.opt("n")?.map(ClusterId::Number),
    })
}

fn set_timers(g: &mut BgpGlobals, a: &Args<'_>) -> Applied {
    let (keepalive, hold) = (a.val("keepalive")?, a.val("hold")?);
    if hold == 1 || hold == 2 {
        return Err(ConfigError::HoldTime);
    }
    g.timers = Some((keepalive, hold)).filter(|t| *t != (60, 180));
    DONE
}

fn max_med(a: &Args<'_>) -> Result<Option<u32>, ConfigError> {
    Ok(a.opt("n")?.filter(|n| *n != DEFAULT_MAX_MED))
}

fn show_max_med(g: &BgpGlobals, o: &mut Lines) {
    let value = |n: Option<u32>| n.map(|n| format!(" {n}")).unwrap_or_default();
    if let Some(n) = g.max_med.administrative {
        o.line(format_args!("bgp max-med administrative{}", value(n)));
    }
    if let Some((seconds, n)) = g.max_med.on_startup {
        o.line(format_args!("bgp max-med on-startup {seconds}{}", value(n)));
    }
}

const fn datacenter(b: &BgpInstance) -> bool {
    matches!(b.profile, Profile::Datacenter)
}

/// Settings whose default depends on the profile, and others; printed before the neighbors, in this order.
pub(crate) static SETTINGS: &[Stmt<BgpInstance>] = &[
    off_flag!("bgp fast-external-failover", globals.no_fast_external_failover),
    value!("bgp router-id", "A.B.C.D", globals.router_id),
    tristate!("bgp log-neighbor-changes", globals.log_neighbor_changes, datacenter),
    tristate!("bgp ebgp-requires-policy", globals.ebgp_requires_policy, |b| !datacenter(b)),
    tristate!("bgp enforce-first-as", globals.enforce_first_as, datacenter),
    tristate!("bgp default ipv4-unicast", globals.default_ipv4_unicast, |_| true),
    stmt(
        "bgp default <ipv4-multicast|ipv4-vpn|ipv4-labeled-unicast|ipv4-flowspec|ipv6-unicast|ipv6-multicast|ipv6-vpn\
         |ipv6-labeled-unicast|ipv6-flowspec|l2vpn-evpn>",
        |b, a| {
            b.globals.default_families.insert(default_family(a));
            DONE
        },
        |b, a| {
            b.globals.default_families.remove(&default_family(a));
            DONE
        },
        |b, o| {
            for family in &b.globals.default_families {
                o.line(format_args!("bgp default {}", family.name().replace(' ', "-")));
            }
        },
    ),
    tristate!("bgp default show-hostname", globals.show_hostname, datacenter),
    tristate!("bgp default show-nexthop-hostname", globals.show_nexthop_hostname, datacenter),
    tristate!("bgp deterministic-med", globals.bestpath.deterministic_med, datacenter),
    tristate!("bgp suppress-duplicates", globals.suppress_duplicates, |_| true),
];

/// Further settings.
pub(crate) static GLOBALS: &[Stmt<BgpGlobals>] = &[
    stmt(
        "bgp default local-preference ~ (0-4294967295)@v",
        |g, a| {
            g.default_local_preference = a.opt("v")?.filter(|n| *n != 100);
            DONE
        },
        |g, _| {
            g.default_local_preference = None;
            DONE
        },
        |g, o| {
            if let Some(n) = g.default_local_preference {
                o.line(format_args!("bgp default local-preference {n}"));
            }
        },
    ),
    idle(flag!("bgp default shutdown", default_shutdown)),
    idle(stmt(
        "bgp default subgroup-pkt-queue-max ~ (20-100)@v",
        |g, a| {
            g.subgroup_pkt_queue_max = a.opt("v")?.filter(|n| *n != 40);
            DONE
        },
        |g, _| {
            g.subgroup_pkt_queue_max = None;
            DONE
        },
        |g, o| {
            if let Some(n) = g.subgroup_pkt_queue_max {
                o.line(format_args!("bgp default subgroup-pkt-queue-max {n}"));
            }
        },
    )),
    off_flag!("bgp client-to-client reflection", no_client_to_client),
    stmt(
        "bgp cluster-id ~ <A.B.C.D@addr|(1-4294967295)@n>",
        |g, a| {
            g.cluster_id = cluster_id(a)?;
            DONE
        },
        |g, _| {
            g.cluster_id = None;
            DONE
        },
        |g, o| match g.cluster_id {
            None => {}
            Some(ClusterId::Address(addr)) => o.line(format_args!("bgp cluster-id {addr}")),
            Some(ClusterId::Number(n)) => o.line(format_args!("bgp cluster-id {n}")),
        },
    ),
    value!("bgp confederation identifier", "ASN", confederation_id),
    stmt(
        "bgp confederation peers ASN@asns...",
        |g, a| {
            g.confederation_peers.extend(a.list::<Asn>("asns")?);
            DONE
        },
        |g, a| {
            for asn in a.list::<Asn>("asns")? {
                g.confederation_peers.remove(&asn);
            }
            DONE
        },
        |g, o| {
            if !g.confederation_peers.is_empty() {
                let list: Vec<String> = g.confederation_peers.iter().map(Asn::to_string).collect();
                o.line(format_args!("bgp confederation peers {}", list.join(" ")));
            }
        },
    ),
    flag!("bgp always-compare-med", bestpath.always_compare_med),
    idle(flag!("bgp fast-convergence", fast_convergence)),
    stmt(
        "bgp max-med administrative ~ [(0-4294967295)@n]",
        |g, a| {
            g.max_med.administrative = Some(max_med(a)?);
            DONE
        },
        |g, _| {
            g.max_med.administrative = None;
            DONE
        },
        show_max_med,
    ),
    alias(
        "bgp max-med on-startup ~ (5-86400)@s [(0-4294967295)@n]",
        |g, a| {
            g.max_med.on_startup = Some((a.val("s")?, max_med(a)?));
            DONE
        },
        |g, _| {
            g.max_med.on_startup = None;
            DONE
        },
    ),
    value!("bgp minimum-holdtime", "(1-65535)", minimum_holdtime),
    stmt(
        "update-delay ~ (0-3600)@v [(1-3600)@wait]",
        |g, a| {
            g.update_delay = update_delay(a)?;
            DONE
        },
        |g, _| {
            g.update_delay = None;
            DONE
        },
        |g, o| show_update_delay("update-delay", g.update_delay, o),
    ),
    value!("coalesce-time", "(0-4294967295)", coalesce_time),
    idle(value!("write-quanta", "(1-64)", write_quanta)),
    idle(value!("read-quanta", "(1-10)", read_quanta)),
    flag!("bgp disable-ebgp-connected-route-check", disable_connected_check),
    idle(flag!("bgp suppress-fib-pending", suppress_fib_pending)),
    flag!("bgp reject-as-sets", reject_as_sets),
    flag!("bgp route-reflector allow-outbound-policy", rr_allow_outbound_policy),
    idle(flag!("bgp allow-martian-nexthop", allow_martian_nexthop)),
    stmt(
        "bgp conditional-advertisement timer ~ (5-240)@v",
        |g, a| {
            g.conditional_advertisement_timer = a.opt("v")?.filter(|s| *s != 60);
            DONE
        },
        |g, _| {
            g.conditional_advertisement_timer = None;
            DONE
        },
        |g, o| {
            if let Some(s) = g.conditional_advertisement_timer {
                o.line(format_args!("bgp conditional-advertisement timer {s}"));
            }
        },
    ),
    flag!("bgp graceful-shutdown", graceful_shutdown),
    stmt(
        "bgp shutdown ~ [message LINE@text...]",
        |g, a| {
            g.shutdown = Some(a.line("text"));
            DONE
        },
        |g, _| {
            g.shutdown = None;
            DONE
        },
        |g, o| {
            if let Some(text) = &g.shutdown {
                let text = text.as_ref().map(|t| format!(" message {t}")).unwrap_or_default();
                o.line(format_args!("bgp shutdown{text}"));
            }
        },
    ),
];

macro_rules! gr_timer {
    ($word:literal, $range:literal, $field:ident, $default:literal) => {
        stmt(
            concat!("bgp graceful-restart ", $word, " ~ ", $range, "@v"),
            |g, a| {
                g.graceful_restart.$field = a.opt("v")?.filter(|n| *n != $default);
                DONE
            },
            |g, _| {
                g.graceful_restart.$field = None;
                DONE
            },
            |g, o| {
                if let Some(n) = g.graceful_restart.$field {
                    o.line(format_args!(concat!("bgp graceful-restart ", $word, " {}"), n));
                }
            },
        )
    };
}

/// Graceful restart and the decision.
pub(crate) static DECISION: &[Stmt<BgpGlobals>] = &[
    gr_timer!("stalepath-time", "(1-4095)", stalepath_time, 360),
    gr_timer!("restart-time", "(0-4095)", restart_time, 120),
    gr_timer!("select-defer-time", "(0-3600)", select_defer_time, 360),
    gr_timer!("rib-stale-time", "(1-3600)", rib_stale_time, 500),
    flag!("bgp graceful-restart preserve-fw-state", graceful_restart.preserve_fw_state),
    off_flag!("bgp graceful-restart notification", graceful_restart.no_notification),
    off_flag!("bgp hard-administrative-reset", graceful_restart.no_hard_reset),
    value!("bgp long-lived-graceful-restart stale-time", "(1-16777215)", graceful_restart.llgr_stale_time),
    stmt(
        "bgp graceful-restart",
        |g, _| {
            g.graceful_restart.mode = Some(true);
            DONE
        },
        |g, _| {
            g.graceful_restart.mode = None;
            DONE
        },
        |g, o| match g.graceful_restart.mode {
            None => {}
            Some(true) => o.line("bgp graceful-restart"),
            Some(false) => o.line("bgp graceful-restart-disable"),
        },
    ),
    alias(
        "bgp graceful-restart-disable",
        |g, _| {
            g.graceful_restart.mode = Some(false);
            DONE
        },
        |g, _| {
            g.graceful_restart.mode = None;
            DONE
        },
    ),
    flag!("bgp bestpath as-path ignore", bestpath.as_path_ignore),
    flag!("bgp bestpath as-path confed", bestpath.as_path_confed),
    stmt(
        "bgp bestpath as-path multipath-relax ~ [<as-set|no-as-set>]",
        |g, a| {
            g.bestpath.multipath_relax = Some(MultipathRelax { as_set: a.has("as-set") });
            DONE
        },
        |g, _| {
            g.bestpath.multipath_relax = None;
            DONE
        },
        |g, o| {
            if let Some(relax) = g.bestpath.multipath_relax {
                let word = if relax.as_set { " as-set" } else { "" };
                o.line(format_args!("bgp bestpath as-path multipath-relax{word}"));
            }
        },
    ),
    flag!("bgp bestpath compare-routerid", bestpath.compare_router_id),
    stmt(
        "bgp bestpath med {confed|missing-as-worst}",
        |g, a| med(g, a, true),
        |g, a| med(g, a, false),
        |g, o| {
            let (confed, worst) = (g.bestpath.med_confed, g.bestpath.med_missing_as_worst);
            if confed || worst {
                let confed = if confed { " confed" } else { "" };
                let worst = if worst { " missing-as-worst" } else { "" };
                o.line(format_args!("bgp bestpath med{confed}{worst}"));
            }
        },
    ),
    flag!("bgp bestpath peer-type multipath-relax", bestpath.peer_type_relax),
    stmt(
        "bgp bestpath bandwidth ~ <ignore|skip-missing|default-weight-for-missing>",
        |g, a| {
            g.bestpath.bandwidth = Some(match (a.has("ignore"), a.has("skip-missing")) {
                (true, _) => BandwidthMode::Ignore,
                (_, true) => BandwidthMode::SkipMissing,
                _ => BandwidthMode::DefaultWeight,
            });
            DONE
        },
        |g, _| {
            g.bestpath.bandwidth = None;
            DONE
        },
        |g, o| {
            if let Some(mode) = g.bestpath.bandwidth {
                let word = match mode {
                    BandwidthMode::Ignore => "ignore",
                    BandwidthMode::SkipMissing => "skip-missing",
                    BandwidthMode::DefaultWeight => "default-weight-for-missing",
                };
                o.line(format_args!("bgp bestpath bandwidth {word}"));
            }
        },
    ),
    flag!("bgp bestpath aigp", bestpath.aigp),
    tristate!("bgp network import-check", import_check, |_| true),
    stmt(
        "timers bgp ~ (0-65535)@keepalive (0-65535)@hold",
        set_timers,
        |g, _| {
            g.timers = None;
            DONE
        },
        |g, o| {
            if let Some((keepalive, hold)) = g.timers {
                o.line(format_args!("timers bgp {keepalive} {hold}"));
            }
        },
    ),
    stmt(
        "no-such-statement !",
        |_, _| DONE,
        |_, _| DONE,
        |g, o| g.opaque.iter().for_each(|line| o.line(line)),
    ),
    inert!("bgp lu-ipv4-explicit-null", opaque),
    inert!("bgp snmp traps LINE...", opaque),
    inert!("bgp srv6 ~ [LINE...]", opaque),
    inert!("segment-routing srv6 ~ [LINE...]", opaque),
    inert!("bgp tcp-keepalive ~ (1-65535) (1-65535) (1-30)", opaque),
    inert!("bgp labeled-unicast ~ <explicit-null|ipv4-explicit-null|ipv6-explicit-null>", opaque),
    inert!("bgp ipv6-auto-ra", opaque),
    inert!("bgp default-software-version-capability", opaque),
    inert!("bgp default software-version-capability", opaque),
    inert!("bgp default dynamic-capability", opaque),
];

fn med(g: &mut BgpGlobals, a: &Args<'_>, on: bool) -> Applied {
    if a.has("confed") {
        g.bestpath.med_confed = on;
    }
    if a.has("missing-as-worst") {
        g.bestpath.med_missing_as_worst = on;
    }
    DONE
}

/// Dynamic neighbors, printed after the configured ones.
pub(crate) static LISTEN: &[Stmt<BgpInstance>] = &[
    stmt(
        "bgp listen limit ~ (1-65535)@v",
        |b, a| {
            b.globals.listen_limit = a.opt("v")?.filter(|n| *n != 100);
            DONE
        },
        |b, _| {
            b.globals.listen_limit = None;
            DONE
        },
        |b, o| {
            if let Some(n) = b.globals.listen_limit {
                o.line(format_args!("bgp listen limit {n}"));
            }
        },
    ),
    stmt(
        "bgp listen range <A.B.C.D/M@p|X:X::X:X/M@p> ~ peer-group NAME@group",
        |b, a| {
            let group = a.name("group");
            if !b.groups.contains_key(&group) {
                return Err(ConfigError::UnknownGroup);
            }
            b.globals.listen_ranges.insert(a.val::<IfAddr>("p")?.prefix(), group);
            DONE
        },
        |b, a| {
            b.globals.listen_ranges.remove(&a.val::<IfAddr>("p")?.prefix());
            DONE
        },
        |b, o| {
            for (range, group) in &b.globals.listen_ranges {
                o.line(format_args!("bgp listen range {range} peer-group {group}"));
            }
        },
    ),
];
