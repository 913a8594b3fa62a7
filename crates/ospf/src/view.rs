//! Pictures for `show`: copies of single things; LSAs are read from [`crate::Lsdb`] by its own cursors.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{DbdFlags, LsaType, Options, PacketType, RouterBits};
use ferr_types::{AreaId, IfIndex, Prefix, RouterId, Tag};

use crate::config::{AreaConfig, InterfaceConfig, InterfaceKey};
use crate::io::{Cause, InterfaceState, NeighborState};

/// The instance.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// Router ID in use.
    pub router_id: RouterId,
    /// Since when it runs.
    pub started: Instant,
    /// Area border router.
    pub abr: bool,
    /// AS boundary router.
    pub asbr: bool,
    /// Tells others not to go through it.
    pub stub_router: bool,
    /// A graceful restart of its own runs until then.
    pub restarting: Option<Instant>,
    /// Runs of SPF.
    pub spf: SpfView,
    /// LSAs of AS scope by type: number and sum of checksums.
    pub lsas: BTreeMap<LsaType, (usize, u64)>,
    /// Areas.
    pub areas: Vec<AreaView>,
}

/// Runs of SPF.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpfView {
    /// Full runs.
    pub full: u64,
    /// Runs for a part: changed prefixes or externals only.
    pub partial: u64,
    /// Last run.
    pub last: Option<Instant>,
    /// How long it took; of a core without a clock: set by the driver.
    pub duration: Duration,
    /// What it was run for.
    pub reason: Option<SpfReason>,
    /// Next run, when one is due.
    pub due: Option<Instant>,
}

/// What SPF was run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpfReason {
    /// Router-LSA.
    Router,
    /// Network-LSA.
    Network,
    /// Link-LSA or intra-area-prefix-LSA.
    Prefix,
    /// Summary.
    Summary,
    /// External.
    External,
    /// Own links.
    Links,
    /// Configuration.
    Configuration,
    /// End of a graceful restart.
    RestartEnd,
}

/// An area.
#[derive(Debug, Clone)]
pub struct AreaView {
    /// Which.
    pub id: AreaId,
    /// What is configured.
    pub config: AreaConfig,
    /// Interfaces.
    pub interfaces: usize,
    /// Interfaces that are up.
    pub active: usize,
    /// Full adjacencies.
    pub full: usize,
    /// Full adjacencies over virtual links through it.
    pub virtual_full: usize,
    /// This router translates for the NSSA.
    pub translator: bool,
    /// All its border routers are shortcut ones.
    pub shortcut_agreed: bool,
    /// Runs of SPF in it.
    pub spf_runs: u64,
    /// Last of them.
    pub spf_last: Option<Instant>,
    /// LSAs of area scope by type: number and sum of checksums.
    pub lsas: BTreeMap<LsaType, (usize, u64)>,
}

/// An interface.
#[derive(Debug, Clone)]
pub struct InterfaceView {
    /// Which.
    pub key: InterfaceKey,
    /// Link; of virtual links the first hop's.
    pub ifindex: Option<IfIndex>,
    /// What is configured.
    pub config: InterfaceConfig,
    /// State.
    pub state: InterfaceState,
    /// How often it changed.
    pub changes: u32,
    /// Cost in force.
    pub cost: u16,
    /// Designated router: router ID and address.
    pub dr: Option<(RouterId, IpAddr)>,
    /// Backup designated router.
    pub bdr: Option<(RouterId, IpAddr)>,
    /// Next Hello.
    pub hello_due: Option<Instant>,
    /// End of Waiting.
    pub wait_due: Option<Instant>,
    /// Member of AllSPFRouters.
    pub all_spf: bool,
    /// Member of AllDRouters.
    pub all_dr: bool,
    /// Neighbors.
    pub neighbors: usize,
    /// Full adjacencies.
    pub full: usize,
    /// Own number of the interface (OSPFv3).
    pub interface_id: u32,
    /// LSAs of link scope.
    pub link_lsas: usize,
    /// Delayed acknowledgments that wait.
    pub delayed_acks: usize,
    /// Packets by type: received, sent.
    pub packets: BTreeMap<PacketType, (u64, u64)>,
    /// Packets refused.
    pub refused: u64,
}

