//! ExaBGP. What it receives is written to a file by a process that it starts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Error, Host, Process};

/// A running ExaBGP.
#[derive(Debug)]
pub struct ExaBgp {
    host: Host,
    received: PathBuf,
    commands: PathBuf,
    process: Process,
}

impl ExaBgp {
    /// Starts it with the body of one `neighbor` block's configuration; `neighbor` is the peer's address. A process that
    /// notes received messages (as JSON) and passes on commands is added.
    pub fn start(host: &Host, neighbor: &str, body: &str) -> Result<Self, Error> {
        let received = host.dir().join("exabgp-received.json");
        let commands = host.file("exabgp-commands", "")?;
        let script = host.file(
            "exabgp-process.sh",
            &format!(
                "#!/bin/sh\ntail -n +1 -f {} &\nT=$!\ntrap 'kill $T' EXIT\ncat >> {}\n",
                commands.display(),
                received.display()
            ),
        )?;
        let config = format!(
            "process watch {{ run /bin/sh {}; encoder json; }}\n\
             neighbor {neighbor} {{\n{body}\n  api {{ processes [ watch ]; neighbor-changes; receive {{ parsed; update; \
             notification; }} }}\n}}\n",
            script.display()
        );
        let config = host.file("exabgp.conf", &config)?;
        let mut command = Command::new("exabgp");
        command
            .env("exabgp.daemon.user", "root")
            .env("exabgp.api.cli", "false")
            .env("exabgp.log.all", "true");
        command.env("exabgp.tcp.bind", "").env("exabgp.daemon.drop", "false").arg(config);
        let process = host.start("exabgp", command)?;
        Ok(Self { host: host.clone(), received, commands, process })
    }

    /// All that it received so far, one JSON object per line.
    #[must_use]
    pub fn received(&self) -> String {
        fs::read_to_string(&self.received).unwrap_or_default()
    }

    /// Waits until a received line contains all of `needles`.
    pub fn wait_received(&mut self, needles: &[&str]) -> Result<String, Error> {
        let (host, process) = (self.host.clone(), &mut self.process);
        let received = &self.received;
        host.wait(30, format!("ExaBGP to receive {needles:?}"), || {
            process.check().map_err(|e| e.to_string())?;
            let text = fs::read_to_string(received).unwrap_or_default();
            let line = text.lines().rev().find(|line| needles.iter().all(|needle| line.contains(needle)));
            line.map(str::to_owned).ok_or_else(|| format!("{text}\n{}", process.log_tail(15)))
        })
    }

    /// Gives a command to its API (`announce route 10.0.0.0/8 next-hop self`).
    pub fn api(&self, command: &str) -> Result<(), Error> {
        let mut text = fs::read_to_string(&self.commands).map_err(Error::path(&self.commands))?;
        text.push_str(command);
        text.push('\n');
        fs::write(&self.commands, text).map_err(Error::path(&self.commands))
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
