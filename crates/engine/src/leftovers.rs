//! Routes that an earlier run left in the kernel: who may still claim them, and when the rest goes.
//!
//! They serve until their protocol has said all that it has; what was not claimed by then goes. A protocol that never says so
//! is waited for up to a bound.
//!
//! # Invariants
//! * What BGP has depends on how next hops are reached. So its word counts when static routes and OSPF have said theirs, and when
//!   it has answered a question that was asked behind the last news of a next hop.
//! * Next-hop objects go last: the kernel drops routes together with their objects.
//! * Which routes there are is not kept. The kernel tells it when they are to go, in pieces.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use ferr_kernel::{Dumper, OwnPart, OwnRoute};
use ferr_rib::{NhId, Rib};
use ferr_types::{Afi, Prefix, Protocol, TableId, VrfId};
use tokio::sync::mpsc;
use tracing::{error, info};

/// Routes per message of the reader, and per message to the FIB thread.
const PIECE: usize = 1024;
/// Messages of the reader that may wait.
const PIECES: usize = 4;
/// How often the kernel is asked while routes change under the question.
pub(crate) const ATTEMPTS: u32 = 3;

/// Those that install routes and say when they have said everything.
const SPEAKERS: [Protocol; 4] = [Protocol::Static, Protocol::Ospf, Protocol::Ospf6, Protocol::Bgp];
/// Those of them that others' next hops lead over.
const GROUND: [Protocol; 3] = [Protocol::Static, Protocol::Ospf, Protocol::Ospf6];

/// Where a protocol has still something to say.
pub(crate) type Owed = BTreeSet<(VrfId, Afi)>;

/// A route to be deleted: table, destination, `rtm_protocol`.
pub(crate) type Doomed = (TableId, Prefix, u8);

/// Whether BGP has taken in all that it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// To be asked.
    Open,
    /// On its way, and whether there were news since.
    Asked { news: bool },
    /// It has.
    Answered,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait.
    Wait,
    /// Ask BGP whether it has taken in all that it was told, and tell by [`Leftovers::asked`].
    Ask,
    /// Take away what nobody claims of these parts.
    Sweep(BTreeSet<OwnPart>),
    /// Take away all that is not wanted of these parts, and the objects: nobody will claim anything any more.
    Last(BTreeSet<OwnPart>),
}

/// Who still may claim what. See the module.
#[derive(Debug)]
pub(crate) struct Leftovers {
    bound: Instant,
    parts: BTreeSet<OwnPart>,
    nexthops: Vec<NhId>,
    /// Absent: has not said anything yet.
    owed: BTreeMap<Protocol, Owed>,
    question: Question,
}

const fn claimant(part: OwnPart) -> Option<Protocol> {
    match (part.protocol, part.afi) {
        (186, _) => Some(Protocol::Bgp),
        (188, Afi::Ipv4) => Some(Protocol::Ospf),
        (188, Afi::Ipv6) => Some(Protocol::Ospf6),
        (196, _) => Some(Protocol::Static),
        _ => None,
    }
}

impl Leftovers {
    /// `None` when there is nothing.
    pub(crate) fn new(found: ferr_kernel::Leftovers, bound: Instant) -> Option<Self> {
        let parts: BTreeSet<OwnPart> = found.routes.into_keys().collect();
        let nexthops = found.nexthops;
        let any = !parts.is_empty() || !nexthops.is_empty();
        any.then(|| Self { bound, parts, nexthops, owed: BTreeMap::new(), question: Question::Open })
    }

    /// They serve until then at least, unless all is said before.
    pub(crate) fn keep_until(&mut self, until: Instant) {
        self.bound = self.bound.max(until);
    }

    /// When the last of them go in any case.
    pub(crate) const fn bound(&self) -> Instant {
        self.bound
    }

    /// A protocol tells where it has still something to say.
    pub(crate) fn said(&mut self, protocol: Protocol, owed: Owed) {
        self.owed.insert(protocol, owed);
        self.question = Question::Open;
    }

    /// BGP hears of a next hop.
    pub(crate) fn news(&mut self) {
        self.question = match self.question {
            Question::Asked { .. } => Question::Asked { news: true },
            Question::Open | Question::Answered => Question::Open,
        };
    }

