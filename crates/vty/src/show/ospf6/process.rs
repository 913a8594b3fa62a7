//! `show ipv6 ospf6`.

use std::collections::BTreeMap;

use ferr_state::ferr_ospf::config::{AreaKind, InstanceConfig, LogAdjacency};
use ferr_state::ferr_ospf::view::{AreaView, InstanceView, SpfReason};
use ferr_state::ferr_ospf::wire::LsaType;
use serde_json::Value;

use super::areas::Areas;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::ospf::select::{Targets, V3, ask};
use crate::show::{Clock, Ctx};
use crate::time::span6;

struct Picture {
    config: InstanceConfig,
    view: InstanceView,
    clock: Clock,
    areas: Areas,
}

/// Runs it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    for target in &targets.found {
        let areas = Areas::of(ctx, target).await?;
        let taken = ask(ctx, target, |i, clock| (i.config().clone(), i.view(clock.now), clock)).await?;
        let Some((config, view, clock)) = taken else { continue };
        let picture = Picture { config, view, clock, areas };
        if args.has("json") {
            ctx.out.push(&json(&picture).pretty());
        } else {
            text(&mut ctx.out, &picture);
        }
    }
    Ok(Status::Success)
}

/// FRR's marks of what a run was for.
const fn reason(reason: Option<SpfReason>) -> &'static str {
    match reason {
        None => "",
        Some(SpfReason::Router) => "R+",
        Some(SpfReason::Network) => "N+",
        Some(SpfReason::Prefix) => "L+",
        Some(SpfReason::Summary) => "N*",
        Some(SpfReason::External) => "A",
        Some(SpfReason::Links) => "R*",
        Some(SpfReason::Configuration) => "C",
        Some(SpfReason::RestartEnd) => "GR",
    }
}

fn total(lsas: &BTreeMap<LsaType, (usize, u64)>) -> usize {
    lsas.values().map(|(n, _)| n).sum()
}

/// Numbers of LSAs by function code, 0 to 11.
fn statistics(area: &AreaView) -> Vec<Value> {
    const CODES: usize = 12;
    let mut counts = vec![0_usize; CODES];
    for (kind, (n, _)) in &area.lsas {
        if let Some(count) = counts.get_mut(usize::from(kind.function_code())) {
            *count += n;
        }
    }
    counts.into_iter().map(Value::from).collect()
}

/// Names of an area's interfaces.
fn interfaces(config: &InstanceConfig, area: &AreaView) -> Vec<String> {
    let of = config.interfaces.values().filter(|i| i.area == area.id);
    of.map(|i| i.name.to_string()).collect()
}

fn json(p: &Picture) -> Obj {
    let (config, view) = (&p.config, &p.view);
    let ms = |d: std::time::Duration| d.as_millis() as u64;
    let mut o = Obj::new();
    o.put("routerId", view.router_id.to_string())
        .put("running", span6(p.clock.age(view.started)))
        .put("lsaMinimumArrivalMsecs", ms(config.min_ls_arrival))
        .put("spfScheduleDelayMsecs", ms(config.spf.initial))
        .put("holdTimeMinMsecs", ms(config.spf.short))
        .put("holdTimeMaxMsecs", ms(config.spf.long))
        .put("holdTimeMultiplier", 1)
        .put("maximumPaths", config.max_paths)
        .put("preference", config.distances.intra.0)
        .put("spfHasRun", view.spf.last.is_some());
    if let Some(last) = view.spf.last {
        o.put("spfLastExecutedMsecs", span6(p.clock.age(last)))
            .put("spfLastExecutedReason", reason(view.spf.reason))
            .put("spfLastDurationSecs", view.spf.duration.as_secs())
            // The unit is FRR's.
            .put("spfLastDurationMsecs", view.spf.duration.subsec_micros());
    }
    let due = view.spf.due.map(|due| ms(due.saturating_duration_since(p.clock.now)));
    let (higher, lower) = (0, 0);
    let log = match config.log_adjacency {
        LogAdjacency::Off => "NotLogged",
        LogAdjacency::Changes => "Logged",
        LogAdjacency::Detail => "LoggedAll",
    };
    o.put("spfTimerActive", view.spf.due.is_some())
        .opt("spfTimerDueInMsecs", due)
        .put("routerIsStubRouter", view.stub_router)
        .put("numberOfAsScopedLsa", total(&view.lsas))
        .put("numberOfAreaInRouter", view.areas.len())
        .put("AuthTrailerHigherSeqNo", higher)
        .put("AuthTrailerLowerSeqNo", lower)
        .put("adjacencyChanges", log);
    let mut areas = Obj::new();
    for area in &view.areas {
        areas.put(p.areas.name(area.id), area_json(p, area));
    }
    o.put("areas", areas);
    o
}

