//! WireGuard links. Keys go to files.

use super::{Work, with};
use crate::document::Block;
use crate::tree::{Leaf, Node};
use crate::{KeyFile, KeySource};
use ferr_config::model::Secret;

/// Letters that a file name may have, whatever the link or the peer is called.
fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().take(64).map(|c| if plain(c) { c } else { '_' }).collect();
    name.trim_start_matches('.').to_owned()
}

/// Whether the text is 32 octets in base64.
fn is_key(text: &str) -> bool {
    let (Some(body), true) = (text.strip_suffix('='), text.len() == 44) else { return false };
    body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

impl Work<'_> {
    fn key_file(&mut self, name: &str, suffix: &str, what: String, source: KeySource) -> String {
        let taken = |path: &str| self.keys.iter().any(|k| k.path == path);
        let stem = format!("{}/{}", self.options.key_dir, file_name(name));
        let mut path = format!("{stem}.{suffix}");
        let mut number = self.keys.len() + 1;
        while taken(&path) {
            path = format!("{stem}-{number}.{suffix}");
            number += 1;
        }
        self.keys.push(KeyFile { path: path.clone(), what, source });
        path
    }

    pub(super) fn wireguard(&mut self, block: &Block, name: &str, node: &Node) {
        self.private_key(block, name, node);
        self.rows(block, node, "wireguard ", &[("port *", "listen-port {1}"), ("fwmark *", "fwmark {1}")]);
        for (peer_name, peer) in node.each("peer") {
            self.peer(block, name, peer_name, peer);
        }
    }

    /// Up to 1.3 the value is the name of a key that VyOS keeps, `default` when it is absent; later it is the key.
    fn private_key(&mut self, block: &Block, name: &str, node: &Node) {
        let leaf = node.value("private-key");
        let (text, lines) = leaf.map_or(("default", &[][..]), |l| (l.text, l.lines));
        let source = match lines.first() {
            Some(line) if is_key(text) => KeySource::Line(*line, Secret::new(text)),
            _ => KeySource::File(format!("/config/auth/wireguard/{}/private.key", file_name(text))),
        };
        let remark = match &source {
            KeySource::Line(..) => "the key is in a file of its own",
            KeySource::File(_) => "the name of a key that VyOS keeps: its file has to be copied",
        };
        let path = self.key_file(name, "key", format!("private key of {name}"), source);
        self.doc.put(block, format!("wireguard private-key-file {path}"), lines);
        self.doc.remark(lines, remark);
    }

    fn peer(&mut self, block: &Block, name: &str, peer_name: &str, peer: &Node) {
        if peer.get("disable").is_some() {
            return self.doc.leave(&peer.all_lines(), "the peer is disabled");
        }
        let Some(key) = peer.value("public-key").or_else(|| peer.value("pubkey")) else {
            return self.doc.leave(&peer.all_lines(), "a peer without a public key");
        };
        let lead = format!("wireguard peer {}", key.text);
        let mut lines = [key.lines, &peer.lines].concat();
        let description = with(peer.value("description"), &mut lines).unwrap_or(peer_name);
        self.doc.put(block, format!("{lead} description {description}"), &lines);
        self.endpoint(block, &lead, peer);
        let allowed: Vec<Leaf<'_>> = peer.values("allowed-ips").collect();
        if !allowed.is_empty() {
            let list: Vec<&str> = allowed.iter().map(|l| l.text).collect();
            let lines: Vec<usize> = allowed.iter().flat_map(|l| l.lines).copied().collect();
            self.doc.put(block, format!("{lead} allowed-ips {}", list.join(",")), &lines);
        }
        self.rows(block, peer, &lead, &[("persistent-keepalive *", " persistent-keepalive {1}")]);
        if let Some(psk) = peer.value("preshared-key") {
            let what = format!("preshared key of {name} and {peer_name}");
            let line = psk.lines.first().copied().unwrap_or_default();
            let source = KeySource::Line(line, Secret::new(psk.text));
            let path = self.key_file(&format!("{name}-{peer_name}"), "psk", what, source);
            self.doc.put(block, format!("{lead} preshared-key-file {path}"), psk.lines);
            self.doc.remark(psk.lines, "the key is in a file of its own");
        }
    }

    fn endpoint(&mut self, block: &Block, lead: &str, peer: &Node) {
        let mut lines = Vec::new();
        let host = with(peer.value("address").or_else(|| peer.value("host-name")), &mut lines);
        let port = with(peer.value("port"), &mut lines);
        match (host, port) {
            (Some(host), Some(port)) if host.contains(':') => {
                self.doc.put(block, format!("{lead} endpoint [{host}]:{port}"), &lines);
            }
            (Some(host), Some(port)) => self.doc.put(block, format!("{lead} endpoint {host}:{port}"), &lines),
            (None, None) => {}
            _ => self.doc.leave(&lines, "an endpoint needs an address and a port"),
        }
    }
}
