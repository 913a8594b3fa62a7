//! `router bgp`: what is not about a neighbor.

use super::{Rows, Work, header, with};
use crate::document::Block;
use crate::tree::Node;

const GLOBAL: &Rows = &[
    ("parameters router-id *", "bgp router-id {1}"),
    ("parameters log-neighbor-changes", "bgp log-neighbor-changes"),
    ("parameters always-compare-med", "bgp always-compare-med"),
    ("parameters deterministic-med", "bgp deterministic-med"),
    ("parameters bestpath as-path confed", "bgp bestpath as-path confed"),
    ("parameters bestpath as-path ignore", "bgp bestpath as-path ignore"),
    ("parameters bestpath as-path multipath-relax", "bgp bestpath as-path multipath-relax"),
    ("parameters bestpath bandwidth *", "bgp bestpath bandwidth {1}"),
    ("parameters bestpath compare-routerid", "bgp bestpath compare-routerid"),
    ("parameters bestpath med confed", "bgp bestpath med confed"),
    ("parameters bestpath med missing-as-worst", "bgp bestpath med missing-as-worst"),
    ("parameters bestpath med *", "bgp bestpath med {1}"),
    ("parameters bestpath peer-type multipath-relax", "bgp bestpath peer-type multipath-relax"),
    ("parameters cluster-id *", "bgp cluster-id {1}"),
    ("parameters confederation identifier *", "bgp confederation identifier {1}"),
    ("parameters confederation peers *", "bgp confederation peers {1}"),
    ("parameters conditional-advertisement timer *", "bgp conditional-advertisement timer {1}"),
    ("parameters default local-pref *", "bgp default local-preference {1}"),
    ("parameters default no-ipv4-unicast", "no bgp default ipv4-unicast"),
    ("parameters enforce-first-as", "bgp enforce-first-as"),
    ("parameters fast-convergence", "bgp fast-convergence"),
    ("parameters graceful-restart", "bgp graceful-restart"),
    ("parameters graceful-restart stalepath-time *", "bgp graceful-restart stalepath-time {1}"),
    ("parameters graceful-shutdown", "bgp graceful-shutdown"),
    ("parameters minimum-holdtime *", "bgp minimum-holdtime {1}"),
    ("parameters no-client-to-client-reflection", "no bgp client-to-client reflection"),
    ("parameters no-fast-external-failover", "no bgp fast-external-failover"),
    ("parameters no-hard-administrative-reset", "no bgp hard-administrative-reset"),
    ("parameters no-suppress-duplicates", "no bgp suppress-duplicates"),
    ("parameters reject-as-sets", "bgp reject-as-sets"),
    ("parameters route-reflector-allow-outbound-policy", "bgp route-reflector allow-outbound-policy"),
    ("parameters shutdown", "bgp shutdown"),
    ("parameters suppress-fib-pending", "bgp suppress-fib-pending"),
    ("parameters allow-martian-nexthop", "bgp allow-martian-nexthop"),
    ("parameters disable-ebgp-connected-route-check", "bgp disable-ebgp-connected-route-check"),
    ("listen limit *", "bgp listen limit {1}"),
];

impl Work<'_> {
    pub(super) fn bgp(&mut self, node: &Node, vrf: Option<&str>) {
        // Up to 1.3 the AS number is a level of its own.
        let old = node.children().filter(|(name, n)| name.parse::<u32>().is_ok() && !n.is_leaf());
        let old: Vec<_> = old.collect();
        if let Some((asn, instance)) = old.first() {
            for (_, other) in old.iter().skip(1) {
                self.doc.leave(&other.all_lines(), "a second AS number for the same VRF");
            }
            self.instance(instance, asn, &[], vrf);
        } else if let Some(asn) = node.value("system-as").or_else(|| node.value("local-as")) {
            self.instance(node, asn.text, asn.lines, vrf);
        } else if let Some(asn) = self.root.value("protocols bgp system-as").filter(|_| vrf.is_some()) {
            // Where a VRF says nothing, it has the AS number of the default one.
            self.instance(node, asn.text, &[], vrf);
        } else {
            self.doc.leave(&node.all_lines(), "the AS number is missing (`system-as`)");
        }
    }

    fn instance(&mut self, node: &Node, asn: &str, asn_lines: &[usize], vrf: Option<&str>) {
        let block = Block::frr(&header(&format!("router bgp {asn}"), vrf));
        self.doc.open(&block, asn_lines);
        self.implied(&block, node, asn_lines.is_empty());
        self.rows(&block, node, "", GLOBAL);
        let timers = node.get("timers").into_iter().chain(node.get("parameters timers"));
        for timers in timers.collect::<Vec<_>>() {
            let mut lines = Vec::new();
            let keepalive = with(timers.value("keepalive"), &mut lines).unwrap_or("60");
            let hold = with(timers.value("holdtime"), &mut lines).unwrap_or("180");
            if !lines.is_empty() {
                self.doc.put(&block, format!("timers bgp {keepalive} {hold}"), &lines);
            }
        }
        for (group, peer) in node.each("peer-group") {
            self.doc.put(&block, format!("neighbor {group} peer-group"), &peer.lines);
            self.neighbor(&block, group, peer);
        }
        for (range, options) in node.each("listen range") {
            let lead = format!("bgp listen range {range} ");
            self.rows(&block, options, &lead, &[("peer-group *", "peer-group {1}")]);
        }
        for (name, peer) in node.each("neighbor") {
            self.neighbor(&block, name, peer);
        }
        self.families(&block, node);
    }

    /// What VyOS sets without being told.
    fn implied(&mut self, block: &Block, node: &Node, old: bool) {
        match node.flag("parameters ebgp-requires-policy") {
            Some(lines) => self.doc.put(block, "bgp ebgp-requires-policy", lines),
            None => self.doc.put(block, "no bgp ebgp-requires-policy", &[]),
        }
        match node.flag("parameters network-import-check") {
            Some(lines) => self.doc.put(block, "bgp network import-check", lines),
            None => self.doc.put(block, "no bgp network import-check", &[]),
        }
        if !old {
            self.doc.put(block, "no bgp default ipv4-unicast", &[]);
        }
    }
}
