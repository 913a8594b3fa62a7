//! Writes the seeds of the fuzzing targets for BGP, OSPF, BFD and the vty sockets: `cargo run -p ferr-oracles --example fuzz_seeds -- fuzz/corpus`.
//!
//! They are the recorded messages and one message per kind of malformed attribute; names are hashes of the content.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::{env, fs, io};

use ferr_bgp_wire::{MAX_LEN_EXTENDED, MessageType, frame};
use ferr_oracles::{data, files, ospf, streams, updates};
use ferr_ospf_wire::{Packet, PacketBody, Version};

/// Largest number of seeds taken from one stream of recorded UPDATEs.
const PER_STREAM: usize = 400;

/// Malformed or odd attributes, each after the mandatory ones; the last octets are one prefix.
const MALFORMED: &[&[u8]] = &[
    &[0x40, 1, 1, 3],
    &[0x40, 1, 0],
    &[0xc0, 1, 1, 0],
    &[0x40, 2, 2, 2, 0],
    &[0x40, 2, 5, 2, 1, 0, 0, 0],
    &[0x40, 2, 6, 9, 1, 0, 0, 1, 1],
    &[0x40, 3, 3, 1, 2, 3],
    &[0x80, 4, 3, 0, 0, 0],
    &[0x40, 5, 3, 0, 0, 0],
    &[0x40, 6, 1, 1],
    &[0xc0, 7, 6, 0, 1, 1, 2, 3, 4],
    &[0xc0, 8, 5, 1, 2, 3, 4, 5],
    &[0xc0, 8, 0],
    &[0x80, 9, 3, 1, 1, 1],
    &[0x80, 10, 7, 1, 1, 1, 1, 1, 1, 1],
    &[0x80, 14, 4, 0, 2, 1, 4],
    &[0x80, 14, 9, 0, 2, 1, 4, 1, 2, 3, 4, 0],
    &[0x80, 14, 5, 0, 25, 70, 200, 1],
    &[0x80, 15, 4, 0, 2, 1, 129],
    &[0x80, 15, 5, 0, 25, 70, 0, 0],
    &[0xc0, 16, 7, 0, 2, 0, 1, 0, 0, 0],
    &[0xc0, 17, 6, 2, 9, 0, 0, 0, 1],
    &[0xc0, 18, 7, 0, 0, 0, 1, 1, 1, 1],
    &[0xc0, 25, 3, 0, 0, 0],
    &[0x80, 26, 2, 1, 0],
    &[0xc0, 32, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[0xc0, 35, 3, 0, 0, 1],
    &[0xc0, 40, 4, 1, 0, 7, 0],
    &[0xc0, 40, 11, 5, 0, 8, 0, 1, 0, 40, 0, 0, 0, 0],
    &[0xc0, 128, 2, 0, 0],
    &[0xe0, 255, 0],
    &[0x40, 99, 1, 1],
    &[0x90, 4, 0],
    &[0xc0, 99, 200, 1],
];

const MANDATORY: &[u8] = &[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x40, 3, 4, 192, 0, 2, 1];

/// BFD control packets: Down, Up with P, one with a password, one with a SHA1 digest.
const BFD: &[&[u8]] = &[
    &[0x20, 0x40, 3, 24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 15, 66, 64, 0, 15, 66, 64, 0, 0, 0, 0],
    &[0x20, 0xe0, 3, 24, 0, 0, 0, 1, 0, 0, 0, 2, 0, 4, 147, 224, 0, 4, 147, 224, 0, 0, 195, 80],
    &[0x27, 0x44, 1, 28, 0, 0, 0, 1, 0, 0, 0, 0, 0, 15, 66, 64, 0, 15, 66, 64, 0, 0, 0, 0, 1, 4, 1, 65],
    &[
        0x21, 0x4c, 5, 52, 0, 0, 0, 1, 0, 0, 0, 0, 0, 15, 66, 64, 0, 15, 66, 64, 0, 0, 0, 0, 5, 28, 1, 0, 0,
        0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ],
];

/// Lives of a BFD session: configurations (plain, demand, echo, unaffiliated echo), each before [`BFD_STEPS`].
const BFD_CONFIGS: &[&[u8]] =
    &[&[0xe0, 12, 12, 2], &[0xe2, 12, 12, 2], &[0xe8, 12, 12, 2, 12], &[0xec, 12, 12, 2, 12]];
/// The peer is Down, Init, and Up with F and then with P; it returns echoes, sends new timers, and falls silent.
const BFD_STEPS: &[u8] = &[
    0, 1, 2, 98, 9, 98, 9, 98, 9, 0, 2, 2, 98, 9, 98, 9, 98, 9, 0, 11, 2, 98, 9, 98, 9, 98, 9, 0, 39, 2, 98,
    9, 98, 9, 98, 9, 7, 60, 10, 6, 7, 60, 10, 6, 0, 3, 4, 98, 11, 98, 5, 0, 0, 10, 0xe0, 50, 50, 4, 7, 200,
    14, 9, 1, 9, 0,
];

/// What clients of the vty sockets send.
const TYPED: &[&[u8]] = &[
    b"enable\0show version\0show running-config\0exit\0",
    b"enable\0sh ip bgp 10.0.0.0/8 json\0show bgp vrf all ipv6 unicast summary json\0",
    b"show bgp neighbors 192.0.2.1 advertised-routes json\0show ip route vrf blue 10.1.2.3\0",
    b"enable\0configure terminal\0router bgp 65001\0do show bgp summary | include Estab\0end\0write\0",
    b"clear bgp ipv4 unicast 192.0.2.1 soft in\0show route-map OUT\0list\0find bgp.*json\0",
    b"XFRR_start_configuration\0ip route 10.0.0.0/8 blackhole\0XFRR_end_configuration\0\0\xff\0",
];

#[derive(Default)]
struct Seeds(BTreeMap<(&'static str, u64), Vec<u8>>);

impl Seeds {
    fn add(&mut self, target: &'static str, parts: &[&[u8]]) {
        let bytes = parts.concat();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        self.0.insert((target, hasher.finish()), bytes);
    }

    /// A packet behind the octet of its version, and the LSAs in it.
    fn ospf(&mut self, packet: &[u8]) {
        self.add("ospf_packet", &[packet]);
        let Some((choice, payload)) = packet.split_first() else { return };
        let version = if *choice == 0 { Version::V2 } else { Version::V3 };
        let body = Packet::decode(version, payload).and_then(|packet| packet.body());
        if let Ok(PacketBody::LsUpdate(lsas)) = body {
            lsas.iter().for_each(|lsa| self.add("ospf_lsa", &[&[*choice], lsa.octets()]));
        }
    }

    /// A message as seeds of the target of its kind; `choice` is the session octet of the targets.
    fn message(&mut self, kind: MessageType, body: &[u8], choice: u8) {
        match kind {
            MessageType::Open => {
                self.add("open", &[body]);
                let mut rest = body.get(12..).unwrap_or_default();
                while let [code, len, tail @ ..] = rest {
                    let Some((value, tail)) = tail.split_at_checked(usize::from(*len)) else { break };
                    self.add("capability", &[&[*code], value]);
                    rest = tail;
                }
            }
            MessageType::Update => {
                self.add("update", &[&[choice], body]);
                // A peer comes up, sends it, and a second one comes up to be told.
                if let Ok(len) = u8::try_from(body.len()) {
                    self.add("session", &[&[0x40, 2, 0x44, len], body, &[0x80, 2, 0x9f, 0x1c]]);
                }
                let withdrawn = body.first_chunk::<2>().map_or(0, |l| usize::from(u16::from_be_bytes(*l)));
                if let Some(rest) = body.get(2 + withdrawn..).and_then(|r| r.split_first_chunk::<2>()) {
                    let len = usize::from(u16::from_be_bytes(*rest.0));
                    self.add("attributes", &[&[choice], rest.1.get(..len).unwrap_or(rest.1)]);
                }
            }
            MessageType::Notification => self.add("notification", &[body]),
            MessageType::RouteRefresh => self.add("refresh", &[body]),
            MessageType::Keepalive => {}
        }
    }
}

fn main() -> io::Result<()> {
    let Some(corpus) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: fuzz_seeds CORPUS-FOLDER"));
    };
    let mut seeds = Seeds::default();
    for file in files("pcap") {
        for stream in streams(&file) {
            seeds.add("frame", &[&[0], &stream[..stream.len().min(4096)]]);
            let mut rest = stream.as_slice();
            while let Ok(Some(frame)) = frame(rest, MAX_LEN_EXTENDED) {
                seeds.message(frame.kind, frame.body, 0);
                rest = &rest[frame.len..];
            }
        }
        for packet in ospf(&file) {
            seeds.ospf(&packet);
        }
    }
    for file in fs::read_dir(data().join("mrt"))?.flatten() {
        let messages = updates(&file.path());
        let step = messages.len() / PER_STREAM + 1;
        for message in messages.iter().step_by(step) {
            let choice = if message.as4 { 0 } else { 4 } | if message.add_path { 16 } else { 0 };
            if let Ok(Some(frame)) = frame(&message.bytes, MAX_LEN_EXTENDED) {
                seeds.message(frame.kind, frame.body, choice);
            }
        }
    }
    for packet in BFD {
        seeds.add("bfd_control", &[packet]);
    }
    for config in BFD_CONFIGS {
        seeds.add("bfd_session", &[config, BFD_STEPS]);
    }
    for bad in MALFORMED {
        for choice in 0..3 {
            seeds.add("attributes", &[&[choice], MANDATORY, bad]);
            seeds.add("attributes", &[&[choice], bad]);
            let len = ((MANDATORY.len() + bad.len()) as u16).to_be_bytes();
            seeds.add("update", &[&[choice, 0, 0], &len, MANDATORY, bad, &[16, 10, 1]]);
        }
    }
    for (socket, lines) in (0..).flat_map(|socket: u8| TYPED.iter().map(move |l| (socket, l))).take(54) {
        seeds.add("vty", &[&[socket, 7], lines]);
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ((target, hash), bytes) in &seeds.0 {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{hash:016x}")), bytes)?;
        *counts.entry(target).or_default() += 1;
    }
    println!("{counts:?}");
    Ok(())
}
