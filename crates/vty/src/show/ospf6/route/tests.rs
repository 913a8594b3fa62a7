use std::collections::BTreeMap;

use ferr_state::ferr_ospf::view::WayView;
use ferr_types::{IfIndex, Tag};
use serde_json::Value;

use super::*;
use crate::show::ospf::sample;

#[test]
fn routes_are_shown_as_frr_shows_them() {
    let clock = sample::clock();
    let names = [(2, "eth21"), (3, "eth23")];
    let link = |(n, name): (u32, &str)| (IfIndex(n), sample::link(name, &[]));
    let links = Links::from(names.into_iter().map(link).collect::<BTreeMap<_, _>>());
    let route = |prefix: &str, kind, gateway: Option<&str>, n| RouteView {
        prefix: prefix.parse().unwrap(),
        kind,
        area: sample::area(0),
        cost: 10,
        type2_cost: None,
        tag: Tag(0),
        ways: vec![WayView { ifindex: IfIndex(n), gateway: gateway.map(|g| g.parse().unwrap()) }],
        backup: Vec::new(),
        since: clock.now,
    };
    let theirs = sample::recorded("show_ipv6_ospf6_route");
    let first = |prefix: &str| theirs.lines().find(|l| l.contains(prefix) && l.starts_with('*')).unwrap();
    let gateway = first("fd00::1/128").split_ascii_whitespace().nth(3).unwrap().to_owned();
    for (route, line) in [
        (route("fd00::1/128", PathKind::Intra, Some(&gateway), 2), first("fd00::1/128")),
        (route("fd12::/64", PathKind::Intra, None, 2), first("fd12::/64")),
    ] {
        let ours = sample::printed(|out| brief(out, &route, &links, clock));
        let cut = |l: &str| l[..l.len() - 8].to_owned();
        assert_eq!(cut(ours.trim_end()), cut(line));
    }
    let theirs = sample::recorded_json("show_ipv6_ospf6_route_json");
    let ours = json(&[route("fd12::/64", PathKind::Intra, None, 2)], &links, clock, None);
    sample::alike(&Value::from(ours)["routes"]["fd12::/64"], &theirs["routes"]["fd12::/64"], &[], &[]);
}
