//! What the kernel holds: dumps, and what of it is left over from an earlier run.

use std::collections::BTreeMap;
use std::time::Duration;

use ferr_rib::{Address, KERNEL_METRIC, KernelRoute, Link, NhId};
use ferr_types::{Afi, Prefix, Protocol, TableId};
use nix::errno::Errno;

use crate::decode;
use crate::encode::NEXTHOP_PROTOCOL;
use crate::msg::{
    AF_INET, AF_INET6, Batch, Message, Messages, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_DONE,
    NLMSG_ERROR, RTM_GETADDR, RTM_GETLINK, RTM_GETNEXTHOP, RTM_GETROUTE, RTM_NEWADDR, RTM_NEWLINK,
    RTM_NEWNEXTHOP, RTM_NEWROUTE,
};
use crate::sock::{Buffers, Socket};

const BUFFERS: Buffers = Buffers { send: 64 << 10, receive: 8 << 20 };
const ANSWER: Duration = Duration::from_secs(30);
/// A table that changes all the time cannot be dumped consistently; what the last attempt told is then used, and events
/// correct it.
const ATTEMPTS: usize = 3;

/// A route that carries our mark: one of our protocol numbers and metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRoute {
    /// Kernel table.
    pub table: TableId,
    /// Destination.
    pub prefix: Prefix,
    /// `rtm_protocol`.
    pub protocol: u8,
    /// Next-hop object or group, when it points at one.
    pub group: Option<NhId>,
}

/// Where routes of ours may be: kernel table, family and `rtm_protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnPart {
    /// Kernel table.
    pub table: TableId,
    /// Family.
    pub afi: Afi,
    /// `rtm_protocol`.
    pub protocol: u8,
}

impl OwnRoute {
    /// The part that it belongs to.
    pub const fn part(&self) -> OwnPart {
        OwnPart { table: self.table, afi: self.prefix.afi(), protocol: self.protocol }
    }
}

/// What an earlier run left in the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// How many routes of ours there are. They keep forwarding, and are replaced in place by the same prefix. Which they are
    /// is not kept: the kernel tells again when it matters.
    pub routes: BTreeMap<OwnPart, usize>,
    /// Next-hop objects and groups of ours, groups last.
    pub nexthops: Vec<NhId>,
    /// An id above all that the kernel holds, ours or not: base for [`ferr_rib::RibConfig::nexthop_id_base`].
    pub free_id: u32,
}

/// Whether a route is one of ours.
pub fn is_own_route(route: &KernelRoute) -> bool {
    Protocol::is_own_kernel_protocol(route.protocol) && route.metric.0 == KERNEL_METRIC
}

/// A blocking socket for dumps.
#[derive(Debug)]
pub struct Dumper {
    socket: Socket,
    seq: u32,
}

impl Dumper {
    /// Opens the socket in the namespace of the calling thread.
    pub fn open() -> nix::Result<Self> {
        Ok(Self { socket: Socket::open(0, BUFFERS)?, seq: 1 })
    }

    /// As [`Self::open`], and the kernel leaves out what a request does not ask for, where it can.
    pub fn open_strict() -> nix::Result<Self> {
        let dumper = Self::open()?;
        // Old kernels tell more, which is left out when it is read.
        let _ = dumper.socket.be_strict();
        Ok(dumper)
    }

    fn dump(&mut self, kind: u16, fixed: &[u8], mut each: impl FnMut(&Message<'_>)) -> nix::Result<bool> {
        self.seq = self.seq.wrapping_add(1);
        let mut batch = Batch::default();
        batch.begin(kind, NLM_F_DUMP, self.seq, fixed);
        batch.end();
        self.socket.send(batch.bytes())?;
        let mut consistent = true;
        loop {
            let Some(datagram) = self.socket.receive(Some(ANSWER))? else { return Err(Errno::ETIMEDOUT) };
            for message in Messages(datagram).filter(|m| m.seq == self.seq) {
                consistent &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    NLMSG_DONE | NLMSG_ERROR => {
                        return match message.errno() {
                            0 => Ok(consistent),
                            errno => Err(Errno::from_raw(errno)),
                        };
                    }
                    _ if message.flags & NLM_F_MULTI != 0 => each(&message),
                    _ => {}
                }
            }
        }
    }

