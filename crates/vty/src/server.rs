//! The sockets: made, served, removed.
//!
//! # Invariants
//! * The number of connections is bounded; one more is closed at once.
//! * Each numbered OSPFv2 instance has a socket as long as it is configured; whoever is connected stays.
//! * A socket that somebody else serves is left alone; leftovers of a killed run are replaced.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferr_state::Handle;
use nix::unistd::{Gid, Group, chown};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::door::{Daemon, Door};
use crate::session::Session;

/// How and where the sockets are made.
#[derive(Debug, Clone)]
pub struct VtyOptions {
    /// Directory, `/var/run/frr` by default; made when missing.
    pub dir: PathBuf,
    /// Which sockets.
    pub daemons: Vec<Daemon>,
    /// Numbers of OSPFv2 instances at the start, where `daemons` has `ospfd`: each has its socket from the beginning.
    pub ospf_numbers: BTreeSet<u16>,
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
            ospf_numbers: BTreeSet::new(),
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
    listeners: Vec<(Door, StdListener, SocketFile)>,
    options: VtyOptions,
}

/// Makes the sockets, `zebra.vty` last. Each appears under its name with its owner and mode, and takes the place of a leftover.
///
/// # Errors
/// [`BindError`]; sockets made so far are removed.
pub fn bind(options: VtyOptions) -> Result<Sockets, BindError> {
    let dir = &options.dir;
    fs::create_dir_all(dir).map_err(|error| BindError::Io { path: dir.clone(), error })?;
    let numbers =
        if options.daemons.contains(&Daemon::Ospfd) { options.ospf_numbers.clone() } else { BTreeSet::new() };
    remove_leftovers(dir, &numbers);
    let daemons = Daemon::ALL.into_iter().filter(|d| options.daemons.contains(d)).map(Door::from);
    let doors = numbers.into_iter().map(Door::ospfd).chain(daemons);
    let listeners = doors.map(|door| open(&options, door)).collect::<Result<_, _>>()?;
    Ok(Sockets { listeners, options })
}

/// Makes one socket.
fn open(options: &VtyOptions, door: Door) -> Result<(Door, StdListener, SocketFile), BindError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| BindError::Io { path, error }
    };
    let group = options.group.as_deref().and_then(|name| Group::from_name(name).ok().flatten());
    let path = options.dir.join(format!("{door}.vty"));
    refuse_if_served(&path)?;
    // Under a name of its own until nothing about it changes any more: nobody connects to what is not yet protected.
    let draft = options.dir.join(format!(".{door}.{}", std::process::id()));
    let (listener, draft) = bind_one(&draft, options.mode).map_err(at(&draft))?;
    give(&draft.path, group.map(|g| g.gid));
    let file = draft.rename(path.clone()).map_err(at(&path))?;
    Ok((door, listener, file))
}

/// Sockets of instances that a killed run left and that nobody has any more: clients find instances by them.
fn remove_leftovers(dir: &Path, numbers: &BTreeSet<u16>) {
    let number_of = |name: &str| name.strip_prefix("ospfd-")?.strip_suffix(".vty")?.parse::<u16>().ok();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let stale = entry.file_name().to_str().and_then(number_of).is_some_and(|n| !numbers.contains(&n));
        if stale && refuse_if_served(&entry.path()).is_ok() {
            // What stays is no worse than before.
            let _ = fs::remove_file(entry.path());
        }
    }
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
    /// Connections per client process and socket.
    clients: Mutex<HashMap<(i32, Door), usize>>,
}

impl Shared {
    pub(crate) fn new(handle: Handle, daemons: Vec<Daemon>) -> Self {
        Self { handle, daemons, clients: Mutex::default() }
    }

