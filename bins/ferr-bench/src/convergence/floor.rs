//! The kernel alone: the same routes written and deleted with raw netlink, encoded before, one answer for a thousand. No router can be faster with one
//! writer.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Instant;

use ferr_testnet::Net;
use ferr_types::Prefix;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, NetlinkAddr, recv, sendto, setsockopt, sockopt};

use super::fib::{self, Totals, thread_cpu};
use super::outcome::{Metric, Outcome};
use super::rig::Result;
use super::table::Table;
use super::works::Setting;

/// Messages of one datagram.
const BATCH: usize = 1024;
const BUFFER: usize = 4 << 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const REPLACE_CREATE: u16 = 0x500;
const RTA_DST: u16 = 1;
const RTA_PRIORITY: u16 = 6;
const RTA_NH_ID: u16 = 30;
const PROTOCOL_BGP: u8 = 186;
const TABLE_MAIN: u8 = 254;
const UNICAST: u8 = 1;
const NOWHERE: u8 = 255;
const METRIC: u32 = 20;

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
}

fn message(out: &mut Vec<u8>, prefix: Prefix, adds: bool, last: bool) {
    let start = out.len();
    let (family, octets, nexthop) = match prefix.addr() {
        IpAddr::V4(a) => (2, a.octets().to_vec(), 1_u32),
        IpAddr::V6(a) => (10, a.octets().to_vec(), 2),
    };
    let kind = if adds { RTM_NEWROUTE } else { RTM_DELROUTE };
    let flags = REQUEST | if adds { REPLACE_CREATE } else { 0 } | if last { ACK } else { 0 };
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    let scope = if adds { 0 } else { NOWHERE };
    let kind = if adds { UNICAST } else { 0 };
    out.extend_from_slice(&[family, prefix.len(), 0, 0, TABLE_MAIN, PROTOCOL_BGP, scope, kind, 0, 0, 0, 0]);
    attribute(out, RTA_DST, &octets);
    attribute(out, RTA_PRIORITY, &METRIC.to_ne_bytes());
    if adds {
        attribute(out, RTA_NH_ID, &nexthop.to_ne_bytes());
    }
    let len = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
}

fn batches(table: &Table, adds: bool) -> Vec<Vec<u8>> {
    // In the order in which a peer announces them.
    let order: Vec<Prefix> =
        table.groups.iter().flat_map(|g| table.prefixes[g.prefixes.clone()].iter().copied()).collect();
    let encode = |chunk: &[Prefix]| {
        let mut out = Vec::with_capacity(chunk.len() * 64);
        for (at, prefix) in chunk.iter().enumerate() {
            message(&mut out, *prefix, adds, at + 1 == chunk.len());
        }
        out
    };
    order.chunks(BATCH).map(encode).collect()
}

fn send(fd: &impl AsRawFd, batches: &[Vec<u8>]) -> io::Result<()> {
    let mut answer = vec![0; 64 << 10];
    for batch in batches {
        sendto(fd.as_raw_fd(), batch, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let len = loop {
            match recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty()) {
                Ok(len) => break len,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        };
        // Only refusals come before the answer to the last message.
        let errno = answer[..len].get(16..20).and_then(|b| b.try_into().ok()).map_or(0, i32::from_ne_bytes);
        if errno != 0 {
            return Err(io::Error::from_raw_os_error(-errno));
        }
    }
    Ok(())
}

/// Writes the table into a namespace of its own and deletes it again.
pub(crate) fn run(setting: &Setting) -> Result<[Outcome; 2]> {
    let (table, sample) = (&setting.table, &setting.sample);
    super::usage::wait_for_quiet(setting.patience);
    let net = Net::new("bench")?;
    let (host, other) = (net.host("kernel")?, net.host("outside")?);
    host.sysctl("net.ipv6.conf.default.accept_dad", "0")?;
    net.link(&host, "eth0", &other, "eth0")?;
    host.addr("eth0", "10.1.0.1/16")?;
    host.addr("eth0", "fd00:1::1/64")?;
    host.ip("nexthop add id 1 via 10.1.64.1 dev eth0")?;
    host.ip("nexthop add id 2 via fd00:1::1000 dev eth0")?;
    let fd = host.netns().enter(fib::open)??;
    let _ = setsockopt(&fd, sockopt::SndBufForce, &BUFFER);
    let base = fib::count(host.netns());
    let run = |work: &str, adds: bool, wanted: Totals| -> Result<Outcome> {
        let batches = batches(table, adds);
        let (begin, cpu) = (Instant::now(), thread_cpu());
        send(&fd, &batches)?;
        let (wall, cpu) = (begin.elapsed(), thread_cpu() - cpu);
        let have = fib::count(host.netns());
        if have != base + wanted {
            return Err(format!("the kernel has {have:?}").into());
        }
        Ok(Outcome::kernel(
            work,
            sample.total.sum(),
            [(Metric::Kernel, wall.as_secs_f64()), (Metric::Cpu, cpu.as_secs_f64())],
        ))
    };
    Ok([run("full-table", true, sample.total)?, run("withdraw", false, Totals::default())?])
}
