//! Statements of `interface` blocks.

use ferr_types::IfAddr;

use super::args::Args;
use super::table::{
    Applied, DONE, Lines, Stmt, alias, flag, idle, idle_no, inert, off_flag, stmt, text, value,
};
use crate::error::ConfigError;
use crate::model::interface::{Interface, Lifetime, RaPrefix, RouterPreference};

fn address(i: &mut Interface, a: &Args<'_>) -> Applied {
    let addr: IfAddr = a.val("addr")?;
    i.addresses.insert(addr);
    match a.line("label") {
        Some(label) => i.labels.insert(addr, label),
        None => i.labels.remove(&addr),
    };
    DONE
}

fn no_address(i: &mut Interface, a: &Args<'_>) -> Applied {
    let addr: IfAddr = a.val("addr")?;
    i.addresses.remove(&addr);
    i.labels.remove(&addr);
    DONE
}

fn show_addresses(i: &Interface, o: &mut Lines) {
    for addr in &i.addresses {
        let family = if addr.addr().is_ipv4() { "ip" } else { "ipv6" };
        match i.labels.get(addr) {
            Some(label) => o.line(format_args!("{family} address {addr} label {label}")),
            None => o.line(format_args!("{family} address {addr}")),
        }
    }
}

/// General statements.
pub(crate) static STATEMENTS: &[Stmt<Interface>] = &[
    text!("description", description),
    flag!("shutdown", shutdown),
    stmt("ip address A.B.C.D/M@addr [label LINE@label...]", address, no_address, show_addresses),
    alias("ipv6 address X:X::X:X/M@addr", address, no_address),
    stmt(
        "ip address A.B.C.D@local peer A.B.C.D/M@addr",
        |i, a| {
            i.peer_addresses.insert((a.val("local")?, a.val("addr")?));
            DONE
        },
        |i, a| {
            i.peer_addresses.remove(&(a.val("local")?, a.val("addr")?));
            DONE
        },
        |i, o| {
            for (local, peer) in &i.peer_addresses {
                o.line(format_args!("ip address {local} peer {peer}"));
            }
        },
    ),
    value!("bandwidth", "(1-100000)", bandwidth),
    idle_no(off_flag!("link-detect", no_link_detect)),
    stmt(
        "multicast",
        |i, _| {
            i.multicast = Some(true);
            DONE
        },
        |i, _| {
            i.multicast = Some(false);
            DONE
        },
        |i, o| {
            if let Some(on) = i.multicast {
                o.switch(on, "multicast");
            }
        },
    ),
    flag!("mpls enable", mpls),
    idle(flag!("mpls bgp forwarding", mpls_bgp_forwarding)),
];

fn lifetime(a: &Args<'_>, label: &'static str) -> Result<Option<Lifetime>, ConfigError> {
    if a.get(label) == Some("infinite") { Ok(Some(Lifetime::MAX)) } else { a.opt(label) }
}

fn lifetime_text(seconds: Lifetime) -> String {
    if seconds == Lifetime::MAX { "infinite".to_owned() } else { seconds.to_string() }
}

fn lifetime_word(a: &Args<'_>, label: &'static str) -> Result<Option<Lifetime>, ConfigError> {
    let value = lifetime(a, label)?;
    let text = || a.name(label);
    if a.get(label).is_some() && value.is_none() {
        return Err(ConfigError::Value { what: label, text: text() });
    }
    Ok(value)
}

fn ra_prefix(i: &mut Interface, a: &Args<'_>) -> Applied {
    let ferr_types::Prefix::V6(prefix) = a.val::<IfAddr>("p")?.prefix() else {
        return Err(ConfigError::WrongFamily);
    };
    let lifetimes = lifetime_word(a, "valid")?.zip(lifetime_word(a, "preferred")?);
    let options = RaPrefix {
        lifetimes,
        off_link: a.has("off-link"),
        no_autoconfig: a.has("no-autoconfig"),
        router_address: a.has("router-address"),
    };
    i.nd.prefixes.insert(prefix, options);
    DONE
}

fn show_ra_prefixes(i: &Interface, o: &mut Lines) {
    for (prefix, p) in &i.nd.prefixes {
        let mut text = format!("ipv6 nd prefix {prefix}");
        if let Some((valid, preferred)) = p.lifetimes {
            text += &format!(" {} {}", lifetime_text(valid), lifetime_text(preferred));
        }
        for (on, word) in [
            (p.off_link, " off-link"),
            (p.no_autoconfig, " no-autoconfig"),
            (p.router_address, " router-address"),
        ] {
            if on {
                text += word;
            }
        }
        o.line(text);
    }
}

fn show_interval(i: &Interface, o: &mut Lines) {
    match i.nd.interval_ms {
        None => {}
        Some(ms) if ms % 1000 == 0 => o.line(format_args!("ipv6 nd ra-interval {}", ms / 1000)),
        Some(ms) => o.line(format_args!("ipv6 nd ra-interval msec {ms}")),
    }
}

