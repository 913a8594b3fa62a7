//! Hostile and damaged input: no panic, nothing else lost.
#![allow(missing_docs)]
#![allow(clippy::disallowed_methods)]

use ferr_config::model::origin::Origin;
use ferr_config::{Config, ModeStack, Part, complete, execute_line, parse, render};
use proptest::prelude::*;

const WIDE: &str = concat!(
    include_str!("data/wide.conf"),
    include_str!("data/bfd.conf"),
    include_str!("data/ospf.conf"),
    include_str!("data/ferr.conf")
);

/// Words that make lines deep enough to matter.
fn word() -> impl Strategy<Value = String> {
    let known: Vec<String> = WIDE.split_whitespace().map(str::to_owned).collect();
    prop_oneof![9 => proptest::sample::select(known), 1 => "[ -~]{0,8}", 1 => "\\PC{0,4}"]
}

fn line() -> impl Strategy<Value = String> {
    let known: Vec<String> = WIDE.lines().map(str::to_owned).collect();
    prop_oneof![
        2 => proptest::sample::select(known.clone()),
        1 => proptest::sample::select(known).prop_map(|l| format!("no {}", l.trim().trim_start_matches("no "))),
        2 => proptest::collection::vec(word(), 0..9).prop_map(|w| w.join(" ")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,400}") {
        let _ = parse("x", &text);
        let _ = complete(&ModeStack::default(), &text);
    }

    #[test]
    fn any_edits_render_and_read_back(
        lines in proptest::collection::vec(line(), 0..60),
        origin in proptest::sample::select(vec![Origin::Vty, Origin::Shell]),
    ) {
        let (mut config, mut stack) = (Config::default(), ModeStack::new(origin));
        for line in &lines {
            let before = config.clone();
            if execute_line(&mut config, &mut stack, line).is_err() {
                prop_assert!(before.normalized() == config.normalized(), "{line} left a trace");
            }
        }
        let text = render(&config, Part::All);
        let again = parse("again", &text);
        let errors: Vec<String> = again.errors().map(ToString::to_string).collect();
        prop_assert!(errors.is_empty(), "{errors:#?}\n{text}");
        prop_assert!(again.config.normalized() == config.normalized(), "{text}\n---\n{}", render(&again.config, Part::All));
    }

    #[test]
    fn a_damaged_line_costs_no_other(at in 0usize..60, junk in "[ -~]{1,30}") {
        let lines: Vec<&str> = WIDE.lines().take_while(|l| !l.starts_with("router")).collect();
        let at = at % lines.len();
        let mut damaged = lines.clone();
        let bad = format!("%% {junk}");
        damaged.insert(at, &bad);
        let (whole, with_junk) = (parse("a", &lines.join("\n")), parse("b", &damaged.join("\n")));
        prop_assert!(whole.config == with_junk.config);
        prop_assert_eq!(with_junk.errors().count(), whole.errors().count() + 1);
    }

    #[test]
    fn a_cut_file_keeps_what_came_before(cut in 0usize..WIDE.len()) {
        let cut = (0..=cut).rev().find(|i| WIDE.is_char_boundary(*i)).unwrap_or(0);
        prop_assert!(parse("cut", &WIDE[..cut]).errors().count() <= 1);
    }
}

/// Bound far above what is measured (release: about 0.2 s), so that only a change of complexity fails it.
#[test]
fn a_hundred_thousand_lines_take_no_time() {
    let mut text = String::new();
    for n in 0..50_000_u32 {
        let (a, b) = (n >> 8, n & 255);
        text += &format!("ip prefix-list P{} seq {} permit 10.{a}.{b}.0/24 le 32\n", n / 100, n + 1);
        text += &format!("ip route 10.{a}.{b}.0/24 192.0.2.1\n");
    }
    let start = std::time::Instant::now();
    let outcome = parse("big", &text);
    println!("{:?}", start.elapsed());
    assert!(start.elapsed().as_secs() < 20);
    assert_eq!(outcome.diagnostics.len(), 0);
    assert_eq!(outcome.config.routes.0.len(), 50_000);
}
