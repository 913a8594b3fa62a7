//! Builders of raw messages.
#![allow(dead_code)]

use ferr_bgp_wire::{PeerKind, SessionContext};
use ferr_types::{Family, FamilySet};

pub(crate) fn ctx(kind: PeerKind) -> SessionContext {
    SessionContext { families: Family::ALL.into_iter().collect(), ..SessionContext::new(kind) }
}

pub(crate) fn ebgp() -> SessionContext {
    ctx(PeerKind::Ebgp)
}

pub(crate) fn add_path(mut ctx: SessionContext) -> SessionContext {
    let all: FamilySet = Family::ALL.into_iter().collect();
    (ctx.add_path_rx, ctx.add_path_tx) = (all, all);
    ctx
}

/// An attribute with a one-octet length.
pub(crate) fn attr(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![flags, code, value.len() as u8];
    out.extend_from_slice(value);
    out
}

/// Body of an UPDATE.
pub(crate) fn body(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut out = (withdrawn.len() as u16).to_be_bytes().to_vec();
    out.extend_from_slice(withdrawn);
    out.extend_from_slice(&(attributes.len() as u16).to_be_bytes());
    out.extend_from_slice(attributes);
    out.extend_from_slice(nlri);
    out
}

pub(crate) fn origin() -> Vec<u8> {
    attr(0x40, 1, &[0])
}

pub(crate) fn as_path() -> Vec<u8> {
    attr(0x40, 2, &[2, 1, 0, 0, 0xfd, 0xe9])
}

pub(crate) fn next_hop() -> Vec<u8> {
    attr(0x40, 3, &[192, 0, 2, 1])
}

/// The mandatory attributes of an eBGP route.
pub(crate) fn mandatory() -> Vec<u8> {
    [origin(), as_path(), next_hop()].concat()
}

/// `10.1.0.0/16`
pub(crate) const NLRI: [u8; 3] = [16, 10, 1];

/// MP_REACH_NLRI of `2001:db8::/32` by `2001:db8::1`.
pub(crate) fn mp_reach_v6() -> Vec<u8> {
    let mut value = vec![0, 2, 1, 16];
    value.extend_from_slice(&"2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
    value.extend_from_slice(&[0, 32, 0x20, 1, 0xd, 0xb8]);
    attr(0x80, 14, &value)
}
