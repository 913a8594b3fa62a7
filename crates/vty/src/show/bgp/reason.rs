//! Why a session is not up, in the words that people search for.

use ferr_state::bgp::{DownReason, NotificationError, PeerView, State, code as codes, subcode};

/// FRR's number and text of a reason.
pub(super) fn code(reason: &DownReason) -> (u8, &'static str) {
    match reason {
        DownReason::AdminDown => (11, "Admin. shutdown"),
        DownReason::Deconfigured => (16, "Neighbor deleted"),
        DownReason::ConfigChange => (2, "Remote AS change"),
        DownReason::UserReset => (12, "User reset"),
        DownReason::Stopping | DownReason::Restarting => (11, "Admin. shutdown"),
        DownReason::SendHoldTimer => (14, "Send Hold Timer Expired"),
        DownReason::NotificationSent(_) | DownReason::HoldTimer | DownReason::MaximumPrefix => {
            (14, "BGP Notification send")
        }
        DownReason::NotificationReceived(_) => (13, "BGP Notification received"),
        DownReason::Closed => (15, "Peer closed the session"),
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

/// What was wrong in the last session, by the NOTIFICATION that ended it, and whether it was a Hard Reset around that.
pub(super) fn last_error(peer: &PeerView) -> Option<(NotificationError, bool)> {
    let error = match &peer.last_reset.as_ref()?.1 {
        DownReason::NotificationSent(error) | DownReason::NotificationReceived(error) => error.clone(),
        DownReason::HoldTimer => NotificationError::new(codes::HOLD_TIMER, 0),
        DownReason::MaximumPrefix => NotificationError::new(codes::CEASE, subcode::cease::MAX_PREFIXES),
        _ => return None,
    };
    Some(error.hard_reset_inner().map_or((error, false), |inner| (inner, true)))
}

/// FRR's words for a code and a subcode.
pub(super) fn error_text(error: &NotificationError) -> String {
    let (name, subcodes) = match (error.code, error.code_name()) {
        (codes::FSM, _) => ("Neighbor Events Error", false),
        (code, Some(name)) => (name, code != codes::HOLD_TIMER),
        (_, None) => ("Unrecognized Error Code", false),
    };
    match error.subcode_name() {
        _ if !subcodes => name.to_owned(),
        Some(subcode) => format!("{name}/{subcode}"),
        None => format!("{name}Unrecognized Error Subcode"),
    }
}

/// Text alone.
pub(super) fn text(peer: &PeerView) -> &'static str {
    of(peer).1
}
