//! Neighbors and peer-groups of `router bgp`.

use super::{Rows, Work, with};
use crate::document::Block;
use crate::tree::Node;

const SESSION: &Rows = &[
    ("description *", "description {1}"),
    ("advertisement-interval *", "advertisement-interval {1}"),
    ("bfd", "bfd"),
    ("bfd profile *", "bfd profile {1}"),
    ("bfd check-control-plane-failure", "bfd check-control-plane-failure"),
    ("capability dynamic", "capability dynamic"),
    ("capability extended-nexthop", "capability extended-nexthop"),
    ("capability software-version", "capability software-version"),
    ("disable-capability-negotiation", "dont-capability-negotiate"),
    ("disable-connected-check", "disable-connected-check"),
    ("ebgp-multihop *", "ebgp-multihop {1}"),
    ("enforce-first-as", "enforce-first-as"),
    ("extended-optional-parameters", "extended-optional-parameters"),
    ("graceful-restart enable", "graceful-restart"),
    ("graceful-restart disable", "graceful-restart-disable"),
    ("graceful-restart restart-helper", "graceful-restart-helper"),
    ("local-as *", "local-as {1}"),
    ("local-as * no-prepend", "local-as {1} no-prepend"),
    ("local-as * no-prepend replace-as", "local-as {1} no-prepend replace-as"),
    ("local-role *", "local-role {1}"),
    ("local-role * strict", "local-role {1} strict-mode"),
    ("override-capability", "override-capability"),
    ("passive", "passive"),
    ("password *", "password {1}"),
    ("port *", "port {1}"),
    ("shutdown", "shutdown"),
    ("solo", "solo"),
    ("strict-capability-match", "strict-capability-match"),
    ("tcp-mss *", "tcp-mss {1}"),
    ("timers connect *", "timers connect {1}"),
    ("ttl-security hops *", "ttl-security hops {1}"),
    ("update-source *", "update-source {1}"),
];

const FAMILY: &Rows = &[
    ("allowas-in", "allowas-in"),
    ("allowas-in number *", "allowas-in {1}"),
    ("as-override", "as-override"),
    ("attribute-unchanged", "attribute-unchanged"),
    ("capability orf prefix-list send", "capability orf prefix-list send"),
    ("capability orf prefix-list receive", "capability orf prefix-list receive"),
    ("default-originate", "default-originate"),
    ("default-originate route-map *", "default-originate route-map {1}"),
    ("disable-send-community *", "@no send-community {1}"),
    ("distribute-list export *", "distribute-list {1} out"),
    ("distribute-list import *", "distribute-list {1} in"),
    ("filter-list export *", "filter-list {1} out"),
    ("filter-list import *", "filter-list {1} in"),
    ("maximum-prefix *", "maximum-prefix {1}"),
    ("maximum-prefix-out *", "maximum-prefix-out {1}"),
    ("nexthop-self", "next-hop-self"),
    ("nexthop-self force", "next-hop-self force"),
    ("prefix-list export *", "prefix-list {1} out"),
    ("prefix-list import *", "prefix-list {1} in"),
    ("remove-private-as", "remove-private-AS"),
    ("remove-private-as all", "remove-private-AS all"),
    ("route-map export *", "route-map {1} out"),
    ("route-map import *", "route-map {1} in"),
    ("route-reflector-client", "route-reflector-client"),
    ("route-server-client", "route-server-client"),
    ("soft-reconfiguration inbound", "soft-reconfiguration inbound"),
    ("unsuppress-map *", "unsuppress-map {1}"),
    ("weight *", "weight {1}"),
    ("addpath-tx-all", "addpath-tx-all-paths"),
    ("addpath-tx-per-as", "addpath-tx-bestpath-per-AS"),
];

impl Work<'_> {
    /// A neighbor, or the settings of a peer-group that exists.
    pub(super) fn neighbor(&mut self, block: &Block, name: &str, node: &Node) {
        let lead = format!("neighbor {name} ");
        self.introduction(block, &lead, node);
        self.rows(block, node, &lead, SESSION);
        let mut lines = Vec::new();
        let keepalive = with(node.value("timers keepalive"), &mut lines).unwrap_or("60");
        let hold = with(node.value("timers holdtime"), &mut lines).unwrap_or("180");
        if !lines.is_empty() {
            self.doc.put(block, format!("{lead}timers {keepalive} {hold}"), &lines);
        }
        for (vyos, ours) in [("ipv4-unicast", "ipv4 unicast"), ("ipv6-unicast", "ipv6 unicast")] {
            let family = block.inner(&format!("address-family {ours}"));
            if let Some(settings) = node.get("address-family").and_then(|n| n.child(vyos)) {
                self.doc.put(&family, format!("{lead}activate"), &settings.lines);
                self.family_of_neighbor(&family, &lead, settings);
            }
            // 1.1 has the settings of IPv4 at the neighbor itself.
            if vyos == "ipv4-unicast" {
                self.family_of_neighbor(&family, &lead, node);
            }
        }
    }

    /// What makes the neighbor: its AS, its group, its link.
    fn introduction(&mut self, block: &Block, lead: &str, node: &Node) {
        if let Some(interface) = node.get("interface") {
            let mut lines = interface.lines.clone();
            let (v6only, rest) = match interface.get("v6only") {
                Some(v6only) => (" v6only", v6only),
                None => ("", interface),
            };
            lines.extend(&rest.lines);
            let mut text = format!("{lead}interface{v6only}");
            if let Some(group) =
                with(rest.value("peer-group").or_else(|| interface.value("peer-group")), &mut lines)
            {
                text.push_str(&format!(" peer-group {group}"));
            } else if let Some(asn) =
                with(rest.value("remote-as").or_else(|| interface.value("remote-as")), &mut lines)
            {
                text.push_str(&format!(" remote-as {asn}"));
            }
            self.doc.put(block, text, &lines);
        }
        self.rows(block, node, lead, &[("remote-as *", "remote-as {1}"), ("peer-group *", "peer-group {1}")]);
    }

    fn family_of_neighbor(&mut self, family: &Block, lead: &str, node: &Node) {
        for (path, template) in FAMILY {
            // A prefix list, or the statement's `no`, has its words elsewhere.
            match template.strip_prefix("@no ") {
                Some(rest) => self.rows(family, node, &format!("no {lead}"), &[(path, rest)]),
                None => self.rows(family, node, lead, &[(path, template)]),
            }
        }
        if let Some(unchanged) = node.get("attribute-unchanged").filter(|n| !n.is_leaf()) {
            let words: Vec<&str> = unchanged.children().map(|(word, _)| word).collect();
            let text = format!("{lead}attribute-unchanged {}", words.join(" "));
            self.doc.put(family, text, &unchanged.all_lines());
        }
        if let Some(conditional) = node.get("conditionally-advertise") {
            let mut lines = Vec::new();
            let map = with(conditional.value("advertise-map"), &mut lines);
            for kind in ["exist-map", "non-exist-map"] {
                if let (Some(map), Some(other)) = (map, with(conditional.value(kind), &mut lines)) {
                    self.doc.put(family, format!("{lead}advertise-map {map} {kind} {other}"), &lines);
                }
            }
        }
    }
}
