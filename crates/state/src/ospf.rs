//! What the OSPF thread owns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ferr_ospf::wire::Version;
use ferr_policy::PolicySet;

/// Names an instance of OSPF.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OspfName {
    /// OSPFv2 or OSPFv3.
    pub version: Version,
    /// VRF, `default` for the default one.
    pub vrf: String,
    /// Number of the instance, 0 for the one without.
    pub instance: u16,
}

/// Instances, and the policy in force.
#[derive(Debug, Default)]
pub struct OspfWorld {
    /// Instances; those whose VRF does not exist have no interface.
    pub instances: BTreeMap<OspfName, ferr_ospf::Instance>,
    /// Policy in force.
    pub policy: Arc<PolicySet>,
}

/// Job for the OSPF thread.
pub type OspfJob = Box<dyn FnOnce(&mut OspfWorld, Instant) + Send>;
