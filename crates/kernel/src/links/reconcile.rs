//! From what shall be and what is to the operations that lead from one to the other.
//!
//! # Invariants
//! * A function of its arguments: the order in which links, masters and addresses appear leaves no trace.
//! * One round holds what can be done now; what waits for it comes with the next one, after a new look at the kernel. When plan and kernel
//!   agree there is no operation.
//! * Only links that carry our mark are deleted. A name that a link of another kind has is refused, and that link left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ferr_types::{Afi, IfAddr, MacAddr};

use super::memory::{Memory, Touched};
use super::mtu;
use super::observed::{KindData, Observed, ObservedLink};
use super::op::{LinkChange, LinkOp, NewLink};
use super::plan::{LinkPlan, WantedAddress, WantedKind, WantedLink, WantedMaster};

/// Begin of the alias of a link that is ours; its name as configured follows.
const MARK: &str = "ferr:";

/// How far a link is from what it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// All is as wanted.
    Ready,
    /// Operations are under way.
    Changing,
    /// Something else has to come first.
    Waiting(Lack),
    /// What is there is not ours to change.
    Refused(Refusal),
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The link itself, which others make.
    Link,
    /// The tunnel's data plane has not opened it.
    DataPlane,
    /// The link below.
    Lower(String),
    /// The VRF or bridge.
    Master(String),
}

/// Why a link is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A link of this name is of another kind.
    OtherKind {
        /// Wanted kind.
        wanted: &'static str,
        /// Its kind; empty for a physical one.
        found: String,
    },
    /// A link of this name and kind has other settings, and was not made by us.
    OtherSettings,
    /// What is named as master is no VRF or no bridge.
    NoMaster(String),
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("as wanted"),
            Self::Changing => f.write_str("being changed"),
            Self::Waiting(Lack::Link) => f.write_str("waits for the link, which is not there"),
            Self::Waiting(Lack::DataPlane) => f.write_str("waits for its data plane"),
            Self::Waiting(Lack::Lower(name)) => write!(f, "waits for {name} below it, which is not there"),
            Self::Waiting(Lack::Master(name)) => write!(f, "waits for {name}, where it belongs and which is not there"),
            Self::Refused(Refusal::OtherKind { wanted, found }) => {
                let found = if found.is_empty() { "physical" } else { found };
                write!(f, "left alone: a link of this name is {found}, and {wanted} is declared; rename or delete it")
            }
            Self::Refused(Refusal::OtherSettings) => {
                f.write_str("left alone: a link of this name and kind, not made by us, has other settings; delete it or declare those")
            }
            Self::Refused(Refusal::NoMaster(name)) => write!(f, "{name} is not what the link can belong to"),
        }
    }
}

/// Outcome of one round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Round {
    /// What to do, in this order.
    pub ops: Vec<LinkOp>,
    /// Links of the plan.
    pub states: BTreeMap<String, LinkState>,
    /// Each link's number.
    pub found: BTreeMap<String, u32>,
}

/// Mark of a link of ours.
pub(crate) fn mark(name: &str) -> String {
    format!("{MARK}{name}")
}

/// Name under which a link was declared, when it is ours.
pub(crate) fn marked(link: &ObservedLink) -> Option<&str> {
    link.alias.strip_prefix(MARK)
}

struct Reconciler<'a> {
    plan: &'a LinkPlan,
    seen: &'a Observed,
    memory: &'a Memory,
    round: Round,
}

/// What has to be done now.
pub fn reconcile(plan: &LinkPlan, seen: &Observed, memory: &Memory) -> Round {
    let mut r = Reconciler { plan, seen, memory, round: Round::default() };
    r.find();
    r.sweep();
    r.release();
    for name in r.order() {
        let state = r.link(name);
        r.round.states.insert(name.clone(), state);
    }
    r.round
}

/// A made link that waits for nothing of its own kind comes before those that are on it.
fn rank(kind: Option<&WantedKind>) -> u8 {
    match kind {
        Some(WantedKind::Vrf { .. }) => 0,
        Some(WantedKind::Bridge) => 1,
        Some(kind) if kind.lower().is_none() => 2,
        Some(_) => 3,
        None => 4,
    }
}

