//! Static routes.

use super::{Work, with};
use crate::document::{Block, File};
use crate::tree::Node;

impl Work<'_> {
    pub(super) fn static_routes(&mut self, node: &Node, vrf: Option<&str>) {
        let block = vrf.map_or_else(|| Block::new(File::Frr, &[]), |vrf| Block::frr(&format!("vrf {vrf}")));
        self.routes(node, &block, "");
        for (number, table) in node.each("table") {
            self.routes(table, &block, &format!(" table {number}"));
        }
    }

    fn routes(&mut self, node: &Node, block: &Block, tail: &str) {
        for (path, ip) in
            [("route", "ip"), ("route6", "ipv6"), ("interface-route", "ip"), ("interface-route6", "ipv6")]
        {
            for (prefix, route) in node.each(path) {
                for (gateway, way) in route.each("next-hop") {
                    self.way(way, block, &format!("{ip} route {prefix} {gateway}"), tail);
                }
                for (interface, way) in route.each("next-hop-interface").chain(route.each("interface")) {
                    self.way(way, block, &format!("{ip} route {prefix} {interface}"), tail);
                }
                for kind in ["blackhole", "reject"] {
                    if let Some(way) = route.get(kind) {
                        self.way(way, block, &format!("{ip} route {prefix} {kind}"), tail);
                    }
                }
            }
        }
    }

    fn way(&mut self, way: &Node, block: &Block, head: &str, tail: &str) {
        if way.get("disable").is_some() {
            return self.doc.leave(&way.all_lines(), "the route is disabled");
        }
        let mut lines = way.lines.clone();
        let mut text = head.to_owned();
        let add = |text: &mut String, lead: &str, value: Option<&str>| {
            if let Some(value) = value {
                text.push_str(lead);
                text.push_str(value);
            }
        };
        let interface = way.value("next-hop-interface").or_else(|| way.value("interface"));
        add(&mut text, " ", with(interface, &mut lines));
        add(&mut text, " tag ", with(way.value("tag"), &mut lines));
        add(&mut text, " ", with(way.value("distance"), &mut lines));
        text.push_str(tail);
        let vrf = way.value("vrf").or_else(|| way.value("next-hop-vrf"));
        add(&mut text, " nexthop-vrf ", with(vrf, &mut lines));
        if let Some(bfd) = way.get("bfd") {
            text.push_str(" bfd");
            lines.extend(&bfd.lines);
            let hop = bfd.get("multi-hop").unwrap_or(bfd);
            for (source, node) in hop.each("source").filter(|_| bfd.get("multi-hop").is_some()) {
                text.push_str(&format!(" multi-hop source {source}"));
                lines.extend(&node.lines);
                add(&mut text, " profile ", with(node.value("profile"), &mut lines));
            }
            add(&mut text, " profile ", with(bfd.value("profile"), &mut lines));
        }
        self.doc.put(block, text, &lines);
    }
}
