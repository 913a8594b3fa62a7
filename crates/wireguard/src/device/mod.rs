//! What a tunnel does with packets, without sockets and clocks.
//!
//! Threads share a [`Device`]. Which peers there are is one table, never changed and replaced as a whole, so that looking something up
//! needs no lock. What changes with each packet is behind one lock per peer, taken once for many packets.
//!
//! # Invariants
//! * A configuration that says the same again changes nothing; a peer that stays as it was keeps its sessions.
//! * Datagrams that are not authentic change nothing but a counter, and cost nothing but time, which is limited.
//!
//! The clock inside of `boringtun` is its own; it advances with [`Device::tick`].

mod inbound;
mod message;
mod outbound;
mod peer;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use boringtun::noise::Tunn;
use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::x25519;
use ferr_prefixmap::PrefixMap;
use ferr_types::{Ipv4Prefix, Ipv6Prefix, Prefix};

use crate::config::{Endpoint, PeerConfig, TunnelConfig};
use crate::counters::{Cause, Drops};
use crate::key::PublicKey;
use crate::status::PeerStatus;
pub use inbound::{Inbox, Now};
pub use outbound::Outbox;
pub use peer::{Path, SCRATCH};
pub(crate) use peer::{Peer, PeerState};

/// Handshakes per second before their senders have to prove their addresses.
const HANDSHAKES: u64 = 200;
/// Bits of the number of a peer.
const INDEX_BITS: u32 = 24;

/// Where datagrams go.
pub trait Wire {
    /// Sends a datagram, or with `size` as many as `data` holds of that size. Our address in the path is taken out when it is no
    /// longer ours. Whether it was sent.
    fn send(&mut self, path: &mut Path, data: &[u8], size: Option<u16>) -> bool;
}

/// Our key, and what is derived from it.
pub(crate) struct Identity {
    pub(crate) secret: x25519::StaticSecret,
    pub(crate) public: x25519::PublicKey,
    /// Counts handshakes of all peers.
    pub(crate) limiter: RateLimiter,
    /// What sessions count with, which has no limit: they would count a second time.
    unlimited: Arc<RateLimiter>,
}

impl Identity {
    fn new(config: &TunnelConfig) -> Option<Self> {
        let secret = config.private_key.as_ref()?.curve();
        let public = x25519::PublicKey::from(&secret);
        let limiter = RateLimiter::new(&public, HANDSHAKES);
        let unlimited = Arc::new(RateLimiter::new(&public, u64::MAX));
        Some(Self { secret, public, limiter, unlimited })
    }
}

/// Who the peers are.
pub(crate) struct Tables {
    pub(crate) config: TunnelConfig,
    pub(crate) identity: Option<Arc<Identity>>,
    peers: Vec<Arc<Peer>>,
    by_index: HashMap<u32, usize>,
    by_key: HashMap<PublicKey, usize>,
    v4: PrefixMap<Ipv4Prefix, usize>,
    v6: PrefixMap<Ipv6Prefix, usize>,
}

impl Tables {
    fn by_index(&self, session: u32) -> Option<&Arc<Peer>> {
        self.peers.get(*self.by_index.get(&(session >> 8))?)
    }

    pub(crate) fn by_key(&self, key: &PublicKey) -> Option<&Arc<Peer>> {
        self.peers.get(*self.by_key.get(key)?)
    }

    fn route(&self, addr: IpAddr) -> Option<&Arc<Peer>> {
        let at = match addr {
            IpAddr::V4(a) => self.v4.longest_match(Ipv4Prefix::host(a))?.1,
            IpAddr::V6(a) => self.v6.longest_match(Ipv6Prefix::host(a))?.1,
        };
        self.peers.get(*at)
    }

    /// All peers with their configuration, in its order.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (&PeerConfig, &Arc<Peer>)> {
        self.config.peers.iter().zip(&self.peers)
    }
}

/// A tunnel.
pub struct Device {
    tables: ArcSwap<Tables>,
    pub(crate) drops: Drops,
    mtu: AtomicUsize,
    news: AtomicBool,
}

impl Device {
    /// Without key and peers.
    pub fn new(mtu: usize) -> Self {
        let tables = Tables {
            config: TunnelConfig::default(),
            identity: None,
            peers: Vec::new(),
            by_index: HashMap::new(),
            by_key: HashMap::new(),
            v4: PrefixMap::default(),
            v6: PrefixMap::default(),
        };
        Self {
            tables: ArcSwap::from_pointee(tables),
            drops: Drops::default(),
            mtu: AtomicUsize::new(mtu),
            news: AtomicBool::new(false),
        }
    }

    pub(crate) fn tables(&self) -> arc_swap::Guard<Arc<Tables>> {
        self.tables.load()
    }

    /// Longest packet of the device.
    pub fn mtu(&self) -> usize {
        self.mtu.load(Ordering::Relaxed)
    }

    /// The device has another MTU.
    pub fn set_mtu(&self, mtu: usize) {
        self.mtu.store(mtu, Ordering::Relaxed);
    }

    /// Something happened that others may want to hear of.
    fn announce(&self) {
        self.news.store(true, Ordering::Release);
    }

