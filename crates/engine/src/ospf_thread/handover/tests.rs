use super::*;

#[test]
fn what_is_left_is_taken_once_and_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let handover = Handover::new(dir.path().join("state"));
    let name = |instance| OspfName { version: Version::V3, vrf: "CORE".into(), instance };
    assert!(!handover.leave(&Restarts::new()));
    let late = (name(2), Duration::ZERO);
    assert!(handover.leave(&[(name(1), Duration::from_secs(100)), late].into()));
    let taken = handover.take();
    assert_eq!(taken.keys().collect::<Vec<_>>(), [&name(1)]);
    assert!(taken[&name(1)] > Duration::from_secs(90));
    assert_eq!(handover.take(), Restarts::new());
}
