//! Comparison of two JSON values, with volatile values by type and a list of intended differences.

use serde_json::Value;

/// One line of the list: `COMMAND | PATH | REASON`. `*` stands for one part of a path, or ends a command; `**` in front of a
/// path stands for any number of parts.
struct Rule {
    line: String,
    command: String,
    path: Vec<String>,
    used: bool,
}

/// The list.
pub(crate) struct Intended(Vec<Rule>);

impl Intended {
    /// Reads the list; a line without a reason is a mistake.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let rules = lines.map(|line| {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            assert!(parts.len() == 3 && !parts[2].is_empty(), "intended.txt: {line}");
            let path = parts[1].split('/').map(str::to_owned).collect();
            Rule { line: line.to_owned(), command: parts[0].to_owned(), path, used: false }
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
            let same_path = tail.len() == wanted.len()
                && tail.iter().zip(wanted).all(|(have, want)| want == "*" || have == want);
            if same_command && same_path {
                rule.used = true;
                found = true;
            }
        }
        found
    }

    /// Lines that covered nothing, without those that depend on which end connects first.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|r| !r.used && !r.line.ends_with("(sometimes)")).map(|r| r.line.as_str())
    }
}

/// Whether a value under this key differs from run to run.
fn volatile(key: &str) -> bool {
    const PARTS: [&str; 13] = [
        "lastLink",
        "ptime",
        "psed",
        "Epoch",
        "epoch",
        "Msec",
        "String",
        "emory",
        "msg",
        "ersion",
        "TimerLast",
        "Uptime",
        "uptime",
    ];
    const WHOLE: [&str; 30] = [
        "string",
        "portLocal",
        "portForeign",
        "nexthopGroupId",
        "installedNexthopGroupId",
        "internalStatus",
        "internalFlags",
        "interfaceIndex",
        "updateGroupId",
        "subGroupId",
        "opensSent",
        "opensRecv",
        "notificationsSent",
        "notificationsRecv",
        "updatesSent",
        "updatesRecv",
        "keepalivesSent",
        "keepalivesRecv",
        "totalSent",
        "totalRecv",
        "connectionsEstablished",
        "connectionsDropped",
        "invoked",
        "processedChange",
        "lastResetCode",
        "outq",
        "inq",
        "estimatedRttInMsecs",
        "routeRefreshSent",
        "routeRefreshRecv",
    ];
    WHOLE.contains(&key) || PARTS.iter().any(|p| key.contains(p))
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

/// Adds a line per difference to `report`.
pub(crate) fn compare(
    command: &str,
    theirs: &Value,
    ours: &Value,
    intended: &mut Intended,
    report: &mut Vec<String>,
) {
    let mut path = Vec::new();
    walk(command, &mut path, (theirs, ours), intended, report);
}

/// Paths of a prefix in the order of their neighbors: FRR shows the newest first, we the best.
fn by_neighbor(list: &[Value]) -> Vec<&Value> {
    let mut out: Vec<&Value> = list.iter().collect();
    let neighbor = |v: &Value| v.get("peerId").or_else(|| v.get("peer")?.get("peerId")).map(Value::to_string);
    out.sort_by_key(|v| neighbor(v));
    out
}

fn walk(
    command: &str,
    path: &mut Vec<String>,
    (theirs, ours): (&Value, &Value),
    intended: &mut Intended,
    report: &mut Vec<String>,
) {
    let mut differ = |path: &[String], what: String| {
        if !intended.covers(command, path) {
            report.push(format!("{command} | {} | {what}", path.join("/")));
        }
    };
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                path.push(key.clone());
                match b.get(key) {
                    Some(other) => walk(command, path, (value, other), intended, report),
                    None if intended.covers(command, path) => {}
                    None => report.push(format!("{command} | {} | only FRR: {value}", path.join("/"))),
                }
                path.pop();
            }
            for (key, value) in b.iter().filter(|(k, _)| !a.contains_key(*k)) {
                path.push(key.clone());
                if !intended.covers(command, path) {
                    report.push(format!("{command} | {} | only ours: {value}", path.join("/")));
                }
                path.pop();
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, pair) in by_neighbor(a).into_iter().zip(by_neighbor(b)).enumerate() {
                path.push(i.to_string());
                walk(command, path, pair, intended, report);
                path.pop();
            }
        }
        _ if kind(theirs) != kind(ours) => {
            differ(path, format!("FRR has {} {theirs}, we have {} {ours}", kind(theirs), kind(ours)));
        }
        _ if theirs != ours && !same_number(theirs, ours) && !path.last().is_some_and(|k| volatile(k)) => {
            differ(path, format!("FRR {theirs}, we {ours}"));
        }
        _ => {}
    }
}
