//! A peer that sends a table as fast as TCP takes it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ferr_bgp_wire::{Capability, MessageType, Open, frame, keepalive};
use ferr_testnet::Netns;
use ferr_types::{Asn, RouterId};

/// Hold time of the benchmark's own peers: long, so that a busy machine does not end a run.
const HOLD: u16 = 240;

/// A session that is up. Dropping it closes the connection.
pub(crate) struct Speaker {
    /// Whoever holds it is at the border of a message.
    stream: Arc<Mutex<TcpStream>>,
    closed: Arc<AtomicBool>,
}

fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<(MessageType, Vec<u8>)> {
    loop {
        let found = frame(buffer, 4096).map_err(|e| io::Error::other(e.to_string()))?;
        if let Some(message) = found {
            let (kind, body, len) = (message.kind, message.body.to_vec(), message.len);
            buffer.drain(..len);
            return Ok((kind, body));
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buffer.extend_from_slice(&chunk[..n]),
        }
    }
}

impl Speaker {
    /// Connects from `netns` to `remote` until the session is up.
    pub(crate) fn connect(netns: &Netns, remote: Ipv4Addr, asn: Asn, id: Ipv4Addr) -> io::Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let attempt = netns
                .enter(|| {
                    TcpStream::connect_timeout(&SocketAddr::new(remote.into(), 179), Duration::from_secs(2))
                })
                .map_err(|e| io::Error::other(e.to_string()))?;
            match attempt.and_then(|stream| Self::open(stream, asn, id)) {
                Ok(speaker) => return Ok(speaker),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(300)),
            }
        }
    }

    fn open(mut stream: TcpStream, asn: Asn, id: Ipv4Addr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let capabilities = vec![Capability::Multiprotocol { afi: 1, safi: 1 }, Capability::FourOctetAs(asn)];
        let mut open = Vec::new();
        Open::new(asn, HOLD, RouterId(id), capabilities).encode(&mut open);
        stream.write_all(&open)?;
        let mut buffer = Vec::new();
        let mut opened = false;
        loop {
            match read_message(&mut stream, &mut buffer)?.0 {
                MessageType::Open => {
                    opened = true;
                    stream.write_all(&keepalive())?;
                }
                MessageType::Keepalive if opened => break,
                kind => return Err(io::Error::other(format!("unexpected {kind:?}"))),
            }
        }
        stream.set_read_timeout(None)?;
        let closed = Arc::new(AtomicBool::new(false));
        let (reader, shared) = (stream.try_clone()?, closed.clone());
        thread::spawn(move || discard(reader, &shared));
        let stream = Arc::new(Mutex::new(stream));
        let (writer, shared) = (stream.clone(), closed.clone());
        thread::spawn(move || {
            while !shared.load(Ordering::Acquire) {
                thread::sleep(Duration::from_secs(20));
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                if writer.write_all(&keepalive()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { stream, closed })
    }

    /// Sends encoded messages as fast as TCP takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
    }

    /// Whether the peer ended the session.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

/// Takes what comes, so that the router never waits for us.
fn discard(mut stream: TcpStream, closed: &AtomicBool) {
    let mut chunk = vec![0; 256 * 1024];
    while !closed.load(Ordering::Acquire) && stream.read(&mut chunk).is_ok_and(|n| n > 0) {}
    closed.store(true, Ordering::Release);
}
