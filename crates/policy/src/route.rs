//! The route that a policy looks at and changes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_types::aspath::{AsPath, AsPathBuf};
use ferr_types::attr::PathAttributes;
use ferr_types::community::{Communities, ExtCommunities, LargeCommunities};
use ferr_types::{Asn, IfIndex, Prefix, Protocol};

use crate::RpkiState;

/// What policy said of the next hop; the caller knows how to carry it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NexthopOverride {
    /// IPv4 next hop.
    pub v4: Option<Ipv4Addr>,
    /// IPv6 global next hop.
    pub v6_global: Option<Ipv6Addr>,
    /// IPv6 link-local next hop.
    pub v6_link_local: Option<Ipv6Addr>,
    /// Address of the peer (in), own address towards it (out).
    pub peer_address: bool,
    /// Kept on export.
    pub unchanged: bool,
    /// Forward by the global of two.
    pub prefer_global: bool,
}

/// A route under evaluation: what it was, what is known of its origin, and what policy changed so far. Later entries see
/// the changes of earlier ones.
#[derive(Debug, Clone)]
pub struct PolicyRoute<'a> {
    /// Destination.
    pub prefix: Prefix,
    /// Attributes before policy; fixed-size ones are changed in place.
    pub attributes: PathAttributes<'a>,
    /// Peer that sent the route, or that it is about to be sent to.
    pub peer: Option<IpAddr>,
    /// Local AS of the session, for `set as-path replace`.
    pub local_as: Asn,
    /// Made here.
    pub local: bool,
    /// Protocol that a redistributed route came from.
    pub source_protocol: Option<Protocol>,
    /// Interface of the peer or of the next hop.
    pub interface: Option<IfIndex>,
    /// Its name.
    pub interface_name: Option<&'a str>,
    /// VRF that the route was leaked from.
    pub source_vrf: Option<&'a str>,
    /// The next hop is a blackhole.
    pub blackhole: bool,
    /// Origin validation.
    pub rpki: Option<RpkiState>,
    /// Uniform in 0..100, drawn by the caller.
    pub dice: u8,
    /// Tag.
    pub tag: u32,
    /// Local weight.
    pub weight: Option<u32>,
    /// Administrative distance.
    pub distance: Option<u8>,
    /// Kernel table.
    pub table: Option<u32>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// Next hop.
    pub nexthop: NexthopOverride,
    /// Cost to the next hop, where it is known.
    pub igp_metric: Option<u32>,
    /// `set metric` was carried out, be it to the value from before.
    pub metric_set: bool,
    /// Type of an external OSPF route that was set: 1 or 2.
    pub metric_type: Option<u8>,
    /// Forwarding address of an external OSPFv3 route that was set.
    pub forwarding: Option<Ipv6Addr>,
    /// Whether any attribute was changed; if not, the caller keeps its interned set.
    pub changed: bool,
    /// Attributes of variable length, where they were changed.
    pub edits: Edits,
}

/// Changed attributes of variable length; empty at first.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    pub(crate) as_path: Option<AsPathBuf>,
    pub(crate) communities: Option<Vec<u8>>,
    pub(crate) large_communities: Option<Vec<u8>>,
    pub(crate) ext_communities: Option<Vec<u8>>,
}

impl<'a> PolicyRoute<'a> {
    /// Route without known origin.
    pub fn new(prefix: Prefix, attributes: PathAttributes<'a>) -> Self {
        Self {
            prefix,
            attributes,
            peer: None,
            local_as: Asn(0),
            local: false,
            source_protocol: None,
            interface: None,
            interface_name: None,
            source_vrf: None,
            blackhole: false,
            rpki: None,
            dice: 0,
            tag: 0,
            weight: None,
            distance: None,
            table: None,
            source: None,
            nexthop: NexthopOverride::default(),
            igp_metric: None,
            metric_set: false,
            metric_type: None,
            forwarding: None,
            changed: false,
            edits: Edits::default(),
        }
    }

    /// AS_PATH as it is now.
    pub fn as_path(&self) -> AsPath<'_> {
        self.edits.as_path.as_ref().map_or(self.attributes.as_path, AsPathBuf::as_path)
    }

    /// COMMUNITIES as they are now.
    pub fn communities(&self) -> Communities<'_> {
        view(self.edits.communities.as_deref(), Communities::new).unwrap_or(self.attributes.communities)
    }

    /// LARGE_COMMUNITY as it is now.
    pub fn large_communities(&self) -> LargeCommunities<'_> {
        view(self.edits.large_communities.as_deref(), LargeCommunities::new)
            .unwrap_or(self.attributes.large_communities)
    }

    /// EXTENDED COMMUNITIES as they are now.
    pub fn ext_communities(&self) -> ExtCommunities<'_> {
        view(self.edits.ext_communities.as_deref(), ExtCommunities::new)
            .unwrap_or(self.attributes.ext_communities)
    }

    /// All attributes as they are now.
    pub fn current(&self) -> PathAttributes<'_> {
        PathAttributes {
            as_path: self.as_path(),
            communities: self.communities(),
            large_communities: self.large_communities(),
            ext_communities: self.ext_communities(),
            ..self.attributes
        }
    }

    /// AS_PATH to be edited.
    pub fn as_path_mut(&mut self) -> &mut AsPathBuf {
        self.changed = true;
        self.edits.as_path.get_or_insert_with(|| self.attributes.as_path.to_buf())
    }
}

fn view<'b, V>(bytes: Option<&'b [u8]>, new: fn(&'b [u8]) -> Option<V>) -> Option<V> {
    bytes.and_then(new)
}