impl<'a> Reconciler<'a> {
    fn order(&self) -> Vec<&'a String> {
        let mut names: Vec<&String> = self.plan.links.keys().collect();
        names.sort_by_key(|name| (rank(self.plan.links[*name].kind.as_ref()), *name));
        names
    }

    fn link_of(&self, name: &str) -> Option<&'a ObservedLink> {
        self.round.found.get(name).and_then(|i| self.seen.links.get(i))
    }

    /// Link by name, unless it is about to be deleted.
    fn staying(&self, name: &str) -> Option<&'a ObservedLink> {
        let goes = |l: &ObservedLink| {
            let of = |op: &LinkOp| matches!(op, LinkOp::Delete { ifindex, .. } if *ifindex == l.ifindex);
            self.round.ops.iter().any(of)
        };
        self.seen.named(name).filter(|l| !goes(l))
    }

    /// Finds each link by name, or by mark when it was renamed.
    fn find(&mut self) {
        let by_name: BTreeMap<&str, u32> =
            self.seen.links.values().map(|l| (l.name.as_str(), l.ifindex)).collect();
        for (name, wanted) in &self.plan.links {
            let renamed = || {
                let kind = wanted.kind.as_ref().filter(|k| k.is_made())?;
                let mut ours =
                    self.seen.links.values().filter(|l| marked(l) == Some(name) && l.kind == kind.name());
                ours.next().map(|l| l.ifindex)
            };
            if let Some(ifindex) = by_name.get(name.as_str()).copied().or_else(renamed) {
                self.round.found.insert(name.clone(), ifindex);
            }
        }
    }

    /// Deletes links of ours that nobody wants any more; VRFs last, since deleting one disturbs what is in it.
    fn sweep(&mut self) {
        let wanted = |link: &ObservedLink, name: &str| {
            let made =
                self.plan.links.get(name).is_some_and(|w| w.kind.as_ref().is_some_and(WantedKind::is_made));
            made && self.round.found.get(name) == Some(&link.ifindex)
        };
        let stray = |link: &&ObservedLink| marked(link).is_some_and(|name| !wanted(link, name));
        let (vrfs, others): (Vec<_>, Vec<_>) =
            self.seen.links.values().filter(stray).partition(|l| l.kind == "vrf");
        for link in others.into_iter().chain(vrfs) {
            self.round.ops.push(LinkOp::Delete { ifindex: link.ifindex, name: link.name.clone() });
        }
    }

    /// Takes back what is no longer asked for.
    fn release(&mut self) {
        for (ifindex, touched) in &self.memory.links {
            let Some(link) = self.seen.links.get(ifindex).filter(|l| l.name == touched.name) else {
                continue;
            };
            let wanted = self.plan.links.get(&touched.name);
            let gone = |op: &LinkOp| matches!(op, LinkOp::Delete { ifindex: i, .. } if i == ifindex);
            if self.round.ops.iter().any(gone) {
                continue;
            }
            self.release_link(link, touched, wanted);
        }
    }

    fn release_link(&mut self, link: &ObservedLink, touched: &Touched, wanted: Option<&WantedLink>) {
        let present = self.seen.addresses.get(&link.ifindex);
        for addr in touched.given() {
            let kept = wanted.is_some_and(|w| w.addresses.iter().any(|a| own(a) == addr));
            let peer = present.and_then(|p| p.iter().find(|(a, _)| *a == addr));
            if let Some((_, peer)) = peer.filter(|_| !kept) {
                self.round.ops.push(LinkOp::DelAddress {
                    ifindex: link.ifindex,
                    name: link.name.clone(),
                    addr,
                    peer: *peer,
                });
            }
        }
        let free = wanted.is_none_or(|w| w.master == WantedMaster::Any);
        if free && touched.master == Some(link.master) && link.master != 0 {
            self.set(link, LinkChange::Master(0));
        }
        let asked = wanted.and_then(|w| mtu::wanted(&link.name, w, self.seen));
        if let Some(old) = touched.mtu.filter(|old| asked.is_none() && *old != link.mtu) {
            self.set(link, LinkChange::Mtu(old));
        }
        let old = touched
            .mac
            .map(MacAddr)
            .filter(|old| wanted.is_none_or(|w| w.mac.is_none()) && link.mac != Some(*old));
        if let Some(old) = old {
            self.set(link, LinkChange::Mac(old));
        }
        if touched.down && !link.up && wanted.is_none_or(|w| w.up.is_none()) {
            self.set(link, LinkChange::Up(true));
        }
    }

    fn set(&mut self, link: &ObservedLink, change: LinkChange) {
        self.round.ops.push(LinkOp::Set { ifindex: link.ifindex, name: link.name.clone(), change });
    }

    /// One link of the plan.
    fn link(&mut self, name: &str) -> LinkState {
        let wanted = &self.plan.links[name];
        let Some(link) = self.link_of(name) else { return self.missing(name, wanted) };
        let ours = marked(link).is_some();
        if let Some(kind) = &wanted.kind {
            if link.kind != kind.name() {
                return LinkState::Refused(Refusal::OtherKind {
                    wanted: kind.name(),
                    found: link.kind.clone(),
                });
            }
            match self.has_settings(link, kind) {
                Settings::Same => {}
                Settings::Unknown(below) => return LinkState::Waiting(Lack::Lower(below)),
                Settings::Other if ours => {
                    self.round.ops.push(LinkOp::Delete { ifindex: link.ifindex, name: link.name.clone() });
                    return LinkState::Changing;
                }
                Settings::Other => return LinkState::Refused(Refusal::OtherSettings),
            }
        }
        let before = self.round.ops.len();
        let lack = self.adjust(name, wanted, link);
        match lack {
            Some(state) => state,
            None if self.round.ops.len() > before => LinkState::Changing,
            None => LinkState::Ready,
        }
    }

    fn missing(&mut self, name: &str, wanted: &WantedLink) -> LinkState {
        let Some(kind) = &wanted.kind else { return LinkState::Waiting(Lack::Link) };
        if !kind.is_made() {
            return LinkState::Waiting(Lack::DataPlane);
        }
        let lower = match kind.lower() {
            None => None,
            Some(below) => match self.staying(below) {
                Some(link) => Some(link.ifindex),
                None => return LinkState::Waiting(Lack::Lower(below.to_owned())),
            },
        };
        // The other end of a pair comes with the first.
        let comes = |op: &LinkOp| matches!(op, LinkOp::Create(n) if n.kind == WantedKind::Veth { peer: name.to_owned() });
        if matches!(kind, WantedKind::Veth { .. }) && self.round.ops.iter().any(comes) {
            return LinkState::Changing;
        }
        self.round.ops.push(LinkOp::Create(NewLink {
            name: name.to_owned(),
            kind: kind.clone(),
            lower,
            v6: wanted.remotes.iter().any(std::net::IpAddr::is_ipv6),
        }));
        LinkState::Changing
    }

    fn has_settings(&self, link: &ObservedLink, kind: &WantedKind) -> Settings {
        let on = |dev: &str| match self.seen.named(dev) {
            _ if link.lower_elsewhere => Settings::Other,
            Some(below) if below.ifindex == link.lower => Settings::Same,
            Some(_) => Settings::Other,
            None => Settings::Unknown(dev.to_owned()),
        };
        let both = |same: bool, rest: Settings| if same { rest } else { Settings::Other };
        match (kind, &link.data) {
            (WantedKind::Vrf { table }, KindData::Vrf(found)) => both(table == found, Settings::Same),
            (WantedKind::Vlan { id, dev }, KindData::Vlan(found)) => both(id == found, on(dev)),
            (WantedKind::Macvlan { dev, mode }, KindData::Macvlan(found)) => {
                both(*mode as u32 == *found, on(dev))
            }
            (WantedKind::Vxlan(w), KindData::Vxlan { id, local, port, dev }) => {
                let below = w.dev.as_deref().map(|d| self.seen.named(d).map(|l| l.ifindex));
                let on = match (below, &w.dev) {
                    (Some(None), Some(name)) => Settings::Unknown(name.clone()),
                    (Some(Some(wanted)), _) => both(wanted == *dev, Settings::Same),
                    _ => both(*dev == 0, Settings::Same),
                };
                both((w.id, w.local, w.port) == (*id, *local, *port), on)
            }
            (WantedKind::Veth { peer }, _) => {
                let other = self.seen.links.get(&link.lower).map(|l| l.name == *peer);
                // The other end may have been moved away, or be called otherwise by who has it now.
                if link.lower_elsewhere || other != Some(false) {
                    Settings::Same
                } else {
                    self.veth_renamed(peer)
                }
            }
            (
                WantedKind::Vrf { .. }
                | WantedKind::Vlan { .. }
                | WantedKind::Macvlan { .. }
                | WantedKind::Vxlan(_),
                _,
            ) => Settings::Other,
            _ => Settings::Same,
        }
    }

    /// An end whose other end has another name: it was renamed, unless the wanted name is somebody else's.
    fn veth_renamed(&self, peer: &str) -> Settings {
        if self.seen.named(peer).is_some() { Settings::Other } else { Settings::Same }
    }

    /// What there is to change of a link that is there; in the order that keeps addresses: MTU, master, up, addresses.
    fn adjust(&mut self, name: &str, wanted: &WantedLink, link: &ObservedLink) -> Option<LinkState> {
        if link.name != name {
            self.round.ops.push(LinkOp::Rename {
                ifindex: link.ifindex,
                from: link.name.clone(),
                to: name.to_owned(),
                up: link.up,
            });
            return None;
        }
        let made = wanted.kind.as_ref().is_some_and(WantedKind::is_made);
        if made && link.alias != mark(name) {
            self.set(link, LinkChange::Alias(mark(name)));
        }
        if let Some(mac) = wanted.mac.filter(|mac| link.mac != Some(*mac)) {
            self.set(link, LinkChange::Mac(mac));
        }
        if let Some(mtu) = mtu::wanted(name, wanted, self.seen).filter(|mtu| *mtu != link.mtu) {
            self.set(link, LinkChange::Mtu(mtu));
        }
        if let Some(WantedKind::Vxlan(_)) = &wanted.kind {
            self.remotes(wanted, link);
        }
        match self.master(&wanted.master) {
            Ok(Some(master)) if master != link.master => {
                self.set(link, LinkChange::Master(master));
                // Addresses of the wrong VRF would be seen by everybody; IPv6 ones are lost by the move.
                return Some(LinkState::Changing);
            }
            Ok(_) => {}
            Err(state) => {
                self.withhold(wanted, link);
                return Some(state);
            }
        }
        if let Some(up) = wanted.up.filter(|up| *up != link.up) {
            self.set(link, LinkChange::Up(up));
        }
        self.addresses(wanted, link);
        if let Some(WantedKind::Vrf { table }) = &wanted.kind {
            self.close_table(name, *table);
        }
        None
    }

    /// Number of the wanted master; `None` leaves it alone.
    fn master(&self, wanted: &WantedMaster) -> Result<Option<u32>, LinkState> {
        let (name, kind) = match wanted {
            WantedMaster::Any => return Ok(None),
            WantedMaster::None => return Ok(Some(0)),
            WantedMaster::Vrf(name) => (name, "vrf"),
            WantedMaster::Bridge(name) => (name, "bridge"),
        };
        // One that is renamed or made anew in this very round is waited for.
        match self.staying(name) {
            None => Err(LinkState::Waiting(Lack::Master(name.clone()))),
            Some(link) if link.kind != kind => Err(LinkState::Refused(Refusal::NoMaster(name.clone()))),
            Some(link) => Ok(Some(link.ifindex)),
        }
    }

    /// A link whose VRF or bridge is not there shall not appear in the default VRF instead.
    fn withhold(&mut self, wanted: &WantedLink, link: &ObservedLink) {
        if wanted.kind.is_some() && link.up {
            self.set(link, LinkChange::Up(false));
        }
        if wanted.kind.is_some() && link.master != 0 {
            self.set(link, LinkChange::Master(0));
        }
        let (ifindex, seen) = (link.ifindex, self.seen);
        for (addr, peer) in seen.addresses.get(&ifindex).into_iter().flatten() {
            if wanted.addresses.iter().any(|a| own(a) == *addr) {
                let (name, addr, peer) = (link.name.clone(), *addr, *peer);
                self.round.ops.push(LinkOp::DelAddress { ifindex, name, addr, peer });
            }
        }
    }

    fn addresses(&mut self, wanted: &WantedLink, link: &ObservedLink) {
        let none = BTreeSet::new();
        let present = self.seen.addresses.get(&link.ifindex).unwrap_or(&none);
        for address in &wanted.addresses {
            let peer = address.local.map(|_| address.addr);
            let same = |(addr, found): &(IfAddr, Option<IfAddr>)| *addr == own(address) && *found == peer;
            if !present.iter().any(same) {
                let (ifindex, name) = (link.ifindex, link.name.clone());
                self.round.ops.push(LinkOp::AddAddress { ifindex, name, address: address.clone() });
            }
        }
    }

    fn remotes(&mut self, wanted: &WantedLink, link: &ObservedLink) {
        let none = BTreeSet::new();
        let present = self.seen.remotes.get(&link.ifindex).unwrap_or(&none);
        let op = |remote: &std::net::IpAddr, add: bool| LinkOp::Remote {
            ifindex: link.ifindex,
            name: link.name.clone(),
            remote: *remote,
            add,
        };
        let gone = present.difference(&wanted.remotes).map(|r| op(r, false));
        let new = wanted.remotes.difference(present).map(|r| op(r, true));
        let ops: Vec<LinkOp> = gone.chain(new).collect();
        self.round.ops.extend(ops);
    }

    /// A lookup that finds nothing in the VRF must not go on in the tables of the default one.
    fn close_table(&mut self, name: &str, table: u32) {
        for afi in [Afi::Ipv4, Afi::Ipv6] {
            if !self.seen.is_closed(table, afi) {
                self.round.ops.push(LinkOp::Unreachable { name: name.to_owned(), table, afi });
            }
            let asked = |op: &LinkOp| matches!(op, LinkOp::VrfRule { afi: of, .. } if *of == afi);
            if !self.seen.vrf_rules.contains(&afi) && !self.round.ops.iter().any(asked) {
                self.round.ops.push(LinkOp::VrfRule { name: name.to_owned(), afi });
            }
        }
    }
}

enum Settings {
    Same,
    Other,
    /// The link below, by which one could tell, is not there.
    Unknown(String),
}

/// The address of ours, with the length that the kernel tells for it.
pub(crate) fn own(address: &WantedAddress) -> IfAddr {
    match address.local {
        Some(local) => IfAddr::new(local.into(), 32).unwrap_or(address.addr),
        None => address.addr,
    }
}

#[cfg(test)]
mod tests;
