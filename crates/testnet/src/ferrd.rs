//! Our own daemon on a host.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::vty::{Answer, VtyClient};
use crate::{Error, Host, Process};

/// Where the daemon's program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FerrdProgram {
    /// The executable.
    pub program: PathBuf,
    /// Arguments before the daemon's own (a multi-call program's sub-command).
    pub prefix: Vec<OsString>,
}

/// A running `ferrd` on a host.
#[derive(Debug)]
pub struct Ferrd {
    host: Host,
    program: FerrdProgram,
    config: PathBuf,
    own: Option<PathBuf>,
    vty_dir: PathBuf,
    process: Process,
}

impl FerrdProgram {
    /// From `FERRD_BIN`, else `ferrd` in the build folder that the running test is in.
    pub fn locate() -> Result<Self, Error> {
        let named = env::var_os("FERRD_BIN").map(PathBuf::from);
        let built = || {
            let test = env::current_exe().ok()?;
            // .../<profile>/deps/<test>
            test.ancestors().skip(1).take(2).map(|dir| dir.join("ferrd")).find(|path| path.is_file())
        };
        match named.or_else(built) {
            Some(program) if program.is_file() => Ok(Self { program, prefix: Vec::new() }),
            _ => Err(Error::Missing {
                program: "ferrd".to_owned(),
                fix: "cargo build -p ferrd, or set FERRD_BIN to its path".to_owned(),
            }),
        }
    }

    /// The running program itself, which answers as the daemon when its first argument is `word`.
    pub fn within(word: &str) -> Result<Self, Error> {
        let program = env::current_exe().map_err(Error::io("own executable"))?;
        Ok(Self { program, prefix: vec![word.into()] })
    }

    /// The same in a mount namespace of its own with an own `/run/wireguard`: control sockets of tunnels have their names there, and would
    /// collide between routers of one machine.
    #[must_use]
    pub fn with_own_run(&self) -> Self {
        let script = "mkdir -p /run/wireguard 2>/dev/null && mount -t tmpfs tmpfs /run/wireguard 2>/dev/null; exec \"$0\" \"$@\"";
        let mut prefix: Vec<OsString> = ["--mount", "--", "sh", "-c", script].map(OsString::from).into();
        prefix.push(self.program.clone().into_os_string());
        prefix.extend(self.prefix.iter().cloned());
        Self { program: PathBuf::from("unshare"), prefix }
    }

    /// The daemon without arguments of its own.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.prefix);
        command
    }
}

impl Ferrd {
    /// Starts it with `frr.conf` and waits until its sockets answer.
    pub fn start(host: &Host, program: &FerrdProgram, frr_conf: &str) -> Result<Self, Error> {
        Self::start_with(host, program, frr_conf, None)
    }

    /// The same with statements of our own in `ferr.conf` beside it.
    pub fn start_with_own(
        host: &Host,
        program: &FerrdProgram,
        frr_conf: &str,
        ferr_conf: &str,
    ) -> Result<Self, Error> {
        Self::start_with(host, program, frr_conf, Some(ferr_conf))
    }

    fn start_with(
        host: &Host,
        program: &FerrdProgram,
        frr_conf: &str,
        ferr_conf: Option<&str>,
    ) -> Result<Self, Error> {
        let config = host.file("frr.conf", frr_conf)?;
        let own = ferr_conf.map(|text| host.file("ferr.conf", text)).transpose()?;
        let vty_dir = host.subdir("run")?;
        let process = Self::launch(host, program, (&config, own.as_deref()), &vty_dir)?;
        let mut ferrd = Self { host: host.clone(), program: program.clone(), config, own, vty_dir, process };
        ferrd.ready()?;
        Ok(ferrd)
    }

    fn launch(
        host: &Host,
        program: &FerrdProgram,
        (config, own): (&Path, Option<&Path>),
        vty_dir: &Path,
    ) -> Result<Process, Error> {
        let mut command = program.command();
        for file in [Some(config), own].into_iter().flatten() {
            command.arg("--config").arg(file);
        }
        command.arg("--vty-dir").arg(vty_dir);
        command.arg("--pid-file").arg(vty_dir.join("ferrd.pid")).args(["--log-level", "informational"]);
        host.start("ferrd", command)
    }

    fn ready(&mut self) -> Result<(), Error> {
        let path = self.vty_dir.join("zebra.vty");
        self.process.wait_ready(self.host.interrupt(), 20, "to answer on zebra.vty", |_| {
            let mut client =
                VtyClient::connect(&path, Duration::from_secs(2)).map_err(|e| format!("connect: {e}"))?;
            client.command("enable").map(drop).map_err(|e| format!("enable: {e}"))
        })
    }

    /// Starts it again after an end of any kind.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.process =
            Self::launch(&self.host, &self.program, (&self.config, self.own.as_deref()), &self.vty_dir)?;
        self.ready()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Folder of the vty sockets.
    #[must_use]
    pub fn vty_dir(&self) -> &Path {
        &self.vty_dir
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Most memory that it ever had, in KiB.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// Memory that it has now (resident), in KiB.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, line: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).ok()?;
        status.lines().find_map(|l| l.strip_prefix(line))?.split_whitespace().next()?.parse().ok()
    }

