//! What `wg` asks for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use ferr_types::Prefix;
use nix::errno::Errno;

use crate::config::{Endpoint, PeerConfig, TunnelConfig};
use crate::key::{PresharedKey, PrivateKey, PublicKey};

/// A request that cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UapiError {
    /// Neither `get=1` nor `set=1`.
    #[error("neither get nor set")]
    Operation,
    /// A line is not `key=value`, or the key is not known here.
    #[error("unknown key")]
    Key,
    /// The value does not fit the key.
    #[error("invalid value")]
    Value,
    /// The port is another's.
    #[error("address in use")]
    InUse,
    /// Not permitted, or the tunnel has ended.
    #[error("failed")]
    Failed,
}

impl UapiError {
    /// The number that the answer ends with.
    pub const fn errno(self) -> i32 {
        match self {
            Self::Operation => -(Errno::EPROTO as i32),
            Self::Key | Self::Value => -(Errno::EINVAL as i32),
            Self::InUse => -(Errno::EADDRINUSE as i32),
            Self::Failed => -(Errno::EIO as i32),
        }
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Show everything.
    Get,
    /// Change something.
    Set(SetRequest),
}

/// Changes; `None` leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetRequest {
    /// Our key, or none.
    pub private_key: Option<Option<PrivateKey>>,
    /// Port, or any.
    pub listen_port: Option<Option<NonZeroU16>>,
    /// Mark, 0 for none.
    pub fwmark: Option<u32>,
    /// All peers that are not named go.
    pub replace_peers: bool,
    /// Changes of peers, in order.
    pub peers: Vec<PeerChange>,
}

/// Changes of a peer; `None` leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerChange {
    /// Who it is.
    pub public_key: PublicKey,
    /// It goes.
    pub remove: bool,
    /// Nothing happens when there is no such peer.
    pub update_only: bool,
    /// Its preshared key, or none.
    pub preshared_key: Option<Option<PresharedKey>>,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// Keepalives, or none.
    pub keepalive: Option<Option<NonZeroU16>>,
    /// What it was allowed before goes.
    pub replace_allowed_ips: bool,
    /// What it is allowed in addition, or with `false` no longer.
    pub allowed_ips: Vec<(bool, Prefix)>,
}

impl PeerChange {
    const fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            remove: false,
            update_only: false,
            preshared_key: None,
            endpoint: None,
            keepalive: None,
            replace_allowed_ips: false,
            allowed_ips: Vec::new(),
        }
    }
}

/// Reads a request, without the empty line at its end.
///
/// # Errors
/// Something in it is not understood.
pub fn parse(text: &str) -> Result<Request, UapiError> {
    let mut lines = text.lines();
    match lines.next() {
        Some("get=1") => return if lines.next().is_none() { Ok(Request::Get) } else { Err(UapiError::Key) },
        Some("set=1") => {}
        _ => return Err(UapiError::Operation),
    }
    let mut set = SetRequest::default();
    for line in lines {
        let (key, value) = line.split_once('=').ok_or(UapiError::Key)?;
        if key == "public_key" {
            let key = PublicKey::from_hex(value).ok_or(UapiError::Value)?;
            set.peers.push(PeerChange::new(key));
            continue;
        }
        match set.peers.last_mut() {
            Some(peer) => peer.line(key, value)?,
            None => set.line(key, value)?,
        }
    }
    Ok(Request::Set(set))
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, UapiError> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or(UapiError::Value)
}

fn truth(value: &str) -> Result<bool, UapiError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(UapiError::Value),
    }
}

impl SetRequest {
    fn line(&mut self, key: &str, value: &str) -> Result<(), UapiError> {
        match key {
            "private_key" => self.private_key = Some(PrivateKey::from_hex(value).ok_or(UapiError::Value)?),
            "listen_port" => self.listen_port = Some(NonZeroU16::new(number(value)?)),
            "fwmark" => self.fwmark = Some(number(value)?),
            "replace_peers" => self.replace_peers = truth(value)?,
            _ => return Err(UapiError::Key),
        }
        Ok(())
    }

