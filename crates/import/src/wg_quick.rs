//! Files of wg-quick.
//!
//! The tunnel becomes statements of ferr.conf. wg-quick's routes become static routes; what it does by policy routing and by commands is
//! left, with the reason.
//!
//! Invariant: what `ferr-wireguard` reads out of the file is carried, the rest has a reason.

use ferr_config::model::Secret;
use ferr_wireguard::wg_quick::{QuickFile, QuickKey, QuickLine, parse};

use crate::document::{Block, Document, Fate, File, LineReport};
use crate::{Imported, KeyFile, KeySource, Options};

/// Where wg-quick puts routes.
enum Table {
    Main,
    Number(u32),
    Off,
}

/// A line with something in it.
struct Line<'t> {
    number: usize,
    key: &'t str,
    value: &'t str,
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let content = line.split('#').next().unwrap_or_default().trim();
        let (key, value) = content.split_once('=').unwrap_or((content, ""));
        let line = Line { number: index + 1, key: key.trim(), value: value.trim() };
        (!content.is_empty()).then_some(line)
    })
}

/// Translates the file of the link `name`.
#[must_use]
pub fn wg_quick(name: &str, text: &str, options: &Options) -> Imported {
    let (file, errors) = parse(text);
    let mut work = Work {
        link: Block::own(&format!("interface {name}")),
        name,
        options,
        doc: Document::default(),
        keys: Vec::new(),
        notes: Vec::new(),
    };
    for error in &errors {
        work.doc.leave(&[error.line], &error.error.to_string());
    }
    let said: Vec<Line<'_>> = lines(text).collect();
    work.tunnel(&file, &said);
    let table = work.own(&file);
    work.routes(&file, &table);
    let Work { doc, keys, notes, .. } = work;
    let mut finished = doc.finish();
    let report = |line: &Line<'_>| LineReport {
        number: line.number,
        text: shown(line),
        // Peers are read as one: what was neither refused nor wg-quick's is in their statements.
        fate: finished.fates.remove(&line.number).unwrap_or(Fate::Carried),
    };
    Imported { lines: said.iter().map(report).collect(), frr: finished.frr, own: finished.own, keys, notes }
}

/// The line without its secret.
fn shown(line: &Line<'_>) -> String {
    let secret = line.key.to_ascii_lowercase().contains("key") && !line.key.eq_ignore_ascii_case("publickey");
    let value: String = line.value.chars().filter(|c| !c.is_control()).take(200).collect();
    match () {
        () if line.key.starts_with('[') => line.key.chars().take(80).collect(),
        () if secret || value.is_empty() => format!("{} = ...", line.key.chars().take(40).collect::<String>()),
        () => format!("{} = {value}", line.key.chars().take(40).collect::<String>()),
    }
}

struct Work<'a> {
    link: Block,
    name: &'a str,
    options: &'a Options,
    doc: Document,
    keys: Vec<KeyFile>,
    notes: Vec<String>,
}

