//! BIRD 2.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, Host, Process};

/// A running BIRD.
#[derive(Debug)]
pub struct Bird {
    host: Host,
    socket: PathBuf,
    config: PathBuf,
    process: Process,
}

impl Bird {
    /// Starts it with `config` and waits until `birdc` gets an answer.
    pub fn start(host: &Host, config: &str) -> Result<Self, Error> {
        let config = host.file("bird.conf", config)?;
        let socket = host.dir().join("bird.ctl");
        let process = Self::launch(host, &config, &socket)?;
        let mut bird = Self { host: host.clone(), socket, config, process };
        bird.ready()?;
        Ok(bird)
    }

    fn launch(host: &Host, config: &Path, socket: &Path) -> Result<Process, Error> {
        let mut command = Command::new("bird");
        command.arg("-f").arg("-c").arg(config).arg("-s").arg(socket);
        command.arg("-P").arg(host.dir().join("bird.pid"));
        host.start("bird", command)
    }

    fn ready(&mut self) -> Result<(), Error> {
        let (host, socket) = (self.host.clone(), self.socket.clone());
        self.process.wait_ready(host.interrupt(), 20, "to answer", |_| {
            birdc(&host, &socket, "show status").map(drop).map_err(|e| e.to_string())
        })
    }

    /// Starts it again after an end of any kind.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.process = Self::launch(&self.host, &self.config, &self.socket)?;
        self.ready()
    }

    /// Replaces the configuration in the running daemon.
    pub fn reconfigure(&self, config: &str) -> Result<(), Error> {
        self.host.file("bird.conf", config)?;
        self.birdc("configure").map(drop)
    }

    /// Answer of `birdc` to one command.
    pub fn birdc(&self, command: &str) -> Result<String, Error> {
        birdc(&self.host, &self.socket, command)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until `show route all PREFIX` has (or has not) a route whose text contains `needle`.
    pub fn wait_route(&self, prefix: &str, needle: &str, present: bool) -> Result<String, Error> {
        let what =
            format!("BIRD's route {prefix} with \"{needle}\" {}", if present { "present" } else { "absent" });
        self.host.wait(30, what, || {
            let text = match self.birdc(&format!("show route all {prefix}")) {
                Ok(text) => text,
                Err(Error::Command { message, .. }) => message,
                Err(e) => return Err(e.to_string()),
            };
            let found = text.contains(prefix) && text.contains(needle);
            if found == present { Ok(text) } else { Err(text) }
        })
    }

    /// Waits until protocol `name` shows `state` (`Established`, ...).
    pub fn wait_protocol(&self, name: &str, state: &str) -> Result<(), Error> {
        self.host.wait(30, format!("BIRD's protocol {name} in state {state}"), || {
            let text = self.birdc(&format!("show protocols all {name}")).map_err(|e| e.to_string())?;
            if text.contains(state) { Ok(()) } else { Err(text) }
        })
    }
}

fn birdc(host: &Host, socket: &Path, command: &str) -> Result<String, Error> {
    host.run(Command::new("birdc").arg("-s").arg(socket).args(command.split_whitespace()))
}
