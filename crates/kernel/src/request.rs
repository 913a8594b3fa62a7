//! Rare requests: link state, addresses, sysctls. Each blocks for its answer.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ferr_types::{IfAddr, IfIndex};
use nix::errno::Errno;

use crate::msg::{
    AF_INET, AF_INET6, Batch, Messages, NLM_F_CREATE, NLM_F_REPLACE, NLMSG_ERROR, RTM_DELADDR, RTM_NEWADDR,
    RTM_NEWLINK,
};
use crate::sock::{Buffers, Socket};

const ANSWER: Duration = Duration::from_secs(10);
const IFF_UP: u32 = 1;

/// A socket for requests. Belongs to one thread, in the network namespace in which it was opened.
#[derive(Debug)]
pub struct Requester {
    socket: Socket,
    batch: Batch,
    seq: u32,
}

impl Requester {
    /// Opens the socket in the namespace of the calling thread.
    pub fn open() -> nix::Result<Self> {
        let buffers = Buffers { send: 64 << 10, receive: 256 << 10 };
        Ok(Self { socket: Socket::open(0, buffers)?, batch: Batch::default(), seq: 1 })
    }

    pub(crate) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        fill: impl FnOnce(&mut Batch),
    ) -> nix::Result<()> {
        self.seq = self.seq.wrapping_add(1);
        self.batch.clear();
        self.batch.begin(kind, flags, self.seq, fixed);
        fill(&mut self.batch);
        self.batch.end();
        self.batch.acknowledge_last();
        self.socket.send(self.batch.bytes())?;
        loop {
            let Some(datagram) = self.socket.receive(Some(ANSWER))? else { return Err(Errno::ETIMEDOUT) };
            let answer = Messages(datagram).find(|m| m.kind == NLMSG_ERROR && m.seq == self.seq);
            match answer.map(|m| m.errno()) {
                None => {}
                Some(0) => return Ok(()),
                Some(errno) => return Err(Errno::from_raw(errno)),
            }
        }
    }

    /// Asks for one object, and gives its message's payload.
    pub(crate) fn ask(
        &mut self,
        kind: u16,
        fixed: &[u8],
        fill: impl FnOnce(&mut Batch),
    ) -> nix::Result<Vec<u8>> {
        self.seq = self.seq.wrapping_add(1);
        self.batch.clear();
        self.batch.begin(kind, 0, self.seq, fixed);
        fill(&mut self.batch);
        self.batch.end();
        self.socket.send(self.batch.bytes())?;
        loop {
            let Some(datagram) = self.socket.receive(Some(ANSWER))? else { return Err(Errno::ETIMEDOUT) };
            match Messages(datagram).find(|m| m.seq == self.seq) {
                None => {}
                Some(m) if m.kind == NLMSG_ERROR => return Err(Errno::from_raw(m.errno())),
                Some(m) => return Ok(m.payload.to_vec()),
            }
        }
    }

    /// Sets a link administratively up or down.
    pub fn set_link_up(&mut self, ifindex: IfIndex, up: bool) -> nix::Result<()> {
        let mut fixed = [0; 16];
        fixed[4..8].copy_from_slice(&ifindex.0.to_ne_bytes());
        fixed[8..12].copy_from_slice(&(if up { IFF_UP } else { 0 }).to_ne_bytes());
        fixed[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
        self.request(RTM_NEWLINK, 0, &fixed, |_| {})
    }

    /// Adds an address (or does nothing when it is there).
    pub fn add_address(&mut self, ifindex: IfIndex, addr: IfAddr) -> nix::Result<()> {
        self.address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, addr)
    }

    /// Removes an address; `EADDRNOTAVAIL` when there is none.
    pub fn del_address(&mut self, ifindex: IfIndex, addr: IfAddr) -> nix::Result<()> {
        self.address(RTM_DELADDR, 0, ifindex, addr)
    }

    fn address(&mut self, kind: u16, flags: u16, ifindex: IfIndex, addr: IfAddr) -> nix::Result<()> {
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        let family = if addr.addr().is_ipv4() { AF_INET } else { AF_INET6 };
        let mut fixed = [family, addr.len(), 0, 0, 0, 0, 0, 0];
        fixed[4..].copy_from_slice(&ifindex.0.to_ne_bytes());
        self.request(kind, flags, &fixed, |batch| {
            for attr in [IFA_LOCAL, IFA_ADDRESS] {
                match addr.addr() {
                    IpAddr::V4(a) => batch.attr(attr, &a.octets()),
                    IpAddr::V6(a) => batch.attr(attr, &a.octets()),
                }
            }
        })
    }
}

/// A sysctl name with a part that leaves `/proc/sys`.
fn sysctl_path(name: &[&str]) -> io::Result<std::path::PathBuf> {
    let mut path = std::path::PathBuf::from("/proc/sys");
    for part in name {
        if part.is_empty() || *part == "." || *part == ".." || part.contains('/') {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        path.push(part);
    }
    Ok(path)
}

/// Reads a sysctl of the calling thread's network namespace; the parts may hold dots, as interface names do.
pub fn sysctl(name: &[&str]) -> io::Result<String> {
    Ok(fs::read_to_string(sysctl_path(name)?)?.trim().to_owned())
}

/// Writes a sysctl of the calling thread's network namespace.
pub fn set_sysctl(name: &[&str], value: &str) -> io::Result<()> {
    fs::write(sysctl_path(name)?, value)
}
