//! `doctor bfd PEER`: what is known of its sessions, and what [`super::diagnosis`] makes of it.

use std::net::IpAddr;

use ferr_state::{BfdPeerView, Gone};
use ferr_types::Prefix;
use serde_json::Value;

use super::diagnosis::{Around, Diagnosis, Finding, absent, diagnose};
use super::{Sessions, status};
use crate::json::{Obj, pretty};
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// The command. Status 1 when something is wrong.
pub(super) async fn run(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let word = ["A.B.C.D", "X:X::X:X"].into_iter().find_map(|l| args.get(l)).unwrap_or_default();
    let Ok(remote) = word.parse() else { return Ok(Status::NoMatch) };
    let views = sessions(ctx, args, remote).await?;
    let mut found: Vec<(Option<BfdPeerView>, Diagnosis)> = Vec::new();
    for view in views {
        let around = around(ctx, &view).await?;
        let diagnosis = diagnose(&view, around);
        found.push((Some(view), diagnosis));
    }
    if found.is_empty() {
        let config = ctx.handle().running().await?;
        let vrf = args.get("VRF").filter(|v| *v != "all");
        found.push((None, absent(&config, vrf, remote)));
    }
    if args.has("json") {
        let list: Vec<Value> = found.iter().map(|(view, d)| json(remote, view.as_ref(), d)).collect();
        ctx.out.push(&pretty(&list.into()));
    } else {
        for (view, diagnosis) in &found {
            text(ctx, remote, view.as_ref(), diagnosis);
        }
    }
    let fine = found.iter().all(|(_, d)| d.finding == Finding::Fine);
    Ok(if fine { Status::Success } else { Status::Warning })
}

/// All sessions with `remote`.
async fn sessions(ctx: &Ctx<'_>, args: &Args, remote: IpAddr) -> Result<Vec<BfdPeerView>, Gone> {
    let named = args.get("VRF").filter(|v| *v != "all");
    let mut sessions = named.map_or_else(|| Sessions::of(args), |vrf| Sessions::from(vrf, remote));
    let mut out = Vec::new();
    loop {
        let slice = sessions.next(ctx.handle()).await?;
        let end = slice.last().is_none_or(|view| named.is_some() && view.name.remote != remote);
        out.extend(slice.into_iter().filter(|view| view.name.remote == remote));
        if end {
            return Ok(out);
        }
    }
}

async fn around(ctx: &Ctx<'_>, view: &BfdPeerView) -> Result<Around, Gone> {
    let (vrf, remote) = (view.session.key.vrf, view.name.remote);
    let drops = ctx.handle().bfd_totals().await?.drops;
    // Of a link-local address no table says where it is.
    if matches!(remote, IpAddr::V6(addr) if addr.is_unicast_link_local()) {
        return Ok(Around { route: None, drops });
    }
    let routes = ctx.handle().rib(move |rib, _| rib.longest_match(vrf, None, Prefix::host(remote))).await?;
    Ok(Around { route: Some(routes.iter().any(|route| route.selected)), drops })
}

fn kind(view: &BfdPeerView) -> &'static str {
    if view.name.multihop { "multihop" } else { "single hop" }
}

fn text(ctx: &mut Ctx<'_>, remote: IpAddr, view: Option<&BfdPeerView>, diagnosis: &Diagnosis) {
    match view {
        Some(view) => {
            line!(ctx.out, "BFD with {remote}, vrf {}, {}: {}", view.name.vrf, kind(view), status(view))
        }
        None => line!(ctx.out, "BFD with {remote}: no session"),
    }
    let lead = if diagnosis.finding == Finding::Fine { "Fine" } else { "Cause" };
    line!(ctx.out, "  {lead}: {}", diagnosis.what);
    for fix in &diagnosis.fixes {
        line!(ctx.out, "  Fix: {fix}");
    }
}

fn json(remote: IpAddr, view: Option<&BfdPeerView>, diagnosis: &Diagnosis) -> Value {
    let mut o = Obj::new();
    o.put("peer", remote.to_string())
        .opt("vrf", view.map(|v| v.name.vrf.clone()))
        .opt("multihop", view.map(|v| v.name.multihop))
        .opt("status", view.map(status))
        .put("cause", diagnosis.finding.key())
        .put("explanation", diagnosis.what.clone())
        .put("fix", diagnosis.fixes.clone());
    o.into()
}
