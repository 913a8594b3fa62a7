//! Text to configuration and back.
#![allow(missing_docs)]

use ferr_config::{Part, Severity, parse, render};

const FILES: [(&str, &str); 7] = [
    ("r1.conf", include_str!("data/r1.conf")),
    ("r2.conf", include_str!("data/r2.conf")),
    ("r3.conf", include_str!("data/r3.conf")),
    ("wide.conf", include_str!("data/wide.conf")),
    ("bfd.conf", include_str!("data/bfd.conf")),
    ("ospf.conf", include_str!("data/ospf.conf")),
    ("ferr.conf", include_str!("data/ferr.conf")),
];

#[test]
fn real_files_are_understood() {
    for (name, text) in FILES {
        let outcome = parse(name, text);
        let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn rendering_reads_back_the_same() {
    for (name, text) in FILES {
        let first = parse(name, text).config;
        let out = render(&first, Part::All);
        let again = parse("rendered", &out);
        let errors: Vec<_> = again.diagnostics.iter().filter(|d| d.severity() == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{out}");
        assert_eq!(render(&again.config, Part::All), out);
        assert!(again.config.normalized() == first.normalized(), "{name} changed:\n{out}");
        assert!(ferr_config::diff(&first, &again.config).is_empty());
    }
}

#[test]
fn wide_configuration_renders_in_canonical_form() {
    let config = parse("wide.conf", include_str!("data/wide.conf")).config;
    insta::assert_snapshot!(render(&config, Part::All));
}

/// Lines that say something; the order of blocks is free, the words are not.
fn statements(text: &str) -> Vec<&str> {
    let framing = |l: &&str| {
        let l = l.trim();
        !(l.is_empty()
            || l == "!"
            || l == "end"
            || l.ends_with("configuration:")
            || l.starts_with("Building"))
    };
    // The name and the forwarding state are those of the machine on which it was recorded.
    let machine = |l: &&str| l.starts_with("hostname") || l.contains("forwarding");
    let mut lines: Vec<&str> = text.lines().filter(framing).filter(|l| !machine(l)).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn frr_prints_the_same_statements() {
    let running = include_str!("data/wide.running");
    let ours = render(&parse("wide.conf", include_str!("data/wide.conf")).config, Part::All);
    assert_eq!(statements(&ours), statements(running));
    let (a, b) = (parse("ours", &ours).config.normalized(), parse("frr", running).config.normalized());
    assert!(a.bgp == b.bgp && a.routes == b.routes && a.vrfs == b.vrfs && a.route_maps == b.route_maps);
}
