//! Comparison of two JSON values, with volatile values by type and a list of intended differences.

use serde_json::Value;

/// One line of the list: `COMMAND | PATH | REASON`. `*` stands for one part of a path, or ends a command; `**` in front of a
/// path stands for any number of parts, `...` behind it for any rest.
struct Rule {
    line: String,
    command: String,
    path: Vec<String>,
    used: bool,
}

/// The list.
struct Intended(Vec<Rule>);

impl Intended {
    /// Reads the list; a line without a reason is a mistake.
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let rules = lines.map(|line| {
            let (command, rest) = line.split_once('|').unwrap_or_default();
            // A path may have strokes in it.
            let (path, reason) = rest.rsplit_once('|').unwrap_or_default();
            assert!(!reason.trim().is_empty(), "intended.txt: {line}");
            let path = path.trim().split('/').map(str::to_owned).collect();
            Rule { line: line.to_owned(), command: command.trim().to_owned(), path, used: false }
        });
        Self(rules.collect())
    }

    fn covers(&mut self, command: &str, path: &[String]) -> bool {
        // Keys that hold a slash (prefixes) count as two parts, here as in the list.
        let joined = path.join("/").trim().to_owned();
        let path: Vec<&str> = joined.split('/').collect();
        let mut found = false;
        for rule in &mut self.0 {
            let same_command = match rule.command.strip_suffix('*') {
                Some(start) => command.starts_with(start),
                None => command == rule.command,
            };
            let wanted = rule.path.strip_prefix(&["**".to_owned()][..]);
            let tail = match wanted {
                Some(wanted) if path.len() >= wanted.len() => &path[path.len() - wanted.len()..],
                Some(_) => continue,
                None => &path[..],
            };
            let wanted = wanted.unwrap_or(&rule.path);
            let begin = wanted.join("/");
            let same_path = begin.strip_suffix("...").map_or_else(
                || {
                    tail.len() == wanted.len()
                        && tail.iter().zip(wanted).all(|(have, want)| want == "*" || have == want)
                },
                |begin| tail.join("/").starts_with(begin),
            );
            if same_command && same_path {
                rule.used = true;
                found = true;
            }
        }
        found
    }

    /// Lines that covered nothing, without those that depend on which end connects first.
    fn unused(&self) -> Vec<String> {
        let unused = self.0.iter().filter(|r| !r.used && !r.line.ends_with("(sometimes)"));
        unused.map(|r| r.line.clone()).collect()
    }
}

/// Keys whose values differ from run to run.
pub(crate) struct Masks {
    /// Whole keys.
    pub(crate) whole: &'static [&'static str],
    /// Parts of keys.
    pub(crate) parts: &'static [&'static str],
}

impl Masks {
    fn volatile(&self, key: &str) -> bool {
        self.whole.contains(&key) || self.parts.iter().any(|part| key.contains(part))
    }
}

/// What is compared with what, and how.
pub(crate) struct Comparison<'a> {
    masks: &'a Masks,
    intended: Intended,
    /// A line per difference.
    pub(crate) report: Vec<String>,
}

/// Numbers that were summed up in another order differ in their last digits.
fn same_number(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= a.abs() * 1e-9,
        _ => false,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What tells the things of a list apart: paths of a prefix by neighbor (FRR shows the newest first, we the best), routes by
/// protocol, LSAs by router and what they are of.
const NAMES: [&str; 9] = [
    "peerId",
    "protocol",
    "type",
    "interface",
    "advRouter",
    "advertisingRouter",
    "payload",
    "prefix",
    "lsId",
];

/// The things of a list in the order of their names, without LSAs that are on their way out.
fn in_order(list: &[Value]) -> Vec<&Value> {
    let gone =
        |v: &&Value| ["age", "lsaAge"].iter().any(|key| v.get(key).and_then(Value::as_u64) == Some(3600));
    let mut out: Vec<&Value> = list.iter().filter(|v| !gone(v)).collect();
    let name = |v: &Value| {
        let of = |key: &str| v.get(key).or_else(|| v.get("peer")?.get(key)).map(Value::to_string);
        NAMES.map(of)
    };
    out.sort_by_key(|v| name(v));
    out
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(masks: &'a Masks, intended: &str) -> Self {
        Self { masks, intended: Intended::parse(intended), report: Vec::new() }
    }

    /// Compares two answers to a command.
    pub(crate) fn compare(&mut self, command: &str, theirs: &Value, ours: &Value) {
        self.walk(command, &mut Vec::new(), (theirs, ours));
    }

    /// Fails when something differed, or when a line of the list of intended differences covers nothing.
    pub(crate) fn finish(mut self) {
        let unused = self.intended.unused();
        self.report.extend(unused.iter().map(|line| format!("intended: nothing matches any more: {line}")));
        assert!(self.report.is_empty(), "{} differences:\n{}", self.report.len(), self.report.join("\n"));
    }

    fn differ(&mut self, command: &str, path: &[String], what: &str) {
        if !self.intended.covers(command, path) {
            self.report.push(format!("{command} | {} | {what}", path.join("/")));
        }
    }

    fn walk(&mut self, command: &str, path: &mut Vec<String>, (theirs, ours): (&Value, &Value)) {
        match (theirs, ours) {
            (Value::Object(a), Value::Object(b)) => {
                for (key, value) in a {
                    path.push(key.clone());
                    match b.get(key) {
                        Some(other) => self.walk(command, path, (value, other)),
                        None => self.differ(command, path, &format!("only FRR: {value}")),
                    }
                    path.pop();
                }
                for (key, value) in b.iter().filter(|(k, _)| !a.contains_key(*k)) {
                    path.push(key.clone());
                    self.differ(command, path, &format!("only ours: {value}"));
                    path.pop();
                }
            }
            (Value::Array(a), Value::Array(b)) if in_order(a).len() == in_order(b).len() => {
                for (i, pair) in in_order(a).into_iter().zip(in_order(b)).enumerate() {
                    path.push(i.to_string());
                    self.walk(command, path, pair);
                    path.pop();
                }
            }
            _ if kind(theirs) != kind(ours) => {
                let what = format!("FRR has {} {theirs}, we have {} {ours}", kind(theirs), kind(ours));
                self.differ(command, path, &what);
            }
            _ if theirs != ours
                && !same_number(theirs, ours)
                && !path.last().is_some_and(|k| self.masks.volatile(k)) =>
            {
                self.differ(command, path, &format!("FRR {theirs}, we {ours}"));
            }
            _ => {}
        }
    }
}
