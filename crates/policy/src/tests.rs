//! Lists and route-maps: what matches, what changes, and what is refused.

use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::PathAttributes;
use ferr_types::community::{Communities, Community};
use ferr_types::{Afi, Asn, Prefix};
use proptest::prelude::*;

use crate::*;

fn prefix(s: &str) -> Prefix {
    s.parse().unwrap()
}

fn entry(seq: u32, action: Action, p: &str, ge: Option<u8>, le: Option<u8>) -> PrefixEntry {
    PrefixEntry { seq, action, prefix: prefix(p), ge, le }
}

fn compile(def: &PolicyDef) -> PolicySet {
    let (set, errors) = PolicySet::compile(def);
    assert_eq!(errors, []);
    set
}

fn map_entry(seq: u32, action: Action, matches: Vec<Match>, sets: Vec<Set>) -> RouteMapEntryDef {
    RouteMapEntryDef { seq, action, matches, sets, call: None, flow: Flow::Exit }
}

#[test]
fn prefix_list_lengths() {
    let list = |e: PrefixEntry| PrefixList::new(&PrefixListDef { entries: vec![e] });
    let permits = |l: &PrefixList, p: &str| l.evaluate(prefix(p)) == Action::Permit;
    let exact = list(entry(5, Action::Permit, "10.0.0.0/8", None, None));
    assert!(permits(&exact, "10.0.0.0/8") && !permits(&exact, "10.1.0.0/16"));
    let ge = list(entry(5, Action::Permit, "10.0.0.0/8", Some(16), None));
    assert!(!permits(&ge, "10.0.0.0/8") && permits(&ge, "10.1.0.0/16") && permits(&ge, "10.1.1.1/32"));
    let le = list(entry(5, Action::Permit, "10.0.0.0/8", None, Some(16)));
    assert!(permits(&le, "10.0.0.0/8") && permits(&le, "10.1.0.0/16") && !permits(&le, "10.1.1.0/24"));
    assert!(permits(&PrefixList::default(), "10.0.0.0/8"));
}

proptest! {
    /// The index of long lists gives what the order of entries gives.
    #[test]
    fn indexed_prefix_list_equals_linear(
        rules in prop::collection::vec((any::<u32>(), 0u8..=32, any::<bool>(), 0u8..=32, 0u8..=32), 20..60),
        probe in (any::<u32>(), 0u8..=32),
    ) {
        let p = |bits: u32, len| Prefix::V4(ferr_types::Ipv4Prefix::from_bits(bits & 0xe000_0007, len).unwrap());
        let entries: Vec<PrefixEntry> = rules.iter().enumerate().map(|(i, (bits, len, permit, ge, le))| PrefixEntry {
            seq: i as u32,
            action: if *permit { Action::Permit } else { Action::Deny },
            prefix: p(*bits, *len),
            ge: Some(*ge).filter(|g| g > len),
            le: Some(*le).filter(|l| l > len),
        }).collect();
        let probe = p(probe.0, probe.1);
        let linear = entries.iter()
            .find(|e| PrefixList::new(&PrefixListDef { entries: vec![PrefixEntry { action: Action::Permit, ..**e }] })
                .evaluate(probe) == Action::Permit)
            .map_or(Action::Deny, |e| e.action);
        prop_assert_eq!(PrefixList::new(&PrefixListDef { entries }).evaluate(probe), linear);
    }
}

#[test]
fn as_path_underscore_is_a_boundary() {
    let matches = |regex: &str, path: &[u32]| {
        let path = AsPathBuf::from_sequence(path.iter().map(|a| Asn(*a)));
        AsPathRegex::new(regex).unwrap().is_match(&path.as_path().to_string())
    };
    assert!(matches("_65002_", &[65001, 65002, 3]));
    assert!(!matches("_6500_", &[65001, 65002]));
    assert!(matches("^65001_", &[65001]) && matches("_65001$", &[1, 65001]));
    assert!(matches("^$", &[]) && !matches("^$", &[1]));
    assert!(AsPathRegex::new("(65").is_err());
}

#[test]
fn a_bad_expression_denies_instead_of_opening() {
    let mut def = PolicyDef::default();
    def.as_path_lists
        .insert("X".into(), vec![AsPathEntry { seq: 5, action: Action::Permit, regex: "[".into() }]);
    let matches = vec![Match::AsPath("X".into())];
    def.route_maps
        .insert("M".into(), RouteMapDef { entries: vec![map_entry(10, Action::Permit, matches, vec![])] });
    let (set, errors) = PolicySet::compile(&def);
    assert_eq!(errors.len(), 1);
    let mut route = PolicyRoute::new(prefix("10.0.0.0/8"), PathAttributes::default());
    assert_eq!(set.route_map("M").unwrap().apply(&set, &mut route), Action::Deny);
}

