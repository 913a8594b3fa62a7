//! Tables of each mode, bound to the objects they are about.

use super::args::Args;
use super::bgp_neighbor::{PeerName, peer_name};
use super::blocks::BlockKind;
use super::mode::Mode;
use super::table::{Bound, Table};
use super::{
    bfd, bgp, bgp_af, bgp_global, bgp_neighbor, bgp_neighbor_af, blocks, global, interface, keychain, link,
    lists, ospf, ospf_area, ospf_interface, ospf_router, routemap, wireguard,
};
use crate::error::ConfigError;
use crate::model::bfd::{Bfd, BfdParameters, BfdPeer};
use crate::model::bgp::{BgpAf, BgpFamily, BgpGlobals, BgpInstance, InstanceName};
use crate::model::global::{Global, LineVty, VrfGlobals};
use crate::model::interface::Interface;
use crate::model::keychain::{ChainKey, KeyChain};
use crate::model::link::OwnLink;
use crate::model::neighbor::{NeighborAf, NeighborSettings};
use crate::model::opaque::{OpaqueBlock, OpaqueLines};
use crate::model::ospf::{AreaId, Ospf6Link, OspfArea, OspfInstance, OspfInterface, OspfLink, OspfName};
use crate::model::routemap::RouteMapEntry;
use crate::model::{Config, Vrf};

/// Kind of a mode: modes of one kind take the same statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Config,
    Interface,
    Vrf,
    LineVty,
    RouteMap,
    Bgp,
    /// Unicast, multicast, labeled.
    BgpUnicast,
    /// VPN and flowspec.
    BgpVpn,
    BgpEvpn,
    BgpVni,
    Bmp,
    Bfd,
    BfdPeer,
    BfdProfile,
    Ospf,
    Ospf6,
    KeyChain,
    Key,
    Block(BlockKind),
}

type Found<'c, N> = Result<Option<&'c mut N>, ConfigError>;

fn config<'c>(c: &'c mut Config, _: &Mode, _: &Args<'_>, _: bool) -> Found<'c, Config> {
    Ok(Some(c))
}

fn globals<'c>(c: &'c mut Config, _: &Mode, _: &Args<'_>, _: bool) -> Found<'c, Global> {
    Ok(Some(&mut c.global))
}

fn default_vrf<'c>(c: &'c mut Config, _: &Mode, _: &Args<'_>, _: bool) -> Found<'c, VrfGlobals> {
    Ok(Some(&mut c.global.vrf))
}

fn line_vty<'c>(c: &'c mut Config, _: &Mode, _: &Args<'_>, _: bool) -> Found<'c, LineVty> {
    Ok(Some(&mut c.global.line_vty))
}

fn interface<'c>(c: &'c mut Config, mode: &Mode, _: &Args<'_>, _: bool) -> Found<'c, Interface> {
    let Mode::Interface { name, vrf } = mode else { return Ok(None) };
    let found = c.interfaces.entry(name.clone()).or_default();
    if vrf.is_some() {
        found.vrf.clone_from(vrf);
    }
    Ok(Some(found))
}

/// Longest name of a link, in octets (`IFNAMSIZ` with its end).
const LONGEST_NAME: usize = 15;

/// Whether the kernel takes it as the name of a link.
fn is_link_name(name: &str) -> bool {
    let odd = |b: u8| b == b'/' || b == b':' || b.is_ascii_whitespace() || b.is_ascii_control();
    (1..=LONGEST_NAME).contains(&name.len())
        && !matches!(name, "." | ".." | "default")
        && !name.bytes().any(odd)
}

