//! The pass over the path attributes: fields and errors of one message.

use std::net::Ipv4Addr;

use ferr_types::aspath::AsPath;
use ferr_types::attr::{Aggregator, BgpNexthop, Origin, PathAttributes};
use ferr_types::community::{ClusterList, Communities, ExtCommunities, LargeCommunities};
use ferr_types::{Asn, Family, FamilySet, RouterId};
use smallvec::SmallVec;

use super::mp::{self, Mp};
use super::{AttrError, AttrErrorKind, MpReach, MpUnreach, OtherFamily, Scratch, Update};
use crate::as4;
use crate::nlri::Nlri4;
use crate::notification::NotificationError;
use crate::rules::{self, Disposition, Rule, Treatment, attr};
use crate::session::{PeerKind, SessionContext};

/// One attribute in its place.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) flags: u8,
    pub(crate) code: u8,
    pub(crate) value: &'a [u8],
    /// Flags, code, length and value.
    pub(crate) whole: &'a [u8],
}

/// Splits the first attribute off; `None` when the field ends inside it.
#[inline]
pub(crate) fn split(field: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (flags, code, len, head, rest) = match field {
        [flags, code, l0, l1, rest @ ..] if flags & rules::EXTENDED_LENGTH != 0 => {
            (*flags, *code, usize::from(u16::from_be_bytes([*l0, *l1])), 4, rest)
        }
        [flags, code, len, rest @ ..] if flags & rules::EXTENDED_LENGTH == 0 => {
            (*flags, *code, usize::from(*len), 3, rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(len)?;
    Some((Item { flags, code, value, whole: field.get(..head + len)? }, rest))
}

/// What an UPDATE holds beside its attributes.
pub(super) struct Classic<'a> {
    pub(super) withdrawn: Nlri4<'a>,
    pub(super) announced: Nlri4<'a>,
    pub(super) unnegotiated: FamilySet,
    pub(super) end_of_rib: Option<Family>,
}

/// State of the pass.
pub(super) struct Collector<'a, 'c> {
    field: &'a [u8],
    ctx: &'c SessionContext,
    pub(super) strongest: Disposition,
    errors: SmallVec<[AttrError; 2]>,
    /// The error that alone or by escalation resets the session.
    fatal: Option<AttrError>,
    seen: [u64; 4],
    /// Fields that need no more work; path and unknown attributes come in at the end.
    set: PathAttributes<'a>,
    as4_path: Option<AsPath<'a>>,
    as4_aggregator: Option<Aggregator>,
    mp_reach: Option<MpReach<'a>>,
    mp_unreach: Option<MpUnreach<'a>>,
    other_reach: Option<OtherFamily<'a>>,
    other_unreach: Option<OtherFamily<'a>>,
    /// Where the multiprotocol attributes lie in `field`, in order.
    cuts: [(u16, u16); 2],
    cut_count: usize,
    /// `field` without the cuts, where that is one piece.
    raw: Option<&'a [u8]>,
    count: usize,
}

impl<'a, 'c> Collector<'a, 'c> {
    #[inline(always)]
    pub(super) fn new(field: &'a [u8], ctx: &'c SessionContext) -> Self {
        Self {
            field,
            ctx,
            strongest: Disposition::Accept,
            errors: SmallVec::new(),
            fatal: None,
            seen: [0; 4],
            set: PathAttributes::default(),
            as4_path: None,
            as4_aggregator: None,
            mp_reach: None,
            mp_unreach: None,
            other_reach: None,
            other_unreach: None,
            cuts: [(0, 0); 2],
            cut_count: 0,
            raw: None,
            count: 0,
        }
    }

    #[inline]
    pub(super) fn run(&mut self, scratch: &mut Scratch) {
        scratch.clear();
        let mut rest = self.field;
        while !rest.is_empty() {
            let start = self.field.len() - rest.len();
            let Some((item, tail)) = split(rest) else {
                self.overrun(start, rest);
                return;
            };
            self.count += 1;
            self.attribute(start, item, scratch);
            rest = tail;
        }
    }

    const fn has(&self, code: u8) -> bool {
        self.seen[(code >> 6) as usize] & 1 << (code & 63) != 0
    }

    #[inline]
    fn attribute(&mut self, start: usize, item: Item<'a>, scratch: &mut Scratch) {
        let rule = rules::rule(item.code);
        if self.has(item.code) {
            return self.report(start, item.whole, item.code, AttrErrorKind::Duplicate, rule.on_duplicate);
        }
        self.seen[usize::from(item.code >> 6)] |= 1 << (item.code & 63);
        if rule.treatment == Treatment::Unknown {
            return self.unknown(start, item, scratch);
        }
        let judged = if rule.internal_only && self.ctx.kind == PeerKind::Ebgp {
            Err((AttrErrorKind::NotFromThisPeer, Disposition::Discard))
        } else if item.flags & rules::FLAGS_MASK != rule.flags {
            Err((AttrErrorKind::Flags, rule.on_error))
        } else if !rule.length.admits(item.value.len(), self.ctx.as4) {
            Err((AttrErrorKind::Length, rule.on_error))
        } else {
            self.store(start, item, rule, scratch).map_err(|kind| (kind, rule.on_error))
        };
        if let Err((kind, disposition)) = judged {
            self.report(start, item.whole, item.code, kind, disposition);
        }
    }

    /// Reads a value whose flags and length are right.
    #[inline]
    fn store(
        &mut self,
        start: usize,
        item: Item<'a>,
        rule: &Rule,
        scratch: &mut Scratch,
    ) -> Result<(), AttrErrorKind> {
        let value = item.value;
        match item.code {
            attr::ORIGIN => {
                self.set.origin =
                    value.first().and_then(|v| Origin::from_code(*v)).ok_or(AttrErrorKind::Value)?;
            }
            attr::AS_PATH => self.as_path(value, scratch)?,
            attr::NEXT_HOP => self.set.next_hop = Some(BgpNexthop::V4(Ipv4Addr::from_bits(number(value)?))),
            attr::MULTI_EXIT_DISC => self.set.med = Some(number(value)?),
            attr::LOCAL_PREF => self.set.local_pref = Some(number(value)?),
            attr::ATOMIC_AGGREGATE => self.set.atomic_aggregate = true,
            attr::AGGREGATOR => self.set.aggregator = Some(aggregator(value)?),
            attr::COMMUNITIES => {
                self.set.communities = Communities::new(value).ok_or(AttrErrorKind::Length)?;
            }
            attr::ORIGINATOR_ID => {
                self.set.originator_id = Some(RouterId(Ipv4Addr::from_bits(number(value)?)));
            }
            attr::CLUSTER_LIST => {
                self.set.cluster_list = ClusterList::new(value).ok_or(AttrErrorKind::Length)?;
            }
            attr::EXTENDED_COMMUNITIES => {
                self.set.ext_communities = ExtCommunities::new(value).ok_or(AttrErrorKind::Length)?;
            }
            attr::LARGE_COMMUNITY => {
                self.set.large_communities = LargeCommunities::new(value).ok_or(AttrErrorKind::Length)?;
            }
            attr::AIGP => self.set.aigp = aigp(value)?,
            attr::ONLY_TO_CUSTOMER => self.set.only_to_customer = Some(Asn(number(value)?)),
            attr::MP_REACH_NLRI => self.reach(start, item)?,
            attr::MP_UNREACH_NLRI => self.unreach(start, item)?,
            attr::AS4_PATH | attr::AS4_AGGREGATOR => self.as4(item)?,
            _ if rule.treatment == Treatment::Checked => scratch.unknown.extend_from_slice(item.whole),
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn as_path(&mut self, value: &'a [u8], scratch: &mut Scratch) -> Result<(), AttrErrorKind> {
        if self.ctx.as4 {
            let path = AsPath::new(value).map_err(|_| AttrErrorKind::Value)?;
            self.check_path(path)?;
            self.set.as_path = path;
            return Ok(());
        }
        as4::widen(value, &mut scratch.wide).map_err(|_| AttrErrorKind::Value)?;
        let path = AsPath::new(&scratch.wide).map_err(|_| AttrErrorKind::Value)?;
        self.check_path(path)
    }

    /// AS 0 is in no path (RFC 7607), confederation segments in none from outside (RFC 5065 section 5).
    #[inline]
    fn check_path(&self, path: AsPath<'_>) -> Result<(), AttrErrorKind> {
        let external = self.ctx.kind == PeerKind::Ebgp;
        let bad = path.segments().any(|s| s.kind.is_confed() && external || s.asns().any(|a| a.0 == 0));
        if bad { Err(AttrErrorKind::Value) } else { Ok(()) }
    }

    fn as4(&mut self, item: Item<'a>) -> Result<(), AttrErrorKind> {
        if self.ctx.as4 {
            return Err(AttrErrorKind::NotFromThisPeer);
        }
        if item.code == attr::AS4_AGGREGATOR {
            self.as4_aggregator = Some(aggregator(item.value)?);
            return Ok(());
        }
        let path = AsPath::new(item.value).map_err(|_| AttrErrorKind::Value)?;
        if path.asns().any(|a| a.0 == 0) {
            return Err(AttrErrorKind::Value);
        }
        self.as4_path = Some(path);
        Ok(())
    }

    fn cut(&mut self, start: usize, item: Item<'a>) {
        if let Some(cut) = self.cuts.get_mut(self.cut_count) {
            // A field is shorter than 65536 octets.
            *cut = (start as u16, (start + item.whole.len()) as u16);
            self.cut_count += 1;
        }
    }

    fn reach(&mut self, start: usize, item: Item<'a>) -> Result<(), AttrErrorKind> {
        self.cut(start, item);
        match mp::reach(item.value, self.ctx)? {
            Mp::Other(other) => self.other_reach = Some(other),
            Mp::Known(known) => {
                self.mp_reach = Some(known.reach);
                if !known.usable {
                    let withdraw = Disposition::TreatAsWithdraw;
                    self.report(start, item.whole, item.code, AttrErrorKind::Value, withdraw);
                }
            }
        }
        Ok(())
    }

    fn unreach(&mut self, start: usize, item: Item<'a>) -> Result<(), AttrErrorKind> {
        self.cut(start, item);
        match mp::unreach(item.value, self.ctx)? {
            Mp::Other(other) => self.other_unreach = Some(other),
            Mp::Known(known) => self.mp_unreach = Some(known),
        }
        Ok(())
    }

    fn unknown(&mut self, start: usize, item: Item<'a>, scratch: &mut Scratch) {
        match item.flags & rules::FLAGS_MASK {
            rules::OPTIONAL_TRANSITIVE => scratch.unknown.extend_from_slice(item.whole),
            rules::OPTIONAL => {}
            // RFC 4271 section 6.3, which RFC 7606 leaves as it is.
            _ => {
                let kind = AttrErrorKind::UnrecognizedWellKnown;
                self.report(start, item.whole, item.code, kind, Disposition::Reset);
            }
        }
    }

    /// RFC 7606 section 4; but when it is the NLRI that is cut short nothing can be withdrawn (section 3 j).
    #[cold]
    fn overrun(&mut self, start: usize, rest: &[u8]) {
        let code = rest.get(1).copied().unwrap_or_default();
        let disposition = match code {
            attr::MP_REACH_NLRI | attr::MP_UNREACH_NLRI => Disposition::Reset,
            _ => Disposition::TreatAsWithdraw,
        };
        self.report(start, rest, code, AttrErrorKind::Overrun, disposition);
    }

    #[cold]
    fn report(
        &mut self,
        start: usize,
        bytes: &[u8],
        code: u8,
        kind: AttrErrorKind,
        disposition: Disposition,
    ) {
        let error = AttrError { code, kind, disposition, start: start as u16, len: bytes.len() as u16 };
        if disposition > self.strongest {
            self.fatal = Some(error);
            self.strongest = disposition;
        }
        if self.errors.len() < Update::MAX_ERRORS {
            self.errors.push(error);
        }
    }

    /// Checks that need the whole message; `classic` says that the NLRI field is not empty.
    pub(super) fn finish(&mut self, classic: bool) {
        let mp = self.mp_reach.is_some_and(|r| !r.nlri.is_empty()) || self.other_reach.is_some();
        if classic || mp {
            self.mandatory(attr::ORIGIN);
            self.mandatory(attr::AS_PATH);
            if self.ctx.kind == PeerKind::Ibgp {
                self.mandatory(attr::LOCAL_PREF);
            }
        }
        if classic {
            self.mandatory(attr::NEXT_HOP);
            self.check_nexthop();
        }
        // RFC 7606 section 5.2: nothing tells what should be withdrawn.
        if !classic && !mp && self.strongest == Disposition::TreatAsWithdraw {
            self.strongest = Disposition::Reset;
        }
    }

    fn mandatory(&mut self, code: u8) {
        if !self.has(code) {
            self.report(0, &[], code, AttrErrorKind::Missing, Disposition::TreatAsWithdraw);
        }
    }

    /// NEXT_HOP counts only for the NLRI field (RFC 4760 section 3).
    fn check_nexthop(&mut self) {
        if let Some(BgpNexthop::V4(addr)) = self.set.next_hop
            && !mp::usable_v4(addr)
        {
            let withdraw = Disposition::TreatAsWithdraw;
            self.report(0, &[], attr::NEXT_HOP, AttrErrorKind::Value, withdraw);
        }
    }

    /// The NOTIFICATION for the error that decided.
    #[cold]
    pub(super) fn reset(&self) -> NotificationError {
        let generic = NotificationError::new(
            crate::notification::code::UPDATE,
            crate::notification::subcode::update::ATTRIBUTE_LIST,
        );
        self.fatal.map_or(generic, |e| e.notification(self.field))
    }

    /// RFC 4724 section 2: an empty message, or one with an empty MP_UNREACH_NLRI alone.
    pub(super) fn end_of_rib(&self, no_classic: bool) -> Option<Family> {
        if !no_classic {
            return None;
        }
        if self.field.is_empty() {
            return Some(Family::Ipv4Unicast);
        }
        let unreach = self.mp_unreach.filter(|u| self.count == 1 && u.nlri.is_empty())?;
        Some(unreach.family)
    }

    /// Whether the routes of the message need attributes; `announced` says that the NLRI field has some.
    fn wants_attributes(&self, announced: bool) -> bool {
        (announced || self.mp_reach.is_some()) && self.strongest < Disposition::TreatAsWithdraw
    }

    /// Puts what has to be rebuilt into the scratch.
    #[inline]
    pub(super) fn rebuild(&mut self, announced: bool, scratch: &mut Scratch) {
        if !self.ctx.as4 && self.wants_attributes(announced) {
            self.merge_as4(scratch);
        }
        self.raw = without_cuts(self.field, &self.cuts[..self.cut_count], &mut scratch.raw);
    }

    /// The message, given its fields outside of the attributes.
    #[inline(always)]
    pub(super) fn update(&mut self, classic: Classic<'a>, scratch: &'a Scratch) -> Update<'a> {
        let announced = !classic.announced.is_empty();
        let attributes = self.wants_attributes(announced).then(|| {
            if !self.ctx.as4 {
                let path = if scratch.merged.is_empty() { &scratch.wide } else { &scratch.merged };
                // Checked when collected.
                self.set.as_path = AsPath::new(path).unwrap_or_default();
            }
            self.set.unknown = &scratch.unknown;
            if !announced {
                self.set.next_hop = self.mp_reach.map(|r| r.nexthop);
            }
            self.set
        });
        Update {
            withdrawn: classic.withdrawn,
            announced: classic.announced,
            mp_reach: self.mp_reach,
            mp_unreach: self.mp_unreach,
            other_reach: self.other_reach,
            other_unreach: self.other_unreach,
            attributes,
            raw_attributes: self.raw.unwrap_or(&scratch.raw),
            disposition: self.strongest,
            errors: std::mem::take(&mut self.errors),
            unnegotiated: classic.unnegotiated,
            end_of_rib: classic.end_of_rib,
        }
    }

    /// RFC 6793 section 4.2.3.
    fn merge_as4(&mut self, scratch: &mut Scratch) {
        if let (Some(two), Some(four)) = (self.set.aggregator, self.as4_aggregator) {
            if two.asn != Asn::TRANS {
                return;
            }
            self.set.aggregator = Some(four);
        }
        if let (Some(four), Ok(two)) = (self.as4_path, AsPath::new(&scratch.wide)) {
            as4::merge(two, four, &mut scratch.merged);
        }
    }
}

/// `field` without the ranges in `cuts`: borrowed where that is one piece, else put into `into` and `None`.
fn without_cuts<'a>(field: &'a [u8], cuts: &[(u16, u16)], into: &mut Vec<u8>) -> Option<&'a [u8]> {
    if cuts.is_empty() {
        return Some(field);
    }
    let mut pieces: [&[u8]; 3] = [&[]; 3];
    let mut at = 0;
    for (piece, (start, end)) in pieces.iter_mut().zip(cuts) {
        *piece = field.get(at..usize::from(*start)).unwrap_or_default();
        at = usize::from(*end);
    }
    pieces[2] = field.get(at..).unwrap_or_default();
    let mut filled = pieces.iter().filter(|p| !p.is_empty());
    match (filled.next(), filled.next()) {
        (one, None) => Some(one.copied().unwrap_or_default()),
        _ => {
            pieces.iter().for_each(|p| into.extend_from_slice(p));
            None
        }
    }
}

/// Four octets as a number.
#[inline]
fn number(value: &[u8]) -> Result<u32, AttrErrorKind> {
    let octets = value.first_chunk::<4>().ok_or(AttrErrorKind::Length)?;
    Ok(u32::from_be_bytes(*octets))
}

/// Metric of the first AIGP TLV; others are skipped (RFC 7311 section 3).
fn aigp(mut tlvs: &[u8]) -> Result<Option<u64>, AttrErrorKind> {
    const AIGP_TLV: u8 = 1;
    let mut metric = None;
    while !tlvs.is_empty() {
        let Some(([kind, l0, l1], _)) = tlvs.split_first_chunk::<3>() else {
            return Err(AttrErrorKind::Length);
        };
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        let (tlv, rest) = tlvs.split_at_checked(len.max(3)).ok_or(AttrErrorKind::Length)?;
        if len < 3 {
            return Err(AttrErrorKind::Length);
        }
        if *kind == AIGP_TLV && metric.is_none() {
            let value = tlv[3..].as_array::<8>().ok_or(AttrErrorKind::Length)?;
            metric = Some(u64::from_be_bytes(*value));
        }
        tlvs = rest;
    }
    Ok(metric)
}

/// AS number of 2 or 4 octets, and an address; AS 0 is malformed (RFC 7607).
fn aggregator(value: &[u8]) -> Result<Aggregator, AttrErrorKind> {
    let (asn, addr) = value.split_last_chunk::<4>().ok_or(AttrErrorKind::Length)?;
    let asn = match asn {
        [a, b] => u32::from(u16::from_be_bytes([*a, *b])),
        _ => number(asn)?,
    };
    if asn == 0 {
        return Err(AttrErrorKind::Value);
    }
    Ok(Aggregator { asn: Asn(asn), addr: Ipv4Addr::from_octets(*addr) })
}
