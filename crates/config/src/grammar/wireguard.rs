//! `wireguard ...` in `interface` blocks.

use std::collections::BTreeSet;

use ferr_types::Prefix;

use super::args::Args;
use super::table::{Applied, DONE, Lines, Stmt, stmt};
use crate::error::ConfigError;
use crate::model::link::OwnLink;
use crate::model::wireguard::{ParseKeyError, WgBackend, WgKey, WgPeer, WireGuard};

/// The settings, begun where there are none.
fn begin(l: &mut OwnLink) -> Result<&mut WireGuard, ConfigError> {
    if l.kind.is_some() {
        return Err(ConfigError::TwoKinds);
    }
    Ok(l.wireguard.get_or_insert_default())
}

/// Takes a statement back; without any left the link is declared no longer.
fn end(l: &mut OwnLink, change: impl FnOnce(&mut WireGuard)) -> Applied {
    if let Some(wg) = &mut l.wireguard {
        change(wg);
        if *wg == WireGuard::default() {
            l.wireguard = None;
        }
    }
    DONE
}

fn show(l: &OwnLink, o: &mut Lines, line: impl FnOnce(&WireGuard) -> Option<String>) {
    if let Some(text) = l.wireguard.as_ref().and_then(line) {
        o.line(format_args!("wireguard {text}"));
    }
}

fn key(a: &Args<'_>) -> Result<WgKey, ConfigError> {
    // The text is not repeated: a private key may stand there by mistake.
    a.name("key").parse().map_err(|ParseKeyError| ConfigError::WireGuardKey)
}

fn prefixes(text: &str) -> Result<BTreeSet<Prefix>, ConfigError> {
    let parse = |word: &str| {
        let bad = || ConfigError::Value { what: "allowed-ips", text: word.to_owned() };
        // As with `wg`: an address is a host, and host bits are cleared.
        let host = || word.parse::<std::net::IpAddr>().map(Prefix::host).ok();
        let prefix = || word.parse::<ferr_types::IfAddr>().map(|a| a.prefix()).ok();
        host().or_else(prefix).ok_or_else(bad)
    };
    text.split(',').map(parse).collect()
}

fn set_peer(l: &mut OwnLink, a: &Args<'_>) -> Applied {
    let key = key(a)?;
    let endpoint = a.opt("endpoint")?;
    let allowed = a.get("prefixes").map(prefixes).transpose()?;
    let keepalive = a.opt("seconds")?;
    let peer = begin(l)?.peers.entry(key).or_default();
    if endpoint.is_some() {
        peer.endpoint = endpoint;
    }
    if let Some(allowed) = allowed {
        peer.allowed_ips = allowed;
    }
    if keepalive.is_some() {
        peer.keepalive = keepalive;
    }
    if let Some(file) = a.get("file") {
        peer.preshared_key_file = Some(file.to_owned());
    }
    if let Some(text) = a.line("text") {
        peer.description = Some(text);
    }
    DONE
}

fn no_peer(l: &mut OwnLink, a: &Args<'_>) -> Applied {
    let key = key(a)?;
    let words = ["endpoint", "allowed-ips", "persistent-keepalive", "preshared-key-file", "description"];
    let whole = !words.iter().any(|w| a.has(w));
    end(l, |wg| {
        let Some(peer) = wg.peers.get_mut(&key) else { return };
        if whole {
            wg.peers.remove(&key);
            return;
        }
        for word in words.into_iter().filter(|w| a.has(w)) {
            match word {
                "endpoint" => peer.endpoint = None,
                "allowed-ips" => peer.allowed_ips.clear(),
                "persistent-keepalive" => peer.keepalive = None,
                "preshared-key-file" => peer.preshared_key_file = None,
                _ => peer.description = None,
            }
        }
        // What is printed line by line can be taken back line by line.
        if *peer == WgPeer::default() {
            wg.peers.remove(&key);
        }
    })
}

