//! The `bfd` block: profiles and sessions of the operator.
//!
//! Invariant: what a session cannot have (a minimum TTL on one link, echoes over several hops) is refused where it is written; a
//! profile may say anything, because sessions of both kinds use it.

use std::net::IpAddr;

use super::args::Args;
use super::mode::Mode;
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, flag, stmt, text, value};
use crate::error::ConfigError;
use crate::model::bfd::{
    Bfd, BfdAuthKind, BfdParameters, BfdPeer, BfdPeerKey, BfdSigning, ComeBack, EchoReceive,
};
use crate::model::{Config, Secret};

/// The block's header.
pub(crate) static HEADER: &[Stmt<Config>] = &[alias(
    "bfd",
    |c, _| {
        c.bfd.present = true;
        Ok(Effect::Enter(Mode::Bfd))
    },
    |c, _| {
        c.bfd = Bfd::default();
        DONE
    },
)];

fn key(a: &Args<'_>) -> Result<BfdPeerKey, ConfigError> {
    Ok(BfdPeerKey {
        vrf: a.get("vrf").filter(|v| *v != "default").map(str::to_owned),
        remote: a.val("peer")?,
        multihop: a.has("multihop"),
        local: a.opt("local")?,
        interface: a.get("if").map(str::to_owned),
    })
}

fn open_peer(b: &mut Bfd, a: &Args<'_>) -> Applied {
    let key = key(a)?;
    if key.local.is_some_and(|local| local.is_ipv4() != key.remote.is_ipv4()) {
        return Err(ConfigError::BfdFamilies);
    }
    let link_local = matches!(key.remote, IpAddr::V6(addr) if addr.is_unicast_link_local());
    if link_local && key.interface.is_none() {
        return Err(ConfigError::BfdLinkLocal);
    }
    b.peers.entry(key.clone()).or_default();
    Ok(Effect::Enter(Mode::BfdPeer(key)))
}

fn set_come_back(b: &mut Bfd, a: &Args<'_>) -> Applied {
    let come_back = ComeBack { delay_ms: a.val("delay")?, max_ms: a.opt("max")? };
    if come_back.max_ms.is_some_and(|max| max < come_back.delay_ms) {
        return Err(ConfigError::ComeBack);
    }
    b.come_back = Some(come_back);
    DONE
}

/// Statements of the block itself; inner blocks are printed by the renderer.
pub(crate) static BLOCK: &[Stmt<Bfd>] = &[
    flag!("log-session-changes", log_session_changes),
    alias("come-back delay ~ (0-600000)@delay [maximum (0-600000)@max]", set_come_back, |b, _| {
        b.come_back = None;
        DONE
    }),
    alias(
        "profile NAME@profile",
        |b, a| {
            let name = a.name("profile");
            b.profiles.entry(name.clone()).or_default();
            Ok(Effect::Enter(Mode::BfdProfile(name)))
        },
        |b, a| {
            b.profiles.remove(&a.name("profile"));
            DONE
        },
    ),
    alias(
        "peer <A.B.C.D@peer|X:X::X:X@peer> [{multihop|local-address <A.B.C.D@local|X:X::X:X@local>\
         |interface IFNAME@if|vrf NAME@vrf}]",
        open_peer,
        |b, a| {
            b.peers.remove(&key(a)?);
            DONE
        },
    ),
];

/// The words that open a session.
pub(crate) fn peer_header(key: &BfdPeerKey) -> String {
    let mut text = format!("peer {}", key.remote);
    let mut words = |lead: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(lead);
            text.push_str(&value);
        }
    };
    words(" multihop", key.multihop.then(String::new));
    words(" local-address ", key.local.map(|a| a.to_string()));
    words(" vrf ", key.vrf.clone());
    words(" interface ", key.interface.clone());
    text
}

/// The words of `come-back`.
pub(crate) fn come_back_text(come_back: ComeBack) -> String {
    let max = come_back.max_ms.map(|max| format!(" maximum {max}")).unwrap_or_default();
    format!("come-back delay {}{max}", come_back.delay_ms)
}

/// What only sessions have.
pub(crate) static PEER: &[Stmt<BfdPeer>] = &[text!("label", label), value!("profile", "NAME", profile)];

macro_rules! switch {
    ($text:literal, $field:ident) => {
        stmt(
            $text,
            |n, _| {
                n.$field = Some(true);
                DONE
            },
            |n, _| {
                n.$field = None;
                DONE
            },
            |n, o| {
                if n.$field == Some(true) {
                    o.line($text);
                }
            },
        )
    };
}

