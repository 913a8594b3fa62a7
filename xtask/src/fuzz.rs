//! A few seconds of every fuzzing target: they build, their seeds pass, and nothing shallow is broken.
//!
//! Built without cargo-fuzz and without sanitizers, with the coverage flags that libFuzzer needs: the crates have no unsafe code, so
//! what is looked for are panics, overflows and hangs. docs/fuzzing.md says how to run for hours.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{Context, Outcome, run};

/// Coverage as libFuzzer reads it.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Seconds per target, in the short and in the full run.
const SECONDS: (u32, u32) = (4, 300);
/// Targets at work at the same time.
const AT_ONCE: usize = 2;

fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|e| format!("rustc: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|l| l.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc names no host".to_owned())
}

fn targets(context: &Context) -> Result<Vec<String>, String> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--manifest-path", "fuzz/Cargo.toml"];
    let output = context.cargo(&arguments).output().map_err(|e| format!("cargo metadata: {e}"))?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let targets = metadata["packages"][0]["targets"].as_array().cloned().unwrap_or_default();
    let bins = targets.iter().filter(|t| t["kind"][0] == "bin").filter_map(|t| t["name"].as_str());
    Ok(bins.map(str::to_owned).collect())
}

struct Running {
    name: String,
    child: Child,
    log: std::path::PathBuf,
}

fn start(context: &Context, host: &str, name: &str, corpus: &Path) -> Result<Running, String> {
    let folder = context.target.join("fuzz");
    let fresh = folder.join("corpus").join(name);
    std::fs::create_dir_all(&fresh).map_err(|e| format!("{}: {e}", fresh.display()))?;
    let log = folder.join(format!("{name}.log"));
    let open = |path: &Path| std::fs::File::create(path).map_err(|e| format!("{}: {e}", path.display()));
    let file = open(&log)?;
    let again = file.try_clone().map_err(|e| e.to_string())?;
    let seconds = if context.full { SECONDS.1 } else { SECONDS.0 };
    let mut command = Command::new(folder.join(host).join("release").join(name));
    command.arg(format!("-max_total_time={seconds}")).args(["-timeout=10", "-rss_limit_mb=2048", "-seed=1"]);
    command.arg(format!("-artifact_prefix={}/{name}-", folder.display())).arg(&fresh);
    let written = corpus.join(name);
    let seeds = match name {
        "config" | "lines" => context.root.join("crates/config/tests/data"),
        "import_vyos" | "import_wg_quick" => context.root.join("crates/import/tests/data"),
        _ => written,
    };
    if seeds.is_dir() {
        command.arg(seeds);
    }
    let child = command.stdin(Stdio::null()).stdout(file).stderr(again).spawn();
    Ok(Running { name: name.to_owned(), child: child.map_err(|e| format!("{name}: {e}"))?, log })
}

fn finish(mut running: Running) -> Outcome {
    let status = running.child.wait().map_err(|e| format!("{}: {e}", running.name))?;
    let log = std::fs::read_to_string(&running.log).unwrap_or_default();
    let last = log.lines().rev().find(|l| !l.is_empty()).unwrap_or_default();
    println!("{:>16}: {last}", running.name);
    if status.success() { Ok(()) } else { Err(format!("{}: {status}\n{log}", running.name)) }
}

/// Builds all targets, writes their seeds and runs them.
pub(crate) fn smoke(context: &Context) -> Outcome {
    let host = host()?;
    let folder = context.target.join("fuzz");
    let what = [
        "build",
        "--quiet",
        "--release",
        "--bins",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--locked",
        "--target",
    ];
    run(context.cargo(&what).arg(&host).env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", FLAGS))?;
    let corpus = folder.join("seeds");
    let seeds = ["run", "--quiet", "--package", "ferr-oracles", "--example", "fuzz_seeds", "--locked", "--"];
    run(context.cargo(&seeds).arg(&corpus).stdout(Stdio::null()))?;
    let mut waiting: std::collections::VecDeque<Running> = std::collections::VecDeque::new();
    let mut outcome = Ok(());
    for name in targets(context)? {
        if waiting.len() >= AT_ONCE
            && let Some(first) = waiting.pop_front()
        {
            outcome = outcome.and(finish(first));
        }
        waiting.push_back(start(context, &host, &name, &corpus)?);
    }
    waiting.into_iter().map(finish).fold(outcome, Result::and)
}
