//! A tunnel whose packets the kernel's WireGuard carries. The link manager makes the device; here it gets its keys and peers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::time::{Duration, Instant, SystemTime};

use ferr_kernel::{WgKernel, WgKeyBytes, WgState};
use ferr_state::{TunnelView, WgCarrier, WgHealth, WgPeerView};
use ferr_types::IfIndex;
use ferr_wireguard::{Endpoint, PeerConfig, PublicKey, TunnelConfig};

use super::{userspace, wish};
use crate::surroundings::Surroundings;

/// After this long without a handshake a session is over (WireGuard's REJECT_AFTER_TIME).
const REJECT_AFTER: Duration = Duration::from_secs(180);
/// Names of silent peers are looked up this often.
const RESOLVE: Duration = Duration::from_secs(60);
/// How old the picture of the kernel may be.
const FRESH: Duration = Duration::from_millis(900);

/// See the module.
pub(super) struct KernelTunnel {
    config: TunnelConfig,
    /// The device that has the configuration.
    done: Option<IfIndex>,
    state: WgState,
    seen: Option<Instant>,
    resolved: BTreeMap<WgKeyBytes, Instant>,
}

impl KernelTunnel {
    pub(super) fn new(config: TunnelConfig) -> Self {
        Self { config, done: None, state: WgState::default(), seen: None, resolved: BTreeMap::new() }
    }

    /// Configures the device when it has come, and asks how it is; tells what is missing.
    pub(super) async fn look(
        &mut self,
        kernel: &mut WgKernel,
        name: &str,
        around: &Surroundings,
    ) -> Result<(), String> {
        let Some(link) = around.link(name) else {
            self.done = None;
            return Err("its device does not exist yet".to_owned());
        };
        let now = Instant::now();
        let first = self.done != Some(link.ifindex);
        if !first && self.seen.is_some_and(|at| now.saturating_duration_since(at) < FRESH) {
            return Ok(());
        }
        self.state = kernel.get(name).map_err(|e| format!("the kernel does not tell its state: {e}"))?;
        self.seen = Some(now);
        let places = self.places_to_set(first, now).await;
        if first || !places.is_empty() {
            let wish = wish::for_kernel(&self.config, &places);
            kernel.set(name, &wish, &self.state).map_err(|e| format!("the kernel refuses: {e}"))?;
            self.done = Some(link.ifindex);
        }
        Ok(())
    }

    /// Endpoints that have to be set: all at first, later those of silent peers whose name may lead elsewhere now.
    async fn places_to_set(&mut self, first: bool, now: Instant) -> BTreeMap<WgKeyBytes, SocketAddr> {
        let mut places = BTreeMap::new();
        for peer in &self.config.peers {
            let key = *peer.public_key.as_bytes();
            match &peer.endpoint {
                Some(Endpoint::Addr(addr)) if first => {
                    places.insert(key, *addr);
                }
                None | Some(Endpoint::Addr(_)) => {}
                Some(Endpoint::Name { host, port }) => {
                    let due =
                        self.resolved.get(&key).is_none_or(|at| now.saturating_duration_since(*at) > RESOLVE);
                    let there = self.state.peers.get(&key).is_some_and(|p| p.endpoint.is_some());
                    if first || due && (!there || self.health(peer) != WgHealth::Alive) {
                        self.resolved.insert(key, now);
                        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
                        if let Some(addr) = found.ok().and_then(|mut all| all.next()) {
                            places.insert(key, addr);
                        }
                    }
                }
            }
        }
        places
    }

    fn handshake_age(&self, key: &PublicKey) -> Option<Duration> {
        let at = self.state.peers.get(key.as_bytes())?.last_handshake?;
        Some(SystemTime::now().duration_since(at).unwrap_or_default())
    }

    /// The kernel tells no failures: a peer that is kept alive and has no session does not answer.
    fn health(&self, peer: &PeerConfig) -> WgHealth {
        match self.handshake_age(&peer.public_key) {
            Some(age) if age <= REJECT_AFTER => WgHealth::Alive,
            Some(_) if peer.keepalive.is_some() => WgHealth::Silent,
            _ => WgHealth::Unknown,
        }
    }

    /// Addresses of the peers.
    pub(super) fn places(&self) -> impl Iterator<Item = IpAddr> {
        self.state.peers.values().filter_map(|p| p.endpoint).map(|e| e.ip().to_canonical())
    }

    pub(super) fn view(&self) -> TunnelView {
        let peer = |p: &PeerConfig| {
            let state = self.state.peers.get(p.public_key.as_bytes()).cloned().unwrap_or_default();
            WgPeerView {
                public_key: p.public_key.to_string(),
                description: None,
                configured_endpoint: p.endpoint.as_ref().map(ToString::to_string),
                endpoint: state.endpoint,
                allowed_ips: state.allowed_ips.into_iter().collect(),
                keepalive: p.keepalive.map_or(0, NonZeroU16::get),
                has_preshared_key: state.has_preshared_key,
                handshake_age: self.handshake_age(&p.public_key),
                rx_bytes: state.rx_bytes,
                tx_bytes: state.tx_bytes,
                drops: Vec::new(),
                health: self.health(p),
            }
        };
        TunnelView {
            carrier: WgCarrier::Kernel,
            public_key: self.state.public_key.map(|k| PublicKey::from_bytes(k).to_string()),
            listen_port: Some(self.state.listen_port).filter(|port| *port != 0),
            fwmark: self.state.fwmark,
            peers: self.config.peers.iter().map(peer).collect(),
            ..userspace::nothing()
        }
    }
}
