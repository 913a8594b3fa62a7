//! Answers that are text, as sets of lines without what differs from run to run.

use serde_json::Value;

/// Beginnings of lines that differ as a whole: times, counters and memory.
const VOLATILE: &[&str] = &[
    "RIB entries",
    "Peers ",
    "Peer groups",
    "BGP table version",
    "Last update",
    "Opens:",
    "Notifications:",
    "Updates:",
    "Keepalives:",
    "Total:",
    "Route Refresh:",
    "Estimated round trip",
    "Hostname Capability:",
];

/// Words behind which a number stands that differs.
const NUMBERED: &[&str] = &[
    "port:",
    "used:",
    "group",
    "subgroup",
    "fd",
    "established",
    "dropped",
    "version",
    "Invoked",
    "Invoked:",
    "count:",
];

/// `00:00:07`, with what stands around it, also with parts of a second.
fn is_time(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_digit());
    word.len() >= 8
        && word.contains(':')
        && word.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.')
}

/// `2026/11/22`.
fn is_date(word: &str) -> bool {
    word.len() == 10 && word.split('/').count() == 3 && word.bytes().all(|b| b.is_ascii_digit() || b == b'/')
}

/// One line; words that differ have a stand-in, the blanks are as they were.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [peer, "4", asn, _received, _sent, rest @ ..] = words.as_slice() {
        let rest: Vec<&str> = rest.iter().map(|w| if is_time(w) { "TIME" } else { w }).collect();
        return format!("{peer} {asn} {}", rest.join(" "));
    }
    // Which of two paths stands first depends on which came first.
    let text = match text.split_once(", version ").or_else(|| text.split_once(", best #")) {
        Some((head, _)) => head.to_owned(),
        None if text.starts_with('*') => text.replace("10.2.2.0/24", "           "),
        None => text.to_owned(),
    };
    let mut before = "";
    let normal = |word: &str, before: &str| {
        let number = word.trim_matches(|c: char| !c.is_ascii_digit() && c != '-');
        if is_time(word) {
            "TIME".to_owned()
        } else if is_date(word) {
            "DATE".to_owned()
        } else if !number.is_empty() && NUMBERED.contains(&before.rsplit('(').next().unwrap_or(before)) {
            word.replace(number, "N")
        } else {
            word.to_owned()
        }
    };
    let mut out = Vec::new();
    for word in text.split(' ') {
        out.push(normal(word, before));
        if !word.is_empty() {
            before = word;
        }
    }
    out.join(" ").trim_end().to_owned()
}

/// The lines as keys of an object, so that they are compared as a set.
pub(crate) fn lines(text: &str) -> Value {
    let stable = |text: &&str| {
        let start = text.trim_start();
        !start.is_empty() && !VOLATILE.iter().any(|v| start.starts_with(v))
    };
    Value::Object(text.lines().filter(stable).map(|text| (line(text), Value::Bool(true))).collect())
}
