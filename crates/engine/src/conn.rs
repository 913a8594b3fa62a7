//! Tasks that move bytes between a socket and a speaker.
//!
//! A reader hands chunks to the BGP thread and reads on only when its queue takes them; a writer takes buffers from a short
//! queue and tells when there is room again.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ferr_bgp::ConnId;
use ferr_netio::{ConnectOptions, TcpError, TtlMode, connect_socket, set_mss, set_ttl};
use ferr_types::IfIndex;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tracing::info;

/// Octets of one chunk.
const CHUNK: usize = 64 * 1024;
/// Buffers that may wait for the socket: with 16 KiB each, 256 KiB.
const WRITE_QUEUE: usize = 16;
/// How often a connection is looked at whose packets may be too long for its path.
const PATH_CHECK: Duration = Duration::from_secs(1);
/// Longest wait for TCP to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for the last words of all connections.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Names a connection among all speakers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnKey {
    pub(crate) instance: String,
    pub(crate) conn: ConnId,
}

/// What happens to connections.
#[derive(Debug)]
pub(crate) enum ConnKind {
    /// A peer opened it, on a socket that the kernel bound to this device.
    Accepted(TcpStream, IfIndex),
    Connected(TcpStream),
    Failed,
    Data(BytesMut),
    Drained,
    Closed,
}

/// Something happened to a connection.
#[derive(Debug)]
pub(crate) struct ConnEvent {
    pub(crate) key: ConnKey,
    pub(crate) kind: ConnKind,
}

/// A connection or an attempt. Dropping it ends its tasks.
pub(crate) struct Conn {
    key: ConnKey,
    events: mpsc::Sender<ConnEvent>,
    writer: Option<mpsc::Sender<Bytes>>,
    /// The queue was full: the writer tells when it is not.
    starved: Arc<AtomicBool>,
    partial: BytesMut,
    /// Ends with the connection: the attempt, then the reader.
    task: Option<AbortHandle>,
    writer_task: Option<JoinHandle<()>>,
    /// Looks after paths that swallow long packets.
    path_task: Option<AbortHandle>,
    raw: Option<Arc<socket2::Socket>>,
    remote: Option<SocketAddr>,
}

impl Drop for Conn {
    fn drop(&mut self) {
        for task in [&self.task, &self.path_task].into_iter().flatten() {
            task.abort();
        }
    }
}

impl Conn {
    fn new(key: ConnKey, events: mpsc::Sender<ConnEvent>) -> Self {
        Self {
            key,
            events,
            writer: None,
            starved: Arc::new(AtomicBool::new(false)),
            partial: BytesMut::new(),
            task: None,
            writer_task: None,
            path_task: None,
            raw: None,
            remote: None,
        }
    }

    /// Starts an attempt; [`ConnKind::Connected`] or [`ConnKind::Failed`] follows.
    pub(crate) fn connect(
        key: ConnKey,
        options: &ConnectOptions,
        events: mpsc::Sender<ConnEvent>,
    ) -> Result<Self, TcpError> {
        let mut remote = options.remote;
        if let (SocketAddr::V6(v6), Some(scope)) = (&mut remote, options.scope)
            && v6.ip().is_unicast_link_local()
        {
            v6.set_scope_id(scope.0);
        }
        let socket = TcpSocket::from_std_stream(connect_socket(options)?.into());
        let mut conn = Self::new(key.clone(), events.clone());
        let task = tokio::task::spawn_local(async move {
            let attempt = tokio::time::timeout(CONNECT_TIMEOUT, socket.connect(remote)).await;
            let kind = match attempt {
                Ok(Ok(stream)) => ConnKind::Connected(stream),
                _ => ConnKind::Failed,
            };
            // The thread that listens is the one that ends this task.
            let _ = events.send(ConnEvent { key, kind }).await;
        });
        conn.task = Some(task.abort_handle());
        Ok(conn)
    }

    /// Takes a stream that a peer opened.
    pub(crate) fn accepted(
        key: ConnKey,
        stream: TcpStream,
        events: mpsc::Sender<ConnEvent>,
    ) -> Option<(Self, (SocketAddr, SocketAddr))> {
        let mut conn = Self::new(key, events);
        let ends = conn.start(stream)?;
        Some((conn, ends))
    }

    /// Begins to move bytes; local and remote end, or `None` when the stream is dead already.
    pub(crate) fn start(&mut self, stream: TcpStream) -> Option<(SocketAddr, SocketAddr)> {
        let ends = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
        stream.set_nodelay(true).ok()?;
        self.remote = Some(ends.1);
        self.raw = stream.as_fd().try_clone_to_owned().ok().map(|fd| Arc::new(socket2::Socket::from(fd)));
        if let (true, Some(raw)) = (ends.1.ip().to_canonical().is_ipv4(), &self.raw) {
            let watch = watch_path(raw.clone(), ends.1);
            self.path_task = Some(tokio::task::spawn_local(watch).abort_handle());
        }
        let (read, write) = stream.into_split();
        let (tx, rx) = mpsc::channel(WRITE_QUEUE);
        self.writer = Some(tx);
        let reader = tokio::task::spawn_local(read_loop(self.key.clone(), read, self.events.clone()));
        self.task = Some(reader.abort_handle());
        let writer = write_loop(self.key.clone(), write, rx, self.events.clone(), self.starved.clone());
        self.writer_task = Some(tokio::task::spawn_local(writer));
        Some(ends)
    }

