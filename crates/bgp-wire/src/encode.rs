//! UPDATE encoding (RFC 4271 section 4.3, RFC 4760, 6793, 7606 section 5.1, 7911, 8950).
//!
//! [`EncodedAttributes`] is made once per attribute set and session kind; an [`UpdateWriter`] puts it in front of as
//! many prefixes as a message holds. IPv4 unicast with an IPv4 next hop uses the NLRI field, all else MP_REACH_NLRI,
//! which then is the first attribute.

use std::net::Ipv6Addr;

use ferr_types::attr::{Aggregator, BgpNexthop, PathAttributes};
use ferr_types::{Afi, Family, Prefix};
use smallvec::SmallVec;

use crate::as4;
use crate::header::{self, HEADER_LEN, MessageType, put_u16};
use crate::nlri::{PathId, octets};
use crate::rules::{
    self, EXTENDED_LENGTH, OPTIONAL, OPTIONAL_TRANSITIVE, PARTIAL, Treatment, WELL_KNOWN, attr,
};
use crate::session::SessionContext;
use crate::update::split;

/// Attributes that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The set has no next hop.
    #[error("no next hop")]
    NoNexthop,
    /// The next hop's family is not possible for these prefixes in this session.
    #[error("next hop does not fit the family")]
    NexthopFamily,
    /// Attributes and one prefix exceed a message.
    #[error("attributes exceed a message")]
    TooLong,
}

/// Withdrawn routes length and attributes length.
const FIXED: usize = 4;
/// Flags, type, 2-octet length, AFI, SAFI of a multiprotocol attribute.
const MP_HEAD: usize = 7;

/// Octets of the longest prefix of a family with its path identifier.
const fn longest_prefix(afi: Afi) -> usize {
    4 + 1 + octets(afi.max_prefix_len())
}

/// A set of path attributes as a session sends it, without NLRI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedAttributes {
    family: Family,
    /// All attributes but MP_REACH_NLRI; NEXT_HOP is among them when `nexthop` is empty.
    bytes: Vec<u8>,
    /// Next hop for MP_REACH_NLRI.
    nexthop: SmallVec<[u8; 32]>,
}

impl EncodedAttributes {
    /// Encodes `set` for routes of `family`.
    ///
    /// # Errors
    /// [`EncodeError`]
    pub fn new(set: &PathAttributes<'_>, family: Family, ctx: &SessionContext) -> Result<Self, EncodeError> {
        let next_hop = set.next_hop.ok_or(EncodeError::NoNexthop)?;
        let classic = match (family, next_hop) {
            (Family::Ipv4Unicast, BgpNexthop::V4(_)) => true,
            (Family::Ipv4Multicast, BgpNexthop::V4(_)) => false,
            (Family::Ipv6Unicast | Family::Ipv6Multicast, BgpNexthop::V6 { .. }) => false,
            (_, BgpNexthop::V6 { .. }) if ctx.extended_nexthop.contains(family) => false,
            _ => return Err(EncodeError::NexthopFamily),
        };
        let nexthop = if classic { SmallVec::new() } else { next_hop_octets(next_hop) };
        let mut bytes = Vec::with_capacity(128);
        AttributeWriter { out: &mut bytes, unknown: set.unknown }.write(set, classic, ctx.as4);
        let encoded = Self { family, bytes, nexthop };
        let room = usize::from(ctx.max_len).saturating_sub(encoded.overhead());
        if room < longest_prefix(family.afi()) { Err(EncodeError::TooLong) } else { Ok(encoded) }
    }

    /// Family of the routes.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Where the next hop stands in a message with these attributes, counted from its first octet.
    pub fn next_hop_at(&self) -> Option<usize> {
        if !self.nexthop.is_empty() {
            return Some(HEADER_LEN + FIXED + MP_HEAD + 1);
        }
        let mut rest = self.bytes.as_slice();
        while let Some((item, behind)) = split(rest) {
            if item.code == attr::NEXT_HOP {
                return Some(HEADER_LEN + FIXED + self.bytes.len() - behind.len() - item.value.len());
            }
            rest = behind;
        }
        None
    }

    /// Octets of a message without NLRI.
    fn overhead(&self) -> usize {
        let mp = if self.nexthop.is_empty() { 0 } else { MP_HEAD + 1 + self.nexthop.len() + 1 };
        HEADER_LEN + FIXED + mp + self.bytes.len()
    }
}

