use super::*;

#[test]
fn a_failure_between_two_looks_is_seen() {
    let cells = GuardCells::new(4);
    let mut reader = cells.reader();
    let guard = guard_id(2).unwrap();
    let mut out = Vec::new();
    cells.set(guard, GuardState::Up);
    reader.changes(&mut out);
    assert_eq!(out, [GuardChange { guard, state: GuardState::Up, failed: false }]);
    out.clear();
    cells.set(guard, GuardState::Down);
    cells.set(guard, GuardState::Up);
    reader.changes(&mut out);
    assert_eq!(out, [GuardChange { guard, state: GuardState::Up, failed: true }]);
    out.clear();
    cells.set(guard, GuardState::Doubtful);
    reader.changes(&mut out);
    assert_eq!(out, [GuardChange { guard, state: GuardState::Doubtful, failed: false }]);
    out.clear();
    reader.changes(&mut out);
    assert!(out.is_empty());
    cells.set(guard_id(9).unwrap(), GuardState::Down);
    reader.changes(&mut out);
    assert!(out.is_empty(), "there is no such cell");
}
