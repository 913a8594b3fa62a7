//! Who may depend on whom, and under which licence.

use std::collections::BTreeSet;

use crate::Context;
use crate::workspace::{Packages, linked};

/// Crates of the workspace and what they may depend on (docs/architecture.md).
pub(crate) const LAYERS: [(&str, &[&str]); 24] = [
    ("types", &[]),
    ("prefixmap", &["types"]),
    ("bgp-wire", &["types"]),
    ("bfd-wire", &["types"]),
    ("ospf-wire", &["types"]),
    ("bfd", &["types", "bfd-wire"]),
    ("policy", &["types", "prefixmap"]),
    ("config", &["types", "prefixmap"]),
    ("bgp", &["types", "prefixmap", "bgp-wire", "policy"]),
    ("ospf", &["types", "prefixmap", "ospf-wire", "policy"]),
    ("rib", &["types", "prefixmap", "policy"]),
    ("netio", &["types"]),
    ("kernel", &["types", "rib", "netio"]),
    ("wireguard", &["types", "prefixmap", "netio"]),
    // Reads files of wg-quick with the crate that runs them.
    ("import", &["config", "wireguard"]),
    // Views are those of the cores: docs/adr/0003-state-reexports-views.md.
    ("state", &["types", "config", "policy", "bgp", "ospf", "bfd", "rib"]),
    ("vty", &["types", "config", "state"]),
    (
        "engine",
        &[
            "types",
            "prefixmap",
            "bgp-wire",
            "bfd-wire",
            "ospf-wire",
            "policy",
            "config",
            "bgp",
            "ospf",
            "bfd",
            "rib",
            "netio",
            "kernel",
            "state",
            "vty",
            "wireguard",
        ],
    ),
    (
        "simnet",
        &[
            "types",
            "prefixmap",
            "bgp-wire",
            "bfd-wire",
            "policy",
            "config",
            "bgp",
            "ospf-wire",
            "ospf",
            "bfd",
            "rib",
        ],
    ),
    ("testnet", &["types", "bgp-wire", "bfd-wire"]),
    ("oracles", &["types", "bgp-wire", "ospf-wire"]),
    ("counts", &["types", "prefixmap", "bgp-wire", "policy", "bgp", "ospf", "bfd", "rib"]),
    ("interop", &["types", "testnet"]),
    ("vm-tests", &["testnet"]),
];

/// Crates that compose others and may use all of them.
const COMPOSITION: [&str; 4] = ["ferrd", "ferr", "ferr-bench", "xtask"];

/// Crates without I/O.
const CORES: [&str; 11] = [
    "types",
    "prefixmap",
    "bgp-wire",
    "bfd-wire",
    "ospf-wire",
    "policy",
    "config",
    "bgp",
    "ospf",
    "bfd",
    "rib",
];

/// What they must not link, however far down.
const IMPURE: [&str; 8] = ["getrandom", "libc", "mio", "nix", "rand", "rustix", "socket2", "tokio"];

/// May link one of them: it asks which instructions the processor has, on some targets through libc.
const ASKS_THE_PROCESSOR: &str = "cpufeatures";

/// Name without the common prefix.
fn short(name: &str) -> &str {
    name.strip_prefix("ferr-").unwrap_or(name)
}

/// Forbidden edges between our crates.
pub(crate) fn layering(packages: &Packages) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages.values().filter(|p| p.member && !COMPOSITION.contains(&p.name.as_str())) {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == short(&package.name)) else {
            findings.push(format!("{}: no row in the table of layers", package.name));
            continue;
        };
        for dependency in package.normal.iter().filter_map(|id| packages.get(id)).filter(|d| d.member) {
            if !allowed.contains(&short(&dependency.name)) {
                findings.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    findings
}

/// What a core links: names of packages, one per line, with the features that it alone asks for. Those of tests elsewhere do not count.
fn links_of(context: &Context, core: &str) -> Result<String, String> {
    let package = format!("ferr-{core}");
    let tree = ["tree", "--package", &package, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let output = context.cargo(&tree).args(["--prune", ASKS_THE_PROCESSOR]).output();
    let output = output.map_err(|e| format!("cargo tree: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    // A core without the pruned package is told so as an error.
    let output = context.cargo(&tree).output().map_err(|e| format!("cargo tree: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("cargo tree of {package}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Cores that link something with I/O.
pub(crate) fn purity(context: &Context) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for core in CORES {
        findings.extend(impure(core, &links_of(context, core)?));
    }
    Ok(findings)
}

/// Findings among the lines of `cargo tree`.
pub(crate) fn impure(core: &str, tree: &str) -> Vec<String> {
    let linked = tree.lines().filter_map(|line| line.split(' ').next());
    let found: BTreeSet<&str> = linked.filter(|name| IMPURE.contains(name)).collect();
    found.into_iter().map(|name| format!("ferr-{core} has no I/O, but links {name}")).collect()
}

/// Licences that a permissive binary can carry.
const PERMISSIVE: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// The only package whose tests may use other licences: it is never shipped.
const ORACLES: &str = "ferr-oracles";

/// Whether an SPDX expression leaves a permissive choice. `/` is the old spelling of `OR`.
pub(crate) fn permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    // AND binds tighter in SPDX; parentheses around an OR only occur with further terms that are permissive themselves.
    expression.split(" AND ").all(|part| part.split(" OR ").any(|l| PERMISSIVE.contains(&l.trim())))
}

/// Packages whose licence does not fit. What only the oracles' tests use is not looked at.
pub(crate) fn licences(packages: &Packages) -> Vec<String> {
    let mut used = BTreeSet::new();
    for (id, package) in packages.iter().filter(|(_, p)| p.member) {
        used.insert(id.clone());
        used.extend(linked(packages, id));
        if package.name != ORACLES {
            for other in &package.other {
                used.insert(other.clone());
                used.extend(linked(packages, other));
            }
        }
    }
    used.iter()
        .filter_map(|id| packages.get(id))
        .filter(|p| !permissive(&p.license))
        .map(|p| format!("{}: licence `{}` is not on the list", p.name, p.license))
        .collect()
}
