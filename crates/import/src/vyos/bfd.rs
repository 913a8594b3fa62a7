//! BFD's sessions and profiles.

use super::{Rows, Work, with};
use crate::document::{Block, File};
use crate::tree::Node;

const PARAMETERS: &Rows = &[
    ("echo-mode", "echo-mode"),
    ("interval echo-interval *", "echo-interval {1}"),
    ("interval multiplier *", "detect-multiplier {1}"),
    ("interval receive *", "receive-interval {1}"),
    ("interval transmit *", "transmit-interval {1}"),
    ("minimum-ttl *", "minimum-ttl {1}"),
    ("passive", "passive-mode"),
    ("profile *", "profile {1}"),
    ("shutdown", "shutdown"),
];

impl Work<'_> {
    pub(super) fn bfd(&mut self, node: &Node) {
        for (name, profile) in node.each("profile") {
            let block = Block::new(File::Frr, &["bfd", &format!("profile {name}")]);
            self.doc.open(&block, &profile.lines);
            self.rows(&block, profile, "", PARAMETERS);
        }
        for (address, peer) in node.each("peer") {
            let mut lines = peer.lines.clone();
            let mut header = format!("peer {address}");
            if let Some(multihop) = peer.flag("multihop") {
                header.push_str(" multihop");
                lines.extend(multihop);
            }
            for (path, word) in
                [("source address", "local-address"), ("vrf", "vrf"), ("source interface", "interface")]
            {
                if let Some(value) = with(peer.value(path), &mut lines) {
                    header.push_str(&format!(" {word} {value}"));
                }
            }
            let block = Block::new(File::Frr, &["bfd", &header]);
            self.doc.open(&block, &lines);
            self.rows(&block, peer, "", PARAMETERS);
        }
    }
}
