//! The typed configuration.
//!
//! # Invariants
//! * Plain data: equal values mean equal behaviour, whatever the order of the edits that led to them.
//! * Maps are ordered as the canonical text is, so rendering needs no sorting.
//! * Passwords are [`Secret`]: `Debug` hides them.
//! * `None` in an `Option` setting means "not configured": inherit, or take the default.

pub mod bfd;
pub mod bgp;
pub mod global;
pub mod interface;
pub mod keychain;
pub mod link;
pub mod lists;
pub mod neighbor;
pub mod opaque;
pub mod origin;
pub mod ospf;
pub mod routemap;
pub mod statics;
pub mod wireguard;

use std::collections::BTreeMap;
use std::fmt;

use bgp::{BgpInstance, InstanceName};
use global::{Global, VrfGlobals};
use interface::Interface;
use keychain::KeyChain;
use lists::{AccessList, AsPathList, CommunityList, ListKey, PrefixList};
use opaque::{OpaqueBlock, OpaqueLines};
use origin::Origins;
use ospf::{OspfInstance, OspfName};
use routemap::RouteMap;
use statics::StaticRoutes;

/// A text that must not reach logs. Rendering shows it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the socket option or the saved configuration.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A VRF block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vrf {
    /// `table N`: the daemon makes the VRF's device, with this kernel table.
    pub table: Option<u32>,
    /// Statements that also exist at top level for the default VRF.
    pub globals: VrfGlobals,
    /// Layer-3 VNI.
    pub vni: Option<Vni>,
    /// `netns NAME`.
    pub netns: Option<String>,
    /// Static routes of the VRF.
    pub routes: StaticRoutes,
    /// Accepted statements without effect.
    pub opaque: OpaqueLines,
}

/// `vni N [prefix-routes-only]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vni {
    /// 1..=16777215.
    pub id: u32,
    /// Advertise prefix routes only.
    pub prefix_routes_only: bool,
}

/// Everything that `frr.conf` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// One-line statements.
    pub global: Global,
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// VRFs by name. A VRF block exists also when only routes or interfaces of it do.
    pub vrfs: BTreeMap<String, Vrf>,
    /// Static routes of the default VRF.
    pub routes: StaticRoutes,
    /// Prefix lists.
    pub prefix_lists: BTreeMap<ListKey, PrefixList>,
    /// Access lists, IPv4 and IPv6.
    pub access_lists: BTreeMap<ListKey, AccessList>,
    /// AS-path access lists by name.
    pub as_path_lists: BTreeMap<String, AsPathList>,
    /// Standard community lists by name.
    pub community_lists: BTreeMap<String, CommunityList>,
    /// Large-community lists by name.
    pub large_community_lists: BTreeMap<String, CommunityList>,
    /// Extended-community lists by name.
    pub ext_community_lists: BTreeMap<String, CommunityList>,
    /// `bgp community alias`: community text to name.
    pub community_aliases: BTreeMap<String, String>,
    /// Route-maps by name.
    pub route_maps: BTreeMap<String, RouteMap>,
    /// BGP instances.
    pub bgp: BTreeMap<InstanceName, BgpInstance>,
    /// `bfd`.
    pub bfd: bfd::Bfd,
    /// `router ospf`.
    pub ospf: BTreeMap<OspfName, OspfInstance>,
    /// `router ospf6`.
    pub ospf6: BTreeMap<OspfName, OspfInstance>,
    /// Key chains by name.
    pub key_chains: BTreeMap<String, KeyChain>,
    /// Blocks that are accepted and kept, by header line (`rpki`, `router isis`, ...).
    pub blocks: BTreeMap<String, OpaqueBlock>,
    /// Accepted top-level statements without effect.
    pub opaque: OpaqueLines,
    /// Where things stand; not part of equality.
    pub origins: Origins,
}
