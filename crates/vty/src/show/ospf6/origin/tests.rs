use std::sync::Arc;
use std::time::Instant;

use ferr_state::ferr_ospf::LsaKey;
use ferr_state::ferr_ospf::wire::{Lsa, Version};
use ferr_types::Tag;

use super::*;
use crate::show::ospf::sample;

fn rows() -> Vec<(String, Row)> {
    let dump = sample::recorded_json("show_ipv6_ospf6_database_dump_json");
    let row = |o: &serde_json::Value| {
        let hex = o["header"].as_str().unwrap();
        let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let octets: Arc<[u8]> = (0..hex.len()).step_by(2).map(octet).collect();
        let key = LsaKey::from(&Lsa::decode(Version::V3, &octets).unwrap().header);
        Row { key, age: 0, held: 0, octets, translated: false }
    };
    let part = |part: &serde_json::Value| {
        let area = part["areaId"].as_str().unwrap().to_owned();
        part["lsa"].as_array().unwrap().iter().map(|o| (area.clone(), row(o))).collect::<Vec<_>>()
    };
    dump["areaScopedLinkStateDb"].as_array().unwrap().iter().flat_map(part).collect()
}

#[test]
fn a_route_comes_from_the_lsa_that_tells_it_at_its_cost() {
    let backbone: Vec<Row> = rows().into_iter().filter(|(area, _)| area == "0").map(|(_, row)| row).collect();
    let mut origins = Origins::default();
    // Everybody is ten away.
    let mut costs = Costs::new();
    for row in &backbone {
        costs.insert((row.key.router, None), 10);
        costs.insert((row.key.router, Some(row.key.id.0)), 10);
    }
    backbone.iter().for_each(|row| origins.note(row, Some(AreaId::BACKBONE), &costs));
    let (prefix, says) = origins.0.iter().find(|(_, says)| says[0].kind == PathKind::Intra).unwrap();
    let route = |cost| RouteView {
        prefix: Prefix::V6(*prefix),
        kind: PathKind::Intra,
        area: AreaId::BACKBONE,
        cost,
        type2_cost: None,
        tag: Tag(0),
        ways: Vec::new(),
        backup: Vec::new(),
        since: Instant::now(),
    };
    assert_eq!(origins.of(&route(says[0].cost)), Some(&says[0].origin));
    assert_eq!(origins.of(&route(says[0].cost + 1000)), None);
    assert_eq!(says[0].origin.kind, LsaType::INTRA_AREA_PREFIX);
}
