//! What is to know of links: OSPF itself keeps their numbers only.

use std::collections::BTreeMap;

use ferr_state::Gone;
use ferr_types::{IfAddr, IfIndex, VrfId};

use crate::show::Ctx;
use crate::show::zebra::interface::{flags, is_shown};

/// A link.
#[derive(Debug, Clone)]
pub(in crate::show) struct LinkInfo {
    /// Name.
    pub(in crate::show) name: String,
    /// VRF.
    pub(in crate::show) vrf: VrfId,
    /// Administratively up.
    pub(in crate::show) up: bool,
    /// Names of flags.
    pub(in crate::show) flags: String,
    /// Octets.
    pub(in crate::show) mtu: u32,
    /// Mbit/s; all ones when the device does not know, as FRR shows it.
    pub(in crate::show) bandwidth: u32,
    /// Loopback.
    pub(in crate::show) loopback: bool,
    /// Point-to-point by nature.
    pub(in crate::show) point_to_point: bool,
    /// Addresses.
    pub(in crate::show) addresses: Vec<IfAddr>,
}

/// All links.
#[derive(Debug, Clone, Default)]
pub(in crate::show) struct Links(BTreeMap<IfIndex, LinkInfo>);

const LOOPBACK: u32 = 0x8;
/// `IFF_POINTOPOINT`.
pub(in crate::show) const POINT_TO_POINT: u32 = 0x10;

impl Links {
    /// As they are now.
    pub(in crate::show) async fn take(ctx: &Ctx<'_>) -> Result<Self, Gone> {
        let config = ctx.handle().running().await?;
        let (links, addresses) = ctx
            .handle()
            .rib(|rib, _| {
                let addresses: Vec<_> = rib.addresses().copied().collect();
                (rib.links().cloned().collect::<Vec<_>>(), addresses)
            })
            .await?;
        let info = |link: &ferr_state::rib::Link| {
            let said = config.interfaces.get(&link.name).and_then(|i| i.bandwidth);
            let own = addresses.iter().filter(|a| a.ifindex == link.ifindex && is_shown(a));
            LinkInfo {
                name: link.name.clone(),
                vrf: link.vrf,
                up: link.up,
                flags: flags(link),
                mtu: link.mtu,
                bandwidth: said.unwrap_or(link.speed),
                loopback: link.flags & LOOPBACK != 0,
                point_to_point: link.flags & POINT_TO_POINT != 0,
                addresses: own.map(|a| a.addr).collect(),
            }
        };
        let links: BTreeMap<_, _> = links.iter().map(|link| (link.ifindex, info(link))).collect();
        Ok(links.into())
    }

    /// By number.
    pub(in crate::show) fn get(&self, ifindex: IfIndex) -> Option<&LinkInfo> {
        self.0.get(&ifindex)
    }

    /// All, by number.
    pub(in crate::show) fn iter(&self) -> impl Iterator<Item = &LinkInfo> {
        self.0.values()
    }

    /// By name.
    pub(in crate::show) fn named(&self, name: &str) -> Option<(IfIndex, &LinkInfo)> {
        self.0.iter().find(|(_, link)| link.name == name).map(|(i, link)| (*i, link))
    }

    /// Name; the number when it is gone.
    pub(in crate::show) fn name(&self, ifindex: IfIndex) -> String {
        self.get(ifindex).map_or_else(|| format!("ifindex-{ifindex}"), |link| link.name.clone())
    }
}

impl From<BTreeMap<IfIndex, LinkInfo>> for Links {
    fn from(links: BTreeMap<IfIndex, LinkInfo>) -> Self {
        Self(links)
    }
}