    /// Dumps until the kernel says that nothing changed meanwhile.
    pub(crate) fn collect<T>(
        &mut self,
        (request, answer): (u16, u16),
        fixed: &[u8],
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> nix::Result<Vec<T>> {
        let mut all = Vec::new();
        for _ in 0..ATTEMPTS {
            all.clear();
            let consistent = self.dump(request, fixed, |message| {
                if message.kind == answer {
                    all.extend(decode(message.payload));
                }
            })?;
            if consistent {
                break;
            }
        }
        Ok(all)
    }

    /// All links, their VRF not filled in.
    pub(crate) fn links(&mut self) -> nix::Result<Vec<Link>> {
        self.collect((RTM_GETLINK, RTM_NEWLINK), &[0; 16], decode::link)
    }

    /// All addresses.
    pub fn addresses(&mut self) -> nix::Result<Vec<Address>> {
        self.collect((RTM_GETADDR, RTM_NEWADDR), &[0; 8], decode::address)
    }

    /// Routes of others, of any table.
    pub fn foreign_routes(&mut self) -> nix::Result<Vec<KernelRoute>> {
        let mut all = Vec::new();
        for family in [AF_INET, AF_INET6] {
            let picked =
                |payload: &[u8]| decode::route(payload).map(|raw| raw.route).filter(is_foreign_route);
            all.extend(self.collect((RTM_GETROUTE, RTM_NEWROUTE), &route_request(family, None), picked)?);
        }
        Ok(all)
    }

    /// Hands out routes of ours as they are read, those of any table, and of one `rtm_protocol` when it is named. `false`:
    /// routes changed meanwhile, and some may not have been told.
    pub fn each_own_route(
        &mut self,
        protocol: Option<u8>,
        mut each: impl FnMut(OwnRoute),
    ) -> nix::Result<bool> {
        let mut consistent = true;
        for family in [AF_INET, AF_INET6] {
            consistent &= self.dump(RTM_GETROUTE, &route_request(family, protocol), |message| {
                let raw = (message.kind == RTM_NEWROUTE).then(|| decode::route(message.payload)).flatten();
                let Some(raw) = raw.filter(|raw| is_own_route(&raw.route)) else { return };
                let KernelRoute { table, prefix, protocol: of, .. } = raw.route;
                // Old kernels do not filter.
                if protocol.is_none_or(|wanted| wanted == of) {
                    each(OwnRoute { table, prefix, protocol: of, group: raw.group });
                }
            })?;
        }
        Ok(consistent)
    }

    /// Ids of all next-hop objects with their `nh_protocol`; empty when the kernel has no such objects.
    pub fn nexthops(&mut self) -> nix::Result<Vec<(NhId, u8)>> {
        match self.collect((RTM_GETNEXTHOP, RTM_NEWNEXTHOP), &[0; 8], decode::nexthop) {
            Err(Errno::EOPNOTSUPP | Errno::EINVAL) => Ok(Vec::new()),
            result => result,
        }
    }

    /// What an earlier run left; to be looked at before the first operation is sent.
    pub fn leftovers(&mut self) -> nix::Result<Leftovers> {
        let nexthops = self.nexthops()?;
        let highest = nexthops.iter().map(|(id, _)| id.0).max().unwrap_or(0);
        let mut own: Vec<NhId> = nexthops
            .into_iter()
            .filter(|(_, protocol)| *protocol == NEXTHOP_PROTOCOL)
            .map(|(id, _)| id)
            .collect();
        own.sort_unstable();
        let mut routes: BTreeMap<OwnPart, usize> = BTreeMap::new();
        self.each_own_route(None, |route| *routes.entry(route.part()).or_default() += 1)?;
        Ok(Leftovers { routes, nexthops: own, free_id: free_base(highest) })
    }
}

/// A `rtmsg` that asks for the routes of a family, and of one protocol.
fn route_request(family: u8, protocol: Option<u8>) -> [u8; 12] {
    let mut fixed = [0; 12];
    fixed[0] = family;
    fixed[5] = protocol.unwrap_or(0);
    fixed
}

/// Ids of one run start at a round number above those of the runs before; they wrap to the low end before they run out.
const fn free_base(highest: u32) -> u32 {
    const STEP: u32 = 1_000_000;
    match (highest / STEP + 1).checked_mul(STEP) {
        Some(base) if base < u32::MAX - 100 * STEP => base,
        _ => 1,
    }
}

/// Whether the RIB wants to know a route of somebody else: not ours, and not what the kernel makes by itself.
pub(crate) fn is_foreign_route(route: &KernelRoute) -> bool {
    const REDIRECT: u8 = 1;
    const KERNEL: u8 = 2;
    const TABLE_LOCAL: u32 = 255;
    let made_by_kernel = matches!(route.protocol, REDIRECT | KERNEL);
    !made_by_kernel && route.table.0 != TABLE_LOCAL && !is_own_route(route)
}
