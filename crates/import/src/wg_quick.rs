//! Files of wg-quick.
//!
//! The tunnel becomes statements of ferr.conf. wg-quick's routes become static routes; what it does by policy routing and by commands is
//! left, with the reason.
//!
//! Invariant: a line is carried when a statement came of it, or when it says what holds anyway; the rest has a reason.

use std::collections::BTreeSet;

use ferr_config::model::Secret;
use ferr_wireguard::PeerConfig;
use ferr_wireguard::wg_quick::{LineError, QuickFile, QuickKey, QuickLine, parse};

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
    refused: bool,
}

impl Line<'_> {
    fn is(&self, key: &str) -> bool {
        !self.refused && self.key.eq_ignore_ascii_case(key)
    }
}

fn lines<'t>(text: &'t str, errors: &[LineError]) -> Vec<Line<'t>> {
    let refused: BTreeSet<usize> = errors.iter().map(|e| e.line).collect();
    let line = |(index, line): (usize, &'t str)| {
        let content = line.split('#').next().unwrap_or_default().trim();
        let (key, value) = content.split_once('=').unwrap_or((content, ""));
        let number = index + 1;
        let line = Line { number, key: key.trim(), value: value.trim(), refused: refused.contains(&number) };
        (!content.is_empty()).then_some(line)
    };
    text.lines().enumerate().filter_map(line).collect()
}

/// Lines of the peers that were understood, in their order.
fn peers<'l, 't>(lines: &'l [Line<'t>]) -> Vec<&'l [Line<'t>]> {
    let begins = |l: &Line<'_>| l.key.starts_with('[');
    let sections = lines.chunk_by(|_, next| !begins(next));
    // A peer without a key is refused at its header.
    sections
        .filter(|s| s.first().is_some_and(|l| !l.refused && l.key.to_ascii_lowercase().contains("peer")))
        .collect()
}

/// Numbers of the lines with this key.
fn sources(lines: &[Line<'_>], key: &str) -> Vec<usize> {
    lines.iter().filter(|l| l.is(key)).map(|l| l.number).collect()
}

/// Translates the file of the link `name`.
#[must_use]
pub fn wg_quick(name: &str, text: &str, options: &Options) -> Imported {
    let (file, errors) = parse(text);
    let said = lines(text, &errors);
    let mut work = Work {
        link: Block::own(&format!("interface {name}")),
        name,
        options,
        said: &said,
        doc: Document::default(),
        keys: Vec::new(),
        notes: Vec::new(),
    };
    for error in &errors {
        work.doc.leave(&[error.line], &error.error.to_string());
    }
    work.tunnel(&file);
    for (index, (peer, lines)) in file.tunnel.peers.iter().zip(peers(&said)).enumerate() {
        let note = file.notes.iter().find(|note| note.peer == index).map(|note| note.text.as_str());
        work.peer(index + 1, peer, note, lines);
    }
    let table = work.own(&file);
    work.routes(&file, &table);
    let Work { doc, keys, notes, .. } = work;
    let mut finished = doc.finish();
    let report = |line: &Line<'_>| LineReport {
        number: line.number,
        text: shown(line),
        fate: match finished.fates.remove(&line.number) {
            Some(fate) => fate,
            None if line.key.starts_with('[') => Fate::Carried,
            None => Fate::Left(
                "what stands before or behind it replaces it, or its section is not understood".to_owned(),
            ),
        },
    };
    Imported { lines: said.iter().map(report).collect(), frr: finished.frr, own: finished.own, keys, notes }
}

/// The line without its secret. Of one that was refused, no more than the key.
fn shown(line: &Line<'_>) -> String {
    let short = |text: &str, most| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
    let secret = line.key.to_ascii_lowercase().contains("key") && !line.key.eq_ignore_ascii_case("publickey");
    match () {
        () if line.key.starts_with('[') => short(line.key, 80),
        () if line.value.is_empty() => "...".to_owned(),
        () if secret || line.refused => format!("{} = ...", short(line.key, 40)),
        () => format!("{} = {}", short(line.key, 40), short(line.value, 200)),
    }
}

struct Work<'a> {
    link: Block,
    name: &'a str,
    options: &'a Options,
    said: &'a [Line<'a>],
    doc: Document,
    keys: Vec<KeyFile>,
    notes: Vec<String>,
}

