//! `show ip route`, `show ip fib` and their kin: tables in slices, single prefixes, summaries.

use ferr_state::rib::{Rib, RouteView};
use ferr_types::{Afi, Prefix, Protocol, TableId, VrfId};
use serde_json::Value;

use super::names::{Names, afi};
use super::render;
use crate::json::pretty_at;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};

/// Prefixes per job.
const SLICE: usize = 500;

const HEADER_V4: &str = "\
Codes: K - kernel route, C - connected, S - static, R - RIP,
       O - OSPF, I - IS-IS, B - BGP, E - EIGRP, N - NHRP,
       T - Table, v - VNC, V - VNC-Direct, A - Babel, F - PBR,
       f - OpenFabric,
       > - selected route, * - FIB route, q - queued, r - rejected, b - backup
       t - trapped, o - offload failure

";

const HEADER_V6: &str = "\
Codes: K - kernel route, C - connected, S - static, R - RIPng,
       O - OSPFv3, I - IS-IS, B - BGP, N - NHRP, T - Table,
       v - VNC, V - VNC-Direct, A - Babel, F - PBR,
       f - OpenFabric,
       > - selected route, * - FIB route, q - queued, r - rejected, b - backup
       t - trapped, o - offload failure

";

/// Which candidates are shown.
#[derive(Debug, Clone, Default)]
struct Filter {
    fib: bool,
    /// `Some(None)`: a source that does not exist here.
    protocol: Option<Option<Protocol>>,
    tag: Option<u32>,
    longer: Option<Prefix>,
    supernets: bool,
}

impl Filter {
    fn of(args: &Args) -> Self {
        const SOURCES: [&str; 17] = [
            "kernel",
            "connected",
            "local",
            "static",
            "rip",
            "ripng",
            "ospf",
            "ospf6",
            "isis",
            "bgp",
            "eigrp",
            "nhrp",
            "table",
            "vnc",
            "babel",
            "openfabric",
            "sharp",
        ];
        // `table N` selects a kernel table, `table` alone the routes imported from one.
        let source = SOURCES.into_iter().filter(|s| *s != "table" || args.after("table").is_none());
        let protocol = source.into_iter().find(|s| args.has(s)).filter(|s| *s != "table" || !args.has("all"));
        Self {
            fib: args.has("fib"),
            protocol: protocol.map(|p| p.parse().ok()),
            tag: args.after("tag").and_then(|t| t.parse().ok()),
            longer: prefix(args).filter(|_| args.has("longer-prefixes")),
            supernets: args.has("supernets-only"),
        }
    }

    fn wants(&self, route: &RouteView) -> bool {
        (!self.fib || route.selected && route.installed)
            && self.protocol.is_none_or(|p| p == Some(route.protocol))
            && self.tag.is_none_or(|t| t == route.tag.0)
            && self.longer.is_none_or(|p| p.covers(route.prefix))
            && (!self.supernets || is_supernet(route.prefix))
    }
}

/// Shorter than its class (RFC 791).
const fn is_supernet(prefix: Prefix) -> bool {
    match prefix {
        Prefix::V4(p) => {
            let classful = match p.addr().octets()[0] {
                0..=127 => 8,
                128..=191 => 16,
                _ => 24,
            };
            p.len() < classful
        }
        Prefix::V6(_) => false,
    }
}

fn prefix(args: &Args) -> Option<Prefix> {
    args.get("A.B.C.D/M").or_else(|| args.get("X:X::X:X/M")).and_then(|p| p.parse().ok())
}

/// Tables of a VRF that a line means.
fn tables(rib: &Rib, args: &Args, vrf: VrfId, afi: Afi) -> Vec<Option<TableId>> {
    match args.after("table") {
        Some(n) => {
            let table = n.parse().ok().map(TableId);
            let own = rib.vrfs().any(|v| v.id == vrf && Some(v.table) == table);
            vec![table.filter(|_| !own)]
        }
        None if args.has("table") && args.has("all") => {
            std::iter::once(None).chain(rib.extra_tables(vrf, afi).map(Some)).collect()
        }
        None => vec![None],
    }
}

/// A whole table, or what a filter leaves of it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (afi, filter, copy) = (afi(args), Filter::of(args), args.clone());
    let (names, sections, now) = ctx
        .handle()
        .rib(move |rib, now| {
            let names = Names::of(rib);
            let per_vrf = |vrf| tables(rib, &copy, vrf, afi).into_iter().map(move |t| (vrf, t));
            let sections: Vec<(VrfId, Option<TableId>)> =
                names.wanted(&copy).into_iter().flat_map(per_vrf).collect();
            (names, sections, now)
        })
        .await?;
    if let Some(name) = args.get("VRF").filter(|_| sections.is_empty() && !args.has("json")) {
        line!(ctx.out, "% VRF {name} not found");
        return Ok(Status::Warning);
    }
    let clock = Clock::new(ctx.handle(), now);
    let mut printer = Printer {
        json: args.has("json"),
        keyed: args.get("VRF") == Some("all"),
        multi: args.get("VRF") == Some("all"),
        afi,
        names,
        clock,
        header: false,
    };
    printer.begin(ctx);
    for (n, (vrf, table)) in sections.iter().enumerate() {
        printer.section(ctx, n, (*vrf, *table), &filter).await?;
    }
    printer.end(ctx, sections.is_empty());
    Ok(Status::Success)
}

