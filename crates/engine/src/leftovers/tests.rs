use super::*;

const V4: Afi = Afi::Ipv4;
const MAIN: TableId = TableId(254);
const RED: TableId = TableId(100);
const RED_ID: VrfId = VrfId(7);

fn part(table: TableId, afi: Afi, protocol: u8) -> OwnPart {
    OwnPart { table, afi, protocol }
}

fn vrf_of(table: TableId) -> Option<VrfId> {
    match table {
        MAIN => Some(VrfId::DEFAULT),
        RED => Some(RED_ID),
        _ => None,
    }
}

fn leftovers(parts: &[OwnPart]) -> (Leftovers, Instant) {
    let now = Instant::now();
    let routes = parts.iter().map(|p| (*p, 1)).collect();
    let found = ferr_kernel::Leftovers { routes, nexthops: vec![NhId(1)], free_id: 2 };
    (Leftovers::new(found, now + std::time::Duration::from_secs(30)).unwrap(), now)
}

fn ground_says_all(leftovers: &mut Leftovers) {
    for protocol in GROUND {
        leftovers.said(protocol, Owed::new());
    }
}

fn set(parts: &[OwnPart]) -> BTreeSet<OwnPart> {
    parts.iter().copied().collect()
}

#[test]
fn nothing_left_is_nothing_to_wait_for() {
    assert!(Leftovers::new(ferr_kernel::Leftovers::default(), Instant::now()).is_none());
}

#[test]
fn each_protocol_goes_when_it_has_said_all_and_the_rest_at_the_bound() {
    let (statics, ospf) = (part(MAIN, V4, 196), part(MAIN, V4, 188));
    let (ospf6, bgp) = (part(MAIN, Afi::Ipv6, 188), part(MAIN, V4, 186));
    let foreign = part(MAIN, V4, 187);
    let (mut left, now) = leftovers(&[statics, ospf, ospf6, bgp, foreign]);
    assert_eq!(left.next(now, vrf_of), Next::Wait);
    left.said(Protocol::Static, Owed::new());
    assert_eq!(left.next(now, vrf_of), Next::Sweep(set(&[statics])));
    left.swept(&set(&[statics]));
    left.said(Protocol::Bgp, Owed::new());
    assert_eq!(left.next(now, vrf_of), Next::Wait, "its next hops may lead over OSPF");
    left.said(Protocol::Ospf, [(VrfId::DEFAULT, V4)].into());
    left.said(Protocol::Ospf6, Owed::new());
    assert_eq!(left.next(now, vrf_of), Next::Sweep(set(&[ospf6])));
    left.swept(&set(&[ospf6]));
    assert_eq!(left.next(now, vrf_of), Next::Wait);
    let late = now + std::time::Duration::from_secs(30);
    assert_eq!(left.next(late, vrf_of), Next::Last(set(&[ospf, bgp, foreign])));
    left.keep_until(late + std::time::Duration::from_secs(1));
    assert_eq!(left.next(late, vrf_of), Next::Wait);
}

#[test]
fn what_bgp_has_counts_when_it_has_heard_of_all_next_hops() {
    let (here, red) = (part(MAIN, V4, 186), part(RED, V4, 186));
    let nowhere = part(TableId(5), V4, 186);
    let (mut left, now) = leftovers(&[here, red, nowhere]);
    ground_says_all(&mut left);
    assert_eq!(left.next(now, vrf_of), Next::Wait);
    left.said(Protocol::Bgp, [(RED_ID, V4)].into());
    assert_eq!(left.next(now, vrf_of), Next::Ask);
    left.asked();
    left.news();
    left.answered();
    assert_eq!(left.next(now, vrf_of), Next::Ask, "the news came behind the question");
    left.asked();
    assert_eq!(left.next(now, vrf_of), Next::Wait);
    left.answered();
    assert_eq!(left.next(now, vrf_of), Next::Sweep(set(&[here])), "the other VRF, and a table of none, wait");
    left.swept(&set(&[here]));
    assert_eq!(left.next(now, vrf_of), Next::Wait);
    left.said(Protocol::Bgp, Owed::new());
    assert_eq!(left.next(now, vrf_of), Next::Ask);
    left.asked();
    left.answered();
    assert_eq!(left.next(now, vrf_of), Next::Last(set(&[red, nowhere])));
}

#[test]
fn a_word_that_is_taken_back_does_not_count() {
    let bgp = part(MAIN, V4, 186);
    let (mut left, now) = leftovers(&[bgp]);
    ground_says_all(&mut left);
    left.said(Protocol::Bgp, Owed::new());
    left.asked();
    left.said(Protocol::Bgp, [(VrfId::DEFAULT, V4)].into());
    left.answered();
    assert_eq!(left.next(now, vrf_of), Next::Wait, "the neighbor went again");
}
