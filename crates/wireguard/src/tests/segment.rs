use proptest::prelude::*;
use tun_rs::VirtioNetHdr;

use super::packets::Made;
use crate::segment::{PADDING, Packets, VnetHeader, padded};

/// All packets of a burst, without padding, which must be zero and end at the MTU.
pub(super) fn cut(header: VnetHeader, packet: &[u8], mtu: usize) -> Option<Vec<Vec<u8>>> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + PADDING, 0xee);
    let mut packets = Packets::new(header, &mut buffer, packet.len()).ok()?;
    let mut all = Vec::new();
    while let Some(len) = packets.next_len() {
        let packet = packets.next(mtu).unwrap();
        assert_eq!(packet.len(), padded(len, mtu));
        assert!(packet[len..].iter().all(|b| *b == 0));
        all.push(packet[..len].to_vec());
    }
    assert!(packets.next(mtu).is_none());
    Some(all)
}

fn theirs(header: VnetHeader, packet: &[u8], v6: bool) -> Vec<Vec<u8>> {
    let VnetHeader { flags, gso_type, header_len, gso_size, checksum_start, checksum_offset } = header;
    let header = VirtioNetHdr {
        flags,
        gso_type,
        hdr_len: header_len,
        gso_size,
        csum_start: checksum_start,
        csum_offset: checksum_offset,
    };
    let count = packet.len() / usize::from(gso_size) + 2;
    let mut out = vec![vec![0; usize::from(header_len) + usize::from(gso_size)]; count];
    let mut sizes = vec![0; count];
    let mut input = packet.to_vec();
    let made = tun_rs::gso_split(&mut input, header, &mut out, &mut sizes, 0, v6).unwrap();
    out.iter().zip(&sizes).take(made).map(|(packet, len)| packet[..*len].to_vec()).collect()
}

fn burst(v6: bool, tcp: bool) -> impl Strategy<Value = (Made, usize)> {
    let numbers = (any::<u16>(), any::<u32>(), any::<u8>(), 0..=10_usize);
    (proptest::collection::vec(any::<u8>(), 1..6000), 1..1500_usize, numbers).prop_map(
        move |(data, size, (id, sequence, flags, options))| {
            let made = Made { id, sequence, flags, options, ..Made::new(v6, tcp, 1, data) };
            (made, size)
        },
    )
}

proptest! {
    #[test]
    fn bursts_are_cut_as_others_cut_them(
        (made, size) in (any::<bool>(), any::<bool>()).prop_flat_map(|(v6, tcp)| burst(v6, tcp)),
        mtu in 0..2000_usize,
    ) {
        let (start, headers) = made.lengths();
        let header = VnetHeader::burst(made.tcp, made.v6, headers, start, size);
        let packet = made.build();
        prop_assert_eq!(cut(header, &packet, mtu).unwrap(), theirs(header, &packet, made.v6));
    }

    #[test]
    fn a_checksum_is_completed(data in proptest::collection::vec(any::<u8>(), 0..2000), v6: bool, tcp: bool) {
        let made = Made::new(v6, tcp, 1, data);
        let (right, (start, _)) = (made.build(), made.lengths());
        let mut packet = right.clone();
        let at = start + if tcp { 16 } else { 6 };
        let addresses = if v6 { 8..40 } else { 12..20 };
        let sum = crate::checksum::Sum::new()
            .add_pseudo_header(&right[addresses], if tcp { 6 } else { 17 }, right.len() - start);
        packet[at..at + 2].copy_from_slice(&sum.folded());
        let header = VnetHeader { gso_type: 0, gso_size: 0, ..VnetHeader::burst(tcp, v6, 0, start, 0) };
        prop_assert_eq!(cut(header, &packet, 1420).unwrap(), [right]);
    }

    #[test]
    fn no_burst_panics(header: [u8; 10], packet in proptest::collection::vec(any::<u8>(), 0..300), mtu in 0..2000_usize) {
        let header = VnetHeader::decode(&header);
        prop_assert_eq!(VnetHeader::decode(&header.encode()), header);
        cut(header, &packet, mtu);
    }

    #[test]
    fn no_burst_of_known_type_panics(
        gso in 0_usize..6,
        ecn: bool,
        numbers in (0..80_u16, 0..80_u16, 0..80_u16, 0..20_u16),
        mut packet in proptest::collection::vec(any::<u8>(), 1..300),
        v6: bool,
    ) {
        packet[0] = if v6 { 0x60 } else { 0x45 };
        let header = VnetHeader {
            flags: 1,
            gso_type: gso as u8 | if ecn { 0x80 } else { 0 },
            header_len: numbers.0,
            gso_size: numbers.1,
            checksum_start: numbers.2,
            checksum_offset: numbers.3,
        };
        cut(header, &packet, 1420);
    }
}

#[test]
fn congestion_is_told_once_and_the_end_at_the_end() {
    let made = Made { flags: 0x80 | 0x10 | 0x08 | 0x01, ..Made::new(false, true, 1, vec![7; 250]) };
    let mut header = VnetHeader::burst(true, false, 40, 20, 100);
    header.gso_type |= 0x80;
    let flags: Vec<u8> = cut(header, &made.build(), 1420).unwrap().iter().map(|p| p[33]).collect();
    assert_eq!(flags, [0x90, 0x10, 0x19]);
}

#[test]
fn padding_ends_at_the_mtu() {
    assert_eq!(
        [padded(1, 1420), padded(16, 1420), padded(1410, 1420), padded(1421, 1420)],
        [16, 16, 1420, 1421]
    );
}
