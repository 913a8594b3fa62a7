//! Own addresses as next hops: members of a group have different ones when they are on links of their own.
//!
//! What is encoded once has a gap where the own address stands, which is filled as the octets are handed to a member. Members of a group have next hops of
//! equal length ([`crate::export::OwnShape`]), so the gap fits all. A route from a member's own link keeps its next hop there (RFC 4271 section 5.1.3):
//! it is encoded for that link, and again for all others.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use ferr_bgp_wire::next_hop_octets;
use ferr_policy::NexthopOverride;
use ferr_types::{IfIndex, PeerId, Prefix};
use smallvec::SmallVec;

use crate::export::{GroupKey, self_nexthop};
use crate::peer::LocalAddresses;

use super::{Encoded, Member};

/// Own addresses towards all members.
#[derive(Debug, Default)]
pub(super) struct OwnAddresses {
    /// Those towards all members, or towards one of them.
    pub(super) any: LocalAddresses,
    pub(super) differ: bool,
    /// When they differ: the links, and how many members are on each.
    links: HashMap<Prefix, u32>,
    lens: BTreeSet<u8>,
    members: u32,
}

impl OwnAddresses {
    pub(super) fn of<'a>(members: impl Iterator<Item = &'a Member>) -> Self {
        // Which interface it is matters to nobody who is told a next hop.
        let addresses = members.map(|m| LocalAddresses { ifindex: IfIndex(0), ..m.own });
        let mut out = Self::default();
        for own in addresses {
            out.differ |= out.members > 0 && own != out.any;
            out.any = own;
            out.members += 1;
            if let Some(link) = own.link {
                *out.links.entry(link).or_default() += 1;
                out.lens.insert(link.len());
            }
        }
        out
    }

    /// The links that an address is on, when anybody but one member is there, which is on `except`.
    pub(super) fn links_with(&self, addr: IpAddr, except: Option<Prefix>) -> SmallVec<[Prefix; 1]> {
        let on = self.lens.iter().filter_map(|len| Prefix::new(addr, *len));
        on.filter(|link| self.links.get(link).is_some_and(|n| *n > u32::from(except == Some(*link))))
            .collect()
    }

    /// Whether what was encoded for the members before is right for these too.
    pub(super) fn agree(&self, before: &Self) -> bool {
        match (self.differ, before.differ) {
            (true, true) => self.links.keys().all(|link| before.links.contains_key(link)),
            (false, false) => self.any == before.any,
            _ => false,
        }
    }

    /// Whether all members are on these links.
    pub(super) fn all_on(&self, links: &[Prefix]) -> bool {
        links.iter().filter_map(|link| self.links.get(link)).sum::<u32>() == self.members
    }
}

/// Whose octets these are, by the link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Audience {
    #[default]
    All,
    On(SmallVec<[Prefix; 1]>),
    Off(SmallVec<[Prefix; 1]>),
}

impl Audience {
    fn has(&self, link: Option<Prefix>) -> bool {
        let is_on = |links: &[Prefix]| link.is_some_and(|l| links.contains(&l));
        match self {
            Self::All => true,
            Self::On(links) => is_on(links),
            Self::Off(links) => !is_on(links),
        }
    }
}

/// Messages with gaps.
#[derive(Debug, Default)]
pub(super) struct Gapped {
    pub(super) bytes: Vec<u8>,
    pub(super) gaps: Gaps,
}

/// Where own addresses stand, by what policy said of them.
pub(super) type Gaps = SmallVec<[(NexthopOverride, Vec<u32>); 1]>;

impl Gapped {
    pub(super) fn encoded(self, skip: PeerId, only: Option<PeerId>, audience: Audience) -> Encoded {
        Encoded { bytes: self.bytes.into(), skip, only, audience, gaps: self.gaps }
    }

    pub(super) fn gap(&mut self, over: NexthopOverride, at: usize) {
        let at = at as u32;
        match self.gaps.iter_mut().find(|(o, _)| *o == over) {
            Some((_, list)) => list.push(at),
            None => self.gaps.push((over, vec![at])),
        }
    }
}

/// Own addresses that were filled in lately, for members who share them.
const FILLED: usize = 4;

/// Encoded messages, with copies whose gaps are filled.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) encoded: Arc<Encoded>,
    copies: VecDeque<(LocalAddresses, Bytes)>,
}

impl Filled {
    pub(super) fn new(encoded: Encoded) -> Self {
        Self { encoded: Arc::new(encoded), copies: VecDeque::new() }
    }

    /// As [`Encoded::for_member`].
    pub(super) fn for_member(&mut self, key: &GroupKey, peer: PeerId, own: &LocalAddresses) -> Option<Bytes> {
        if self.encoded.gaps.is_empty() || !self.encoded.is_for(peer, own) {
            return self.encoded.for_member(key, peer, own);
        }
        let own = LocalAddresses { ifindex: IfIndex(0), ..*own };
        if let Some((_, bytes)) = self.copies.iter().find(|(known, _)| *known == own) {
            return Some(bytes.clone());
        }
        let bytes = self.encoded.for_member(key, peer, &own)?;
        self.copies.truncate(FILLED - 1);
        self.copies.push_front((own, bytes.clone()));
        Some(bytes)
    }
}

impl Encoded {
    fn is_for(&self, peer: PeerId, own: &LocalAddresses) -> bool {
        self.skip != peer && self.only.is_none_or(|only| only == peer) && self.audience.has(own.link)
    }

    /// The octets as a member gets them; `None` when they are not for it.
    pub(super) fn for_member(&self, key: &GroupKey, peer: PeerId, own: &LocalAddresses) -> Option<Bytes> {
        if !self.is_for(peer, own) {
            return None;
        }
        if self.gaps.is_empty() {
            return Some(self.bytes.clone());
        }
        let mut bytes = self.bytes.to_vec();
        for (over, gaps) in &self.gaps {
            let octets = next_hop_octets(self_nexthop(key, over, own)?);
            for at in gaps {
                let at = *at as usize;
                if let Some(gap) = bytes.get_mut(at..at + octets.len()) {
                    gap.copy_from_slice(&octets);
                }
            }
        }
        Some(bytes.into())
    }
}
