//! All works of `ferr-bench convergence` at a tiny scale: every router gets all routes, and every figure is there.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use ferr_testnet::rivals::{Rival, ready};
use ferr_testnet::skipped;
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn start(works: &str, duts: &str, more: &[&str], json: &Path, html: &Path) -> Result<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferr-bench"));
    // It is the daemon too, when none is named.
    command.env_remove("FERRD_BIN");
    command.args(["convergence", "--work", works, "--duts", duts, "--scale", "0.002"]).args(more);
    command
        .args(["--runs", "1", "--limit", "40", "--patience", "0", "--json"])
        .arg(json)
        .arg("--html")
        .arg(html);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

fn figure(row: &Value, name: &str) -> Option<f64> {
    row.get("medians")?.get(name)?.get("median")?.as_f64()
}

/// Checks one router's row of a work.
fn check(work: &str, dut: &str, row: &Value) {
    let at = format!("{work} of {dut}: {row:#}");
    let run = &row["runs"][0];
    assert!(run.get("failure").is_none(), "{at}");
    // All routes arrived, or there would be no time.
    let bound = |name: &str, least: f64, most: f64| {
        let value = figure(row, name);
        assert!(value.is_some_and(|v| (least..=most).contains(&v)), "{name} {value:?} in {at}");
    };
    bound("monitor_s", 0.0, 40.0);
    bound("peak_mb", 1.0, 1000.0);
    bound("cpu_s", 0.0, 60.0);
    for share in ["injector_busy", "monitor_busy", "kernel_watch_busy"] {
        bound(share, 0.0, 1.0);
    }
    if !matches!(work, "churn" | "query-churn" | "query-reflector" | "reflector-late") {
        bound("kernel_s", 0.0, 40.0);
    }
    match work {
        "churn" | "query-churn" => {
            bound("latency_p99_ms", 0.01, 2000.0);
            bound("marks_missed", 0.0, 0.0);
        }
        "restart" => bound("swept_s", 0.0, 100.0),
        _ => {}
    }
    if work == "query-reflector" {
        bound("time_ratio_to_alone", 0.001, 1000.0);
    }
    if work.starts_with("query-") {
        let shows = run["shows"].as_object().map_or(0, |shows| {
            // Every question was understood. BIRD has an error for a route that is withdrawn at this moment.
            let answered = |s: &Value| s["answers"] != 0 && (s["unanswered"] == 0 || dut == "BIRD");
            assert!(shows.values().all(answered), "{at}");
            shows.len()
        });
        assert_eq!(shows, if dut == "BIRD" { 5 } else { 7 }, "{at}");
        bound("first_byte_ms", 0.001, 10_000.0);
        bound("throughput_mb_s", 0.001, 100_000.0);
        bound("show_p99_ms", 0.001, 10_000.0);
    }
    assert!(row["configs"].as_object().is_some_and(|c| !c.is_empty()), "{at}");
}

#[test]
fn all_works_give_all_figures() -> Result<()> {
    if let Err(reason) = ready(&[Rival::Bird, Rival::Frr]) {
        skipped(&reason);
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let most =
        "full-table,withdraw,flap,multi-feed,many-peers,churn,reflector,policy,query-churn,query-reflector";
    // Some leave what an earlier run left in the kernel for half a minute: that is waited for beside the others.
    let parts = [(most, "ferr,bird,frr"), ("restart", "ferr"), ("restart", "bird"), ("restart", "frr")];
    let mut running = Vec::new();
    for (number, (works, duts)) in parts.into_iter().enumerate() {
        let (json, html) =
            (dir.path().join(format!("{number}.json")), dir.path().join(format!("{number}.html")));
        running.push((start(works, duts, &[], &json, &html)?, json, html));
    }
    let mut seen = Vec::new();
    for (mut child, json, html) in running {
        assert!(child.wait()?.success());
        let report: Value = serde_json::from_str(&std::fs::read_to_string(json)?)?;
        for (work, rows) in report["works"].as_object().into_iter().flatten() {
            for (dut, row) in rows.as_object().into_iter().flatten().filter(|(d, _)| *d != "kernel alone") {
                check(work, dut, row);
                seen.push(work.clone());
            }
        }
        let page = std::fs::read_to_string(html)?;
        assert!(page.contains("<polyline") && !page.contains("NaN") && !page.contains("<script"));
    }
    let works = [
        "full-table",
        "withdraw",
        "flap-down",
        "flap-up",
        "multi-feed",
        "many-peers-50",
        "many-peers-100",
        "churn",
        "reflector-1",
        "reflector-late",
        "reflector-8",
        "policy",
        "policy-change",
        "query-churn",
        "query-reflector",
        "restart",
    ];
    for work in works {
        assert_eq!(seen.iter().filter(|w| *w == work).count(), 3, "{work} in {seen:?}");
    }
    Ok(())
}

#[test]
fn a_recorded_table_reaches_everybody() -> Result<()> {
    if let Err(reason) = ready(&[Rival::Bird, Rival::Frr]) {
        skipped(&reason);
        return Ok(());
    }
    if Command::new("bzip2").arg("--version").stdin(Stdio::null()).output().is_err() {
        skipped(&"no bzip2");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let (json, html) = (dir.path().join("json"), dir.path().join("html"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/mrt/rib.20140523.0600_firstMB.bz2");
    let mut child = start("full-table,withdraw", "ferr,bird,frr", &["--mrt", file], &json, &html)?;
    assert!(child.wait()?.success());
    let report: Value = serde_json::from_str(&std::fs::read_to_string(json)?)?;
    assert_eq!(report["routes"]["ipv4"], 8939);
    for work in ["full-table", "withdraw"] {
        for dut in ["FeRR", "BIRD", "FRR"] {
            check(work, dut, &report["works"][work][dut]);
        }
    }
    Ok(())
}
