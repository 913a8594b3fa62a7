//! What `wg` is told.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::config::TunnelConfig;
use crate::status::{SocketState, TunnelStatus};

/// Estimates of the text of a tunnel, a peer, a prefix: a text that grew would leave copies of secrets behind.
const TUNNEL: usize = 256;
const PEER: usize = 512;
const PREFIX: usize = 64;

/// The answer to `get=1`, with secrets.
pub fn render(config: &TunnelConfig, status: &TunnelStatus) -> Zeroizing<String> {
    let prefixes: usize = config.peers.iter().map(|p| p.allowed_ips.len()).sum();
    let room = TUNNEL + PEER * config.peers.len() + PREFIX * prefixes;
    let mut text = Zeroizing::new(String::with_capacity(room));
    if let Some(key) = &config.private_key {
        line(&mut text, "private_key", key.expose_hex().as_str());
    }
    let chosen = if let SocketState::Bound(port) = status.sockets { port } else { 0 };
    line(&mut text, "listen_port", config.listen_port.map_or(chosen, u16::from));
    if config.fwmark != 0 {
        line(&mut text, "fwmark", config.fwmark);
    }
    let states: HashMap<_, _> = status.peers.iter().map(|p| (p.public_key, p)).collect();
    for peer in &config.peers {
        line(&mut text, "public_key", peer.public_key.to_hex());
        let none = "0".repeat(64);
        let preshared = peer.preshared_key.as_ref().map(crate::PresharedKey::expose_hex);
        line(&mut text, "preshared_key", preshared.as_ref().map_or(none.as_str(), |k| k.as_str()));
        line(&mut text, "protocol_version", 1);
        let now = states.get(&peer.public_key);
        if let Some(endpoint) = now.and_then(|p| p.endpoint) {
            line(&mut text, "endpoint", endpoint);
        }
        let since = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).ok();
        let at = now.and_then(|p| p.last_handshake).and_then(since).unwrap_or(Duration::ZERO);
        line(&mut text, "last_handshake_time_sec", at.as_secs());
        line(&mut text, "last_handshake_time_nsec", at.subsec_nanos());
        line(&mut text, "tx_bytes", now.map_or(0, |p| p.tx_bytes));
        line(&mut text, "rx_bytes", now.map_or(0, |p| p.rx_bytes));
        line(&mut text, "persistent_keepalive_interval", peer.keepalive.map_or(0, u16::from));
        for prefix in &peer.allowed_ips {
            line(&mut text, "allowed_ip", prefix);
        }
    }
    text
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{key}={value}");
}
