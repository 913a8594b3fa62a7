//! Attribute sets as one compact block, for stores that keep them interned.
//!
//! The block is internal: records of code, 2-octet length and value in a fixed order, 4-octet AS numbers, the next hop
//! as a record, all unknown attributes as one. Equal [`PathAttributes`] give equal blocks and the other way round.

use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_types::aspath::AsPath;
use ferr_types::attr::{Aggregator, BgpNexthop, Origin, PathAttributes};
use ferr_types::community::{ClusterList, Communities, ExtCommunities, LargeCommunities};
use ferr_types::{Asn, RouterId};

use crate::rules::attr;

/// Bytes that [`encode_attributes_canonical`] did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a canonical attribute block")]
pub struct MalformedCanonical;

/// Record with all unknown attributes; the code is reserved on the wire.
const UNKNOWN: u8 = 0;

/// Appends the block of `set`. Values are cut at 65535 octets, which no message exceeds.
pub fn encode_attributes_canonical(set: &PathAttributes<'_>, out: &mut Vec<u8>) {
    let mut put = |code: u8, value: &[u8]| {
        let value = &value[..value.len().min(0xffff)];
        let [high, low] = (value.len() as u16).to_be_bytes();
        out.extend_from_slice(&[code, high, low]);
        out.extend_from_slice(value);
    };
    put(attr::ORIGIN, &[set.origin as u8]);
    put(attr::AS_PATH, set.as_path.as_bytes());
    match set.next_hop {
        Some(BgpNexthop::V4(addr)) => put(attr::NEXT_HOP, &addr.octets()),
        Some(BgpNexthop::V6 { global, link_local: None }) => put(attr::NEXT_HOP, &global.octets()),
        Some(BgpNexthop::V6 { global, link_local: Some(local) }) => {
            let mut both = [0; 32];
            both[..16].copy_from_slice(&global.octets());
            both[16..].copy_from_slice(&local.octets());
            put(attr::NEXT_HOP, &both);
        }
        None => {}
    }
    let mut number = |code: u8, value: Option<u32>| {
        if let Some(value) = value {
            put(code, &value.to_be_bytes());
        }
    };
    number(attr::MULTI_EXIT_DISC, set.med);
    number(attr::LOCAL_PREF, set.local_pref);
    number(attr::ORIGINATOR_ID, set.originator_id.map(|id| id.0.to_bits()));
    number(attr::ONLY_TO_CUSTOMER, set.only_to_customer.map(|asn| asn.0));
    if let Some(metric) = set.aigp {
        put(attr::AIGP, &metric.to_be_bytes());
    }
    if set.atomic_aggregate {
        put(attr::ATOMIC_AGGREGATE, &[]);
    }
    if let Some(aggregator) = set.aggregator {
        let mut value = [0; 8];
        value[..4].copy_from_slice(&aggregator.asn.0.to_be_bytes());
        value[4..].copy_from_slice(&aggregator.addr.octets());
        put(attr::AGGREGATOR, &value);
    }
    for (code, value) in [
        (attr::COMMUNITIES, set.communities.as_bytes()),
        (attr::CLUSTER_LIST, set.cluster_list.as_bytes()),
        (attr::EXTENDED_COMMUNITIES, set.ext_communities.as_bytes()),
        (attr::LARGE_COMMUNITY, set.large_communities.as_bytes()),
        (UNKNOWN, set.unknown),
    ] {
        if !value.is_empty() {
            put(code, value);
        }
    }
}

/// The set of a block.
///
/// # Errors
/// [`MalformedCanonical`] for bytes that are no block.
pub fn decode_attributes_canonical(block: &[u8]) -> Result<PathAttributes<'_>, MalformedCanonical> {
    decode(block).ok_or(MalformedCanonical)
}

fn decode(mut block: &[u8]) -> Option<PathAttributes<'_>> {
    let mut set = PathAttributes::default();
    while let Some(([code, l0, l1], rest)) = block.split_first_chunk::<3>() {
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        block = rest;
        let number = || Some(u32::from_be_bytes(*value.as_array::<4>()?));
        match *code {
            attr::ORIGIN => set.origin = Origin::from_code(*value.first()?)?,
            attr::AS_PATH => set.as_path = AsPath::new(value).ok()?,
            attr::NEXT_HOP => set.next_hop = Some(nexthop(value)?),
            attr::MULTI_EXIT_DISC => set.med = Some(number()?),
            attr::LOCAL_PREF => set.local_pref = Some(number()?),
            attr::ORIGINATOR_ID => set.originator_id = Some(RouterId(Ipv4Addr::from_bits(number()?))),
            attr::ONLY_TO_CUSTOMER => set.only_to_customer = Some(Asn(number()?)),
            attr::AIGP => set.aigp = Some(u64::from_be_bytes(*value.as_array::<8>()?)),
            attr::ATOMIC_AGGREGATE => set.atomic_aggregate = true,
            attr::AGGREGATOR => {
                let [a, b, c, d, addr @ ..] = value.as_array::<8>()?;
                let asn = Asn(u32::from_be_bytes([*a, *b, *c, *d]));
                set.aggregator = Some(Aggregator { asn, addr: Ipv4Addr::from_octets(*addr) });
            }
            attr::COMMUNITIES => set.communities = Communities::new(value)?,
            attr::CLUSTER_LIST => set.cluster_list = ClusterList::new(value)?,
            attr::EXTENDED_COMMUNITIES => set.ext_communities = ExtCommunities::new(value)?,
            attr::LARGE_COMMUNITY => set.large_communities = LargeCommunities::new(value)?,
            UNKNOWN => set.unknown = value,
            _ => return None,
        }
    }
    block.is_empty().then_some(set)
}

fn nexthop(value: &[u8]) -> Option<BgpNexthop> {
    if let Some(addr) = value.as_array::<4>() {
        return Some(BgpNexthop::V4(Ipv4Addr::from_octets(*addr)));
    }
    Some(match value.as_chunks::<16>() {
        ([global], []) => BgpNexthop::V6 { global: Ipv6Addr::from_octets(*global), link_local: None },
        ([global, local], []) => BgpNexthop::V6 {
            global: Ipv6Addr::from_octets(*global),
            link_local: Some(Ipv6Addr::from_octets(*local)),
        },
        _ => return None,
    })
}
