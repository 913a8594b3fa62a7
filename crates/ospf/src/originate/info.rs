//! Router information LSA: what this router can (RFC 7770).

use ferr_ospf_wire::{Capabilities, LinkStateId, LsaType, OpaqueType, Tlv, Version, tlv_type};
use ferr_types::AreaId;

use super::issue::body_of;
use crate::instance::Instance;
use crate::lsdb::ScopeId;

impl Instance {
    /// Where the router information LSA of an area stands.
    pub(crate) fn capabilities_key(&self, area: AreaId) -> super::OwnKey {
        let (kind, id) = match self.config.version {
            Version::V2 => {
                (LsaType::OPAQUE_AREA, LinkStateId::from_opaque(OpaqueType::ROUTER_INFORMATION, 0))
            }
            Version::V3 => (LsaType::V3(0xa00c), LinkStateId(0)),
        };
        (ScopeId::Area(area), kind, id)
    }

    /// Told only by routers that can something of it, so that a plain network carries nothing more.
    pub(super) fn describe_capabilities(&mut self, area: AreaId) {
        let graceful = &self.config.graceful;
        let mut can = Capabilities::empty();
        can.set(Capabilities::GRACEFUL_RESTART, graceful.restart.is_some());
        can.set(Capabilities::GRACEFUL_HELPER, graceful.helper || !graceful.helper_for.is_empty());
        let exists = self.config.opaque || self.config.version == Version::V3;
        let told = exists && !can.is_empty() && self.ifaces.values().any(|i| i.is_up() && i.area() == area);
        can |= Capabilities::STUB_ROUTER;
        let key = self.capabilities_key(area);
        let value = can.bits().to_be_bytes();
        let body = body_of(key.1, |writer| {
            writer.tlv(&Tlv { kind: tlv_type::INFORMATIONAL_CAPABILITIES, value: &value })
        });
        self.want_or_not(key, body.filter(|_| told), area);
    }
}
