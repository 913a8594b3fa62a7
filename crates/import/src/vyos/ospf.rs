//! OSPF and OSPFv3.

use super::{Rows, Work, header};
use crate::document::Block;
use crate::tree::Node;

const OSPF: &Rows = &[
    ("parameters router-id *", "ospf router-id {1}"),
    ("parameters abr-type *", "ospf abr-type {1}"),
    ("parameters rfc1583-compatibility", "compatible rfc1583"),
    ("parameters opaque-lsa", "capability opaque"),
    ("log-adjacency-changes", "log-adjacency-changes"),
    ("log-adjacency-changes detail", "log-adjacency-changes detail"),
    ("auto-cost reference-bandwidth *", "auto-cost reference-bandwidth {1}"),
    ("default-metric *", "default-metric {1}"),
    ("distance global *", "distance {1}"),
    ("maximum-paths *", "maximum-paths {1}"),
    ("max-metric router-lsa administrative", "max-metric router-lsa administrative"),
    ("max-metric router-lsa on-startup *", "max-metric router-lsa on-startup {1}"),
    ("max-metric router-lsa on-shutdown *", "max-metric router-lsa on-shutdown {1}"),
    ("refresh timers *", "refresh timer {1}"),
    ("passive-interface *", "passive-interface {1}"),
    ("neighbor *", "neighbor {1}"),
    ("area * network *", "network {2} area {1}"),
    ("area * authentication md5", "area {1} authentication message-digest"),
    ("area * authentication plaintext-password", "area {1} authentication"),
    ("area * area-type stub", "area {1} stub"),
    ("area * area-type stub no-summary", "area {1} stub no-summary"),
    ("area * area-type nssa", "area {1} nssa"),
    ("area * area-type nssa no-summary", "area {1} nssa no-summary"),
    ("area * area-type stub default-cost *", "area {1} default-cost {2}"),
    ("area * area-type nssa default-cost *", "area {1} default-cost {2}"),
    ("area * range *", "area {1} range {2}"),
    ("area * range * cost *", "area {1} range {2} cost {3}"),
    ("area * range * not-advertise", "area {1} range {2} not-advertise"),
    ("area * range * substitute *", "area {1} range {2} substitute {3}"),
    ("area * shortcut *", "area {1} shortcut {2}"),
    ("area * export-list *", "area {1} export-list {2}"),
    ("area * import-list *", "area {1} import-list {2}"),
    ("access-list * export *", "distribute-list {1} out {2}"),
];

const LINK: &Rows = &[
    ("area *", "area {1}"),
    ("bandwidth *", "bandwidth {1}"),
    ("bfd", "bfd"),
    ("bfd profile *", "bfd profile {1}"),
    ("cost *", "cost {1}"),
    ("dead-interval *", "dead-interval {1}"),
    ("hello-interval *", "hello-interval {1}"),
    ("hello-multiplier *", "dead-interval minimal hello-multiplier {1}"),
    ("mtu-ignore", "mtu-ignore"),
    ("network *", "network {1}"),
    ("passive", "passive"),
    ("priority *", "priority {1}"),
    ("retransmit-interval *", "retransmit-interval {1}"),
    ("transmit-delay *", "transmit-delay {1}"),
    ("authentication plaintext-password *", "authentication-key {1}"),
    ("authentication md5 key-id * md5-key *", "message-digest-key {1} md5 {2}"),
];

const OSPF6: &Rows = &[
    ("parameters router-id *", "ospf6 router-id {1}"),
    ("log-adjacency-changes", "log-adjacency-changes"),
    ("log-adjacency-changes detail", "log-adjacency-changes detail"),
    ("auto-cost reference-bandwidth *", "auto-cost reference-bandwidth {1}"),
    ("distance global *", "distance {1}"),
    ("area * area-type stub", "area {1} stub"),
    ("area * area-type stub no-summary", "area {1} stub no-summary"),
    ("area * area-type nssa", "area {1} nssa"),
    ("area * range *", "area {1} range {2}"),
    ("area * range * advertise", "area {1} range {2} advertise"),
    ("area * range * not-advertise", "area {1} range {2} not-advertise"),
    ("area * export-list *", "area {1} export-list {2}"),
    ("area * import-list *", "area {1} import-list {2}"),
];

