//! Address families of `router bgp`: what is originated and leaked.

use super::{Rows, Work, with};
use crate::document::Block;
use crate::tree::Node;

const FAMILY: &Rows = &[
    ("maximum-paths *", "maximum-paths {1}"),
    ("maximum-paths ebgp *", "maximum-paths {1}"),
    ("maximum-paths ibgp *", "maximum-paths ibgp {1}"),
    ("import vrf *", "import vrf {1}"),
    ("import vpn", "import vpn"),
    ("export vpn", "export vpn"),
    ("rd vpn export *", "rd vpn export {1}"),
    ("label vpn export *", "label vpn export {1}"),
    ("route-target vpn import *", "rt vpn import {1}"),
    ("route-target vpn export *", "rt vpn export {1}"),
    ("route-target vpn both *", "rt vpn both {1}"),
    ("route-map vpn import *", "route-map vpn import {1}"),
    ("route-map vpn export *", "route-map vpn export {1}"),
    ("redistribute table *", "redistribute table {1}"),
];

impl Work<'_> {
    pub(super) fn families(&mut self, block: &Block, node: &Node) {
        for (vyos, ours) in [("ipv4-unicast", "ipv4 unicast"), ("ipv6-unicast", "ipv6 unicast")] {
            let family = block.inner(&format!("address-family {ours}"));
            if let Some(settings) = node.get("address-family").and_then(|n| n.child(vyos)) {
                if settings.is_leaf() {
                    self.doc.open(&family, &settings.lines);
                }
                self.family(&family, settings);
            }
            if vyos == "ipv4-unicast" {
                // 1.1 has what IPv4 originates at the instance.
                self.family(&family, node);
                self.ipv4_parameters(&family, node);
            }
        }
    }

    fn family(&mut self, family: &Block, node: &Node) {
        for (prefix, options) in node.each("network") {
            self.with_options(family, format!("network {prefix}"), options, &["backdoor"], &["route-map"]);
        }
        for (prefix, options) in node.each("aggregate-address") {
            let flags = ["as-set", "summary-only"];
            self.with_options(family, format!("aggregate-address {prefix}"), options, &flags, &["route-map"]);
        }
        for (source, options) in node.each("redistribute").filter(|(name, _)| *name != "table") {
            let source = if source == "ospfv3" { "ospf6" } else { source };
            let values = ["metric", "route-map"];
            self.with_options(family, format!("redistribute {source}"), options, &[], &values);
        }
        self.rows(family, node, "", FAMILY);
        self.distance(family, node.get("distance"));
    }

    /// A statement with flags and values behind it.
    fn with_options(&mut self, block: &Block, head: String, node: &Node, flags: &[&str], values: &[&str]) {
        let (mut text, mut lines) = (head, node.lines.clone());
        for flag in flags {
            if let Some(flag_lines) = node.flag(flag) {
                text.push_str(&format!(" {flag}"));
                lines.extend(flag_lines);
            }
        }
        for name in values {
            if let Some(value) = with(node.value(name), &mut lines) {
                text.push_str(&format!(" {name} {value}"));
            }
        }
        self.doc.put(block, text, &lines);
    }

    fn distance(&mut self, family: &Block, node: Option<&Node>) {
        let Some(node) = node else { return };
        let mut lines = Vec::new();
        let mut of = |name: &str, default| with(node.value(name), &mut lines).unwrap_or(default).to_owned();
        let (external, internal, local) = (of("external", "20"), of("internal", "200"), of("local", "200"));
        if !lines.is_empty() {
            self.doc.put(family, format!("distance bgp {external} {internal} {local}"), &lines);
        }
        self.rows(family, node, "", &[("prefix * distance *", "distance {2} {1}")]);
    }

    fn ipv4_parameters(&mut self, family: &Block, node: &Node) {
        let Some(parameters) = node.get("parameters") else { return };
        self.distance(family, parameters.get("distance global"));
        self.distance(family, parameters.get("distance").filter(|n| n.get("global").is_none()));
        if let Some(dampening) = parameters.get("dampening") {
            let mut lines = dampening.lines.clone();
            let names = ["half-life", "re-use", "start-suppress-time", "max-suppress-time"];
            let given = names.map(|name| with(dampening.value(name), &mut lines));
            let text = match given {
                [half, None, None, None] => format!("bgp dampening {}", half.unwrap_or_default()),
                [half, reuse, suppress, max] => format!(
                    "bgp dampening {} {} {} {}",
                    half.unwrap_or("15"),
                    reuse.unwrap_or("750"),
                    suppress.unwrap_or("2000"),
                    max.unwrap_or("60")
                ),
            };
            self.doc.put(family, text.trim_end().to_owned(), &lines);
        }
    }
}
