use super::*;

fn name(vrf: &str, remote: &str, multihop: bool) -> BfdName {
    let remote = remote.parse().unwrap_or(IpAddr::from([0; 4]));
    BfdName { vrf: vrf.into(), remote, multihop, local: None, interface: None }
}

#[test]
fn a_cursor_stands_between_peers() {
    let all_ones = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let peers = ["0.0.0.1", "10.0.0.1", "10.0.0.2", "255.255.255.255", "::", "::1", "fe80::1", all_ones];
    for (at, peer) in peers.iter().enumerate() {
        let first = name("default", peer, false);
        let cursor = BfdName::before("default", first.remote);
        assert!(cursor < first && cursor > name("a", all_ones, true), "{peer}");
        for lower in &peers[..at] {
            let last = BfdName {
                local: IpAddr::from([0xff; 16]).into(),
                interface: Some("zzzzzzzzzzzzzzz".into()),
                ..name("default", lower, true)
            };
            assert!(last < cursor, "{lower} before {peer}");
        }
    }
}
