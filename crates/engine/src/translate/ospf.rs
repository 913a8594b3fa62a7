//! OSPF: from configuration and surroundings to instances with interfaces that know their links.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferr_ospf::config::InstanceConfig;
use ferr_rib::Redistribution;
use ferr_state::OspfName;
use ferr_types::{IfIndex, Protocol};

/// All instances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ospf {
    pub(crate) instances: BTreeMap<OspfName, Instance>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) config: InstanceConfig,
    /// Device of the VRF; none for the default one.
    pub(crate) device: Option<Arc<str>>,
    /// What it wants to hear of.
    pub(crate) redistribute: Vec<Redistribution>,
    /// It tells a default route when there is one.
    pub(crate) watch_default: bool,
    /// BFD profiles by link.
    pub(crate) profiles: BTreeMap<IfIndex, String>,
}

/// All instances whose VRFs exist.
pub(crate) fn ospf(_config: &ferr_config::Config, _around: &crate::surroundings::Surroundings) -> Ospf {
    Ospf::default()
}