#[test]
fn later_entries_see_earlier_changes() {
    let mut def = PolicyDef::default();
    let mut first = map_entry(
        10,
        Action::Permit,
        vec![],
        vec![Set::Communities { values: vec![Community::new(65000, 1)], additive: true }],
    );
    first.flow = Flow::Next;
    let wanted = CommunityEntry {
        seq: 5,
        action: Action::Permit,
        matches: CommunityMatch::All(vec![Community::new(65000, 1)]),
    };
    def.community_lists.insert("C".into(), vec![wanted]);
    let second = map_entry(
        20,
        Action::Permit,
        vec![Match::Community { list: "C".into(), exact: false }],
        vec![Set::LocalPreference(MetricChange::Add(50)), Set::AsPathPrepend(vec![Asn(7), Asn(7)])],
    );
    def.route_maps.insert("M".into(), RouteMapDef { entries: vec![first, second] });
    let set = compile(&def);
    let bytes = Community::new(1, 2).0.to_be_bytes();
    let attributes =
        PathAttributes { communities: Communities::new(&bytes).unwrap(), ..PathAttributes::default() };
    let mut route = PolicyRoute::new(prefix("10.0.0.0/8"), attributes);
    assert_eq!(set.route_map("M").unwrap().apply(&set, &mut route), Action::Permit);
    let now = route.current();
    assert_eq!(now.communities.to_string(), "1:2 65000:1");
    assert_eq!(now.local_pref, Some(150));
    assert_eq!(now.as_path.to_string(), "7 7");
    assert!(route.changed);
}

#[test]
fn goto_call_and_the_end() {
    let mut def = PolicyDef::default();
    let mut jump = map_entry(10, Action::Permit, vec![], vec![Set::Tag(1)]);
    jump.flow = Flow::Goto(30);
    let skipped = map_entry(20, Action::Deny, vec![], vec![]);
    let mut calls = map_entry(30, Action::Permit, vec![], vec![]);
    calls.call = Some("ONLY-V6".into());
    def.route_maps.insert("M".into(), RouteMapDef { entries: vec![jump, skipped, calls] });
    let v6 = vec![Match::Address(Afi::Ipv6, ListKind::Prefix("ANY6".into()))];
    def.prefix_lists_v6.insert(
        "ANY6".into(),
        PrefixListDef { entries: vec![entry(5, Action::Permit, "::/0", None, Some(128))] },
    );
    def.route_maps.insert(
        "ONLY-V6".into(),
        RouteMapDef { entries: vec![map_entry(10, Action::Permit, v6, vec![Set::Weight(9)])] },
    );
    let mut looped = map_entry(10, Action::Permit, vec![], vec![]);
    looped.call = Some("LOOP".into());
    def.route_maps.insert("LOOP".into(), RouteMapDef { entries: vec![looped] });
    let set = compile(&def);
    let run = |map: &str, p: &str| {
        let mut route = PolicyRoute::new(prefix(p), PathAttributes::default());
        (set.route_map(map).unwrap().apply(&set, &mut route), route.weight, route.tag)
    };
    assert_eq!(run("M", "2001:db8::/32"), (Action::Permit, Some(9), 1));
    assert_eq!(run("M", "10.0.0.0/8").0, Action::Deny);
    assert_eq!(run("LOOP", "10.0.0.0/8").0, Action::Deny);
    assert_eq!(set.route_map("M").unwrap().counters().0, 2);
}

#[test]
fn community_delete_and_exact() {
    let list = |values: Vec<Community>| {
        let e = CommunityEntry { seq: 5, action: Action::Permit, matches: CommunityMatch::All(values) };
        CommunityList::new(&[e]).unwrap()
    };
    let bytes: Vec<u8> =
        [Community::new(1, 1), Community::new(1, 2)].iter().flat_map(|c| c.0.to_be_bytes()).collect();
    let both = Communities::new(&bytes).unwrap();
    let one = list(vec![Community::new(1, 1)]);
    assert_eq!(one.evaluate(both, false), Action::Permit);
    assert_eq!(one.evaluate(both, true), Action::Deny);
    assert!(one.permits_value(Community::new(1, 1)) && !one.permits_value(Community::new(1, 2)));
    let regex = CommunityEntry {
        seq: 5,
        action: Action::Permit,
        matches: CommunityMatch::Regex("_1:[0-9]+_".into()),
    };
    assert_eq!(CommunityList::new(&[regex]).unwrap().evaluate(both, false), Action::Permit);
}
