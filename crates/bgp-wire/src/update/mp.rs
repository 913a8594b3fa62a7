//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760, 2545, 8950; RFC 7606 sections 5.3 and 7.11).

use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_types::attr::BgpNexthop;
use ferr_types::{Afi, Family};

use super::{AttrErrorKind, MpReach, MpUnreach, OtherFamily};
use crate::nlri::Nlri;
use crate::session::SessionContext;

/// An attribute whose family decides whether we read on.
pub(super) enum Mp<'a, T> {
    Known(T),
    Other(OtherFamily<'a>),
}

/// A well-formed MP_REACH_NLRI; the next hop may still be one that no route can use.
pub(super) struct Reach<'a> {
    pub(super) reach: MpReach<'a>,
    pub(super) usable: bool,
}

/// Family, and what follows it.
fn head<'a>(value: &'a [u8], ctx: &SessionContext) -> Option<(Result<Family, OtherFamily<'a>>, &'a [u8])> {
    let [a0, a1, safi, raw @ ..] = value else { return None };
    let afi = u16::from_be_bytes([*a0, *a1]);
    let family = Family::from_codes(afi, *safi).filter(|f| ctx.families.contains(*f));
    Some((family.ok_or(OtherFamily { afi, safi: *safi, raw }), raw))
}

pub(super) fn unreach<'a>(
    value: &'a [u8],
    ctx: &SessionContext,
) -> Result<Mp<'a, MpUnreach<'a>>, AttrErrorKind> {
    let (family, nlri) = head(value, ctx).ok_or(AttrErrorKind::Length)?;
    let family = match family {
        Ok(family) => family,
        Err(other) => return Ok(Mp::Other(other)),
    };
    let nlri =
        Nlri::new(family.afi(), nlri, ctx.add_path_rx.contains(family)).map_err(|_| AttrErrorKind::Nlri)?;
    Ok(Mp::Known(MpUnreach { family, nlri }))
}

pub(super) fn reach<'a>(value: &'a [u8], ctx: &SessionContext) -> Result<Mp<'a, Reach<'a>>, AttrErrorKind> {
    let (family, rest) = head(value, ctx).ok_or(AttrErrorKind::Length)?;
    let family = match family {
        Ok(family) => family,
        Err(other) => return Ok(Mp::Other(other)),
    };
    let (len, rest) = rest.split_first().ok_or(AttrErrorKind::Length)?;
    let (raw_nexthop, rest) = rest.split_at_checked(usize::from(*len)).ok_or(AttrErrorKind::NexthopLength)?;
    // One reserved octet, once the number of SNPAs, which nobody ever sent.
    let (_, nlri) = rest.split_first().ok_or(AttrErrorKind::Length)?;
    let v6_allowed = family.afi() == Afi::Ipv6 || ctx.extended_nexthop.contains(family);
    let nexthop = match family.afi() {
        Afi::Ipv4 => nexthop_v4(raw_nexthop).or_else(|| nexthop_v6(raw_nexthop).filter(|_| v6_allowed)),
        Afi::Ipv6 => nexthop_v6(raw_nexthop),
    };
    let nexthop = nexthop.ok_or(AttrErrorKind::NexthopLength)?;
    let nlri =
        Nlri::new(family.afi(), nlri, ctx.add_path_rx.contains(family)).map_err(|_| AttrErrorKind::Nlri)?;
    let usable = match nexthop {
        BgpNexthop::V4(addr) => usable_v4(addr),
        BgpNexthop::V6 { global, link_local } => usable_v6(global, link_local),
    };
    Ok(Mp::Known(Reach { reach: MpReach { family, nexthop, raw_nexthop, nlri }, usable }))
}

fn nexthop_v4(raw: &[u8]) -> Option<BgpNexthop> {
    Some(BgpNexthop::V4(Ipv4Addr::from_octets(*<&[u8; 4]>::try_from(raw).ok()?)))
}

/// One address, or global and link-local. A link-local address in the place of the global one counts as the
/// link-local one, and a second address that is not link-local counts for nothing.
fn nexthop_v6(raw: &[u8]) -> Option<BgpNexthop> {
    let (first, second) = match raw.as_chunks::<16>() {
        ([first], []) => (Ipv6Addr::from_octets(*first), None),
        ([first, second], []) => (Ipv6Addr::from_octets(*first), Some(Ipv6Addr::from_octets(*second))),
        _ => return None,
    };
    let link_local = second.filter(Ipv6Addr::is_unicast_link_local);
    Some(if first.is_unicast_link_local() {
        BgpNexthop::V6 { global: Ipv6Addr::UNSPECIFIED, link_local: link_local.or(Some(first)) }
    } else {
        BgpNexthop::V6 { global: first, link_local }
    })
}

/// Whether `addr` can be the address of a host (RFC 4271 section 6.3, "syntactically correct").
pub(super) const fn usable_v4(addr: Ipv4Addr) -> bool {
    let first = addr.octets()[0];
    first != 0 && first != 127 && first < 224
}

const fn usable_v6(global: Ipv6Addr, link_local: Option<Ipv6Addr>) -> bool {
    if global.is_unspecified() {
        return link_local.is_some();
    }
    !global.is_multicast() && !global.is_loopback()
}