    /// What becomes of a configuration, and which peers are put to an address whatever they were.
    pub fn apply(self, mut config: TunnelConfig) -> (TunnelConfig, Vec<(PublicKey, SocketAddr)>) {
        if let Some(key) = self.private_key {
            config.private_key = key;
        }
        if let Some(port) = self.listen_port {
            config.listen_port = port;
        }
        if let Some(mark) = self.fwmark {
            config.fwmark = mark;
        }
        if self.replace_peers {
            config.peers.clear();
        }
        let mut peers = Peers::new(config.peers);
        let mut places = Vec::new();
        for change in self.peers {
            if let Some(place) = change.endpoint {
                places.push((change.public_key, place));
            }
            change.apply(&mut peers);
        }
        config.peers = peers.finish();
        (config, places)
    }
}

/// Peers while they are changed; many at a time are no reason to look through all for each.
struct Peers {
    /// Removed ones leave a hole.
    all: Vec<Option<PeerConfig>>,
    places: HashMap<PublicKey, usize>,
    /// Who was given a prefix last.
    owners: HashMap<Prefix, usize>,
}

impl Peers {
    fn new(peers: Vec<PeerConfig>) -> Self {
        let places = peers.iter().enumerate().map(|(at, p)| (p.public_key, at)).collect();
        Self { all: peers.into_iter().map(Some).collect(), places, owners: HashMap::new() }
    }

    /// Who was given a prefix has it, and nobody else.
    fn finish(self) -> Vec<PeerConfig> {
        let Self { all, owners, .. } = self;
        let peers = all.into_iter().enumerate().filter_map(|(at, peer)| {
            let mut peer = peer?;
            peer.allowed_ips.retain(|p| owners.get(p).is_none_or(|owner| *owner == at));
            Some(peer)
        });
        peers.collect()
    }
}

impl PeerChange {
    fn line(&mut self, key: &str, value: &str) -> Result<(), UapiError> {
        match key {
            "remove" => self.remove = truth(value)?,
            "update_only" => self.update_only = truth(value)?,
            "preshared_key" => {
                self.preshared_key = Some(PresharedKey::from_hex(value).ok_or(UapiError::Value)?);
            }
            "endpoint" => match value.parse() {
                Ok(Endpoint::Addr(addr)) => self.endpoint = Some(addr),
                _ => return Err(UapiError::Value),
            },
            "persistent_keepalive_interval" => self.keepalive = Some(NonZeroU16::new(number(value)?)),
            "replace_allowed_ips" => self.replace_allowed_ips = truth(value)?,
            "allowed_ip" => {
                let (add, text) = value.strip_prefix('-').map_or((true, value), |rest| (false, rest));
                self.allowed_ips.push((add, text.parse().map_err(|_| UapiError::Value)?));
            }
            "protocol_version" if value == "1" => {}
            "protocol_version" => return Err(UapiError::Value),
            _ => return Err(UapiError::Key),
        }
        Ok(())
    }

    fn apply(self, peers: &mut Peers) {
        if self.remove {
            if let Some(at) = peers.places.remove(&self.public_key) {
                // What it took from another goes with it.
                peers.all[at] = None;
            }
            return;
        }
        let at = match peers.places.get(&self.public_key) {
            Some(at) => *at,
            None if self.update_only => return,
            None => {
                let at = peers.all.len();
                peers.places.insert(self.public_key, at);
                peers.all.push(Some(PeerConfig::new(self.public_key)));
                at
            }
        };
        let Some(peer) = &mut peers.all[at] else { return };
        if let Some(key) = self.preshared_key {
            peer.preshared_key = key;
        }
        if let Some(place) = self.endpoint {
            peer.endpoint = Some(Endpoint::Addr(place));
        }
        if let Some(keepalive) = self.keepalive {
            peer.keepalive = keepalive;
        }
        if self.replace_allowed_ips {
            peer.allowed_ips.clear();
        }
        for (add, prefix) in self.allowed_ips {
            if add {
                peer.allowed_ips.push(prefix);
                peers.owners.insert(prefix, at);
            } else if peers.owners.get(&prefix).is_none_or(|owner| *owner == at) {
                peer.allowed_ips.retain(|p| *p != prefix);
            }
        }
    }
}
