use ferr_state::ferr_ospf::wire::Version;

use super::*;
use crate::output::line;
use crate::show::ospf::sample;

fn rows(clock: Clock) -> Vec<Row> {
    let (interfaces, config) = (sample::interfaces(Version::V2, clock), sample::config(Version::V2));
    let row = |view: NeighborView| Row {
        area: text::area(view.area, config.areas.get(&view.area).map(|a| &a.kind)),
        role: role(&view, interfaces.iter().find(|i| i.key == view.interface)),
        bfd: None,
        view,
    };
    sample::neighbors(Version::V2, clock).into_iter().map(row).collect()
}

#[test]
fn the_table_is_that_of_frr() {
    let clock = sample::clock();
    let ours = sample::printed(|out| {
        head(out);
        rows(clock).iter().for_each(|row| brief(out, row, clock));
        line!(out);
    });
    let theirs = sample::recorded("show_ip_ospf_neighbor");
    assert_eq!(sample::timeless(&ours), sample::timeless(&theirs));
    let columns = |text: &str| text.lines().map(str::len).collect::<Vec<_>>();
    assert_eq!(columns(&ours), columns(&theirs));
}

#[test]
fn neighbors_in_full_are_those_of_frr() {
    let clock = sample::clock();
    let ours = sample::printed(|out| {
        rows(clock).iter().for_each(|row| detail_text(out, row, clock));
        line!(out);
    });
    let theirs = sample::recorded("show_ip_ospf_neighbor_detail");
    let plain = |text: &str| -> Vec<String> {
        let of_bfd = ["BFD", "Detect", "Status"];
        let lines = sample::timeless(text);
        let keep = |l: &&str| !of_bfd.iter().any(|w| l.starts_with(w));
        let mut lines: Vec<String> = lines.lines().filter(keep).map(str::to_owned).collect();
        // The line between two parts is there twice when one of them is left out.
        lines.dedup();
        lines
    };
    assert_eq!(plain(&ours), plain(&theirs));
}

#[test]
fn json_has_the_keys_of_frr() {
    let clock = sample::clock();
    let rows = rows(clock);
    let theirs = &sample::recorded_json("show_ip_ospf_neighbor_json")["neighbors"];
    sample::alike(&by_router(&rows, |row| brief_json(row, clock)).into(), theirs, &[], &[]);
    let theirs = &sample::recorded_json("show_ip_ospf_neighbor_detail_json")["neighbors"];
    let ours = by_router(&rows, |row| detail_json(row, clock));
    sample::alike(&ours.into(), theirs, &["localIfaceAddress"], &["peerBfdInfo"]);
}