    /// Whether [`Self::take_news`] would say so.
    pub(crate) fn has_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }

    /// Whether something happened since the last call.
    pub fn take_news(&self) -> bool {
        self.news.swap(false, Ordering::AcqRel)
    }

    /// Peers now, in the order of the configuration; who leaves handshakes unanswered for `silence` is silent.
    pub fn peers(&self, silence: Duration, now: Instant) -> Vec<PeerStatus> {
        self.tables.load().peers().map(|(config, peer)| PeerStatus::of(config, peer, silence, now)).collect()
    }

    /// Drops that belong to no peer, by cause; those that are not 0.
    pub fn drops(&self) -> Vec<(Cause, u64)> {
        self.drops.list()
    }

    /// What it is now.
    pub fn config(&self) -> TunnelConfig {
        self.tables.load().config.clone()
    }

    /// Becomes what `config` says. `number` gives random numbers. Who configures at the same time has to be kept apart by the caller.
    pub fn configure(&self, config: TunnelConfig, mut number: impl FnMut() -> u32) {
        let config = config.normalised();
        let old = self.tables.load();
        let same_key = config.private_key == old.config.private_key;
        let identity = if same_key { old.identity.clone() } else { Identity::new(&config).map(Arc::new) };
        let mut next = Tables {
            identity,
            peers: Vec::with_capacity(config.peers.len()),
            by_index: HashMap::with_capacity(config.peers.len()),
            by_key: HashMap::with_capacity(config.peers.len()),
            v4: PrefixMap::default(),
            v6: PrefixMap::default(),
            config,
        };
        // Without a key there are no sessions, and no peers to have them with.
        let wanted = if next.identity.is_some() { &next.config.peers[..] } else { &[] };
        for (at, peer) in wanted.iter().enumerate() {
            let before = old.by_key.get(&peer.public_key).map(|at| (&old.peers[*at], &old.config.peers[*at]));
            let kept = before.filter(|(_, b)| same_key && b.preshared_key == peer.preshared_key);
            let entry = match kept {
                Some((kept, _)) => Arc::clone(kept),
                None => {
                    let mut free = || loop {
                        let index = number() >> (32 - INDEX_BITS);
                        if !old.by_index.contains_key(&index) && !next.by_index.contains_key(&index) {
                            break index;
                        }
                    };
                    let Some(identity) = &next.identity else { break };
                    Arc::new(new_peer(identity, peer, free(), before.map(|(p, _)| &**p)))
                }
            };
            apply(&entry, peer, before.map(|(_, b)| b));
            next.by_index.insert(entry.index, at);
            next.by_key.insert(entry.key, at);
            for prefix in &peer.allowed_ips {
                match prefix {
                    Prefix::V4(p) => drop(next.v4.insert(*p, at)),
                    Prefix::V6(p) => drop(next.v6.insert(*p, at)),
                }
            }
            next.peers.push(entry);
        }
        self.tables.store(Arc::new(next));
    }

    /// A peer is reached at this address now, as somebody who must know says.
    pub fn set_endpoint(
        &self,
        key: &PublicKey,
        remote: SocketAddr,
        wire: &mut impl Wire,
        scratch: &mut [u8],
        now: Instant,
    ) {
        let tables = self.tables.load();
        let Some(peer) = tables.by_key(key) else { return };
        let mut state = peer.lock();
        if state.path.is_some_and(|p| p.remote == remote) {
            return;
        }
        state.path = Some(Path { remote, local: None });
        // Whoever was asked elsewhere did not answer.
        if state.asking_since.is_some() {
            state.ask(&peer.drops, true, scratch, wire, now);
        } else {
            state.last_passed = None;
        }
    }

    /// Does what is due for all peers; to be called several times a second.
    /// `ask`: peers that have not answered for this long are asked for a handshake although nothing is to be sent.
    pub fn tick(&self, wire: &mut impl Wire, scratch: &mut [u8], now: Instant, ask: Option<Duration>) {
        let tables = self.tables.load();
        if let Some(identity) = &tables.identity {
            identity.limiter.reset_count();
        }
        for peer in &tables.peers {
            let mut state = peer.lock();
            state.tick(&peer.drops, scratch, wire, now);
            if ask.is_some_and(|silence| state.asks_for(now) >= silence) {
                state.ask(&peer.drops, false, scratch, wire, now);
            }
        }
    }
}

fn new_peer(identity: &Identity, config: &PeerConfig, index: u32, before: Option<&Peer>) -> Peer {
    let preshared = config.preshared_key.as_ref().map(|k| *k.expose());
    let limiter = Arc::clone(&identity.unlimited);
    // Keepalives are ours: those inside of a session stop for ever after a long silence, and cannot be changed.
    let tunn =
        Tunn::new(identity.secret.clone(), config.public_key.curve(), preshared, None, index, Some(limiter));
    let mut state = PeerState::new(tunn);
    if let Some(before) = before {
        let before = before.lock();
        state.path = before.path;
        (state.tx_bytes, state.rx_bytes) = (before.tx_bytes, before.rx_bytes);
    }
    Peer::new(config.public_key, index, state)
}

/// Gives a peer what does not need a new session.
fn apply(peer: &Peer, config: &PeerConfig, before: Option<&PeerConfig>) {
    let mut state = peer.lock();
    if state.keepalive != config.keepalive {
        state.keepalive = config.keepalive;
        state.last_passed = None;
    }
    // A peer that has moved stays where it is unless its place was changed here.
    if before.is_none_or(|b| b.endpoint != config.endpoint)
        && let Some(Endpoint::Addr(remote)) = config.endpoint
    {
        state.path = Some(Path { remote, local: None });
        state.last_passed = None;
    }
}
