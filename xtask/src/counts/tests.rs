use super::*;

fn figures(pairs: &[(&str, f64)]) -> Figures {
    pairs.iter().map(|(work, n)| ((*work).to_owned(), *n)).collect()
}

#[test]
fn more_instructions_fail_and_fewer_do_not() {
    let before = figures(&[("a", 100.0), ("b", 100.0), ("c", 100.0)]);
    let now = figures(&[("a", 104.0), ("b", 50.0), ("c", 106.0)]);
    assert_eq!(compare(&before, &now), ["c: 100 instructions before, 106 now (+6.0 %)"]);
}

#[test]
fn works_and_figures_belong_together() {
    let findings = compare(&figures(&[("old", 1.0)]), &figures(&[("new", 1.0)]));
    assert_eq!(findings, ["new: has no figure", "old: a figure without a work"]);
}
