//! The sockets: made, served, removed.
//!
//! # Invariants
//! * The number of connections is bounded; one more is closed at once.
//! * A socket that somebody else serves is left alone; leftovers of a killed run are replaced.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferr_state::Handle;
use nix::unistd::{Gid, Group, chown};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::door::Daemon;
use crate::session::Session;

/// How and where the sockets are made.
#[derive(Debug, Clone)]
pub struct VtyOptions {
    /// Directory, `/var/run/frr` by default; made when missing.
    pub dir: PathBuf,
    /// Which sockets.
    pub daemons: Vec<Daemon>,
    /// Group that owns the sockets; ignored where it does not exist or may not be given away.
    pub group: Option<String>,
    /// Permission bits, 0770 by default.
    pub mode: u32,
    /// Connections at a time over all sockets.
    pub max_connections: usize,
}

impl Default for VtyOptions {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("/var/run/frr"),
            daemons: Daemon::ALL.to_vec(),
            group: Some("frrvty".to_owned()),
            mode: 0o770,
            max_connections: 256,
        }
    }
}

/// Why the sockets cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another daemon answers there.
    #[error("{} is served by another process", .0.display())]
    InUse(PathBuf),
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A socket file that goes when this does, unless somebody replaced it meanwhile.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

impl SocketFile {
    /// Moves it over whatever has the name.
    fn rename(mut self, to: PathBuf) -> io::Result<Self> {
        fs::rename(&self.path, &to)?;
        self.path = to;
        Ok(self)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // Nothing can be done about a directory that became read-only.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Sockets that listen; connections wait in their queues until [`Sockets::run`].
#[derive(Debug)]
pub struct Sockets {
    listeners: Vec<(Daemon, StdListener, SocketFile)>,
    options: VtyOptions,
}

/// Makes the sockets, `zebra.vty` last. Each appears under its name with its owner and mode, and takes the place of a leftover.
///
/// # Errors
/// [`BindError`]; sockets made so far are removed.
pub fn bind(options: VtyOptions) -> Result<Sockets, BindError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| BindError::Io { path, error }
    };
    fs::create_dir_all(&options.dir).map_err(at(&options.dir))?;
    let group = options.group.as_deref().and_then(|name| Group::from_name(name).ok().flatten());
    let mut listeners = Vec::new();
    for daemon in Daemon::ALL.into_iter().filter(|d| options.daemons.contains(d)) {
        let path = options.dir.join(format!("{}.vty", daemon.name()));
        refuse_if_served(&path)?;
        // Under a name of its own until nothing about it changes any more: nobody connects to what is not yet protected.
        let draft = options.dir.join(format!(".{}.{}", daemon.name(), std::process::id()));
        let (listener, draft) = bind_one(&draft, options.mode).map_err(at(&draft))?;
        give(&draft.path, group.as_ref().map(|g| g.gid));
        let file = draft.rename(path.clone()).map_err(at(&path))?;
        listeners.push((daemon, listener, file));
    }
    Ok(Sockets { listeners, options })
}

/// A leftover does not answer; a daemon does.
fn refuse_if_served(path: &Path) -> Result<(), BindError> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if is_socket && StdStream::connect(path).is_ok() {
        return Err(BindError::InUse(path.to_owned()));
    }
    Ok(())
}

fn bind_one(path: &Path, mode: u32) -> io::Result<(StdListener, SocketFile)> {
    // A name of this process: what is there is from an earlier process of the same number.
    let _ = fs::remove_file(path);
    let listener = StdListener::bind(path)?;
    let file = SocketFile { identity: identity(path), path: path.to_owned() };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok((listener, file))
}

fn give(path: &Path, group: Option<Gid>) {
    if let Some(gid) = group
        && let Err(error) = chown(path, None, Some(gid))
    {
        tracing::debug!(path = %path.display(), %error, "group of the socket stays");
    }
}

/// What the sessions of all sockets share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Door to the daemon.
    pub(crate) handle: Handle,
    /// Sockets that are served.
    pub(crate) daemons: Vec<Daemon>,
    /// Connections on `mgmtd` per client process.
    mgmtd: Mutex<HashMap<i32, usize>>,
}

impl Shared {
    pub(crate) fn new(handle: Handle, daemons: Vec<Daemon>) -> Self {
        Self { handle, daemons, mgmtd: Mutex::default() }
    }

    /// Counts a client's connections on `mgmtd` up or down.
    pub(crate) fn count_mgmtd(&self, pid: i32, more: bool) {
        let mut counts = self.mgmtd.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(pid).or_default();
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            counts.remove(&pid);
        }
    }

    /// Whether a client process knows `mgmtd`.
    pub(crate) fn knows_mgmtd(&self, pid: i32) -> bool {
        self.mgmtd.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&pid)
    }
}

impl Sockets {
    /// Paths of the sockets.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.listeners.iter().map(|(_, _, file)| file.path.as_path())
    }

    /// Serves all sockets until dropped or until one of them fails for good; removes their files then. Works on a
    /// current-thread runtime.
    ///
    /// # Errors
    /// When a listener cannot be registered with the runtime.
    pub async fn run(self, handle: Handle) -> io::Result<()> {
        let daemons = self.listeners.iter().map(|(d, _, _)| *d).collect();
        let shared = Arc::new(Shared::new(handle, daemons));
        let room = Arc::new(Semaphore::new(self.options.max_connections));
        let mut doors = JoinSet::new();
        for (daemon, listener, file) in self.listeners {
            let listener = UnixListener::from_std(listener)?;
            doors.spawn(accept(daemon, listener, file, shared.clone(), room.clone()));
        }
        while doors.join_next().await.is_some() {}
        Ok(())
    }
}

async fn accept(
    daemon: Daemon,
    listener: UnixListener,
    _file: SocketFile,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
) {
    /// Pause when the system has no descriptors left.
    const PAUSE: Duration = Duration::from_millis(100);
    let mut sessions = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(place) = room.clone().try_acquire_owned() else {
                    tracing::warn!(socket = daemon.name(), "too many vty connections");
                    continue;
                };
                let shared = shared.clone();
                sessions.spawn(async move {
                    Session::new(daemon, shared).run(stream).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(socket = daemon.name(), %error, "accept");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while sessions.try_join_next().is_some() {}
    }
}