    /// BGP was asked.
    pub(crate) fn asked(&mut self) {
        self.question = Question::Asked { news: false };
    }

    /// BGP has taken in what it was told before the question.
    pub(crate) fn answered(&mut self) {
        self.question = match self.question {
            Question::Asked { news: false } => Question::Answered,
            _ => Question::Open,
        };
    }

    /// What to do now. `vrf_of` names the VRF whose own table it is.
    pub(crate) fn next(&self, now: Instant, vrf_of: impl Fn(TableId) -> Option<VrfId>) -> Next {
        let last = || Next::Last(self.parts.clone());
        if now >= self.bound {
            return last();
        }
        let done = |protocol: &Protocol| self.owed.get(protocol).is_some_and(BTreeSet::is_empty);
        let (ground, all) = (GROUND.iter().all(done), SPEAKERS.iter().all(done));
        let said = |part: &OwnPart| {
            let Some(protocol) = claimant(*part) else { return false };
            let Some(owed) = self.owed.get(&protocol) else { return false };
            match vrf_of(part.table) {
                Some(vrf) => !owed.contains(&(vrf, part.afi)),
                None => owed.is_empty(),
            }
        };
        let is_bgp = |part: &OwnPart| claimant(*part) == Some(Protocol::Bgp);
        let (bgp, others): (Vec<OwnPart>, Vec<OwnPart>) =
            self.parts.iter().copied().filter(said).partition(is_bgp);
        let sweep = |parts: Vec<OwnPart>| Next::Sweep(parts.into_iter().collect());
        match self.question {
            Question::Answered if all => last(),
            _ if !others.is_empty() => sweep(others),
            Question::Answered if ground && !bgp.is_empty() => sweep(bgp),
            Question::Open if all || (ground && !bgp.is_empty()) => Next::Ask,
            _ => Next::Wait,
        }
    }

    /// Parts that need not be looked at again.
    pub(crate) fn swept(&mut self, parts: &BTreeSet<OwnPart>) {
        self.parts.retain(|part| !parts.contains(part));
    }

    /// Next-hop objects, to be deleted behind the last route.
    pub(crate) fn take_nexthops(&mut self) -> Vec<NhId> {
        std::mem::take(&mut self.nexthops)
    }

    /// The last sweep, whoever may still claim something.
    pub(crate) fn last(&mut self) -> Sweep {
        Sweep::last(std::mem::take(&mut self.parts), self.take_nexthops())
    }
}

/// What the reader tells.
enum Read {
    Routes(Vec<OwnRoute>),
    /// The end; whether it was all.
    End(bool),
}

/// A pass over routes in the kernel that takes away those that nobody claims.
///
/// They are looked for first and deleted then: the kernel loses its place in a table that changes while it tells it.
pub(crate) struct Sweep {
    parts: BTreeSet<OwnPart>,
    last: bool,
    attempt: u32,
    reader: Option<mpsc::Receiver<Read>>,
    doomed: Vec<Doomed>,
    /// Objects to be deleted behind them.
    nexthops: Vec<NhId>,
    gone: usize,
    /// The kernel told all routes.
    whole: bool,
    /// Parts with routes that are claimed and cannot be used now: they serve on.
    spared: BTreeSet<OwnPart>,
}

impl Sweep {
    /// Begins one that spares claims which cannot be met now.
    pub(crate) fn begin(parts: BTreeSet<OwnPart>) -> Self {
        let mut sweep = Self {
            parts,
            last: false,
            attempt: 0,
            reader: None,
            doomed: Vec::new(),
            nexthops: Vec::new(),
            gone: 0,
            whole: false,
            spared: BTreeSet::new(),
        };
        sweep.read();
        sweep
    }

    /// Begins the last, behind which these objects go.
    pub(crate) fn last(parts: BTreeSet<OwnPart>, nexthops: Vec<NhId>) -> Self {
        Self { last: true, nexthops, ..Self::begin(parts) }
    }

    /// Has the kernel tell its routes; on a thread of its own, for it may take a second.
    fn read(&mut self) {
        self.attempt += 1;
        self.whole = true;
        if self.parts.is_empty() {
            return;
        }
        let (tx, rx) = mpsc::channel(PIECES);
        let parts = self.parts.clone();
        match std::thread::Builder::new().name("ferr-sweep".to_owned()).spawn(move || tell(&parts, &tx)) {
            Ok(_) => self.reader = Some(rx),
            Err(error) => {
                self.whole = false;
                error!("cannot look for routes of an earlier run: {error}");
            }
        }
    }