fn own_link<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, OwnLink> {
    if !no && let Mode::Interface { name, .. } = mode {
        let named = ["dev", "peer", "vrf", "master"].into_iter().filter_map(|label| a.get(label));
        for other in named.chain([name.as_str()]) {
            if !is_link_name(other) {
                return Err(ConfigError::LinkName(other.to_owned()));
            }
        }
        if ["dev", "peer", "vrf", "master"].into_iter().any(|label| a.get(label) == Some(name)) {
            return Err(ConfigError::OwnName);
        }
    }
    Ok(interface(c, mode, a, no)?.map(|i| &mut i.own))
}

fn vrf_table<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, Option<u32>> {
    let Mode::Vrf(name) = mode else { return Ok(None) };
    if !no {
        if !is_link_name(name) {
            return Err(ConfigError::LinkName(name.clone()));
        }
        let table = a.opt::<u32>("table")?;
        let holder = c.vrfs.iter().find(|(other, v)| *other != name && v.table.is_some() && v.table == table);
        if let Some((other, _)) = holder {
            return Err(ConfigError::TableInUse(other.clone()));
        }
    }
    Ok(vrf(c, mode, a, no)?.map(|v| &mut v.table))
}

fn vrf<'c>(c: &'c mut Config, mode: &Mode, _: &Args<'_>, _: bool) -> Found<'c, Vrf> {
    let Mode::Vrf(name) = mode else { return Ok(None) };
    Ok(Some(c.vrfs.entry(name.clone()).or_default()))
}

fn vrf_globals<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, VrfGlobals> {
    Ok(vrf(c, mode, a, no)?.map(|v| &mut v.globals))
}

fn route_map<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, RouteMapEntry> {
    let Mode::RouteMap(name, seq) = mode else { return Ok(None) };
    let jumps = !no && (a.has("on-match") || a.has("continue"));
    if jumps && a.opt::<u16>("goto")?.is_some_and(|to| to <= *seq) {
        return Err(ConfigError::JumpBack(*seq));
    }
    Ok(c.route_maps.get_mut(name).and_then(|m| m.entries.get_mut(seq)))
}

const fn instance_of(mode: &Mode) -> Option<&InstanceName> {
    match mode {
        Mode::Bgp(name) | Mode::BgpAf(name, _) | Mode::BgpVni(name, _) | Mode::Bmp(name, _) => Some(name),
        _ => None,
    }
}

/// Statements directly under `router bgp` are about IPv4 unicast.
const fn family_of(mode: &Mode) -> BgpFamily {
    match mode {
        Mode::BgpAf(_, family) => *family,
        Mode::BgpVni(..) => BgpFamily::L2vpnEvpn,
        _ => BgpFamily::Ipv4Unicast,
    }
}

fn instance<'c>(c: &'c mut Config, mode: &Mode, _: &Args<'_>, _: bool) -> Found<'c, BgpInstance> {
    Ok(instance_of(mode).and_then(|name| c.bgp.get_mut(name)))
}

fn bgp_globals<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, BgpGlobals> {
    Ok(instance(c, mode, a, no)?.map(|b| &mut b.globals))
}

fn neighbor<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, NeighborSettings> {
    let Some(b) = instance(c, mode, a, no)? else { return Ok(None) };
    if !no && a.has("local-as") && a.opt("asn")? == Some(b.asn) {
        return Err(ConfigError::LocalAsIsOwn);
    }
    match peer_name(b, a.get("nbr").unwrap_or_default()) {
        Some(PeerName::Neighbor(key)) => Ok(b.neighbors.get_mut(&key).map(|n| &mut n.settings)),
        Some(PeerName::Group(name)) => Ok(b.groups.get_mut(&name).map(|g| &mut g.settings)),
        None if no => Ok(None),
        None => Err(ConfigError::UnknownNeighbor),
    }
}

fn neighbor_af<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, NeighborAf> {
    let family = family_of(mode);
    let Some(b) = instance(c, mode, a, no)? else { return Ok(None) };
    let afs = match peer_name(b, a.get("nbr").unwrap_or_default()) {
        Some(PeerName::Neighbor(key)) => b.neighbors.get_mut(&key).map(|n| &mut n.afs),
        Some(PeerName::Group(name)) => b.groups.get_mut(&name).map(|g| &mut g.afs),
        None if no => None,
        None => return Err(ConfigError::UnknownNeighbor),
    };
    Ok(afs.map(|afs| afs.entry(family).or_default()))
}

