//! Answers of OSPF that are text: how often each line is there, without what differs from run to run.

use std::collections::BTreeMap;

use serde_json::Value;

/// Beginnings of lines with one number that differs: ages, times and counters.
const NUMBERED: [&str; 5] =
    ["Higher sequence no", "LS age:", "LS Seq Number:", "Age:", "SPF algorithm executed"];

/// `1.234s`, `11m24s`, `1d02h03m`, `00:00:07`, with punctuation around.
fn is_time(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let clock =
        word.len() >= 8 && word.contains(':') && word.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let units = word.ends_with(['s', 'm', 'h', 'd', 'w'])
        && word.bytes().all(|b| b.is_ascii_digit() || b".smhdw".contains(&b))
        && (word.contains('.') || word.contains('m') || word.contains('h'));
    let count = word.split_once('/').is_some_and(|(a, b)| {
        !a.is_empty() && !b.is_empty() && (a.to_owned() + b).bytes().all(|b| b.is_ascii_digit())
    });
    let hello = word.contains('(')
        && word.contains('.')
        && word.bytes().all(|b| b.is_ascii_digit() || b"(.".contains(&b));
    digits > 0 && (clock || units || hello || count && word.len() < 10)
}

/// `0x80000003`, `80000003` or `0x1a2b`: a sequence number or a checksum.
fn is_hex(word: &str) -> bool {
    let plain = word.len() == 8 && word.starts_with("8000");
    let hex = if plain { Some(word) } else { word.strip_prefix("0x") };
    hex.is_some_and(|hex| hex.len() >= 4 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn word(word: &str, numbered: bool) -> String {
    let bare = word.trim_end_matches([',', ')']);
    if is_time(word) {
        "TIME".to_owned()
    } else if is_hex(bare) {
        "HEX".to_owned()
    } else if numbered
        && bare.bytes().all(|b| b.is_ascii_hexdigit())
        && bare.bytes().any(|b| b.is_ascii_digit())
    {
        "N".to_owned()
    } else {
        word.to_owned()
    }
}

/// One line. Blanks count, but in lines where they follow the width of what differs.
fn line(text: &str) -> String {
    let text = &match text.split_once("Full/") {
        Some((head, tail)) if tail.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{head}Full/{}", tail.split_once(' ').map_or("", |(_, rest)| rest))
        }
        _ => text.to_owned(),
    };
    let start: Vec<&str> = text.split_whitespace().take(3).collect();
    // OSPFv3 numbers LSAs of prefixes as it likes.
    let text = match start.as_slice() {
        ["IAP" | "ASE" | "Type7", id, _] => text.replacen(id, "ID", 1),
        [_, _, id] if text.contains(" type-") => text.replacen(id, "ID", 1),
        _ => text.clone(),
    };
    let text = text.split_once("Id: 0.0.0.").map_or_else(
        || text.clone(),
        |(head, tail)| format!("{head}Id: ID {}", tail.split_once(' ').map_or("", |(_, rest)| rest)),
    );
    let text = if text.starts_with("Link State ID: 0.0.0.") { "Link State ID: ID" } else { &text };
    if let Some(head) =
        ["Last SPF duration", " SPF algorithm last executed"].iter().find(|h| text.contains(*h))
    {
        return (*head).to_owned();
    }
    let numbered = NUMBERED.iter().any(|n| text.trim_start().starts_with(n));
    let mut words: Vec<String> = text.split(' ').map(|w| word(w, numbered)).collect();
    // In tables, the age stands before the sequence number.
    if let Some(at) = words.iter().position(|w| w == "HEX").filter(|at| *at > 0)
        && let Some(age) = words[..at].iter_mut().rev().find(|w| !w.is_empty())
        && age.bytes().all(|b| b.is_ascii_digit())
    {
        *age = "AGE".to_owned();
    }
    let joined = words.join(" ");
    if joined.contains("TIME") || joined.contains("HEX") {
        joined.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        joined.trim_end().to_owned()
    }
}

/// The lines with their numbers. LSAs that are on their way out are left out.
pub(super) fn lines(text: &str) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut gone = false;
    for text in text.lines().filter(|l| !l.trim().is_empty()) {
        if text.starts_with("Age:") || text.contains("Scoped Link State Database") {
            gone = text.starts_with("Age: 3600");
        }
        if !gone && !text.contains(" 3600 80") && !text.contains(" 3600 0x8") {
            *counts.entry(line(text)).or_default() += 1;
        }
    }
    Value::Object(counts.into_iter().map(|(line, count)| (line, count.into())).collect())
}