/// Prints tables one behind the other.
struct Printer {
    json: bool,
    /// One object per VRF.
    keyed: bool,
    multi: bool,
    afi: Afi,
    names: Names,
    clock: Clock,
    header: bool,
}

impl Printer {
    fn begin(&self, ctx: &mut Ctx<'_>) {
        if self.json && self.keyed {
            ctx.out.push("{\n");
        }
    }

    fn end(&self, ctx: &mut Ctx<'_>, empty: bool) {
        if self.json && self.keyed {
            ctx.out.push(if empty { "}\n" } else { "\n}\n" });
        } else if self.json && empty {
            ctx.out.push("{\n}\n");
        }
    }

    async fn section(
        &mut self,
        ctx: &mut Ctx<'_>,
        n: usize,
        (vrf, table): (VrfId, Option<TableId>),
        filter: &Filter,
    ) -> Outcome {
        let depth = usize::from(self.keyed) + 1;
        if self.json {
            let key = match (self.keyed, table) {
                (false, _) => String::new(),
                (true, None) => format!("  {}:", Value::from(self.names.vrf(vrf))),
                (true, Some(t)) => {
                    format!("  {}:", Value::from(format!("{} table {t}", self.names.vrf(vrf))))
                }
            };
            let comma = if n > 0 && self.keyed { ",\n" } else { "" };
            ctx.out.push(&format!("{comma}{key}{{"));
        }
        let (afi, mut after) = (self.afi, filter.longer.and_then(before));
        let mut first = true;
        loop {
            let from = after;
            let routes =
                ctx.handle().rib(move |rib, _| rib.routes_from(vrf, table, afi, from, SLICE)).await?;
            let Some(last) = routes.last().map(|r| r.prefix) else { break };
            after = Some(last);
            for group in routes.chunk_by(|a, b| a.prefix == b.prefix) {
                let wanted: Vec<&RouteView> = group.iter().filter(|r| filter.wants(r)).collect();
                if !wanted.is_empty() {
                    self.prefix(ctx, &wanted, &mut first, depth, (vrf, table));
                }
            }
            ctx.out.breathe().await?;
            let beyond = |p: Prefix| !p.covers(last) && p.addr() < last.addr();
            if filter.longer.is_some_and(beyond) {
                break;
            }
        }
        if self.json {
            let indent = "  ".repeat(depth - 1);
            ctx.out.push(&format!("\n{indent}}}"));
            if !self.keyed {
                line!(ctx.out);
            }
        }
        Ok(Status::Success)
    }

    fn prefix(
        &mut self,
        ctx: &mut Ctx<'_>,
        routes: &[&RouteView],
        first: &mut bool,
        depth: usize,
        section: (VrfId, Option<TableId>),
    ) {
        let begins = std::mem::replace(first, false);
        if self.json {
            let list: Vec<Value> = routes.iter().map(|r| render::json(r, &self.names, &self.clock)).collect();
            let indent = "  ".repeat(depth);
            let comma = if begins { "" } else { "," };
            let prefix = routes[0].prefix;
            ctx.out.push(&format!("{comma}\n{indent}\"{prefix}\":{}", pretty_at(&list, depth)));
            return;
        }
        if begins {
            self.text_header(ctx, section);
        }
        routes.iter().for_each(|r| render::text(&mut ctx.out, r, &self.names, &self.clock));
    }

    fn text_header(&mut self, ctx: &mut Ctx<'_>, (vrf, table): (VrfId, Option<TableId>)) {
        if std::mem::replace(&mut self.header, true) {
            line!(ctx.out);
        } else {
            ctx.out.push(match self.afi {
                Afi::Ipv4 => HEADER_V4,
                Afi::Ipv6 => HEADER_V6,
            });
        }
        let name = self.names.vrf(vrf);
        match table {
            Some(t) => line!(ctx.out, "VRF {name} table {t}:"),
            None if self.multi || vrf != VrfId::DEFAULT => line!(ctx.out, "VRF {name}:"),
            None => {}
        }
    }
}

/// A prefix in front of `prefix` in table order, so that a cursor behind it begins with `prefix`.
fn before(prefix: Prefix) -> Option<Prefix> {
    // Only a start at the exact address would skip shorter prefixes of the same address; the filter drops those anyway.
    let bits = match prefix.addr() {
        std::net::IpAddr::V4(a) => std::net::IpAddr::V4(a.to_bits().checked_sub(1)?.into()),
        std::net::IpAddr::V6(a) => std::net::IpAddr::V6(a.to_bits().checked_sub(1)?.into()),
    };
    Some(Prefix::host(bits))
}
