//! For a browser: one file with everything in it, nothing from outside, no scripts.

use std::fmt::Write as _;

use super::plot::{Line, plot};
use super::{Report, absent, first_line, name};
use crate::convergence::duts::Kind;
use crate::convergence::outcome::{Metric, Outcome};

const STYLE: &str = ":root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#5b6570;--line:#d9dee3;--head:#f3f5f7;--best:#d3f2dc}\
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ec;--bg:#14171a;--soft:#9aa4ae;--line:#343b42;--head:#1f2429;--best:#17412a}}\
body{font:15px/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:1320px;margin:2rem auto;padding:0 1rem}\
h2{margin-top:2.5rem}.scroll{overflow-x:auto}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums;white-space:nowrap}\
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}\
th:first-child,td:first-child{text-align:left;font-weight:600}thead th{background:var(--head);font-weight:600}\
small{color:var(--soft);display:block}.best{background:var(--best)}.bad{white-space:normal;text-align:left;color:var(--soft)}\
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(420px,1fr));gap:1rem}figure{margin:1rem 0}\
figcaption{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:13px}svg{width:100%;height:auto}svg.key{width:26px;height:8px;margin-right:.3rem}\
polyline{fill:none;stroke-width:2.2;stroke-linejoin:round}.dash{stroke-dasharray:6 4}.grid{stroke:var(--line)}\
text{fill:var(--fg);font:12px system-ui,sans-serif}.title{font-size:14px;font-weight:600}.tick{fill:var(--soft)}\
.ferr{stroke:#e8590c}.bird{stroke:#228be6}.frr{stroke:#37b24d}.gobgp{stroke:#be4bdb}.openbgpd{stroke:#d4a017}.kernel{stroke:#868e96}\
details{margin:.5rem 0}.configs{display:grid;grid-template-columns:repeat(auto-fit,minmax(380px,1fr));gap:1rem}\
pre{background:var(--head);padding:.7rem;overflow:auto;max-height:26rem;font-size:12px;margin:.3rem 0}";

/// Most lines of a configuration file that are shown: long lists repeat themselves.
const CONFIG_LINES: usize = 120;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const fn class(kind: Option<Kind>) -> &'static str {
    match kind {
        None => "kernel",
        Some(Kind::Ferr) => "ferr",
        Some(Kind::Bird) => "bird",
        Some(Kind::Frr) => "frr",
        Some(Kind::Gobgp) => "gobgp",
        Some(Kind::Openbgpd) => "openbgpd",
    }
}