fn af<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, BgpAf> {
    let family = family_of(mode);
    let prefix = a.get("p").is_some_and(|p| p.contains(':') != (family.afi() == Some(ferr_types::Afi::Ipv6)));
    if prefix && family.afi().is_some() {
        return Err(ConfigError::WrongFamily);
    }
    Ok(instance(c, mode, a, no)?.map(|b| b.afs.entry(family).or_default()))
}

fn vni<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, OpaqueLines> {
    let Mode::BgpVni(_, id) = mode else { return Ok(None) };
    Ok(af(c, mode, a, no)?.map(|af| af.vnis.entry(*id).or_default()))
}

fn bmp<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, OpaqueLines> {
    let Mode::Bmp(_, name) = mode else { return Ok(None) };
    Ok(instance(c, mode, a, no)?.and_then(|b| b.bmp.get_mut(name)))
}

fn bfd_block<'c>(c: &'c mut Config, _: &Mode, _: &Args<'_>, _: bool) -> Found<'c, Bfd> {
    Ok(Some(&mut c.bfd))
}

fn bfd_peer<'c>(c: &'c mut Config, mode: &Mode, _: &Args<'_>, _: bool) -> Found<'c, BfdPeer> {
    let Mode::BfdPeer(key) = mode else { return Ok(None) };
    Ok(c.bfd.peers.get_mut(key))
}

fn bfd_parameters<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, BfdParameters> {
    match mode {
        Mode::BfdPeer(key) => {
            if !no {
                bfd::fits(key, a)?;
            }
            Ok(c.bfd.peers.get_mut(key).map(|peer| &mut peer.parameters))
        }
        Mode::BfdProfile(name) => Ok(c.bfd.profiles.get_mut(name)),
        _ => Ok(None),
    }
}

fn ospf<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, OspfInstance> {
    if !no {
        ospf::fits(mode, a)?;
    }
    match mode {
        Mode::Ospf(name) => {
            let network = !no && a.keywords().next() == Some("network");
            if network && c.interfaces.values().any(|i| i.has_ospf_area(name)) {
                return Err(ConfigError::InterfaceAreas);
            }
            Ok(c.ospf.get_mut(name))
        }
        Mode::Ospf6(name) => Ok(c.ospf6.get_mut(name)),
        _ => Ok(None),
    }
}

fn ospf_area<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, OspfArea> {
    let id: AreaId = a.val("area")?;
    if !no {
        ospf_area::fits(id.is_backbone(), a)?;
    }
    let Some(instance) = ospf(c, mode, a, no)? else { return Ok(None) };
    Ok(if no { instance.areas.get_mut(&id) } else { Some(instance.area(id)) })
}

fn ospf_link<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, OspfLink> {
    Ok(interface(c, mode, a, no)?.map(|i| &mut i.ospf))
}

fn ospf6_link<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, Ospf6Link> {
    let Some(interface) = interface(c, mode, a, no)? else { return Ok(None) };
    if !no
        && a.has("area")
        && let (Some(area), Mode::Interface { name, .. }) = (interface.ospf6.area, mode)
        && area != a.val("v")?
    {
        return Err(ConfigError::Attached { interface: name.clone(), area: area.to_string() });
    }
    Ok(Some(&mut interface.ospf6))
}

