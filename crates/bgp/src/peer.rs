//! A neighbor at run time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferr_bgp_wire::{Capability, Open, SessionContext};
use ferr_types::{Asn, Family, FamilyMap, FamilySet, IfIndex, PeerId, Prefix, RouterId};

use crate::bfd::BfdHold;
use crate::config::{Filters, NeighborConfig};
use crate::down::DownReason;
use crate::fsm::{ConnId, Fsm, State};
use crate::group::GroupId;
use crate::malformed::Malformed;

/// Own addresses towards a neighbor, for `next-hop-self`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LocalAddresses {
    /// IPv4.
    pub v4: Option<Ipv4Addr>,
    /// IPv6 global.
    pub v6_global: Option<Ipv6Addr>,
    /// IPv6 link-local.
    pub v6_link_local: Option<Ipv6Addr>,
    /// Interface of the session.
    pub ifindex: IfIndex,
    /// Prefix shared with a direct neighbor: third-party next hops inside it stay.
    pub link: Option<Prefix>,
}

/// Message counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// OPEN sent.
    pub open_out: u64,
    /// OPEN received.
    pub open_in: u64,
    /// UPDATE sent.
    pub update_out: u64,
    /// UPDATE received.
    pub update_in: u64,
    /// KEEPALIVE sent.
    pub keepalive_out: u64,
    /// KEEPALIVE received.
    pub keepalive_in: u64,
    /// NOTIFICATION sent.
    pub notification_out: u64,
    /// NOTIFICATION received.
    pub notification_in: u64,
    /// ROUTE-REFRESH sent.
    pub refresh_out: u64,
    /// ROUTE-REFRESH received.
    pub refresh_in: u64,
}

impl Counters {
    /// All messages sent.
    pub const fn total_out(&self) -> u64 {
        self.open_out + self.update_out + self.keepalive_out + self.notification_out + self.refresh_out
    }

    /// All messages received.
    pub const fn total_in(&self) -> u64 {
        self.open_in + self.update_in + self.keepalive_in + self.notification_in + self.refresh_in
    }

    /// Counts messages by the type octet of their header.
    pub(crate) fn count_out(&mut self, message: &[u8]) {
        match message.get(18) {
            Some(1) => self.open_out += 1,
            Some(2) => self.update_out += 1,
            Some(3) => self.notification_out += 1,
            Some(4) => self.keepalive_out += 1,
            Some(5) => self.refresh_out += 1,
            _ => {}
        }
    }
}

/// What a session that is up agreed on.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Its connection.
    pub conn: ConnId,
    /// Facts for the codec.
    pub context: SessionContext,
    /// Peer's identifier.
    pub router_id: RouterId,
    /// Peer's AS.
    pub asn: Asn,
    /// Own OPEN.
    pub local_open: Arc<Open>,
    /// Peer's OPEN.
    pub remote_open: Arc<Open>,
    /// Local and remote end.
    pub ends: (SocketAddr, SocketAddr),
    /// Own addresses.
    pub addresses: LocalAddresses,
    /// Since when.
    pub since: Instant,
    /// The peer understands ROUTE-REFRESH.
    pub route_refresh: bool,
    /// Both understand its demarcation (RFC 7313).
    pub enhanced_refresh: bool,
}

/// Numbers of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FamilyCounters {
    /// Paths in the table that inbound policy accepted.
    pub accepted: u32,
    /// Paths kept although refused (soft reconfiguration).
    pub filtered: u32,
    /// Warned of the maximum already.
    pub warned: bool,
}

/// A neighbor.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its number.
    pub id: PeerId,
    /// Its configuration; views share it.
    pub config: Arc<NeighborConfig>,
    /// Its state machine.
    pub(crate) fsm: Fsm,
    /// Present while established.
    pub(crate) session: Option<Session>,
    /// OPEN sent on connections that are not up yet.
    pub(crate) opens: Vec<(ConnId, Open, (SocketAddr, SocketAddr), LocalAddresses)>,
    /// Messages that go ahead of routes, per connection.
    pub(crate) control: VecDeque<(ConnId, Bytes)>,
    /// Update group per family.
    pub(crate) groups: FamilyMap<Option<GroupId>>,
    /// Per family.
    pub(crate) families: FamilyMap<FamilyCounters>,
    /// Families whose End-of-RIB came.
    pub(crate) eor_received: FamilySet,
    /// Nothing that it has to say first is missing, as far as `update-delay` asks.
    pub(crate) caught_up: bool,
    /// Families whose End-of-RIB went out.
    pub(crate) eor_sent: FamilySet,
    /// Families with stale routes, and until when they are kept.
    pub(crate) stale: FamilyMap<Option<Instant>>,
    /// How long stale routes of the last session outlive the restart time (RFC 9494).
    pub(crate) long_times: FamilyMap<Option<Duration>>,
    /// Families in which they do now.
    pub(crate) long_stale: FamilySet,
    /// Families in an enhanced refresh: paths not seen again are removed at its end.
    pub(crate) refreshing: FamilySet,
    /// Waits out `maximum-prefix ... restart`, or for `clear` if `None` inside.
    pub(crate) prefix_limit_hold: Option<Option<Instant>>,
    /// Held back until BFD is up.
    pub(crate) bfd_hold: Option<BfdHold>,
    /// Counters over all sessions.
    pub(crate) counters: Counters,
    /// Sessions that came up.
    pub(crate) established_count: u32,
    /// Sessions that went down.
    pub(crate) dropped_count: u32,
    /// Last end of a session.
    pub(crate) last_reset: Option<(Instant, DownReason)>,
    /// When the last message came and went.
    pub(crate) last_read: Option<Instant>,
    /// When the last message went.
    pub(crate) last_write: Option<Instant>,
    /// Since when something waits to be sent without progress (RFC 9687).
    pub(crate) stalled_since: Option<Instant>,
    /// What the log was told of its malformed UPDATEs.
    pub(crate) malformed: Malformed,
    /// State as last reported.
    pub(crate) removed: bool,
}

impl Peer {
    /// Address, configured or learnt.
    pub(crate) fn addr(&self) -> Option<IpAddr> {
        self.config.addr
    }

    /// State.
    pub(crate) fn state(&self) -> State {
        self.fsm.state()
    }

    /// Whether the session is up.
    pub(crate) const fn is_established(&self) -> bool {
        self.session.is_some()
    }

    /// Whether routes of the family may be exchanged now.
    pub(crate) fn negotiated(&self, family: Family) -> bool {
        self.session.as_ref().is_some_and(|s| s.context.families.contains(family))
    }

    /// Peer's identifier, unset while down.
    pub(crate) fn router_id(&self) -> RouterId {
        self.session.as_ref().map_or(RouterId::UNSET, |s| s.router_id)
    }

    /// Graceful restart of a family as the peer announced it: restart time in seconds.
    pub(crate) fn graceful_restart(&self) -> Option<(u16, bool, FamilySet)> {
        let open = &self.session.as_ref()?.remote_open;
        open.capabilities.iter().find_map(|c| match c {
            Capability::GracefulRestart { notification, time, families, .. } => {
                let set = families.iter().filter_map(|f| Family::from_codes(f.afi, f.safi)).collect();
                Some((*time, *notification, set))
            }
            _ => None,
        })
    }

    /// Inbound filters of a family.
    pub(crate) fn filters_in(&self, family: Family) -> Option<&Filters> {
        self.config.families[family].as_ref().map(|f| &f.filters_in)
    }
}
