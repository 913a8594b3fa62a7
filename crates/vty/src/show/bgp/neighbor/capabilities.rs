//! Capabilities of a session: what both sides said.

use ferr_state::bgp::{AddPathFamily, Capability, Open, PeerView};
use ferr_types::Family;

/// Who sent a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    /// We did.
    pub(super) sent: bool,
    /// The neighbor did.
    pub(super) received: bool,
}

impl Sides {
    /// Whether anybody did.
    pub(super) const fn any(self) -> bool {
        self.sent || self.received
    }

    /// In JSON.
    pub(super) const fn key(self) -> &'static str {
        match (self.sent, self.received) {
            (true, true) => "advertisedAndReceived",
            (true, false) => "advertised",
            _ => "received",
        }
    }

    /// In text.
    pub(super) const fn text(self) -> &'static str {
        match (self.sent, self.received) {
            (true, true) => "advertised and received",
            (true, false) => "advertised",
            _ => "received",
        }
    }
}

/// The OPENs of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opens<'a> {
    pub(super) local: &'a Open,
    pub(super) remote: &'a Open,
}

impl<'a> Opens<'a> {
    /// Of a session that is up.
    pub(super) fn of(peer: &'a PeerView) -> Option<Self> {
        peer.opens.as_ref().map(|(local, remote)| Self { local, remote })
    }

    /// Who has a capability.
    pub(super) fn sides(self, is: impl Fn(&Capability) -> bool) -> Sides {
        Sides { sent: self.local.has(&is), received: self.remote.has(&is) }
    }

    /// Who offers a family.
    pub(super) fn family(self, family: Family) -> Sides {
        Sides {
            sent: self.local.families().contains(family),
            received: self.remote.families().contains(family),
        }
    }

    /// Who of both offers to receive (`rx`), and to send (`tx`), several paths of a family.
    pub(super) fn add_path(self, family: Family) -> (Sides, Sides) {
        let has = |open: &Open, wants: fn(&AddPathFamily) -> bool| {
            open.has(|c| match c {
                Capability::AddPath(list) => {
                    list.iter().any(|f| Family::from_codes(f.afi, f.safi) == Some(family) && wants(f))
                }
                _ => false,
            })
        };
        let rx = Sides { sent: has(self.local, |f| f.receive), received: has(self.remote, |f| f.receive) };
        let tx = Sides { sent: has(self.local, |f| f.send), received: has(self.remote, |f| f.send) };
        (rx, tx)
    }

    /// Next hops of IPv6 for IPv4.
    pub(super) fn extended_nexthop(self) -> Sides {
        self.sides(|c| matches!(c, Capability::ExtendedNexthop(_)))
    }

    /// Route refresh, in the words that name the older form as well.
    pub(super) fn refresh(self) -> Option<(&'static str, &'static str)> {
        let new = self.sides(|c| matches!(c, Capability::RouteRefresh));
        let old = self.sides(|c| matches!(c, Capability::RouteRefreshCisco));
        match (new.sent || old.sent, new.received, old.received) {
            (true, true, true) => Some(("advertisedAndReceivedOldNew", "advertised and received(old & new)")),
            (true, true, false) => Some(("advertisedAndReceivedNew", "advertised and received(new)")),
            (true, false, true) => Some(("advertisedAndReceivedOld", "advertised and received(old)")),
            (true, false, false) => Some(("advertised", "advertised")),
            (false, true, _) | (false, _, true) => Some(("received", "received")),
            _ => None,
        }
    }

    /// Host and domain name in an OPEN.
    pub(super) fn fqdn(open: &Open) -> Option<(&str, &str)> {
        open.capabilities.iter().find_map(|c| match c {
            Capability::Fqdn { host, domain } => {
                Some((host.as_str(), if domain.is_empty() { "n/a" } else { domain.as_str() }))
            }
            _ => None,
        })
    }
}

/// Graceful restart as the neighbor announced it.
#[derive(Debug, Clone, Default)]
pub(super) struct RemoteRestart {
    /// It restarted.
    pub(super) restarted: bool,
    /// It understands graceful NOTIFICATIONs.
    pub(super) notification: bool,
    /// Seconds.
    pub(super) time: u16,
    /// Families, and whether forwarding was kept.
    pub(super) families: Vec<(Family, bool)>,
}

/// See [`RemoteRestart`].
pub(super) fn remote_restart(peer: &PeerView) -> Option<RemoteRestart> {
    let (_, remote) = peer.opens.as_ref()?;
    remote.capabilities.iter().find_map(|c| match c {
        Capability::GracefulRestart { restart, notification, time, families } => Some(RemoteRestart {
            restarted: *restart,
            notification: *notification,
            time: *time,
            families: families
                .iter()
                .filter_map(|f| Some((Family::from_codes(f.afi, f.safi)?, f.forwarding)))
                .collect(),
        }),
        _ => None,
    })
}

/// The neighbor's mode.
pub(super) fn remote_mode(peer: &PeerView) -> &'static str {
    match (peer.opens.is_some(), remote_restart(peer)) {
        (false, _) => "NotApplicable",
        (true, None) => "Disable",
        (true, Some(r)) if r.families.is_empty() => "Helper",
        (true, Some(_)) => "Restart",
    }
}
