//! Lines over time as SVG.

use std::fmt::Write as _;

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) dashed: bool,
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 42.0;
/// Most points of a line.
const POINTS: usize = 240;
/// Ends this far apart are shown on a logarithmic axis.
const FAR: f64 = 6.0;
/// Where a logarithmic axis begins, in seconds.
const FIRST: f64 = 0.05;

/// A round number at or above `value`.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|f| f * power).find(|v| *v >= value * 0.999).unwrap_or(value)
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", trim(v / 1e6)),
        v if v >= 1e3 => format!("{}k", trim(v / 1e3)),
        v => trim(v),
    }
}

fn trim(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

struct Axes {
    end: f64,
    top: f64,
    log: bool,
}

impl Axes {
    fn x(&self, seconds: f64) -> f64 {
        let part = if self.log {
            (seconds.max(FIRST) / FIRST).log10() / (self.end / FIRST).log10()
        } else {
            seconds / self.end
        };
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (value / self.top).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return (0..=5).map(|i| self.end * f64::from(i) / 5.0).collect();
        }
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
        steps.into_iter().filter(|t| *t <= self.end).collect()
    }
}

/// A plot of some lines; nothing when there is nothing to see.
pub(super) fn plot(title: &str, unit: &str, lines: &[Line]) -> String {
    let ends: Vec<f64> =
        lines.iter().filter_map(|l| l.points.last()).map(|p| p.0).filter(|e| *e > 0.0).collect();
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0_f64, f64::max);
    let last = most(&mut ends.iter().copied());
    let top = most(&mut lines.iter().flat_map(|l| &l.points).map(|p| p.1));
    if last <= 0.0 || top <= 0.0 {
        return String::new();
    }
    let first = ends.iter().copied().fold(f64::MAX, f64::min);
    let log = last / first > FAR && last > 4.0 * FIRST;
    let axes = Axes { end: if log { last } else { round_up(last) }, top: round_up(top), log };
    let mut svg = format!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
         <text class=\"title\" x=\"{LEFT}\" y=\"18\">{title}</text>"
    );
    grid(&mut svg, &axes, unit);
    for line in lines.iter().filter(|l| !l.points.is_empty()) {
        let step = line.points.len().div_ceil(POINTS);
        let kept = line.points.iter().step_by(step).chain(line.points.last());
        let path: Vec<String> = kept.map(|(x, y)| format!("{:.1},{:.1}", axes.x(*x), axes.y(*y))).collect();
        let dash = if line.dashed { " dash" } else { "" };
        let _ = write!(svg, "<polyline class=\"{}{dash}\" points=\"{}\"/>", line.class, path.join(" "));
    }
    svg.push_str("</svg><figcaption>");
    for line in lines.iter().filter(|l| !l.points.is_empty()) {
        let dash = if line.dashed { " dash" } else { "" };
        let _ = write!(
            svg,
            "<span><svg class=\"key\" viewBox=\"0 0 26 8\"><polyline class=\"{}{dash}\" points=\"0,4 26,4\"/></svg>{}</span>",
            line.class, line.name
        );
    }
    svg.push_str("</figcaption></figure>\n");
    svg
}

fn grid(svg: &mut String, axes: &Axes, unit: &str) {
    for i in 0..=4 {
        let value = axes.top * f64::from(i) / 4.0;
        let y = axes.y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            short(value)
        );
    }
    for tick in axes.ticks() {
        let x = axes.x(tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 16.0,
            short(tick)
        );
    }
    let kind = if axes.log { "seconds, logarithmic" } else { "seconds" };
    let _ = write!(
        svg,
        "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{kind}</text>\
         <text class=\"tick\" x=\"{}\" y=\"18\" text-anchor=\"end\">{unit}</text>",
        WIDTH - RIGHT,
        HEIGHT - 8.0,
        WIDTH - RIGHT
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_a_line_for_each_and_none_for_nothing() {
        let line = |name: &str, end: f64| Line {
            name: name.to_owned(),
            class: "ferr",
            dashed: false,
            points: vec![(0.0, 0.0), (end, 1000.0)],
        };
        let text = plot("routes", "routes", &[line("a", 1.0), line("b", 2.0)]);
        assert_eq!(text.matches("<polyline").count(), 4);
        assert!(!text.contains("NaN") && text.contains(">1k<"), "{text}");
        assert!(plot("far", "", &[line("a", 1.0), line("b", 60.0)]).contains("logarithmic"));
        assert_eq!(plot("nothing", "", &[]), "");
    }
}
