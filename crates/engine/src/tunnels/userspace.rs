//! A tunnel whose packets the daemon's own threads carry.

use std::net::IpAddr;
use std::path::PathBuf;

use ferr_config::model::wireguard::WireGuard;
use ferr_state::{TunnelView, WgCarrier, WgHealth, WgPeerView};
use ferr_wireguard::{
    Health, PeerStatus, SocketState, Tunnel, TunnelConfig, TunnelError, TunnelEvent, TunnelSpec,
};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::surroundings::Surroundings;

/// Where `wg` looks for control sockets.
const CONTROL_DIR: &str = "/var/run/wireguard";

/// See the module.
pub(super) struct UserspaceTunnel(Tunnel);

impl UserspaceTunnel {
    /// Opens the device. `wake` is told when something happens.
    pub(super) fn start(name: &str, peers: usize, wake: mpsc::Sender<()>) -> Result<Self, String> {
        let spec = |control_dir| {
            let (wake, tunnel) = (wake.clone(), name.to_owned());
            TunnelSpec {
                peers,
                control_dir,
                follow_peers: true,
                listener: Some(Box::new(move |event| {
                    log(&tunnel, event);
                    let _ = wake.try_send(());
                })),
                ..TunnelSpec::new(name)
            }
        };
        let started = match Tunnel::start(spec(Some(PathBuf::from(CONTROL_DIR)))) {
            // It works without; only `wg` cannot reach it.
            Err(error @ TunnelError::ControlSocket { .. }) => {
                warn!("wireguard {name}: {error}");
                Tunnel::start(spec(None))
            }
            other => other,
        };
        started.map(Self).map_err(|e| e.to_string())
    }

    pub(super) fn configure(&self, config: &TunnelConfig) -> Result<(), String> {
        self.0.configure(config).map_err(|e| e.to_string())
    }

    /// Somebody deleted the device.
    pub(super) fn is_lost(&self) -> bool {
        self.0.status().lost
    }

    /// Tells what is missing.
    pub(super) fn look(&self, around: &Surroundings, wanted: &WireGuard) -> Result<(), String> {
        match self.0.status().sockets {
            SocketState::Bound(_) | SocketState::Closed => Ok(()),
            SocketState::WaitingForDevice => {
                let vrf = wanted.endpoint_vrf.as_deref().unwrap_or_default();
                if around.link(vrf).is_some() {
                    self.0.rebind();
                }
                Err(format!("VRF {vrf}, in which the outer packets are, does not exist yet"))
            }
            SocketState::Failed(kind) => Err(format!("the outer sockets cannot be opened: {kind}")),
        }
    }

    /// Addresses of the peers.
    pub(super) fn places(&self) -> impl Iterator<Item = IpAddr> {
        self.0.status().peers.into_iter().filter_map(|p| p.endpoint).map(|e| e.ip().to_canonical())
    }

    pub(super) fn view(&self) -> TunnelView {
        let status = self.0.status();
        TunnelView {
            public_key: status.public_key.map(|k| k.to_string()),
            listen_port: match status.sockets {
                SocketState::Bound(port) => Some(port),
                SocketState::Closed | SocketState::WaitingForDevice | SocketState::Failed(_) => None,
            },
            fwmark: status.fwmark,
            mtu: Some(status.mtu),
            drops: status.drops.into_iter().map(|(cause, n)| (cause.name(), n)).collect(),
            peers: status.peers.into_iter().map(peer).collect(),
            ..nothing()
        }
    }
}

/// A tunnel that does not run.
pub(super) const fn nothing() -> TunnelView {
    TunnelView {
        name: String::new(),
        carrier: WgCarrier::Userspace,
        public_key: None,
        listen_port: None,
        fwmark: 0,
        endpoint_vrf: None,
        mtu: None,
        fault: None,
        open: false,
        drops: Vec::new(),
        peers: Vec::new(),
        refused: Vec::new(),
    }
}

fn peer(status: PeerStatus) -> WgPeerView {
    WgPeerView {
        public_key: status.public_key.to_string(),
        description: None,
        configured_endpoint: status.configured_endpoint.map(|e| e.to_string()),
        endpoint: status.endpoint,
        allowed_ips: status.allowed_ips,
        keepalive: status.keepalive.map_or(0, std::num::NonZeroU16::get),
        has_preshared_key: status.has_preshared_key,
        handshake_age: status.handshake_age,
        rx_bytes: status.rx_bytes,
        tx_bytes: status.tx_bytes,
        drops: status.drops.into_iter().map(|(cause, n)| (cause.name(), n)).collect(),
        health: match status.health {
            Health::Unknown => WgHealth::Unknown,
            Health::Alive => WgHealth::Alive,
            Health::Silent => WgHealth::Silent,
        },
    }
}

fn log(tunnel: &str, event: TunnelEvent) {
    match event {
        TunnelEvent::Health(key, Health::Alive) => info!("wireguard {tunnel}: peer {key} answers"),
        TunnelEvent::Health(key, Health::Silent) => warn!("wireguard {tunnel}: peer {key} does not answer"),
        TunnelEvent::Open(false) => {
            warn!("wireguard {tunnel}: no peer answers; it has no carrier until one does")
        }
        TunnelEvent::Moved(key, place) => info!("wireguard {tunnel}: peer {key} is at {place}"),
        TunnelEvent::DeviceLost => warn!("wireguard {tunnel}: its device was deleted, and is made again"),
        TunnelEvent::Reconfigured => info!("wireguard {tunnel}: changed through its control socket"),
        _ => {}
    }
}