impl Report {
    /// The page.
    pub(crate) fn html(&self) -> String {
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>Convergence</title><style>{STYLE}</style></head><body>\n<h1>Convergence</h1>\n\
             <p>{} IPv4 and {} IPv6 routes in a full table. {} processors ({}), Linux {}. Medians; least and most of all runs and the ratio to \
             FeRR below. Runs of the routers alternate.</p>\n<p>",
            self.total.v4,
            self.total.v6,
            self.machine.processors,
            escape(&self.machine.model),
            escape(&self.machine.kernel)
        );
        let versions: Vec<String> =
            self.duts.iter().map(|(k, v)| format!("{}: {}", k.name(), escape(v))).collect();
        page.push_str(&versions.join(" · "));
        page.push_str("</p>\n");
        for work in self.works() {
            let _ = writeln!(page, "<h2>{}</h2>", escape(work));
            self.html_table(&mut page, work);
            self.plots(&mut page, work);
            self.html_configs(&mut page, work);
        }
        page.push_str("</body></html>\n");
        page
    }

    fn html_table(&self, page: &mut String, work: &str) {
        let metrics = self.metrics(work);
        page.push_str("<div class=\"scroll\"><table><thead><tr><th></th>");
        for metric in &metrics {
            let _ = write!(page, "<th>{}</th>", metric.title());
        }
        page.push_str("</tr></thead><tbody>\n");
        for kind in self.rows(work) {
            let _ = write!(page, "<tr><td>{}</td>", name(kind));
            if let Some(failure) = self.failure(work, kind).filter(|_| !self.has_figures(work, kind)) {
                let text = escape(first_line(failure));
                let _ = write!(page, "<td class=\"bad\" colspan=\"{}\">{text}</td>", metrics.len());
            } else {
                for metric in &metrics {
                    self.cell(page, work, kind, *metric);
                }
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n");
        for kind in self.rows(work) {
            let failed = self.failure(work, kind).filter(|_| self.has_figures(work, kind));
            let failed = failed.map(|f| format!("in one run: {}", first_line(f)));
            for remark in failed.into_iter().chain(self.remark(work, kind)) {
                let _ = writeln!(page, "<p><small>{}: {}</small></p>", name(kind), escape(&remark));
            }
        }
    }

    fn cell(&self, page: &mut String, work: &str, kind: Option<Kind>, metric: Metric) {
        let Some(s) = self.spread(work, kind, metric) else {
            let _ = write!(page, "<td>{}</td>", absent(kind, metric));
            return;
        };
        let others = self.rows(work).into_iter().flatten();
        let medians = others.filter_map(|k| self.spread(work, Some(k), metric)).map(|s| s.median);
        let least = medians.fold(f64::MAX, f64::min);
        let best = metric.less_is_better() && kind.is_some() && s.median <= least;
        let ratio = self.ratio(work, kind, metric).filter(|_| metric.is_result());
        let ratio = ratio.map(|r| format!(" · {r:.2}x")).unwrap_or_default();
        let _ = write!(
            page,
            "<td{}>{}<small>{}–{}{ratio}</small></td>",
            if best { " class=\"best\"" } else { "" },
            metric.show(s.median),
            metric.show(s.least),
            metric.show(s.most)
        );
    }

    /// The run of a router whose time was the median.
    fn typical(&self, work: &str, kind: Option<Kind>) -> Option<&Outcome> {
        let mut runs: Vec<&Outcome> = self.of(work, kind).filter(|o| o.phase.is_some()).collect();
        let time = |o: &Outcome| o.figure(Metric::Monitor).or(o.figure(Metric::Kernel)).unwrap_or(0.0);
        runs.sort_by(|a, b| time(a).total_cmp(&time(b)));
        runs.get(runs.len().saturating_sub(1) / 2).copied()
    }

    fn plots(&self, page: &mut String, work: &str) {
        let (mut routes, mut memory) = (Vec::new(), Vec::new());
        for kind in self.rows(work) {
            let Some(outcome) = self.typical(work, kind) else { continue };
            let Some(phase) = &outcome.phase else { continue };
            let line = |what: &str, dashed, points| Line {
                name: format!("{}{what}", name(kind)),
                class: class(kind),
                dashed,
                points,
            };
            let points = phase.points.iter();
            let mut seen: Vec<(f64, f64)> = points.clone().map(|p| (p.at, p.monitor as f64)).collect();
            seen.extend(phase.monitor.map(|at| (at, phase.monitored as f64)));
            // What was noted after the last route is no later than it.
            seen.sort_by(|a, b| a.0.total_cmp(&b.0));
            routes.push(line(", monitor", false, seen));
            let total = phase.kernel_routes as f64;
            let kernel = phase.kernel_curve.iter().map(|(at, part)| (*at, part * total)).collect();
            routes.push(line(", kernel", true, kernel));
            let resident = points
                .filter(|p| p.resident_kib > 0)
                .map(|p| (p.at, p.resident_kib as f64 / 1024.0))
                .collect();
            memory.push(line("", false, resident));
        }
        let _ = writeln!(
            page,
            "<div class=\"plots\">{}{}</div>",
            plot("Routes over time", "routes", &routes),
            plot("Memory over time", "MB resident", &memory)
        );
    }

    fn html_configs(&self, page: &mut String, work: &str) {
        page.push_str("<details><summary>Configurations</summary><div class=\"configs\">\n");
        for kind in self.rows(work) {
            let Some(outcome) = self.of(work, kind).find(|o| !o.configs.is_empty()) else { continue };
            for (file, text) in &outcome.configs {
                let lines: Vec<&str> = text.lines().collect();
                let mut shown = lines[..lines.len().min(CONFIG_LINES)].to_vec();
                let more = format!("... {} more lines", lines.len().saturating_sub(CONFIG_LINES));
                if lines.len() > CONFIG_LINES {
                    shown.push(&more);
                }
                let shown: Vec<String> = shown.into_iter().map(|l| l.chars().take(400).collect()).collect();
                let text = escape(&shown.join("\n"));
                let _ = writeln!(page, "<div><b>{} {file}</b><pre>{text}</pre></div>", name(kind));
            }
        }
        page.push_str("</div></details>\n");
    }
}
