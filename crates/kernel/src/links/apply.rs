//! Operations as netlink requests.

use std::net::IpAddr;

use ferr_types::Afi;
use nix::errno::Errno;

use super::op::{LinkChange, LinkOp, NewLink};
use super::plan::{WantedAddress, WantedKind, WantedVxlan};
use super::reconcile::{mark, own};
use crate::encode::{RTA_PRIORITY, RTA_TABLE, RTN_UNREACHABLE};
use crate::msg::{
    AF_BRIDGE, AF_INET, AF_INET6, Batch, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, RTM_DELADDR,
    RTM_DELLINK, RTM_DELNEIGH, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE, RTM_NEWRULE,
};
use crate::request::Requester;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;

const IFF_UP: u32 = 1;

/// Metric of the route that ends a VRF's table: distance 255 and 8192, as routing daemons of this kind read it.
const UNREACHABLE_METRIC: u32 = 0xff00_2000;

/// `RTPROT_KERNEL`: what we add for VRFs is what a kernel might do by itself, and no route of anybody.
const PROTOCOL_KERNEL: u8 = 2;

const fn family(afi: Afi) -> u8 {
    match afi {
        Afi::Ipv4 => AF_INET,
        Afi::Ipv6 => AF_INET6,
    }
}

/// `struct ifinfomsg` that changes nothing.
fn ifinfo(ifindex: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&ifindex.to_ne_bytes());
    fixed
}

fn name(batch: &mut Batch, kind: u16, name: &str) {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    batch.attr(kind, &bytes);
}

fn address(batch: &mut Batch, kind: u16, addr: IpAddr) {
    match addr {
        IpAddr::V4(a) => batch.attr(kind, &a.octets()),
        IpAddr::V6(a) => batch.attr(kind, &a.octets()),
    }
}

impl Requester {
    /// Carries out one operation. What is so already is no error.
    pub(crate) fn carry_out(&mut self, op: &LinkOp) -> nix::Result<()> {
        let result = match op {
            LinkOp::Create(new) => self.create(new),
            LinkOp::Delete { ifindex, .. } => self.request(RTM_DELLINK, 0, &ifinfo(*ifindex), |_| {}),
            LinkOp::Rename { ifindex, to, up, .. } => self.rename(*ifindex, to, *up),
            LinkOp::Set { ifindex, change, .. } => self.set(*ifindex, change),
            LinkOp::AddAddress { ifindex, address, .. } => {
                self.give_address(*ifindex, address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE)
            }
            LinkOp::DelAddress { ifindex, addr, peer, .. } => {
                let local = match (peer, addr.addr()) {
                    (Some(_), IpAddr::V4(local)) => Some(local),
                    _ => None,
                };
                let address = WantedAddress { addr: peer.unwrap_or(*addr), local, label: None };
                self.give_address(*ifindex, &address, RTM_DELADDR, 0)
            }
            LinkOp::Remote { ifindex, remote, add, .. } => self.remote(*ifindex, *remote, *add),
            LinkOp::Unreachable { table, afi, .. } => self.close_table(*table, *afi),
            LinkOp::VrfRule { afi, .. } => self.vrf_rule(*afi),
        };
        match (op, result) {
            (LinkOp::Create(_), result) => result,
            // It went a moment ago, perhaps together with another one: the next look tells.
            (_, Err(Errno::ENODEV))
            | (LinkOp::DelAddress { .. }, Err(Errno::EADDRNOTAVAIL))
            | (LinkOp::Remote { add: false, .. }, Err(Errno::ENOENT))
            | (LinkOp::Remote { add: true, .. }, Err(Errno::EEXIST))
            | (LinkOp::Unreachable { .. } | LinkOp::VrfRule { .. }, Err(Errno::EEXIST)) => Ok(()),
            (_, result) => result,
        }
    }

