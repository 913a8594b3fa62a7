//! In: which interface a packet belongs to, and whether it is believed (RFC 2328 section 8.2, RFC 5340 section 4.2.2).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use ferr_ospf_wire::{Packet, PacketBody, Version};
use ferr_types::{AreaId, IfIndex};

use crate::auth::{Proof, verify};
use crate::config::{InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{Notice, Output, Received, Refusal};
use crate::neighbor::NeighborKey;
use crate::send::all_d_routers;

/// Keys of all interfaces on a link.
fn on_link(ifindex: IfIndex) -> std::ops::RangeInclusive<InterfaceKey> {
    InterfaceKey::Link(ifindex, None)..=InterfaceKey::Link(ifindex, Some(Ipv4Addr::BROADCAST))
}

impl Instance {
    /// Keys of interfaces on a link.
    pub(crate) fn keys_on(&self, ifindex: IfIndex) -> Vec<InterfaceKey> {
        self.ifaces.range(on_link(ifindex)).map(|(key, _)| *key).collect()
    }

    /// Takes a packet in; what is wrong with it is counted and told.
    pub(crate) fn take_in(&mut self, received: &Received<'_>, now: Instant) {
        let ours = self.ifaces.range(on_link(received.ifindex));
        let from_us = ours.clone().any(|(_, iface)| iface.source() == Some(received.source));
        let Some((first, _)) = ours.clone().next() else { return };
        let first = *first;
        if from_us {
            return;
        }
        let outcome = match Packet::decode(self.config.version, received.payload) {
            Ok(packet) => match self.belongs(received, &packet) {
                Ok(ik) => self.handle(ik, received, &packet, now).map_err(|reason| (ik, reason)),
                Err(reason) => Err((first, reason)),
            },
            Err(_) => Err((first, Refusal::Malformed)),
        };
        if let Err((ik, reason)) = outcome {
            self.refuse(ik, received.source, reason, now);
        }
    }

    fn refuse(&mut self, ik: InterfaceKey, source: IpAddr, reason: Refusal, now: Instant) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        iface.refused += 1;
        if matches!(reason, Refusal::Interface) {
            return;
        }
        let notice = self.notices.refused(&iface.config.name, source, reason, now);
        self.outputs.extend(notice.map(Output::Notice));
    }

    /// The interface that a packet belongs to.
    fn belongs(&self, received: &Received<'_>, packet: &Packet<'_>) -> Result<InterfaceKey, Refusal> {
        let area = packet.origin.area;
        let mut reason = Refusal::Source;
        let mut loose = None;
        for (ik, iface) in self.ifaces.range(on_link(received.ifindex)) {
            let far = InterfaceKey::Virtual(iface.area(), packet.origin.router);
            let through =
                area == AreaId::BACKBONE && iface.area() != area && !received.destination.is_multicast();
            if through && self.interface(far).is_some_and(Interface::is_active) {
                return Ok(far);
            }
            if !iface.is_active() {
                reason = Refusal::Interface;
                continue;
            }
            let Some(exact) = is_near(iface, received.source) else { continue };
            if area != iface.area() {
                reason = Refusal::Area;
                continue;
            }
            if packet.origin.instance != iface.config.instance_id {
                reason = Refusal::Instance;
                continue;
            }
            if exact {
                return Ok(*ik);
            }
            loose = loose.or(Some(*ik));
        }
        loose.ok_or(reason)
    }

    fn handle(
        &mut self,
        ik: InterfaceKey,
        received: &Received<'_>,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let iface = self.ifaces.get_mut(&ik).ok_or(Refusal::Interface)?;
        if received.destination == all_d_routers(iface.version) && !iface.leads() {
            return Ok(());
        }
        let (source, origin) = (received.source, packet.origin);
        let Proof { freshness, swapped } =
            verify(&iface.config.auth, packet, source, received.destination, now)?;
        if origin.router == self.config.router_id {
            let name = iface.config.name.clone();
            self.notices.push(Notice::DuplicateRouterId { name, source });
            return Ok(());
        }
        iface.packets.entry(packet.kind).or_default().0 += 1;
        let nk = iface.neighbor_key(origin.router, source);
        // The other end of a virtual link may have many addresses, and chooses by its own routes.
        let far = iface.is_virtual();
        let known = iface
            .neighbors
            .get_mut(&nk)
            .filter(|known| known.router == origin.router && (known.addr == source || far));
        let is_known = known.is_some();
        if let Some(known) = known {
            known.sequences.admit(packet.kind, freshness)?;
        }
        let body = packet.body().map_err(|_| Refusal::Malformed)?;
        if let PacketBody::Hello(hello, heard) = body {
            let nk = self.on_hello(ik, &origin, source, &hello, heard, now)?;
            if let Some(neighbor) = self.neighbor_mut(ik, nk).filter(|_| !is_known) {
                neighbor.sequences.admit(packet.kind, freshness)?;
            }
        } else if !is_known {
            return Err(Refusal::Neighbor);
        }
        if let Some(iface) = self.ifaces.get_mut(&ik).filter(|_| swapped) {
            iface.swapped_until = Some(now + iface.config.dead);
        }
        self.handle_body(ik, nk, &body, now)
    }

    fn handle_body(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        body: &PacketBody<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        match body {
            PacketBody::Hello(_, _) => Ok(()),
            PacketBody::Dbd(dbd, headers) => self.on_description(ik, nk, dbd, *headers, now),
            PacketBody::LsRequest(requests) => self.on_request(ik, nk, *requests, now),
            PacketBody::LsUpdate(lsas) => self.on_update(ik, nk, lsas, now),
            PacketBody::LsAck(headers) => self.on_acks(ik, nk, *headers, now),
        }
    }
}

/// Whether a sender may be a neighbor on an interface: `Some(true)` when it is on its network, `Some(false)` when the kind of network does
/// not ask for that.
fn is_near(iface: &Interface, source: IpAddr) -> Option<bool> {
    match (iface.version, source) {
        (Version::V2, IpAddr::V4(source)) => {
            let (_, prefix) = iface.config.address?;
            if prefix.contains(source) && !iface.config.unnumbered {
                return Some(true);
            }
            let loose = iface.config.unnumbered
                || matches!(
                    iface.network(),
                    NetworkType::PointToPoint
                        | NetworkType::PointToMultipoint
                        | NetworkType::PointToMultipointNonBroadcast
                );
            loose.then_some(false)
        }
        (Version::V3, IpAddr::V6(source)) => source.is_unicast_link_local().then_some(true),
        _ => None,
    }
}
