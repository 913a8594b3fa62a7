//! The service manager (systemd's `sd_notify` protocol): readiness, and a heartbeat that proves that every thread answers.
//!
//! # Invariants
//! A heartbeat is sent only after the owner of the configuration, the RIB, BGP and BFD answered a question each, in the same period.
//! So one of them that hangs has the daemon killed and started again; its routes stay in the kernel meanwhile.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;
use std::{env, process};

use ferr_state::{Gone, Handle};
use tokio::time::timeout;
use tracing::{error, warn};

/// Heartbeats per time-out of the manager.
const BEATS: u32 = 3;

/// Who started us and wants to know how we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServiceManager {
    socket: Option<OsString>,
    /// Silence after which we are killed.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// From the environment; nobody when it names none.
    pub(crate) fn from_environment() -> Self {
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let usec = number("WATCHDOG_USEC").filter(|usec| *usec > 0 && meant);
        Self { socket: env::var_os("NOTIFY_SOCKET"), watchdog: usec.map(Duration::from_micros) }
    }

    /// Connected, static and kernel routes stand.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=FRR Operational");
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, message: &str) {
        let Some(path) = &self.socket else { return };
        let Ok(socket) = UnixDatagram::unbound() else { return };
        let sent = match path.to_str().and_then(|p| p.strip_prefix('@')) {
            Some(name) => SocketAddr::from_abstract_name(name)
                .and_then(|addr| socket.send_to_addr(message.as_bytes(), &addr)),
            None => socket.send_to(message.as_bytes(), Path::new(path)),
        };
        if let Err(error) = sent {
            warn!("cannot tell the service manager: {error}");
        }
    }

    /// Sends heartbeats while all threads answer, until the daemon ends.
    pub(crate) async fn beat(self, handle: Handle) {
        let Some(limit) = self.watchdog.filter(|_| self.socket.is_some()) else { return };
        let period = limit / BEATS;
        let mut silent: Vec<&'static str> = Vec::new();
        loop {
            let Ok(now) = silent_parts(&handle, period).await else { return };
            if now.is_empty() {
                self.tell("WATCHDOG=1");
                tokio::time::sleep(period).await;
            } else if now != silent {
                error!(
                    "no answer within {} ms from: {}; the service manager will notice",
                    period.as_millis(),
                    now.join(", ")
                );
            }
            silent = now;
        }
    }
}

/// Which parts did not answer in time.
async fn silent_parts(handle: &Handle, limit: Duration) -> Result<Vec<&'static str>, Gone> {
    let (owner, rib, bgp, ospf, bfd, tunnels) = tokio::join!(
        timeout(limit, handle.running()),
        timeout(limit, handle.rib(|_, _| ())),
        timeout(limit, handle.bgp(|_, _| ())),
        timeout(limit, handle.ospf(|_, _| ())),
        timeout(limit, handle.bfd_totals()),
        timeout(limit, handle.wireguard()),
    );
    let answers = [
        ("configuration", owner.map(|a| a.map(drop))),
        ("RIB", rib),
        ("BGP", bgp),
        ("OSPF", ospf),
        ("BFD", bfd.map(|a| a.map(drop))),
        ("tunnels", tunnels.map(|a| a.map(drop))),
    ];
    let mut silent = Vec::new();
    for (name, answer) in answers {
        match answer {
            Ok(answer) => answer?,
            Err(_) => silent.push(name),
        }
    }
    Ok(silent)
}
