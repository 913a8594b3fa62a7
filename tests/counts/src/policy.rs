//! Prefix-lists and route-maps of the size of a large provider's.

use ferr_policy::{
    Action, Flow, ListKind, Match, PolicyDef, PolicyRoute, PolicySet, PrefixEntry, PrefixListDef,
    RouteMapDef, RouteMapEntryDef, Set,
};
use ferr_types::attr::PathAttributes;
use ferr_types::{Afi, Prefix};

use crate::Work;
use crate::prefixes::of_either;

fn entry(seq: u32, prefix: Prefix) -> PrefixEntry {
    PrefixEntry { seq, action: Action::Permit, prefix, ge: None, le: Some(32) }
}

/// A list of 5,000 prefixes, of which every second one asked for is.
pub(crate) fn prefix_list(count: usize) -> Work {
    let prefixes = of_either(count);
    let listed = (0..).zip(prefixes.iter().step_by(count.div_ceil(5_000)));
    let mut def = PolicyDef::default();
    let list = PrefixListDef { entries: listed.map(|(n, p)| entry(n, *p)).collect() };
    def.prefix_lists_v4.insert("L".into(), list);
    let (set, _) = PolicySet::compile(&def);
    Box::new(move || {
        let Some(list) = set.prefix_list(Afi::Ipv4, "L") else { return 0 };
        let permitted = prefixes.iter().filter(|p| list.evaluate(**p) == Action::Permit).count();
        if permitted >= prefixes.len() / 4 { prefixes.len() } else { 0 }
    })
}

/// 200 clauses with a prefix-list each; routes match the last one.
pub(crate) fn route_map(count: usize) -> Work {
    let prefixes = of_either(count + 200);
    let mut def = PolicyDef::default();
    let mut entries = Vec::new();
    for (n, other) in (0..200).zip(&prefixes[count..]) {
        let name = format!("L{n}");
        let last = n == 199;
        let all = if last { entry(5, Prefix::default_route(Afi::Ipv4)) } else { entry(5, *other) };
        def.prefix_lists_v4.insert(name.clone(), PrefixListDef { entries: vec![all] });
        entries.push(RouteMapEntryDef {
            seq: n * 10 + 10,
            action: Action::Permit,
            matches: vec![Match::Address(Afi::Ipv4, ListKind::Prefix(name))],
            sets: vec![Set::AsPathPrependLast(1)],
            call: None,
            flow: Flow::Exit,
        });
    }
    def.route_maps.insert("M".into(), RouteMapDef { entries });
    let (set, _) = PolicySet::compile(&def);
    Box::new(move || {
        let Some(map) = set.route_map("M") else { return 0 };
        let permits = |p: &&Prefix| {
            let mut route = PolicyRoute::new(**p, PathAttributes::default());
            map.apply(&set, &mut route) == Action::Permit
        };
        prefixes[..count].iter().filter(permits).count()
    })
}
