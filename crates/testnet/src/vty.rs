//! Client of vty sockets: a command and a NUL out; text, three NULs and a status back.

use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use socket2::{Domain, SockAddr, Socket, Type};

/// Most bytes of one answer.
const MAX_ANSWER: usize = 1 << 30;

/// A connection to one vty socket.
#[derive(Debug)]
pub struct VtyClient {
    stream: UnixStream,
    limit: Duration,
}

/// What a daemon answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Status: 0 is success, 1 a warning, 2 unknown, 3 ambiguous, 4 incomplete, 13 failed.
    pub status: u8,
}

impl VtyClient {
    /// Connects; that, and every answer, has to come within `limit`.
    pub fn connect(path: &Path, limit: Duration) -> io::Result<Self> {
        let start = Instant::now();
        let address = SockAddr::unix(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // A daemon that does not accept would hold us for ever.
        socket.set_nonblocking(true)?;
        loop {
            match socket.connect(&address) {
                Ok(()) => break,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && start.elapsed() < limit => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(e) => return Err(e),
            }
        }
        socket.set_nonblocking(false)?;
        Ok(Self { stream: UnixStream::from(OwnedFd::from(socket)), limit })
    }

    /// Sends one command and reads its whole answer.
    pub fn command(&mut self, command: &str) -> io::Result<Answer> {
        self.command_with_socket(command).map(|(answer, _)| answer)
    }

    /// The same for a command that may be answered with a socket as well: `terminal monitor`, whose log records come over it.
    pub fn command_with_socket(&mut self, command: &str) -> io::Result<(Answer, Option<OwnedFd>)> {
        self.stream.set_write_timeout(Some(self.limit))?;
        let mut bytes = Vec::with_capacity(command.len() + 1);
        bytes.extend(command.bytes().filter(|b| *b != 0));
        bytes.push(0);
        self.stream.write_all(&bytes)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<(Answer, Option<OwnedFd>)> {
        let start = Instant::now();
        let mut text = Vec::new();
        let mut passed = None;
        let mut chunk = [0_u8; 65536];
        loop {
            let left = self.limit.checked_sub(start.elapsed()).filter(|d| !d.is_zero());
            self.stream.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut rights = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [IoSliceMut::new(&mut chunk)];
            let count = match recvmsg(&self.stream, &mut parts, &mut rights, RecvFlags::CMSG_CLOEXEC) {
                Ok(received) if received.bytes == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(received) => received.bytes,
                Err(Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            };
            for message in rights.drain() {
                if let RecvAncillaryMessage::ScmRights(sockets) = message {
                    passed = sockets.last().or(passed);
                }
            }
            text.extend_from_slice(&chunk[..count]);
            // Text holds no NUL, so the first one begins the trailer.
            let fresh = text.len() - count;
            let from = fresh.saturating_sub(3);
            if let Some(at) = text[from..].iter().position(|b| *b == 0).map(|at| at + from)
                && let Some(&status) = text.get(at + 3)
            {
                text.truncate(at);
                return Ok((Answer { text: String::from_utf8_lossy(&text).into_owned(), status }, passed));
            }
            if text.len() > MAX_ANSWER {
                return Err(io::Error::other("answer too long"));
            }
        }
    }
}
