//! Files of `wg` and `wg-quick`.
//!
//! What concerns the tunnel itself becomes a [`TunnelConfig`]; what `wg-quick` does around it (addresses, routes, commands) is
//! returned line by line, for the caller to carry over or to report.
//!
//! # Invariants
//! Every line with content either is carried over, is in [`QuickFile::own`], or is in the errors, with its number.

use std::num::NonZeroU16;
use std::str::FromStr;

use ferr_types::{IfAddr, Prefix};

use crate::config::{PeerConfig, TunnelConfig};
use crate::key::{PresharedKey, PrivateKey, PublicKey};

/// A key that `wg-quick` acts on and `wg` does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are the words of the file")]
pub enum QuickKey {
    Address,
    Mtu,
    Dns,
    Table,
    PreUp,
    PostUp,
    PreDown,
    PostDown,
    SaveConfig,
}

impl QuickKey {
    const ALL: [(&'static str, Self); 9] = [
        ("Address", Self::Address),
        ("MTU", Self::Mtu),
        ("DNS", Self::Dns),
        ("Table", Self::Table),
        ("PreUp", Self::PreUp),
        ("PostUp", Self::PostUp),
        ("PreDown", Self::PreDown),
        ("PostDown", Self::PostDown),
        ("SaveConfig", Self::SaveConfig),
    ];

    /// The word as it is usually written.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, k)| *k == self).map_or("", |(name, _)| name)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, key)| *key)
    }
}

/// A line that is `wg-quick`'s own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickLine {
    /// Number of the line, from 1.
    pub line: usize,
    /// What it is about.
    pub key: QuickKey,
    /// What is behind the `=`.
    pub value: String,
}

/// A comment that stands at the begin of a peer, where tools write its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerNote {
    /// Index in [`TunnelConfig::peers`].
    pub peer: usize,
    /// Text behind the `#`.
    pub text: String,
}

/// A file, understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuickFile {
    /// What `wg` would take. Peers stand in order, repeated ones unmerged.
    pub tunnel: TunnelConfig,
    /// Addresses of the interface, those of [`Self::own`] that can be read.
    pub addresses: Vec<IfAddr>,
    /// MTU of the interface.
    pub mtu: Option<u32>,
    /// All lines that are `wg-quick`'s, in order.
    pub own: Vec<QuickLine>,
    /// Comments directly below a `[Peer]`.
    pub notes: Vec<PeerNote>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuickError {
    /// Neither a section nor `Key = Value`.
    #[error("expected a section or KEY = VALUE")]
    Syntax,
    /// A section other than `[Interface]` and `[Peer]`.
    #[error("unknown section")]
    Section,
    /// The key is not known, or belongs to the other section.
    #[error("unknown key")]
    Key,
    /// A key is not 44 characters of base64.
    #[error("not a key: 44 characters of base64 are expected")]
    NotAKey,
    /// Not a port, 0 to 65535.
    #[error("not a port")]
    Port,
    /// Not a mark: a number, 0x and hexadecimal digits, or `off`.
    #[error("not a mark")]
    Mark,
    /// Not an endpoint.
    #[error("expected ADDRESS:PORT, [ADDRESS]:PORT or NAME:PORT")]
    Endpoint,
    /// Not a list of addresses or prefixes.
    #[error("expected ADDRESS or ADDRESS/LENGTH, separated by commas")]
    Prefix,
    /// Not a number of seconds, 0 to 65535, or `off`.
    #[error("expected seconds, 0 to 65535, or off")]
    Keepalive,
    /// Not an MTU.
    #[error("not an MTU")]
    Mtu,
    /// The section `[Peer]` that begins here has no `PublicKey`.
    #[error("peer without PublicKey")]
    NoPublicKey,
}

/// What is wrong, and where. The line itself may hold a secret and is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct LineError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong.
    pub error: QuickError,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Interface,
    Peer,
    Unknown,
}

struct Reader {
    file: QuickFile,
    errors: Vec<LineError>,
    section: Section,
    /// Begin of the current `[Peer]` and what is known of it; the key is set when it was seen.
    peer: Option<(usize, Option<PublicKey>, PeerConfig)>,
    note: Option<String>,
}

