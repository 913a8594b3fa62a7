//! `neighbor X ...` outside address families.

use std::net::IpAddr;

use super::args::Args;
use super::bgp_neighbor_bfd;
use super::table::{Applied, DONE, Lines, Stmt, alias, idle, stmt, text, value};
use crate::error::ConfigError;
use crate::model::Secret;
use crate::model::bgp::BgpInstance;
use crate::model::neighbor::{
    GracefulRestart, LocalAs, LocalRole, Neighbor, NeighborFlag, NeighborKey, NeighborSettings, PeerGroup,
    RemoteAs, Role, Shutdown, UpdateSource,
};

/// What a neighbor word means in an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PeerName {
    Neighbor(NeighborKey),
    Group(String),
}

/// Resolves `A.B.C.D`, `X:X::X:X`, an interface neighbor's or a group's name; `None` when there is no such thing.
pub(crate) fn peer_name(b: &BgpInstance, word: &str) -> Option<PeerName> {
    if let Ok(addr) = word.parse::<IpAddr>() {
        let key = NeighborKey::Address(addr);
        return b.neighbors.contains_key(&key).then_some(PeerName::Neighbor(key));
    }
    let key = NeighborKey::Interface(word.to_owned());
    if b.neighbors.contains_key(&key) {
        return Some(PeerName::Neighbor(key));
    }
    b.groups.contains_key(word).then(|| PeerName::Group(word.to_owned()))
}

fn remote_as(a: &Args<'_>) -> Result<Option<RemoteAs>, ConfigError> {
    Ok(match () {
        () if a.has("internal") => Some(RemoteAs::Internal),
        () if a.has("external") => Some(RemoteAs::External),
        () if a.has("auto") => Some(RemoteAs::Auto),
        () => a.opt("asn")?.map(RemoteAs::Asn),
    })
}

fn set_remote_as(b: &mut BgpInstance, a: &Args<'_>) -> Applied {
    let (word, value) = (a.name("nbr"), remote_as(a)?);
    match (word.parse::<IpAddr>(), peer_name(b, &word)) {
        (_, Some(PeerName::Group(name))) => {
            b.groups.entry(name).or_default().settings.remote_as = value;
        }
        (Err(_), None) => return Err(ConfigError::UnknownGroup),
        (Ok(addr), None) => {
            b.neighbors.entry(NeighborKey::Address(addr)).or_default().settings.remote_as = value;
        }
        (_, Some(PeerName::Neighbor(key))) => {
            let group = b.neighbors.get(&key).and_then(|n| n.group.as_ref()).and_then(|g| b.groups.get(g));
            let of_group = group.and_then(|g| g.settings.remote_as);
            if of_group.is_some() && of_group != value {
                return Err(ConfigError::RemoteAsFromGroup);
            }
            if of_group.is_none() {
                b.neighbors.entry(key).or_default().settings.remote_as = value;
            }
        }
    }
    DONE
}

fn unset_remote_as(b: &mut BgpInstance, a: &Args<'_>) -> Applied {
    match peer_name(b, &a.name("nbr")) {
        Some(PeerName::Group(name)) => b.groups.entry(name).or_default().settings.remote_as = None,
        Some(PeerName::Neighbor(key)) => {
            if let Some(n) = b.neighbors.get_mut(&key) {
                n.settings.remote_as = None;
                let lives_on = n.group.is_some() || matches!(key, NeighborKey::Interface(_));
                if !lives_on {
                    b.neighbors.remove(&key);
                }
            }
        }
        None => {}
    }
    DONE
}

fn remove_neighbor(b: &mut BgpInstance, a: &Args<'_>) -> Applied {
    match peer_name(b, &a.name("nbr")) {
        Some(PeerName::Neighbor(key)) => {
            b.neighbors.remove(&key);
        }
        Some(PeerName::Group(name)) => remove_group(b, &name),
        None => {}
    }
    DONE
}

