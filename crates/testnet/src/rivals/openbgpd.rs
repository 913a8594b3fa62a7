//! OpenBGPD (portable).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::User;

use crate::{Error, Host, Process};

/// A running OpenBGPD.
#[derive(Debug)]
pub struct OpenBgpd {
    host: Host,
    socket: PathBuf,
    process: Process,
}

impl OpenBgpd {
    /// Starts it with `config`, to which the control socket is added, and waits until `bgpctl` gets an answer.
    pub fn start(host: &Host, config: &str) -> Result<Self, Error> {
        let socket = host.dir().join("bgpd.sock");
        let config = write(host, &socket, config)?;
        // The home of its user, to which it changes its root; normally made by the service manager. Several may share it.
        if let Some(user) = User::from_name("_openbgpd").ok().flatten() {
            fs::create_dir_all(&user.dir).map_err(Error::path(&user.dir))?;
        }
        let mut command = Command::new("/usr/sbin/bgpd");
        command.arg("-d").arg("-v").arg("-f").arg(config);
        let mut process = host.start("openbgpd", command)?;
        process.wait_ready(host.interrupt(), 20, "to answer", |_| {
            bgpctl(host, &socket, "show").map(drop).map_err(|e| e.to_string())
        })?;
        Ok(Self { host: host.clone(), socket, process })
    }

    /// Output of `bgpctl`.
    pub fn bgpctl(&self, command: &str) -> Result<String, Error> {
        bgpctl(&self.host, &self.socket, command)
    }

    /// Replaces the configuration in the running daemon.
    pub fn reconfigure(&self, config: &str) -> Result<(), Error> {
        write(&self.host, &self.socket, config)?;
        self.bgpctl("reload").map(drop)
    }

    /// Its process and those that it started: session and route decision engines.
    pub fn pids(&mut self) -> Vec<u32> {
        let parent = self.process.pid();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = children.unwrap_or_default();
        std::iter::once(parent).chain(children.split_whitespace().filter_map(|p| p.parse().ok())).collect()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until `show rib detail PREFIX` has (or has not) a route whose text contains `needle`.
    pub fn wait_route(&self, prefix: &str, needle: &str, present: bool) -> Result<String, Error> {
        let what = format!(
            "OpenBGPD's route {prefix} with \"{needle}\" {}",
            if present { "present" } else { "absent" }
        );
        self.host.wait(30, what, || {
            let text = self.bgpctl(&format!("show rib detail {prefix}")).map_err(|e| e.to_string())?;
            let found = text.contains(prefix) && text.contains(needle);
            if found == present { Ok(text) } else { Err(text) }
        })
    }
}

fn write(host: &Host, socket: &Path, config: &str) -> Result<PathBuf, Error> {
    let config = host.file("openbgpd.conf", &format!("socket \"{}\"\n{config}", socket.display()))?;
    // It refuses a file that others may write or read.
    fs::set_permissions(&config, Permissions::from_mode(0o600)).map_err(Error::path(&config))?;
    Ok(config)
}

fn bgpctl(host: &Host, socket: &Path, command: &str) -> Result<String, Error> {
    host.run(Command::new("bgpctl").arg("-s").arg(socket).args(command.split_whitespace()))
}
