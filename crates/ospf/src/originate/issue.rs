//! When own LSAs are sent: at once, then no more often than MinLSInterval (RFC 2328 sections 12.4 and 13.4).

use std::collections::BTreeMap;
use std::time::Instant;

use ferr_ospf_wire::{Age, LsSequence, LsaHeader, LsaType, LsaWriter, Options, Version};
use ferr_types::{AreaId, RouterId};

use super::{OwnKey, Wish};
use crate::instance::Instance;
use crate::lsdb::{LsaKey, ScopeId, Stored};
use crate::neighbor::Neighbor;
use crate::timer::Timer;

/// When own LSAs may be sent again.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    next: BTreeMap<OwnKey, Instant>,
}

/// Octets of an LSA at most.
const MAX_LSA: usize = 65_535;

/// The octets of an LSA.
fn assemble(
    (_, kind, id): OwnKey,
    (age, options): (Age, Options),
    router: RouterId,
    sequence: LsSequence,
    wish: &Wish,
) -> Option<Vec<u8>> {
    let header = LsaHeader { age, options, kind, id, router, sequence, checksum: 0, length: 0 };
    let mut buf = vec![0; LsaHeader::LEN + wish.body.len()];
    let mut writer = LsaWriter::new(&mut buf, &header).ok()?;
    writer.raw(&wish.body).ok()?;
    writer.finish().ok()?;
    Some(buf)
}

