//! The MSS clamp: an nftables table of our own, replaced as a whole.
//!
//! # Invariants
//! Nothing but the table `inet ferr` is touched. A change is one transaction: connections are never without the rule.
//!
//! # References
//! RFC 9293 section 3.7.1 (the option is in segments with SYN); the kernel's `nf_tables` interface.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use crate::msg::{Attrs, Batch, Messages, NLM_F_APPEND, NLM_F_CREATE, NLMSG_ERROR};
use crate::sock::{Buffers, Socket};

const BUFFERS: Buffers = Buffers { send: 256 << 10, receive: 256 << 10 };
const ANSWER: Duration = Duration::from_secs(10);

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEWTABLE: u16 = SUBSYSTEM << 8;
const DELTABLE: u16 = SUBSYSTEM << 8 | 2;
const NEWCHAIN: u16 = SUBSYSTEM << 8 | 3;
const NEWRULE: u16 = SUBSYSTEM << 8 | 6;
/// `NFNLGRP_NFTABLES`, as a bit.
const GROUP: u32 = 1 << 6;

const INET: u8 = 1;
const TABLE: &str = "ferr";
const CHAIN: &str = "mss";
const FORWARD: u32 = 2;
/// Where packets are changed, before they are filtered (`NF_IP_PRI_MANGLE`).
const PRIORITY: i32 = -150;

const REGISTER: u32 = 1;
const EQUAL: u32 = 0;
const GREATER: u32 = 4;

/// An interface, and the largest segments that pass it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MssRule {
    /// Interface by name.
    pub interface: String,
    /// Over IPv4.
    pub v4: u16,
    /// Over IPv6.
    pub v6: u16,
}

/// Our table in the kernel.
#[derive(Debug)]
pub(crate) struct MssTable {
    socket: Socket,
    monitor: Socket,
    seq: u32,
}

fn attr_be(batch: &mut Batch, kind: u16, value: u32) {
    batch.attr(kind, &value.to_be_bytes());
}

fn attr_name(batch: &mut Batch, kind: u16, name: &str) {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    batch.attr(kind, &bytes);
}

/// An expression of a rule.
fn expression(batch: &mut Batch, name: &str, fill: impl FnOnce(&mut Batch)) {
    const LIST_ELEM: u16 = 1;
    batch.nested(LIST_ELEM, |batch| {
        attr_name(batch, 1, name);
        batch.nested(2, fill);
    });
}

fn load_meta(batch: &mut Batch, key: u32) {
    expression(batch, "meta", |batch| {
        attr_be(batch, 1, REGISTER);
        attr_be(batch, 2, key);
    });
}

fn compare(batch: &mut Batch, operator: u32, value: &[u8]) {
    expression(batch, "cmp", |batch| {
        attr_be(batch, 1, REGISTER);
        attr_be(batch, 2, operator);
        batch.nested(3, |batch| batch.attr(1, value));
    });
}

/// A direction, as the key of the interface's name.
#[derive(Clone, Copy)]
enum Side {
    In = 6,
    Out = 7,
}

/// `SYN` segments through an interface, with a larger size than `mss`: it is set to that.
fn rule(batch: &mut Batch, seq: u32, interface: &str, side: Side, protocol: u8, mss: u16) {
    const META_NFPROTO: u32 = 15;
    const META_L4PROTO: u32 = 16;
    const TCP: u8 = 6;
    const LIST: u16 = 4;
    batch.begin(NEWRULE, NLM_F_CREATE | NLM_F_APPEND, seq, &[INET, 0, 0, 0]);
    attr_name(batch, 1, TABLE);
    attr_name(batch, 2, CHAIN);
    batch.nested(LIST, |batch| {
        load_meta(batch, side as u32);
        // Names are compared with all that follows them in the register.
        let mut name = [0; 16];
        name[..interface.len().min(15)].copy_from_slice(&interface.as_bytes()[..interface.len().min(15)]);
        compare(batch, EQUAL, &name);
        load_meta(batch, META_NFPROTO);
        compare(batch, EQUAL, &[protocol]);
        load_meta(batch, META_L4PROTO);
        compare(batch, EQUAL, &[TCP]);
        syn_only(batch);
        exthdr(batch, 1);
        compare(batch, GREATER, &mss.to_be_bytes());
        expression(batch, "immediate", |batch| {
            attr_be(batch, 1, REGISTER);
            batch.nested(2, |batch| batch.attr(1, &mss.to_be_bytes()));
        });
        exthdr(batch, 7);
    });
    batch.end();
}

/// `tcp flags & (syn | rst) == syn`.
fn syn_only(batch: &mut Batch) {
    const TRANSPORT: u32 = 2;
    const FLAGS_AT: u32 = 13;
    const SYN: u8 = 2;
    const SYN_RST: u8 = 6;
    expression(batch, "payload", |batch| {
        attr_be(batch, 1, REGISTER);
        attr_be(batch, 2, TRANSPORT);
        attr_be(batch, 3, FLAGS_AT);
        attr_be(batch, 4, 1);
    });
    expression(batch, "bitwise", |batch| {
        attr_be(batch, 1, REGISTER);
        attr_be(batch, 2, REGISTER);
        attr_be(batch, 3, 1);
        batch.nested(4, |batch| batch.attr(1, &[SYN_RST]));
        batch.nested(5, |batch| batch.attr(1, &[0]));
    });
    compare(batch, EQUAL, &[SYN]);
}

