//! Decoding speed beside other crates: `cargo bench -p ferr-oracles`.
//!
//! Each decoder walks every prefix of a stream and reads attributes as its API offers them. Best of several rounds, one
//! thread; plain timing, because only ratios and orders of magnitude matter here.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bgpkit_parser::models::AsnLength;
use bytes::Bytes;
use ferr_bgp_wire::{
    EncodedAttributes, MessageType, PeerKind, Scratch, SessionContext, Update, encode_announcements, frame,
};
use ferr_oracles::{data, full_feed, updates};
use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::{Asn, Family, Ipv4Prefix};
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use routecore::bgp::message::update::{SessionConfig, UpdateMessage};
use zettabgp::prelude::{
    BgpCapability, BgpMessage as _, BgpSessionParams, BgpTransportMode, BgpUpdateMessage,
};

type Messages = Vec<Vec<u8>>;

fn context() -> SessionContext {
    let families = [Family::Ipv4Unicast, Family::Ipv6Unicast].into_iter().collect();
    SessionContext { families, ..SessionContext::new(PeerKind::Ebgp) }
}

/// 100,000 prefixes in as few messages as possible.
fn packed() -> Messages {
    let path = AsPathBuf::from_sequence([Asn(65001), Asn(3356), Asn(1299)]);
    let next_hop = Some(BgpNexthop::V4([192, 0, 2, 1].into()));
    let set = PathAttributes { as_path: path.as_path(), next_hop, ..PathAttributes::default() };
    let Ok(encoded) = EncodedAttributes::new(&set, Family::Ipv4Unicast, &context()) else { return vec![] };
    let prefixes = (0..100_000u32)
        .filter_map(|i| Some((0, Ipv4Prefix::from_bits(0x0100_0000 + (i << 8), 16 + (i % 9) as u8)?.into())));
    let mut buffer = Vec::new();
    encode_announcements(&context(), &encoded, prefixes, &mut buffer);
    let mut out = Vec::new();
    let mut rest = buffer.as_slice();
    while let Ok(Some(frame)) = frame(rest, 4096) {
        out.push(rest[..frame.len].to_vec());
        rest = &rest[frame.len..];
    }
    out
}

/// Writes 100,000 prefixes again and again.
fn encoding() {
    let messages = packed();
    let (ctx, mut scratch) = (context(), Scratch::default());
    let mut prefixes = Vec::new();
    for message in &messages {
        if let Ok(update) = Update::decode(&message[19..], &ctx, &mut scratch) {
            prefixes.extend(update.announced.iter().map(|(id, p)| (id, p.into())));
        }
    }
    let next_hop = Some(BgpNexthop::V4([192, 0, 2, 1].into()));
    let set = PathAttributes { next_hop, ..PathAttributes::default() };
    let Ok(encoded) = EncodedAttributes::new(&set, Family::Ipv4Unicast, &ctx) else { return };
    let mut out = Vec::new();
    let time = best(51, || {
        out.clear();
        encode_announcements(&ctx, &encoded, prefixes.iter().copied(), &mut out);
        black_box(&out);
    });
    println!("encoding, packed");
    report("ferr-bgp-wire", prefixes.len(), time);
}

/// Ours, as a session reads it: one buffer, frame by frame.
fn ours(stream: &[u8], ctx: &SessionContext, scratch: &mut Scratch) -> usize {
    let mut rest = stream;
    let (mut prefixes, mut sum) = (0, 0);
    while let Ok(Some(frame)) = frame(rest, 4096) {
        rest = &rest[frame.len..];
        if frame.kind != MessageType::Update {
            continue;
        }
        let Ok(update) = Update::decode(frame.body, ctx, scratch) else { continue };
        for (_, prefix) in update.withdrawn.iter().chain(update.announced.iter()) {
            sum ^= u64::from(prefix.bits());
            prefixes += 1;
        }
        for nlri in [update.mp_reach.map(|r| r.nlri), update.mp_unreach.map(|u| u.nlri)].into_iter().flatten()
        {
            for (_, prefix) in nlri {
                sum ^= u64::from(prefix.len());
                prefixes += 1;
            }
        }
        black_box(&update.attributes);
    }
    black_box(sum);
    prefixes
}

fn best(rounds: u32, mut f: impl FnMut()) -> Duration {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn report(name: &str, prefixes: usize, time: Duration) {
    let ms = time.as_secs_f64() * 1e3;
    println!("  {name:22} {ms:8.2} ms {:8.1} Mpfx/s", prefixes as f64 / time.as_secs_f64() / 1e6);
}

fn run(title: &str, messages: &Messages) {
    let stream = messages.concat();
    let (ctx, mut scratch) = (context(), Scratch::default());
    let prefixes = ours(&stream, &ctx, &mut scratch);
    println!("{title}: {} messages, {prefixes} prefixes", messages.len());
    let time = best(101, || {
        black_box(ours(&stream, &ctx, &mut scratch));
    });
    report("ferr-bgp-wire", prefixes, time);
    if std::env::args().any(|a| a == "--alone") {
        return;
    }
    let time = best(5, || {
        for message in messages {
            let mut ctx = BgpParsingContext::default();
            let mut reader = SliceReader::new(message);
            let _ = black_box(netgauze_bgp_pkt::BgpMessage::parse(&mut reader, &mut ctx));
        }
    });
    report("netgauze-bgp-pkt", prefixes, time);
    let config = SessionConfig::modern();
    let time = best(5, || {
        for message in messages {
            let Ok(update) = UpdateMessage::from_octets(message.as_slice(), &config) else { continue };
            if let Ok(all) = update.announcements() {
                black_box(all.map_while(Result::ok).count());
            }
            if let Ok(all) = update.withdrawals() {
                black_box(all.map_while(Result::ok).count());
            }
            if let Ok(attributes) = update.path_attributes() {
                black_box(attributes.map_while(Result::ok).count());
            }
        }
    });
    report("routecore (lazy)", prefixes, time);
    let families = vec![BgpCapability::SafiIPv4u, BgpCapability::SafiIPv6u];
    let mut params = BgpSessionParams::new(65000, 180, BgpTransportMode::IPv4, [1, 1, 1, 1].into(), families);
    params.fuzzy_pathid = false;
    let time = best(5, || {
        for message in messages {
            let mut update = BgpUpdateMessage::new();
            let _ = black_box(update.decode_from(&params, &message[19..]));
            black_box(update);
        }
    });
    report("zettabgp", prefixes, time);
    let time = best(5, || {
        for message in messages {
            let mut bytes = Bytes::copy_from_slice(message);
            let width = AsnLength::Bits32;
            let _ = black_box(bgpkit_parser::parser::bgp::parse_bgp_message(&mut bytes, false, &width));
        }
    });
    report("bgpkit-parser", prefixes, time);
    let time = best(3, || {
        for message in messages {
            let mut reader = bgp_rs::Reader::new(message.as_slice());
            reader.capabilities.FOUR_OCTET_ASN_SUPPORT = true;
            let _ = black_box(reader.read());
        }
    });
    report("bgp-rs", prefixes, time);
}

fn main() {
    encoding();
    run("packed", &packed());
    run("full feed", &full_feed(&data().join("mrt/rib.20140523.0600_firstMB.bz2"), 13));
    let ris = updates(&data().join("mrt/ris-updates.20190101.0000.gz"));
    let ris = ris.into_iter().filter(|m| m.bytes[18] == 2).map(|m| m.bytes).collect();
    run("RIS, five minutes", &ris);
}
