//! Neighbors by number.
//!
//! # Invariants
//! * Numbers rise in the order in which neighbors are made, and are not used again before all others were: what still names a neighbor that
//!   is gone never means another.
//! * A neighbor that is gone takes no room, however many dynamic ones come and go.

use std::collections::HashMap;

use ferr_types::PeerId;

use crate::fsm::ConnId;
use crate::peer::Peer;

/// The highest number; those above are of imported routes, 0 is our own.
const LAST: u32 = u32::MAX / 2;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// Sorted by number.
    all: Vec<(PeerId, Box<Peer>)>,
    newest: u32,
    /// Connection to neighbor.
    pub(crate) conns: HashMap<ConnId, PeerId>,
}

impl Peers {
    /// Where a number stands, or would stand.
    fn place(&self, id: PeerId) -> Result<usize, usize> {
        self.all.binary_search_by_key(&id, |(known, _)| *known)
    }

    /// Where it stands while nobody has gone.
    const fn guess(id: PeerId) -> usize {
        (id.0 as usize).wrapping_sub(1)
    }

    #[inline]
    pub(crate) fn get(&self, id: PeerId) -> Option<&Peer> {
        match self.all.get(Self::guess(id)) {
            Some((known, peer)) if *known == id => Some(peer),
            _ => self.search(id),
        }
    }

    fn search(&self, id: PeerId) -> Option<&Peer> {
        let place = self.place(id).ok()?;
        self.all.get(place).map(|(_, peer)| &**peer)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        let place = match self.all.get(Self::guess(id)) {
            Some((known, _)) if *known == id => Self::guess(id),
            _ => self.place(id).ok()?,
        };
        self.all.get_mut(place).map(|(_, peer)| &mut **peer)
    }

    /// Takes the number for the next neighbor.
    pub(crate) fn take_id(&mut self) -> PeerId {
        loop {
            self.newest = if self.newest < LAST { self.newest + 1 } else { 1 };
            let id = PeerId(self.newest);
            if self.place(id).is_err() {
                return id;
            }
        }
    }

    pub(crate) fn insert(&mut self, peer: Peer) {
        let id = peer.id;
        match self.place(id) {
            Ok(place) => *self.all[place].1 = peer,
            Err(place) => self.all.insert(place, (id, Box::new(peer))),
        }
    }

    pub(crate) fn remove(&mut self, id: PeerId) {
        if let Ok(place) = self.place(id) {
            self.all.remove(place);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.all.iter().map(|(_, peer)| &**peer)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.all.iter_mut().map(|(_, peer)| &mut **peer)
    }

    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.all.iter().map(|(id, _)| *id).collect()
    }
}
