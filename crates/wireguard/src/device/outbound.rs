//! From the tunnel to the network.
//!
//! Encrypted packets of one size for one peer are gathered into a run, which is sent with one call.

use std::sync::Arc;
use std::time::Instant;

use boringtun::noise::TunnResult;
use ferr_netio::{MAX_RUN, MAX_SEGMENTS};

use super::peer::{OVERHEAD, Path, Peer, SCRATCH};
use super::{Device, Wire, message};
use crate::counters::Cause;
use crate::packet;
use crate::segment::{Packets, VnetHeader, padded};

/// Octets that encryption wants to have, whatever the packet.
const LEAST_SPACE: usize = 148;

/// What is gathered.
pub struct Outbox {
    buffer: Box<[u8]>,
    used: usize,
    size: usize,
    count: usize,
    /// A shorter one was added: nothing may follow.
    closed: bool,
    to: Option<(Arc<Peer>, Path)>,
}

impl Default for Outbox {
    fn default() -> Self {
        let buffer = vec![0; MAX_RUN + SCRATCH].into();
        Self { buffer, used: 0, size: 0, count: 0, closed: false, to: None }
    }
}

impl Outbox {
    /// Takes a burst from the device: `len` octets at the begin of `buffer`, which has 16 octets of room behind them and is used up.
    pub fn transmit(
        &mut self,
        device: &Device,
        header: VnetHeader,
        (buffer, len): (&mut [u8], usize),
        wire: &mut impl Wire,
        now: Instant,
    ) {
        let tables = device.tables();
        let Ok(mut packets) = Packets::new(header, buffer, len) else {
            return device.drops.add(Cause::BadBurst);
        };
        let Some(peer) = packet::destination(packets.head()).and_then(|to| tables.route(to)) else {
            return device.drops.add(Cause::NoPeer);
        };
        let mut state = peer.lock();
        let Some(path) = state.path else { return peer.drops.add(Cause::NoEndpoint) };
        if self.to.as_ref().is_some_and(|(p, way)| !Arc::ptr_eq(p, peer) || *way != path) {
            // Another's run. If its path has changed, it will see so itself the next time.
            self.flush(wire);
        }
        let mtu = device.mtu();
        let mut moved = None;
        while let Some(len) = packets.next_len() {
            let total = padded(len, mtu) + OVERHEAD;
            if !self.fits(total) {
                moved = self.flush(wire).map(|(_, path)| path).or(moved);
            }
            let Some(packet) = packets.next(mtu) else { break };
            match state.tunn.encapsulate(packet, &mut self.buffer[self.used..]) {
                TunnResult::WriteToNetwork(datagram) if message::is_data(datagram) => {
                    let len = datagram.len();
                    state.sends(datagram, now);
                    if self.to.is_none() {
                        self.to = Some((Arc::clone(peer), path));
                    }
                    self.add(len);
                }
                TunnResult::WriteToNetwork(initiation) => {
                    let mut own = [0; LEAST_SPACE];
                    let len = initiation.len().min(own.len());
                    own[..len].copy_from_slice(&initiation[..len]);
                    state.send(&peer.drops, &own[..len], wire, now);
                }
                // It waits for the handshake.
                TunnResult::Done => {}
                _ => peer.drops.add(Cause::SendFailed),
            }
        }
        if moved.is_some() {
            state.path = moved;
        }
    }

    fn fits(&self, len: usize) -> bool {
        let same = self.count == 0 || (!self.closed && len <= self.size);
        same && self.count < MAX_SEGMENTS && self.used + len <= MAX_RUN
    }

    fn add(&mut self, len: usize) {
        if self.count == 0 {
            self.size = len;
        }
        self.closed = len < self.size;
        self.used += len;
        self.count += 1;
    }

    /// Sends what is left, with no peer locked.
    pub fn finish(&mut self, wire: &mut impl Wire) {
        if let Some((peer, path)) = self.flush(wire) {
            peer.lock().path = Some(path);
        }
    }

    /// Sends what was gathered. Gives the path if it had to be changed.
    fn flush(&mut self, wire: &mut impl Wire) -> Option<(Arc<Peer>, Path)> {
        let (used, count) = (self.used, self.count);
        (self.used, self.count, self.closed) = (0, 0, false);
        let (peer, mut path) = self.to.take()?;
        let before = path;
        let size = if count > 1 { u16::try_from(self.size).ok() } else { None };
        if !wire.send(&mut path, &self.buffer[..used], size) {
            peer.drops.add_many(Cause::SendFailed, count as u64);
        }
        (path != before).then_some((peer, path))
    }
}
