use std::collections::HashMap;

use proptest::prelude::*;

use super::packets::Made;
use super::segment::cut;
use crate::coalesce::{Coalescer, Parts};
use crate::segment::VnetHeader;

/// What is written, as header and packet.
fn coalesce(packets: &[Vec<u8>], udp: bool) -> Vec<(VnetHeader, Vec<u8>)> {
    let mut arena = Vec::new();
    let mut places = Vec::new();
    for packet in packets {
        places.push(arena.len()..arena.len() + packet.len());
        arena.extend_from_slice(packet);
    }
    let mut written = Vec::new();
    let mut out = |parts: &Parts<'_>| {
        let header = VnetHeader::decode(parts[0][..].try_into().unwrap());
        written.push((header, parts[1..].iter().flat_map(|p| p.to_vec()).collect()));
    };
    let mut coalescer = Coalescer::new(true, udp);
    for place in places {
        coalescer.push(&arena, place, &mut out);
    }
    coalescer.flush(&arena, &mut out);
    written
}

fn uncoalesced(written: &[(VnetHeader, Vec<u8>)]) -> Vec<Vec<u8>> {
    written.iter().flat_map(|(header, packet)| cut(*header, packet, 0).unwrap()).collect()
}

/// Flow of a packet, if it has one.
fn flow(packet: &[u8]) -> Option<Vec<u8>> {
    let (start, addresses) = match packet[0] >> 4 {
        4 => (20, 12..20),
        6 => (40, 8..40),
        _ => return None,
    };
    let mut key = packet.get(addresses)?.to_vec();
    key.extend_from_slice(packet.get(start..start + 4)?);
    key.push(if start == 20 { packet[9] } else { packet[6] });
    Some(key)
}

fn by_flow(packets: &[Vec<u8>]) -> HashMap<Option<Vec<u8>>, Vec<Vec<u8>>> {
    let mut flows: HashMap<_, Vec<_>> = HashMap::new();
    for packet in packets {
        flows.entry(flow(packet)).or_default().push(packet.clone());
    }
    flows
}

fn stream(v6: bool, tcp: bool, flow: u8, sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut made = Made::new(v6, tcp, flow, Vec::new());
    let mut packets = Vec::new();
    for (i, size) in sizes.iter().enumerate() {
        made.data = vec![i as u8; *size];
        packets.push(made.build());
        made.sequence = made.sequence.wrapping_add(*size as u32);
        made.id = made.id.wrapping_add(1);
    }
    packets
}

#[test]
fn a_stream_becomes_one_burst() {
    for (v6, tcp) in [(false, true), (true, true), (false, false), (true, false)] {
        let packets = stream(v6, tcp, 1, &[900; 20]);
        let written = coalesce(&packets, true);
        assert_eq!(written.len(), 1, "v6 {v6} tcp {tcp}");
        assert_eq!(uncoalesced(&written), packets);
    }
}

#[test]
fn bursts_are_no_longer_than_packets_may_be() {
    let written = coalesce(&stream(false, true, 1, &[1380; 100]), true);
    assert!(
        written
            .iter()
            .all(|(_, p)| p.len() <= 65535 && usize::from(u16::from_be_bytes([p[2], p[3]])) == p.len())
    );
    assert_eq!(written.len(), 3);
    assert_eq!(coalesce(&stream(false, false, 1, &[10; 100]), true).len(), 2);
}

#[test]
fn a_shorter_packet_ends_a_burst_and_udp_may_be_left_alone() {
    assert_eq!(coalesce(&stream(false, false, 1, &[100, 100, 50, 50, 100]), true).len(), 3);
    assert_eq!(coalesce(&stream(false, false, 1, &[100, 100]), false).len(), 2);
}

#[test]
fn a_wrong_checksum_never_becomes_right() {
    for (v6, tcp) in [(false, true), (true, true), (false, false), (true, false)] {
        let packets = stream(v6, tcp, 1, &[100; 5]);
        for at in 0..packets[0].len() {
            let mut packets = packets.clone();
            packets[2][at] ^= 1;
            let written = coalesce(&packets, true);
            let alone = |(header, packet): &(VnetHeader, Vec<u8>)| {
                *header == VnetHeader::default() && *packet == packets[2]
            };
            assert!(written.iter().any(alone), "octet {at}, v6 {v6} tcp {tcp}");
        }
    }
}

fn any_packet() -> impl Strategy<Value = Made> {
    let size = prop_oneof![Just(0_usize), Just(100), Just(100), Just(100), Just(60)];
    let flags = prop_oneof![Just(0x10_u8), Just(0x10), Just(0x10), Just(0x18), Just(0x11), Just(0x02)];
    let odd = prop_oneof![8 => Just(0_usize), 1 => Just(3)];
    (any::<(bool, bool, bool)>(), 0..3_u8, size, flags, odd, 0..12_u8).prop_map(
        |((v6, tcp, dont_fragment), flow, size, flags, options, jump)| {
            let mut made = Made::new(v6, tcp, flow, vec![flags; size]);
            (made.flags, made.options, made.dont_fragment) = (flags, options, dont_fragment);
            // Rarely something else than the next of its flow.
            made.ack = if jump == 0 { 6 } else { 5 };
            made.id = u16::from(jump == 1);
            made
        },
    )
}

proptest! {
    #[test]
    fn every_flow_comes_out_as_it_went_in(mades in proptest::collection::vec(any_packet(), 0..80), udp: bool) {
        let mut next: HashMap<(bool, bool, u8), (u32, u16)> = HashMap::new();
        let mut packets = Vec::new();
        for mut made in mades {
            let (sequence, id) = next.entry((made.v6, made.tcp, made.flow)).or_insert((1, 1));
            (made.sequence, made.id) = (*sequence, id.wrapping_add(made.id));
            (*sequence, *id) = (sequence.wrapping_add(made.data.len() as u32), id.wrapping_add(1));
            packets.push(made.build());
        }
        let written = coalesce(&packets, udp);
        let mut after = by_flow(&uncoalesced(&written));
        let mut before = by_flow(&packets);
        // Where fragments are forbidden, the numbers of packets mean nothing, and the kernel gives new ones.
        for packet in before.values_mut().chain(after.values_mut()).flatten() {
            if packet[0] >> 4 == 4 && packet[6] & 0x40 != 0 {
                packet[4..6].fill(0);
                packet[10..12].fill(0);
            }
        }
        prop_assert_eq!(before, after);
    }

    #[test]
    fn no_packet_panics_or_is_lost(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..100), 0..20)) {
        let written = coalesce(&packets, true);
        prop_assert_eq!(written.into_iter().map(|(_, p)| p).collect::<Vec<_>>(), packets);
    }
}