/// The value of TCP's option for the segment size; `register` is the attribute that names the register: 1 reads, 7 writes.
fn exthdr(batch: &mut Batch, register: u16) {
    const TCP_OPTION: u32 = 1;
    const MAXSEG: u8 = 2;
    expression(batch, "exthdr", |batch| {
        attr_be(batch, register, REGISTER);
        batch.attr(2, &[MAXSEG]);
        attr_be(batch, 3, 2);
        attr_be(batch, 4, 2);
        attr_be(batch, 6, TCP_OPTION);
    });
}

impl MssTable {
    pub(crate) fn open() -> nix::Result<Self> {
        let open = |groups| Socket::open_for(SockProtocol::NetlinkNetFilter, groups, BUFFERS);
        Ok(Self { socket: open(0)?, monitor: open(GROUP)?, seq: 0 })
    }

    /// Makes the table hold these rules and no other; without any the table is deleted.
    pub(crate) fn replace(&mut self, rules: &[MssRule]) -> nix::Result<()> {
        let mut batch = Batch::default();
        self.edge(&mut batch, BATCH_BEGIN);
        // Deleting what is not there is an error, making what is there is none.
        self.table(&mut batch, NEWTABLE, NLM_F_CREATE);
        self.table(&mut batch, DELTABLE, 0);
        if !rules.is_empty() {
            self.table(&mut batch, NEWTABLE, NLM_F_CREATE);
            self.chain(&mut batch);
            for r in rules {
                for side in [Side::In, Side::Out] {
                    for (protocol, mss) in [(2, r.v4), (10, r.v6)] {
                        let seq = self.next();
                        rule(&mut batch, seq, &r.interface, side, protocol, mss);
                    }
                }
            }
        }
        // The answer to the last message comes after all errors.
        batch.acknowledge_last();
        let last = self.seq;
        self.edge(&mut batch, BATCH_END);
        self.socket.send(batch.bytes())?;
        self.answer(last)
    }

    fn next(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    fn edge(&mut self, batch: &mut Batch, kind: u16) {
        let [high, low] = SUBSYSTEM.to_be_bytes();
        let seq = self.next();
        batch.begin(kind, 0, seq, &[0, 0, high, low]);
        batch.end();
    }

    fn table(&mut self, batch: &mut Batch, kind: u16, flags: u16) {
        let seq = self.next();
        batch.begin(kind, flags, seq, &[INET, 0, 0, 0]);
        attr_name(batch, 1, TABLE);
        batch.end();
    }

    fn chain(&mut self, batch: &mut Batch) {
        const ACCEPT: u32 = 1;
        let seq = self.next();
        batch.begin(NEWCHAIN, NLM_F_CREATE, seq, &[INET, 0, 0, 0]);
        attr_name(batch, 1, TABLE);
        attr_name(batch, 3, CHAIN);
        batch.nested(4, |batch| {
            attr_be(batch, 1, FORWARD);
            batch.attr(2, &PRIORITY.to_be_bytes());
        });
        attr_be(batch, 5, ACCEPT);
        attr_name(batch, 7, "filter");
        batch.end();
    }

    fn answer(&mut self, last: u32) -> nix::Result<()> {
        loop {
            let Some(datagram) = self.socket.receive(Some(ANSWER))? else { return Err(Errno::ETIMEDOUT) };
            for message in Messages(datagram).filter(|m| m.kind == NLMSG_ERROR) {
                match message.errno() {
                    0 if message.seq == last => return Ok(()),
                    0 => {}
                    errno => return Err(Errno::from_raw(errno)),
                }
            }
        }
    }

    /// Reads what happened in nftables; whether somebody else deleted or changed our table.
    pub(crate) fn was_touched(&mut self) -> bool {
        let own = self.socket.port();
        let mut touched = false;
        loop {
            match self.monitor.receive(Some(Duration::ZERO)) {
                Ok(None) => return touched,
                Ok(Some(datagram)) => {
                    touched |= Messages(datagram).any(|m| m.port != own && is_of_table(m.payload))
                }
                // Lost events may have been about it.
                Err(_) => return true,
            }
        }
    }
}

/// Whether a message is about our table: its first attribute has the name, in all kinds.
fn is_of_table(payload: &[u8]) -> bool {
    let attrs = payload.get(4..).unwrap_or(&[]);
    payload.first() == Some(&INET)
        && Attrs(attrs).any(|(attr, value)| attr == 1 && value.strip_suffix(&[0]) == Some(TABLE.as_bytes()))
}

impl AsFd for MssTable {
    /// Readable when something happened in nftables.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.monitor.as_fd()
    }
}
