use super::*;
use crate::grammar::{Grammar, Node};

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn outcome<'a>(pattern: &Pattern, line: &'a [&'a str], no: bool) -> Outcome<'a> {
    pattern.matches(line, no)
}

#[test]
fn every_statement_of_the_grammar_parses() {
    for node in Node::all() {
        for syntax in Grammar::get().syntaxes(node) {
            let opens = syntax.matches(['<', '[', '{']).count();
            assert_eq!(opens, syntax.matches(['>', ']', '}']).count(), "{syntax}");
            assert!(!Pattern::parse(syntax).toks.is_empty(), "{syntax}");
        }
    }
}

#[test]
fn options_in_any_order_once_each() {
    let p = Pattern::parse("network A.B.C.D/M@p [{metric (0-9)@m|route-map NAME@r}]");
    for line in [
        "network 1.0.0.0/8",
        "network 1.0.0.0/8 route-map X metric 3",
        "network 1.0.0.0/8 metric 3 route-map X",
    ] {
        let line = words(line);
        let Outcome::Match(args) = outcome(&p, &line, false) else { panic!("{line:?}") };
        assert_eq!(args.get("r").is_some(), line.len() > 2);
    }
    let twice = words("network 1.0.0.0/8 metric 3 metric 4");
    assert!(matches!(outcome(&p, &twice, false), Outcome::NoMatch(4)));
    let short = words("network 1.0.0.0/8 metric");
    assert!(matches!(outcome(&p, &short, false), Outcome::Incomplete));
    let range = words("network 1.0.0.0/8 metric 10");
    assert!(matches!(outcome(&p, &range, false), Outcome::NoMatch(3)));
}

#[test]
fn only_no_forms_end_at_a_cut() {
    let p = Pattern::parse("timers ~ (1-9)@a (1-9)@b");
    let line = words("timers");
    assert!(matches!(outcome(&p, &line, false), Outcome::Incomplete));
    assert!(matches!(outcome(&p, &line, true), Outcome::Match(_)));
    let only_no = Pattern::parse("neighbor WORD@n ~ !");
    let line = words("neighbor x");
    assert!(matches!(outcome(&only_no, &line, true), Outcome::Match(_)));
    assert!(!matches!(outcome(&only_no, &line, false), Outcome::Match(_)));
}

#[test]
fn an_address_is_rather_an_address_than_a_name() {
    let p = Pattern::parse("peer <WORD@name|A.B.C.D@addr>");
    let line = words("peer 10.0.0.1");
    let Outcome::Match(args) = outcome(&p, &line, false) else { panic!() };
    assert_eq!(args.get("addr"), Some("10.0.0.1"));
    assert_eq!(args.get("name"), None);
}

#[test]
fn readings_are_bounded() {
    let p = Pattern::parse("x [{a|b|c|d|e|f|g|h|i|j|k|l|m|n}] LINE@l...");
    let line = words("x a b c d e f g h i j k l m n a b c d e f g h i j k l m n");
    assert!(!matches!(outcome(&p, &line, false), Outcome::Incomplete));
}
