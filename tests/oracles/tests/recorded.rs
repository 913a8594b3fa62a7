//! Recorded messages through our decoder: what is in the files, and that no mutation of it breaks anything.
#![allow(clippy::unwrap_used)]

use ferr_bgp_wire::{
    Disposition, EncodedAttributes, MAX_LEN_EXTENDED, MessageType, NotificationError, Open, PeerKind,
    RouteRefresh, Scratch, SessionContext, Update, frame,
};
use ferr_oracles::{Recorded, data, files, full_feed, streams, updates};
use ferr_types::{Family, FamilySet};

fn context(as4: bool, add_path: bool, kind: PeerKind) -> SessionContext {
    let all: FamilySet = Family::ALL.into_iter().collect();
    SessionContext {
        as4,
        families: all,
        add_path_rx: if add_path { all } else { FamilySet::EMPTY },
        extended_nexthop: all,
        ..SessionContext::new(kind)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Count {
    updates: usize,
    v4: usize,
    v6: usize,
    troubled: usize,
}

fn count(messages: &[Recorded]) -> Count {
    let mut count = Count::default();
    let mut scratch = Scratch::default();
    for message in messages {
        let frame = frame(&message.bytes, 4096).unwrap().unwrap();
        if frame.kind != MessageType::Update {
            continue;
        }
        count.updates += 1;
        let ctx = context(message.as4, message.add_path, PeerKind::Ebgp);
        match Update::decode(frame.body, &ctx, &mut scratch) {
            Ok(update) => {
                count.v4 += update.announced.iter().count();
                count.v6 += update.mp_reach.map_or(0, |r| r.nlri.iter().count());
                count.troubled += usize::from(update.disposition > Disposition::Discard);
            }
            Err(_) => count.troubled += 1,
        }
    }
    count
}

#[test]
fn ris_stream_is_clean() {
    let messages = updates(&data().join("mrt/ris-updates.20190101.0000.gz"));
    let count = count(&messages);
    assert_eq!((messages.len(), count.updates, count.v4), (54_471, 54_107, 150_389));
    assert!((9_400..9_700).contains(&count.v6), "{count:?}");
    assert_eq!(count.troubled, 0, "{count:?}");
}

#[test]
fn older_streams() {
    let found = count(&updates(&data().join("mrt/rrc15_2010.02_updates.20100227.1600.gz")));
    assert_eq!((found.updates, found.v4), (6_546, 52_468));
    let found = count(&updates(&data().join("mrt/rrc01_2000.11_updates.20001104.0124.gz")));
    assert_eq!(found.updates, 266);
    assert_eq!(count(&updates(&data().join("mrt/quagga_bgp"))).updates, 24);
    assert_eq!(count(&updates(&data().join("mrt/openbgpd_bgp"))).updates, 48);
}

#[test]
fn full_feed_is_clean() {
    let feed = full_feed(&data().join("mrt/rib.20140523.0600_firstMB.bz2"), 12);
    assert!(feed.len() > 20_000, "{}", feed.len());
    let messages: Vec<Recorded> =
        feed.into_iter().map(|bytes| Recorded { as4: true, add_path: false, bytes }).collect();
    let count = count(&messages);
    assert!(count.v4 > 60_000 && count.troubled == 0, "{count:?}");
}

/// Every message of the captures, with all kinds of decoders.
fn exercise(mut stream: &[u8], scratch: &mut Scratch) -> [usize; 6] {
    let mut kinds = [0; 6];
    while stream.len() >= 19 {
        let frame = match frame(stream, MAX_LEN_EXTENDED) {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(_) => {
                stream = &stream[1..];
                continue;
            }
        };
        kinds[frame.kind as usize] += 1;
        match frame.kind {
            MessageType::Open => {
                if let Ok(open) = Open::decode(frame.body) {
                    let mut out = Vec::new();
                    open.encode(&mut out);
                    assert_eq!(Open::decode(&out[19..]).unwrap().capabilities, open.capabilities);
                }
            }
            MessageType::Update => {
                for (as4, add_path) in [(true, false), (false, false), (true, true)] {
                    for kind in [PeerKind::Ebgp, PeerKind::Ibgp, PeerKind::ConfedEbgp] {
                        let ctx = context(as4, add_path, kind);
                        if let Ok(update) = Update::decode(frame.body, &ctx, scratch) {
                            let _ = update.announced.iter().chain(update.withdrawn.iter()).count();
                            if let Some(set) = update.attributes {
                                let _ = EncodedAttributes::new(&set, Family::Ipv4Unicast, &ctx);
                                let _ = format!("{set:?}");
                            }
                        }
                    }
                }
            }
            MessageType::Notification => {
                let error = NotificationError::decode(frame.body);
                let _ = (error.to_string(), error.shutdown_text());
            }
            MessageType::RouteRefresh => {
                let _ = RouteRefresh::decode(frame.body);
            }
            MessageType::Keepalive => {}
        }
        stream = &stream[frame.len..];
    }
    kinds
}

#[test]
fn captures() {
    let mut scratch = Scratch::default();
    let mut total = [0; 6];
    for file in files("pcap") {
        for stream in streams(&file) {
            let kinds = exercise(&stream, &mut scratch);
            total.iter_mut().zip(kinds).for_each(|(t, k)| *t += k);
        }
    }
    let [_, open, update, notification, keepalive, refresh] = total;
    assert!(
        open >= 40 && update >= 250 && notification >= 4 && keepalive >= 200 && refresh >= 3,
        "{total:?}"
    );
}

/// A small generator, so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// Changes octets, deletes, inserts, copies; the header's length stays true, so that the body is always looked at.
fn mutate(message: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if message.len() <= 20 {
            message.extend_from_slice(&[0; 8]);
        }
        let at = 19 + random.below(message.len() - 19);
        match random.below(5) {
            0 => message[at] = random.below(256) as u8,
            1 => message[at] ^= 1 << random.below(8),
            2 => message[at] = [0, 1, 127, 128, 255][random.below(5)],
            3 => {
                let end = message.len().min(at + 1 + random.below(8));
                message.drain(at..end);
            }
            _ => {
                let copy = message[at..message.len().min(at + 12)].to_vec();
                message.splice(at..at, copy);
            }
        }
    }
    let len = (message.len() as u16).to_be_bytes();
    message[16..18].copy_from_slice(&len);
}

#[test]
fn mutations_break_nothing() {
    let mut seeds: Vec<Vec<u8>> = updates(&data().join("mrt/ris-updates.20190101.0000.gz"))
        .into_iter()
        .step_by(97)
        .map(|m| m.bytes)
        .collect();
    for stream in files("pcap").iter().flat_map(|f| streams(f)) {
        let mut rest = stream.as_slice();
        while let Ok(Some(frame)) = frame(rest, 4096) {
            seeds.push(rest[..frame.len].to_vec());
            rest = &rest[frame.len..];
        }
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut scratch = Scratch::default();
    for _ in 0..60_000 {
        let mut message = seeds[random.below(seeds.len())].clone();
        mutate(&mut message, &mut random);
        let _ = exercise(&message, &mut scratch);
    }
}