/// Router advertisements.
pub(crate) static ND: &[Stmt<Interface>] = &[
    stmt(
        "ipv6 nd suppress-ra",
        |i, _| {
            i.nd.send = false;
            DONE
        },
        |i, _| {
            i.nd.send = true;
            DONE
        },
        |i, o| {
            if i.nd.send {
                o.no("ipv6 nd suppress-ra");
            }
        },
    ),
    stmt(
        "ipv6 nd ra-interval ~ <(1-1800)@s|msec (70-1800000)@ms>",
        |i, a| {
            let seconds = a.opt::<u32>("s")?.map(|s| s * 1000);
            i.nd.interval_ms = seconds.or(a.opt("ms")?).filter(|ms| *ms != 600_000);
            DONE
        },
        |i, _| {
            i.nd.interval_ms = None;
            DONE
        },
        show_interval,
    ),
    value!("ipv6 nd ra-lifetime", "(0-9000)", nd.lifetime),
    value!("ipv6 nd reachable-time", "(1-3600000)", nd.reachable_time),
    value!("ipv6 nd ra-retrans-interval", "(0-4294967295)", nd.retrans_interval),
    value!("ipv6 nd ra-hop-limit", "(0-255)", nd.hop_limit),
    flag!("ipv6 nd managed-config-flag", nd.managed),
    flag!("ipv6 nd other-config-flag", nd.other),
    flag!("ipv6 nd home-agent-config-flag", nd.home_agent),
    value!("ipv6 nd home-agent-preference", "(0-65535)", nd.home_agent_preference),
    value!("ipv6 nd home-agent-lifetime", "(0-65520)", nd.home_agent_lifetime),
    flag!("ipv6 nd adv-interval-option", nd.adv_interval),
    idle_no(off_flag!("ipv6 nd ra-fast-retrans", nd.no_fast_retrans)),
    stmt(
        "ipv6 nd router-preference ~ <high|medium|low>",
        |i, a| {
            i.nd.preference = match (a.has("high"), a.has("low")) {
                (true, _) => RouterPreference::High,
                (_, true) => RouterPreference::Low,
                _ => RouterPreference::Medium,
            };
            DONE
        },
        |i, _| {
            i.nd.preference = RouterPreference::Medium;
            DONE
        },
        |i, o| match i.nd.preference {
            RouterPreference::High => o.line("ipv6 nd router-preference high"),
            RouterPreference::Medium => {}
            RouterPreference::Low => o.line("ipv6 nd router-preference low"),
        },
    ),
    value!("ipv6 nd mtu", "(1-65535)", nd.mtu),
    stmt(
        "ipv6 nd prefix X:X::X:X/M@p ~ [<(0-4294967295)@valid|infinite@valid> <(0-4294967295)@preferred|infinite@preferred>] \
         [{off-link|no-autoconfig|router-address}]",
        ra_prefix,
        |i, a| {
            if let ferr_types::Prefix::V6(prefix) = a.val::<IfAddr>("p")?.prefix() {
                i.nd.prefixes.remove(&prefix);
            }
            DONE
        },
        show_ra_prefixes,
    ),
    stmt(
        "ipv6 nd rdnss X:X::X:X@server ~ [<(0-4294967295)@life|infinite@life>]",
        |i, a| {
            let life = lifetime_word(a, "life")?;
            i.nd.rdnss.insert(a.val("server")?, life);
            DONE
        },
        |i, a| {
            i.nd.rdnss.remove(&a.val("server")?);
            DONE
        },
        |i, o| {
            for (server, life) in &i.nd.rdnss {
                o.line(format_args!("ipv6 nd rdnss {server}{}", optional_lifetime(*life)));
            }
        },
    ),
    stmt(
        "ipv6 nd dnssl SUFFIX@suffix ~ [<(0-4294967295)@life|infinite@life>]",
        |i, a| {
            let life = lifetime_word(a, "life")?;
            let suffix = a.name("suffix");
            if !is_domain(&suffix) {
                return Err(ConfigError::Value { what: "domain", text: suffix });
            }
            i.nd.dnssl.insert(suffix, life);
            DONE
        },
        |i, a| {
            i.nd.dnssl.remove(&a.name("suffix"));
            DONE
        },
        |i, o| {
            for (suffix, life) in &i.nd.dnssl {
                o.line(format_args!("ipv6 nd dnssl {suffix}{}", optional_lifetime(*life)));
            }
        },
    ),
];

/// Whether it is a domain name (RFC 1035 section 2.3.4), with or without the dot of the root.
fn is_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

fn optional_lifetime(life: Option<Lifetime>) -> String {
    life.map(|l| format!(" {}", lifetime_text(l))).unwrap_or_default()
}

/// Accepted, without effect yet.
pub(crate) static INERT: &[Stmt<Interface>] = &[
    inert!("ip ospf mpls ldp-sync", opaque),
    inert!("ip ospf mpls ldp-sync holddown ~ (0-10000)", opaque),
    inert!("evpn mh es-id ~ WORD", opaque),
    inert!("evpn mh es-sys-mac ~ MAC", opaque),
    inert!("evpn mh es-df-pref ~ (1-65535)", opaque),
    inert!("evpn mh uplink", opaque),
    inert!("pbr-policy ~ WORD", opaque),
    inert!("ip pim ~ [LINE...]", opaque),
    inert!("ip igmp LINE...", opaque),
    inert!("ipv6 pim ~ [LINE...]", opaque),
    inert!("ipv6 mld LINE...", opaque),
    inert!("ip rip LINE...", opaque),
    inert!("ip router isis WORD", opaque),
    inert!("ipv6 router isis WORD", opaque),
    inert!("isis LINE...", opaque),
    inert!("mpls ldp-sync ~ [LINE...]", opaque),
];
