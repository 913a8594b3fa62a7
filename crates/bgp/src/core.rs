//! What all families of an instance share.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ferr_bgp_wire::{NotificationError, PeerKind};
use ferr_policy::PolicySet;
use ferr_types::{Asn, Family, FamilySet, NexthopWatch, PeerId, RouteSpec, RouteUpdate};

use crate::attrs::AttrStore;
use crate::bfd::BfdPeer;
use crate::config::{AdvertiseMap, InstanceConfig, NeighborConfig};
use crate::down::DownReason;
use crate::fsm::ConnId;
use crate::leak::ImportSource;
use crate::nexthop::NexthopTable;
use crate::peers::Peers;
use crate::startup::Startup;

/// Source of routes made here.
pub const LOCAL_PEER: PeerId = PeerId(0);

/// Something to log; its text is stable because people search for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRecord {
    /// A session came up.
    Up {
        /// Neighbor.
        name: String,
        /// Its host name.
        hostname: Option<String>,
        /// VRF.
        vrf: String,
    },
    /// A session went down.
    Down {
        /// Neighbor.
        name: String,
        /// Its host name.
        hostname: Option<String>,
        /// VRF.
        vrf: String,
        /// Why.
        reason: DownReason,
    },
    /// A session, or an attempt, ends by a NOTIFICATION.
    Notification {
        /// Neighbor.
        name: String,
        /// What it says.
        error: NotificationError,
        /// By us.
        sent: bool,
    },
    /// Too many prefixes.
    MaximumPrefix {
        /// Neighbor.
        name: String,
        /// Prefixes there are.
        count: u32,
        /// Prefixes allowed.
        limit: u32,
        /// Nothing but this message happens.
        warning: bool,
    },
    /// A malformed attribute was dealt with (RFC 7606 section 8).
    MalformedUpdate {
        /// Neighbor.
        name: String,
        /// What was wrong and what it cost.
        error: String,
    },
    /// More malformed UPDATEs came than were told one by one.
    MalformedUntold {
        /// Neighbor.
        name: String,
        /// How many within a minute.
        count: u32,
    },
    /// BFD towards a strict neighbor did not come up in time.
    BfdMissing {
        /// Neighbor.
        name: String,
        /// VRF.
        vrf: String,
    },
    /// A connection was refused.
    Refused {
        /// Who.
        addr: IpAddr,
        /// Why.
        reason: &'static str,
    },
}

/// What an instance asks of its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open TCP to a neighbor as its configuration says.
    Connect {
        /// Neighbor.
        peer: PeerId,
        /// Name of the connection from now on.
        conn: ConnId,
    },
    /// Close once everything polled for it is sent.
    Close {
        /// Connection.
        conn: ConnId,
    },
    /// Something can be polled for this connection.
    Transmit {
        /// Connection.
        conn: ConnId,
    },
    /// Ask the RIB.
    Watch(NexthopWatch),
    /// No longer of interest.
    Unwatch(NexthopWatch),
    /// A session came up.
    SessionUp {
        /// Neighbor.
        peer: PeerId,
    },
    /// A session went down.
    SessionDown {
        /// Neighbor.
        peer: PeerId,
    },
    /// A dynamic neighbor is gone.
    DynamicRemoved {
        /// Neighbor.
        peer: PeerId,
    },
    /// Log.
    Log(LogRecord),
}

/// Shared state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: InstanceConfig,
    pub(crate) policy: Arc<PolicySet>,
    pub(crate) attrs: AttrStore,
    pub(crate) nexthops: NexthopTable,
    pub(crate) peers: Peers,
    pub(crate) out: VecDeque<Output>,
    pub(crate) rib: Vec<RouteUpdate>,
    /// What the last route offered was apart from its prefix; the next one is mostly the same.
    pub(crate) last_spec: Option<Arc<RouteSpec>>,
    pub(crate) own_addresses: HashSet<IpAddr>,
    /// Who lives, says BFD.
    pub(crate) bfd_up: HashSet<BfdPeer>,
    pub(crate) start: Instant,
    /// Time of the input at work.
    pub(crate) now: Instant,
    /// The same in seconds since `start`.
    pub(crate) seconds: u32,
    pub(crate) dice: u64,
    /// Families whose routes are not selected yet (own graceful restart).
    pub(crate) deferring: FamilySet,
    /// When the wait ends at the latest.
    pub(crate) deferral_ends: Option<Instant>,
    pub(crate) startup: Startup,
    /// Where leaked routes come from, by the peer number that they are kept under.
    pub(crate) imports: BTreeMap<PeerId, ImportSource>,
    /// Families whose leaked routes have to be brought again.
    pub(crate) import_stale: FamilySet,
    /// Conditions (`advertise-map`) that keep routes back now.
    pub(crate) withheld: HashSet<(Family, AdvertiseMap)>,
    /// When conditions are looked at again.
    pub(crate) next_search: Option<Instant>,
}

impl Core {
    /// Number in 0..100 for `match probability` (SplitMix64 over the seed).
    pub(crate) fn roll(&mut self) -> u8 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % 100) as u8
    }

    /// AS that a neighbor sees us as.
    pub(crate) fn local_as(&self, neighbor: &NeighborConfig) -> Asn {
        if let Some(local) = neighbor.local_as {
            return local.asn;
        }
        match &self.config.confederation {
            Some(confed) if self.kind(neighbor, None) == PeerKind::Ebgp => confed.identifier,
            _ => self.config.asn,
        }
    }

    /// Relation to a neighbor; `remote` is its AS once known.
    pub(crate) fn kind(&self, neighbor: &NeighborConfig, remote: Option<Asn>) -> PeerKind {
        use crate::config::RemoteAs;
        let asn = match neighbor.remote_as {
            RemoteAs::Asn(asn) => Some(asn),
            RemoteAs::Internal => return PeerKind::Ibgp,
            RemoteAs::External | RemoteAs::Auto => remote,
        };
        let own = neighbor.local_as.map_or(self.config.asn, |l| l.asn);
        if asn == Some(own) {
            return PeerKind::Ibgp;
        }
        let member = self.config.confederation.as_ref().zip(asn).is_some_and(|(c, a)| c.members.contains(&a));
        if member { PeerKind::ConfedEbgp } else { PeerKind::Ebgp }
    }

    /// `spec`, in memory shared with the route before when it is the same.
    pub(crate) fn shared_spec(&mut self, spec: RouteSpec) -> Arc<RouteSpec> {
        if let Some(last) = self.last_spec.as_ref().filter(|last| ***last == spec) {
            return last.clone();
        }
        let spec = Arc::new(spec);
        self.last_spec = Some(spec.clone());
        spec
    }

    pub(crate) fn log(&mut self, record: LogRecord) {
        self.out.push_back(Output::Log(record));
    }
}