    /// A place in the write queue; `None` when it is full (then [`ConnKind::Drained`] follows) or not open.
    pub(crate) fn room(&mut self) -> Option<mpsc::Permit<'_, Bytes>> {
        let writer = self.writer.as_ref()?;
        let room = writer.try_reserve();
        if room.is_err() {
            self.starved.store(true, Ordering::Release);
        }
        room.ok()
    }

    /// What was left of earlier chunks, with `bytes` behind it.
    pub(crate) fn take_partial(&mut self, bytes: BytesMut) -> BytesMut {
        if self.partial.is_empty() {
            return bytes;
        }
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(&bytes);
        whole
    }

    /// Keeps an incomplete message for the next chunk.
    pub(crate) fn keep_partial(&mut self, rest: BytesMut) {
        self.partial = rest;
    }

    /// Round-trip time that TCP measures, and the other end.
    pub(crate) fn round_trip(&self) -> Option<(SocketAddr, Duration)> {
        let raw = self.raw.as_ref()?;
        Some((self.remote?, ferr_netio::round_trip(raw.as_fd())?))
    }

    /// The other end, when there is a connection.
    pub(crate) const fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// Sets reach and largest segment of an accepted connection.
    pub(crate) fn adjust(&self, ttl: TtlMode, mss: Option<u16>) -> Result<(), TcpError> {
        let Some(raw) = &self.raw else { return Ok(()) };
        let v6 = raw.local_addr().ok().and_then(|a| a.as_socket()).is_some_and(|a| a.is_ipv6());
        set_ttl(raw.as_fd(), v6, ttl)?;
        mss.map_or(Ok(()), |mss| set_mss(raw.as_fd(), mss))
    }

    /// Ends the connection; what is queued is still sent.
    pub(crate) fn close(self) {
        drop(self.into_rest());
    }

    /// Ends the connection as [`Self::close`]; the task that sends what is queued.
    fn into_rest(mut self) -> Option<JoinHandle<()>> {
        self.writer = None;
        self.writer_task.take()
    }
}

/// Last words of connections that were closed.
#[derive(Default)]
pub(crate) struct Farewells(Vec<JoinHandle<()>>);

impl Farewells {
    /// Closes a connection, and remembers what is still to be sent on it.
    pub(crate) fn close(&mut self, conn: Conn) {
        self.0.retain(|task| !task.is_finished());
        self.0.extend(conn.into_rest());
    }

    /// Waits a little until all is sent: whoever does not read holds the others up no longer than that.
    pub(crate) async fn said(self) {
        let all = async {
            for task in self.0 {
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, all).await;
    }
}

/// A router that drops long packets and whose word about it does not come through stops a session at its first full UPDATE: then packets
/// may be cut on the way (RFC 2923 section 2.1 tells of such paths).
async fn watch_path(socket: Arc<socket2::Socket>, peer: SocketAddr) {
    loop {
        tokio::time::sleep(PATH_CHECK).await;
        if ferr_netio::is_stuck(socket.as_fd()) {
            if ferr_netio::allow_fragments(socket.as_fd()).is_ok() {
                info!(target: "bgp", "{}: nothing is acknowledged; packets to it may be fragmented from now on", peer.ip());
            }
            return;
        }
    }
}

async fn read_loop(key: ConnKey, read: OwnedReadHalf, events: mpsc::Sender<ConnEvent>) {
    loop {
        // No memory is taken before there is something to read: most of many peers say nothing most of the time.
        let ready = read.readable().await;
        let mut buffer = BytesMut::with_capacity(CHUNK);
        let kind = match ready.and_then(|()| read.try_read_buf(&mut buffer)) {
            Ok(0) => ConnKind::Closed,
            Ok(_) => ConnKind::Data(buffer),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => ConnKind::Closed,
        };
        let last = matches!(kind, ConnKind::Closed);
        if events.send(ConnEvent { key: key.clone(), kind }).await.is_err() || last {
            return;
        }
    }
}

async fn write_loop(
    key: ConnKey,
    mut write: OwnedWriteHalf,
    mut buffers: mpsc::Receiver<Bytes>,
    events: mpsc::Sender<ConnEvent>,
    starved: Arc<AtomicBool>,
) {
    while let Some(bytes) = buffers.recv().await {
        if write.write_all(&bytes).await.is_err() {
            return;
        }
        if buffers.len() < WRITE_QUEUE / 2 && starved.swap(false, Ordering::AcqRel) {
            let event = ConnEvent { key: key.clone(), kind: ConnKind::Drained };
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
    let _ = write.shutdown().await;
}
