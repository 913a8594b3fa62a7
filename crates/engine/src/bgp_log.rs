//! Texts of BGP's log records. Their shape is an interface: people and scripts search for it.

use ferr_bgp::{DownReason, LogRecord};
use tracing::{info, warn};

/// Writes a record to the log.
pub(crate) fn log_record(record: &LogRecord) {
    match record {
        LogRecord::Up { name, hostname, vrf } => {
            info!(target: "bgp", "%ADJCHANGE: neighbor {name}{} in vrf {vrf} Up", host(hostname.as_deref()));
        }
        LogRecord::Down { name, hostname, vrf, reason } => {
            let host = host(hostname.as_deref());
            info!(target: "bgp", "%ADJCHANGE: neighbor {name}{host} in vrf {vrf} Down {}", down_text(reason));
        }
        LogRecord::MaximumPrefix { name, count, limit, warning } => {
            let what = if *warning { "reaches its threshold" } else { "exceeds its limit" };
            warn!(target: "bgp", "%MAXPFX: No. of prefix received from {name} {what}: {count}, max {limit}");
        }
        LogRecord::MalformedUpdate { name, error } => {
            warn!(target: "bgp", "{name}: malformed UPDATE: {error}");
        }
        LogRecord::MalformedUntold { name, count } => {
            warn!(target: "bgp", "{name}: {count} more malformed UPDATEs within a minute");
        }
        LogRecord::BfdMissing { name, vrf } => {
            warn!(target: "bgp", "neighbor {name} in vrf {vrf} is given up until BFD is up, which it has to be first (bfd strict)");
        }
        LogRecord::Refused { addr, reason } => {
            info!(target: "bgp", "connection from {addr} refused: {reason}");
        }
    }
}

fn host(hostname: Option<&str>) -> String {
    hostname.map(|h| format!("({h})")).unwrap_or_else(|| "(Unknown)".to_owned())
}

/// Reason of an end, in words.
fn down_text(reason: &DownReason) -> String {
    match reason {
        DownReason::AdminDown => "Admin. shutdown".to_owned(),
        DownReason::Deconfigured => "Neighbor deleted".to_owned(),
        DownReason::ConfigChange => "Configuration changed".to_owned(),
        DownReason::UserReset => "User reset".to_owned(),
        DownReason::Stopping => "BGP shutdown".to_owned(),
        DownReason::HoldTimer => "Hold Timer Expired".to_owned(),
        DownReason::SendHoldTimer => "Send Hold Timer Expired".to_owned(),
        DownReason::NotificationSent(n) => format!("BGP Notification send ({n})"),
        DownReason::NotificationReceived(n) => match n.shutdown_text() {
            Some(text) => format!("BGP Notification received ({n}: {text})"),
            None => format!("BGP Notification received ({n})"),
        },
        DownReason::Closed => "Peer closed the session".to_owned(),
        DownReason::MaximumPrefix => "Maximum-prefix limit exceeded".to_owned(),
        DownReason::BfdDown => "BFD down received".to_owned(),
        DownReason::BfdControlPlane => "BFD down received with the peer's control plane".to_owned(),
        DownReason::InterfaceDown => "Interface down".to_owned(),
        DownReason::NoRoute => "Waiting for NHT".to_owned(),
        DownReason::NoFamily => "No AFI/SAFI activated for peer".to_owned(),
        DownReason::PeerRestarted => "Peer restarted".to_owned(),
    }
}
