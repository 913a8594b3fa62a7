//! What applies to one BGP neighbor: its own settings, else its group's, else the defaults.

use std::collections::BTreeMap;

use crate::model::bgp::{BgpFamily, BgpInstance};
use crate::model::global::Profile;
use crate::model::neighbor::{InOut, NeighborAf, NeighborKey, NeighborSettings, PeerGroup};

/// Settings of a neighbor in one address family, merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveAf {
    /// `activate` is always set.
    pub settings: NeighborAf,
}

/// Settings of a neighbor, merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveNeighbor {
    /// Group it is a member of.
    pub group: Option<String>,
    /// `v6only`, for an interface neighbor.
    pub v6only: bool,
    /// Merged settings; what is `None` is configured nowhere.
    pub settings: NeighborSettings,
    /// KEEPALIVE and hold time, seconds, as offered.
    pub timers: (u16, u16),
    /// Connect retry, seconds.
    pub connect_retry: u16,
    /// Whether a session is wanted (no `shutdown` on neighbor, group or instance).
    pub enabled: bool,
    /// Families in which it is active, with merged settings.
    pub afs: BTreeMap<BgpFamily, EffectiveAf>,
}

macro_rules! inherit {
    ($own:ident, $group:ident, $($field:ident),* $(,)?) => {
        $(if $own.$field.is_none() { $own.$field.clone_from(&$group.$field); })*
    };
}

fn merge_settings(own: &NeighborSettings, group: Option<&PeerGroup>) -> NeighborSettings {
    let mut own = own.clone();
    let Some(group) = group else { return own };
    let group = &group.settings;
    inherit!(
        own,
        group,
        remote_as,
        local_as,
        description,
        shutdown,
        shutdown_rtt,
        password,
        update_source,
        timers,
        connect_retry,
        delay_open,
        advertisement_interval,
        port,
        interface,
        bfd,
        local_role,
        graceful_restart,
        tcp_mss,
    );
    // The two exclude each other: one of the neighbor's own keeps the group's other one out.
    if own.ebgp_multihop.is_none() && own.ttl_security.is_none() {
        own.ebgp_multihop = group.ebgp_multihop;
        own.ttl_security = group.ttl_security;
    }
    own.flags.extend(&group.flags);
    for (key, rest) in &group.opaque {
        own.opaque.entry(key.clone()).or_insert_with(|| rest.clone());
    }
    own
}

fn merge_filter(own: &mut InOut, group: &InOut) {
    if own.inbound.is_none() {
        own.inbound.clone_from(&group.inbound);
    }
    if own.outbound.is_none() {
        own.outbound.clone_from(&group.outbound);
    }
}

fn merge_af(own: &NeighborAf, group: Option<&NeighborAf>) -> NeighborAf {
    let mut own = own.clone();
    let Some(group) = group else { return own };
    inherit!(
        own,
        group,
        activate,
        addpath_tx,
        orf,
        next_hop_self,
        remove_private_as,
        default_originate,
        maximum_prefix,
        maximum_prefix_out,
        allowas_in,
        weight,
        unsuppress_map,
        advertise_map,
        attribute_unchanged,
        soo,
    );
    let (mine, theirs) = (&mut own.send_community, group.send_community);
    mine.standard &= theirs.standard;
    mine.extended &= theirs.extended;
    mine.large &= theirs.large;
    merge_filter(&mut own.distribute_list, &group.distribute_list);
    merge_filter(&mut own.prefix_list, &group.prefix_list);
    merge_filter(&mut own.route_map, &group.route_map);
    merge_filter(&mut own.filter_list, &group.filter_list);
    own.flags.extend(&group.flags);
    own
}

/// Default timers of a profile: KEEPALIVE, hold, connect retry, in seconds.
const fn default_timers(profile: Profile) -> (u16, u16, u16) {
    match profile {
        Profile::Traditional => (60, 180, 120),
        Profile::Datacenter => (3, 9, 10),
    }
}

/// Merges everything that applies to `key`; `None` when there is no such neighbor.
pub fn effective_neighbor(b: &BgpInstance, key: &NeighborKey) -> Option<EffectiveNeighbor> {
    let n = b.neighbors.get(key)?;
    let group = n.group.as_ref().and_then(|g| b.groups.get(g));
    Some(merge(b, &n.settings, &n.afs, n.group.as_deref(), group, n.v6only))
}

/// What applies to a dynamic neighbor accepted through a listen range of `group`; `None` when there is no such group.
pub fn effective_group(b: &BgpInstance, group: &str) -> Option<EffectiveNeighbor> {
    let found = b.groups.get(group)?;
    Some(merge(b, &NeighborSettings::default(), &BTreeMap::new(), Some(group), Some(found), false))
}

fn merge(
    b: &BgpInstance,
    own: &NeighborSettings,
    own_afs: &BTreeMap<BgpFamily, NeighborAf>,
    group_name: Option<&str>,
    group: Option<&PeerGroup>,
    v6only: bool,
) -> EffectiveNeighbor {
    let settings = merge_settings(own, group);
    let (keepalive, hold, retry) = default_timers(b.profile);
    let empty = NeighborAf::default();
    let mut afs = BTreeMap::new();
    for family in BgpFamily::ALL {
        let mut af = merge_af(own_afs.get(&family).unwrap_or(&empty), group.and_then(|g| g.afs.get(&family)));
        let active = af.activate.unwrap_or_else(|| b.active_by_default(family));
        if active {
            af.activate = Some(true);
            afs.insert(family, EffectiveAf { settings: af });
        }
    }
    EffectiveNeighbor {
        group: group_name.map(str::to_owned),
        v6only,
        timers: settings.timers.or(b.globals.timers).unwrap_or((keepalive, hold)),
        connect_retry: settings.connect_retry.unwrap_or(retry),
        enabled: settings.shutdown.is_none() && b.globals.shutdown.is_none(),
        settings,
        afs,
    }
}

impl BgpInstance {
    /// Whether eBGP neighbors need a policy in each direction (RFC 8212).
    pub fn ebgp_requires_policy(&self) -> bool {
        self.globals.ebgp_requires_policy.unwrap_or(self.profile == Profile::Traditional)
    }

    /// Whether `network` prefixes need a route in the RIB.
    pub fn import_check(&self) -> bool {
        self.globals.import_check.unwrap_or(true)
    }

    /// Whether MED is compared among paths of one neighbor AS first.
    pub fn deterministic_med(&self) -> bool {
        self.globals.bestpath.deterministic_med.unwrap_or(self.profile == Profile::Datacenter)
    }

    /// Whether session changes are logged.
    pub fn log_neighbor_changes(&self) -> bool {
        self.globals.log_neighbor_changes.unwrap_or(self.profile == Profile::Datacenter)
    }

    /// Whether neighbors' host names stand beside their addresses in answers.
    pub fn show_hostname(&self) -> bool {
        self.globals.show_hostname.unwrap_or(self.profile == Profile::Datacenter)
    }

    /// The same beside next hops.
    pub fn show_nexthop_hostname(&self) -> bool {
        self.globals.show_nexthop_hostname.unwrap_or(self.profile == Profile::Datacenter)
    }
}