    /// Counts a client's connections on a socket up or down.
    pub(crate) fn count(&self, pid: i32, door: Door, more: bool) {
        let mut counts = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((pid, door)).or_default();
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            counts.remove(&(pid, door));
        }
    }

    /// Whether a client process is connected to a socket.
    pub(crate) fn knows(&self, pid: i32, door: Door) -> bool {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(pid, door))
    }

    /// Numbers of the instances to whose sockets a client process is connected.
    pub(crate) fn numbers(&self, pid: i32) -> BTreeSet<u16> {
        let counts = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        counts.keys().filter(|(p, door)| *p == pid && door.number != 0).map(|(_, door)| door.number).collect()
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
        let daemons =
            self.listeners.iter().filter(|(d, _, _)| d.number == 0).map(|(d, _, _)| d.daemon).collect();
        let mut doors = Doors {
            shared: Arc::new(Shared::new(handle, daemons)),
            room: Arc::new(Semaphore::new(self.options.max_connections)),
            tasks: JoinSet::new(),
            numbered: BTreeMap::new(),
            options: self.options,
        };
        let mut fixed = Vec::new();
        for (door, listener, file) in self.listeners {
            let end = doors.serve(door, listener, file)?;
            if door.number == 0 {
                fixed.push(end);
            } else {
                doors.numbered.insert(door.number, end);
            }
        }
        doors.follow().await;
        while doors.tasks.join_next().await.is_some() {}
        Ok(())
    }
}

/// What is served.
struct Doors {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    tasks: JoinSet<()>,
    /// Sockets of instances; one closes when its sender is dropped.
    numbered: BTreeMap<u16, oneshot::Sender<()>>,
    options: VtyOptions,
}

impl Doors {
    fn serve(
        &mut self,
        door: Door,
        listener: StdListener,
        file: SocketFile,
    ) -> io::Result<oneshot::Sender<()>> {
        let listener = UnixListener::from_std(listener)?;
        let (end, ended) = oneshot::channel();
        let open = Open { door, shared: self.shared.clone(), room: self.room.clone() };
        self.tasks.spawn(open.accept(listener, file, ended));
        Ok(end)
    }

    /// Opens and closes sockets as instances come and go, until nobody tells any more.
    async fn follow(&mut self) {
        /// Pause after a socket could not be made.
        const RETRY: Duration = Duration::from_millis(300);
        let served = self.shared.daemons.contains(&Daemon::Ospfd);
        let Some(mut numbers) = self.shared.handle.ospf_numbers().filter(|_| served) else { return };
        let mut warned = BTreeSet::new();
        loop {
            let wanted = numbers.borrow_and_update().clone();
            self.numbered.retain(|number, _| wanted.contains(number));
            warned.retain(|number| wanted.contains(number));
            for number in wanted.iter().copied() {
                if self.numbered.contains_key(&number) {
                    continue;
                }
                match self.open(number) {
                    Ok(end) => drop(self.numbered.insert(number, end)),
                    Err(error) if warned.insert(number) => {
                        tracing::warn!(%error, "no socket for OSPF instance {number}")
                    }
                    Err(_) => {}
                }
            }
            // A socket that was just closed may still be there.
            let pause = if wanted.len() > self.numbered.len() { RETRY } else { Duration::MAX };
            if let Ok(Err(_)) = tokio::time::timeout(pause, numbers.changed()).await {
                return;
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    fn open(&mut self, number: u16) -> Result<oneshot::Sender<()>, BindError> {
        let (door, listener, file) = open(&self.options, Door::ospfd(number))?;
        let path = file.path.clone();
        self.serve(door, listener, file).map_err(|error| BindError::Io { path, error })
    }
}

/// A socket that is served.
struct Open {
    door: Door,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
}

impl Open {
    /// Lets clients in until `ended`, and then waits for those inside.
    async fn accept(self, listener: UnixListener, file: SocketFile, mut ended: oneshot::Receiver<()>) {
        /// Pause when the system has no descriptors left.
        const PAUSE: Duration = Duration::from_millis(100);
        let mut sessions = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = &mut ended => break,
            };
            match accepted {
                Ok((stream, _)) => self.begin(stream, &mut sessions),
                Err(error) => {
                    tracing::debug!(socket = %self.door, %error, "accept");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            while sessions.try_join_next().is_some() {}
        }
        drop((listener, file));
        while sessions.join_next().await.is_some() {}
    }

    fn begin(&self, stream: UnixStream, sessions: &mut JoinSet<()>) {
        let Ok(place) = self.room.clone().try_acquire_owned() else {
            return tracing::warn!(socket = %self.door, "too many vty connections");
        };
        let session = Session::new(self.door, self.shared.clone());
        sessions.spawn(async move {
            session.run(stream).await;
            drop(place);
        });
    }
}
