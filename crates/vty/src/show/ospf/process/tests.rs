use ferr_state::ferr_ospf::wire::Version;

use super::*;
use crate::show::ospf::sample;

#[test]
fn the_instance_is_shown_as_frr_shows_it() {
    let clock = sample::clock();
    let (config, mut view) = (sample::config(Version::V2), sample::view(Version::V2, clock));
    view.lsas.insert(LsaType::EXTERNAL_V2, (5, 0x0002_381a));
    let picture = Picture { config: &config, view: &view, clock, refresh: 10, said: None };
    let theirs = sample::recorded("show_ip_ospf");
    // Sums and numbers of LSAs and of runs differ; words, blanks and order do not.
    let words = |text: &str| -> Vec<String> {
        let digits = |w: &str| {
            if w.bytes().any(|b| b.is_ascii_digit()) && !w.contains("RFC") {
                "N".to_owned()
            } else {
                w.to_owned()
            }
        };
        let line = |l: &str| l.split(' ').map(digits).collect::<Vec<_>>().join(" ");
        let line = |l: &str| line(l).replace("N usecs", "N").replace(" N.", " N");
        text.lines().map(line).collect()
    };
    let ours = sample::printed(|out| text(out, &picture));
    assert_eq!(words(&ours), words(&theirs));
    sample::alike(&json(&picture).into(), &sample::recorded_json("show_ip_ospf_json"), &[], &[]);
}
