//! What can be asked of BFD.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd::{Event, SessionView, SpeakerView};
use tokio::sync::oneshot;

use crate::OspfName;

/// How a session is named by those who ask for it. Sessions sort by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BfdName {
    /// VRF, `default` for the default one.
    pub vrf: String,
    /// The peer.
    pub remote: IpAddr,
    /// Over several hops.
    pub multihop: bool,
    /// Our address, if it is pinned.
    pub local: Option<IpAddr>,
    /// Interface, if it is pinned.
    pub interface: Option<String>,
}

impl BfdName {
    /// Cursor behind which the sessions with `remote` come first, among those of the VRF.
    pub fn before(vrf: &str, remote: IpAddr) -> Self {
        let all_ones = IpAddr::from([0xff; 16]);
        let below = match remote {
            IpAddr::V4(addr) => IpAddr::from(addr.to_bits().saturating_sub(1).to_be_bytes()),
            IpAddr::V6(addr) if addr.is_unspecified() => IpAddr::from([0xff; 4]),
            IpAddr::V6(addr) => IpAddr::from((addr.to_bits() - 1).to_be_bytes()),
        };
        // No name of an interface is so high.
        let interface = Some(char::MAX.to_string());
        Self { vrf: vrf.to_owned(), remote: below, multihop: true, local: Some(all_ones), interface }
    }
}

/// Who wants a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BfdClient {
    /// A `peer` statement.
    Operator,
    /// A neighbor of the BGP instance in this VRF.
    Bgp(String),
    /// Neighbors of an OSPF instance.
    Ospf(OspfName),
    /// Static routes.
    Static,
}

/// Why a session is single hop or multihop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopReason {
    /// A `peer` statement or a static route says so.
    Pinned,
    /// An external neighbor without `ebgp-multihop` is on a shared link.
    ExternalNeighbor,
    /// `ebgp-multihop` is configured.
    EbgpMultihop,
    /// The neighbor's address is on a connected prefix.
    Connected,
    /// The neighbor's address is behind routers.
    NotConnected,
}

impl HopReason {
    /// As text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Pinned => "as configured",
            Self::ExternalNeighbor => "external neighbor without ebgp-multihop",
            Self::EbgpMultihop => "ebgp-multihop",
            Self::Connected => "the peer is on a connected prefix",
            Self::NotConnected => "the peer is behind routers",
        }
    }
}

/// A session for `show`.
#[derive(Debug, Clone)]
pub struct BfdPeerView {
    /// Name.
    pub name: BfdName,
    /// Who wants it.
    pub clients: Vec<BfdClient>,
    /// Profile in force.
    pub profile: Option<String>,
    /// Why it is single hop or multihop.
    pub reason: HopReason,
    /// Name of the interface in `session`, configured or learned.
    pub interface: Option<String>,
    /// The session itself.
    pub session: SessionView,
    /// Time since the last change of state.
    pub age: Duration,
    /// Last remarkable events, oldest first, each with its age.
    pub events: Vec<(Duration, Event)>,
}

impl BfdPeerView {
    /// Whether a statement of the operator made it.
    pub fn is_configured(&self) -> bool {
        self.clients.contains(&BfdClient::Operator)
    }
}

/// Request to the part that keeps BFD sessions.
#[derive(Debug)]
pub enum BfdRequest {
    /// Sessions of one VRF or of all, in the order of their names, behind `after`, at most `limit`.
    Peers {
        /// VRF.
        vrf: Option<String>,
        /// Cursor.
        after: Option<BfdName>,
        /// Number.
        limit: usize,
        /// The sessions.
        reply: oneshot::Sender<Vec<BfdPeerView>>,
    },
    /// Sets the counters of a session to zero.
    ClearCounters {
        /// Which.
        name: BfdName,
        /// Whether it exists.
        reply: oneshot::Sender<bool>,
    },
    /// Totals of all sessions.
    Totals {
        /// The totals.
        reply: oneshot::Sender<SpeakerView>,
    },
}

#[cfg(test)]
mod tests;
