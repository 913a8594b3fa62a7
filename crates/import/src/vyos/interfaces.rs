//! Links and their addresses.

use super::{Work, with};
use crate::document::Block;
use crate::tree::Node;

/// Kinds that FeRR does not make: they are there, or the system makes them.
const FOREIGN: [&str; 6] = ["ethernet", "bonding", "loopback", "wireless", "tunnel", "openvpn"];

impl Work<'_> {
    pub(super) fn interfaces(&mut self) {
        let root = self.root;
        for kind in FOREIGN {
            for (name, node) in root.each(&format!("interfaces {kind}")) {
                self.link(name, node, false);
                if kind == "loopback" {
                    self.doc.carried(&node.lines, "nothing had to be written: the loopback is there");
                }
            }
        }
        for kind in ["bridge", "dummy", "pseudo-ethernet", "virtual-ethernet", "vxlan", "wireguard"] {
            for (name, node) in root.each(&format!("interfaces {kind}")) {
                self.declared(kind, name, node);
            }
        }
        // 1.2 and 1.3 clamp here.
        for (name, node) in root.each("firewall options interface") {
            self.clamp(name, node);
        }
    }

    /// A link that FeRR makes.
    fn declared(&mut self, kind: &str, name: &str, node: &Node) {
        let block = Block::own(&format!("interface {name}"));
        match kind {
            "bridge" => {
                self.doc.put(&block, "link bridge", &node.lines);
                for (member, member_node) in node.each("member interface") {
                    let member = Block::own(&format!("interface {member}"));
                    self.doc.put(&member, format!("master {name}"), &member_node.lines);
                }
            }
            "dummy" => self.doc.put(&block, "link dummy", &node.lines),
            "pseudo-ethernet" => self.macvlan(&block, node),
            "virtual-ethernet" => self.veth(&block, name, node),
            "vxlan" => self.vxlan(&block, node),
            _ => self.wireguard(&block, name, node),
        }
        self.link(name, node, true);
    }

    fn macvlan(&mut self, block: &Block, node: &Node) {
        let mut lines = node.lines.clone();
        let parent = with(node.value("source-interface").or_else(|| node.value("link")), &mut lines);
        let Some(parent) = parent else {
            return self.doc.leave(&node.all_lines(), "its source-interface is missing");
        };
        let mode = with(node.value("mode"), &mut lines).unwrap_or("private");
        self.doc.put(block, format!("link macvlan dev {parent} mode {mode}"), &lines);
    }

    fn veth(&mut self, block: &Block, name: &str, node: &Node) {
        let Some(peer) = node.value("peer-name") else {
            return self.doc.leave(&node.all_lines(), "its peer-name is missing");
        };
        let other = self.root.get("interfaces virtual-ethernet").and_then(|n| n.child(peer.text));
        let mutual = other.and_then(|o| o.value("peer-name")).is_some_and(|back| back.text == name);
        if mutual && peer.text < name {
            self.doc.carried(peer.lines, "the other end makes both");
        } else {
            self.doc.put(block, format!("link veth peer {}", peer.text), peer.lines);
        }
    }

    fn vxlan(&mut self, block: &Block, node: &Node) {
        // VyOS leaves the port to the kernel, whose default is not that of RFC 7348.
        const PORT: &str = "8472";
        let mut lines = node.lines.clone();
        let Some(vni) = with(node.value("vni"), &mut lines) else {
            return self.doc.leave(&node.all_lines(), "its vni is missing");
        };
        let mut text = format!("link vxlan id {vni}");
        if let Some(local) = with(node.value("source-address"), &mut lines) {
            text.push_str(&format!(" local {local}"));
        }
        text.push_str(&format!(" dstport {}", with(node.value("port"), &mut lines).unwrap_or(PORT)));
        if let Some(dev) = with(node.value("source-interface").or_else(|| node.value("link")), &mut lines) {
            text.push_str(&format!(" dev {dev}"));
        }
        self.doc.put(block, text, &lines);
        self.rows(block, node, "", &[("remote *", "vxlan remote {1}")]);
        if let Some(group) = node.get("group") {
            self.doc.leave(&group.all_lines(), "multicast groups of VXLAN are not used: name the remotes");
        }
    }

    /// What all links have. Addresses of a link that FeRR makes stand beside its declaration.
    fn link(&mut self, name: &str, node: &Node, declared: bool) {
        let own = Block::own(&format!("interface {name}"));
        let frr = if declared { own.clone() } else { Block::frr(&format!("interface {name}")) };
        self.rows(&frr, node, "", &[("description *", "description {1}"), ("disable", "shutdown")]);
        for address in node.values("address") {
            match address.text {
                "dhcp" | "dhcpv6" => {
                    self.doc.leave(address.lines, "addresses by DHCP stay with the system's DHCP client");
                }
                text => {
                    let ip = if text.contains(':') { "ipv6" } else { "ip" };
                    self.doc.put(&frr, format!("{ip} address {text}"), address.lines);
                }
            }
        }
        self.rows(
            &own,
            node,
            "",
            &[
                ("vrf *", "vrf {1}"),
                ("mtu *", "mtu {1}"),
                ("mac *", "mac-address {1}"),
                ("bridge-group bridge *", "master {1}"),
            ],
        );
        self.clamp_of(name, node.get("ip").and_then(|n| n.get("adjust-mss")), node.get("ipv6 adjust-mss"));
        // 1.2 has OSPF's settings of a link at the link.
        if let Some(ospf) = node.get("ip ospf") {
            self.ospf_link(name, ospf);
        }
        if let Some(ospf) = node.get("ipv6 ospfv3") {
            self.ospf6_link(name, ospf);
        }
        for (id, vlan) in node.each("vif") {
            let vlan_name = format!("{name}.{id}");
            let block = Block::own(&format!("interface {vlan_name}"));
            self.doc.put(&block, format!("link vlan id {id} dev {name}"), &vlan.lines);
            self.link(&vlan_name, vlan, true);
        }
    }

    fn clamp(&mut self, name: &str, node: &Node) {
        self.clamp_of(name, node.get("adjust-mss"), node.get("adjust-mss6"));
    }

    /// One statement clamps both families.
    fn clamp_of(&mut self, name: &str, v4: Option<&Node>, v6: Option<&Node>) {
        let value = |node: Option<&Node>| {
            let mut values = node.into_iter().flat_map(Node::children);
            values.next().map(|(text, node)| {
                (
                    if text == "clamp-mss-to-pmtu" { "auto".to_owned() } else { text.to_owned() },
                    node.lines.clone(),
                )
            })
        };
        let block = Block::own(&format!("interface {name}"));
        let (first, second) = (value(v4), value(v6));
        if let Some((text, lines)) = first.as_ref().or(second.as_ref()) {
            self.doc.put(&block, format!("ip tcp adjust-mss {text}"), lines);
        }
        if let (Some((v4, _)), Some((v6, lines))) = (first, second) {
            if v4 == v6 {
                self.doc.put(&block, format!("ip tcp adjust-mss {v4}"), &lines);
            } else {
                self.doc.leave(&lines, "`ip tcp adjust-mss` clamps both families: IPv4's value was taken");
            }
        }
    }
}
