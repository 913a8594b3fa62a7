//! `clear bgp ...`.

use std::time::Instant;

use ferr_state::BgpWorld;
use ferr_state::bgp::{Instance, PeerView, ResetKind};
use ferr_types::{Family, Prefix};

use super::select::{self, Scope};
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// Which neighbors.
#[derive(Debug, Clone)]
enum Target {
    All,
    External,
    Group(String),
    Asn(u32),
    Name(String),
}

impl Target {
    fn of(args: &Args) -> Self {
        if args.has("*") {
            Self::All
        } else if args.has("external") {
            Self::External
        } else if let Some(group) = args.get("PGNAME") {
            Self::Group(group.to_owned())
        } else if let Some(asn) = args.get("(1-4294967295)").and_then(|n| n.parse().ok()) {
            Self::Asn(asn)
        } else {
            let name = ["A.B.C.D", "X:X::X:X", "NEIGHBOR"].into_iter().find_map(|l| args.get(l));
            Self::Name(name.unwrap_or_default().to_owned())
        }
    }

    fn matches(&self, bgp: &Instance, peer: &PeerView) -> bool {
        match self {
            Self::All => true,
            Self::External => peer.kind != "internal",
            Self::Group(group) => peer.config.peer_group.as_ref() == Some(group),
            Self::Asn(asn) => peer.remote_as.is_some_and(|a| a.0 == *asn),
            Self::Name(name) => select::find_peer(bgp, name) == Some(peer.id),
        }
    }

    fn complaint(&self) -> Option<String> {
        match self {
            Self::All | Self::External => None,
            Self::Group(group) => Some(format!("%BGP: No such peer-group {group}")),
            Self::Asn(asn) => Some(format!("%BGP: No peer is configured with AS {asn}")),
            Self::Name(name) => Some(format!("% BGP: Unknown neighbor - \"{name}\"")),
        }
    }
}

fn kinds(args: &Args) -> Vec<ResetKind> {
    match (args.has("soft"), args.has("in"), args.has("out")) {
        (_, true, _) => vec![ResetKind::SoftIn],
        (_, _, true) => vec![ResetKind::SoftOut],
        (true, false, false) => vec![ResetKind::SoftIn, ResetKind::SoftOut],
        (false, false, false) => vec![ResetKind::Hard],
    }
}

/// The families that a line names, `None` for all.
fn families(args: &Args) -> Option<Vec<Family>> {
    let afi = select::afi(args)?;
    let wanted = |f: &Family| {
        let safi = match select::safi(args) {
            Some("multicast") => ferr_types::Safi::Multicast,
            _ => ferr_types::Safi::Unicast,
        };
        f.afi() == afi && f.safi() == safi
    };
    Some(Family::ALL.into_iter().filter(wanted).collect())
}

fn clear(
    world: &mut BgpWorld,
    scope: &Scope,
    target: &Target,
    families: Option<&[Family]>,
    kinds: &[ResetKind],
    now: Instant,
) -> Option<usize> {
    let names = scope.names(world);
    if names.is_empty() {
        return None;
    }
    let mut cleared = 0;
    for name in names {
        let Some(instance) = world.instances.get_mut(&name) else { continue };
        let bgp = &mut instance.bgp;
        let active = |p: &PeerView| families.is_none_or(|list| list.iter().any(|f| p.families[*f].is_some()));
        let peers = bgp.peer_views();
        let ids: Vec<_> =
            peers.iter().filter(|p| target.matches(bgp, p) && active(p)).map(|p| p.id).collect();
        cleared += ids.len();
        if matches!(target, Target::All) && families.is_none() && kinds.contains(&ResetKind::Hard) {
            bgp.begin_again();
        }
        for id in ids {
            for kind in kinds {
                match families {
                    Some(list) if *kind != ResetKind::Hard => {
                        list.iter().for_each(|f| bgp.clear(id, Some(*f), *kind, now));
                    }
                    _ => bgp.clear(id, None, *kind, now),
                }
            }
        }
    }
    Some(cleared)
}

/// `clear ip bgp dampening [PREFIX|ADDRESS [MASK]]`.
async fn dampening(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let asked = ["A.B.C.D/M", "X:X::X:X/M", "A.B.C.D", "X:X::X:X"].into_iter().find_map(|l| args.get(l));
    let prefix = match (asked, args.get("MASK")) {
        (None, _) => None,
        (Some(addr), Some(mask)) => masked(addr, mask),
        (Some(prefix), None) if prefix.contains('/') => prefix.parse().ok(),
        (Some(addr), None) => addr.parse().ok().map(Prefix::host),
    };
    if prefix.is_none() && asked.is_some() {
        line!(ctx.out, "% Malformed address");
        return Ok(Status::Warning);
    }
    let clear = move |world: &mut BgpWorld, now| {
        world.instances.values_mut().for_each(|i| i.bgp.clear_damping(None, prefix, now));
    };
    ctx.handle().bgp(clear).await?;
    Ok(Status::Success)
}

fn masked(addr: &str, mask: &str) -> Option<Prefix> {
    let mask: std::net::Ipv4Addr = mask.parse().ok()?;
    let len = mask.to_bits().leading_ones();
    (mask.to_bits().count_ones() == len).then_some(())?;
    Prefix::new(addr.parse().ok()?, u8::try_from(len).ok()?)
}

/// The command.
pub(super) async fn run(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    if args.has("message-stats") || args.has("prefix") || args.has("l2vpn") {
        return Ok(Status::Success);
    }
    if args.has("dampening") {
        return dampening(ctx, args).await;
    }
    let (scope, target, families, kinds) = (Scope::of(args), Target::of(args), families(args), kinds(args));
    let complaint = target.complaint();
    let (all, named) = (scope.is_all(), args.get("VRF").unwrap_or(select::DEFAULT).to_owned());
    let cleared = ctx
        .handle()
        .bgp(move |world, now| clear(world, &scope, &target, families.as_deref(), &kinds, now))
        .await?;
    match (cleared, complaint) {
        (None, _) if !all => {
            line!(ctx.out, "Can't find BGP instance {named}");
            Ok(Status::Warning)
        }
        (Some(0), Some(text)) => {
            line!(ctx.out, "{text}");
            Ok(Status::Warning)
        }
        _ => Ok(Status::Success),
    }
}
