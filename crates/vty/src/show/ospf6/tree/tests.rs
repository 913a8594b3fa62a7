use ferr_state::ferr_ospf::LsaKey;
use ferr_state::ferr_ospf::wire::{Lsa, Version};

use super::*;
use crate::show::ospf::sample;

#[test]
fn the_tree_is_that_of_frr() {
    let dump = sample::recorded_json("show_ipv6_ospf6_database_dump_json");
    let row = |o: &serde_json::Value| {
        let hex = o["header"].as_str().unwrap();
        let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let octets: std::sync::Arc<[u8]> = (0..hex.len()).step_by(2).map(octet).collect();
        let key = LsaKey::from(&Lsa::decode(Version::V3, &octets).unwrap().header);
        Row { key, age: 0, held: 0, octets, translated: false }
    };
    let mut ours = String::new();
    for part in dump["areaScopedLinkStateDb"].as_array().unwrap() {
        let rows: Vec<Row> = part["lsa"].as_array().unwrap().iter().map(row).collect();
        let root = Vertex { router: sample::router(2), network: None };
        let tree = Tree { root, paths: Graph::read(&rows).paths(root) };
        ours += &sample::printed(|out| tree.text(out));
        assert!(!tree.json().is_empty());
    }
    assert_eq!(ours, sample::recorded("show_ipv6_ospf6_spf_tree"));
}
