//! Why a session is not up, in the words that people search for.

use ferr_state::bgp::{DownReason, PeerView, State};

/// FRR's number and text of a reason.
pub(super) fn code(reason: &DownReason) -> (u8, &'static str) {
    match reason {
        DownReason::AdminDown => (10, "Admin. shutdown"),
        DownReason::Deconfigured => (12, "Neighbor deleted"),
        DownReason::ConfigChange => (4, "Remote AS change"),
        DownReason::UserReset => (11, "User reset"),
        DownReason::Stopping => (10, "Admin. shutdown"),
        DownReason::HoldTimer => (22, "Hold Timer Expired"),
        DownReason::SendHoldTimer => (22, "Send Hold Timer Expired"),
        DownReason::NotificationSent(_) => (20, "BGP Notification send"),
        DownReason::NotificationReceived(_) => (17, "BGP Notification received"),
        DownReason::Closed => (19, "Peer closed the session"),
        DownReason::MaximumPrefix => (20, "BGP Notification send"),
        DownReason::BfdDown => (28, "BFD down received"),
        DownReason::InterfaceDown => (29, "Interface down"),
        DownReason::NoRoute => (32, "Waiting for NHT"),
        DownReason::NoFamily => (30, "No AFI/SAFI activated for peer"),
        DownReason::PeerRestarted => (19, "Peer closed the session"),
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
