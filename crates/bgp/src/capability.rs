//! Own OPEN, and the verdict over the peer's (RFC 4271 section 6.2, RFC 5492, 6286, 9234).

use ferr_bgp_wire::{
    AddPathFamily, Capability, ExtendedNexthopFamily, GracefulFamily, NotificationError, Open, code, subcode,
};
use ferr_types::{Afi, Family};

use crate::config::{AddPathTx, GracefulRestartMode, NeighborConfig, RemoteAs, Role};
use crate::core::Core;
use crate::long_lived;
use crate::peer::Peer;

/// Families with a neighbor's activation.
pub(crate) fn activated(neighbor: &NeighborConfig) -> impl Iterator<Item = Family> {
    neighbor.families.iter().filter(|(_, f)| f.is_some()).map(|(family, _)| family)
}

/// OPEN to send to a neighbor. `restarting` sets the Restart State bit.
pub(crate) fn own_open(core: &Core, peer: &Peer) -> Open {
    let neighbor = &peer.config;
    let config = &core.config;
    let asn = core.local_as(neighbor);
    let mut caps = Vec::new();
    if !neighbor.dont_negotiate_capabilities {
        for family in activated(neighbor) {
            caps.push(Capability::Multiprotocol { afi: family.afi().code(), safi: family.safi_code() });
        }
        caps.push(Capability::RouteRefresh);
        caps.push(Capability::RouteRefreshCisco);
        caps.push(Capability::EnhancedRouteRefresh);
        caps.push(Capability::FourOctetAs(asn));
        caps.push(Capability::ExtendedMessage);
        let unnumbered = neighbor.interface_name.is_some();
        let over_v6 = neighbor.addr.is_some_and(|a| a.is_ipv6()) || neighbor.addr.is_none();
        if neighbor.extended_nexthop || (unnumbered && over_v6) {
            let families = activated(neighbor)
                .filter(|f| f.afi() == Afi::Ipv4)
                .map(|f| ExtendedNexthopFamily { afi: 1, safi: u16::from(f.safi_code()), nexthop_afi: 2 });
            let families: Vec<_> = families.collect();
            if !families.is_empty() {
                caps.push(Capability::ExtendedNexthop(families));
            }
        }
        let add_path: Vec<AddPathFamily> = activated(neighbor)
            .filter_map(|family| {
                let f = neighbor.families[family].as_ref()?;
                let send = f.add_path_tx != AddPathTx::Best;
                let receive = !f.disable_add_path_rx;
                let (afi, safi) = (family.afi().code(), family.safi_code());
                (send || receive).then_some(AddPathFamily { afi, safi, send, receive })
            })
            .collect();
        if !add_path.is_empty() {
            caps.push(Capability::AddPath(add_path));
        }
        if let Some(host) = &config.hostname {
            let domain = config.domainname.clone().unwrap_or_default();
            caps.push(Capability::Fqdn { host: host.clone(), domain });
        }
        if let Some((role, _)) = neighbor.role {
            caps.push(Capability::Role(role as u8));
        }
        if let Some(graceful) = graceful(core, neighbor) {
            caps.push(graceful);
            caps.push(long_lived::capability(core, neighbor));
        }
    }
    Open::new(asn, neighbor.hold_time, config.router_id, caps)
}

/// How far graceful restart goes with a neighbor.
pub(crate) fn graceful_mode(core: &Core, neighbor: &NeighborConfig) -> GracefulRestartMode {
    neighbor.graceful_restart.unwrap_or(core.config.graceful_restart)
}

/// A helper sends the capability without families (RFC 4724 section 3).
fn graceful(core: &Core, neighbor: &NeighborConfig) -> Option<Capability> {
    let mode = graceful_mode(core, neighbor);
    let families = match mode {
        GracefulRestartMode::Disable => return None,
        GracefulRestartMode::Helper => Vec::new(),
        GracefulRestartMode::Restart => activated(neighbor)
            .map(|f| GracefulFamily {
                afi: f.afi().code(),
                safi: f.safi_code(),
                forwarding: core.config.preserve_forwarding,
            })
            .collect(),
    };
    Some(Capability::GracefulRestart {
        restart: mode == GracefulRestartMode::Restart && !core.deferring.is_empty(),
        notification: core.config.notification_keeps,
        time: core.config.restart_time & 0x0fff,
        families,
    })
}

/// Checks a received OPEN against the configuration.
///
/// # Errors
/// The NOTIFICATION to send.
pub(crate) fn judge(core: &Core, peer: &Peer, open: &Open) -> Result<(), NotificationError> {
    let neighbor = &peer.config;
    let error = |sub| Err(NotificationError::new(code::OPEN, sub));
    let own = neighbor.local_as.map_or(core.config.asn, |l| l.asn);
    let asn_ok = match neighbor.remote_as {
        RemoteAs::Asn(asn) => open.asn == asn,
        RemoteAs::Internal => open.asn == core.config.asn,
        RemoteAs::External => open.asn != own,
        RemoteAs::Auto => true,
    };
    if !asn_ok {
        let field = open.my_as_field.to_be_bytes();
        return Err(NotificationError::new(code::OPEN, subcode::open::BAD_PEER_AS).with_data(&field));
    }
    let internal = open.asn == core.config.asn;
    if internal && open.router_id == core.config.router_id {
        return Err(NotificationError::new(code::OPEN, subcode::open::BAD_IDENTIFIER)
            .with_data(&open.router_id.0.octets()));
    }
    let minimum = core.config.minimum_hold_time;
    if open.hold_time != 0 && open.hold_time < minimum {
        return error(subcode::open::HOLD_TIME);
    }
    roles(neighbor, open)?;
    if neighbor.override_capability {
        return Ok(());
    }
    let common = open.families();
    if !activated(neighbor).any(|f| common.contains(f)) {
        return error(subcode::open::CAPABILITY);
    }
    if neighbor.strict_capability && activated(neighbor).any(|f| !common.contains(f)) {
        return error(subcode::open::CAPABILITY);
    }
    Ok(())
}

/// RFC 9234 section 4.2.
fn roles(neighbor: &NeighborConfig, open: &Open) -> Result<(), NotificationError> {
    let Some((own, strict)) = neighbor.role else { return Ok(()) };
    let mismatch = || Err(NotificationError::new(code::OPEN, subcode::open::ROLE_MISMATCH));
    let mut roles = open.capabilities.iter().filter_map(|c| match c {
        Capability::Role(r) => Some(*r),
        _ => None,
    });
    let Some(theirs) = roles.next() else {
        return if strict { mismatch() } else { Ok(()) };
    };
    let expected = match own {
        Role::Provider => Role::Customer,
        Role::Customer => Role::Provider,
        Role::RsServer => Role::RsClient,
        Role::RsClient => Role::RsServer,
        Role::Peer => Role::Peer,
    };
    if theirs != expected as u8 || roles.any(|r| r != theirs) { mismatch() } else { Ok(()) }
}