impl Work<'_> {
    fn put(&mut self, text: String) {
        let link = self.link.clone();
        self.doc.put(&link, text, &[]);
    }

    fn tunnel(&mut self, file: &QuickFile, said: &[Line<'_>]) {
        let tunnel = &file.tunnel;
        let of_key = |word: &str| said.iter().filter(|l| l.key.eq_ignore_ascii_case(word)).collect::<Vec<_>>();
        if let Some(line) = of_key("PrivateKey").last().filter(|_| tunnel.private_key.is_some()) {
            let path = format!("{}/{}.key", self.options.key_dir, self.name);
            self.put(format!("wireguard private-key-file {path}"));
            let source = KeySource::Line(line.number, Secret::new(line.value));
            self.keys.push(KeyFile { path, what: format!("private key of {}", self.name), source });
        }
        if let Some(port) = tunnel.listen_port {
            self.put(format!("wireguard listen-port {port}"));
        }
        if tunnel.fwmark != 0 {
            self.put(format!("wireguard fwmark {}", tunnel.fwmark));
        }
        let mut preshared = of_key("PresharedKey").into_iter();
        for (index, peer) in tunnel.peers.iter().enumerate() {
            let lead = format!("wireguard peer {}", peer.public_key);
            let name = file.notes.iter().find(|note| note.peer == index).map(|note| note.text.as_str());
            self.put(format!("{lead} description {}", name.unwrap_or("peer")));
            if let Some(endpoint) = &peer.endpoint {
                self.put(format!("{lead} endpoint {endpoint}"));
            }
            if !peer.allowed_ips.is_empty() {
                let list: Vec<String> = peer.allowed_ips.iter().map(ToString::to_string).collect();
                self.put(format!("{lead} allowed-ips {}", list.join(",")));
            }
            if let Some(seconds) = peer.keepalive {
                self.put(format!("{lead} persistent-keepalive {seconds}"));
            }
            if let (Some(_), Some(line)) = (&peer.preshared_key, preshared.next()) {
                let path = format!("{}/{}-{}.psk", self.options.key_dir, self.name, index + 1);
                self.put(format!("{lead} preshared-key-file {path}"));
                let what = format!("preshared key of {} and its peer {}", self.name, index + 1);
                let source = KeySource::Line(line.number, Secret::new(line.value));
                self.keys.push(KeyFile { path, what, source });
            }
        }
    }

    /// Lines that only wg-quick understands.
    fn own(&mut self, file: &QuickFile) -> Table {
        let mut table = Table::Main;
        for address in &file.addresses {
            let ip = if address.addr().is_ipv4() { "ip" } else { "ipv6" };
            self.put(format!("{ip} address {address}"));
        }
        if let Some(mtu) = file.mtu {
            self.put(format!("mtu {mtu}"));
        }
        for QuickLine { line, key, value } in &file.own {
            let reason = match key {
                QuickKey::Address | QuickKey::Mtu => continue,
                QuickKey::Table => match value.to_ascii_lowercase().as_str() {
                    "auto" | "main" => continue,
                    "off" => {
                        table = Table::Off;
                        continue;
                    }
                    number => match number.parse().ok().filter(|n| *n > 0) {
                        Some(number) => {
                            table = Table::Number(number);
                            continue;
                        }
                        None => "a table by name: its number is needed",
                    },
                },
                QuickKey::Dns => "name resolution is the system's",
                QuickKey::PreUp | QuickKey::PostUp | QuickKey::PreDown | QuickKey::PostDown => {
                    "commands are not run: routes, addresses, VRFs, MSS clamps and sysctls are statements here"
                }
                QuickKey::SaveConfig => "nothing is saved but by `write`",
            };
            self.doc.leave(&[*line], reason);
        }
        table
    }

    /// Routes to what peers may send, as wg-quick makes them.
    fn routes(&mut self, file: &QuickFile, table: &Table) {
        let tail = match table {
            Table::Main => String::new(),
            Table::Number(number) => format!(" table {number}"),
            Table::Off => return,
        };
        let top = Block::new(File::Frr, &[]);
        for prefix in file.tunnel.peers.iter().flat_map(|p| &p.allowed_ips) {
            if prefix.len() == 0 && matches!(table, Table::Main) {
                self.notes.push(format!(
                    "{prefix} is among the allowed addresses: wg-quick would send everything through {} by rules and a mark; \
                     here, put the link into a VRF, or let routes say what goes through it",
                    self.name
                ));
                continue;
            }
            let connected = file.addresses.iter().any(|a| a.prefix().contains(*prefix));
            if !connected {
                let ip = if prefix.addr().is_ipv4() { "ip" } else { "ipv6" };
                self.doc.put(&top, format!("{ip} route {prefix} {}{tail}", self.name), &[]);
            }
        }
        self.notes.dedup();
    }
}
