//! The way into the kernel's FIB.
//!
//! Operations go out back to back in large datagrams with an acknowledgement asked for the last message only; refusals come back for
//! each refused message by its sequence number. Measured: six times the rate of one acknowledgement per route.

use std::sync::Arc;
use std::time::Duration;

use ferr_rib::{FibAck, FibAction, FibError, FibOp, FibToken, NhId};
use ferr_types::{Prefix, TableId};
use nix::errno::Errno;
use nix::libc;

use crate::DeadList;
use crate::encode::{encode, nexthop_del, route_del};
use crate::msg::{Batch, Messages, NLMSG_ERROR};
use crate::sock::{Buffers, Socket};

/// Messages of one datagram; more brings nothing.
const BATCH_MESSAGES: usize = 1024;
/// Octets of one datagram, well below the send buffer.
const BATCH_OCTETS: usize = 256 << 10;
const BUFFERS: Buffers = Buffers { send: 4 << 20, receive: 4 << 20 };
/// A kernel that answers nothing for so long has lost the answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A blocking writer with a socket of its own. Belongs to one thread, in the network namespace in which it was opened.
#[derive(Debug)]
pub struct FibWriter {
    socket: Socket,
    batch: Batch,
    seq: u32,
    dead: Arc<DeadList>,
}

impl FibWriter {
    /// Opens the socket in the namespace of the calling thread.
    pub fn open() -> nix::Result<Self> {
        let dead = Arc::default();
        Ok(Self { socket: Socket::open(0, BUFFERS)?, batch: Batch::default(), seq: 1, dead })
    }

    /// What died is left out of operations from now on.
    pub fn set_dead_list(&mut self, dead: Arc<DeadList>) {
        self.dead = dead;
    }

    /// Port of the socket, for [`crate::Monitor::ignore_ports`].
    pub const fn port(&self) -> u32 {
        self.socket.port()
    }

    /// Carries all operations out in order, and answers each.
    pub fn apply(&mut self, ops: &[FibOp]) -> Vec<FibAck> {
        let mut acks = Vec::with_capacity(ops.len());
        let living = self.dead.filter(ops, &mut acks);
        let mut rest = living.as_deref().unwrap_or(ops);
        while !rest.is_empty() {
            let taken = self.fill(rest);
            let (now, later) = rest.split_at(taken);
            self.send_batch(now, &mut acks);
            rest = later;
        }
        acks
    }

    fn fill(&mut self, ops: &[FibOp]) -> usize {
        self.batch.clear();
        let mut taken = 0;
        for op in ops.iter().take(BATCH_MESSAGES) {
            encode(&mut self.batch, self.seq.wrapping_add(taken as u32), op);
            taken += 1;
            if self.batch.bytes().len() >= BATCH_OCTETS {
                break;
            }
        }
        taken
    }

    fn send_batch(&mut self, ops: &[FibOp], acks: &mut Vec<FibAck>) {
        let first = self.seq;
        let at = acks.len();
        acks.extend(ops.iter().map(|op| FibAck { token: op.token, result: Ok(()) }));
        self.seq = self.seq.wrapping_add(ops.len() as u32);
        self.batch.acknowledge_last();
        let sent = self.socket.send(self.batch.bytes());
        let answers = &mut acks[at..];
        if let Err(error) = sent {
            answers.iter_mut().for_each(|a| a.result = Err(FibError::Errno(error as i32)));
            return;
        }
        let last = ops.len() - 1;
        let complete = collect(&mut self.socket, first, last, |index, errno| {
            if !tolerated(&ops[index].action, errno) {
                answers[index].result = Err(FibError::Errno(errno));
            }
        });
        if !complete {
            // Answers got lost: what was done is unknown, and done again.
            answers.iter_mut().for_each(|a| a.result = Err(FibError::Lost));
        }
    }

    /// Deletes next-hop objects; the kernel moves the groups that hold them. Tells how many it refused.
    pub fn delete_nexthops(&mut self, nexthops: &[NhId]) -> usize {
        self.sweep(&[], nexthops)
    }

