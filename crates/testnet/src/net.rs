//! Hosts and links.

use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::probe::Source;
use crate::routes::{self, KernelRoute};
use crate::{Error, Interrupt, Netns, Process, Reaper, command};

/// A network of hosts. Dropping it (after its hosts and processes) removes everything.
#[derive(Debug)]
pub struct Net {
    dir: TempDir,
    reaper: Arc<Reaper>,
    interrupt: Interrupt,
}

/// A host: a network namespace, a folder, and the means to run programs in them.
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    netns: Netns,
    dir: PathBuf,
    reaper: Arc<Reaper>,
    interrupt: Interrupt,
}

impl Net {
    /// An empty network with a folder of its own.
    pub fn new(name: &str) -> Result<Self, Error> {
        Self::with_interrupt(name, Interrupt::default())
    }

    /// An empty network whose waits end when `interrupt` is raised.
    pub fn with_interrupt(name: &str, interrupt: Interrupt) -> Result<Self, Error> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("ferr-{name}-"))
            // Daemons that change their user must be able to pass through.
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .map_err(Error::io("making a temporary folder"))?;
        let reaper = Arc::new(Reaper::start(dir.path())?);
        Ok(Self { dir, reaper, interrupt })
    }

    /// Folder of the network; each host has a folder with its name in it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new host with `lo` up.
    pub fn host(&self, name: &str) -> Result<Host, Error> {
        let dir = self.dir.path().join(name);
        fs::create_dir(&dir).map_err(Error::path(&dir))?;
        let host = Host {
            name: name.to_owned(),
            netns: Netns::create()?,
            dir,
            reaper: Arc::clone(&self.reaper),
            interrupt: self.interrupt.clone(),
        };
        host.ip("link set lo up")?;
        Ok(host)
    }

    /// A cable between two hosts; both ends are up.
    pub fn link(&self, a: &Host, a_name: &str, b: &Host, b_name: &str) -> Result<(), Error> {
        let peer = b.netns.path();
        a.ip(&format!("link add {a_name} type veth peer name {b_name} netns {}", peer.display()))?;
        b.ip(&format!("link set {b_name} up"))?;
        a.ip(&format!("link set {a_name} up"))
    }

    /// Leaves files in place; processes are kept one by one with [`Process::keep`].
    pub fn keep(&mut self) {
        self.dir.disable_cleanup(true);
    }
}

impl Host {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its namespace.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// What ends waits early.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Runs a program to its end, whatever its status.
    pub fn try_run(&self, command: &mut Command) -> Result<Output, Error> {
        command::run(command, Some(&self.netns))
    }

    /// Runs a program to its end and gives its output; another status than 0 is an error with its words.
    pub fn run(&self, command: &mut Command) -> Result<String, Error> {
        let output = self.try_run(command)?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let message = if stderr.trim().is_empty() { stdout.trim() } else { stderr.trim() };
        Err(Error::Command {
            command: command::line(command),
            place: self.name.clone(),
            message: format!("{message} ({})", output.status),
        })
    }

    /// Runs `ip` with the words of `args`.
    pub fn ip(&self, args: &str) -> Result<(), Error> {
        self.run(Command::new("ip").args(args.split_whitespace())).map(drop)
    }

    /// Adds an address (with prefix length) to an interface.
    pub fn addr(&self, interface: &str, address: &str) -> Result<(), Error> {
        // An IPv6 address must not wait for duplicate detection before a daemon can bind it.
        let nodad = if address.contains(':') { " nodad" } else { "" };
        self.ip(&format!("addr add {address} dev {interface}{nodad}"))
    }

    /// Makes a bridge that is up, the stand-in for a network of users.
    pub fn bridge(&self, name: &str) -> Result<(), Error> {
        self.ip(&format!("link add {name} type bridge"))?;
        self.ip(&format!("link set {name} up"))
    }

    /// Loses all that leaves through an interface from now on. The link stays up, and whoever sends is not told.
    pub fn black_hole(&self, interface: &str) -> Result<(), Error> {
        self.tc(&format!("qdisc replace dev {interface} root blackhole"))
    }

    /// Ends [`Self::black_hole`].
    pub fn heal(&self, interface: &str) -> Result<(), Error> {
        self.tc(&format!("qdisc del dev {interface} root"))
    }

    fn tc(&self, args: &str) -> Result<(), Error> {
        self.run(Command::new("tc").args(args.split_whitespace())).map(drop)
    }

    /// Sets a value below `/proc/sys`, given with dots or slashes.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), Error> {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        self.netns.enter(|| fs::write(&path, value))?.map_err(Error::path(&path))
    }

    /// The kernel's main table.
    pub fn routes(&self, v6: bool) -> Result<Vec<KernelRoute>, Error> {
        self.routes_of(v6, &["table", "main"])
    }

    /// The kernel's table of a VRF.
    pub fn vrf_routes(&self, v6: bool, vrf: &str) -> Result<Vec<KernelRoute>, Error> {
        self.routes_of(v6, &["vrf", vrf])
    }

    fn routes_of(&self, v6: bool, which: &[&str]) -> Result<Vec<KernelRoute>, Error> {
        let family = if v6 { "-6" } else { "-4" };
        let text = self.run(Command::new("ip").args(["-j", family, "route", "show"]).args(which))?;
        routes::parse(&text)
    }

    /// Starts a program in the background, its output in `NAME.log` of the host's folder.
    pub fn start(&self, name: &str, command: Command) -> Result<Process, Error> {
        let log = self.dir.join(format!("{name}.log"));
        Process::start(&format!("{name} in {}", self.name), command, &self.netns, &log, &self.reaper)
    }

    /// A folder below the host's.
    pub fn subdir(&self, name: &str) -> Result<PathBuf, Error> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).map_err(Error::path(&dir))?;
        Ok(dir)
    }

    /// Writes a file into the host's folder and gives its path.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        fs::write(&path, text).map_err(Error::path(&path))?;
        Ok(path)
    }

    /// Waits as [`crate::wait_until`], ending early on an interrupt.
    pub fn wait<T>(
        &self,
        seconds: u64,
        what: impl Into<String>,
        look: impl FnMut() -> Result<T, String>,
    ) -> Result<T, Error> {
        let what = format!("{} in {}", what.into(), self.name);
        self.interrupt.wait_until(Duration::from_secs(seconds), what, look)
    }

    /// Waits until the kernel has (or has not) a route to `destination` (as `ip route` prints it).
    pub fn wait_route(&self, destination: &str, present: bool) -> Result<Option<KernelRoute>, Error> {
        let what = format!("kernel route to {destination} {}", if present { "present" } else { "absent" });
        self.wait(30, what, || {
            let routes = self.routes(destination.contains(':')).map_err(|e| e.to_string())?;
            let found = routes.into_iter().find(|r| r.destination == destination);
            if found.is_some() == present { Ok(found) } else { Err(format!("{found:?}")) }
        })
    }

    /// Whether an ICMP echo from here reaches `to`.
    pub fn ping(&self, from: impl Into<Source>, to: IpAddr, timeout: Duration) -> Result<Duration, Error> {
        crate::probe::ping(&self.netns, from, to, timeout)
    }
}
