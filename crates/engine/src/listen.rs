//! Listening sockets: one per family and VRF, each with the TCP-MD5 keys of all VRFs.
//!
//! A listener of one VRF can receive another's connections when `tcp_l3mdev_accept` is set, so all hold all keys, with the VRF
//! in the key. A peer whose key cannot be set is refused: authentication fails closed.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::os::fd::AsFd;

use ferr_netio::{Md5Key, bound_ifindex, listen, set_md5};
use ferr_state::NO_VRF;
use ferr_types::{IfIndex, VrfId};
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::conn::{ConnEvent, ConnKey, ConnKind};
use crate::translate::bgp as desired;

const PORT: u16 = 179;

struct Listener {
    socket: socket2::Socket,
    v6: bool,
    task: AbortHandle,
    keys: Vec<Md5Key>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A key with the VRF of its peer.
type VrfKey = (VrfId, Md5Key);

/// All listening sockets.
pub(crate) struct Listeners {
    events: mpsc::Sender<ConnEvent>,
    by_vrf: BTreeMap<VrfId, Vec<Listener>>,
    failed: HashSet<(VrfId, IpAddr)>,
}

impl Listeners {
    pub(crate) fn new(events: mpsc::Sender<ConnEvent>) -> Self {
        Self { events, by_vrf: BTreeMap::new(), failed: HashSet::new() }
    }

    /// Opens, closes and keys sockets as configured; says what could not be done.
    pub(crate) fn configure(&mut self, wanted: &desired::Bgp) -> Vec<String> {
        let mut errors = Vec::new();
        let vrfs: BTreeMap<VrfId, Option<String>> =
            served(wanted).map(|i| (i.config.vrf, i.device.clone())).collect();
        self.by_vrf.retain(|vrf, _| vrfs.contains_key(vrf));
        for (vrf, device) in vrfs {
            if self.by_vrf.contains_key(&vrf) {
                continue;
            }
            let mut open = Vec::new();
            for v6 in [false, true] {
                match self.open(v6, vrf, device.as_deref()) {
                    Ok(listener) => open.push(listener),
                    Err(error) => errors.push(format!("cannot listen on TCP port {PORT}: {error}")),
                }
            }
            self.by_vrf.insert(vrf, open);
        }
        let (keys, unusable) = keys(wanted);
        self.set_keys(&keys, &mut errors);
        for (vrf, addr) in unusable {
            errors.push(format!("the password of {addr} is empty or longer than 80 octets; it is refused"));
            self.failed.insert((vrf, addr));
        }
        errors
    }

    fn open(&self, v6: bool, vrf: VrfId, device: Option<&str>) -> Result<Listener, String> {
        let socket = listen(v6, None, PORT, device).map_err(|e| e.to_string())?;
        let std: std::net::TcpListener = socket.try_clone().map_err(|e| e.to_string())?.into();
        let listener = TcpListener::from_std(std).map_err(|e| e.to_string())?;
        let events = self.events.clone();
        let task = tokio::task::spawn_local(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        // The socket says where the connection came from; a listener may see other VRFs' ones.
                        let own = IfIndex(vrf.0);
                        let from = bound_ifindex(SockRef::from(&stream).as_fd()).unwrap_or(own);
                        let key = ConnKey { instance: String::new(), conn: ferr_bgp::ConnId(0) };
                        let kind = ConnKind::Accepted(stream, from);
                        if events.send(ConnEvent { key, kind }).await.is_err() {
                            return;
                        }
                    }
                    // Out of descriptors, or the peer was gone already: others must get their turn.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                }
            }
        });
        Ok(Listener { socket, v6, task: task.abort_handle(), keys: Vec::new() })
    }

    fn set_keys(&mut self, wanted: &[VrfKey], errors: &mut Vec<String>) {
        self.failed.clear();
        for listener in self.by_vrf.values_mut().flatten() {
            let mine: Vec<&VrfKey> = wanted.iter().filter(|(_, k)| k.addr.is_ipv6() == listener.v6).collect();
            for old in &listener.keys {
                let kept = mine.iter().any(|(_, k)| k == old);
                let replaced = mine
                    .iter()
                    .any(|(_, k)| (k.addr, k.prefix_len, k.vrf) == (old.addr, old.prefix_len, old.vrf));
                if !kept && !replaced {
                    let _ = set_md5(listener.socket.as_fd(), old, true);
                }
            }
            let mut set = Vec::new();
            for (vrf, key) in mine {
                let known = listener.keys.contains(key);
                match if known { Ok(()) } else { set_md5(listener.socket.as_fd(), key, false) } {
                    Ok(()) => set.push(key.clone()),
                    Err(error) => {
                        errors
                            .push(format!("cannot set the password of {}: {error}; it is refused", key.addr));
                        self.failed.insert((*vrf, key.addr));
                    }
                }
            }
            listener.keys = set;
        }
    }

    /// Whether a peer has a password that could not be set.
    pub(crate) fn is_unprotected(&self, vrf: VrfId, addr: IpAddr) -> bool {
        self.failed.contains(&(vrf, addr))
    }
}

/// Instances that can have peers.
fn served(wanted: &desired::Bgp) -> impl Iterator<Item = &desired::Instance> {
    wanted.instances.values().filter(|i| i.config.vrf != NO_VRF)
}

/// Keys of all neighbors and listen ranges, and the peers whose password cannot be one.
fn keys(wanted: &desired::Bgp) -> (Vec<VrfKey>, Vec<(VrfId, IpAddr)>) {
    let (mut keys, mut unusable) = (Vec::new(), Vec::new());
    for instance in served(wanted) {
        let vrf = instance.config.vrf;
        let scope = Some(IfIndex(vrf.0));
        let neighbors = instance.neighbors.values().filter_map(|n| {
            let addr = n.config.addr?;
            Some((addr, if addr.is_ipv4() { 32 } else { 128 }, n))
        });
        let ranges = instance.listen.iter().map(|(range, n)| (range.addr(), range.len(), n));
        for (addr, len, neighbor) in neighbors.chain(ranges) {
            let Some(password) = &neighbor.transport.password else { continue };
            match Md5Key::new(addr, len, scope, password.reveal()) {
                Some(key) => keys.push((vrf, key)),
                None => unusable.push((vrf, addr)),
            }
        }
    }
    (keys, unusable)
}
