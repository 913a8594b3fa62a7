//! Raw sockets of OSPF: one per VRF and version. Tasks move packets in; the thread itself sends.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bytes::Bytes;
use ferr_netio::{OspfReader, OspfSocket, OspfTarget};
use ferr_ospf::wire::Version;
use ferr_ospf::{Group, Transmit};
use ferr_state::OspfName;
use ferr_types::{Afi, IfIndex, VrfId};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tracing::{debug, error};

/// Octets of the largest packet.
const LARGEST: usize = 1 << 16;
/// Packets that are taken in at once.
const BATCH: usize = 64;
/// TTL of what neighbors get, and of what crosses other routers.
const NEAR: u8 = 1;
const FAR: u8 = 255;

/// A VRF and a version.
pub(super) type SocketKey = (VrfId, Version);

/// A packet that came.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) ifindex: IfIndex,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) payload: Bytes,
}

/// Packets of one socket.
pub(super) type Packets = (SocketKey, Vec<Packet>);

struct Open {
    device: Option<Arc<str>>,
    socket: OspfSocket,
    reader: tokio::task::AbortHandle,
}

/// All sockets.
pub(super) struct Sockets {
    open: BTreeMap<SocketKey, Open>,
    /// Who takes part in which group: several instances may share a link.
    members: BTreeMap<(SocketKey, IfIndex, Group), BTreeSet<OspfName>>,
    packets: mpsc::Sender<Packets>,
}

const fn afi(version: Version) -> Afi {
    match version {
        Version::V2 => Afi::Ipv4,
        Version::V3 => Afi::Ipv6,
    }
}

const fn group_address(version: Version, group: Group) -> IpAddr {
    let last = match group {
        Group::AllSpfRouters => 5,
        Group::AllDRouters => 6,
    };
    match version {
        Version::V2 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, last)),
        Version::V3 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last as u16)),
    }
}

impl Sockets {
    pub(super) const fn new(packets: mpsc::Sender<Packets>) -> Self {
        Self { open: BTreeMap::new(), members: BTreeMap::new(), packets }
    }

    /// Closes what is not wanted, opens what is missing.
    pub(super) fn configure(&mut self, wanted: &BTreeMap<SocketKey, Option<Arc<str>>>) {
        self.open.retain(|key, open| {
            let keep = wanted.get(key).is_some_and(|device| *device == open.device);
            if !keep {
                open.reader.abort();
            }
            keep
        });
        let missing: Vec<_> = wanted.iter().filter(|(key, _)| !self.open.contains_key(key)).collect();
        for (key, device) in missing {
            match self.start(*key, device.clone()) {
                Ok(mut open) => {
                    for (_, ifindex, group) in self.members.keys().filter(|m| m.0 == *key) {
                        join(&mut open, *key, *ifindex, *group);
                    }
                    self.open.insert(*key, open);
                }
                Err(error) => error!(
                    target: "ospf",
                    "no socket of protocol 89 in VRF {}: {error}; CAP_NET_RAW is needed",
                    device.as_deref().unwrap_or("default")
                ),
            }
        }
    }

    fn start(&self, key: SocketKey, device: Option<Arc<str>>) -> io::Result<Open> {
        let socket = OspfSocket::open(afi(key.1), device.as_deref())?;
        let reader = socket.reader()?;
        let waiter = UdpSocket::from_std(reader.waiter()?)?;
        let task = tokio::task::spawn_local(read(key, reader, waiter, self.packets.clone()));
        Ok(Open { device, socket, reader: task.abort_handle() })
    }

    pub(super) fn join(&mut self, vrf: VrfId, name: &OspfName, ifindex: IfIndex, group: Group) {
        let key = (vrf, name.version);
        self.members.entry((key, ifindex, group)).or_default().insert(name.clone());
        if let Some(open) = self.open.get_mut(&key) {
            join(open, key, ifindex, group);
        }
    }

    pub(super) fn leave(&mut self, vrf: VrfId, name: &OspfName, ifindex: IfIndex, group: Group) {
        let key = (vrf, name.version);
        let Some(members) = self.members.get_mut(&(key, ifindex, group)) else { return };
        members.remove(name);
        if members.is_empty() {
            self.members.remove(&(key, ifindex, group));
            if let Some(open) = self.open.get_mut(&key) {
                open.socket.leave(ifindex, group_address(key.1, group));
            }
        }
    }

    /// An instance is gone.
    pub(super) fn leave_all(&mut self, vrf: VrfId, name: &OspfName) {
        let its: Vec<_> = self.members.iter().filter(|(_, m)| m.contains(name)).map(|(k, _)| *k).collect();
        for (_, ifindex, group) in its {
            self.leave(vrf, name, ifindex, group);
        }
    }

    /// Sends; what the kernel refuses is lost like a packet on the wire, and sent again as one.
    pub(super) fn send(&self, key: SocketKey, transmit: &Transmit) {
        let Some(open) = self.open.get(&key) else { return };
        let target = OspfTarget {
            ifindex: transmit.ifindex,
            source: transmit.source,
            destination: transmit.destination,
            ttl: if transmit.ifindex.is_some() { NEAR } else { FAR },
        };
        if let Err(error) = open.socket.send(&target, &transmit.packet) {
            debug!(target: "ospf", "packet to {} on {:?}: {error}", target.destination, target.ifindex);
        }
    }
}

fn join(open: &mut Open, key: SocketKey, ifindex: IfIndex, group: Group) {
    if let Err(error) = open.socket.join(ifindex, group_address(key.1, group)) {
        error!(target: "ospf", "interface {ifindex} cannot join {group:?}: {error}");
    }
}

async fn read(key: SocketKey, reader: OspfReader, waiter: UdpSocket, packets: mpsc::Sender<Packets>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        if waiter.readable().await.is_err() {
            return;
        }
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let received = waiter.try_io(Interest::READABLE, || {
                reader.receive(&mut buffer).map(|d| Packet {
                    ifindex: d.ifindex,
                    source: d.source,
                    destination: d.destination,
                    payload: Bytes::copy_from_slice(d.payload),
                })
            });
            match received {
                Ok(packet) => batch.push(packet),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                Err(_) => break,
            }
        }
        if !batch.is_empty() && packets.send((key, batch)).await.is_err() {
            return;
        }
    }
}
