//! Prefix lists, access lists, AS-path and community lists.

use super::{Work, with};
use crate::document::{Block, File};
use crate::tree::Node;

/// A list whose rules are one text each.
struct Texts {
    path: &'static str,
    head: &'static str,
    /// Word before the list's name, by the name.
    kind: fn(&str) -> &'static str,
}

fn none(_: &str) -> &'static str {
    ""
}

/// VyOS's lists by name hold regular expressions; numbers say themselves what they are.
fn expanded(name: &str) -> &'static str {
    if name.parse::<u16>().is_ok_and(|n| (1..=500).contains(&n)) { "" } else { "expanded " }
}

const TEXTS: [Texts; 4] = [
    Texts { path: "policy as-path-list", head: "bgp as-path access-list", kind: none },
    Texts { path: "policy community-list", head: "bgp community-list", kind: expanded },
    Texts { path: "policy large-community-list", head: "bgp large-community-list", kind: expanded },
    Texts { path: "policy extcommunity-list", head: "bgp extcommunity-list", kind: expanded },
];

impl Work<'_> {
    pub(super) fn lists(&mut self) {
        let top = Block::new(File::Frr, &[]);
        for (path, ip) in [("policy prefix-list", "ip"), ("policy prefix-list6", "ipv6")] {
            for (name, list) in self.root.each(path) {
                let head = format!("{ip} prefix-list {name} ");
                self.rows(&top, list, &head, &[("description *", "description {1}")]);
                for (seq, rule) in list.each("rule") {
                    self.prefix_rule(&top, &head, seq, rule);
                }
            }
        }
        for (path, v4) in [("policy access-list", true), ("policy access-list6", false)] {
            for (name, list) in self.root.each(path) {
                let head = format!("{}access-list {name} ", if v4 { "" } else { "ipv6 " });
                self.rows(&top, list, &head, &[("description *", "remark {1}")]);
                for (seq, rule) in list.each("rule") {
                    self.access_rule(&top, &head, seq, rule, v4);
                }
            }
        }
        for texts in TEXTS {
            for (name, list) in self.root.each(texts.path) {
                for (seq, rule) in list.each("rule") {
                    let mut lines = rule.lines.clone();
                    let action = with(rule.value("action"), &mut lines);
                    let (Some(action), Some(regex)) = (action, with(rule.value("regex"), &mut lines)) else {
                        self.doc.leave(&rule.all_lines(), "a rule needs an action and a regex");
                        continue;
                    };
                    let kind = (texts.kind)(name);
                    let text = format!("{} {kind}{name} seq {seq} {action} {regex}", texts.head);
                    self.doc.put(&top, text, &lines);
                }
            }
        }
    }

    fn prefix_rule(&mut self, top: &Block, head: &str, seq: &str, rule: &Node) {
        let mut lines = rule.lines.clone();
        let (action, prefix) =
            (with(rule.value("action"), &mut lines), with(rule.value("prefix"), &mut lines));
        let (Some(action), Some(prefix)) = (action, prefix) else {
            return self.doc.leave(&rule.all_lines(), "a rule needs an action and a prefix");
        };
        let mut text = format!("{head}seq {seq} {action} {prefix}");
        for bound in ["ge", "le"] {
            if let Some(value) = with(rule.value(bound), &mut lines) {
                text.push_str(&format!(" {bound} {value}"));
            }
        }
        self.doc.put(top, text, &lines);
    }

    fn access_rule(&mut self, top: &Block, head: &str, seq: &str, rule: &Node, v4: bool) {
        let mut lines = rule.lines.clone();
        let action = with(rule.value("action"), &mut lines);
        let source = rule.get("source").and_then(|n| end(n, v4, &mut lines));
        let destination = rule.get("destination").and_then(|n| end(n, v4, &mut lines));
        let text = match (action, source, destination) {
            (Some(action), Some(source), None) => format!("{head}seq {seq} {action} {source}"),
            (Some(action), Some(source), Some(destination)) => {
                format!("{head}seq {seq} {action} ip {source} {destination}")
            }
            _ => return self.doc.leave(&rule.all_lines(), "a rule needs an action and a source"),
        };
        self.doc.put(top, text, &lines);
    }
}

/// Source or destination of a rule.
fn end(node: &Node, v4: bool, lines: &mut Vec<usize>) -> Option<String> {
    if let Some(any) = node.flag("any") {
        lines.extend(any);
        return Some("any".to_owned());
    }
    if let Some(host) = with(node.value("host"), lines) {
        return Some(format!("host {host}"));
    }
    let network = with(node.value("network"), lines)?;
    if v4 {
        return Some(format!("{network} {}", with(node.value("inverse-mask"), lines)?));
    }
    let exact = node.flag("exact-match").map(|exact| lines.extend(exact));
    Some(format!("{network}{}", if exact.is_some() { " exact-match" } else { "" }))
}