/// A group takes its members and listen ranges with it.
fn remove_group(b: &mut BgpInstance, name: &str) {
    b.groups.remove(name);
    b.neighbors.retain(|_, n| n.group.as_deref() != Some(name));
    b.globals.listen_ranges.retain(|_, g| g != name);
}

fn set_interface(b: &mut BgpInstance, a: &Args<'_>) -> Applied {
    let name = a.name("nbr");
    if name.parse::<IpAddr>().is_ok() || b.groups.contains_key(&name) {
        return Err(ConfigError::NotAnAddress);
    }
    let group = a.get("group").map(str::to_owned);
    if group.as_ref().is_some_and(|g| !b.groups.contains_key(g)) {
        return Err(ConfigError::UnknownGroup);
    }
    let value = remote_as(a)?;
    let n = b.neighbors.entry(NeighborKey::Interface(name)).or_default();
    n.v6only = a.has("v6only");
    n.group = group.or(n.group.take());
    n.settings.remote_as = value.or(n.settings.remote_as);
    DONE
}

fn unset_interface(b: &mut BgpInstance, a: &Args<'_>) -> Applied {
    b.neighbors.remove(&NeighborKey::Interface(a.name("nbr")));
    DONE
}

fn join_group(b: &mut BgpInstance, a: &Args<'_>) -> Applied {
    let (word, name) = (a.name("nbr"), a.name("group"));
    let Some(group) = b.groups.get(&name) else { return Err(ConfigError::UnknownGroup) };
    let key = match (word.parse::<IpAddr>(), peer_name(b, &word)) {
        (_, Some(PeerName::Neighbor(key))) => key,
        (Ok(addr), None) if group.settings.remote_as.is_some() => NeighborKey::Address(addr),
        _ => return Err(ConfigError::UnknownNeighbor),
    };
    let of_group = group.settings.remote_as;
    let n = b.neighbors.entry(key).or_default();
    if of_group.is_some() {
        n.settings.remote_as = None;
    }
    n.group = Some(name);
    DONE
}

fn leave_group(b: &mut BgpInstance, a: &Args<'_>) -> Applied {
    match peer_name(b, &a.name("nbr")) {
        Some(PeerName::Neighbor(key)) => {
            let member = b.neighbors.get(&key).is_some_and(|n| n.group.is_some());
            if member {
                b.neighbors.remove(&key);
            }
        }
        Some(PeerName::Group(name)) => remove_group(b, &name),
        None => {}
    }
    DONE
}

/// What makes and removes neighbors and groups.
pub(crate) static OBJECTS: &[Stmt<BgpInstance>] = &[
    alias(
        "neighbor <A.B.C.D@nbr|X:X::X:X@nbr|WORD@nbr> remote-as <ASN@asn|internal|external|auto>",
        set_remote_as,
        unset_remote_as,
    ),
    alias(
        "neighbor WORD@nbr interface [v6only] [<remote-as <ASN@asn|internal|external|auto>|peer-group NAME@group>]",
        set_interface,
        unset_interface,
    ),
    alias(
        "neighbor WORD@nbr peer-group",
        |b, a| {
            let name = a.name("nbr");
            if name.parse::<IpAddr>().is_ok()
                || b.neighbors.contains_key(&NeighborKey::Interface(name.clone()))
            {
                return Err(ConfigError::NotAnAddress);
            }
            b.groups.entry(name).or_default();
            DONE
        },
        leave_group,
    ),
    alias("neighbor <A.B.C.D@nbr|X:X::X:X@nbr|WORD@nbr> peer-group NAME@group", join_group, leave_group),
];

/// `no neighbor X`; there is no such positive statement.
pub(crate) static REMOVAL: &[Stmt<BgpInstance>] = &[alias(
    "neighbor <A.B.C.D@nbr|X:X::X:X@nbr|WORD@nbr> ~ !",
    |_, _| Err(ConfigError::UnknownNeighbor),
    remove_neighbor,
)];