    /// Deletes leftovers of ours: routes (with the protocol they had), then next-hop objects. Tells how many the kernel
    /// refused; what is gone already counts as deleted.
    pub fn sweep(&mut self, routes: &[(TableId, Prefix, u8)], nexthops: &[NhId]) -> usize {
        let routes =
            routes.iter().map(|(table, prefix, protocol)| Leftover::Route(*table, *prefix, *protocol));
        let all: Vec<Leftover> = routes.chain(nexthops.iter().map(|id| Leftover::Nexthop(*id))).collect();
        let mut refused = 0;
        for chunk in all.chunks(BATCH_MESSAGES) {
            self.batch.clear();
            let first = self.seq;
            for leftover in chunk {
                match leftover {
                    Leftover::Route(table, prefix, protocol) => {
                        route_del(&mut self.batch, self.seq, *table, *prefix, *protocol);
                    }
                    Leftover::Nexthop(id) => nexthop_del(&mut self.batch, self.seq, *id),
                }
                self.seq = self.seq.wrapping_add(1);
            }
            self.batch.acknowledge_last();
            if self.socket.send(self.batch.bytes()).is_err() {
                refused += chunk.len();
                continue;
            }
            collect(&mut self.socket, first, chunk.len() - 1, |_, errno| {
                refused += usize::from(!is_gone(errno));
            });
        }
        refused
    }

    /// Whether the kernel has resilient groups: Linux 5.13 and later.
    pub fn has_resilient_groups() -> bool {
        let Ok(name) = nix::sys::utsname::uname() else { return false };
        let release = name.release().to_string_lossy();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
        (numbers.next(), numbers.next()) >= (Some(5), Some(13))
    }

    /// Whether the kernel has next-hop objects.
    pub fn probe_nexthop_objects(&mut self) -> bool {
        // Deleting an id that nobody uses: kernels with objects say that there is none, older ones that the message is
        // unknown.
        let op = FibOp { token: FibToken(0), action: FibAction::NexthopDel { id: NhId(u32::MAX - 1) } };
        let taken = self.fill(std::slice::from_ref(&op));
        let first = self.seq;
        self.seq = self.seq.wrapping_add(taken as u32);
        self.batch.acknowledge_last();
        let mut known = true;
        let sent = self.socket.send(self.batch.bytes()).is_ok();
        sent && collect(&mut self.socket, first, 0, |_, errno| known = errno != libc::EOPNOTSUPP) && known
    }
}

enum Leftover {
    Route(TableId, Prefix, u8),
    Nexthop(NhId),
}

/// Reads answers until that of the last message; hands each refusal to `refused`. `false` when answers were lost.
fn collect(socket: &mut Socket, first: u32, last: usize, mut refused: impl FnMut(usize, i32)) -> bool {
    loop {
        let datagram = match socket.receive(Some(ANSWER)) {
            Ok(Some(datagram)) => datagram,
            Ok(None) => return false,
            Err(Errno::EINTR) => continue,
            Err(_) => return false,
        };
        let mut done = false;
        for message in Messages(datagram).filter(|m| m.kind == NLMSG_ERROR) {
            let index = message.seq.wrapping_sub(first) as usize;
            // Older answers belong to a batch that was given up.
            if index > last {
                continue;
            }
            if message.errno() != 0 {
                refused(index, message.errno());
            }
            done |= index == last;
        }
        if done {
            return true;
        }
    }
}

const fn is_gone(errno: i32) -> bool {
    matches!(errno, libc::ESRCH | libc::ENOENT | libc::ENODEV)
}

/// What is gone need not be deleted.
const fn tolerated(action: &FibAction, errno: i32) -> bool {
    let deletes = matches!(
        action,
        FibAction::NexthopDel { .. } | FibAction::GroupDel { .. } | FibAction::RouteDel { .. }
    );
    deletes && is_gone(errno)
}
