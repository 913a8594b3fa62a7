//! What a command does; its words are in [`crate::pattern::Args`].

/// One per handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Moves the session or changes how it behaves.
    Session(SessionAction),
    /// Generic commands of every socket.
    Common(CommonAction),
    /// BGP.
    Bgp(BgpAction),
    /// BFD.
    Bfd(BfdAction),
    /// OSPFv2.
    Ospf(OspfAction),
    /// OSPFv3.
    Ospf6(Ospf6Action),
    /// RIB and interfaces.
    Zebra(ZebraAction),
    /// Lists and route-maps.
    Lists(ListsAction),
    /// Of a protocol that does not run: an empty answer.
    Absent(Empty),
}

/// See [`Action::Session`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionAction {
    Enable,
    Disable,
    Configure,
    End,
    Exit,
    Nothing,
    Begin,
    Finish,
    List,
    Find,
    History,
    Monitor,
    NoMonitor,
    Prompt,
    Complete,
}

/// See [`Action::Common`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommonAction {
    Echo,
    Version,
    Memory,
    Threads,
    Modules,
    WorkQueues,
    Logging,
    Debugging,
    Errors,
    Daemons,
    Running,
    Write,
    LogMessage,
    WatchFrr,
    Startup,
}

/// See [`Action::Bgp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BgpAction {
    Summary,
    Table,
    Prefix,
    Neighbors,
    NeighborRoutes,
    Adjacent,
    GracefulRestart,
    PrefixCounts,
    Vrfs,
    Views,
    PeerGroups,
    Nexthops,
    UpdateGroups,
    Memory,
    Statistics,
    Clear,
}

/// See [`Action::Bfd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BfdAction {
    Peers,
    Peer,
    Clear,
    Doctor,
}

/// See [`Action::Ospf`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OspfAction {
    Process,
    Vrfs,
    Neighbors,
    Interfaces,
    Traffic,
    Database,
    MaxAge,
    Routes,
    BorderRouters,
    ReachableRouters,
    Helper,
    Summaries,
    Engineering,
    RouterInformation,
    LdpSync,
    Clear,
    Prepare,
}

/// See [`Action::Ospf6`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ospf6Action {
    Process,
    Vrfs,
    Neighbors,
    Interfaces,
    Prefixes,
    Traffic,
    Database,
    Routes,
    Tree,
    Simulate,
    BorderRouters,
    LinkState,
    Redistribute,
    Summaries,
    Helper,
    Zebra,
    Clear,
    Prepare,
}

/// See [`Action::Zebra`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ZebraAction {
    Routes,
    Prefix,
    Summary,
    Interfaces,
    Vrfs,
    Tracked,
    ImportChecks,
    Groups,
    Forwarding,
    RouterId,
    Protocols,
    Zebra,
    Tables,
    Links,
    Sysctls,
    Mss,
    WireGuard,
}

/// See [`Action::Lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListsAction {
    PrefixList,
    AccessList,
    RouteMap,
    AsPathList,
    CommunityList,
    LargeCommunityList,
    ExtCommunityList,
    ClearRouteMap,
    Nothing,
}

/// Shape of an empty answer with `json`; without it nothing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    Object,
    /// One empty object per BGP instance.
    PerInstance,
    /// A table of routes without one.
    Table,
}
