use ferr_state::ferr_ospf::wire::Version;

use super::*;
use crate::show::ospf::sample;

fn rows(clock: Clock) -> Vec<Row> {
    let interfaces = sample::interfaces(Version::V3, clock);
    let row = |view: NeighborView| Row {
        role: role(&view, interfaces.iter().find(|i| i.key == view.interface)),
        authenticated: false,
        bfd: None,
        view,
    };
    sample::neighbors(Version::V3, clock).into_iter().map(row).collect()
}

#[test]
fn the_table_is_that_of_frr() {
    let clock = sample::clock();
    let ours = sample::printed(|out| rows(clock).iter().for_each(|row| brief(out, row, clock)));
    let theirs = sample::recorded("show_ipv6_ospf6_neighbor");
    let theirs: String = theirs.split_inclusive('\n').skip(1).collect();
    assert_eq!(sample::timeless(&ours), sample::timeless(&theirs));
    let columns = |text: &str| text.lines().map(str::len).collect::<Vec<_>>();
    assert_eq!(columns(&ours), columns(&theirs));
}

#[test]
fn neighbors_in_full_are_those_of_frr() {
    let clock = sample::clock();
    let areas = (0..3).map(|n| (sample::area(n), n.to_string())).collect::<Areas>();
    let ours = sample::printed(|out| rows(clock).iter().for_each(|row| detail_text(out, row, clock, &areas)));
    let theirs = sample::recorded("show_ipv6_ospf6_neighbor_detail");
    let plain = |text: &str| -> Vec<String> {
        let of_bfd = ["BFD", "Detect", "Status", "DbDesc status"];
        let keep = |l: &&str| !l.is_empty() && !of_bfd.iter().any(|w| l.starts_with(w));
        sample::timeless(text).lines().filter(keep).map(str::to_owned).collect()
    };
    assert_eq!(plain(&ours), plain(&theirs));
    let theirs = sample::recorded_json("show_ipv6_ospf6_neighbor_detail_json");
    for row in rows(clock) {
        let ours = detail_json(&row, clock, &areas);
        sample::alike(&ours.into(), &theirs[name(&row.view)], &[], &["peerBfdInfo"]);
    }
    let theirs = sample::recorded_json("show_ipv6_ospf6_neighbor_json");
    for (n, row) in rows(clock).iter().enumerate() {
        sample::alike(&brief_json(row, clock).into(), &theirs["neighbors"][n], &[], &[]);
    }
}
