//! `show ip ospf`.

use std::collections::BTreeMap;

use ferr_config::model::ospf::{AreaAuthentication, OspfInstance};
use ferr_state::ferr_ospf::config::{AbrType, AreaKind, InstanceConfig, LogAdjacency, Shortcut, Translate};
use ferr_state::ferr_ospf::view::{AreaView, InstanceView};
use ferr_state::ferr_ospf::wire::LsaType;
use ferr_types::AreaId;

use super::select::{Targets, V2, ask};
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};
use crate::time::span;

/// Runs it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let running = ctx.handle().running().await?;
    let mut root = Obj::new();
    for target in &targets.found {
        let taken = ask(ctx, target, |i, clock| (i.config().clone(), i.view(clock.now), clock)).await?;
        let Some((config, view, clock)) = taken else { continue };
        let name = ferr_config::model::ospf::OspfName {
            instance: target.name.instance,
            vrf: Some(target.name.vrf.clone()).filter(|v| v != "default"),
        };
        let said = running.ospf.get(&name);
        let refresh = said.and_then(|o| o.refresh_timer).unwrap_or(10);
        let picture = Picture { config: &config, view: &view, clock, refresh, said };
        if args.has("json") {
            targets.place(&mut root, target, json(&picture));
        } else {
            targets.title(ctx, target);
            text(&mut ctx.out, &picture);
        }
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

struct Picture<'a> {
    config: &'a InstanceConfig,
    view: &'a InstanceView,
    clock: Clock,
    refresh: u16,
    /// The instance as configured.
    said: Option<&'a OspfInstance>,
}

impl Picture<'_> {
    /// Authentication of an area: key of its value, text.
    fn authentication(&self, area: AreaId) -> (&'static str, &'static str) {
        let id = ferr_config::model::ospf::AreaId { id: area.0, decimal: false };
        match self.said.and_then(|i| i.areas.get(&id)).and_then(|a| a.authentication) {
            None => ("authenticationNone", "no"),
            Some(AreaAuthentication::Simple) => ("authenticationSimplePassword", "simple password"),
            Some(AreaAuthentication::MessageDigest) => ("authenticationMessageDigest", "message digest"),
        }
    }
}

const fn abr_type(kind: AbrType) -> &'static str {
    match kind {
        AbrType::Cisco => "Alternative Cisco",
        AbrType::Ibm => "Alternative IBM",
        AbrType::Shortcut => "Alternative Shortcut",
        AbrType::Standard => "Standard (RFC2328)",
    }
}

fn count(lsas: &BTreeMap<LsaType, (usize, u64)>, kind: LsaType) -> (usize, u64) {
    lsas.get(&kind).copied().unwrap_or_default()
}

fn json(p: &Picture<'_>) -> Obj {
    let (config, view) = (p.config, p.view);
    let mut o = Obj::new();
    o.put("routerId", view.router_id.to_string())
        .put("tosRoutesOnly", true)
        .put("rfc2328Conform", true)
        .flag("rfc1583Compatibility", config.rfc1583)
        .flag("opaqueCapable", config.opaque)
        .flag("stubAdvertisement", view.stub_router);
    let startup = config.stub_router.on_startup.map(|d| d.as_secs());
    let shutdown = config.stub_router.on_shutdown.map(|d| d.as_secs());
    o.opt("postStartEnabledSecs", startup).opt("preShutdownEnabledSecs", shutdown);
    o.put("spfScheduleDelayMsecs", config.spf.initial.as_millis() as u64)
        .put("holdtimeMinMsecs", config.spf.short.as_millis() as u64)
        .put("holdtimeMaxMsecs", config.spf.long.as_millis() as u64)
        .put("holdtimeMultplier", 1);
    match view.spf.last {
        Some(last) => o
            .put("spfLastExecutedMsecs", p.clock.age(last).as_millis() as u64)
            .put("spfLastDurationMsecs", view.spf.duration.as_millis() as u64),
        None => o.put("spfHasNotRun", true),
    };
    let due = view.spf.due.map(|due| due.saturating_duration_since(p.clock.now).as_millis() as u64);
    o.opt("spfTimerDueInMsecs", due)
        .put("lsaMinIntervalMsecs", config.min_ls_interval.as_millis() as u64)
        .put("lsaMinArrivalMsecs", config.min_ls_arrival.as_millis() as u64)
        .put("writeMultiplier", config.write_multiplier)
        .put("refreshTimerMsecs", u32::from(p.refresh) * 1000)
        .put("maximumPaths", config.max_paths)
        .put("preference", config.distances.intra.0);
    if view.abr {
        o.put("abrType", abr_type(config.abr_type));
    }
    if view.asbr {
        o.put("asbrRouter", "injectingExternalRoutingInformation");
    }
    let (externals, sum) = count(&view.lsas, LsaType::EXTERNAL_V2);
    let (opaques, opaque_sum) = count(&view.lsas, LsaType::OPAQUE_AS);
    o.put("lsaExternalCounter", externals)
        .put("lsaExternalChecksum", sum)
        .put("lsaAsopaqueCounter", opaques)
        .put("lsaAsOpaqueChecksum", opaque_sum)
        .put("attachedAreaCounter", view.areas.len());
    match config.log_adjacency {
        LogAdjacency::Off => {}
        LogAdjacency::Changes => {
            o.put("adjacencyChangesLogged", true);
        }
        LogAdjacency::Detail => {
            o.put("adjacencyChangesLoggedAll", true);
        }
    }
    let mut areas = Obj::new();
    for area in &view.areas {
        areas.put(area.id.to_string(), area_json(area, view.abr, p.authentication(area.id).0));
    }
    o.put("areas", areas);
    o
}

