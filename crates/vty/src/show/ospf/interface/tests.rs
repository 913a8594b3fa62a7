use ferr_state::ferr_ospf::wire::Version;

use super::*;
use crate::output::line;
use crate::show::ospf::sample;

fn taken(clock: Clock) -> Taken {
    let config = sample::config(Version::V2);
    let area = |(id, a): (&ferr_types::AreaId, &ferr_state::ferr_ospf::config::AreaConfig)| {
        (*id, text::area(*id, Some(&a.kind)))
    };
    Taken {
        router: config.router_id,
        interfaces: sample::interfaces(Version::V2, clock),
        areas: config.areas.iter().map(area).collect(),
        clock,
    }
}

#[test]
fn interfaces_are_shown_as_frr_shows_them() {
    let taken = taken(sample::clock());
    let theirs = sample::recorded("show_ip_ospf_interface");
    let ours = sample::printed(|out| {
        for view in &taken.interfaces {
            text(out, view, Some(&sample::link(&view.config.name, &[])), &taken);
        }
        line!(out);
    });
    assert_eq!(sample::timeless(&ours), sample::timeless(&theirs));
    let theirs = &sample::recorded_json("show_ip_ospf_interface_json")["interfaces"];
    for view in &taken.interfaces {
        let name = view.config.name.to_string();
        let ours = json(view, Some(&sample::link(&name, &[])), &taken);
        sample::alike(&ours.into(), &theirs[&name], &[], &[]);
    }
}

#[test]
fn traffic_is_in_columns() {
    let taken = taken(sample::clock());
    let theirs = sample::recorded("show_ip_ospf_interface_traffic");
    let ours = sample::printed(|out| {
        traffic_head(out);
        taken.interfaces.iter().for_each(|view| line!(out, "{} {:>12}", columns(view), 0));
    });
    for (a, b) in ours.lines().zip(theirs.lines()) {
        assert_eq!(a.len(), b.len(), "{a}\n{b}");
    }
    assert_eq!(ours.lines().take(4).collect::<Vec<_>>(), theirs.lines().take(4).collect::<Vec<_>>());
}
