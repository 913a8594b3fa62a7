use ferr_state::ferr_ospf::wire::Version;

use super::*;
use crate::show::ospf::sample;

#[test]
fn interfaces_are_shown_as_frr_shows_them() {
    let clock = sample::clock();
    let theirs = sample::recorded("show_ipv6_ospf6_interface");
    let json_of_theirs = sample::recorded_json("show_ipv6_ospf6_interface_json");
    for view in &mut sample::interfaces(Version::V3, clock) {
        let name = view.config.name.to_string();
        let block = |text: &str| -> Vec<String> {
            let text = sample::timeless(text);
            let skip = text.lines().skip_while(|l| !l.starts_with(&name)).skip(1);
            let lines = skip.take_while(|l| !l.contains(" is up"));
            let odd = ["Hello", "inet", "DR:", "State"];
            lines.filter(|l| !odd.iter().any(|w| l.starts_with(w))).map(str::to_owned).collect()
        };
        let addresses = ["10.0.12.2/24", "fe80::1/64", "fd12::2/64"];
        let link = sample::link(&name, &addresses);
        let ours = sample::printed(|out| text(out, view, Some(&link), clock));
        assert_eq!(block(&ours), block(&theirs));
        assert!(ours.contains("    inet : 10.0.12.2/24\n    inet6: fd12::2/64\n    inet6: fe80::1/64\n"));
        let ours = json(view, Some(&link));
        sample::alike(&ours.into(), &json_of_theirs[&name], &["operatingAsType"], &["operatingAsType"]);
    }
}

#[test]
fn traffic_is_in_columns() {
    let theirs = sample::recorded("show_ipv6_ospf6_interface_traffic");
    let row = theirs.lines().nth(4).unwrap();
    let view = &sample::interfaces(Version::V3, sample::clock())[0];
    assert_eq!(columns(view).len(), row.len());
}