    /// Sends commands to one socket on one connection, after `enable`; stops at the first status other than 0.
    pub fn commands(&self, daemon: &str, commands: &[&str]) -> Result<Answer, Error> {
        let path = self.vty_dir.join(format!("{daemon}.vty"));
        let mut client = VtyClient::connect(&path, Duration::from_secs(20)).map_err(|source| {
            let log = self.process.log_tail(10);
            Error::Io { what: format!("{}; last lines of ferrd:\n{log}\n", path.display()), source }
        })?;
        let mut answer = client.command("enable").map_err(Error::path(&path))?;
        for command in commands {
            answer = client.command(command).map_err(Error::io(format!("`{command}` on {daemon}.vty")))?;
            if answer.status != 0 {
                break;
            }
        }
        Ok(answer)
    }

    /// Text of one `show` command of `bgpd`.
    pub fn bgp(&self, command: &str) -> Result<String, Error> {
        self.commands("bgpd", &[command]).map(|a| a.text)
    }

    /// JSON of one `show` command of `bgpd`.
    pub fn bgp_json(&self, command: &str) -> Result<Value, Error> {
        json(command, &self.bgp(command)?)
    }

    /// JSON of one `show` command of `zebra`.
    pub fn zebra_json(&self, command: &str) -> Result<Value, Error> {
        json(command, &self.commands("zebra", &[command])?.text)
    }

    /// JSON of one `show` command of `bfdd`.
    pub fn bfd_json(&self, command: &str) -> Result<Value, Error> {
        json(command, &self.commands("bfdd", &[command])?.text)
    }

    /// JSON of one `show` command of OSPFv2.
    pub fn ospf_json(&self, command: &str) -> Result<Value, Error> {
        json(command, &self.commands("ospfd", &[command])?.text)
    }

    /// JSON of one `show` command of OSPFv3.
    pub fn ospf6_json(&self, command: &str) -> Result<Value, Error> {
        json(command, &self.commands("ospf6d", &[command])?.text)
    }

    /// Types lines into `bgpd` in configuration mode; a refused line is an error.
    pub fn configure(&self, lines: &[&str]) -> Result<(), Error> {
        self.configure_on("bgpd", lines)
    }

    /// Types lines into the socket of `daemon` in configuration mode; a refused line is an error.
    pub fn configure_on(&self, daemon: &str, lines: &[&str]) -> Result<(), Error> {
        let mut all = vec!["configure terminal"];
        all.extend_from_slice(lines);
        let answer = self.commands(daemon, &all)?;
        if answer.status == 0 {
            return Ok(());
        }
        Err(Error::Answer { what: lines.join(" / "), text: format!("{} ({})", answer.text, answer.status) })
    }

    /// Runs the packaged `vtysh` against our sockets.
    pub fn vtysh(&self, commands: &[&str]) -> Result<String, Error> {
        let mut vtysh = Command::new("vtysh");
        vtysh.arg("--vty_socket").arg(&self.vty_dir).arg("--config_dir").arg(self.host.dir());
        for command in commands {
            vtysh.args(["-c", command]);
        }
        self.host.run(&mut vtysh)
    }

    /// State of the session with `peer` (`Established`, ...), `None` when there is no such neighbor.
    pub fn peer_state(&self, peer: &str) -> Result<Option<String>, Error> {
        let all = self.bgp_json("show bgp summary json")?;
        let families = all.as_object().into_iter().flatten();
        Ok(families
            .filter_map(|(_, family)| family.get("peers")?.get(peer)?.get("state")?.as_str())
            .map(str::to_owned)
            .next())
    }

    /// Waits until the session with `peer` is in `state`.
    pub fn wait_peer(&self, peer: &str, state: &str) -> Result<(), Error> {
        self.host.wait(30, format!("session with {peer} in state {state}"), || {
            let seen = self.peer_state(peer).map_err(|e| e.to_string())?;
            if seen.as_deref() == Some(state) { Ok(()) } else { Err(format!("{seen:?}")) }
        })
    }

    /// Waits until the BGP table has (or has not) a path for `prefix`; gives the answer of `show bgp ... PREFIX json`.
    pub fn wait_prefix(&self, prefix: &str, present: bool) -> Result<Value, Error> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let command = format!("show bgp {family} unicast {prefix} json");
        let what = format!("BGP route {prefix} {}", if present { "present" } else { "absent" });
        self.host.wait(30, what, || {
            let seen = self.bgp_json(&command).map_err(|e| e.to_string())?;
            let found = seen.get("paths").and_then(Value::as_array).is_some_and(|p| !p.is_empty());
            if found == present { Ok(seen) } else { Err(seen.to_string()) }
        })
    }
}

/// Parses an answer that should be JSON.
pub(crate) fn json(what: &str, text: &str) -> Result<Value, Error> {
    serde_json::from_str(text)
        .map_err(|_| Error::Answer { what: what.to_owned(), text: text.chars().take(300).collect() })
}
