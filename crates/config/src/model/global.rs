//! One-line statements at top level.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ferr_types::Afi;

use super::Secret;
use super::opaque::OpaqueLines;

/// `frr defaults PROFILE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Profile {
    /// The default.
    #[default]
    Traditional,
    /// Short timers, and what data centers expect.
    Datacenter,
}

impl Profile {
    /// Name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traditional => "traditional",
            Self::Datacenter => "datacenter",
        }
    }
}

/// Severity of log messages (syslog's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LogLevel {
    /// 0
    Emergencies,
    /// 1
    Alerts,
    /// 2
    Critical,
    /// 3
    Errors,
    /// 4
    Warnings,
    /// 5
    Notifications,
    /// 6
    Informational,
    /// 7
    Debugging,
}

impl LogLevel {
    /// All, most severe first.
    pub const ALL: [Self; 8] = [
        Self::Emergencies,
        Self::Alerts,
        Self::Critical,
        Self::Errors,
        Self::Warnings,
        Self::Notifications,
        Self::Informational,
        Self::Debugging,
    ];

    /// Name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergencies => "emergencies",
            Self::Alerts => "alerts",
            Self::Critical => "critical",
            Self::Errors => "errors",
            Self::Warnings => "warnings",
            Self::Notifications => "notifications",
            Self::Informational => "informational",
            Self::Debugging => "debugging",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where log messages go. A level of `None` is `debugging`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logging {
    /// `log file PATH [LEVEL]`.
    pub file: Option<(String, Option<LogLevel>)>,
    /// `log syslog [LEVEL]`.
    pub syslog: Option<Option<LogLevel>>,
    /// `log stdout [LEVEL]`.
    pub stdout: Option<Option<LogLevel>>,
    /// `log monitor [LEVEL]` (old).
    pub monitor: Option<Option<LogLevel>>,
    /// `log facility F`; `daemon` when not set.
    pub facility: Option<String>,
    /// `log record-priority`.
    pub record_priority: bool,
    /// `log timestamp precision`, digits of the second's fraction.
    pub timestamp_precision: u8,
    /// `log commands`.
    pub commands: bool,
    /// `no log error-category`.
    pub no_error_category: bool,
    /// `no log unique-id`.
    pub no_unique_id: bool,
    /// `log filter-text W`.
    pub filters: BTreeSet<String>,
}

/// Protocols as statements name them; more than the ones that this stack runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteSource {
    /// `kernel`
    Kernel,
    /// `connected`
    Connected,
    /// `static`
    Static,
    /// `rip`
    Rip,
    /// `ripng`
    Ripng,
    /// `ospf`
    Ospf,
    /// `ospf6`
    Ospf6,
    /// `isis`
    Isis,
    /// `bgp`
    Bgp,
    /// `eigrp`
    Eigrp,
    /// `nhrp`
    Nhrp,
    /// `table`
    Table,
    /// `vnc`
    Vnc,
    /// `vnc-direct`
    VncDirect,
    /// `babel`
    Babel,
    /// `openfabric`
    Openfabric,
    /// `sharp`
    Sharp,
    /// `local`
    Local,
    /// `any`, in `ip protocol` and `ip nht`.
    Any,
}

impl RouteSource {
    /// All, in FRR's order.
    pub const ALL: [Self; 19] = [
        Self::Kernel,
        Self::Connected,
        Self::Static,
        Self::Rip,
        Self::Ripng,
        Self::Ospf,
        Self::Ospf6,
        Self::Isis,
        Self::Bgp,
        Self::Eigrp,
        Self::Nhrp,
        Self::Table,
        Self::Vnc,
        Self::VncDirect,
        Self::Babel,
        Self::Openfabric,
        Self::Sharp,
        Self::Local,
        Self::Any,
    ];

    /// Keyword.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Connected => "connected",
            Self::Static => "static",
            Self::Rip => "rip",
            Self::Ripng => "ripng",
            Self::Ospf => "ospf",
            Self::Ospf6 => "ospf6",
            Self::Isis => "isis",
            Self::Bgp => "bgp",
            Self::Eigrp => "eigrp",
            Self::Nhrp => "nhrp",
            Self::Table => "table",
            Self::Vnc => "vnc",
            Self::VncDirect => "vnc-direct",
            Self::Babel => "babel",
            Self::Openfabric => "openfabric",
            Self::Sharp => "sharp",
            Self::Local => "local",
            Self::Any => "any",
        }
    }

    /// The protocol of this stack; `None` for one that it does not run, and for `any`.
    pub fn protocol(self) -> Option<ferr_types::Protocol> {
        self.name().parse().ok()
    }
}