impl Work<'_> {
    fn put(&mut self, text: String, sources: &[usize]) {
        let link = self.link.clone();
        self.doc.put(&link, text, sources);
    }

    /// A key in a file of its own; the last line with it counts, as for wg.
    fn key(&mut self, file: String, what: String, line: &Line<'_>) -> String {
        let path = format!("{}/{file}", self.options.key_dir);
        let source = KeySource::Line(line.number, Secret::new(line.value));
        self.doc.remark(&[line.number], "the key is in a file of its own");
        self.keys.push(KeyFile { path: path.clone(), what, source });
        path
    }

    fn tunnel(&mut self, file: &QuickFile) {
        let (tunnel, said) = (&file.tunnel, self.said);
        if let Some(line) = said.iter().rfind(|l| l.is("PrivateKey")).filter(|_| tunnel.private_key.is_some())
        {
            let path = self.key(format!("{}.key", self.name), format!("private key of {}", self.name), line);
            self.put(format!("wireguard private-key-file {path}"), &[line.number]);
        }
        let port = sources(said, "ListenPort");
        match tunnel.listen_port {
            Some(number) => self.put(format!("wireguard listen-port {number}"), &port),
            None => self.doc.carried(&port, "any port is the default"),
        }
        let mark = sources(said, "FwMark");
        match tunnel.fwmark {
            0 => self.doc.carried(&mark, "no mark is the default"),
            number => self.put(format!("wireguard fwmark {number}"), &mark),
        }
    }

    fn peer(&mut self, number: usize, peer: &PeerConfig, note: Option<&str>, lines: &[Line<'_>]) {
        let lead = format!("wireguard peer {}", peer.public_key);
        let bare = peer.endpoint.is_none() && peer.allowed_ips.is_empty() && peer.keepalive.is_none();
        let key = sources(lines, "PublicKey");
        if note.is_some() || bare {
            self.put(format!("{lead} description {}", note.unwrap_or("peer")), &key);
        } else {
            self.doc.carried(&key, "it begins the peer's statements");
        }
        if let Some(endpoint) = &peer.endpoint {
            self.put(format!("{lead} endpoint {endpoint}"), &sources(lines, "Endpoint"));
        }
        let allowed = sources(lines, "AllowedIPs");
        if peer.allowed_ips.is_empty() {
            self.doc.carried(&allowed, "no address is the default");
        } else {
            let list: Vec<String> = peer.allowed_ips.iter().map(ToString::to_string).collect();
            self.put(format!("{lead} allowed-ips {}", list.join(",")), &allowed);
        }
        let keepalive = sources(lines, "PersistentKeepalive");
        match peer.keepalive {
            Some(seconds) => self.put(format!("{lead} persistent-keepalive {seconds}"), &keepalive),
            None => self.doc.carried(&keepalive, "no keepalive is the default"),
        }
        let line = lines.iter().rfind(|l| l.is("PresharedKey"));
        match line {
            Some(line) if peer.preshared_key.is_some() => {
                let what = format!("preshared key of {} and its peer {number}", self.name);
                let path = self.key(format!("{}-{number}.psk", self.name), what, line);
                self.put(format!("{lead} preshared-key-file {path}"), &[line.number]);
            }
            Some(line) => self.doc.carried(&[line.number], "a key of zeros is none"),
            None => {}
        }
    }

    /// Lines that only wg-quick understands.
    fn own(&mut self, file: &QuickFile) -> Table {
        let addresses = sources(self.said, "Address");
        self.doc.carried(&addresses, "no address");
        for address in &file.addresses {
            let ip = if address.addr().is_ipv4() { "ip" } else { "ipv6" };
            self.put(format!("{ip} address {address}"), &addresses);
        }
        if let Some(mtu) = file.mtu {
            self.put(format!("mtu {mtu}"), &sources(self.said, "MTU"));
        }
        let mut table = Table::Main;
        for QuickLine { line, key, value } in &file.own {
            let reason = match key {
                QuickKey::Address | QuickKey::Mtu => continue,
                QuickKey::Table => match of_table(value) {
                    Some(named) => {
                        let remark = match named {
                            Table::Off => "no routes are made",
                            _ => "it says where the static routes are",
                        };
                        table = named;
                        self.doc.carried(&[*line], remark);
                        continue;
                    }
                    None => "a table by name: its number is needed",
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
            if prefix.is_default() && matches!(table, Table::Main) {
                self.notes.push(format!(
                    "{prefix} is among the allowed addresses: wg-quick would send everything through {} by rules and a mark; \
                     here, put the link into a VRF, or let routes say what goes through it",
                    self.name
                ));
                continue;
            }
            let connected = file.addresses.iter().any(|a| a.prefix().covers(*prefix));
            if !connected {
                let ip = if prefix.addr().is_ipv4() { "ip" } else { "ipv6" };
                self.doc.put(&top, format!("{ip} route {prefix} {}{tail}", self.name), &[]);
            }
        }
        self.notes.sort();
        self.notes.dedup();
    }
}

fn of_table(value: &str) -> Option<Table> {
    match value.to_ascii_lowercase().as_str() {
        "auto" | "main" => Some(Table::Main),
        "off" => Some(Table::Off),
        number => number.parse().ok().filter(|n| *n > 0).map(Table::Number),
    }
}
