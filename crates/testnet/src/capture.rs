//! Capturing what a host sends, and having it judged by Wireshark's dissectors.
//!
//! # Invariants
//! * Only what leaves the host is captured: whatever others send to it, however broken, is nobody's fault here.
//! * All interfaces are watched, also those that come later, by one process per host.
//! * One run of the dissector per capture: it costs more than the capture itself.

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{Error, Host, Process};

/// What routing daemons send, in tcpdump's language: the kernel's own packets (ARP, neighbour discovery, echo) are left out.
const ROUTING: &str = "tcp port 179 or udp or ip proto 89 or ip6 proto 89 or (icmp6 and ip6[40] == 134)";
/// Wireshark's number for the severity "error". Notes and warnings (a retransmission, a reset) are below.
const SEVERITY_ERROR: u64 = 8_388_608;
/// What the dissector prints of each frame, in this order.
const FIELDS: [&str; 9] = [
    "frame.number",
    "bgp.type",
    "icmpv6.type",
    "bfd.version",
    "udp.dstport",
    "_ws.malformed",
    "_ws.expert.severity",
    "_ws.expert.message",
    "_ws.col.Info",
];
/// Message types of BGP that are counted (RFC 4271 section 4.1, RFC 2918): index 0 is not used.
const BGP_TYPES: usize = 6;

/// Payload of the packet that marks the end.
const LAST: &[u8] = b"the last packet of this capture";

/// A running `tcpdump`.
#[derive(Debug)]
pub struct Capture {
    host: Host,
    file: PathBuf,
    process: Process,
}

/// What the dissectors say about a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dissection {
    /// Frames with something that is counted.
    pub frames: usize,
    /// BGP messages by their type: `messages[1]` are OPENs, then UPDATE, NOTIFICATION, KEEPALIVE, ROUTE-REFRESH.
    pub messages: [usize; BGP_TYPES],
    /// Router advertisements.
    pub adverts: usize,
    /// BFD packets.
    pub bfd: BfdPackets,
    /// Frames with a malformed packet or an expert error, one line each.
    pub faults: Vec<String>,
}

/// BFD packets by their port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BfdPackets {
    /// Control packets over one hop (RFC 5881).
    pub single_hop: usize,
    /// Control packets over several (RFC 5883).
    pub multihop: usize,
    /// Echo packets, our own and those of others that we send back.
    pub echo: usize,
}

impl Capture {
    /// Captures what routing daemons on `host` send, until [`Self::finish`]. One at a time on a host.
    pub fn start(host: &Host) -> Result<Self, Error> {
        let file = host.dir().join("sent.pcap");
        let mut command = Command::new("tcpdump");
        // The buffer (KiB) takes what comes while a loaded machine lets tcpdump wait.
        command
            .args(["-i", "any", "-Q", "out", "-n", "-s", "0", "-B", "16384", "-U", "--immediate-mode"])
            .args(["-Z", "root", "-w"])
            .arg(&file)
            .arg(ROUTING);
        let mut process = host.start("tcpdump", command)?;
        process.wait_ready(host.interrupt(), 10, "to listen", |p| {
            if p.log().contains("listening on") { Ok(()) } else { Err("not yet".to_owned()) }
        })?;
        Ok(Self { host: host.clone(), file, process })
    }

    /// Ends the capture and dissects it.
    pub fn finish(mut self) -> Result<Dissection, Error> {
        self.flush()?;
        self.host.ip("link del mark0")?;
        self.process.signal(Signal::SIGINT);
        self.process.wait(Duration::from_secs(5));
        let mut command = Command::new("tshark");
        // A segment that was lost and sent again belongs where it was lost, and what is cut off by the end of the capture is
        // no fault.
        command.arg("-r").arg(&self.file).args([
            "-n",
            "-o",
            "tcp.reassemble_out_of_order:TRUE",
            "-T",
            "fields",
        ]);
        for field in FIELDS {
            command.args(["-e", field]);
        }
        let text = self.host.run(&mut command)?;
        Ok(text.lines().fold(Dissection::default(), |mut sum, line| {
            sum.add(line);
            sum
        }))
    }

    /// Sends a packet and waits until it is in the file: all that was sent before is there too. It goes over a link of its
    /// own, because the others may be down and what loops back is not captured.
    fn flush(&mut self) -> Result<(), Error> {
        self.host.ip("link add mark0 type veth peer name mark1")?;
        self.host.ip("addr add 198.18.255.253/30 dev mark0")?;
        self.host.ip("link set mark1 up")?;
        self.host.ip("link set mark0 up")?;
        let send = || {
            let socket = UdpSocket::bind("198.18.255.253:0")?;
            socket.set_broadcast(true)?;
            socket.send_to(LAST, "198.18.255.255:9")
        };
        self.host.netns().enter(send)?.map_err(Error::io("marking the end of a capture"))?;
        let (host, file) = (self.host.clone(), self.file.clone());
        self.process.wait_ready(host.interrupt(), 10, "to write all that was sent", |_| {
            let bytes = fs::read(&file).map_err(|e| e.to_string())?;
            // Daemons that still run send more behind it.
            let written = bytes.windows(LAST.len()).any(|part| part == LAST);
            if written { Ok(()) } else { Err(format!("{} bytes", bytes.len())) }
        })
    }
}

impl Dissection {
    /// Counts one line of the dissector's output: [`FIELDS`], separated by tabs, several values of one by commas.
    fn add(&mut self, line: &str) {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let [number, types, icmp, bfd, port, malformed, severity, expert, info] =
            std::array::from_fn(|_| next());
        self.frames += usize::from(!types.is_empty() || !icmp.is_empty() || !bfd.is_empty());
        let numbers = |list: &str| list.split(',').filter_map(|n| n.parse::<u64>().ok()).collect::<Vec<_>>();
        for kind in numbers(types) {
            if let Some(count) = usize::try_from(kind).ok().and_then(|kind| self.messages.get_mut(kind)) {
                *count += 1;
            }
        }
        self.bfd.add(port, !bfd.is_empty());
        self.adverts += usize::from(icmp == "134");
        if !malformed.is_empty() || numbers(severity).iter().any(|s| *s >= SEVERITY_ERROR) {
            self.faults.push(format!("frame {number}: {info}: {malformed} {expert}"));
        }
    }
}

impl BfdPackets {
    fn add(&mut self, port: &str, control: bool) {
        match (port, control) {
            ("3784", true) => self.single_hop += 1,
            ("4784", true) => self.multihop += 1,
            ("3785", false) => self.echo += 1,
            _ => {}
        }
    }
}