    /// Takes routes in, until it is told all of them. Waits for ever when none are to come.
    pub(crate) async fn listen(&mut self) -> Option<Vec<OwnRoute>> {
        match &mut self.reader {
            None => std::future::pending().await,
            Some(reader) => match reader.recv().await {
                Some(Read::Routes(routes)) => return Some(routes),
                Some(Read::End(whole)) => self.whole = whole,
                None => self.whole = false,
            },
        }
        self.reader = None;
        None
    }

    /// Whether a route may go.
    fn is_doomed(&self, rib: &Rib, table: TableId, prefix: Prefix) -> bool {
        if self.last { !rib.wants_fib_route(table, prefix) } else { !rib.claims_fib_route(table, prefix) }
    }

    /// Notes which of these nobody claims.
    pub(crate) fn take(&mut self, rib: &Rib, routes: &[OwnRoute]) {
        for route in routes {
            if self.is_doomed(rib, route.table, route.prefix) {
                self.doomed.push((route.table, route.prefix, route.protocol));
            } else if !rib.wants_fib_route(route.table, route.prefix) {
                self.spared.insert(route.part());
            }
        }
    }

    /// Whether routes changed while the last was looking: it looks again.
    const fn looks_again(&self) -> bool {
        self.last && !self.whole && self.attempt < ATTEMPTS
    }

    /// Whether [`Self::poll`] has something.
    pub(crate) fn is_ready(&self) -> bool {
        let objects = !self.nexthops.is_empty() && !self.looks_again();
        self.reader.is_none() && (!self.doomed.is_empty() || objects)
    }

    /// Routes to be deleted now, or objects when no route is left. Whether somebody claimed the routes meanwhile is asked again.
    pub(crate) fn poll(&mut self, rib: &Rib) -> (Vec<Doomed>, Vec<NhId>) {
        if self.doomed.is_empty() {
            return (Vec::new(), std::mem::take(&mut self.nexthops));
        }
        let rest = self.doomed.len().saturating_sub(PIECE);
        let mut piece = self.doomed.split_off(rest);
        piece.retain(|(table, prefix, _)| self.is_doomed(rib, *table, *prefix));
        self.gone += piece.len();
        (piece, Vec::new())
    }

    /// Whether all is done.
    pub(crate) fn is_over(&mut self) -> bool {
        if self.reader.is_none() && self.doomed.is_empty() && self.looks_again() {
            self.read();
        }
        self.reader.is_none() && self.doomed.is_empty() && self.nexthops.is_empty()
    }

    /// Whether it was the last.
    pub(crate) const fn is_last(&self) -> bool {
        self.last
    }

    /// Parts in which no leftover serves on, and tells the log.
    pub(crate) fn end(self) -> BTreeSet<OwnPart> {
        if self.gone > 0 {
            info!("{} routes of an earlier run are gone from the network and removed", self.gone);
        }
        if self.whole { self.parts.difference(&self.spared).copied().collect() } else { BTreeSet::new() }
    }
}

fn tell(parts: &BTreeSet<OwnPart>, to: &mpsc::Sender<Read>) {
    let protocols: BTreeSet<u8> = parts.iter().map(|part| part.protocol).collect();
    let mut whole = true;
    for protocol in protocols {
        let mut piece = Vec::with_capacity(PIECE);
        let each = |route: OwnRoute| {
            if parts.contains(&route.part()) {
                piece.push(route);
            }
            if piece.len() == PIECE {
                let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
                // Nobody listens any more when the daemon ends.
                let _ = to.blocking_send(Read::Routes(full));
            }
        };
        match Dumper::open_strict().and_then(|mut d| d.each_own_route(Some(protocol), each)) {
            Ok(consistent) => whole &= consistent,
            Err(error) => {
                whole = false;
                error!("cannot read routes of an earlier run: {error}");
            }
        }
        let _ = to.blocking_send(Read::Routes(piece));
    }
    let _ = to.blocking_send(Read::End(whole));
}

#[cfg(test)]
mod tests;