/// The body that `write` writes.
pub(crate) fn body_of(
    kind: LsaType,
    write: impl FnOnce(&mut LsaWriter<'_>) -> Result<(), ferr_ospf_wire::EncodeError>,
) -> Option<Box<[u8]>> {
    let header = LsaHeader {
        age: Age(0),
        options: Options::empty(),
        kind,
        id: ferr_ospf_wire::LinkStateId(0),
        router: RouterId::UNSET,
        sequence: LsSequence::INITIAL,
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; MAX_LSA];
    let mut writer = LsaWriter::new(&mut buf, &header).ok()?;
    write(&mut writer).ok()?;
    let len = writer.finish().ok()?;
    buf.get(LsaHeader::LEN..len).map(Into::into)
}

impl Instance {
    const fn own_key(&self, key: OwnKey) -> LsaKey {
        LsaKey { kind: key.1, id: key.2, router: self.config.router_id }
    }

    /// Sends what is wanted anew or no longer. True when there was any.
    pub(crate) fn issue_changed(&mut self, now: Instant) -> bool {
        let changed = self.own.take_changed();
        let any = !changed.is_empty();
        for key in changed {
            self.issue(key, now);
        }
        any
    }

    /// Whether own LSAs are sent at all.
    fn is_silent(&self) -> bool {
        self.restart.is_restarting() || self.restart.is_ending() || self.config.router_id == RouterId::UNSET
    }

    /// Sends or flushes an own LSA, now or as soon as MinLSInterval lets.
    pub(crate) fn issue(&mut self, key: OwnKey, now: Instant) {
        if self.is_silent() {
            return;
        }
        if self.own.get(&key).is_none() {
            self.timers.cancel(Timer::Issue(key.0, key.1, key.2));
            self.flush_own(key, now);
            return;
        }
        if self.is_current(key, now) {
            return;
        }
        self.originate(key, now);
    }

    fn reduces_floods(&self) -> bool {
        self.config.version == Version::V2 && self.config.areas.values().any(|area| area.flood_reduction)
    }

    /// Options of an own LSA: DC says that DoNotAge is understood (RFC 1793 section 2.1).
    fn told_options(&self, wish: &Wish) -> Options {
        if self.reduces_floods() { wish.options | Options::DC } else { wish.options }
    }

    /// Whether own LSAs of a scope bear DoNotAge: where that is wanted, and all routers understand it (RFC 1793 section 2.5).
    fn stands_still(&self, scope: ScopeId) -> bool {
        let capable = |id: &AreaId| {
            let routers = self.lsdb.of_type(ScopeId::Area(*id), LsaType::ROUTER_V2);
            let mut others = routers.filter(|(key, _)| key.router != self.config.router_id);
            others.all(|(_, stored)| {
                stored.lsa(self.config.version).is_some_and(|lsa| lsa.header.options.contains(Options::DC))
            })
        };
        self.reduces_floods()
            && match scope {
                ScopeId::Link(_) => false,
                ScopeId::Area(id) => {
                    self.config.areas.get(&id).is_some_and(|area| area.flood_reduction) && capable(&id)
                }
                ScopeId::As => self.config.areas.iter().all(|(id, area)| area.flood_reduction && capable(id)),
            }
    }

    /// A router-LSA changed: its router may understand DoNotAge, or no longer.
    pub(crate) fn demand_changed(&mut self, kind: LsaType) {
        if kind == LsaType::ROUTER_V2 && self.reduces_floods() {
            self.own.touch_all();
        }
    }

    /// The database holds what is wanted already.
    fn is_current(&self, key: OwnKey, now: Instant) -> bool {
        let Some(wish) = self.own.get(&key) else { return false };
        let Some(stored) = self.lsdb.get(key.0, &self.own_key(key)) else { return false };
        let Some(lsa) = stored.lsa(self.config.version) else { return false };
        !stored.is_received()
            && !stored.age(now).is_max()
            && lsa.header.options == self.told_options(wish)
            && stored.age_at_installation().is_do_not_age() == self.stands_still(key.0)
            && lsa.octets().get(LsaHeader::LEN..) == Some(&wish.body)
    }

    /// A new instance of what is wanted.
    fn originate(&mut self, key: OwnKey, now: Instant) {
        let timer = Timer::Issue(key.0, key.1, key.2);
        let earliest = self.issued.next.get(&key).copied();
        if let Some(earliest) = earliest.filter(|earliest| *earliest > now) {
            self.timers.start(timer, earliest);
            return;
        }
        self.timers.cancel(timer);
        let lsa_key = self.own_key(key);
        let held = self.lsdb.get(key.0, &lsa_key).and_then(|stored| stored.lsa(self.config.version));
        let sequence = match held.map(|lsa| lsa.header.sequence.next()) {
            None => LsSequence::INITIAL,
            Some(Some(next)) => next,
            Some(None) => {
                // Sequence numbers are used up: the LSA has to be gone before it begins anew.
                self.expire(key.0, lsa_key, now);
                return;
            }
        };
        let Some(wish) = self.own.get(&key) else { return };
        let age = Age(if self.stands_still(key.0) { Age::DO_NOT_AGE } else { 0 });
        let (head, own) = ((age, self.told_options(wish)), self.config.router_id);
        let Some(octets) = assemble(key, head, own, sequence, wish) else { return };
        let stored = Stored::originated(octets.into(), now);
        let Some(header) = stored.lsa(self.config.version).map(|lsa| lsa.header) else { return };
        // An instance that nobody heard of need not be waited for, but a neighbor may ask for it any time now: then the next one must
        // not come before MinLSArrival.
        let listeners =
            self.ifaces.values().flat_map(|iface| iface.neighbors.values()).any(Neighbor::takes_floods);
        let (interval, arrival) = (self.config.min_ls_interval, self.config.min_ls_arrival.mul_f64(1.1));
        self.issued.next.insert(key, now + if listeners { interval } else { interval.min(arrival) });
        let changed = self.install(key.0, lsa_key, stored, now);
        self.flood(key.0, lsa_key, &header, None, now);
        if changed {
            self.topology_changed(key.0, &lsa_key, now);
        }
    }

    /// MinLSInterval of an LSA is over.
    pub(crate) fn issue_timer(&mut self, key: OwnKey, now: Instant) {
        if self.own.get(&key).is_none() && self.lsdb.get(key.0, &self.own_key(key)).is_none() {
            self.issued.next.remove(&key);
        }
        self.issue(key, now);
    }

    /// An own LSA is old enough to be told again.
    pub(crate) fn refresh(&mut self, scope: ScopeId, key: LsaKey, now: Instant) {
        let own = (scope, key.kind, key.id);
        if self.own.get(&own).is_some() && !self.is_silent() {
            self.originate(own, now);
        } else if !self.restart.is_restarting() {
            self.expire(scope, key, now);
        }
    }

    fn flush_own(&mut self, key: OwnKey, now: Instant) {
        let lsa_key = self.own_key(key);
        if self.lsdb.get(key.0, &lsa_key).is_some_and(|stored| !stored.age(now).is_max()) {
            self.expire(key.0, lsa_key, now);
        }
    }

    /// A neighbor has a newer instance of an own LSA, of an earlier life or by an error (section 13.4): superseded or flushed.
    pub(crate) fn own_received(&mut self, scope: ScopeId, key: LsaKey, now: Instant) {
        if self.is_silent() {
            return;
        }
        let own = (scope, key.kind, key.id);
        if key.router == self.config.router_id && self.own.get(&own).is_some() {
            self.originate(own, now);
        } else if self.lsdb.get(scope, &key).is_some_and(|stored| !stored.age(now).is_max()) {
            self.expire(scope, key, now);
        }
    }

    /// An LSA that was flushed is gone everywhere.
    pub(crate) fn left(&mut self, scope: ScopeId, key: &LsaKey, now: Instant) {
        if key.router != self.config.router_id {
            return;
        }
        let own = (scope, key.kind, key.id);
        if self.own.get(&own).is_some() {
            self.issue(own, now);
        } else if let Some(until) = self.issued.next.get(&own).copied() {
            self.timers.set(Timer::Issue(own.0, own.1, own.2), until.max(now));
        }
    }

    /// Flushes all own LSAs.
    pub(crate) fn flush_all(&mut self, now: Instant) {
        let own = self.config.router_id;
        let scopes: Vec<ScopeId> = self.lsdb.scopes().collect();
        for scope in scopes {
            let keys: Vec<LsaKey> =
                self.lsdb.scope(scope).filter(|(key, _)| key.router == own).map(|(key, _)| *key).collect();
            for key in keys {
                if self.lsdb.get(scope, &key).is_some_and(|stored| !stored.age(now).is_max()) {
                    self.expire(scope, key, now);
                }
            }
        }
    }
}