macro_rules! nflag {
    ($flag:ident, $text:literal) => {
        stmt(
            $text,
            |n, _| {
                n.flags.insert(NeighborFlag::$flag);
                DONE
            },
            |n, _| {
                n.flags.remove(&NeighborFlag::$flag);
                DONE
            },
            |n, o| {
                if n.flags.contains(&NeighborFlag::$flag) {
                    o.line($text);
                }
            },
        )
    };
}

fn role(a: &Args<'_>) -> LocalRole {
    let role = match () {
        () if a.has("provider") => Role::Provider,
        () if a.has("rs-server") => Role::RsServer,
        () if a.has("rs-client") => Role::RsClient,
        () if a.has("customer") => Role::Customer,
        () => Role::Peer,
    };
    LocalRole { role, strict: a.has("strict-mode") }
}

fn set_timers(n: &mut NeighborSettings, a: &Args<'_>) -> Applied {
    let (keepalive, hold) = (a.val("keepalive")?, a.val("hold")?);
    if hold == 1 || hold == 2 {
        return Err(ConfigError::HoldTime);
    }
    n.timers = Some((keepalive, hold));
    DONE
}

fn set_multihop(n: &mut NeighborSettings, a: &Args<'_>) -> Applied {
    if n.ttl_security.is_some() {
        return Err(ConfigError::MultihopAndTtlSecurity);
    }
    n.ebgp_multihop = Some(a.opt("ttl")?.unwrap_or(255));
    DONE
}

fn set_ttl_security(n: &mut NeighborSettings, a: &Args<'_>) -> Applied {
    if n.ebgp_multihop.is_some() {
        return Err(ConfigError::MultihopAndTtlSecurity);
    }
    n.ttl_security = Some(a.val("hops")?);
    DONE
}

