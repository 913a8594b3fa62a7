use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::{Asn, Prefix};

use super::*;

#[test]
fn form_of_frr() {
    let mut inner = Obj::new();
    inner.put("b", 1).flag("c", false).opt("d", None::<u8>);
    let mut o = Obj::new();
    o.put("z", inner)
        .put("empty", Obj::new())
        .put("list", vec!["a/b", "\"q\""])
        .put("none", Vec::<u8>::new());
    let text = "{\n  \"z\":{\n    \"b\":1\n  },\n  \"empty\":{\n  },\n  \"list\":[\n    \"a/b\",\n    \"\\\"q\\\"\"\n  ],\n  \
                \"none\":[\n  ]\n}\n";
    assert_eq!(o.pretty(), text);
}

fn plain(value: impl Plain) -> String {
    let mut text = String::new();
    value.write(&mut text);
    text
}

#[test]
fn plain_values_look_as_they_are_displayed() {
    for octet in 0..=u8::MAX {
        assert_eq!(plain(octet), octet.to_string());
        let n = u32::from(octet).wrapping_mul(0x0101_7f3b);
        assert_eq!(plain(n), n.to_string());
        let v4 = Ipv4Addr::from_bits(n);
        assert_eq!(plain(IpAddr::V4(v4)), v4.to_string());
        let v6 = Ipv6Addr::from_bits(u128::from(n) << (octet / 3) | 1 << 125);
        assert_eq!(plain(IpAddr::V6(v6)), v6.to_string());
        for prefix in [Prefix::new(v4.into(), octet % 33), Prefix::new(v6.into(), octet % 129)] {
            assert_eq!(plain(prefix.unwrap()), prefix.unwrap().to_string());
        }
    }
    assert_eq!(plain(u32::MAX), u32::MAX.to_string());
}

#[test]
fn plain_paths_look_as_they_are_displayed() {
    use SegmentKind::{ConfedSequence, ConfedSet, Sequence, Set};
    let asns: Vec<Asn> = [1, 65_000, 4_200_000_000].map(Asn).into();
    let long: Vec<Asn> = (0..300).map(Asn).collect();
    for kinds in [&[][..], &[Sequence], &[Set], &[Sequence, Set], &[ConfedSequence, Sequence], &[ConfedSet]] {
        for asns in [&asns, &long] {
            let mut path = AsPathBuf::default();
            kinds.iter().for_each(|kind| path.push_segment(*kind, asns));
            assert_eq!(plain(path.as_path()), path.as_path().to_string());
        }
    }
}
