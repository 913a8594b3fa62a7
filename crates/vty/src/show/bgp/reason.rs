//! Why a session is not up, in the words that people search for.

use ferr_state::bgp::{DownReason, PeerView, State};

/// FRR's number and text of a reason.
pub(super) fn code(reason: &DownReason) -> (u8, &'static str) {
    match reason {
        DownReason::AdminDown => (11, "Admin. shutdown"),
        DownReason::Deconfigured => (16, "Neighbor deleted"),
        DownReason::ConfigChange => (2, "Remote AS change"),
        DownReason::UserReset => (12, "User reset"),
        DownReason::Stopping => (11, "Admin. shutdown"),
        DownReason::HoldTimer => (14, "Hold Timer Expired"),
        DownReason::SendHoldTimer => (14, "Send Hold Timer Expired"),
        DownReason::NotificationSent(_) => (14, "BGP Notification send"),
        DownReason::NotificationReceived(_) => (13, "BGP Notification received"),
        DownReason::Closed => (15, "Peer closed the session"),
        DownReason::MaximumPrefix => (14, "BGP Notification send"),
        DownReason::BfdDown | DownReason::BfdControlPlane => (24, "BFD down received"),
        DownReason::InterfaceDown => (25, "Interface down"),
        DownReason::NoRoute => (27, "No path to specified Neighbor"),
        DownReason::NoFamily => (30, "No AFI/SAFI activated for peer"),
        DownReason::PeerRestarted => (15, "Peer closed the session"),
    }
}

/// Number and text for a neighbor as it is now.
pub(super) fn of(peer: &PeerView) -> (u8, &'static str) {
    if peer.config.shutdown.is_some() {
        return code(&DownReason::AdminDown);
    }
    match (&peer.last_reset, peer.state) {
        (Some((_, reason)), _) => code(reason),
        (None, State::Established) => (0, ""),
        (None, _) => (32, "Waiting for peer OPEN"),
    }
}

/// Text alone.
pub(super) fn text(peer: &PeerView) -> &'static str {
    of(peer).1
}
