//! What holds for any input.
#![allow(clippy::unwrap_used)]

use ferr_import::{Fate, Imported, Options, vyos, wg_quick};
use proptest::prelude::*;

const KEY: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";

/// Every line with content has a fate, in order, and the texts are understood.
fn sound(text: &str, comment: fn(&str) -> bool, imported: &Imported) {
    let numbers: Vec<usize> = imported.lines.iter().map(|l| l.number).collect();
    let said: Vec<usize> =
        text.lines().enumerate().filter(|(_, l)| !comment(l.trim())).map(|(i, _)| i + 1).collect();
    assert_eq!(numbers, said);
    let files = [("frr.conf", &imported.frr), ("ferr.conf", &imported.own)];
    let errors: Vec<String> = ferr_config::parse_files(&files).errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{}\n{}", imported.frr, imported.own);
    let shown: String = imported.lines.iter().map(ToString::to_string).collect();
    // Elsewhere, it is a word like others.
    let belongs = |line: &str| {
        !line.contains(KEY) || line.to_lowercase().contains("wg0 private-key") || line.contains("Key =")
    };
    for output in [&imported.frr, &imported.own, &shown] {
        assert!(!output.contains(KEY) || !text.lines().all(belongs), "{output}");
    }
}

fn line_of(text: &'static str) -> impl Strategy<Value = String> {
    // A key is a secret only where a key belongs.
    // A key is a secret only where a key belongs.
    let other = |word: &&str| !word.ends_with("='");
    let words: Vec<String> = text.split_whitespace().filter(other).map(str::to_owned).collect();
    let any = prop::sample::select(words.clone());
    // A line of the sample, with a word exchanged, added or missing.
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    (prop::sample::select(lines), 0..12_usize, prop::option::of(any), any_value()).prop_map(
        |(line, at, word, value)| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            match (word, words.get_mut(at)) {
                (Some(word), Some(held)) => *held = word,
                (Some(word), None) if at % 2 == 0 => words.push(word),
                (None, Some(held)) if at > 2 => *held = value,
                (None, Some(_)) if at == 2 => drop(words.pop()),
                _ => {}
            }
            words.join(" ")
        },
    )
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![Just("''".to_owned()), "'[ -~]{0,12}'", "[!-~]{1,8}", Just("'ä b'".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn vyos_loses_nothing(lines in prop::collection::vec(line_of(include_str!("data/vyos-1.4.txt")), 0..60)) {
        let text = lines.join("\n");
        let imported = vyos(&text, &Options::default());
        sound(&text, |l| l.is_empty() || l.starts_with('#'), &imported);
    }

    #[test]
    fn vyos_of_anything(text in "\\PC{0,300}") {
        let imported = vyos(&text, &Options::default());
        sound(&text, |l| l.is_empty() || l.starts_with('#'), &imported);
    }

    #[test]
    fn wg_quick_loses_nothing(
        lines in prop::collection::vec(
            prop_oneof![
                Just("[Peer]".to_owned()),
                Just("[Interface]".to_owned()),
                Just(format!("PrivateKey = {KEY}")),
                Just(format!("PresharedKey = {KEY}")),
                Just("PublicKey = bLvNfwEmtDrMdNy3Inwv7U+W3QMgu0iXouoJqPCHGzo=".to_owned()),
                "(AllowedIPs|Address|MTU|Table|ListenPort|FwMark|DNS|Endpoint|PersistentKeepalive|PostUp) = [0-9a-f.:/, ]{0,20}",
                "[ -~]{0,20}",
            ],
            0..20,
        )
    ) {
        let text = lines.join("\n");
        let imported = wg_quick("wg0", &text, &Options::default());
        sound(&text, |l| l.split('#').next().unwrap().trim().is_empty(), &imported);
    }
}

/// A line whose statement was taken is in the texts: without it, they are shorter.
#[test]
fn carried_lines_leave_a_trace() {
    let text = include_str!("data/vyos-1.4.txt");
    let whole = vyos(text, &Options::default());
    let length = |i: &Imported| (i.frr.clone(), i.own.clone());
    for (index, report) in whole.lines.iter().enumerate() {
        let without: Vec<&str> =
            text.lines().enumerate().filter(|(i, _)| *i != index).map(|(_, l)| l).collect();
        let imported = vyos(&without.join("\n"), &Options::default());
        let same = length(&imported) == length(&whole);
        match &report.fate {
            Fate::Carried => assert!(!same, "{report}"),
            Fate::Remark(remark) if !remark.contains("FeRR does not act") => {}
            Fate::Remark(_) => assert!(!same, "{report}"),
            Fate::Left(_) => {}
        }
    }
}
