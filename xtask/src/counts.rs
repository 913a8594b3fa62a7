//! Instructions of the hot paths, against the figures in `tests/counts/figures.txt`.
//!
//! Valgrind counts them. They depend a little on the compiler and on the C library, so a work may take [`TOLERANCE`] more than its
//! figure; `cargo xtask counts` writes new figures, for a change that is meant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Context, Outcome, run};

/// Share by which a work may miss its figure.
const TOLERANCE: f64 = 0.05;
const FIGURES: &str = "tests/counts/figures.txt";

/// Instructions for each thing that a work does.
type Figures = BTreeMap<String, f64>;

fn build(context: &Context) -> Result<PathBuf, String> {
    let what = ["build", "--quiet", "--profile", "counts", "--package", "ferr-counts", "--locked"];
    run(&mut context.cargo(&what))?;
    Ok(context.target.join("counts/ferr-counts"))
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{command:?}: {}\n{errors}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &errors)
}

/// Counts one work.
fn instructions(program: &Path, work: &str) -> Result<u64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    valgrind.arg("--toggle-collect=ferr_counts::measured").arg(program).arg(work);
    let text = output(&mut valgrind)?;
    let line = text.lines().find_map(|l| l.split_once("Collected : "));
    let count = line.and_then(|(_, n)| n.trim().parse().ok()).filter(|n| *n > 0);
    count.ok_or_else(|| format!("{work}: valgrind counted nothing"))
}

fn count_all(context: &Context) -> Result<Figures, String> {
    let program = build(context)?;
    let works = output(&mut Command::new(&program))?;
    let mut figures = Figures::new();
    for (work, things) in works.lines().filter_map(|l| l.split_once(' ')) {
        let things: f64 = things.parse().map_err(|e| format!("{work}: {e}"))?;
        figures.insert(work.to_owned(), instructions(&program, work)? as f64 / things);
    }
    Ok(figures)
}

fn stored(context: &Context) -> Result<Figures, String> {
    let text = std::fs::read_to_string(context.root.join(FIGURES)).map_err(|e| format!("{FIGURES}: {e}"))?;
    let pairs = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(' '));
    pairs
        .map(|(work, n)| {
            Ok((work.to_owned(), n.trim().parse().map_err(|e| format!("{FIGURES}, {work}: {e}"))?))
        })
        .collect()
}

/// Differences that matter, worst first of all those that fail.
fn compare(stored: &Figures, counted: &Figures) -> Vec<String> {
    let mut findings = Vec::new();
    for (work, now) in counted {
        let Some(before) = stored.get(work) else {
            findings.push(format!("{work}: has no figure"));
            continue;
        };
        let change = now / before - 1.0;
        if change > TOLERANCE {
            findings.push(format!(
                "{work}: {before:.0} instructions before, {now:.0} now ({:+.1} %)",
                change * 100.0
            ));
        }
    }
    let gone = stored.keys().filter(|work| !counted.contains_key(*work));
    findings.extend(gone.map(|work| format!("{work}: a figure without a work")));
    findings
}

/// Fails when a hot path takes more instructions than it did.
pub(crate) fn check(context: &Context) -> Outcome {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|o| o.status.success()) {
        println!("SKIPPED: valgrind is not installed");
        return Ok(());
    }
    let (before, now) = (stored(context)?, count_all(context)?);
    for (work, count) in &now {
        let change = before.get(work).map_or(0.0, |b| (count / b - 1.0) * 100.0);
        println!("{work:<26}{count:>12.0} instructions each {change:+7.1} %");
    }
    let findings = compare(&before, &now);
    if findings.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nif that is meant: cargo xtask counts", findings.join("\n")))
}

/// Writes the figures anew.
pub(crate) fn write(context: &Context) -> Outcome {
    let mut text =
        "# Instructions for each thing that a work of tests/counts does; written by cargo xtask counts.\n"
            .to_owned();
    for (work, count) in count_all(context)? {
        text.push_str(&format!("{work} {count:.0}\n"));
    }
    std::fs::write(context.root.join(FIGURES), text).map_err(|e| format!("{FIGURES}: {e}"))
}

#[cfg(test)]
mod tests;
