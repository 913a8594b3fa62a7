//! Every recorded UPDATE through our decoder and three others: prefixes, AS path, next hop and communities agree.
//!
//! Where one is known to be wrong or stricter it is said beside the comparison.
#![allow(clippy::unwrap_used)]

mod facts;

use facts::{Facts, bgp_rs, bgpkit, netgauze, ours};
use ferr_oracles::{Recorded, data, files, streams, updates};

/// Recorded UPDATEs without path identifiers.
fn stream(file: &str) -> Vec<Recorded> {
    let all = updates(&data().join("mrt").join(file));
    all.into_iter().filter(|m| m.bytes[18] == 2 && !m.add_path).collect()
}

const FILES: [&str; 5] = [
    "ris-updates.20190101.0000.gz",
    "rrc15_2010.02_updates.20100227.1600.gz",
    "rrc01_2000.11_updates.20001104.0124.gz",
    "quagga_bgp",
    "openbgpd_bgp",
];

/// Compares all streams; gives how many messages both decoders took. `same` sees our facts first.
fn compare(
    name: &str,
    oracle: impl Fn(&Recorded) -> Option<Facts>,
    same: impl Fn(&Recorded, &Facts, &Facts) -> bool,
) -> usize {
    let (mut both, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for file in FILES {
        for message in stream(file) {
            let Some(mine) = ours(&message) else {
                wrong.push(format!("{file}: we refuse {:02x?}", message.bytes));
                continue;
            };
            let Some(theirs) = oracle(&message) else {
                refused.push(message);
                continue;
            };
            both += 1;
            if !same(&message, &mine, &theirs) {
                wrong.push(format!("{file}: ours {mine:?}\n{name} {theirs:?}"));
            }
        }
    }
    println!("{name}: {both} compared, {} refused by it, {} differ", refused.len(), wrong.len());
    assert!(wrong.is_empty(), "{} differ from {name}, first:\n{}", wrong.len(), wrong[0]);
    assert!(refused.len() * 100 < both, "{name} refuses {}", refused.len());
    both
}

#[test]
fn netgauze_agrees() {
    let both = compare("netgauze", netgauze, |_, mine, theirs| mine == theirs);
    assert!(both > 60_000, "{both}");
}

#[test]
fn bgpkit_agrees() {
    let both = compare("bgpkit", bgpkit, |_, mine, theirs| mine == theirs);
    assert!(both > 60_000, "{both}");
}

/// bgp-rs guesses the width of AS numbers and the presence of path identifiers: paths are compared in 4-octet sessions
/// only, and its panics count as refusals.
#[test]
fn bgp_rs_agrees() {
    let both = compare("bgp-rs", bgp_rs, |message, mine, theirs| {
        let mut theirs = theirs.clone();
        if !message.as4 {
            theirs.path.clone_from(&mine.path);
        }
        *mine == theirs
    });
    assert!(both > 60_000, "{both}");
}

/// In the captures the other decoders see what we see, wherever both take a message with 4-octet AS numbers.
#[test]
fn captures_agree() {
    let mut both = 0;
    for file in files("pcap").into_iter().filter(|f| !f.to_string_lossy().contains("oobr")) {
        for stream in streams(&file) {
            let mut rest = stream.as_slice();
            while let Ok(Some(frame)) = ferr_bgp_wire::frame(rest, 4096) {
                let bytes = rest[..frame.len].to_vec();
                rest = &rest[frame.len..];
                let message = Recorded { as4: true, add_path: false, bytes };
                if message.bytes[18] != 2 {
                    continue;
                }
                let (Some(mine), Some(theirs)) = (ours(&message), netgauze(&message)) else { continue };
                assert_eq!(mine, theirs, "{}", file.display());
                both += 1;
            }
        }
    }
    assert!(both > 150, "{both}");
}