fn ospf_interface<'c>(c: &'c mut Config, mode: &Mode, a: &Args<'_>, no: bool) -> Found<'c, OspfInterface> {
    if !no
        && a.has("area")
        && let Mode::Interface { name, vrf } = mode
    {
        let held = c.interfaces.get(name).and_then(Interface::vrf_name).map(str::to_owned);
        let name = OspfName { instance: a.opt("instance")?.unwrap_or(0), vrf: vrf.clone().or(held) };
        if c.ospf.get(&name).is_some_and(|instance| !instance.networks.is_empty()) {
            return Err(ConfigError::NetworkAreas);
        }
    }
    let addr = a.opt("addr")?;
    Ok(interface(c, mode, a, no)?.map(|i| i.ospf.settings(addr)))
}

fn key_chain<'c>(c: &'c mut Config, mode: &Mode, _: &Args<'_>, _: bool) -> Found<'c, KeyChain> {
    let Mode::KeyChain(name) = mode else { return Ok(None) };
    Ok(c.key_chains.get_mut(name))
}

fn chain_key<'c>(c: &'c mut Config, mode: &Mode, _: &Args<'_>, _: bool) -> Found<'c, ChainKey> {
    let Mode::Key(name, id) = mode else { return Ok(None) };
    Ok(c.key_chains.get_mut(name).and_then(|chain| chain.keys.get_mut(id)))
}

fn block<'c>(c: &'c mut Config, mode: &Mode, _: &Args<'_>, _: bool) -> Found<'c, OpaqueBlock> {
    let Mode::Block(_, path) = mode else { return Ok(None) };
    let Some((header, inner)) = path.split_first() else { return Ok(None) };
    Ok(Some(c.blocks.entry(header.clone()).or_default().descend(inner)))
}

const AREA: &str = "area <A.B.C.D@area|(0-4294967295)@area>";
const NBR: &str = "neighbor <A.B.C.D@nbr|X:X::X:X@nbr|WORD@nbr>";

static CONFIG: Bound<Config> = Bound {
    prefix: "",
    stmts: &[
        global::BLOCKS,
        global::ROUTES,
        lists::PREFIX_LISTS,
        lists::ACCESS_LISTS,
        lists::AS_PATH_LISTS,
        lists::COMMUNITY_LISTS,
        bgp::HEADER,
        ospf::HEADERS,
        bfd::HEADER,
        keychain::HEADER,
        blocks::HEADERS,
        global::INERT,
    ],
    resolve: config,
};
static GLOBAL: Bound<Global> = Bound {
    prefix: "",
    stmts: &[global::COMMON, global::ZEBRA, bgp_global::BGP, global::DEBUG],
    resolve: globals,
};
static DEFAULT_VRF: Bound<VrfGlobals> =
    Bound { prefix: "", stmts: &[global::VRF_GLOBALS, global::VRF_MAPS], resolve: default_vrf };
static LINE_VTY: Bound<LineVty> = Bound { prefix: "", stmts: &[global::LINE_VTY], resolve: line_vty };
static INTERFACE: Bound<Interface> = Bound {
    prefix: "",
    stmts: &[interface::STATEMENTS, interface::ND, interface::INERT],
    resolve: interface,
};
static OWN_LINK: Bound<OwnLink> =
    Bound { prefix: "", stmts: &[link::LINK, wireguard::WIREGUARD], resolve: own_link };
static VRF_TABLE: Bound<Option<u32>> = Bound { prefix: "", stmts: &[global::VRF_TABLE], resolve: vrf_table };
static VRF: Bound<Vrf> = Bound { prefix: "", stmts: &[global::VRF, global::VRF_ROUTES], resolve: vrf };
static VRF_GLOBALS: Bound<VrfGlobals> =
    Bound { prefix: "", stmts: &[global::VRF_GLOBALS, global::VRF_MAPS], resolve: vrf_globals };
static ROUTE_MAP: Bound<RouteMapEntry> =
    Bound { prefix: "", stmts: &[routemap::FLOW, routemap::MATCHES, routemap::SETS], resolve: route_map };