const fn shortcut_name(shortcut: Shortcut) -> &'static str {
    match shortcut {
        Shortcut::Default => "Default",
        Shortcut::Enable => "Enabled",
        Shortcut::Disable => "Disabled",
    }
}

fn area_json(area: &AreaView, abr: bool, authentication: &str) -> Obj {
    let backbone = area.id == AreaId::BACKBONE;
    let mut o = Obj::new();
    if backbone {
        o.put("backbone", true);
    } else {
        o.put("shortcuttingMode", shortcut_name(area.config.shortcut));
        o.flag("sBitConcensus", area.shortcut_agreed);
    }
    if let AreaKind::Stub { no_summary } = &area.config.kind {
        o.flag("stubNoSummary", *no_summary).flag("stubShortcut", !*no_summary);
    }
    o.put("areaIfTotalCounter", area.interfaces).put("areaIfActiveCounter", area.active);
    if let AreaKind::Nssa(_) = &area.config.kind {
        o.put("nssa", true).flag("abr", abr).flag("nssaTranslatorElected", area.translator);
    }
    o.put("nbrFullAdjacentCounter", area.full).put("authentication", authentication);
    if !backbone {
        o.put("virtualAdjacenciesPassingCounter", area.virtual_full);
    }
    o.put("spfExecutedCounter", area.spf_runs)
        .put("lsaNumber", area.lsas.values().map(|(n, _)| n).sum::<usize>());
    for (key, kind) in [
        ("Router", LsaType::ROUTER_V2),
        ("Network", LsaType::NETWORK_V2),
        ("Summary", LsaType::SUMMARY_V2),
        ("Asbr", LsaType::ASBR_SUMMARY_V2),
        ("Nssa", LsaType::NSSA_V2),
        ("OpaqueLink", LsaType::OPAQUE_LINK),
        ("OpaqueArea", LsaType::OPAQUE_AREA),
    ] {
        let (n, sum) = count(&area.lsas, kind);
        o.put(format!("lsa{key}Number"), n).put(format!("lsa{key}Checksum"), sum);
    }
    o
}

