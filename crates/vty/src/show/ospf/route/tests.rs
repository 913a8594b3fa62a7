use std::collections::BTreeMap;

use ferr_types::{IfIndex, Tag};

use super::*;
use crate::output::line;
use crate::show::ospf::sample;

fn links() -> Links {
    let names = [(2, "eth21"), (3, "eth23"), (4, "eth24")];
    let link = |(n, name): (u32, &str)| (IfIndex(n), sample::link(name, &[]));
    Links::from(names.into_iter().map(link).collect::<BTreeMap<_, _>>())
}

fn way(n: u32, gateway: Option<&str>) -> WayView {
    WayView { ifindex: IfIndex(n), gateway: gateway.map(|g| g.parse().unwrap()) }
}

fn route(prefix: &str, kind: PathKind, at: u32, tag: u32, way: WayView) -> RouteView {
    RouteView {
        prefix: prefix.parse().unwrap(),
        kind,
        area: sample::area(at),
        cost: 10,
        type2_cost: (kind == PathKind::External2).then_some(20),
        tag: Tag(tag),
        ways: vec![way],
        backup: Vec::new(),
        since: sample::clock().now,
    }
}

fn routes() -> Vec<RouteView> {
    use PathKind::{External2, Intra};
    vec![
        route("1.1.1.1/32", Intra, 0, 0, way(2, Some("10.0.12.1"))),
        route("3.3.3.3/32", Intra, 1, 0, way(3, Some("10.0.23.3"))),
        route("10.0.12.0/24", Intra, 0, 0, way(2, None)),
        route("10.0.23.0/24", Intra, 1, 0, way(3, None)),
        route("10.0.24.0/30", Intra, 2, 0, way(4, None)),
        route("10.50.1.0/24", External2, 0, 0, way(2, Some("10.0.12.1"))),
        route("10.53.0.0/24", External2, 1, 0, way(3, Some("10.0.23.3"))),
        route("10.54.0.0/24", External2, 2, 0, way(4, Some("10.0.24.1"))),
        route("10.60.0.0/16", External2, 0, 7, way(2, Some("10.0.12.1"))),
    ]
}

fn routers() -> Vec<RouterRouteView> {
    let one = |id: u8, at: u32, way: WayView| RouterRouteView {
        router: sample::router(id),
        area: sample::area(at),
        kind: PathKind::Intra,
        cost: 10,
        abr: false,
        asbr: true,
        ways: vec![way],
    };
    vec![
        one(1, 0, way(2, Some("10.0.12.1"))),
        one(3, 1, way(3, Some("10.0.23.3"))),
        one(4, 2, way(4, Some("10.0.24.1"))),
    ]
}

#[test]
fn routes_are_shown_as_frr_shows_them() {
    let links = links();
    let theirs = sample::recorded("show_ip_ospf_route");
    let ours = sample::printed(|out| {
        for r in routes().iter().filter(|r| !is_external(r.kind)) {
            network(out, r, &links, true);
        }
    });
    assert!(theirs.contains(&ours), "{ours}\n{theirs}");
    let ours = sample::printed(|out| {
        line!(out, "{ROUTERS}");
        routers().iter().for_each(|r| router(out, r, &links));
        line!(out);
    });
    assert!(theirs.contains(&ours), "{ours}\n{theirs}");
    assert!(sample::recorded("show_ip_ospf_border-routers").starts_with(&ours));
    let ours = sample::printed(|out| {
        for r in routes().iter().filter(|r| is_external(r.kind)) {
            external(out, r, &links, true);
        }
    });
    assert!(theirs.contains(&ours), "{ours}\n{theirs}");
}

#[test]
fn json_is_that_of_frr() {
    let (links, theirs) = (links(), sample::recorded_json("show_ip_ospf_route_json"));
    for r in routes() {
        let ours = Value::from(route_json(&r, &links, true));
        assert_eq!(ours.to_string(), theirs[r.prefix.to_string()].to_string());
    }
    for r in routers() {
        let ours = Value::from(router_json(&r, &links));
        assert_eq!(ours.to_string(), theirs[r.router.to_string()].to_string());
    }
}