static BGP: Bound<BgpInstance> = Bound {
    prefix: "",
    stmts: &[bgp::SETTINGS, bgp::BLOCKS, bgp_neighbor::OBJECTS, bgp_neighbor::REMOVAL, bgp::LISTEN],
    resolve: instance,
};
static BGP_GLOBALS: Bound<BgpGlobals> =
    Bound { prefix: "", stmts: &[bgp::GLOBALS, bgp::DECISION], resolve: bgp_globals };
static NEIGHBOR: Bound<NeighborSettings> =
    Bound { prefix: NBR, stmts: &[bgp_neighbor::SETTINGS], resolve: neighbor };
static NEIGHBOR_AF: Bound<NeighborAf> = Bound {
    prefix: NBR,
    stmts: &[bgp_neighbor_af::NEIGHBOR, bgp_neighbor_af::FILTERS],
    resolve: neighbor_af,
};
static AF: Bound<BgpAf> = Bound { prefix: "", stmts: &[bgp_af::ORIGINATION, bgp_af::REST], resolve: af };
static EVPN: Bound<BgpAf> = Bound { prefix: "", stmts: &[bgp_af::EVPN], resolve: af };
static VNI: Bound<OpaqueLines> = Bound { prefix: "", stmts: &[bgp_af::VNI], resolve: vni };
static BMP: Bound<OpaqueLines> = Bound { prefix: "", stmts: &[bgp::BMP], resolve: bmp };

static BFD: Bound<Bfd> = Bound { prefix: "", stmts: &[bfd::BLOCK], resolve: bfd_block };
static BFD_PEER: Bound<BfdPeer> = Bound { prefix: "", stmts: &[bfd::PEER], resolve: bfd_peer };
static BFD_PARAMETERS: Bound<BfdParameters> =
    Bound { prefix: "", stmts: &[bfd::PARAMETERS], resolve: bfd_parameters };

static OSPF: Bound<OspfInstance> = Bound {
    prefix: "",
    stmts: &[ospf_router::HEAD, ospf_router::NEIGHBORS, ospf_router::TAIL],
    resolve: ospf,
};
static OSPF_AREA: Bound<OspfArea> =
    Bound { prefix: AREA, stmts: &[ospf_area::AREA, ospf_area::VIRTUAL_LINKS], resolve: ospf_area };
static OSPF_PASSIVE: Bound<Config> = Bound { prefix: "", stmts: &[ospf::PASSIVE], resolve: config };
static OSPF6: Bound<OspfInstance> =
    Bound { prefix: "", stmts: &[ospf_router::HEAD6, ospf_router::TAIL6], resolve: ospf };
static OSPF6_AREA: Bound<OspfArea> = Bound { prefix: AREA, stmts: &[ospf_area::AREA6], resolve: ospf_area };
static OSPF6_LINK_AREA: Bound<Config> = Bound { prefix: "", stmts: &[ospf::LINK_AREA], resolve: config };
static OSPF_LINK: Bound<OspfLink> = Bound { prefix: "", stmts: &[ospf_interface::LINK], resolve: ospf_link };
static OSPF_INTERFACE: Bound<OspfInterface> =
    Bound { prefix: "", stmts: &[ospf_interface::INTERFACE], resolve: ospf_interface };
static OSPF6_LINK: Bound<Ospf6Link> =
    Bound { prefix: "", stmts: &[ospf_interface::LINK6], resolve: ospf6_link };
static KEY_CHAIN: Bound<KeyChain> = Bound { prefix: "", stmts: &[keychain::CHAIN], resolve: key_chain };
static KEY: Bound<ChainKey> = Bound { prefix: "", stmts: &[keychain::KEY], resolve: chain_key };

/// One bound table per kind of block.
macro_rules! block_tables {
    ($($kind:ident),*) => {
        fn block_table(kind: BlockKind) -> &'static dyn Table {
            match kind {
                $(BlockKind::$kind => {
                    static TABLE: Bound<OpaqueBlock> =
                        Bound { prefix: "", stmts: blocks::tables(BlockKind::$kind), resolve: block };
                    &TABLE
                })*
            }
        }
    };
}
block_tables!(Rpki, NexthopGroup, PbrMap, SegmentRouting, Other);

