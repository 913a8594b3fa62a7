//! The checks find what they are for.

use serde_json::json;

use super::files::file;
use super::graph::{LAYERS, impure, layering, licences, permissive, purity};
use crate::Context;
use crate::workspace::{Packages, parse};

/// Name, licence, member, normal dependencies, dependencies of tests.
type Row<'a> = (&'a str, &'a str, bool, &'a [&'a str], &'a [&'a str]);

fn packages(list: &[Row<'_>]) -> Packages {
    let kinds = |names: &[&str], kind: serde_json::Value| -> Vec<_> {
        names.iter().map(|n| json!({"pkg": n, "dep_kinds": [{"kind": kind}]})).collect()
    };
    let nodes: Vec<_> = list
        .iter()
        .map(|p| {
            let deps = [kinds(p.3, json!(null)), kinds(p.4, json!("dev"))].concat();
            json!({"id": p.0, "deps": deps})
        })
        .collect();
    let described: Vec<_> = list.iter().map(|p| json!({"id": p.0, "name": p.0, "license": p.1})).collect();
    let members: Vec<_> = list.iter().filter(|p| p.2).map(|p| p.0).collect();
    parse(&json!({"packages": described, "workspace_members": members, "resolve": {"nodes": nodes}}))
}

#[test]
fn a_forbidden_edge_is_found() {
    let good = packages(&[
        ("ferr-types", "MIT", true, &[], &[]),
        ("ferr-bgp", "MIT", true, &["ferr-types"], &["ferr-rib"]),
        ("ferr-rib", "MIT", true, &["ferr-types"], &[]),
    ]);
    assert!(layering(&good).is_empty(), "{:?}", layering(&good));
    let bad = packages(&[("ferr-bgp", "MIT", true, &["ferr-rib"], &[]), ("ferr-rib", "MIT", true, &[], &[])]);
    assert_eq!(layering(&bad), ["ferr-bgp must not depend on ferr-rib"]);
    assert_eq!(layering(&packages(&[("ferr-new", "MIT", true, &[], &[])])).len(), 1);
}

/// The table itself has no cycle: each crate only names crates whose own rows do not lead back.
#[test]
fn layers_have_no_cycle() {
    fn reaches(from: &str, to: &str, depth: usize) -> bool {
        let row = LAYERS.iter().find(|(n, _)| *n == from).map_or(&[][..], |(_, d)| d);
        assert!(depth < LAYERS.len(), "cycle through {from}");
        row.iter().any(|d| *d == to || reaches(d, to, depth + 1))
    }
    for (name, _) in LAYERS {
        assert!(!reaches(name, name, 0), "{name}");
    }
}

#[test]
fn io_below_a_core_is_found_at_any_depth() {
    let tree = "ferr-bgp v0.1.0 (/x)\nharmless v1.0.0\nlibc v0.2.1\nlibcrux v1.0.0\nlibc v0.2.1 (*)\n";
    assert_eq!(impure("bgp", tree), ["ferr-bgp has no I/O, but links libc"]);
}

#[test]
fn cores_link_nothing_with_io() {
    let context = Context::new(false).unwrap();
    assert_eq!(purity(&context).unwrap(), [""; 0]);
}

#[test]
fn licences_are_read_as_expressions() {
    for good in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "GPL-3.0 OR MIT",
    ] {
        assert!(permissive(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "LGPL-2.1-or-later", "(GPL-3.0 OR MIT) AND SSPL-1.0"] {
        assert!(!permissive(bad), "{bad}");
    }
}

#[test]
fn only_the_oracles_tests_may_use_the_gpl() {
    let gpl = ("copyleft", "GPL-3.0", false, &[][..], &[][..]);
    let in_tests = packages(&[("ferr-oracles", "MIT", true, &[], &["copyleft"]), gpl]);
    assert!(licences(&in_tests).is_empty());
    let elsewhere = packages(&[("ferr-bgp", "MIT", true, &[], &["copyleft"]), gpl]);
    assert_eq!(licences(&elsewhere).len(), 1);
    let shipped = packages(&[("ferr-oracles", "MIT", true, &["copyleft"], &[]), gpl]);
    assert_eq!(licences(&shipped).len(), 1);
}

#[test]
fn files_are_read_for_unsafe_length_and_paths() {
    let block = concat!("// SAFETY: checked above\nlet a = uns", "afe { *p };\n");
    let bare = concat!("let a = uns", "afe { *p };\n");
    assert!(file("crates/kernel/src/sock.rs", block).is_empty());
    assert_eq!(file("crates/kernel/src/sock.rs", bare).len(), 1);
    assert_eq!(file("crates/bgp/src/lib.rs", block).len(), 1);
    assert!(file("crates/bgp/src/lib.rs", concat!("#![forbid(uns", "afe_code)]")).is_empty());
    let long = "x\n".repeat(1001);
    assert_eq!(file("crates/bgp/src/lib.rs", &long).len(), 1);
    assert!(file("crates/bgp/src/tests.rs", &long).is_empty());
    assert!(file("crates/bgp/tests/a.rs", &long).is_empty());
    assert_eq!(file("README.md", concat!("see /wo", "rk/x")).len(), 1);
}