/// Settings, in the order of printing.
pub(crate) static SETTINGS: &[Stmt<NeighborSettings>] = &[
    stmt(
        "local-as ~ ASN@asn [no-prepend [replace-as]]",
        |n, a| {
            let no_prepend = a.has("no-prepend");
            n.local_as = Some(LocalAs { asn: a.val("asn")?, no_prepend, replace_as: a.has("replace-as") });
            DONE
        },
        |n, _| {
            n.local_as = None;
            DONE
        },
        |n, o| {
            if let Some(l) = n.local_as {
                let no_prepend = if l.no_prepend { " no-prepend" } else { "" };
                let replace = if l.replace_as { " replace-as" } else { "" };
                o.line(format_args!("local-as {}{no_prepend}{replace}", l.asn));
            }
        },
    ),
    text!("description", description),
    stmt(
        "shutdown ~ [message LINE@text...]",
        |n, a| {
            n.shutdown = Some(Shutdown { message: a.line("text") });
            DONE
        },
        |n, _| {
            n.shutdown = None;
            DONE
        },
        |n, o| {
            if let Some(s) = &n.shutdown {
                let text = s.message.as_ref().map(|m| format!(" message {m}")).unwrap_or_default();
                o.line(format_args!("shutdown{text}"));
            }
        },
    ),
    idle(stmt(
        "shutdown rtt ~ (1-65535)@ms [count (1-255)@count]",
        |n, a| {
            n.shutdown_rtt = Some((a.val("ms")?, a.opt("count")?));
            DONE
        },
        |n, _| {
            n.shutdown_rtt = None;
            DONE
        },
        |n, o| match n.shutdown_rtt {
            Some((ms, Some(count))) => o.line(format_args!("shutdown rtt {ms} count {count}")),
            Some((ms, None)) => o.line(format_args!("shutdown rtt {ms}")),
            None => {}
        },
    )),
    bgp_neighbor_bfd::PLAIN,
    bgp_neighbor_bfd::TIMERS,
    bgp_neighbor_bfd::PROFILE,
    bgp_neighbor_bfd::CONTROL_PLANE,
    bgp_neighbor_bfd::STRICT,
    stmt(
        "password ~ LINE@text...",
        |n, a| {
            n.password = a.line("text").map(Secret::new);
            DONE
        },
        |n, _| {
            n.password = None;
            DONE
        },
        |n, o| {
            if let Some(p) = &n.password {
                o.line(format_args!("password {}", p.reveal()));
            }
        },
    ),
    nflag!(Solo, "solo"),
    value!("port", "(0-65535)", port),
    stmt(
        "local-role ~ <provider|rs-server|rs-client|customer|peer> [strict-mode]",
        |n, a| {
            n.local_role = Some(role(a));
            DONE
        },
        |n, _| {
            n.local_role = None;
            DONE
        },
        |n, o| {
            if let Some(r) = n.local_role {
                let strict = if r.strict { " strict-mode" } else { "" };
                o.line(format_args!("local-role {}{strict}", r.role.name()));
            }
        },
    ),
    value!("interface", "IFNAME", interface),
    nflag!(Passive, "passive"),
    stmt(
        "ebgp-multihop ~ [(1-255)@ttl]",
        set_multihop,
        |n, _| {
            n.ebgp_multihop = None;
            DONE
        },
        |n, o| match n.ebgp_multihop {
            None => {}
            Some(ttl) => o.line(format_args!("ebgp-multihop {ttl}")),
        },
    ),
    stmt(
        "ttl-security hops ~ (1-254)@hops",
        set_ttl_security,
        |n, _| {
            n.ttl_security = None;
            DONE
        },
        |n, o| {
            if let Some(hops) = n.ttl_security {
                o.line(format_args!("ttl-security hops {hops}"));
            }
        },
    ),
    nflag!(DisableConnectedCheck, "disable-connected-check"),
    alias(
        "enforce-multihop",
        |n, _| {
            n.flags.insert(NeighborFlag::DisableConnectedCheck);
            DONE
        },
        |n, _| {
            n.flags.remove(&NeighborFlag::DisableConnectedCheck);
            DONE
        },
    ),
    idle(nflag!(DisableLinkBwIeee, "disable-link-bw-encoding-ieee")),
    idle(nflag!(ExtendedOptionalParameters, "extended-optional-parameters")),
    nflag!(EnforceFirstAs, "enforce-first-as"),
    stmt(
        "update-source ~ <A.B.C.D@addr|X:X::X:X@addr|WORD@if>",
        |n, a| {
            n.update_source = Some(match a.opt::<IpAddr>("addr")? {
                Some(addr) => UpdateSource::Address(addr),
                None => UpdateSource::Interface(a.name("if")),
            });
            DONE
        },
        |n, _| {
            n.update_source = None;
            DONE
        },
        |n, o| match &n.update_source {
            None => {}
            Some(UpdateSource::Address(addr)) => o.line(format_args!("update-source {addr}")),
            Some(UpdateSource::Interface(name)) => o.line(format_args!("update-source {name}")),
        },
    ),
    value!("advertisement-interval", "(0-600)", advertisement_interval),
    stmt(
        "timers ~ (0-65535)@keepalive (0-65535)@hold",
        set_timers,
        |n, _| {
            n.timers = None;
            DONE
        },
        |n, o| {
            if let Some((keepalive, hold)) = n.timers {
                o.line(format_args!("timers {keepalive} {hold}"));
            }
        },
    ),
    value!("timers connect", "(1-65535)", connect_retry),
    value!("timers delayopen", "(1-240)", delay_open),
    value!("tcp-mss", "(1-65535)", tcp_mss),
    idle(nflag!(CapabilityDynamic, "capability dynamic")),
    nflag!(CapabilityExtendedNexthop, "capability extended-nexthop"),
    idle(nflag!(CapabilitySoftwareVersion, "capability software-version")),
    nflag!(DontCapabilityNegotiate, "dont-capability-negotiate"),
    nflag!(OverrideCapability, "override-capability"),
    nflag!(StrictCapabilityMatch, "strict-capability-match"),
    nflag!(SenderAsPathLoopDetection, "sender-as-path-loop-detection"),
    idle(nflag!(GracefulShutdown, "graceful-shutdown")),
    nflag!(Aigp, "aigp"),
    stmt(
        "graceful-restart",
        |n, _| graceful(n, Some(GracefulRestart::Restart)),
        |n, _| graceful(n, None),
        |n, o| match n.graceful_restart {
            None => {}
            Some(GracefulRestart::Restart) => o.line("graceful-restart"),
            Some(GracefulRestart::Helper) => o.line("graceful-restart-helper"),
            Some(GracefulRestart::Disable) => o.line("graceful-restart-disable"),
        },
    ),
    alias(
        "graceful-restart-helper",
        |n, _| graceful(n, Some(GracefulRestart::Helper)),
        |n, _| graceful(n, None),
    ),
    alias(
        "graceful-restart-disable",
        |n, _| graceful(n, Some(GracefulRestart::Disable)),
        |n, _| graceful(n, None),
    ),
    kept("path-attribute discard ~ LINE@rest..."),
    kept("path-attribute treat-as-withdraw ~ LINE@rest..."),
    kept("oad"),
    kept("capability fqdn"),
    kept("capability link-local"),
    kept("send-nexthop-characteristics"),
    stmt("rpki strict", keep, unkeep, |n, o| {
        for (key, rest) in &n.opaque {
            o.line(format_args!("{key}{}{rest}", if rest.is_empty() { "" } else { " " }));
        }
    }),
];

