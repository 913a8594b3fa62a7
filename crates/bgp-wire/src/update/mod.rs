//! UPDATE decoding (RFC 4271 sections 4.3 and 6.3, RFC 4760, RFC 7606).
//!
//! One pass over the attributes collects fields and errors; what is well formed borrows from the message, what has
//! to be rebuilt (2-octet paths, scattered attributes) from the [`Scratch`]. Families that were not negotiated never
//! come out as routes.

mod collect;
mod mp;

use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::{Family, FamilySet};
use smallvec::SmallVec;

use crate::nlri::{Nlri, Nlri4};
use crate::notification::{NotificationError, code, subcode};
use crate::rules::Disposition;
use crate::session::SessionContext;
pub(crate) use collect::split;
use collect::{Classic, Collector};

/// Buffers that decoding reuses from message to message.
#[derive(Debug, Default)]
pub struct Scratch {
    /// AS_PATH in 4-octet form.
    wide: Vec<u8>,
    /// AS_PATH merged with AS4_PATH.
    merged: Vec<u8>,
    /// Attributes to pass on unread.
    unknown: Vec<u8>,
    /// Attributes without the multiprotocol ones, when these lie between others.
    raw: Vec<u8>,
}

impl Scratch {
    fn clear(&mut self) {
        self.wide.clear();
        self.merged.clear();
        self.unknown.clear();
        self.raw.clear();
    }
}

/// What is wrong with an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttrErrorKind {
    /// The list ends inside an attribute (RFC 7606 section 4).
    Overrun,
    /// Optional or Transitive flag.
    Flags,
    /// Length of the value.
    Length,
    /// Content of the value.
    Value,
    /// Not the first of its type.
    Duplicate,
    /// A mandatory attribute is not there.
    Missing,
    /// A well-known attribute that nobody knows.
    UnrecognizedWellKnown,
    /// It may not come over a session of this kind.
    NotFromThisPeer,
    /// Next hop length of MP_REACH_NLRI.
    NexthopLength,
    /// NLRI of a multiprotocol attribute.
    Nlri,
}

/// One attribute error and its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttrError {
    /// Type code.
    pub code: u8,
    /// What is wrong.
    pub kind: AttrErrorKind,
    /// What it costs by itself.
    pub disposition: Disposition,
    start: u16,
    len: u16,
}

impl AttrError {
    /// The attribute as received, within the path attributes of its message; empty for a missing one.
    fn bytes<'a>(&self, attributes: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.start);
        attributes.get(start..start + usize::from(self.len)).unwrap_or_default()
    }

    /// The NOTIFICATION for it (RFC 4271 section 6.3).
    fn notification(&self, attributes: &[u8]) -> NotificationError {
        use subcode::update as sub;
        let subcode = match self.kind {
            AttrErrorKind::Overrun | AttrErrorKind::Duplicate => sub::ATTRIBUTE_LIST,
            AttrErrorKind::Flags => sub::FLAGS,
            AttrErrorKind::Length => sub::LENGTH,
            AttrErrorKind::Missing => sub::MISSING,
            AttrErrorKind::UnrecognizedWellKnown => sub::UNRECOGNIZED,
            AttrErrorKind::NotFromThisPeer | AttrErrorKind::NexthopLength | AttrErrorKind::Nlri => {
                sub::OPTIONAL
            }
            AttrErrorKind::Value => match self.code {
                crate::rules::attr::ORIGIN => sub::ORIGIN,
                crate::rules::attr::AS_PATH => sub::AS_PATH,
                crate::rules::attr::NEXT_HOP => sub::NEXT_HOP,
                _ => sub::OPTIONAL,
            },
        };
        let error = NotificationError::new(code::UPDATE, subcode);
        match self.kind {
            AttrErrorKind::Missing => error.with_data(&[self.code]),
            AttrErrorKind::Overrun | AttrErrorKind::Duplicate => error,
            _ => error.with_data(self.bytes(attributes)),
        }
    }
}

/// MP_REACH_NLRI of a negotiated family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MpReach<'a> {
    /// Family of the NLRI.
    pub family: Family,
    /// Next hop.
    pub nexthop: BgpNexthop,
    /// Next hop as received, 4, 16 or 32 octets.
    pub raw_nexthop: &'a [u8],
    /// Announced prefixes.
    pub nlri: Nlri<'a>,
}

/// MP_UNREACH_NLRI of a negotiated family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MpUnreach<'a> {
    /// Family of the NLRI.
    pub family: Family,
    /// Withdrawn prefixes.
    pub nlri: Nlri<'a>,
}

/// A multiprotocol attribute of a family without table, or one that was not negotiated: skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherFamily<'a> {
    /// Address family number.
    pub afi: u16,
    /// Subsequent address family number.
    pub safi: u8,
    /// What follows the family in the attribute.
    pub raw: &'a [u8],
}

