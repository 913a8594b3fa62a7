//! Out: what all packets have in common.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use bytes::Bytes;
use ferr_ospf_wire::{Origin, PacketType, Version};

use crate::config::{InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{InterfaceState, Output, Transmit};

/// The group of all OSPF routers.
pub(crate) const fn all_spf_routers(version: Version) -> IpAddr {
    match version {
        Version::V2 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 5)),
        Version::V3 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 5)),
    }
}

/// The group of designated routers.
pub(crate) const fn all_d_routers(version: Version) -> IpAddr {
    match version {
        Version::V2 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 6)),
        Version::V3 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 6)),
    }
}

/// Where updates and acknowledgments for all go; not for interfaces on which all is unicast.
pub(crate) fn group_of(iface: &Interface) -> IpAddr {
    let others = matches!(iface.state, InterfaceState::DrOther | InterfaceState::Waiting);
    if iface.network() == NetworkType::Broadcast && others {
        all_d_routers(iface.version)
    } else {
        all_spf_routers(iface.version)
    }
}

/// Where packets for one neighbor go.
pub(crate) fn address_of(iface: &Interface, neighbor: IpAddr) -> IpAddr {
    match iface.network() {
        NetworkType::PointToPoint => all_spf_routers(iface.version),
        _ => neighbor,
    }
}

impl Instance {
    /// Header of own packets.
    pub(crate) fn origin(&self, iface: &Interface) -> Origin {
        Origin {
            version: self.config.version,
            router: self.config.router_id,
            area: iface.area(),
            instance: iface.config.instance_id,
        }
    }

    /// Seals a finished packet and hands it out. Without a key that is valid nothing is sent.
    pub(crate) fn transmit(
        &mut self,
        ik: InterfaceKey,
        destination: IpAddr,
        kind: PacketType,
        packet: &[u8],
        now: Instant,
    ) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let Some(source) = iface.source().filter(|_| iface.is_active()) else { return };
        let swapped = iface.swapped_until.is_some_and(|until| now < until);
        let sealed = self.sequence.seal(&iface.config.auth, packet, source, destination, (now, swapped));
        let Some(sealed) = sealed else { return };
        iface.packets.entry(kind).or_default().1 += 1;
        let ifindex = match ik {
            InterfaceKey::Link(ifindex, _) => Some(ifindex),
            InterfaceKey::Virtual(_, _) => None,
        };
        let packet = Bytes::from(sealed);
        self.outputs.push_back(Output::Transmit(Transmit { ifindex, source, destination, packet }));
        if let Some(mark) = self.sequence.take_mark() {
            self.outputs.push_back(Output::SaveSequence(mark));
        }
    }
}