    fn create(&mut self, new: &NewLink) -> nix::Result<()> {
        self.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &[0; 16], |batch| {
            name(batch, IFLA_IFNAME, &new.name);
            if let (Some(lower), WantedKind::Vlan { .. } | WantedKind::Macvlan { .. }) =
                (new.lower, &new.kind)
            {
                batch.attr_u32(IFLA_LINK, lower);
            }
            batch.nested(IFLA_LINKINFO, |batch| {
                name(batch, IFLA_INFO_KIND, new.kind.name());
                batch.nested(IFLA_INFO_DATA, |batch| settings(batch, new));
            });
        })?;
        // At once, so that a crash leaves no link that nobody knows as ours.
        self.request(RTM_NEWLINK, 0, &[0; 16], |batch| {
            name(batch, IFLA_IFNAME, &new.name);
            batch.attr(IFLA_IFALIAS, mark(&new.name).as_bytes());
        })
    }

    fn set(&mut self, ifindex: u32, change: &LinkChange) -> nix::Result<()> {
        let mut fixed = ifinfo(ifindex);
        if let LinkChange::Up(up) = change {
            fixed[8..12].copy_from_slice(&(if *up { IFF_UP } else { 0 }).to_ne_bytes());
            fixed[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
        }
        self.request(RTM_NEWLINK, 0, &fixed, |batch| match change {
            LinkChange::Up(_) => {}
            LinkChange::Mtu(mtu) => batch.attr_u32(IFLA_MTU, *mtu),
            LinkChange::Mac(mac) => batch.attr(IFLA_ADDRESS, &mac.0),
            LinkChange::Master(master) => batch.attr_u32(IFLA_MASTER, *master),
            LinkChange::Alias(alias) => batch.attr(IFLA_IFALIAS, alias.as_bytes()),
        })
    }

    fn rename(&mut self, ifindex: u32, to: &str, up: bool) -> nix::Result<()> {
        let rename = |r: &mut Self| r.request(RTM_NEWLINK, 0, &ifinfo(ifindex), |b| name(b, IFLA_IFNAME, to));
        match rename(self) {
            // Older kernels rename only what is down.
            Err(Errno::EBUSY) if up => {
                self.set(ifindex, &LinkChange::Up(false))?;
                let result = rename(self);
                self.set(ifindex, &LinkChange::Up(true))?;
                result
            }
            result => result,
        }
    }

    fn give_address(
        &mut self,
        ifindex: u32,
        wanted: &WantedAddress,
        kind: u16,
        flags: u16,
    ) -> nix::Result<()> {
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        const IFA_LABEL: u16 = 3;
        const IFA_BROADCAST: u16 = 4;
        let addr = wanted.addr;
        let mut fixed = [family(addr.afi()), addr.len(), 0, 0, 0, 0, 0, 0];
        fixed[4..].copy_from_slice(&ifindex.to_ne_bytes());
        self.request(kind, flags, &fixed, |batch| {
            address(batch, IFA_LOCAL, own(wanted).addr());
            address(batch, IFA_ADDRESS, addr.addr());
            if let Some(label) = &wanted.label {
                name(batch, IFA_LABEL, label);
            }
            // As `ip` and others do where a subnet has a broadcast address (RFC 3021 says when not).
            if let (IpAddr::V4(a), true, true) = (addr.addr(), addr.len() < 31, kind == RTM_NEWADDR)
                && wanted.local.is_none()
            {
                let host = u32::MAX.checked_shr(u32::from(addr.len())).unwrap_or(0);
                batch.attr(IFA_BROADCAST, &(a.to_bits() | host).to_be_bytes());
            }
        })
    }

    fn remote(&mut self, ifindex: u32, remote: IpAddr, add: bool) -> nix::Result<()> {
        const NUD_PERMANENT_NOARP: u16 = 0x80 | 0x40;
        const NTF_SELF: u8 = 2;
        const NDA_DST: u16 = 1;
        const NDA_LLADDR: u16 = 2;
        let mut fixed = [AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0, 0, 0, NTF_SELF, 0];
        fixed[4..8].copy_from_slice(&ifindex.to_ne_bytes());
        fixed[8..10].copy_from_slice(&NUD_PERMANENT_NOARP.to_ne_bytes());
        let (kind, flags) = if add { (RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND) } else { (RTM_DELNEIGH, 0) };
        self.request(kind, flags, &fixed, |batch| {
            batch.attr(NDA_LLADDR, &[0; 6]);
            address(batch, NDA_DST, remote);
        })
    }

    fn close_table(&mut self, table: u32, afi: Afi) -> nix::Result<()> {
        let short = u8::try_from(table).unwrap_or(0);
        let fixed = [family(afi), 0, 0, 0, short, PROTOCOL_KERNEL, 0, RTN_UNREACHABLE, 0, 0, 0, 0];
        self.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &fixed, |batch| {
            batch.attr_u32(RTA_TABLE, table);
            batch.attr_u32(RTA_PRIORITY, UNREACHABLE_METRIC);
        })
    }

    fn vrf_rule(&mut self, afi: Afi) -> nix::Result<()> {
        const FR_ACT_TO_TBL: u8 = 1;
        const FRA_PRIORITY: u16 = 6;
        const FRA_L3MDEV: u16 = 19;
        const FRA_PROTOCOL: u16 = 21;
        /// Where the kernel puts it.
        const PRIORITY: u32 = 1000;
        let fixed = [family(afi), 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0];
        self.request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &fixed, |batch| {
            batch.attr_u32(FRA_PRIORITY, PRIORITY);
            batch.attr(FRA_L3MDEV, &[1]);
            batch.attr(FRA_PROTOCOL, &[PROTOCOL_KERNEL]);
        })
    }
}

/// Settings of a new link's kind.
fn settings(batch: &mut Batch, new: &NewLink) {
    match &new.kind {
        WantedKind::Vrf { table } => batch.attr_u32(1, *table),
        WantedKind::Vlan { id, .. } => batch.attr(1, &id.to_ne_bytes()),
        WantedKind::Macvlan { mode, .. } => batch.attr_u32(1, *mode as u32),
        WantedKind::Veth { peer } => batch.nested(1, |batch| {
            batch.fixed(&[0; 16]);
            name(batch, IFLA_IFNAME, peer);
        }),
        WantedKind::Vxlan(vxlan) => vxlan_settings(batch, vxlan, new),
        WantedKind::Dummy | WantedKind::Bridge | WantedKind::WireGuard | WantedKind::Tunnel => {}
    }
}

fn vxlan_settings(batch: &mut Batch, vxlan: &WantedVxlan, new: &NewLink) {
    const ID: u16 = 1;
    const LINK: u16 = 3;
    const LOCAL: u16 = 4;
    const PORT: u16 = 15;
    const LOCAL6: u16 = 17;
    batch.attr_u32(ID, vxlan.id);
    batch.attr(PORT, &vxlan.port.to_be_bytes());
    match vxlan.local {
        Some(IpAddr::V4(local)) => batch.attr(LOCAL, &local.octets()),
        Some(IpAddr::V6(local)) => batch.attr(LOCAL6, &local.octets()),
        // Without an address of the family the kernel takes IPv4 for granted.
        None if new.v6 => batch.attr(LOCAL6, &[0; 16]),
        None => {}
    }
    if let Some(lower) = new.lower {
        batch.attr_u32(LINK, lower);
    }
}