/// Reads a file. All that can be understood is returned, beside all errors; whoever applies a file should refuse one with errors.
pub fn parse(text: &str) -> (QuickFile, Vec<LineError>) {
    let mut reader = Reader {
        file: QuickFile::default(),
        errors: Vec::new(),
        section: Section::None,
        peer: None,
        note: None,
    };
    for (i, line) in text.lines().enumerate() {
        if let Err(error) = reader.line(i + 1, line) {
            reader.errors.push(LineError { line: i + 1, error });
        }
    }
    reader.end_peer();
    reader.errors.sort_by_key(|e| e.line);
    (reader.file, reader.errors)
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), QuickError> {
        let (content, comment) = line.split_once('#').map_or((line, None), |(c, t)| (c, Some(t)));
        let content = content.trim();
        if content.is_empty() {
            // The name of a peer, as the tools of several vendors write it.
            if let (Some(text), Some((_, None, _)), None) = (comment, &self.peer, &self.note) {
                self.note = Some(text.trim().to_owned()).filter(|t| !t.is_empty());
            }
            return Ok(());
        }
        if let Some(name) = content.strip_prefix('[').and_then(|c| c.strip_suffix(']')) {
            return self.begin(number, name.trim());
        }
        let (key, value) = content.split_once('=').ok_or(QuickError::Syntax)?;
        let (key, value) = (key.trim(), value.trim());
        match self.section {
            Section::Interface => self.interface(number, key, value),
            Section::Peer => self.peer(key, value),
            // Its header was reported.
            Section::Unknown => Ok(()),
            Section::None => Err(QuickError::Syntax),
        }
    }

    fn begin(&mut self, number: usize, name: &str) -> Result<(), QuickError> {
        self.end_peer();
        if name.eq_ignore_ascii_case("Interface") {
            self.section = Section::Interface;
        } else if name.eq_ignore_ascii_case("Peer") {
            self.section = Section::Peer;
            // The key of this stand-in is never seen: a peer without key is not taken.
            self.peer = Some((number, None, PeerConfig::new(PublicKey::from_bytes([0; 32]))));
        } else {
            self.section = Section::Unknown;
            return Err(QuickError::Section);
        }
        Ok(())
    }

    fn end_peer(&mut self) {
        let note = self.note.take();
        match self.peer.take() {
            Some((_, Some(public_key), parts)) => {
                if let Some(text) = note {
                    self.file.notes.push(PeerNote { peer: self.file.tunnel.peers.len(), text });
                }
                self.file.tunnel.peers.push(PeerConfig { public_key, ..parts });
            }
            Some((line, None, _)) => {
                self.errors.push(LineError { line, error: QuickError::NoPublicKey });
            }
            None => {}
        }
    }

    fn interface(&mut self, line: usize, key: &str, value: &str) -> Result<(), QuickError> {
        let tunnel = &mut self.file.tunnel;
        match key.to_ascii_lowercase().as_str() {
            "privatekey" => {
                let key: PrivateKey = value.parse().map_err(|_| QuickError::NotAKey)?;
                // All zero stands for none.
                tunnel.private_key = PrivateKey::from_bytes(*key.expose());
            }
            "listenport" => tunnel.listen_port = NonZeroU16::new(number(value).ok_or(QuickError::Port)?),
            "fwmark" => tunnel.fwmark = mark(value).ok_or(QuickError::Mark)?,
            _ => {
                let key = QuickKey::parse(key).ok_or(QuickError::Key)?;
                self.file.own.push(QuickLine { line, key, value: value.to_owned() });
                match key {
                    QuickKey::Address => self.file.addresses.extend(list(value, address)?),
                    QuickKey::Mtu => self.file.mtu = Some(number(value).ok_or(QuickError::Mtu)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn peer(&mut self, key: &str, value: &str) -> Result<(), QuickError> {
        let Some((_, named, peer)) = &mut self.peer else { return Err(QuickError::Syntax) };
        match key.to_ascii_lowercase().as_str() {
            "publickey" => {
                *named = Some(value.parse().map_err(|_| QuickError::NotAKey)?);
            }
            "presharedkey" => {
                let key: PresharedKey = value.parse().map_err(|_| QuickError::NotAKey)?;
                // All zero stands for none.
                peer.preshared_key = PresharedKey::from_bytes(*key.expose());
            }
            "endpoint" => peer.endpoint = Some(value.parse().map_err(|_| QuickError::Endpoint)?),
            "allowedips" => peer.allowed_ips.extend(list(value, prefix)?),
            "persistentkeepalive" => {
                let seconds = if value.eq_ignore_ascii_case("off") { Some(0) } else { number(value) };
                peer.keepalive = NonZeroU16::new(seconds.ok_or(QuickError::Keepalive)?);
            }
            _ => return Err(QuickError::Key),
        }
        Ok(())
    }
}

/// A decimal number without sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn mark(text: &str) -> Option<u32> {
    if text.eq_ignore_ascii_case("off") {
        return Some(0);
    }
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')),
        None => number(text),
    }
}

fn list<T>(text: &str, item: fn(&str) -> Option<T>) -> Result<Vec<T>, QuickError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(|part| item(part.trim()).ok_or(QuickError::Prefix)).collect()
}

/// A prefix; an address alone is a host.
fn prefix(text: &str) -> Option<Prefix> {
    if text.contains('/') { text.parse().ok() } else { text.parse().ok().map(Prefix::host) }
}

fn address(text: &str) -> Option<IfAddr> {
    if text.contains('/') {
        return text.parse().ok();
    }
    let addr: std::net::IpAddr = text.parse().ok()?;
    IfAddr::new(addr, if addr.is_ipv4() { 32 } else { 128 })
}
