//! VyOS: `show configuration commands` of 1.2 to 1.5.
//!
//! The words that moved between the versions are taken in all their places: `protocols bgp ASN` and `protocols bgp system-as`,
//! `pubkey` and `public-key`, `next-hop-interface` and `interface`, `protocols vrf` and `vrf name`, and so on.
//!
//! Invariant: a line that no part looks at is left, with the reason that [`reasons`] has for its place.

mod bfd;
mod bgp;
mod bgp_family;
mod bgp_neighbor;
mod interfaces;
mod lists;
mod ospf;
mod reasons;
mod route_map;
mod routes;
mod wireguard;

use crate::document::{Block, Document, Fate, File, LineReport};
use crate::tree::{self, Leaf, Line, Node};
use crate::{Imported, KeyFile, Options};

/// Translates what `show configuration commands` printed.
#[must_use]
pub fn vyos(text: &str, options: &Options) -> Imported {
    let lines = tree::lines(text);
    let root = tree::tree(&lines);
    let mut work =
        Work { options, doc: Document::default(), keys: Vec::new(), notes: Vec::new(), root: &root };
    work.system();
    work.interfaces();
    if let Some(protocols) = root.get("protocols") {
        work.protocols(protocols, None);
    }
    work.vrfs();
    work.lists();
    work.route_maps();
    let Work { doc, keys, notes, .. } = work;
    let mut finished = doc.finish();
    let report = |line: &Line| LineReport {
        number: line.number,
        text: reasons::shown(line),
        fate: finished.fates.remove(&line.number).unwrap_or_else(|| Fate::Left(reasons::of(line).to_owned())),
    };
    Imported { lines: lines.iter().map(report).collect(), frr: finished.frr, own: finished.own, keys, notes }
}

/// The translation in the making.
struct Work<'a> {
    options: &'a Options,
    root: &'a Node,
    doc: Document,
    keys: Vec<KeyFile>,
    notes: Vec<String>,
}

/// Statements that need no more than other words: a path in the tree, where `*` is any word, and the statement, where `{1}` is the
/// first of them. Only leaves are taken.
type Rows = [(&'static str, &'static str)];

/// All leaves at a path, with the words at its stars.
fn leaves<'t>(node: &'t Node, path: &str) -> Vec<(Vec<&'t str>, &'t Node)> {
    let mut found = vec![(Vec::new(), node)];
    for word in path.split(' ') {
        found = found
            .into_iter()
            .flat_map(|(stars, node)| {
                let any = word == "*";
                let children = node.children().filter(move |(name, _)| any || *name == word);
                children.map(move |(name, child)| {
                    let mut stars = stars.clone();
                    stars.extend(any.then_some(name));
                    (stars, child)
                })
            })
            .collect();
    }
    found.retain(|(_, node)| node.is_leaf());
    found
}

/// The statement with the words in their places.
fn filled(template: &str, stars: &[&str]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        out.push_str(before);
        let (number, behind) = behind.split_once('}').unwrap_or(("", behind));
        let star = number.parse::<usize>().ok().and_then(|n| stars.get(n.wrapping_sub(1)));
        out.push_str(star.copied().unwrap_or_default());
        rest = behind;
    }
    out + rest
}

/// Value and lines, when the setting is there.
fn with<'t>(leaf: Option<Leaf<'t>>, lines: &mut Vec<usize>) -> Option<&'t str> {
    let leaf = leaf?;
    lines.extend(leaf.lines);
    Some(leaf.text)
}

impl Work<'_> {
    /// Applies rows to what stands below `node`; `lead` begins every statement.
    fn rows(&mut self, block: &Block, node: &Node, lead: &str, rows: &Rows) {
        for (path, template) in rows {
            for (stars, leaf) in leaves(node, path) {
                self.doc.put(block, format!("{lead}{}", filled(template, &stars)), &leaf.lines);
            }
        }
    }

    /// Settings that are the default here.
    fn defaults(&mut self, node: &Node, paths: &[&str]) {
        for path in paths {
            for (_, leaf) in leaves(node, path) {
                self.doc.carried(&leaf.lines, "nothing had to be written: it is so anyway");
            }
        }
    }

    fn system(&mut self) {
        let (top, root) = (Block::new(File::Frr, &[]), self.root);
        self.rows(
            &top,
            root,
            "",
            &[
                ("system host-name *", "hostname {1}"),
                ("system domain-name *", "domainname {1}"),
                ("system ip disable-forwarding", "no ip forwarding"),
                ("system ipv6 disable-forwarding", "no ipv6 forwarding"),
                ("system ip protocol * route-map *", "ip protocol {1} route-map {2}"),
                ("system ipv6 protocol * route-map *", "ipv6 protocol {1} route-map {2}"),
                ("system ip nht no-resolve-via-default", "no ip nht resolve-via-default"),
                ("system ipv6 nht no-resolve-via-default", "no ipv6 nht resolve-via-default"),
            ],
        );
        for (path, text) in [("system ip", "ip forwarding"), ("system ipv6", "ipv6 forwarding")] {
            if root.get(&format!("{path} disable-forwarding")).is_none() {
                self.doc.put(&top, text, &[]);
            }
        }
    }

    fn vrfs(&mut self) {
        for (name, node) in self.root.each("vrf name") {
            let own = Block::own(&format!("vrf {name}"));
            self.rows(&own, node, "", &[("table *", "table {1}")]);
            let frr = Block::frr(&format!("vrf {name}"));
            self.rows(
                &frr,
                node,
                "",
                &[
                    ("vni *", "vni {1}"),
                    ("ip protocol * route-map *", "ip protocol {1} route-map {2}"),
                    ("ipv6 protocol * route-map *", "ipv6 protocol {1} route-map {2}"),
                    ("ip nht no-resolve-via-default", "no ip nht resolve-via-default"),
                    ("ipv6 nht no-resolve-via-default", "no ipv6 nht resolve-via-default"),
                ],
            );
            if let Some(protocols) = node.get("protocols") {
                self.protocols(protocols, Some(name));
            }
        }
        // 1.3 has the static routes of VRFs here.
        for (name, node) in self.root.each("protocols vrf") {
            self.protocols(node, Some(name));
        }
    }

    /// The protocols of a VRF.
    fn protocols(&mut self, node: &Node, vrf: Option<&str>) {
        if let Some(node) = node.get("static") {
            self.static_routes(node, vrf);
        }
        if let Some(node) = node.get("bgp") {
            self.bgp(node, vrf);
        }
        if let Some(node) = node.get("ospf") {
            self.ospf(node, vrf);
        }
        if let Some(node) = node.get("ospfv3") {
            self.ospf6(node, vrf);
        }
        if let (Some(node), None) = (node.get("bfd"), vrf) {
            self.bfd(node);
        }
    }
}

/// `router bgp 65001 vrf red` and the like.
fn header(words: &str, vrf: Option<&str>) -> String {
    vrf.map_or_else(|| words.to_owned(), |vrf| format!("{words} vrf {vrf}"))
}
