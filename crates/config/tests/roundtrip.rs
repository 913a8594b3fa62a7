//! Text to configuration and back.
#![allow(missing_docs)]

use ferr_config::{Part, Severity, parse, render};

const FILES: [(&str, &str); 4] = [
    ("r1.conf", include_str!("data/r1.conf")),
    ("r2.conf", include_str!("data/r2.conf")),
    ("r3.conf", include_str!("data/r3.conf")),
    ("wide.conf", include_str!("data/wide.conf")),
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
