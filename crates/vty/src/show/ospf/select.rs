//! Which instances a line means.

use ferr_state::ferr_ospf::Instance;
use ferr_state::ferr_ospf::wire::Version;
use ferr_state::{Gone, OspfName};

use crate::door::Daemon;
use crate::json::Obj;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};

/// OSPFv2.
pub(in crate::show) const V2: Version = Version::V2;
/// OSPFv3.
pub(in crate::show) const V3: Version = Version::V3;
/// Name of the default VRF.
const DEFAULT: &str = "default";
/// Label of an instance's number.
const NUMBER: &str = "(1-65535)";

/// An instance that exists.
#[derive(Debug, Clone)]
pub(in crate::show) struct Target {
    /// Its name.
    pub(in crate::show) name: OspfName,
    /// Number of its VRF, -1 when the VRF does not exist.
    pub(in crate::show) vrf: i64,
}

/// What a line means.
#[derive(Debug)]
pub(in crate::show) struct Targets {
    /// In order.
    pub(in crate::show) found: Vec<Target>,
    /// The line names a VRF: answers stand under its name.
    keyed: bool,
    /// `vrf all`.
    all: bool,
}

impl Targets {
    /// What exists of what the line means.
    pub(in crate::show) async fn of(ctx: &Ctx<'_>, args: &Args, version: Version) -> Result<Self, Gone> {
        let vrf = args.get("VRF").unwrap_or(DEFAULT).to_owned();
        let number = number(ctx, args);
        let all = vrf == "all";
        let job = move |world: &mut ferr_state::OspfWorld| -> Vec<Target> {
            let meant = |name: &OspfName| {
                name.version == version && name.instance == number && (all || name.vrf == vrf)
            };
            let target = |(name, instance): (&OspfName, &Instance)| Target {
                name: name.clone(),
                vrf: vrf_number(instance),
            };
            let mut found: Vec<Target> =
                world.instances.iter().filter(|(name, _)| meant(name)).map(target).collect();
            found.sort_by_key(|t| t.name.vrf != DEFAULT);
            found
        };
        let found = ctx.handle().ospf(move |world, _| job(world)).await?;
        Ok(Self { found, keyed: args.get("VRF").is_some(), all })
    }

    /// The answer where there is no instance; false when there is one.
    pub(in crate::show) fn none(&self, ctx: &mut Ctx<'_>, args: &Args, version: Version) -> bool {
        if !self.found.is_empty() {
            return false;
        }
        match version {
            _ if args.has("json") => ctx.out.push("{}\n"),
            Version::V3 => line!(ctx.out, "% OSPFv3 instance not found"),
            Version::V2 if args.get(NUMBER).is_some() => {
                line!(ctx.out, "% [ospfd]: command ignored as it targets an instance that is not running");
            }
            Version::V2 if self.all => {}
            Version::V2 => {
                let vrf = args.get("VRF").unwrap_or(DEFAULT);
                line!(ctx.out, "% OSPF is not enabled in vrf {vrf}");
            }
        }
        true
    }

    /// First line of an instance's answer.
    pub(in crate::show) fn title(&self, ctx: &mut Ctx<'_>, target: &Target) {
        if target.name.instance != 0 {
            line!(ctx.out, "\nOSPF Instance: {}\n", target.name.instance);
        }
        if self.keyed {
            line!(ctx.out, "VRF Name: {}", target.name.vrf);
        }
    }

    /// Puts an instance's answer in its place.
    pub(in crate::show) fn place(&self, root: &mut Obj, target: &Target, answer: Obj) {
        if target.name.instance != 0 {
            root.put("ospfInstance", target.name.instance);
        }
        if !self.keyed {
            root.extend(answer);
            return;
        }
        let mut o = Obj::new();
        o.put("vrfName", target.name.vrf.clone()).put("vrfId", target.vrf).extend(answer);
        root.put(target.name.vrf.clone(), o);
    }
}

/// Number of the instance that a line means, 0 for those without.
fn number(ctx: &Ctx<'_>, args: &Args) -> u16 {
    args.get(NUMBER).and_then(|n| n.parse().ok()).unwrap_or(ctx.number)
}

/// Whether another socket of the client answers a line about OSPFv2.
pub(super) async fn is_elsewhere(ctx: &Ctx<'_>, args: &Args) -> Result<bool, Gone> {
    let number = number(ctx, args);
    if ctx.number != 0 || ctx.door != Daemon::Ospfd {
        return Ok(number != ctx.number && ctx.number != 0);
    }
    let others = ctx.shared.numbers(ctx.pid);
    if number != 0 || others.is_empty() {
        return Ok(others.contains(&number));
    }
    // All instances have numbers: nothing is here to be shown.
    let plain = |name: &OspfName| name.version == V2 && name.instance == 0;
    ctx.handle().ospf(move |world, _| !world.instances.keys().any(plain)).await
}

fn vrf_number(instance: &Instance) -> i64 {
    let vrf = instance.config().vrf;
    if vrf == ferr_state::NO_VRF { -1 } else { vrf.0.into() }
}

/// Asks an instance; none when it went away meanwhile.
pub(in crate::show) async fn ask<R: Send + 'static>(
    ctx: &Ctx<'_>,
    target: &Target,
    f: impl FnOnce(&Instance, Clock) -> R + Send + 'static,
) -> Result<Option<R>, Gone> {
    let name = target.name.clone();
    let handle = ctx.handle().clone();
    ctx.handle()
        .ospf(move |world, now| world.instances.get(&name).map(|i| f(i, Clock::new(&handle, now))))
        .await
}

/// `show ip ospf vrfs`, `show ipv6 ospf6 vrfs`.
pub(in crate::show) async fn vrfs(ctx: &mut Ctx<'_>, args: &Args, version: Version) -> Outcome {
    let number = ctx.number;
    let job = move |world: &mut ferr_state::OspfWorld| {
        let mut rows: Vec<(String, i64, String)> = world
            .instances
            .iter()
            .filter(|(name, _)| name.version == version && name.instance == number)
            .map(|(name, i)| (name.vrf.clone(), vrf_number(i), i.config().router_id.to_string()))
            .collect();
        rows.sort_by_key(|(vrf, ..)| vrf != DEFAULT);
        rows
    };
    let rows = ctx.handle().ospf(move |world, _| job(world)).await?;
    let total = rows.len();
    if args.has("json") {
        let mut vrfs = Obj::new();
        for (vrf, id, router) in rows {
            let mut o = Obj::new();
            o.put("vrfId", id).put("routerId", router);
            vrfs.put(vrf, o);
        }
        let mut root = Obj::new();
        root.put("vrfs", vrfs).put("totalVrfs", total);
        ctx.out.push(&root.pretty());
        return Ok(Status::Success);
    }
    if total > 0 {
        line!(ctx.out, "{:<25}  {:<5}  {:<10}", "Name", "Id", "RouterId");
    }
    for (vrf, id, router) in rows {
        line!(ctx.out, "{vrf:<25}  {id:<5}  {router:<16}  ");
    }
    line!(ctx.out);
    line!(ctx.out, "Total number of OSPF VRFs: {total}");
    Ok(Status::Success)
}
