//! Texts of BGP's log records. Their shape is an interface: people and scripts search for it.

use ferr_bgp::{DownReason, LogRecord, NotificationError};
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
        LogRecord::Notification { name, error, sent } => {
            info!(target: "bgp", "{}", notification_text(name, error, *sent));
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

/// The error itself, and what says that it was in a Hard Reset.
fn opened<'a>(error: &NotificationError, mark: &'a str) -> (NotificationError, &'a str) {
    error.hard_reset_inner().map_or_else(|| (error.clone(), ""), |inner| (inner, mark))
}

/// `%NOTIFICATION: received from neighbor 192.0.2.1 6/2 (Cease/Administrative Shutdown) "moving house"`.
fn notification_text(name: &str, error: &NotificationError, sent: bool) -> String {
    let (error, hard) = opened(error, "(Hard Reset)");
    let way = if sent { "sent to" } else { "received from" };
    let rest = error.shutdown_text().map_or_else(
        || {
            let octets: Vec<String> = error.data.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("{} bytes {}", octets.len(), octets.join(" "))
        },
        |text| format!("\"{text}\""),
    );
    format!("%NOTIFICATION{hard}: {way} neighbor {name} {}/{} ({error}) {rest}", error.code, error.subcode)
}

/// Reason of an end, in words.
fn down_text(reason: &DownReason) -> String {
    match reason {
        DownReason::AdminDown => "Admin. shutdown".to_owned(),
        DownReason::Deconfigured => "Neighbor deleted".to_owned(),
        DownReason::ConfigChange => "Configuration changed".to_owned(),
        DownReason::UserReset => "User reset".to_owned(),
        DownReason::Stopping | DownReason::Restarting => "BGP shutdown".to_owned(),
        DownReason::HoldTimer => "Hold Timer Expired".to_owned(),
        DownReason::SendHoldTimer => "Send Hold Timer Expired".to_owned(),
        DownReason::NotificationSent(n) => format!("BGP Notification send ({n})"),
        DownReason::NotificationReceived(n) => {
            let (inner, hard) = opened(n, "/Hard Reset");
            let text = inner.shutdown_text().map_or_else(String::new, |text| format!(": {text}"));
            format!("BGP Notification received ({inner}{hard}{text})")
        }
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