const LINK6: &Rows = &[
    ("area *", "area {1}"),
    ("bfd", "bfd"),
    ("bfd profile *", "bfd profile {1}"),
    ("cost *", "cost {1}"),
    ("dead-interval *", "dead-interval {1}"),
    ("hello-interval *", "hello-interval {1}"),
    ("ifmtu *", "ifmtu {1}"),
    ("instance-id *", "instance-id {1}"),
    ("mtu-ignore", "mtu-ignore"),
    ("network *", "network {1}"),
    ("passive", "passive"),
    ("priority *", "priority {1}"),
    ("retransmit-interval *", "retransmit-interval {1}"),
    ("transmit-delay *", "transmit-delay {1}"),
];

impl Work<'_> {
    pub(super) fn ospf(&mut self, node: &Node, vrf: Option<&str>) {
        let block = Block::frr(&header("router ospf", vrf));
        self.doc.open(&block, &node.lines);
        self.rows(&block, node, "", OSPF);
        self.defaults(node, &["area * area-type normal"]);
        self.throttle(&block, node);
        self.external(&block, node);
        for (name, link) in node.each("interface") {
            self.ospf_link(name, link);
        }
    }

    pub(super) fn ospf_link(&mut self, name: &str, node: &Node) {
        let block = Block::frr(&format!("interface {name}"));
        self.rows(&block, node, "ip ospf ", LINK);
        let keys = node.each("authentication md5 key-id").any(|(_, key)| key.value("md5-key").is_some());
        if keys {
            // VyOS turns it on with the key.
            self.doc.put(&block, "ip ospf authentication message-digest", &[]);
        } else if node.value("authentication plaintext-password").is_some() {
            self.doc.put(&block, "ip ospf authentication", &[]);
        }
        self.rows(&block, node, "no ip ospf ", &[("passive disable", "passive")]);
    }

    pub(super) fn ospf6(&mut self, node: &Node, vrf: Option<&str>) {
        let block = Block::frr(&header("router ospf6", vrf));
        self.doc.open(&block, &node.lines);
        self.rows(&block, node, "", OSPF6);
        self.defaults(node, &["area * area-type normal"]);
        self.external(&block, node);
        for (name, link) in node.each("interface") {
            self.ospf6_link(name, link);
        }
        // 1.3 has the links at the areas.
        for (area, area_node) in node.each("area") {
            for link in area_node.values("interface") {
                let block = Block::frr(&format!("interface {}", link.text));
                self.doc.put(&block, format!("ipv6 ospf6 area {area}"), link.lines);
            }
        }
    }

    pub(super) fn ospf6_link(&mut self, name: &str, node: &Node) {
        self.rows(&Block::frr(&format!("interface {name}")), node, "ipv6 ospf6 ", LINK6);
    }

    fn throttle(&mut self, block: &Block, node: &Node) {
        let Some(spf) = node.get("timers throttle spf") else { return };
        let mut lines = Vec::new();
        let names = [("delay", "200"), ("initial-holdtime", "1000"), ("max-holdtime", "10000")];
        let values = names.map(|(name, default)| super::with(spf.value(name), &mut lines).unwrap_or(default));
        if !lines.is_empty() {
            self.doc.put(block, format!("timers throttle spf {}", values.join(" ")), &lines);
        }
    }

    /// What comes from other protocols.
    fn external(&mut self, block: &Block, node: &Node) {
        let redistributed = node.each("redistribute").map(|(name, options)| {
            let name = if name == "ripng" || name != "ospfv3" { name } else { "ospf6" };
            (format!("redistribute {name}"), options)
        });
        let default = node
            .get("default-information originate")
            .map(|n| ("default-information originate".to_owned(), n));
        for (mut text, options) in redistributed.chain(default).collect::<Vec<_>>() {
            let mut lines = options.lines.clone();
            if let Some(always) = options.flag("always") {
                text.push_str(" always");
                lines.extend(always);
            }
            for name in ["metric", "metric-type", "route-map"] {
                if let Some(value) = super::with(options.value(name), &mut lines) {
                    text.push_str(&format!(" {name} {value}"));
                }
            }
            self.doc.put(block, text, &lines);
        }
    }
}