fn area_json(p: &Picture, area: &AreaView) -> Obj {
    let mut o = Obj::new();
    o.put("areaIsStub", matches!(area.config.kind, AreaKind::Stub { .. }))
        .put("areaIsNSSA", matches!(area.config.kind, AreaKind::Nssa(_)));
    match &area.config.kind {
        AreaKind::Normal => {}
        AreaKind::Stub { no_summary } => {
            o.put("areaNoSummary", *no_summary);
        }
        AreaKind::Nssa(nssa) => {
            o.put("areaNoSummary", nssa.no_summary);
        }
    }
    o.put("numberOfAreaScopedLsa", total(&area.lsas))
        .put("lsaStatistics", statistics(area))
        .put("interfacesAttachedToArea", interfaces(&p.config, area))
        .put("spfHasRun", area.spf_last.is_some());
    if let Some(last) = area.spf_last {
        let age = p.clock.age(last);
        o.put("spfLastExecutedSecs", age.as_secs()).put("spfLastExecutedMicroSecs", age.subsec_micros());
    }
    o
}

fn text(out: &mut Out<'_>, p: &Picture) {
    let (config, view) = (&p.config, &p.view);
    line!(out, " OSPFv3 Routing Process (0) with Router-ID {}", view.router_id);
    line!(out, " Running {}", span6(p.clock.age(view.started)));
    line!(out, " LSA minimum arrival {} msecs", config.min_ls_arrival.as_millis());
    line!(out, " Maximum-paths {}", config.max_paths);
    line!(out, " Administrative distance {}", config.distances.intra);
    if view.stub_router {
        line!(out, " Router Is Stub Router");
    }
    line!(out, " Initial SPF scheduling delay {} millisec(s)", config.spf.initial.as_millis());
    line!(out, " Minimum hold time between consecutive SPFs {} millsecond(s)", config.spf.short.as_millis());
    line!(out, " Maximum hold time between consecutive SPFs {} millsecond(s)", config.spf.long.as_millis());
    line!(out, " Hold time multiplier is currently 1");
    match view.spf.last {
        Some(last) => {
            let (ago, why) = (span6(p.clock.age(last)), reason(view.spf.reason));
            line!(out, " SPF algorithm last executed {ago} ago, reason {why}");
            let took = view.spf.duration;
            line!(out, " Last SPF duration {} sec {} usec", took.as_secs(), took.subsec_micros());
        }
        None => line!(out, " SPF algorithm has not been run"),
    }
    match view.spf.due {
        Some(due) => {
            let left = due.saturating_duration_since(p.clock.now);
            line!(out, " SPF timer due in {}.{:03}s", left.as_secs(), left.subsec_millis());
        }
        None => line!(out, " SPF timer is inactive"),
    }
    line!(out, " Number of AS scoped LSAs is {}", total(&view.lsas));
    line!(out, " Number of areas in this router is {}", view.areas.len());
    line!(out, " Authentication Sequence number info");
    line!(out, "  Higher sequence no 0, Lower sequence no 0");
    match config.log_adjacency {
        LogAdjacency::Off => {}
        LogAdjacency::Changes => line!(out, " Adjacency changes are logged"),
        LogAdjacency::Detail => line!(out, " All adjacency changes are logged"),
    }
    line!(out);
    for area in &view.areas {
        let kind = match &area.config.kind {
            AreaKind::Normal => "",
            AreaKind::Stub { no_summary: true } => "[Stub, No Summary]",
            AreaKind::Stub { .. } => "[Stub]",
            AreaKind::Nssa(nssa) if nssa.no_summary => "[NSSA, No Summary]",
            AreaKind::Nssa(_) => "[NSSA]",
        };
        line!(out, " Area {}{kind}", p.areas.name(area.id));
        line!(out, "     Number of Area scoped LSAs is {}", total(&area.lsas));
        let names: String = interfaces(config, area).iter().map(|n| format!(" {n}")).collect();
        line!(out, "     Interface attached to this area:{names}");
        match area.spf_last {
            Some(last) => {
                let age = p.clock.age(last);
                line!(out, "     SPF last executed {}.{}s ago", age.as_secs(), age.subsec_micros());
            }
            None => line!(out, "     SPF has not been run"),
        }
    }
}

#[cfg(test)]
mod tests;
