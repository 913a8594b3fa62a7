//! `show link`, `show sysctl`, `show tcp-mss`: what the link manager is asked for, and what became of it.

use ferr_state::LinkView;
use serde_json::Value;

use crate::json::Obj;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// `show link`.
pub(super) async fn links(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let view = ctx.handle().links();
    let name = args.get("IFNAME");
    let links = view.links.iter().filter(|l| name.is_none_or(|n| n == l.name));
    if args.has("json") {
        let mut all = Obj::new();
        for l in links {
            all.put(l.name.clone(), json(l));
        }
        ctx.out.push(&all.pretty());
        return Ok(Status::Success);
    }
    if let Some(name) = name
        && !view.links.iter().any(|l| l.name == name)
    {
        line!(ctx.out, "% {name} is not configured");
        return Ok(Status::Warning);
    }
    for l in links {
        let kind = l.kind.map_or_else(|| "not ours".to_owned(), |k| format!("declared as {k}"));
        let number = l.ifindex.map_or_else(|| "missing".to_owned(), |i| format!("ifindex {i}"));
        line!(ctx.out, "{}: {kind}, {number}", l.name);
        if let Some(master) = &l.master {
            line!(ctx.out, "  belongs to {master}");
        }
        if !l.addresses.is_empty() {
            line!(ctx.out, "  addresses {}", l.addresses.join(", "));
        }
        if !l.remotes.is_empty() {
            let remotes: Vec<String> = l.remotes.iter().map(ToString::to_string).collect();
            line!(ctx.out, "  other ends {}", remotes.join(", "));
        }
        line!(ctx.out, "  {}", l.state);
        if let Some(failure) = &l.failure {
            line!(ctx.out, "  cannot {failure}");
        }
        ctx.out.breathe().await?;
    }
    Ok(Status::Success)
}

fn json(l: &LinkView) -> Value {
    let mut o = Obj::new();
    o.put("declared", l.kind.is_some()).opt("kind", l.kind).opt("ifIndex", l.ifindex);
    o.opt("master", l.master.clone()).put("addresses", l.addresses.clone());
    let remotes: Vec<String> = l.remotes.iter().map(ToString::to_string).collect();
    o.put("remotes", remotes).put("ready", l.ready).put("state", l.state.clone());
    o.opt("failure", l.failure.clone());
    o.into()
}

/// `show sysctl`.
pub(super) async fn sysctls(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let view = ctx.handle().links();
    if args.has("json") {
        let mut all = Obj::new();
        for s in &view.sysctls {
            let mut o = Obj::new();
            o.put("wanted", s.wanted.clone())
                .opt("current", s.current.clone())
                .opt("before", s.before.clone());
            o.opt("error", s.error.clone());
            all.put(s.name.clone(), o);
        }
        ctx.out.push(&all.pretty());
        return Ok(Status::Success);
    }
    line!(ctx.out, "{:<48} {:>7} {:>7} {:>7}", "Setting", "Wanted", "Now", "Before");
    for s in &view.sysctls {
        let now = s.current.as_deref().unwrap_or("-");
        // Nothing of ours: it was so before.
        let before = s.before.as_deref().unwrap_or("same");
        line!(ctx.out, "{:<48} {:>7} {now:>7} {before:>7}", s.name, s.wanted);
        if let Some(error) = &s.error {
            line!(ctx.out, "  cannot be set: {error}");
        }
        ctx.out.breathe().await?;
    }
    Ok(Status::Success)
}

/// `show tcp-mss`.
pub(super) async fn segments(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let view = ctx.handle().links();
    if args.has("json") {
        let mut interfaces = Obj::new();
        for m in &view.mss {
            let mut o = Obj::new();
            o.put("ipv4", m.v4).put("ipv6", m.v6);
            interfaces.put(m.interface.clone(), o);
        }
        let mut all = Obj::new();
        all.put("interfaces", interfaces).opt("error", view.mss_error.clone());
        ctx.out.push(&all.pretty());
        return Ok(Status::Success);
    }
    if let Some(error) = &view.mss_error {
        line!(ctx.out, "% {error}");
    }
    line!(ctx.out, "{:<16} {:>6} {:>6}", "Interface", "IPv4", "IPv6");
    for m in &view.mss {
        line!(ctx.out, "{:<16} {:>6} {:>6}", m.interface, m.v4, m.v6);
    }
    Ok(Status::Success)
}