/// A next hop as NEXT_HOP and MP_REACH_NLRI hold it. A lone link-local address is sent twice: receivers that look for a global
/// address in the first place then find one of the link (as most implementations do for unnumbered peers).
pub fn next_hop_octets(next_hop: BgpNexthop) -> SmallVec<[u8; 32]> {
    let mut out = SmallVec::new();
    let mut push = |addr: Ipv6Addr| out.extend_from_slice(&addr.octets());
    match next_hop {
        BgpNexthop::V4(addr) => out.extend_from_slice(&addr.octets()),
        BgpNexthop::V6 { global, link_local: None } => push(global),
        BgpNexthop::V6 { global, link_local: Some(local) } => {
            push(if global.is_unspecified() { local } else { global });
            push(local);
        }
    }
    out
}

/// Writes attributes in ascending order of their codes, those passed on unread in between.
struct AttributeWriter<'o, 'u> {
    out: &'o mut Vec<u8>,
    unknown: &'u [u8],
}

impl AttributeWriter<'_, '_> {
    fn write(mut self, set: &PathAttributes<'_>, classic: bool, as4: bool) {
        self.put(WELL_KNOWN, attr::ORIGIN, &[set.origin as u8]);
        let mut wide_path = Vec::new();
        if as4 {
            self.put(WELL_KNOWN, attr::AS_PATH, set.as_path.as_bytes());
        } else {
            let mut narrow = Vec::new();
            if as4::narrow(set.as_path, &mut narrow) {
                as4::without_confed(set.as_path, &mut wide_path);
            }
            self.put(WELL_KNOWN, attr::AS_PATH, &narrow);
        }
        if let (true, Some(BgpNexthop::V4(addr))) = (classic, set.next_hop) {
            self.put(WELL_KNOWN, attr::NEXT_HOP, &addr.octets());
        }
        self.number(OPTIONAL, attr::MULTI_EXIT_DISC, set.med);
        self.number(WELL_KNOWN, attr::LOCAL_PREF, set.local_pref);
        if set.atomic_aggregate {
            self.put(WELL_KNOWN, attr::ATOMIC_AGGREGATE, &[]);
        }
        let wide_aggregator = self.aggregator(set.aggregator, as4);
        self.list(attr::COMMUNITIES, OPTIONAL_TRANSITIVE, set.communities.as_bytes());
        self.number(OPTIONAL, attr::ORIGINATOR_ID, set.originator_id.map(|id| id.0.to_bits()));
        self.list(attr::CLUSTER_LIST, OPTIONAL, set.cluster_list.as_bytes());
        self.list(attr::EXTENDED_COMMUNITIES, OPTIONAL_TRANSITIVE, set.ext_communities.as_bytes());
        self.list(attr::AS4_PATH, OPTIONAL_TRANSITIVE, &wide_path);
        if let Some(wide) = wide_aggregator {
            self.put(OPTIONAL_TRANSITIVE, attr::AS4_AGGREGATOR, &wide);
        }
        if let Some(metric) = set.aigp {
            let mut tlv = [1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0];
            tlv[3..].copy_from_slice(&metric.to_be_bytes());
            self.put(OPTIONAL, attr::AIGP, &tlv);
        }
        self.list(attr::LARGE_COMMUNITY, OPTIONAL_TRANSITIVE, set.large_communities.as_bytes());
        self.number(OPTIONAL_TRANSITIVE, attr::ONLY_TO_CUSTOMER, set.only_to_customer.map(|asn| asn.0));
        self.unknown_below(None);
    }

    /// AGGREGATOR; gives what AS4_AGGREGATOR has to hold when the AS number did not fit.
    fn aggregator(&mut self, aggregator: Option<Aggregator>, as4: bool) -> Option<[u8; 8]> {
        let aggregator = aggregator?;
        let mut wide = [0; 8];
        wide[..4].copy_from_slice(&aggregator.asn.0.to_be_bytes());
        wide[4..].copy_from_slice(&aggregator.addr.octets());
        if as4 {
            self.put(OPTIONAL_TRANSITIVE, attr::AGGREGATOR, &wide);
            return None;
        }
        let mut narrow = [0; 6];
        narrow[..2].copy_from_slice(&aggregator.asn.to_2_octets().to_be_bytes());
        narrow[2..].copy_from_slice(&wide[4..]);
        self.put(OPTIONAL_TRANSITIVE, attr::AGGREGATOR, &narrow);
        (aggregator.asn.0 > 0xffff).then_some(wide)
    }

    fn number(&mut self, flags: u8, code: u8, value: Option<u32>) {
        if let Some(value) = value {
            self.put(flags, code, &value.to_be_bytes());
        }
    }

