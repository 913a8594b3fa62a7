//! What the text of our files must and must not hold.

use std::path::Path;
use std::process::Command;

use crate::Context;

/// Longest source file, tests aside.
const MAX_LINES: usize = 1000;

/// Crates that may use `unsafe`.
const UNSAFE: [&str; 2] = ["crates/netio/", "crates/kernel/"];

/// Paths of somebody's machine, spelled so that this file does not hold them.
const PRIVATE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/sha", "red/")];

/// Checks all files under version control.
pub(crate) fn check(context: &Context) -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&context.root)
        .output()
        .map_err(|e| format!("git ls-files: {e}"))?;
    let mut findings = Vec::new();
    for name in String::from_utf8_lossy(&output.stdout).split('\0').filter(|n| !n.is_empty()) {
        let path = context.root.join(name);
        // Recorded data, and what is not text, is not ours.
        if name.starts_with("tests/data/") || path.is_symlink() {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        findings.extend(file(name, &text));
    }
    Ok(findings)
}

fn is_test(name: &str) -> bool {
    let test_folder = name.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"));
    test_folder || Path::new(name).file_name().is_some_and(|f| f == "tests.rs")
}

/// Findings in one file.
pub(crate) fn file(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if PRIVATE_PATHS.iter().any(|p| line.contains(p)) {
            findings.push(format!("{name}:{}: path of somebody's machine", i + 1));
        }
    }
    if !name.ends_with(".rs") {
        return findings;
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !is_test(name) {
        findings.push(format!("{name}: {lines} lines, {MAX_LINES} are allowed"));
    }
    findings.extend(unsafe_code(name, text));
    findings
}

/// `unsafe` outside of its crates, or without a reason.
fn unsafe_code(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (i, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let keyword = concat!("uns", "afe");
        let used =
            ["{", "fn ", "impl ", "extern "].iter().any(|next| code.contains(&format!("{keyword} {next}")));
        if !used {
            continue;
        }
        // An allocator that counts, for example, can only be written so; it stays out of what is shipped.
        if !is_test(name) && !UNSAFE.iter().any(|u| name.starts_with(u)) {
            findings.push(format!("{name}:{}: `{keyword}` belongs to netio and kernel", i + 1));
        } else if !lines[i.saturating_sub(6)..=i].iter().any(|l| l.contains("// SAFETY:")) {
            findings.push(format!("{name}:{}: `{keyword}` without `// SAFETY:`", i + 1));
        }
    }
    findings
}