impl Node {
    pub(crate) const fn of(mode: &Mode) -> Self {
        match mode {
            Mode::Config => Self::Config,
            Mode::Interface { .. } => Self::Interface,
            Mode::Vrf(_) => Self::Vrf,
            Mode::LineVty => Self::LineVty,
            Mode::RouteMap(..) => Self::RouteMap,
            Mode::Bgp(_) => Self::Bgp,
            Mode::BgpAf(_, BgpFamily::L2vpnEvpn) => Self::BgpEvpn,
            Mode::BgpAf(
                _,
                BgpFamily::Ipv4Vpn | BgpFamily::Ipv6Vpn | BgpFamily::Ipv4Flowspec | BgpFamily::Ipv6Flowspec,
            ) => Self::BgpVpn,
            Mode::BgpAf(..) => Self::BgpUnicast,
            Mode::BgpVni(..) => Self::BgpVni,
            Mode::Bmp(..) => Self::Bmp,
            Mode::Bfd => Self::Bfd,
            Mode::BfdPeer(_) => Self::BfdPeer,
            Mode::BfdProfile(_) => Self::BfdProfile,
            Mode::Ospf(_) => Self::Ospf,
            Mode::Ospf6(_) => Self::Ospf6,
            Mode::KeyChain(_) => Self::KeyChain,
            Mode::Key(..) => Self::Key,
            Mode::Block(kind, _) => Self::Block(*kind),
        }
    }

    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Config,
            Self::Interface,
            Self::Vrf,
            Self::LineVty,
            Self::RouteMap,
            Self::Bgp,
            Self::BgpUnicast,
            Self::BgpVpn,
            Self::BgpEvpn,
            Self::BgpVni,
            Self::Bmp,
            Self::Bfd,
            Self::BfdPeer,
            Self::BfdProfile,
            Self::Ospf,
            Self::Ospf6,
            Self::KeyChain,
            Self::Key,
        ];
        all.extend(BlockKind::ALL.map(Self::Block));
        all
    }

    pub(crate) fn tables(self) -> Vec<&'static dyn Table> {
        match self {
            Self::Config => vec![&CONFIG, &GLOBAL, &DEFAULT_VRF],
            Self::Interface => {
                vec![&INTERFACE, &OSPF_LINK, &OSPF_INTERFACE, &OSPF6_LINK, &OWN_LINK]
            }
            Self::Vrf => vec![&VRF_TABLE, &VRF, &VRF_GLOBALS],
            Self::LineVty => vec![&LINE_VTY],
            Self::RouteMap => vec![&ROUTE_MAP],
            Self::Bgp => vec![&BGP, &BGP_GLOBALS, &NEIGHBOR, &NEIGHBOR_AF, &AF],
            Self::BgpUnicast => vec![&NEIGHBOR_AF, &AF],
            Self::BgpVpn | Self::BgpEvpn => vec![&NEIGHBOR_AF, &AF, &EVPN],
            Self::BgpVni => vec![&VNI],
            Self::Bmp => vec![&BMP],
            Self::Bfd => vec![&BFD],
            Self::BfdPeer => vec![&BFD_PEER, &BFD_PARAMETERS],
            Self::BfdProfile => vec![&BFD_PARAMETERS],
            Self::Ospf => vec![&OSPF, &OSPF_AREA, &OSPF_PASSIVE],
            Self::Ospf6 => vec![&OSPF6, &OSPF6_AREA, &OSPF6_LINK_AREA],
            Self::KeyChain => vec![&KEY_CHAIN],
            Self::Key => vec![&KEY],
            Self::Block(kind) => vec![block_table(kind)],
        }
    }
}
