//! FRRouting's zebra, staticd and bgpd (or its daemons of OSPF), and bfdd where it is wanted.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::User;
use serde_json::Value;

use crate::ferrd::json;
use crate::vty::VtyClient;
use crate::{Error, Host, Process};

const DAEMONS: [&str; 3] = ["zebra", "staticd", "bgpd"];
const BFDD: &str = "bfdd";
/// Seconds until a daemon answers; reading a long file takes FRR 8 minutes rather than seconds.
const READY: u64 = 60;
const READY_FROM_FILES: u64 = 900;

/// A running FRR.
#[derive(Debug)]
pub struct Frr {
    host: Host,
    dir: PathBuf,
    processes: Vec<Process>,
    keep: bool,
}

impl Frr {
    /// Starts the daemons and gives them `frr_conf` through `vtysh`.
    pub fn start(host: &Host, frr_conf: &str) -> Result<Self, Error> {
        Self::start_daemons(host, &DAEMONS, frr_conf)
    }

    /// As [`Self::start`], with bfdd as the last of the processes.
    pub fn start_with_bfd(host: &Host, frr_conf: &str) -> Result<Self, Error> {
        Self::start_daemons(host, &[DAEMONS[0], DAEMONS[1], DAEMONS[2], BFDD], frr_conf)
    }

    /// As [`Self::start`], with bfdd and both daemons of OSPF.
    pub fn start_whole(host: &Host, frr_conf: &str) -> Result<Self, Error> {
        let [zebra, staticd, bgpd] = DAEMONS;
        Self::start_daemons(host, &[zebra, staticd, bgpd, "ospfd", "ospf6d", BFDD], frr_conf)
    }

    /// As [`Self::start`], with both daemons of OSPF instead of bgpd.
    pub fn start_with_ospf(host: &Host, frr_conf: &str) -> Result<Self, Error> {
        Self::start_daemons(host, &[DAEMONS[0], DAEMONS[1], "ospfd", "ospf6d", BFDD], frr_conf)
    }

    fn start_daemons(host: &Host, daemons: &[&str], frr_conf: &str) -> Result<Self, Error> {
        let empty = host.file("empty.conf", "!\n")?;
        let mut frr =
            Self { host: host.clone(), dir: Self::folder(host)?, processes: Vec::new(), keep: false };
        for daemon in daemons {
            let process = frr.launch(daemon, &empty)?;
            frr.processes.push(process);
        }
        frr.load(frr_conf)?;
        Ok(frr)
    }

    /// Starts zebra and bgpd, which read their files by themselves: long ones are read much faster so. `keep` makes zebra take over the routes
    /// of an earlier run for half a minute.
    pub fn start_from_files(host: &Host, zebra: &str, bgpd: &str, keep: bool) -> Result<Self, Error> {
        let mut frr = Self { host: host.clone(), dir: Self::folder(host)?, processes: Vec::new(), keep };
        host.file("zebra.conf", zebra)?;
        host.file("bgpd.conf", bgpd)?;
        frr.launch_from_files()?;
        Ok(frr)
    }

    fn launch_from_files(&mut self) -> Result<(), Error> {
        for daemon in ["zebra", "bgpd"] {
            let config = self.host.dir().join(format!("{daemon}.conf"));
            let process = self.launch_within(READY_FROM_FILES, daemon, &config)?;
            self.processes.push(process);
        }
        Ok(())
    }

    /// Kills the daemons of [`Self::start_from_files`], runs `meanwhile`, and starts them again.
    pub fn crash(&mut self, meanwhile: &mut dyn FnMut()) -> Result<(), Error> {
        self.processes.iter_mut().for_each(Process::kill);
        self.processes.clear();
        meanwhile();
        self.launch_from_files()
    }

