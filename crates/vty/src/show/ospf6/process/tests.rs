use ferr_state::ferr_ospf::wire::Version;

use super::*;
use crate::show::ospf::sample;

#[test]
fn the_instance_is_shown_as_frr_shows_it() {
    let clock = sample::clock();
    let picture = Picture {
        config: sample::config(Version::V3),
        view: sample::view(Version::V3, clock),
        clock,
        areas: (0..3).map(|n| (sample::area(n), n.to_string())).collect::<Areas>(),
    };
    let words = |text: &str| -> Vec<String> {
        let digits = |w: &str| {
            if w.bytes().any(|b| b.is_ascii_digit()) && !w.contains("SPF") && !w.contains("eth") {
                "N".to_owned()
            } else {
                w.to_owned()
            }
        };
        let line = |l: &str| l.split(' ').map(digits).collect::<Vec<_>>().join(" ");
        text.lines().map(|l| line(l).split(" reason").next().unwrap_or_default().to_owned()).collect()
    };
    let ours = sample::printed(|out| text(out, &picture));
    assert_eq!(words(&ours), words(&sample::recorded("show_ipv6_ospf6")));
    sample::alike(&json(&picture).into(), &sample::recorded_json("show_ipv6_ospf6_json"), &[], &[]);
}
