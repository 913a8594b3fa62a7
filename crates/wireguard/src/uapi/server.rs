//! The socket itself, served one client after the other by a thread.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use zeroize::Zeroizing;

use super::{MAX_REQUEST, Request, UapiError, parse, render};
use crate::control::Wish;
use crate::tunnel::{Remote, TunnelError};

/// How long a client may take for a request, and to read its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A socket that is served. Dropping it removes it.
pub(crate) struct ControlSocket {
    path: PathBuf,
    stop: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl ControlSocket {
    /// Makes `NAME.sock` in a folder, which is made if need be.
    pub(crate) fn start(dir: &Path, name: &str, remote: Remote) -> Result<Self, TunnelError> {
        let path = dir.join(format!("{name}.sock"));
        let failed = |source| TunnelError::ControlSocket { path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(failed)?;
        clear(&path).map_err(failed)?;
        let listener = UnixListener::bind(&path).map_err(failed)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let stop = Arc::new(EventFd::from_value_and_flags(0, flags).map_err(|e| failed(e.into()))?);
        let end = Arc::clone(&stop);
        let work = move || serve(&listener, &end, &remote);
        let thread = thread::Builder::new().name("ferr-wg-socket".into()).spawn(work).map_err(failed)?;
        Ok(Self { path, stop, thread: Some(thread) })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = self.stop.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes what another process has left behind; an error when it still serves it.
fn clear(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    fs::remove_file(path)
}

fn serve(listener: &UnixListener, stop: &EventFd, remote: &Remote) {
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    loop {
        let mut fds = [readable(listener.as_fd()), readable(stop.as_fd())];
        if poll(&mut fds, PollTimeout::NONE).is_err() {
            continue;
        }
        if fds[1].any().unwrap_or(true) {
            return;
        }
        if let Ok((stream, _)) = listener.accept() {
            // Whoever goes away in the middle has to ask again.
            let _ = client(stream, remote);
        }
    }
}

fn client(mut stream: UnixStream, remote: &Remote) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // Large enough for what is usual: a buffer that grows leaves copies of secrets behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(64 << 10));
    loop {
        let Some(len) = read_request(&mut stream, &mut buffer)? else { return Ok(()) };
        let text = Zeroizing::new(String::from_utf8_lossy(&buffer[..len]).into_owned());
        buffer.drain(..len + 1);
        let (answer, errno) = match answer(&text, remote) {
            Ok(answer) => (answer, 0),
            Err(error) => (Zeroizing::new(String::new()), error.errno()),
        };
        stream.write_all(answer.as_bytes())?;
        stream.write_all(format!("errno={errno}\n\n").as_bytes())?;
    }
}

/// Reads until an empty line. Gives the length of the request without it, `None` when the client is done.
fn read_request(stream: &mut UnixStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let end = Instant::now() + PATIENCE;
    let mut looked = 0;
    loop {
        let found = buffer[looked..].windows(2).position(|w| w == b"\n\n");
        if let Some(at) = found {
            return Ok(Some(looked + at + 1));
        }
        looked = buffer.len().saturating_sub(1);
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || buffer.len() > MAX_REQUEST {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let mut chunk = Zeroizing::new([0; 4096]);
        match stream.read(chunk.as_mut())? {
            0 => return Ok(None),
            len => buffer.extend_from_slice(&chunk[..len]),
        }
    }
}

fn answer(text: &str, remote: &Remote) -> Result<Zeroizing<String>, UapiError> {
    match parse(text)? {
        Request::Get => Ok(render(&remote.config(), &remote.status())),
        Request::Set(set) => {
            let (config, places) = set.apply(remote.config());
            remote.configure(Wish { config, places, by_hand: true }).map_err(|error| match error {
                TunnelError::Socket { kind: io::ErrorKind::AddrInUse, .. } => UapiError::InUse,
                _ => UapiError::Failed,
            })?;
            Ok(Zeroizing::new(String::new()))
        }
    }
}
