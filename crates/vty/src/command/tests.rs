use super::*;

fn syntax(door: Daemon, line: &str) -> Result<&'static str, Miss> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    find(door, Level::View, &words).map(|(c, _)| c.syntax)
}

#[test]
fn unknown_words_are_unknown() {
    for (door, line) in [
        (Daemon::Zebra, "show nothing"),
        (Daemon::Bgpd, "terminal monitor"),
        (Daemon::Staticd, "show running-config"),
        (Daemon::Bgpd, "show ip route"),
        (Daemon::Bgpd, "show ip bgp 10.0.0.0/8 10.0.0.0/8"),
    ] {
        assert_eq!(syntax(door, line), Err(Miss::Unknown), "{line}");
    }
}
