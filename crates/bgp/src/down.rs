//! Why sessions end, what peers are told of it, and who keeps routes meanwhile.
//!
//! RFC 4271 section 6, RFC 4486, RFC 4724, RFC 8538, RFC 9384.

use ferr_bgp_wire::{Capability, NotificationError, Open, code, subcode};

/// Why a session ended or an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownReason {
    /// `neighbor shutdown`, `bgp shutdown`.
    AdminDown,
    /// Neighbor removed.
    Deconfigured,
    /// A change that needs a new session.
    ConfigChange,
    /// `clear bgp`.
    UserReset,
    /// The daemon ends.
    Stopping,
    /// The daemon ends, its routes stay, and it will be back (RFC 4724).
    Restarting,
    /// Hold timer.
    HoldTimer,
    /// Nothing could be sent for too long (RFC 9687).
    SendHoldTimer,
    /// We sent this.
    NotificationSent(NotificationError),
    /// The peer sent this.
    NotificationReceived(NotificationError),
    /// TCP ended.
    Closed,
    /// Too many prefixes.
    MaximumPrefix,
    /// BFD (RFC 9384).
    BfdDown,
    /// BFD, together with the peer's control plane, which may restart (RFC 5882 section 4.3.2).
    BfdControlPlane,
    /// The interface of a direct neighbor went down.
    InterfaceDown,
    /// The neighbor's address cannot be reached.
    NoRoute,
    /// No family is activated.
    NoFamily,
    /// A newer connection of a restarting peer took over (RFC 4724 section 5).
    PeerRestarted,
}

impl DownReason {
    /// NOTIFICATION that tells the peer, if one is due.
    pub(crate) fn notification(&self) -> Option<NotificationError> {
        let cease = |s| Some(NotificationError::new(code::CEASE, s));
        match self {
            Self::AdminDown => cease(subcode::cease::SHUTDOWN),
            Self::Stopping | Self::Deconfigured => cease(subcode::cease::DECONFIGURED),
            Self::ConfigChange => cease(subcode::cease::CONFIG_CHANGE),
            Self::UserReset => cease(subcode::cease::RESET),
            Self::MaximumPrefix => cease(subcode::cease::MAX_PREFIXES),
            Self::BfdDown => cease(subcode::cease::BFD_DOWN),
            Self::HoldTimer => Some(NotificationError::new(code::HOLD_TIMER, 0)),
            Self::NotificationSent(n) => Some(n.clone()),
            Self::InterfaceDown | Self::NoRoute | Self::NoFamily => cease(subcode::cease::CONFIG_CHANGE),
            // A NOTIFICATION would end what a restart keeps.
            Self::BfdControlPlane | Self::Restarting => None,
            Self::SendHoldTimer | Self::NotificationReceived(_) | Self::Closed | Self::PeerRestarted => None,
        }
    }

    /// Whether the peer is to keep nothing of ours, though it would after a NOTIFICATION (RFC 8538): we shall not be back, or what it has may be wrong.
    /// After an administrative reset that is configurable.
    pub(crate) fn is_hard(&self, after_reset: bool) -> bool {
        match self {
            Self::AdminDown | Self::Stopping | Self::Deconfigured | Self::MaximumPrefix | Self::BfdDown => {
                true
            }
            Self::UserReset => after_reset,
            _ => false,
        }
    }

    /// Whether the peer may come back with its forwarding intact, so that its routes are kept (RFC 4724, RFC 8538).
    pub fn is_graceful(&self, notification_support: bool) -> bool {
        match self {
            Self::Closed | Self::PeerRestarted | Self::BfdControlPlane => true,
            Self::HoldTimer | Self::SendHoldTimer => notification_support,
            Self::NotificationReceived(n) => {
                notification_support && !(n.code == code::CEASE && n.subcode == subcode::cease::HARD_RESET)
            }
            _ => false,
        }
    }
}

/// Whether a peer keeps our routes after a NOTIFICATION (the N bit of RFC 8538).
pub(crate) fn keeps_after_notification(open: &Open) -> bool {
    open.capabilities.iter().any(|c| matches!(c, Capability::GracefulRestart { notification: true, .. }))
}
