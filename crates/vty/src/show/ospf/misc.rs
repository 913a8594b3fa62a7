//! `graceful-restart helper`, `summary-address`, and what is not in use here.

use ferr_state::ferr_ospf::Instance;
use ferr_state::ferr_ospf::config::{ExternalSummary, GracefulConfig};
use ferr_state::ferr_ospf::view::NeighborView;
use ferr_types::{Prefix, RouterId};

use super::links::Links;
use super::select::{Targets, V2, ask};
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};

/// What there is of helping.
pub(in crate::show) struct Help {
    /// The router.
    pub(in crate::show) router: RouterId,
    /// What is configured.
    pub(in crate::show) config: GracefulConfig,
    /// Neighbors that are helped.
    pub(in crate::show) helped: Vec<NeighborView>,
    /// Now.
    pub(in crate::show) clock: Clock,
}

const fn support(config: &GracefulConfig) -> bool {
    config.helper
}

impl Help {
    /// As JSON; neighbors on demand.
    pub(in crate::show) fn json(&self, detail: bool) -> Obj {
        let c = &self.config;
        let word = |on: bool| if on { "Enabled" } else { "Disabled" };
        let mut o = Obj::new();
        o.put("routerId", self.router.to_string())
            .put("helperSupport", word(support(c)))
            .put("strictLsaCheck", word(c.strict_lsa_checking))
            .put("restartSupoort", self.restarts())
            .put("supportedGracePeriod", c.max_grace.as_secs());
        if !c.helper_for.is_empty() {
            let router = |router: &RouterId| {
                let mut o = Obj::new();
                o.put("routerId", router.to_string());
                serde_json::Value::from(o)
            };
            o.put("enabledRouterIds", c.helper_for.iter().map(router).collect::<Vec<_>>());
        }
        if detail {
            let mut neighbors = Obj::new();
            for n in &self.helped {
                let mut one = Obj::new();
                let left = n.helped.map(|at| at.saturating_duration_since(self.clock.now).as_secs());
                one.put("srcIpv4", n.addr.to_string()).opt("remainingGracePeriod", left);
                neighbors.put(n.router.to_string(), one);
            }
            o.put("Neighbors", neighbors.clone()).put("neighbors", neighbors);
        }
        o
    }

    const fn restarts(&self) -> &'static str {
        if self.config.planned_only { "Planned Restart only" } else { "Planned and Unplanned Restarts" }
    }

    /// As text, without its first lines.
    pub(in crate::show) fn text(&self, out: &mut Out<'_>, detail: bool) {
        let c = &self.config;
        let word = |on: bool| if on { "enabled" } else { "disabled" };
        line!(out, " Graceful restart helper support {}.", word(support(c)));
        line!(out, " Strict LSA check is {}.", word(c.strict_lsa_checking));
        let which = if c.planned_only { "Planned Restarts only" } else { "Planned and Unplanned Restarts" };
        line!(out, " Helper supported for {which}.");
        line!(out, " Supported Graceful restart interval: {}(in seconds).", c.max_grace.as_secs());
        if !c.helper_for.is_empty() {
            line!(out, " Enable Router list:");
            let list: Vec<String> = c.helper_for.iter().map(|r| format!("  {r},")).collect();
            line!(out, " {}", list.join(""));
        }
        for n in self.helped.iter().filter(|_| detail) {
            let left = n.helped.map_or(0, |at| at.saturating_duration_since(self.clock.now).as_secs());
            line!(out, "   Neighbour {} : Router-Id {}", n.addr, n.router);
            line!(out, "     Remaining Grace Period : {left} seconds.");
        }
    }
}