impl FromStr for RouteSource {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|p| p.name() == s).ok_or(())
    }
}

impl fmt::Display for RouteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Statements that exist at top level (default VRF) and inside a `vrf` block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VrfGlobals {
    /// `ip router-id A`.
    pub router_id: Option<Ipv4Addr>,
    /// `ipv6 router-id X`.
    pub router_id6: Option<Ipv6Addr>,
    /// `ip|ipv6 protocol P route-map RM`: filters routes on their way to the kernel.
    pub protocol_maps: BTreeMap<(Afi, RouteSource), String>,
    /// `ip|ipv6 nht P route-map RM`: filters what next hops may resolve through.
    pub nht_maps: BTreeMap<(Afi, RouteSource), String>,
    /// `ip nht resolve-via-default`; on when not set.
    pub nht_resolve_via_default: Option<bool>,
    /// `ipv6 nht resolve-via-default`; on when not set.
    pub nht6_resolve_via_default: Option<bool>,
    /// `ip table range LOW HIGH`.
    pub table_range: Option<(u32, u32)>,
}

/// `ip import-table N [distance D] [route-map RM]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportTable {
    /// Distance; 15 when not set.
    pub distance: Option<u8>,
    /// Filter.
    pub route_map: Option<String>,
}

/// `line vty`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineVty {
    /// `exec-timeout MIN [SEC]`.
    pub exec_timeout: Option<(u32, u32)>,
    /// `access-class ACL`.
    pub access_class: Option<String>,
    /// `ipv6 access-class ACL`.
    pub access_class6: Option<String>,
    /// `no login`.
    pub no_login: bool,
}

/// Switches of `service`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Services {
    /// `service integrated-vtysh-config`.
    pub integrated_vtysh_config: Option<bool>,
    /// `service password-encryption`.
    pub password_encryption: bool,
    /// `service advanced-vty`.
    pub advanced_vty: bool,
    /// `no service cputime-stats`.
    pub no_cputime_stats: bool,
    /// `service cputime-warning MS`; `Some(0)` is the `no` form.
    pub cputime_warning: Option<u32>,
    /// `service walltime-warning MS`; `Some(0)` is the `no` form.
    pub walltime_warning: Option<u32>,
    /// `service terminal-length N`.
    pub terminal_length: Option<u16>,
}

/// Top-level statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Global {
    /// `frr defaults PROFILE`.
    pub profile: Profile,
    /// `hostname NAME`.
    pub hostname: Option<String>,
    /// `domainname NAME`.
    pub domainname: Option<String>,
    /// `log ...`.
    pub log: Logging,
    /// `service ...`.
    pub services: Services,
    /// `password [8] W`: encrypted or not, and the text.
    pub password: Option<(bool, Secret)>,
    /// `enable password [8] W`.
    pub enable_password: Option<(bool, Secret)>,
    /// `line vty`.
    pub line_vty: LineVty,
    /// `ip forwarding`; the kernel's value is left alone when not set.
    pub ip_forwarding: Option<bool>,
    /// `ipv6 forwarding`.
    pub ipv6_forwarding: Option<bool>,
    /// `allow-reserved-ranges`.
    pub allow_reserved_ranges: bool,
    /// Statements of the default VRF.
    pub vrf: VrfGlobals,
    /// `ip import-table N`.
    pub import_tables: BTreeMap<u8, ImportTable>,
    /// `zebra route-map delay-timer S`.
    pub zebra_route_map_delay: Option<u16>,
    /// `zebra nexthop-group keep S`; 180 when not set.
    pub nexthop_group_keep: Option<u16>,
    /// BGP statements outside any instance.
    pub bgp: BgpGlobal,
    /// `debug ...` lines.
    pub debug: OpaqueLines,
}

/// BGP statements outside any instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BgpGlobal {
    /// `bgp route-map delay-timer S`; 5 when not set.
    pub route_map_delay: Option<u16>,
    /// `bgp update-delay S [ESTWAIT]`.
    pub update_delay: Option<(u16, Option<u16>)>,
    /// `bgp session-dscp N`; 48 when not set.
    pub session_dscp: Option<u8>,
    /// `bgp graceful-shutdown`.
    pub graceful_shutdown: bool,
    /// `bgp suppress-fib-pending`.
    pub suppress_fib_pending: bool,
    /// `bgp no-rib`.
    pub no_rib: bool,
    /// `bgp send-extra-data zebra`.
    pub send_extra_data: bool,
}
