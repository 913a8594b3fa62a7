//! From statements and key files to what a tunnel shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;

use ferr_config::model::wireguard::{WgKey, WgPeer, WireGuard};
use ferr_kernel::{WgKeyBytes, WgPeerWish, WgWish};
use ferr_wireguard::{
    Endpoint, KeyFileError, PeerConfig, PublicKey, TunnelConfig, read_preshared_key, read_private_key,
    read_secret_file, wg_quick,
};
use zeroize::Zeroizing;

/// Why a tunnel cannot be what its statements say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WishError {
    /// A file with a secret.
    #[error("{0}")]
    KeyFile(#[from] KeyFileError),
    /// A line of a wg-quick file.
    #[error("{file}:{line}: {error}")]
    Quick { file: String, line: usize, error: wg_quick::QuickError },
    /// There is no private key.
    #[error("no private key: set `wireguard private-key-file FILE`")]
    NoKey,
}

/// Reads the key files and puts statements over what a wg-quick file says.
pub(crate) fn tunnel(wg: &WireGuard, quick: Option<wg_quick::QuickFile>) -> Result<TunnelConfig, WishError> {
    let mut config = quick.map(|quick| quick.tunnel).unwrap_or_default();
    if let Some(file) = &wg.private_key_file {
        config.private_key = Some(read_private_key(Path::new(file))?);
    }
    if config.private_key.is_none() {
        return Err(WishError::NoKey);
    }
    config.listen_port = wg.listen_port.and_then(NonZeroU16::new).or(config.listen_port);
    config.fwmark = wg.fwmark.unwrap_or(config.fwmark);
    config.endpoint_device.clone_from(&wg.endpoint_vrf);
    for (key, peer) in &wg.peers {
        merge(&mut config, key, peer)?;
    }
    Ok(config.normalised())
}

/// The wg-quick file of a tunnel, where it has one, read and understood.
pub(crate) fn quick_file(wg: &WireGuard) -> Result<Option<wg_quick::QuickFile>, WishError> {
    let Some(file) = &wg.config_file else { return Ok(None) };
    let text = read_secret_file(Path::new(file))?;
    let (quick, faults) = wg_quick::parse(&text);
    match faults.into_iter().next() {
        None => Ok(Some(quick)),
        Some(first) => Err(WishError::Quick { file: file.clone(), line: first.line, error: first.error }),
    }
}

fn merge(config: &mut TunnelConfig, key: &WgKey, peer: &WgPeer) -> Result<(), WishError> {
    let key = PublicKey::from_bytes(key.0);
    let at = match config.peers.iter().position(|p| p.public_key == key) {
        Some(at) => at,
        None => {
            config.peers.push(PeerConfig::new(key));
            config.peers.len() - 1
        }
    };
    let to = &mut config.peers[at];
    if let Some(endpoint) = &peer.endpoint {
        let (host, port) = (endpoint.host.clone(), endpoint.port);
        to.endpoint = Some(match endpoint.addr() {
            Some(addr) => Endpoint::Addr(SocketAddr::new(addr, port)),
            None => Endpoint::Name { host, port },
        });
    }
    if !peer.allowed_ips.is_empty() {
        to.allowed_ips = peer.allowed_ips.iter().copied().collect();
    }
    if let Some(seconds) = peer.keepalive {
        to.keepalive = NonZeroU16::new(seconds);
    }
    if let Some(file) = &peer.preshared_key_file {
        to.preshared_key = Some(read_preshared_key(Path::new(file))?);
    }
    Ok(())
}

/// The same for the kernel's WireGuard. `places` are the addresses of peers that are to be moved there.
pub(crate) fn for_kernel(config: &TunnelConfig, places: &BTreeMap<WgKeyBytes, SocketAddr>) -> WgWish {
    let peer = |p: &PeerConfig| {
        let key = *p.public_key.as_bytes();
        let wish = WgPeerWish {
            preshared_key: p.preshared_key.as_ref().map(|k| Zeroizing::new(*k.expose())),
            endpoint: places.get(&key).copied(),
            allowed_ips: p.allowed_ips.iter().copied().collect::<BTreeSet<_>>(),
            keepalive: p.keepalive.map_or(0, NonZeroU16::get),
        };
        (key, wish)
    };
    WgWish {
        private_key: config.private_key.as_ref().map(|k| Zeroizing::new(*k.expose())),
        listen_port: config.listen_port.map_or(0, NonZeroU16::get),
        fwmark: config.fwmark,
        peers: config.peers.iter().map(peer).collect(),
    }
}