    fn list(&mut self, code: u8, flags: u8, value: &[u8]) {
        if !value.is_empty() {
            self.put(flags, code, value);
        }
    }

    #[inline]
    fn put(&mut self, flags: u8, code: u8, value: &[u8]) {
        if !self.unknown.is_empty() {
            self.unknown_below(Some(code));
        }
        match u8::try_from(value.len()) {
            Ok(len) => self.out.extend_from_slice(&[flags, code, len]),
            Err(_) => {
                self.out.extend_from_slice(&[flags | EXTENDED_LENGTH, code]);
                // Longer values make the whole set too long, which the caller of this writer finds.
                self.out.extend_from_slice(&(value.len() as u16).to_be_bytes());
            }
        }
        self.out.extend_from_slice(value);
    }

    /// Passes on the leading unknown attributes whose code is below `code`, all of them for `None`. Partial is set on
    /// those that we do not know (RFC 4271 section 5).
    fn unknown_below(&mut self, code: Option<u8>) {
        while let Some((item, rest)) = split(self.unknown) {
            if code.is_some_and(|c| item.code >= c) {
                return;
            }
            let partial = if rules::rule(item.code).treatment == Treatment::Unknown { PARTIAL } else { 0 };
            self.out.push(item.flags | partial);
            self.out.extend_from_slice(item.whole.get(1..).unwrap_or_default());
            self.unknown = rest;
        }
    }
}

/// Whether a prefix went into the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Push {
    /// It did.
    Ok,
    /// There is no room, or the prefix is of another family: finish this message and start another.
    Full,
}

/// Where the prefixes of a message go.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    /// Withdrawn Routes.
    Withdrawn,
    /// MP_UNREACH_NLRI.
    MpUnreach,
    /// NLRI.
    Announced,
    /// MP_REACH_NLRI.
    MpReach(&'a EncodedAttributes),
}

/// Writes one UPDATE to the end of a buffer.
#[derive(Debug)]
pub struct UpdateWriter<'a, 'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    /// Where the prefixes begin.
    nlri: usize,
    /// Where they have to end.
    limit: usize,
    place: Place<'a>,
    family: Family,
    add_path: bool,
}

impl<'a, 'o> UpdateWriter<'a, 'o> {
    /// Starts a message that announces routes with `attributes`, which were encoded for the same session facts.
    pub fn announce(ctx: &SessionContext, attributes: &'a EncodedAttributes, out: &'o mut Vec<u8>) -> Self {
        let place = if attributes.nexthop.is_empty() { Place::Announced } else { Place::MpReach(attributes) };
        let start = header::begin(out, MessageType::Update);
        out.extend_from_slice(&[0; FIXED]);
        let mut behind = 0;
        if let Place::MpReach(attributes) = place {
            mp_head(attr::MP_REACH_NLRI, attributes.family, out);
            out.push(attributes.nexthop.len() as u8);
            out.extend_from_slice(&attributes.nexthop);
            out.push(0);
            behind = attributes.bytes.len();
        } else {
            put_u16(out, start + HEADER_LEN + 2, attributes.bytes.len());
            out.extend_from_slice(&attributes.bytes);
        }
        Self::at(ctx, place, attributes.family, behind, start, out)
    }

    /// Starts a message that withdraws routes of `family`.
    pub fn withdraw(ctx: &SessionContext, family: Family, out: &'o mut Vec<u8>) -> Self {
        let start = header::begin(out, MessageType::Update);
        if family == Family::Ipv4Unicast {
            out.extend_from_slice(&[0; 2]);
            return Self::at(ctx, Place::Withdrawn, family, 2, start, out);
        }
        out.extend_from_slice(&[0; FIXED]);
        mp_head(attr::MP_UNREACH_NLRI, family, out);
        Self::at(ctx, Place::MpUnreach, family, 0, start, out)
    }

    fn at(
        ctx: &SessionContext,
        place: Place<'a>,
        family: Family,
        behind: usize,
        start: usize,
        out: &'o mut Vec<u8>,
    ) -> Self {
        let limit = (start + usize::from(ctx.max_len)).saturating_sub(behind);
        let (nlri, add_path) = (out.len(), ctx.add_path_tx.contains(family));
        Self { out, start, nlri, limit, place, family, add_path }
    }

