use proptest::prelude::*;

use super::*;
use crate::msg::Batch;

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (link(&bytes), kind(&bytes), vxlan(&bytes), remote(&bytes), vrf_rule(&bytes), way(&bytes));
    }
}

/// Attributes of a message behind its fixed part.
fn payload(fixed: &[u8], fill: impl FnOnce(&mut Batch)) -> Vec<u8> {
    const HEADER: usize = 16;
    let mut batch = Batch::default();
    batch.begin(0, 0, 1, fixed);
    fill(&mut batch);
    batch.end();
    batch.bytes()[HEADER..].to_vec()
}

#[test]
fn a_vxlan_is_read_as_the_kernel_tells_it() {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&7_u32.to_ne_bytes());
    fixed[8..12].copy_from_slice(&1_u32.to_ne_bytes());
    let bytes = payload(&fixed, |b| {
        b.attr(3, b"vx0\0");
        b.attr_u32(4, 1450);
        b.attr_u32(10, 3);
        b.attr(20, b"ferr:vx0\0");
        b.nested(18, |b| {
            b.attr(1, b"vxlan\0");
            b.nested(2, |b| {
                b.attr_u32(1, 1000);
                b.attr_u32(3, 2);
                b.attr(4, &[192, 0, 2, 1]);
                b.attr(15, &4789_u16.to_be_bytes());
            });
        });
    });
    let expected = ObservedLink {
        ifindex: 7,
        name: "vx0".into(),
        kind: "vxlan".into(),
        data: KindData::Vxlan { id: 1000, local: Some([192, 0, 2, 1].into()), port: 4789, dev: 2 },
        up: true,
        mtu: 1450,
        master: 3,
        alias: "ferr:vx0".into(),
        ..ObservedLink::default()
    };
    assert_eq!(link(&bytes), Some(expected));
}

#[test]
fn only_floods_count_as_other_ends() {
    let entry = |station: [u8; 6]| {
        payload(&[7, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0], |b| {
            b.attr(2, &station);
            b.attr(1, &[192, 0, 2, 9]);
        })
    };
    assert_eq!(remote(&entry([0; 6])), Some((u32::from_ne_bytes([5, 0, 0, 0]), [192, 0, 2, 9].into())));
    assert_eq!(remote(&entry([2, 0, 0, 0, 0, 1])), None);
}
