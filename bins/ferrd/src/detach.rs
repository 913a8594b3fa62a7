//! Going into the background: a second process does the work, the first one waits until it says that it is ready.
//!
//! Readiness travels by the service manager's protocol (a datagram `READY=1` to `NOTIFY_SOCKET`), so the daemon says it in
//! one way only; a real service manager above us is told in turn, with the process id of the daemon.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

const NOTIFY: &str = "NOTIFY_SOCKET";

/// Starts the daemon in the background and waits until it is ready or has ended; its messages and status are then ours.
pub(crate) fn start(args: &[OsString], prefix: &[&str]) -> io::Result<ExitCode> {
    let random = tempfile::Builder::new().prefix("ferrd-").rand_bytes(16).tempfile()?;
    let name = random.path().as_os_str().to_string_lossy().into_owned();
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    // A pipe would be held open, or break, for the daemon's whole life.
    let mut words = tempfile::tempfile()?;
    let mut child = Command::new(env::current_exe()?)
        .args(prefix)
        .args(args)
        .arg("--detached")
        .env(NOTIFY, format!("@{name}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words.try_clone()?)
        .spawn()?;
    let status = wait(&socket, &mut child)?;
    words.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    words.read_to_end(&mut text)?;
    io::stderr().write_all(&text)?;
    if status.is_none() {
        tell_manager(child.id());
    }
    Ok(status.unwrap_or(ExitCode::SUCCESS))
}

/// `None` when it is ready, else the status with which it ended.
fn wait(socket: &UnixDatagram, child: &mut Child) -> io::Result<Option<ExitCode>> {
    let mut message = [0_u8; 4096];
    loop {
        match socket.recv(&mut message) {
            Ok(count) if message[..count].split(|b| *b == b'\n').any(|line| line == b"READY=1") => {
                return Ok(None);
            }
            Ok(_) => {}
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
        if let Some(status) = child.try_wait()? {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0);
            return Ok(Some(ExitCode::from(code.unwrap_or(1))));
        }
    }
}

/// Passes readiness on; a manager that cannot be reached finds the pid file instead.
fn tell_manager(pid: u32) {
    let Some(path) = env::var_os(NOTIFY) else { return };
    let Ok(socket) = UnixDatagram::unbound() else { return };
    let message = format!("MAINPID={pid}\nREADY=1");
    let _ = match path.to_str().and_then(|p| p.strip_prefix('@')) {
        Some(name) => SocketAddr::from_abstract_name(name)
            .and_then(|address| socket.send_to_addr(message.as_bytes(), &address)),
        None => socket.send_to(message.as_bytes(), path),
    };
}

/// Leaves the terminal's session, in the background process.
pub(crate) fn leave_terminal() -> io::Result<()> {
    nix::unistd::setsid().map(drop).map_err(io::Error::from)
}