fn graceful(n: &mut NeighborSettings, mode: Option<GracefulRestart>) -> Applied {
    n.graceful_restart = mode;
    DONE
}

const fn kept(syntax: &'static str) -> Stmt<NeighborSettings> {
    alias(syntax, keep, unkeep)
}

/// The setting's own keywords: those after `neighbor`.
fn kept_key(a: &Args<'_>) -> String {
    a.keywords().skip(1).collect::<Vec<_>>().join(" ")
}

fn keep(n: &mut NeighborSettings, a: &Args<'_>) -> Applied {
    n.opaque.insert(kept_key(a), a.line("rest").unwrap_or_default());
    Ok(super::table::Effect::Inert)
}

fn unkeep(n: &mut NeighborSettings, a: &Args<'_>) -> Applied {
    n.opaque.remove(&kept_key(a));
    DONE
}

/// Lines of a neighbor or group: the one that makes it, then its settings.
pub(crate) fn show_neighbor(key: &NeighborKey, n: &Neighbor, o: &mut Lines) {
    let remote = n.settings.remote_as;
    match key {
        NeighborKey::Interface(_) => {
            let v6only = if n.v6only { " v6only" } else { "" };
            let group = n.group.as_ref().map(|g| format!(" peer-group {g}")).unwrap_or_default();
            let own = remote.map(|r| format!(" remote-as {r}")).unwrap_or_default();
            match (&n.group, remote) {
                (Some(_), Some(r)) => {
                    o.line(format_args!("interface{v6only}{group}"));
                    o.line(format_args!("remote-as {r}"));
                }
                _ => o.line(format_args!("interface{v6only}{own}{group}")),
            }
        }
        NeighborKey::Address(_) => {
            if let Some(r) = remote {
                o.line(format_args!("remote-as {r}"));
            }
            if let Some(g) = &n.group {
                o.line(format_args!("peer-group {g}"));
            }
        }
    }
    o.table(SETTINGS, &n.settings);
}

/// Lines of a group.
pub(crate) fn show_group(g: &PeerGroup, o: &mut Lines) {
    o.line("peer-group");
    if let Some(r) = g.settings.remote_as {
        o.line(format_args!("remote-as {r}"));
    }
    o.table(SETTINGS, &g.settings);
}
