//! VyOS configurations, whole.
#![allow(clippy::unwrap_used)]

use ferr_import::{Imported, KeySource, Options, vyos};

fn import(text: &str) -> Imported {
    vyos(text, &Options::default())
}

fn report(imported: &Imported) -> String {
    let lines: Vec<String> = imported.lines.iter().map(|l| format!("{:?} {l}", kind(l))).collect();
    lines.join("\n")
}

fn kind(line: &ferr_import::LineReport) -> char {
    match line.fate {
        ferr_import::Fate::Carried => '+',
        ferr_import::Fate::Remark(_) => '!',
        ferr_import::Fate::Left(_) => '-',
    }
}

/// Nothing but statements that are kept without effect is remarked of what came out.
fn parses(imported: &Imported) {
    let files = [("frr.conf", &imported.frr), ("ferr.conf", &imported.own)];
    let remarks: Vec<String> = ferr_config::parse_files(&files).errors().map(ToString::to_string).collect();
    assert!(remarks.is_empty(), "{remarks:#?}");
}

#[test]
fn the_published_pair() {
    for (name, text) in [
        ("t1", include_str!("data/hybrid-cloud/vyos-t1.txt")),
        ("t2", include_str!("data/hybrid-cloud/vyos-t2.txt")),
    ] {
        let imported = import(text);
        let files = [("frr.conf", &imported.frr), ("ferr.conf", &imported.own)];
        let remarks = ferr_config::parse_files(&files).diagnostics;
        assert!(remarks.is_empty(), "{remarks:#?}");
        insta::assert_snapshot!(format!("{name}_frr"), imported.frr);
        insta::assert_snapshot!(format!("{name}_own"), imported.own);
        insta::assert_snapshot!(format!("{name}_report"), report(&imported));
        assert_eq!(imported.keys.len(), 1);
        let stored = format!("/config/auth/wireguard/{}/private.key", name.to_uppercase());
        assert_eq!(imported.keys[0].source, KeySource::File(stored));
    }
}

#[test]
fn the_words_of_later_versions() {
    let imported = import(include_str!("data/vyos-1.4.txt"));
    parses(&imported);
    insta::assert_snapshot!("later_frr", imported.frr);
    insta::assert_snapshot!("later_own", imported.own);
    insta::assert_snapshot!("later_report", report(&imported));
    for secret in ["yAnz5TF", "3+NzQqbP"] {
        assert!(!imported.frr.contains(secret) && !imported.own.contains(secret));
        assert!(!report(&imported).contains(secret) && !format!("{imported:?}").contains(secret));
    }
    for secret in ["not for the log", "hidden1"] {
        assert!(imported.frr.contains(secret) && !report(&imported).contains(secret));
    }
}