fn show_peer(key: &WgKey, peer: &WgPeer, o: &mut Lines) {
    if *peer == WgPeer::default() {
        o.line(format_args!("wireguard peer {key}"));
    }
    if let Some(endpoint) = &peer.endpoint {
        o.line(format_args!("wireguard peer {key} endpoint {endpoint}"));
    }
    if !peer.allowed_ips.is_empty() {
        let list: Vec<String> = peer.allowed_ips.iter().map(ToString::to_string).collect();
        o.line(format_args!("wireguard peer {key} allowed-ips {}", list.join(",")));
    }
    if let Some(seconds) = peer.keepalive {
        o.line(format_args!("wireguard peer {key} persistent-keepalive {seconds}"));
    }
    if let Some(file) = &peer.preshared_key_file {
        o.line(format_args!("wireguard peer {key} preshared-key-file {file}"));
    }
    if let Some(text) = &peer.description {
        o.line(format_args!("wireguard peer {key} description {text}"));
    }
}

/// All of them.
pub(crate) static WIREGUARD: &[Stmt<OwnLink>] = &[
    stmt(
        "wireguard private-key-file ~ FILE@file",
        |l, a| {
            begin(l)?.private_key_file = Some(a.name("file"));
            DONE
        },
        |l, _| end(l, |wg| wg.private_key_file = None),
        |l, o| show(l, o, |wg| wg.private_key_file.as_ref().map(|f| format!("private-key-file {f}"))),
    ),
    stmt(
        "wireguard listen-port ~ (1-65535)@port",
        |l, a| {
            begin(l)?.listen_port = Some(a.val("port")?);
            DONE
        },
        |l, _| end(l, |wg| wg.listen_port = None),
        |l, o| show(l, o, |wg| wg.listen_port.map(|p| format!("listen-port {p}"))),
    ),
    stmt(
        "wireguard fwmark ~ (1-4294967295)@mark",
        |l, a| {
            begin(l)?.fwmark = Some(a.val("mark")?);
            DONE
        },
        |l, _| end(l, |wg| wg.fwmark = None),
        |l, o| show(l, o, |wg| wg.fwmark.map(|m| format!("fwmark {m}"))),
    ),
    stmt(
        "wireguard endpoint-vrf ~ NAME@vrf",
        |l, a| {
            begin(l)?.endpoint_vrf = a.get("vrf").filter(|v| *v != "default").map(str::to_owned);
            DONE
        },
        |l, _| end(l, |wg| wg.endpoint_vrf = None),
        |l, o| show(l, o, |wg| wg.endpoint_vrf.as_ref().map(|v| format!("endpoint-vrf {v}"))),
    ),
    stmt(
        "wireguard backend ~ <userspace|kernel|auto>",
        |l, a| {
            begin(l)?.backend = WgBackend::ALL.into_iter().find(|b| a.has(b.name()));
            DONE
        },
        |l, _| end(l, |wg| wg.backend = None),
        |l, o| show(l, o, |wg| wg.backend.map(|b| format!("backend {}", b.name()))),
    ),
    stmt(
        "wireguard config-file ~ FILE@file",
        |l, a| {
            begin(l)?.config_file = Some(a.name("file"));
            DONE
        },
        |l, _| end(l, |wg| wg.config_file = None),
        |l, o| show(l, o, |wg| wg.config_file.as_ref().map(|f| format!("config-file {f}"))),
    ),
    stmt(
        "wireguard peer KEY@key [{endpoint ~ HOST:PORT@endpoint|allowed-ips ~ PREFIXES@prefixes\
         |persistent-keepalive ~ (0-65535)@seconds|preshared-key-file ~ FILE@file}] [description ~ LINE@text...]",
        set_peer,
        no_peer,
        |l, o| {
            if let Some(wg) = &l.wireguard {
                wg.peers.iter().for_each(|(key, peer)| show_peer(key, peer, o));
            }
        },
    ),
];
