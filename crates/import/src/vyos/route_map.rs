//! Route-maps.

use super::{Rows, Work, with};
use crate::document::Block;
use crate::tree::Node;

const RULE: &Rows = &[
    ("description *", "description {1}"),
    ("call *", "call {1}"),
    ("continue *", "on-match goto {1}"),
    ("on-match goto *", "on-match goto {1}"),
    ("on-match next", "on-match next"),
    ("match as-path *", "match as-path {1}"),
    ("match extcommunity *", "match extcommunity {1}"),
    ("match large-community large-community-list *", "match large-community {1}"),
    ("match interface *", "match interface {1}"),
    ("match ip address access-list *", "match ip address {1}"),
    ("match ip address prefix-list *", "match ip address prefix-list {1}"),
    ("match ip address prefix-len *", "match ip address prefix-len {1}"),
    ("match ip nexthop access-list *", "match ip next-hop {1}"),
    ("match ip nexthop address *", "match ip next-hop address {1}"),
    ("match ip nexthop prefix-list *", "match ip next-hop prefix-list {1}"),
    ("match ip nexthop prefix-len *", "match ip next-hop prefix-len {1}"),
    ("match ip nexthop type *", "match ip next-hop type {1}"),
    ("match ip route-source access-list *", "match ip route-source {1}"),
    ("match ip route-source prefix-list *", "match ip route-source prefix-list {1}"),
    ("match ipv6 address access-list *", "match ipv6 address {1}"),
    ("match ipv6 address prefix-list *", "match ipv6 address prefix-list {1}"),
    ("match ipv6 address prefix-len *", "match ipv6 address prefix-len {1}"),
    ("match ipv6 nexthop access-list *", "match ipv6 next-hop {1}"),
    ("match ipv6 nexthop address *", "match ipv6 next-hop address {1}"),
    ("match ipv6 nexthop prefix-list *", "match ipv6 next-hop prefix-list {1}"),
    ("match ipv6 nexthop type *", "match ipv6 next-hop type {1}"),
    ("match ipv6 nexthop *", "match ipv6 next-hop address {1}"),
    ("match local-preference *", "match local-preference {1}"),
    ("match metric *", "match metric {1}"),
    ("match origin *", "match origin {1}"),
    ("match peer *", "match peer {1}"),
    ("match protocol *", "match source-protocol {1}"),
    ("match rpki *", "match rpki {1}"),
    ("match source-vrf *", "match source-vrf {1}"),
    ("match tag *", "match tag {1}"),
    ("set aigp-metric *", "set aigp-metric {1}"),
    ("set as-path exclude *", "set as-path exclude {1}"),
    ("set as-path-exclude *", "set as-path exclude {1}"),
    ("set as-path prepend *", "set as-path prepend {1}"),
    ("set as-path-prepend *", "set as-path prepend {1}"),
    ("set as-path prepend-last-as *", "set as-path prepend last-as {1}"),
    ("set atomic-aggregate", "set atomic-aggregate"),
    ("set distance *", "set distance {1}"),
    ("set extcommunity bandwidth *", "set extcommunity bandwidth {1}"),
    ("set extcommunity rt *", "set extcommunity rt {1}"),
    ("set extcommunity soo *", "set extcommunity soo {1}"),
    ("set extcommunity none", "set extcommunity none"),
    ("set extcommunity-rt *", "set extcommunity rt {1}"),
    ("set extcommunity-soo *", "set extcommunity soo {1}"),
    ("set ip-next-hop *", "set ip next-hop {1}"),
    ("set ip-nexthop *", "set ip next-hop {1}"),
    ("set ipv6-next-hop global *", "set ipv6 next-hop global {1}"),
    ("set ipv6-next-hop local *", "set ipv6 next-hop local {1}"),
    ("set ipv6-next-hop peer-address", "set ipv6 next-hop peer-address"),
    ("set ipv6-next-hop prefer-global", "set ipv6 next-hop prefer-global"),
    ("set local-preference *", "set local-preference {1}"),
    ("set metric *", "set metric {1}"),
    ("set metric-type *", "set metric-type {1}"),
    ("set origin *", "set origin {1}"),
    ("set originator-id *", "set originator-id {1}"),
    ("set src *", "set src {1}"),
    ("set table *", "set table {1}"),
    ("set tag *", "set tag {1}"),
    ("set weight *", "set weight {1}"),
    // 1.2 and 1.3.
    ("set community *", "set community {1}"),
    ("set large-community *", "set large-community {1}"),
    ("set comm-list delete *", "set comm-list {1} delete"),
    ("set large-comm-list delete *", "set large-comm-list {1} delete"),
    // 1.4.
    ("set community none", "set community none"),
    ("set community delete *", "set comm-list {1} delete"),
    ("set large-community none", "set large-community none"),
    ("set large-community delete *", "set large-comm-list {1} delete"),
];

impl Work<'_> {
    pub(super) fn route_maps(&mut self) {
        for (name, map) in self.root.each("policy route-map") {
            if let Some(description) = map.value("description") {
                self.doc.leave(
                    description.lines,
                    "descriptions stand at the rules of a route-map, not at the map",
                );
            }
            for (seq, rule) in map.each("rule") {
                let mut lines = rule.lines.clone();
                let Some(action) = with(rule.value("action"), &mut lines) else {
                    self.doc.leave(&rule.all_lines(), "a rule needs an action");
                    continue;
                };
                let block = Block::frr(&format!("route-map {name} {action} {seq}"));
                self.doc.open(&block, &lines);
                self.rows(&block, rule, "", RULE);
                self.communities(&block, rule);
            }
        }
    }

    /// Clauses whose words stand in several lines.
    fn communities(&mut self, block: &Block, rule: &Node) {
        if let Some(node) = rule.get("match community") {
            let mut lines = Vec::new();
            if let Some(list) = with(node.value("community-list"), &mut lines) {
                let exact = node.flag("exact-match").map(|exact| lines.extend(exact));
                let exact = if exact.is_some() { " exact-match" } else { "" };
                self.doc.put(block, format!("match community {list}{exact}"), &lines);
            }
        }
        for kind in ["community", "large-community"] {
            for (word, tail) in [("add", " additive"), ("replace", "")] {
                let values: Vec<_> = rule.values(&format!("set {kind} {word}")).collect();
                if !values.is_empty() {
                    let lines: Vec<usize> = values.iter().flat_map(|v| v.lines).copied().collect();
                    let list: Vec<&str> = values.iter().map(|v| v.text).collect();
                    self.doc.put(block, format!("set {kind} {}{tail}", list.join(" ")), &lines);
                }
            }
        }
        if let Some(aggregator) = rule.get("set aggregator") {
            let mut lines = Vec::new();
            let (asn, ip) =
                (with(aggregator.value("as"), &mut lines), with(aggregator.value("ip"), &mut lines));
            if let (Some(asn), Some(ip)) = (asn, ip) {
                self.doc.put(block, format!("set aggregator as {asn} {ip}"), &lines);
            }
        }
    }
}