    /// Adds a prefix; `path_id` counts only in sessions that send path identifiers.
    #[inline]
    pub fn push(&mut self, prefix: Prefix, path_id: PathId) -> Push {
        let len = prefix.len();
        let used = octets(len);
        let need = used + if self.add_path { 5 } else { 1 };
        if self.out.len() + need > self.limit || prefix.afi() != self.family.afi() {
            return Push::Full;
        }
        if self.add_path {
            self.out.extend_from_slice(&path_id.to_be_bytes());
        }
        match prefix {
            Prefix::V4(p) => {
                let b = p.bits().to_be_bytes();
                self.out.extend_from_slice(&[len, b[0], b[1], b[2], b[3]]);
                self.out.truncate(self.out.len() - (4 - used));
            }
            Prefix::V6(p) => {
                self.out.push(len);
                self.out.extend_from_slice(&p.bits().to_be_bytes());
                self.out.truncate(self.out.len() - (16 - used));
            }
        }
        Push::Ok
    }

    /// Whether no prefix was added.
    pub const fn is_empty(&self) -> bool {
        self.out.len() == self.nlri
    }

    /// Takes the message back.
    pub fn abandon(self) {
        self.out.truncate(self.start);
    }

    /// Completes the message; one that announces nothing is taken back. A message that withdraws nothing is an
    /// End-of-RIB (RFC 4724 section 2).
    pub fn finish(self) {
        let nlri = self.out.len() - self.nlri;
        match self.place {
            Place::Announced | Place::MpReach(_) if nlri == 0 => {
                return self.abandon();
            }
            Place::Announced => {}
            Place::Withdrawn => {
                put_u16(self.out, self.start + HEADER_LEN, nlri);
                self.out.extend_from_slice(&[0; 2]);
            }
            Place::MpReach(attributes) => {
                let head = self.nlri - self.start - HEADER_LEN - FIXED;
                put_u16(self.out, self.start + HEADER_LEN + FIXED + 2, head - 4 + nlri);
                put_u16(self.out, self.start + HEADER_LEN + 2, head + nlri + attributes.bytes.len());
                self.out.extend_from_slice(&attributes.bytes);
            }
            Place::MpUnreach => {
                put_u16(self.out, self.start + HEADER_LEN + FIXED + 2, MP_HEAD - 4 + nlri);
                put_u16(self.out, self.start + HEADER_LEN + 2, MP_HEAD + nlri);
            }
        }
        header::end(self.out, self.start);
    }
}

/// Head of a multiprotocol attribute, its length open.
fn mp_head(code: u8, family: Family, out: &mut Vec<u8>) {
    out.extend_from_slice(&[OPTIONAL | EXTENDED_LENGTH, code, 0, 0]);
    out.extend_from_slice(&family.afi().code().to_be_bytes());
    out.push(family.safi_code());
}

/// Appends the UPDATEs that announce all of `prefixes` with `attributes`; gives their number.
/// Prefixes of another family are left out.
pub fn encode_announcements(
    ctx: &SessionContext,
    attributes: &EncodedAttributes,
    prefixes: impl IntoIterator<Item = (PathId, Prefix)>,
    out: &mut Vec<u8>,
) -> usize {
    fill(attributes.family, prefixes, out, |out| UpdateWriter::announce(ctx, attributes, out))
}

/// Appends the UPDATEs that withdraw all of `prefixes`; gives their number, 0 for no prefix.
/// Prefixes of another family are left out.
pub fn encode_withdrawals(
    ctx: &SessionContext,
    family: Family,
    prefixes: impl IntoIterator<Item = (PathId, Prefix)>,
    out: &mut Vec<u8>,
) -> usize {
    fill(family, prefixes, out, |out| UpdateWriter::withdraw(ctx, family, out))
}

fn fill<'a>(
    family: Family,
    prefixes: impl IntoIterator<Item = (PathId, Prefix)>,
    out: &mut Vec<u8>,
    start: impl for<'o> Fn(&'o mut Vec<u8>) -> UpdateWriter<'a, 'o>,
) -> usize {
    let mut prefixes = prefixes.into_iter().filter(|(_, p)| p.afi() == family.afi()).peekable();
    let mut messages = 0;
    while prefixes.peek().is_some() {
        let mut writer = start(out);
        while let Some((path_id, prefix)) = prefixes.peek() {
            if writer.push(*prefix, *path_id) == Push::Full {
                break;
            }
            prefixes.next();
        }
        if writer.is_empty() {
            // Only a context with an impossibly small message length gets here.
            writer.abandon();
            break;
        }
        writer.finish();
        messages += 1;
    }
    messages
}

/// Appends the End-of-RIB of `family`.
pub fn encode_end_of_rib(ctx: &SessionContext, family: Family, out: &mut Vec<u8>) {
    UpdateWriter::withdraw(ctx, family, out).finish();
}
