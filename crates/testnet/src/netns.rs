//! Network namespaces held by file descriptors, and the right to make them.
//!
//! A namespace belongs to a thread, so each entry uses a short-lived thread: the caller never changes its own. A child
//! process inherits the namespace of the thread that starts it.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::{io, process, thread};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid};

use crate::Error;

const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// A network namespace; it ends with the last clone and the last process in it.
#[derive(Debug, Clone)]
pub struct Netns(Arc<File>);

impl Netns {
    /// A new namespace with nothing but a `lo` that is down.
    pub fn create() -> Result<Self, Error> {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open(OWN_NAMESPACE).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0)))
        })
        .join();
        match made {
            Ok(Ok(file)) => Ok(Self(Arc::new(file))),
            Ok(Err(errno)) => Err(Error::Privilege {
                reason: errno.desc().to_owned(),
                fix: "run as root, or allow unprivileged user namespaces".to_owned(),
            }),
            Err(_) => Err(Error::Io { what: "thread".to_owned(), source: io::ErrorKind::Other.into() }),
        }
    }

    /// Runs `inside` on a thread that is in this namespace. Sockets and processes made there stay there.
    pub fn enter<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> Result<T, Error> {
        thread::scope(|scope| {
            scope
                .spawn(|| setns(&*self.0, CloneFlags::CLONE_NEWNET).map(|()| inside()))
                .join()
                .unwrap_or(Err(Errno::EFAULT))
        })
        .map_err(|errno| Error::Io { what: "entering a network namespace".to_owned(), source: errno.into() })
    }

    /// A path by which other programs of the same user can open the namespace while this process lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd()))
    }
}

/// By which right namespaces are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Real root: rival daemons can change to their own users.
    Root,
    /// Root of a user namespace only: one user id exists, so daemons that change user cannot run.
    UserNamespace,
}

/// Whether we are root and can become other users too.
pub(crate) fn is_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let ids = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    geteuid().is_root() && ids.sum::<u64>() > 1000
}

/// Makes sure that this process may create network namespaces, if need be by moving it into a new user namespace. To
/// be called first in `main`: the kernel refuses it to a process with several threads.
pub fn acquire_privilege() -> Result<Privilege, Error> {
    if Netns::create().is_ok() {
        return Ok(if is_root() { Privilege::Root } else { Privilege::UserNamespace });
    }
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(|errno| Error::Privilege {
        reason: errno.desc().to_owned(),
        fix: "run it as root (sudo), or allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 \
              kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=10000; in a container, start it \
              with --cap-add NET_ADMIN,SYS_ADMIN"
            .to_owned(),
    })?;
    let map = |file: &str, text: String| fs::write(file, text).map_err(Error::path(file));
    map("/proc/self/setgroups", "deny".to_owned())?;
    map("/proc/self/uid_map", format!("0 {uid} 1"))?;
    map("/proc/self/gid_map", format!("0 {gid} 1"))?;
    Netns::create().map(|_| Privilege::UserNamespace)
}