/// Raw bytes that decide what a set of attributes decodes to, within one [`crate::DecodeClass`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttributeKey<'a> {
    /// Path attributes without MP_REACH_NLRI and MP_UNREACH_NLRI.
    pub attributes: &'a [u8],
    /// Next hop of MP_REACH_NLRI; empty for IPv4 unicast routes of the NLRI field.
    pub mp_nexthop: &'a [u8],
}

/// A decoded UPDATE.
#[derive(Debug, Clone)]
pub struct Update<'a> {
    /// Withdrawn Routes field.
    pub withdrawn: Nlri4<'a>,
    /// NLRI field. With [`Disposition::TreatAsWithdraw`] these are withdrawals.
    pub announced: Nlri4<'a>,
    /// MP_REACH_NLRI. With [`Disposition::TreatAsWithdraw`] these are withdrawals.
    pub mp_reach: Option<MpReach<'a>>,
    /// MP_UNREACH_NLRI.
    pub mp_unreach: Option<MpUnreach<'a>>,
    /// MP_REACH_NLRI of a skipped family.
    pub other_reach: Option<OtherFamily<'a>>,
    /// MP_UNREACH_NLRI of a skipped family.
    pub other_unreach: Option<OtherFamily<'a>>,
    /// Attributes of the announced routes; `None` when nothing is announced or the message is treated as withdraw.
    /// The next hop is that of the NLRI field when this is not empty; see [`Self::mp_attributes`].
    pub attributes: Option<PathAttributes<'a>>,
    /// Path attributes as received, without MP_REACH_NLRI and MP_UNREACH_NLRI.
    pub raw_attributes: &'a [u8],
    /// Strongest of all errors, never [`Disposition::Reset`].
    pub disposition: Disposition,
    /// Errors in order of discovery, at most [`Self::MAX_ERRORS`].
    pub errors: SmallVec<[AttrError; 2]>,
    /// Negotiated families that were skipped for not being so; IPv4 unicast only.
    pub unnegotiated: FamilySet,
    /// The message is the End-of-RIB of this family (RFC 4724 section 2).
    pub end_of_rib: Option<Family>,
}

impl<'a> Update<'a> {
    /// Most errors that are listed; all of them count for the disposition.
    pub const MAX_ERRORS: usize = 16;

    /// From the body of an UPDATE.
    ///
    /// # Errors
    /// UPDATE Message Error, only where the session has to be reset.
    pub fn decode(
        body: &'a [u8],
        ctx: &SessionContext,
        scratch: &'a mut Scratch,
    ) -> Result<Self, NotificationError> {
        let [withdrawn, field, announced] = sections(body)?;
        let add_path = ctx.add_path_rx.contains(Family::Ipv4Unicast);
        let invalid = |_| NotificationError::new(code::UPDATE, subcode::update::NETWORK);
        let mut withdrawn = Nlri4::new(withdrawn, add_path).map_err(invalid)?;
        let mut announced = Nlri4::new(announced, add_path).map_err(invalid)?;
        let mut collector = Collector::new(field, ctx);
        collector.run(scratch);
        collector.finish(!announced.is_empty());
        if collector.strongest == Disposition::Reset {
            return Err(collector.reset());
        }
        let no_classic = withdrawn.is_empty() && announced.is_empty();
        let end_of_rib = collector.end_of_rib(no_classic);
        let mut unnegotiated = FamilySet::EMPTY;
        if !ctx.families.contains(Family::Ipv4Unicast) && !no_classic {
            unnegotiated.insert(Family::Ipv4Unicast);
            (withdrawn, announced) = (Nlri4::default(), Nlri4::default());
        }
        collector.rebuild(!announced.is_empty(), scratch);
        Ok(collector.update(Classic { withdrawn, announced, unnegotiated, end_of_rib }, scratch))
    }

    /// Attributes of the routes in `mp_reach`: those of the message with its next hop.
    pub fn mp_attributes(&self) -> Option<PathAttributes<'a>> {
        let reach = self.mp_reach?;
        Some(PathAttributes { next_hop: Some(reach.nexthop), ..self.attributes? })
    }

    /// Cache key of the attributes of the routes in `announced`.
    pub const fn attribute_key(&self) -> AttributeKey<'a> {
        AttributeKey { attributes: self.raw_attributes, mp_nexthop: &[] }
    }

    /// Cache key of the attributes of the routes in `mp_reach`.
    pub fn mp_attribute_key(&self) -> AttributeKey<'a> {
        let mp_nexthop = self.mp_reach.map_or(&[][..], |r| r.raw_nexthop);
        AttributeKey { attributes: self.raw_attributes, mp_nexthop }
    }
}

/// Withdrawn routes, path attributes and NLRI (RFC 4271 section 6.3, first check).
fn sections(body: &[u8]) -> Result<[&[u8]; 3], NotificationError> {
    let cut = || {
        let (len, rest) = body.split_first_chunk::<2>()?;
        let (withdrawn, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (attributes, nlri) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        Some([withdrawn, attributes, nlri])
    };
    cut().ok_or_else(|| NotificationError::new(code::UPDATE, subcode::update::ATTRIBUTE_LIST))
}
