//! `show bgp ... dampening`: what flaps and what is held back for it.

use ferr_state::bgp::{DampingView, DestView, PathView};
use ferr_types::{Afi, Family, Safi};
use serde_json::Value;

use super::super::row::{self, RowKind};
use super::super::select::{self, Scope, Wanted};
use crate::json::{Obj, pretty_at};
use crate::output::{Out, Outcome, Status, line, put};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};
use crate::time;

/// Which of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::show::bgp) enum Kind {
    /// Everything that flapped of late.
    Flaps,
    /// What is held back.
    Damped,
}

impl Kind {
    /// Of a line.
    pub(super) fn of(args: &Args) -> Option<Self> {
        match () {
            () if args.has("flap-statistics") => Some(Self::Flaps),
            () if args.has("dampened-paths") || args.has("dampened-routes") => Some(Self::Damped),
            () => None,
        }
    }

    /// Columns.
    pub(super) fn header(self, out: &mut Out<'_>) {
        match self {
            Self::Flaps => line!(out, "   Network          From            Flaps Duration Reuse    Path"),
            Self::Damped => line!(out, "   Network          From             Reuse    Path"),
        }
    }

    /// Writes a row.
    pub(super) fn row(self, out: &mut Out<'_>, dest: &DestView, path: &PathView, first: bool, clock: &Clock) {
        let Some(damping) = &path.damping else { return };
        row::lead(out, dest.prefix, path, RowKind::Table { first }, false);
        let from = path.source.name.as_deref().unwrap_or_default();
        let reuse = damping.reuse.map(time::uptime).unwrap_or_default();
        match self {
            Self::Flaps => {
                let age = time::uptime(clock.age(damping.since));
                put!(out, "{from:<15} {:<5}{age:<8} {reuse:<8} ", damping.flaps);
            }
            Self::Damped => put!(out, "{from:<16} {reuse:<8} "),
        }
        let a = path.attributes();
        if !a.as_path.is_empty() {
            put!(out, "{} ", a.as_path);
        }
        line!(out, "{}", row::origin_letter(a.origin));
    }

    /// Object of one path.
    pub(super) fn json(self, dest: &DestView, path: &PathView, clock: &Clock) -> Value {
        let mut o = Obj::new();
        row::status_fields(&mut o, dest, path);
        let Some(damping) = &path.damping else { return o.into() };
        let a = path.attributes();
        let from = path.source.name.clone().unwrap_or_default();
        if self == Self::Flaps {
            o.put("peerHost", from.clone()).put("bdiFlap", damping.flaps);
            since(&mut o, damping, clock);
        }
        o.opt("reuseTimerMsecs", damping.reuse.map(|t| t.as_millis() as u64));
        o.put("asPath", a.as_path.to_string()).put("origin", row::origin_letter(a.origin));
        if self == Self::Damped {
            o.put("peerHost", from);
        }
        o.into()
    }
}

/// Time of the first flap, under the names that it has in FRR.
fn since(o: &mut Obj, damping: &DampingView, clock: &Clock) {
    let age = clock.age(damping.since);
    o.put("peerUptime", time::uptime(age))
        .put("peerUptimeMsec", age.as_secs() * 1000)
        .put("peerUptimeEstablishedEpoch", time::epoch(clock.wall(damping.since)));
}

/// The same for one prefix, as text.
pub(in crate::show::bgp) fn detail(out: &mut Out<'_>, path: &PathView, clock: &Clock) {
    let Some(damping) = &path.damping else { return };
    let age = time::uptime(clock.age(damping.since));
    put!(out, "      Dampinfo: penalty {}, flapped {} times in {age}", damping.penalty, damping.flaps);
    damping.reuse.iter().for_each(|t| put!(out, ", reuse in {}", time::uptime(*t)));
    line!(out);
}

/// The same for one prefix, as keys of its path.
pub(in crate::show::bgp) fn detail_json(o: &mut Obj, path: &PathView, clock: &Clock) {
    let Some(damping) = &path.damping else { return };
    o.put("dampeningPenalty", damping.penalty).put("dampeningFlapCount", damping.flaps);
    since(o, damping, clock);
    o.opt("reuseTimerMsecs", damping.reuse.map(|t| t.as_millis() as u64));
}

fn family_name(family: Family) -> String {
    let afi = if family.afi() == Afi::Ipv4 { "IPv4" } else { "IPv6" };
    let safi = if family.safi() == Safi::Multicast { "Multicast" } else { "Unicast" };
    format!("{afi} {safi}")
}

/// `dampening parameters`.
pub(super) async fn parameters(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let Wanted::Table(family) = select::wanted(args) else { return Ok(Status::Success) };
    let (json, scope) = (args.has("json"), Scope::of(args));
    let asked = scope.clone();
    let found = ctx
        .handle()
        .bgp(move |world, _| {
            let names = asked.names(world).into_iter();
            names
                .filter_map(|n| Some(world.instances.get(&n)?.bgp.config().families[family].damping))
                .collect::<Vec<_>>()
        })
        .await?;
    if found.is_empty() {
        return Ok(super::no_instance(ctx, json, &scope));
    }
    for damping in found {
        let Some(d) = damping else {
            if json {
                ctx.out.push("{\n}\n");
            } else {
                line!(ctx.out, "dampening not enabled for {}", family_name(family));
            }
            continue;
        };
        let (half, longest, most) = (d.half_life.as_secs(), d.longest.as_secs(), d.ceiling() as u64);
        if json {
            let mut o = Obj::new();
            o.put("halfLifeSecs", half).put("reusePenalty", d.reuse).put("suppressPenalty", d.suppress);
            o.put("maxSuppressTimeSecs", longest).put("maxSuppressPenalty", most);
            line!(ctx.out, "{}", pretty_at(&Value::from(o), 0));
            continue;
        }
        line!(ctx.out, "Half-life time: {} min", half / 60);
        line!(ctx.out, "Reuse penalty: {}", d.reuse);
        line!(ctx.out, "Suppress penalty: {}", d.suppress);
        line!(ctx.out, "Max suppress time: {} min", longest / 60);
        line!(ctx.out, "Max suppress penalty: {most}\n");
    }
    Ok(Status::Success)
}