/// Timers and flags of sessions and profiles.
pub(crate) static PARAMETERS: &[Stmt<BfdParameters>] = &[
    value!("detect-multiplier", "(1-255)", detect_multiplier),
    value!("transmit-interval", "(10-4294967)", transmit_interval),
    value!("receive-interval", "(10-4294967)", receive_interval),
    switch!("shutdown", shutdown),
    switch!("passive-mode", passive),
    switch!("log-session-changes", log_session_changes),
    switch!("echo-mode", echo_mode),
    value!("echo transmit-interval", "(10-4294967)", echo_transmit_interval),
    stmt(
        "echo receive-interval ~ <disabled|(10-4294967)@v>",
        |n, a| {
            n.echo_receive_interval = Some(a.opt("v")?.map_or(EchoReceive::Disabled, EchoReceive::Interval));
            DONE
        },
        |n, _| {
            n.echo_receive_interval = None;
            DONE
        },
        |n, o| match n.echo_receive_interval {
            None => {}
            Some(EchoReceive::Disabled) => o.line("echo receive-interval disabled"),
            Some(EchoReceive::Interval(ms)) => o.line(format_args!("echo receive-interval {ms}")),
        },
    ),
    alias(
        "echo unaffiliated",
        |n, _| {
            n.echo_unaffiliated = true;
            DONE
        },
        |n, _| {
            n.echo_unaffiliated = false;
            DONE
        },
    ),
    // The word of older versions, for both directions.
    alias(
        "echo-interval ~ (10-4294967)@v",
        |n, a| {
            let ms = a.val("v")?;
            n.echo_transmit_interval = Some(ms);
            n.echo_receive_interval = Some(EchoReceive::Interval(ms));
            DONE
        },
        |n, _| {
            n.echo_transmit_interval = None;
            n.echo_receive_interval = None;
            DONE
        },
    ),
    value!("minimum-ttl", "(1-254)", minimum_ttl),
    alias(
        "authentication ~ <simple|keyed-md5|meticulous-keyed-md5|keyed-sha1|meticulous-keyed-sha1> ~ \
         key-id (0-255)@id password LINE@text...",
        set_signing,
        |n, _| {
            n.signing = None;
            DONE
        },
    ),
    alias("authentication accept key-id (0-255)@id ~ password LINE@text...", set_accept, |n, a| {
        n.accept.remove(&a.val("id")?);
        DONE
    }),
];

fn set_signing(n: &mut BfdParameters, a: &Args<'_>) -> Applied {
    let kind = a.keywords().find_map(BfdAuthKind::of_word);
    let kind = kind.ok_or(ConfigError::Value { what: "authentication", text: String::new() })?;
    let password = password(a, kind)?;
    n.signing = Some(BfdSigning { kind, id: a.val("id")?, password });
    DONE
}

/// The type may be told later, or by a profile: what no type takes is refused here, the rest where the session is made.
fn set_accept(n: &mut BfdParameters, a: &Args<'_>) -> Applied {
    let kind = n.signing.as_ref().map_or(BfdAuthKind::MeticulousSha1, |signing| signing.kind);
    let password = password(a, kind)?;
    n.accept.insert(a.val("id")?, password);
    DONE
}

fn password(a: &Args<'_>, kind: BfdAuthKind) -> Result<Secret, ConfigError> {
    let text = a.line("text").unwrap_or_default();
    let (len, max) = (text.len(), kind.longest_password());
    if len > max { Err(ConfigError::BfdPassword { kind, len, max }) } else { Ok(Secret::new(text)) }
}

/// Our own statements, for shells that know them.
pub(crate) fn show_own(n: &BfdParameters, o: &mut Lines) {
    if n.echo_unaffiliated {
        o.line("echo unaffiliated");
    }
    if let Some(BfdSigning { kind, id, password }) = &n.signing {
        o.line(format_args!("authentication {kind} key-id {id} password {}", password.reveal()));
    }
    for (id, password) in &n.accept {
        o.line(format_args!("authentication accept key-id {id} password {}", password.reveal()));
    }
}

/// Whether a session of this kind can have the statement.
///
/// # Errors
/// It cannot.
pub(crate) fn fits(key: &BfdPeerKey, a: &Args<'_>) -> Result<(), ConfigError> {
    let echo = a.keywords().next().is_some_and(|word| word.starts_with("echo"));
    match () {
        () if echo && key.multihop => Err(ConfigError::BfdEchoMultihop),
        () if a.has("minimum-ttl") && !key.multihop => Err(ConfigError::BfdTtlSingleHop),
        () => Ok(()),
    }
}