/// A neighbor.
#[derive(Debug, Clone)]
pub struct NeighborView {
    /// Interface.
    pub interface: InterfaceKey,
    /// Name of the link.
    pub name: Arc<str>,
    /// Own address on it.
    pub local: Option<IpAddr>,
    /// State of the interface.
    pub interface_state: InterfaceState,
    /// Area.
    pub area: AreaId,
    /// Router ID.
    pub router: RouterId,
    /// Address.
    pub addr: IpAddr,
    /// Priority.
    pub priority: u8,
    /// State.
    pub state: NeighborState,
    /// Whom it takes for designated router: address in OSPFv2, router ID in OSPFv3.
    pub dr: Ipv4Addr,
    /// Whom for its backup.
    pub bdr: Ipv4Addr,
    /// Its options.
    pub options: Options,
    /// Its number of the interface (OSPFv3).
    pub interface_id: u32,
    /// Since when it is known.
    pub since: Instant,
    /// When its state changed last.
    pub changed: Instant,
    /// Changes of state.
    pub changes: u32,
    /// Last step towards Full.
    pub progressive: Option<Instant>,
    /// Last step away from it, and why.
    pub regressive: Option<(Instant, Cause)>,
    /// When it counts as lost.
    pub dead_due: Option<Instant>,
    /// LSAs that it did not acknowledge yet.
    pub retransmit: usize,
    /// LSAs that we ask for.
    pub requests: usize,
    /// LSAs still to be described.
    pub summary: usize,
    /// DD sequence number.
    pub dd_sequence: u32,
    /// Flags of its last Database Description.
    pub dd_flags: DbdFlags,
    /// It leads the exchange.
    pub master: bool,
    /// Watched by BFD.
    pub bfd: bool,
    /// We help it restart until then.
    pub helped: Option<Instant>,
}

/// Kind of a path, in the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathKind {
    /// Inside an area.
    Intra,
    /// From another area.
    Inter,
    /// External, type 1.
    External1,
    /// External, type 2.
    External2,
}

/// A way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WayView {
    /// Link.
    pub ifindex: IfIndex,
    /// Gateway; `None` on the link itself.
    pub gateway: Option<IpAddr>,
}

/// A route.
#[derive(Debug, Clone)]
pub struct RouteView {
    /// Destination.
    pub prefix: Prefix,
    /// Kind.
    pub kind: PathKind,
    /// Area; that of the way to the originator for external routes.
    pub area: AreaId,
    /// Cost: of type 2 that of the way inside.
    pub cost: u32,
    /// Metric of type 2.
    pub type2_cost: Option<u32>,
    /// Tag.
    pub tag: Tag,
    /// Ways; none when packets for holes in a range of this router are discarded.
    pub ways: Vec<WayView>,
    /// Loop-free alternates.
    pub backup: Vec<WayView>,
    /// Since when it is so.
    pub since: Instant,
}

/// A router or a network of an area, as the shortest paths reach it.
#[derive(Debug, Clone)]
pub struct VertexView {
    /// The router; of a network the designated one in OSPFv3, unset in OSPFv2.
    pub router: RouterId,
    /// Of a network: address of its designated router, or that one's number of the interface (OSPFv3).
    pub network: Option<u32>,
    /// Cost.
    pub cost: u32,
    /// What the router is.
    pub bits: RouterBits,
    /// Options of its LSA (OSPFv3).
    pub options: Options,
    /// Ways; none to the router itself.
    pub ways: Vec<WayView>,
}

/// A way to a router that matters: area border, AS boundary.
#[derive(Debug, Clone)]
pub struct RouterRouteView {
    /// Router.
    pub router: RouterId,
    /// Area through which.
    pub area: AreaId,
    /// Intra-area or inter-area.
    pub kind: PathKind,
    /// Cost.
    pub cost: u32,
    /// Area border router.
    pub abr: bool,
    /// AS boundary router.
    pub asbr: bool,
    /// Ways.
    pub ways: Vec<WayView>,
}