    fn folder(host: &Host) -> Result<PathBuf, Error> {
        let dir = host.subdir("frr")?;
        let user = User::from_name("frr").ok().flatten().ok_or_else(|| Error::Missing {
            program: "user frr".to_owned(),
            fix: "apt-get install frr".to_owned(),
        })?;
        chown(&dir, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(Error::path(&dir))?;
        Ok(dir)
    }

    fn launch(&self, daemon: &str, config: &Path) -> Result<Process, Error> {
        self.launch_within(READY, daemon, config)
    }

    fn launch_within(&self, seconds: u64, daemon: &str, config: &Path) -> Result<Process, Error> {
        let mut process = self.host.start(daemon, self.command(daemon, config))?;
        let socket = self.dir.join(format!("{daemon}.vty"));
        // Reading a long configuration comes before the first answer.
        process.wait_ready(self.host.interrupt(), seconds, "to answer", |_| {
            // A file may be left by an earlier run.
            let client = VtyClient::connect(&socket, Duration::from_secs(2));
            client.and_then(|mut c| c.command("enable")).map(drop).map_err(|e| e.to_string())
        })?;
        Ok(process)
    }

    /// Ends the daemon that is the `index`th of [`Self::processes`], runs `meanwhile`, and starts it again with a configuration of its own.
    pub fn restart(
        &mut self,
        (index, daemon): (usize, &str),
        frr_conf: &str,
        meanwhile: impl FnOnce(),
    ) -> Result<(), Error> {
        self.processes[index].stop();
        meanwhile();
        let config = self.host.file(&format!("{daemon}.conf"), frr_conf)?;
        self.processes[index] = self.launch(daemon, &config)?;
        Ok(())
    }

    fn command(&self, daemon: &str, empty: &Path) -> Command {
        let file = |name: String| self.dir.join(name);
        // What it is to remember over a restart lies under one path for all of its runs on the machine.
        let alone = "mkdir -p /run/frr && mount --bind \"$0\" /run/frr && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--", "sh", "-c", alone])
            .arg(&self.dir)
            .arg(format!("/usr/lib/frr/{daemon}"));
        command.arg("-f").arg(empty).arg("-i").arg(file(format!("{daemon}.pid")));
        command.arg("-z").arg(file("zserv.api".to_owned())).arg("--vty_socket").arg(&self.dir);
        command.args(["-P", "0", "--log", "stdout"]);
        if daemon == DAEMONS[0] && self.keep {
            command.args(["-K", "30"]);
        }
        if daemon == BFDD {
            command.arg("--bfdctl").arg(file("bfdd.sock".to_owned()));
        }
        command
    }

    /// Applies a file of configuration lines.
    pub fn load(&self, frr_conf: &str) -> Result<(), Error> {
        let path = self.host.file("frr-loaded.conf", frr_conf)?;
        let mut vtysh = self.vtysh_command();
        self.host.run(vtysh.arg("-f").arg(path)).map(drop)
    }

    fn vtysh_command(&self) -> Command {
        let mut vtysh = Command::new("vtysh");
        vtysh.arg("--vty_socket").arg(&self.dir).arg("--config_dir").arg(self.host.dir());
        vtysh
    }

    /// Runs `vtysh` with one `-c` for each command.
    pub fn vtysh(&self, commands: &[&str]) -> Result<String, Error> {
        let mut vtysh = self.vtysh_command();
        for command in commands {
            vtysh.args(["-c", command]);
        }
        self.host.run(&mut vtysh)
    }

    /// Types lines in configuration mode.
    pub fn configure(&self, lines: &[&str]) -> Result<(), Error> {
        let mut all = vec!["configure terminal"];
        all.extend_from_slice(lines);
        self.vtysh(&all).map(drop)
    }

    /// JSON of one `show` command.
    pub fn json(&self, command: &str) -> Result<Value, Error> {
        json(command, &self.vtysh(&[command])?)
    }

    /// Folder of its sockets.
    #[must_use]
    pub fn vty_dir(&self) -> &Path {
        &self.dir
    }

    /// Its processes: zebra, staticd, bgpd, and bfdd if it was wanted.
    pub fn processes(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    /// Waits until the BGP table has (or has not) a path for `prefix`.
    pub fn wait_prefix(&self, prefix: &str, present: bool) -> Result<Value, Error> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let command = format!("show bgp {family} unicast {prefix} json");
        let what = format!("FRR's BGP route {prefix} {}", if present { "present" } else { "absent" });
        self.host.wait(30, what, || {
            let seen = self.json(&command).map_err(|e| e.to_string())?;
            let found = seen.get("paths").and_then(Value::as_array).is_some_and(|p| !p.is_empty());
            if found == present { Ok(seen) } else { Err(seen.to_string()) }
        })
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        // Leaves of the tree first, so that none waits for another's reconnect.
        while let Some(process) = self.processes.pop() {
            drop(process);
        }
    }
}