fn text(out: &mut Out<'_>, p: &Picture<'_>) {
    let (config, view) = (p.config, p.view);
    line!(out, " OSPF Routing Process, Router ID: {}", view.router_id);
    line!(out, " Supports only single TOS (TOS0) routes");
    line!(out, " This implementation conforms to RFC2328");
    let enabled = |on: bool| if on { "enabled" } else { "disabled" };
    line!(out, " RFC1583Compatibility flag is {}", enabled(config.rfc1583));
    line!(out, " OpaqueCapability flag is {}", enabled(config.opaque));
    if view.stub_router {
        line!(out, " Stub router advertisement is configured");
    }
    let ms = |d: std::time::Duration| d.as_millis();
    line!(out, " Initial SPF scheduling delay {} millisec(s)", ms(config.spf.initial));
    line!(out, " Minimum hold time between consecutive SPFs {} millisec(s)", ms(config.spf.short));
    line!(out, " Maximum hold time between consecutive SPFs {} millisec(s)", ms(config.spf.long));
    line!(out, " Hold time multiplier is currently 1");
    match view.spf.last {
        Some(last) => {
            line!(out, " SPF algorithm last executed {} ago", span(p.clock.age(last)));
            line!(out, " Last SPF duration {}", span(view.spf.duration));
        }
        None => line!(out, " SPF algorithm has not been run"),
    }
    match view.spf.due {
        Some(due) => {
            line!(out, " SPF timer due in {}", span(due.saturating_duration_since(p.clock.now)));
        }
        None => line!(out, " SPF timer is inactive"),
    }
    line!(out, " LSA minimum interval {} msecs", ms(config.min_ls_interval));
    line!(out, " LSA minimum arrival {} msecs", ms(config.min_ls_arrival));
    line!(out, " Write Multiplier set to {} ", config.write_multiplier);
    line!(out, " Refresh timer {} secs", p.refresh);
    line!(out, " Maximum multiple paths(ECMP) supported {}", config.max_paths);
    line!(out, " Administrative distance {}", config.distances.intra);
    if view.abr {
        line!(out, " This router is an ABR, ABR type is: {}", abr_type(config.abr_type));
    }
    if view.asbr {
        line!(out, " This router is an ASBR (injecting external routing information)");
    }
    let (n, sum) = count(&view.lsas, LsaType::EXTERNAL_V2);
    line!(out, " Number of external LSA {n}. Checksum Sum {sum:#010x}");
    let (n, sum) = count(&view.lsas, LsaType::OPAQUE_AS);
    line!(out, " Number of opaque AS LSA {n}. Checksum Sum {sum:#010x}");
    line!(out, " Number of areas attached to this router: {}", view.areas.len());
    match config.log_adjacency {
        LogAdjacency::Off => {}
        LogAdjacency::Changes => line!(out, " Adjacency changes are logged"),
        LogAdjacency::Detail => line!(out, " All adjacency changes are logged"),
    }
    for area in &view.areas {
        area_text(out, area, view.abr, p.authentication(area.id).1);
    }
    line!(out);
}

fn area_text(out: &mut Out<'_>, area: &AreaView, abr: bool, authentication: &str) {
    let backbone = area.id == AreaId::BACKBONE;
    let kind = match &area.config.kind {
        _ if backbone => " (Backbone)",
        AreaKind::Normal => "",
        AreaKind::Stub { no_summary: true } => " (Stub, no summary)",
        AreaKind::Stub { .. } => " (Stub)",
        AreaKind::Nssa(nssa) if nssa.no_summary => " (NSSA, no summary)",
        AreaKind::Nssa(_) => " (NSSA)",
    };
    line!(out, " Area ID: {}{kind}", area.id);
    if !backbone {
        let (mode, agreed) = (shortcut_name(area.config.shortcut), area.shortcut_agreed);
        line!(out, "   Shortcutting mode: {mode}, S-bit consensus: {}", if agreed { "ok" } else { "no" });
    }
    line!(out, "   Number of interfaces in this area: Total: {}, Active: {}", area.interfaces, area.active);
    if let AreaKind::Nssa(nssa) = &area.config.kind {
        nssa_text(out, nssa.translate, area.translator, abr);
    }
    line!(out, "   Number of fully adjacent neighbors in this area: {}", area.full);
    line!(out, "   Area has {authentication} authentication");
    if !backbone {
        line!(out, "   Number of full virtual adjacencies going through this area: {}", area.virtual_full);
    }
    line!(out, "   SPF algorithm executed {} times", area.spf_runs);
    line!(out, "   Number of LSA {}", area.lsas.values().map(|(n, _)| n).sum::<usize>());
    for (name, kind) in [
        ("router", LsaType::ROUTER_V2),
        ("network", LsaType::NETWORK_V2),
        ("summary", LsaType::SUMMARY_V2),
        ("ASBR summary", LsaType::ASBR_SUMMARY_V2),
        ("NSSA", LsaType::NSSA_V2),
        ("opaque link", LsaType::OPAQUE_LINK),
        ("opaque area", LsaType::OPAQUE_AREA),
    ] {
        let (n, sum) = count(&area.lsas, kind);
        line!(out, "   Number of {name} LSA {n}. Checksum Sum {sum:#010x}");
    }
    line!(out);
}

fn nssa_text(out: &mut Out<'_>, translate: Translate, translator: bool, abr: bool) {
    line!(out, "   It is an NSSA configuration.");
    if !abr {
        line!(out, "   It is not ABR, therefore not Translator.");
        return;
    }
    line!(out, "   Elected NSSA/ABR performs type-7/type-5 LSA translation.");
    let how = match (translator, translate) {
        (true, Translate::Always) => "Always Translator.",
        (true, _) => "NSSA Elected Translator.",
        (false, _) => "not the Translator.",
    };
    line!(out, "   We are an ABR and the {how}");
}

#[cfg(test)]
mod tests;
