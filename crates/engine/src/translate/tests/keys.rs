//! Keys of BFD sessions: what is used, and what makes no session.

use ferr_bfd::EchoMode;
use ferr_bfd_wire::AuthType;
use ferr_state::BfdName;

use super::{around, parse};
use crate::bfd::Desired;
use crate::translate::bfd::{Sources, sessions};
use crate::translate::bfd_timing::remarks;
use crate::translate::bgp::bgp;

fn found(text: &str) -> (Vec<(BfdName, Desired)>, Vec<String>) {
    let config = parse(text);
    let wanted = sessions(&config, &Sources::configured(&bgp(&config, &around())), &around());
    let refusals: Vec<String> = wanted.remarks().collect();
    assert!(refusals.iter().all(|r| remarks(&config).contains(r)), "told by a check of the file");
    (wanted.sessions.into_iter().collect(), refusals)
}

/// Type, number of the key that signs, and those of the others.
fn keys(text: &str) -> Option<(AuthType, u8, Vec<u8>)> {
    let (sessions, refusals) = found(text);
    assert!(refusals.is_empty(), "{refusals:?}");
    let auth = sessions[0].1.config.auth.as_ref()?;
    Some((auth.send.kind(), auth.send.id(), auth.accept.iter().map(|k| k.id()).collect()))
}

fn refusal(text: &str) -> String {
    let (sessions, refusals) = found(text);
    assert!(sessions.is_empty() && refusals.len() == 1, "{sessions:?} {refusals:?}");
    assert!(!refusals[0].contains("hunter"), "{refusals:?}");
    refusals[0].clone()
}

const PEER: &str = "bfd\n peer 192.0.2.9\n  ";
const NEIGHBOR: &str = "router bgp 65000\n neighbor 192.0.2.9 remote-as 65001\n";

#[test]
fn keys_reach_the_session_from_the_peer_and_from_the_profile() {
    assert_eq!(keys(PEER), None);
    for (word, kind) in [
        ("simple", AuthType::Simple),
        ("keyed-md5", AuthType::KeyedMd5),
        ("meticulous-keyed-md5", AuthType::MeticulousMd5),
        ("keyed-sha1", AuthType::KeyedSha1),
        ("meticulous-keyed-sha1", AuthType::MeticulousSha1),
    ] {
        let text = format!(
            "{PEER}authentication {word} key-id 1 password hunter\n  \
             authentication accept key-id 2 password hunter2\n  \
             authentication accept key-id 1 password hunter\n"
        );
        assert_eq!(keys(&text), Some((kind, 1, vec![2])));
        assert!(!format!("{:?}", found(&text)).contains("hunter"));
    }
    let profile = "bfd\n profile p\n  authentication simple key-id 8 password hunter\n";
    assert_eq!(
        keys(&format!("{profile}exit\nexit\n{NEIGHBOR} neighbor 192.0.2.9 bfd profile p\n")),
        Some((AuthType::Simple, 8, vec![]))
    );
    assert_eq!(
        keys(&format!("{profile}exit\nexit\nip route 10.9.0.0/16 192.0.2.9 bfd profile p\n")),
        Some((AuthType::Simple, 8, vec![]))
    );
}

#[test]
fn keys_that_cannot_be_used_make_no_session() {
    let said = refusal(&format!("{PEER}authentication accept key-id 2 password hunter\n"));
    assert!(said.contains("192.0.2.9") && said.contains("none to sign with"), "{said}");
    let twice =
        "authentication simple key-id 2 password hunter\n  authentication accept key-id 2 password other\n";
    assert!(refusal(&format!("{PEER}{twice}")).contains("key-id 2 has two different passwords"));
    // The length of a key to accept is known when the type is.
    let long = "authentication accept key-id 3 password hunter-and-gatherer\n  authentication simple key-id 2 password x\n";
    assert!(refusal(&format!("{PEER}{long}")).contains("key-id 3 has a key of 19 octets; 16 are the most"));
}

#[test]
fn those_who_share_a_session_cannot_differ_about_its_keys() {
    let profile = "profile p\n  authentication simple key-id 8 password hunter\n";
    let shared = |peer: &str| {
        format!(
            "bfd\n {profile} exit\n peer 192.0.2.9\n{peer} exit\nexit\n{NEIGHBOR} neighbor 192.0.2.9 bfd profile p\n"
        )
    };
    assert!(refusal(&shared("")).contains("different keys"));
    assert!(refusal(&shared("  authentication simple key-id 8 password other\n")).contains("different keys"));
    assert_eq!(keys(&shared("  profile p\n")), Some((AuthType::Simple, 8, vec![])));
    // Who asks for no keys joins a session that has them, in either order; who comes later does not bring it back.
    let both = format!("bfd\n {profile}exit\nexit\n{NEIGHBOR} neighbor 192.0.2.9 bfd profile p\n");
    assert_eq!(
        keys(&format!("{both}exit\nip route 10.9.0.0/16 192.0.2.9 bfd\n")),
        Some((AuthType::Simple, 8, vec![]))
    );
    refusal(&format!("{}exit\nip route 10.9.0.0/16 192.0.2.9 bfd\n", shared("")));
}

#[test]
fn echoes_are_for_one_hop_and_not_for_link_local_addresses() {
    let echoes = |peer: &str| {
        let (sessions, remarks) =
            found(&format!("bfd\n profile p\n  echo-mode\n exit\n peer {peer}\n  profile p\n"));
        (sessions[0].1.config.echo != EchoMode::Off, remarks.len())
    };
    assert_eq!(echoes("192.0.2.9"), (true, 0));
    assert_eq!(echoes("192.0.2.9 multihop local-address 192.0.2.1"), (false, 0));
    assert_eq!(echoes("2001:db8::9"), (true, 0));
    assert_eq!(echoes("fe80::9 interface eth0"), (false, 1));
}
