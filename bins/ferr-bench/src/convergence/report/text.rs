//! For a terminal.

use std::fmt::Write as _;

use super::{Report, absent, first_line, name};
use crate::convergence::outcome::Outcome;

/// One run in a line.
pub(crate) fn line(outcome: &Outcome) -> String {
    let mut text = format!("{:<12} {:<12}", outcome.work, name(outcome.kind));
    if let Some(failure) = &outcome.failure {
        let _ = write!(text, " failed: {failure}");
    }
    for (metric, value) in &outcome.figures {
        let _ = write!(text, "  {} {}", metric.title(), metric.show(*value));
    }
    text
}

impl Report {
    /// Medians with least and most, and ratios to FeRR.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{} IPv4 and {} IPv6 routes; {} x {}, Linux {}\n",
            self.total.v4, self.total.v6, self.machine.processors, self.machine.model, self.machine.kernel
        );
        for (kind, version) in &self.duts {
            let _ = writeln!(text, "{}: {version}", kind.name());
        }
        for work in self.works() {
            let metrics = self.metrics(work);
            let mut rows = vec![vec![work.to_owned()]];
            rows[0].extend(metrics.iter().map(|m| m.title().to_owned()));
            for kind in self.rows(work) {
                let failure = self.failure(work, kind).map(first_line);
                if let Some(failure) = failure
                    && !self.has_figures(work, kind)
                {
                    rows.push(vec![name(kind).to_owned(), failure.to_owned()]);
                    continue;
                }
                let mut row = vec![name(kind).to_owned()];
                for metric in &metrics {
                    row.push(match self.spread(work, kind, *metric) {
                        None => absent(kind, *metric).to_owned(),
                        Some(s) => {
                            let ratio = self.ratio(work, kind, *metric).filter(|_| metric.is_result());
                            let ratio = ratio.map(|r| format!(" {r:.2}x")).unwrap_or_default();
                            let show = |v| metric.show(v);
                            format!("{} ({}-{}){ratio}", show(s.median), show(s.least), show(s.most))
                        }
                    });
                }
                rows.push(row);
                if let Some(failure) = failure {
                    rows.push(vec![format!("  {}, in one run: {failure}", name(kind))]);
                }
                if let Some(remark) = self.remark(work, kind) {
                    rows.push(vec![format!("  {}: {remark}", name(kind))]);
                }
            }
            text.push('\n');
            aligned(&mut text, &rows);
        }
        text
    }
}

/// Rows with columns of equal width; a row of one cell is a remark, and the last cell of any row may be longer.
fn aligned(text: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        let inner = rows.iter().filter(|r| r.len() > at + 1);
        inner.filter_map(|r| r.get(at)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
}
