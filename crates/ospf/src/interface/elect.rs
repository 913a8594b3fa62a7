//! Who is designated router, and who its backup (RFC 2328 section 9.4).

use std::net::Ipv4Addr;

use ferr_types::RouterId;

use super::Interface;
use crate::io::{InterfaceState, NeighborState};

/// A router that may lead.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    priority: u8,
    router: RouterId,
    identity: Ipv4Addr,
    dr: Ipv4Addr,
    bdr: Ipv4Addr,
}

impl Candidate {
    const fn rank(&self) -> (u8, RouterId) {
        (self.priority, self.router)
    }
}

/// Who was elected, and what this router then is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) dr: Ipv4Addr,
    pub(super) bdr: Ipv4Addr,
    pub(super) state: InterfaceState,
}

/// The backup: of those that do not call themselves designated router, first those that call themselves backup.
fn backup(candidates: &[Candidate]) -> Option<Ipv4Addr> {
    let eligible = candidates.iter().filter(|candidate| candidate.dr != candidate.identity);
    eligible
        .max_by_key(|candidate| (candidate.bdr == candidate.identity, candidate.rank()))
        .map(|candidate| candidate.identity)
}

fn designated(candidates: &[Candidate]) -> Option<Ipv4Addr> {
    let eligible = candidates.iter().filter(|candidate| candidate.dr == candidate.identity);
    eligible.max_by_key(|candidate| candidate.rank()).map(|candidate| candidate.identity)
}

fn once(candidates: &[Candidate]) -> (Ipv4Addr, Ipv4Addr) {
    let bdr = backup(candidates);
    let none = Ipv4Addr::UNSPECIFIED;
    let dr = designated(candidates).or(bdr);
    (dr.unwrap_or(none), bdr.unwrap_or(none))
}

/// Runs the election for an interface; nothing changes yet.
pub(super) fn elect(iface: &Interface, own: RouterId) -> Outcome {
    let me = iface.identity(own);
    let mut candidates: Vec<Candidate> = Vec::with_capacity(iface.neighbors.len() + 1);
    if iface.config.priority > 0 {
        let (dr, bdr) = (iface.dr, iface.bdr);
        candidates.push(Candidate { priority: iface.config.priority, router: own, identity: me, dr, bdr });
    }
    candidates.extend(
        iface.neighbors.values().filter(|n| n.state >= NeighborState::TwoWay && n.priority > 0).map(|n| {
            Candidate {
                priority: n.priority,
                router: n.router,
                identity: n.identity(iface.version),
                dr: n.dr,
                bdr: n.bdr,
            }
        }),
    );
    let (mut dr, mut bdr) = once(&candidates);
    let newly = |role: Ipv4Addr, before: Ipv4Addr| (role == me) != (before == me);
    if newly(dr, iface.dr) || newly(bdr, iface.bdr) {
        // With the roles that it now has, this router is another candidate: it never becomes both.
        if let Some(first) = candidates.first_mut().filter(|first| first.identity == me) {
            (first.dr, first.bdr) = (dr, bdr);
        }
        (dr, bdr) = once(&candidates);
    }
    let state = match me {
        me if me == dr => InterfaceState::Dr,
        me if me == bdr => InterfaceState::Backup,
        _ => InterfaceState::DrOther,
    };
    Outcome { dr, bdr, state }
}
