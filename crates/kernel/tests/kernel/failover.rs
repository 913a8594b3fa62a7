//! A dead gateway in a real kernel: one deleted object moves all routes, before any route is sent.

// Helpers of tests, outside of `#[test]` functions.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use crate::common::{Router, in_namespace, ip, ip_json, set, two_links, via};
use ferr_rib::{FibAction, FibError, FibOp, GuardId, GuardedGateway, NhId};
use ferr_types::{Nexthop, Protocol, RouteUpdate, VrfId};

const GUARD: GuardId = GuardId(NonZeroU32::MIN);

fn guarded(addr: &str) -> Nexthop {
    Nexthop { guard: addr.parse().ok(), ..via(addr) }
}

fn with_backup(prefix: &str, way: &str, backup: &str) -> RouteUpdate {
    let mut update = set(prefix, Protocol::Bgp, 20, &[guarded(way)]);
    if let RouteUpdate::Set(_, spec) = &mut update {
        Arc::make_mut(spec).backup = [guarded(backup)].into_iter().collect();
    }
    update
}

fn guarded_router() -> Router {
    let mut router = Router::start();
    for addr in ["10.0.0.2", "fd00:a::2"] {
        let gateway = GuardedGateway { vrf: VrfId::DEFAULT, addr: addr.parse().unwrap(), ifindex: None };
        router.rib.guard_set(GUARD, gateway);
    }
    router
}

fn leaves_by(dest: &str) -> String {
    ip_json(&format!("route get {dest}"))[0]["dev"].as_str().unwrap().to_owned()
}

fn kill(router: &mut Router) -> Vec<NhId> {
    let victims = router.rib.failover_plan().victims(|g| g == GUARD, &BTreeSet::new());
    router.dead.bury(GUARD, &victims);
    assert_eq!(router.failover.delete_nexthops(&victims), 0);
    victims
}

#[test]
fn ten_thousand_routes_leave_by_one_object() {
    in_namespace(|| {
        two_links();
        let mut router = guarded_router();
        let v4 = (0..8000)
            .map(|i| with_backup(&format!("20.{}.{}.0/24", i >> 8, i & 255), "10.0.0.2", "10.0.1.2"));
        let v6 = (0..2000).map(|i| with_backup(&format!("2001:db8:{i:x}::/48"), "fd00:a::2", "fd00:b::2"));
        let routes: Vec<RouteUpdate> = v4.chain(v6).collect();
        router.rib.apply(Instant::now(), &routes);
        router.flush();
        assert_eq!((leaves_by("20.3.7.1"), leaves_by("2001:db8:77::1")), ("a0".into(), "a0".into()));

        let victims = kill(&mut router);
        assert_eq!(victims.len(), 2, "one per family");
        assert_eq!((leaves_by("20.3.7.1"), leaves_by("2001:db8:77::1")), ("b0".into(), "b0".into()));

        router.rib.guard_down(GUARD, &victims);
        router.flush();
        router.run();
        assert_eq!((leaves_by("20.3.7.1"), leaves_by("2001:db8:77::1")), ("b0".into(), "b0".into()));
        assert_eq!(ip("route show proto bgp metric 20").lines().count(), 8000);
        assert_eq!(router.lost, 0, "what we deleted ourselves is no loss");

        router.dead.forget(&victims);
        router.dead.revive(GUARD);
        router.rib.guard_up(GUARD);
        router.flush();
        assert_eq!((leaves_by("20.3.7.1"), leaves_by("2001:db8:77::1")), ("a0".into(), "a0".into()));
        router.rib.sweep(Protocol::Bgp, None, None);
        router.flush();
        assert_eq!(ip("nexthop show").lines().count(), 0);
    });
}

#[test]
fn an_operation_decided_before_the_death_does_not_bring_it_back() {
    in_namespace(|| {
        two_links();
        let mut router = guarded_router();
        router.rib.apply(Instant::now(), &[with_backup("20.0.0.0/8", "10.0.0.2", "10.0.1.2")]);
        router.flush();
        // Decided now, carried out after the death: one update of the group that exists, one group that is new.
        router.rib.apply(Instant::now(), &[with_backup("21.0.0.0/8", "10.0.0.2", "10.0.1.3")]);
        let mut late: Vec<FibOp> = Vec::new();
        router.rib.poll_fib(100, &mut late);
        assert!(late.iter().any(|op| matches!(op.action, FibAction::GroupSet { .. })));
        let victims = kill(&mut router);
        let acks = router.writer.apply(&late);
        assert!(acks.iter().all(|a| a.result.is_ok() || a.result == Err(FibError::Dead)), "{acks:?}");
        assert_eq!((leaves_by("20.1.1.1"), leaves_by("21.1.1.1")), ("b0".into(), "b0".into()));
        router.rib.fib_acks(Instant::now(), &acks);
        router.rib.guard_down(GUARD, &victims);
        router.flush();
        assert_eq!((leaves_by("20.1.1.1"), leaves_by("21.1.1.1")), ("b0".into(), "b0".into()));
    });
}

#[test]
fn the_backup_carries_nothing_while_the_way_lives() {
    in_namespace(|| {
        two_links();
        let mut router = guarded_router();
        let mut both = set("20.0.0.0/8", Protocol::Bgp, 20, &[guarded("10.0.0.2"), guarded("10.0.0.3")]);
        if let RouteUpdate::Set(_, spec) = &mut both {
            Arc::make_mut(spec).backup = [guarded("10.0.1.2")].into_iter().collect();
        }
        let one = with_backup("21.0.0.0/8", "10.0.0.2", "10.0.1.2");
        router.rib.apply(Instant::now(), &[one, both]);
        router.flush();
        let buckets = ip("nexthop bucket show");
        assert_eq!(buckets.lines().count(), 33, "{buckets}");
        for group in ip_json("nexthop bucket show").iter().map(|b| &b["bucket"]["nhid"]) {
            let id = group.as_u64().unwrap();
            let object = &ip_json(&format!("nexthop show id {id}"))[0];
            assert_eq!(object["dev"].as_str(), Some("a0"), "{buckets}");
        }
    });
}