/// `show ip ospf graceful-restart helper`.
pub(super) async fn helper(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let detail = args.has("detail");
    let mut root = Obj::new();
    for target in &targets.found {
        let taken = ask(ctx, target, take_help).await?;
        let Some(help) = taken else { continue };
        if args.has("json") {
            targets.place(&mut root, target, help.json(detail));
            continue;
        }
        targets.title(ctx, target);
        line!(ctx.out);
        line!(ctx.out);
        line!(ctx.out, "       OSPF Router with ID ({})", help.router);
        line!(ctx.out);
        help.text(&mut ctx.out, detail);
        line!(ctx.out);
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

/// What an instance knows of helping.
pub(in crate::show) fn take_help(i: &Instance, clock: Clock) -> Help {
    let mut helped = i.neighbors(None);
    helped.retain(|n| n.helped.is_some());
    Help { router: i.config().router_id, config: i.config().graceful.clone(), helped, clock }
}

/// `show ip ospf summary-address`.
pub(super) async fn summaries(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let mut root = Obj::new();
    for target in &targets.found {
        let taken = ask(ctx, target, |i, _| {
            let c = i.config();
            (c.aggregation_delay.as_secs(), gathered(i), c.default_metric)
        })
        .await?;
        let Some((delay, summaries, default)) = taken else { continue };
        let metric = |s: &ExternalSummary| s.metric.unwrap_or(default);
        if args.has("json") {
            let mut o = Obj::new();
            o.put("aggregation delay interval", delay).put("aggregationDelayInterval", delay);
            for (prefix, s, count) in &summaries {
                o.put(prefix.to_string(), summary_json(*prefix, s, metric(s), *count));
            }
            targets.place(&mut root, target, o);
            continue;
        }
        targets.title(ctx, target);
        line!(ctx.out, "Summary-address     Metric-type     Metric     Tag         External_Rt_count");
        line!(ctx.out);
        line!(ctx.out, "aggregation delay interval :{delay}(in seconds)");
        line!(ctx.out);
        for (prefix, s, count) in &summaries {
            summary_text(&mut ctx.out, *prefix, s, metric(s), *count);
            line!(ctx.out);
        }
        line!(ctx.out);
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

/// Summaries, and how many routes each gathers.
pub(in crate::show) fn gathered(i: &Instance) -> Vec<(Prefix, ExternalSummary, usize)> {
    let summaries = i.config().summaries.iter();
    summaries.map(|(prefix, s)| (*prefix, *s, i.summarized(*prefix))).collect()
}

/// A summary as JSON.
pub(in crate::show) fn summary_json(prefix: Prefix, s: &ExternalSummary, metric: u32, count: usize) -> Obj {
    let mut o = Obj::new();
    o.put("summaryAddress", prefix.to_string())
        .put("metricType", if s.type2 { "E2" } else { "E1" })
        .put("Metric", metric)
        .put("metric", metric)
        .put("Tag", s.tag)
        .put("tag", s.tag)
        .put("externalRouteCount", count)
        .flag("noAdvertise", !s.advertise);
    o
}

/// A summary in a line.
pub(in crate::show) fn summary_text(
    out: &mut Out<'_>,
    prefix: Prefix,
    s: &ExternalSummary,
    metric: u32,
    count: usize,
) {
    let kind = if s.type2 { "E2" } else { "E1" };
    line!(out, "{:<20}{kind:<16}{metric:<11}{:<12}{:<5}", prefix.to_string(), s.tag, count);
}

/// `show ip ospf mpls-te ...`: not in use here.
pub(super) async fn engineering(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    match () {
        () if args.has("json") => ctx.out.push("{}\n"),
        () if args.has("database") && !args.has("segment-routing") => {
            line!(ctx.out, "MPLS-TE database is not enabled");
        }
        () if args.has("interface") => {
            let links = Links::take(ctx).await?;
            let targets = Targets::of(ctx, args, V2).await?;
            for target in &targets.found {
                let all = ask(ctx, target, |i, _| i.interfaces()).await?.unwrap_or_default();
                let wanted = args.get("IFNAME");
                for view in all.iter().filter(|v| wanted.is_none_or(|name| *v.config.name == *name)) {
                    let name = view.ifindex.map_or_else(|| view.config.name.to_string(), |i| links.name(i));
                    line!(ctx.out, "  {name}: MPLS-TE is disabled on this interface");
                }
            }
        }
        () => {}
    }
    Ok(Status::Success)
}

/// `show ip ospf router-info`: not in use here.
pub(super) fn router_information(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    if args.has("pce") {
        line!(ctx.out, "  PCE info is disabled on this router");
    } else {
        line!(ctx.out, "  Router Information is disabled on this router");
    }
    Ok(Status::Success)
}

/// `show ip ospf mpls ldp-sync`: not in use here.
pub(super) fn ldp_sync(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    if args.has("json") {
        ctx.out.push("{}\n")
    } else {
        line!(ctx.out, "LDP-sync is disabled")
    }
    Ok(Status::Success)
}
