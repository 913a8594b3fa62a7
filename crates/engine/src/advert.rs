//! Router advertisements, and the search for unnumbered neighbors: one task per interface.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use ferr_config::Config;
use ferr_config::model::interface::{Interface, RouterAdvert as AdvertConfig, RouterPreference};
use ferr_config::model::neighbor::NeighborKey;
use ferr_netio::{AdvertPrefix, NdpMessage, NdpSocket, RouterAdvert, UNNUMBERED_INTERVAL};
use ferr_rib::Link;
use ferr_types::IfIndex;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::warn;

use crate::bgp_thread::BgpMessage;
use crate::rib_thread::sleep_until;
use crate::surroundings::Surroundings;

/// What an interface says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    ifindex: IfIndex,
    advert: RouterAdvert,
    interval: Duration,
    /// An unnumbered neighbor is looked for.
    discover: bool,
}

/// Default interval (`ipv6 nd ra-interval`).
const INTERVAL: Duration = Duration::from_secs(600);
/// Advertisements in quick succession at the start, and their distance (RFC 4861 section 6.2.4).
const FIRST: u32 = 3;
const FIRST_INTERVAL: Duration = Duration::from_secs(1);
/// Default lifetimes of an advertised prefix, in seconds.
const PREFIX_LIFETIMES: (u32, u32) = (2_592_000, 604_800);
const HOP_LIMIT: u8 = 64;
const MAX_LIFETIME: u64 = 9000;

/// All advertising interfaces.
#[derive(Debug, Default)]
pub(crate) struct Adverts {
    running: BTreeMap<String, (Wanted, AbortHandle)>,
}

impl Adverts {
    /// Starts, changes and ends tasks as configured.
    pub(crate) fn configure(
        &mut self,
        config: &Config,
        around: &Surroundings,
        bgp: &mpsc::Sender<BgpMessage>,
    ) {
        let wanted = wanted(config, around);
        self.running.retain(|name, (running, task)| {
            let keep = wanted.get(name) == Some(running);
            if !keep {
                task.abort();
            }
            keep
        });
        for (name, what) in wanted {
            if self.running.contains_key(&name) {
                continue;
            }
            match NdpSocket::open(&name, what.ifindex) {
                Ok(socket) => {
                    let task = tokio::task::spawn_local(serve(socket, what.clone(), bgp.clone()));
                    self.running.insert(name, (what, task.abort_handle()));
                }
                Err(error) => warn!("interface {name}: no router advertisements: {error}"),
            }
        }
    }
}

fn wanted(config: &Config, around: &Surroundings) -> BTreeMap<String, Wanted> {
    let unnumbered = |name: &str| {
        let key = NeighborKey::Interface(name.to_owned());
        config.bgp.values().any(|b| b.neighbors.contains_key(&key))
    };
    let default = Interface::default();
    let up = around.links.values().filter(|l| l.operative());
    let all = up.filter_map(|link| {
        let interface = config.interfaces.get(&link.name).unwrap_or(&default);
        let discover = unnumbered(&link.name);
        if !discover && !interface.nd.send {
            return None;
        }
        Some((link.name.clone(), advert(link, interface, discover)))
    });
    all.collect()
}

fn advert(link: &Link, interface: &Interface, discover: bool) -> Wanted {
    let nd = &interface.nd;
    let default = if discover { UNNUMBERED_INTERVAL } else { INTERVAL };
    let interval = nd.interval_ms.map_or(default, |ms| Duration::from_millis(u64::from(ms)));
    let lifetime = nd.lifetime.unwrap_or((interval.as_secs() * 3).min(MAX_LIFETIME) as u16);
    let prefixes = nd.prefixes.iter().map(|(prefix, o)| AdvertPrefix {
        prefix: *prefix,
        lifetimes: o.lifetimes.unwrap_or(PREFIX_LIFETIMES),
        on_link: !o.off_link,
        autonomous: !o.no_autoconfig,
        router_address: o.router_address,
    });
    let resolver_lifetime = (interval.as_secs() * 3) as u32;
    let advert = RouterAdvert {
        hop_limit: nd.hop_limit.unwrap_or(HOP_LIMIT),
        managed: nd.managed,
        other: nd.other,
        home_agent: nd.home_agent,
        preference: match nd.preference {
            RouterPreference::Medium => 0,
            RouterPreference::High => 1,
            RouterPreference::Low => 3,
        },
        lifetime,
        reachable_ms: nd.reachable_time.unwrap_or(0),
        retrans_ms: nd.retrans_interval.unwrap_or(0),
        mac: link.mac.clone(),
        mtu: nd.mtu.map(u32::from),
        prefixes: prefixes.collect(),
        rdnss: nd.rdnss.iter().map(|(addr, life)| (*addr, life.unwrap_or(resolver_lifetime))).collect(),
        dnssl: nd
            .dnssl
            .iter()
            .map(|(name, life)| (name.clone(), life.unwrap_or(resolver_lifetime)))
            .collect(),
        interval_ms: nd.adv_interval.then(|| interval.as_millis().min(u128::from(u32::MAX)) as u32),
        home_agent_info: home_agent_info(nd, lifetime),
    };
    Wanted { ifindex: link.ifindex, advert, interval, discover }
}

/// Said only where it is not what everybody assumes (RFC 6275 section 7.4).
fn home_agent_info(nd: &AdvertConfig, router_lifetime: u16) -> Option<(u16, u16)> {
    let said = nd.home_agent && (nd.home_agent_preference.is_some() || nd.home_agent_lifetime.is_some());
    let lifetime = nd.home_agent_lifetime.unwrap_or(router_lifetime).max(1);
    said.then(|| (nd.home_agent_preference.unwrap_or(0), lifetime))
}

async fn serve(socket: NdpSocket, what: Wanted, bgp: mpsc::Sender<BgpMessage>) {
    let Ok(waiter) = socket.waiter().and_then(UdpSocket::from_std) else { return };
    let mut sent = 0;
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(Some(next)) => {
                // An address that is still tentative cannot be a source: the next turn comes soon.
                let ok = socket.advertise(&what.advert).is_ok();
                if what.discover && sent < FIRST {
                    let _ = socket.solicit();
                }
                sent += u32::from(ok);
                next = Instant::now() + if sent < FIRST { FIRST_INTERVAL } else { what.interval };
            }
            ready = waiter.readable() => {
                if ready.is_err() {
                    return;
                }
                match waiter.try_io(Interest::READABLE, || socket.receive()) {
                    Ok((NdpMessage::Solicit, _)) => {
                        next = next.min(Instant::now() + Duration::from_millis(50));
                    }
                    Ok((NdpMessage::Advert, from)) if what.discover => {
                        let found = BgpMessage::NeighborFound(what.ifindex, from.into());
                        if bgp.send(found).await.is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(FIRST_INTERVAL).await;
                    }
                    _ => {}
                }
            }
        }
    }
}
