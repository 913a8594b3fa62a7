//! GoBGP.

use std::process::Command;

use serde_json::Value;

use crate::ferrd::json;
use crate::{Error, Host, Process};

/// A running GoBGP.
#[derive(Debug)]
pub struct GoBgp {
    host: Host,
    process: Process,
}

impl GoBgp {
    /// Starts it with `config` (TOML) and waits until its API answers.
    pub fn start(host: &Host, config: &str) -> Result<Self, Error> {
        let config = host.file("gobgpd.toml", config)?;
        let mut command = Command::new("gobgpd");
        // The port is free: the namespace is its own.
        command.arg("-f").arg(config).args(["--api-hosts", "127.0.0.1:50051", "--pprof-disable"]);
        let mut process = host.start("gobgpd", command)?;
        process.wait_ready(host.interrupt(), 20, "to answer", |_| {
            gobgp(host, "neighbor").map(drop).map_err(|e| e.to_string())
        })?;
        Ok(Self { host: host.clone(), process })
    }

    /// Output of the `gobgp` client.
    pub fn gobgp(&self, command: &str) -> Result<String, Error> {
        gobgp(&self.host, command)
    }

    /// JSON of the `gobgp` client.
    pub fn json(&self, command: &str) -> Result<Value, Error> {
        json(command, &self.gobgp(&format!("{command} -j"))?)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until the global table of `family` (`ipv4`, `ipv6`) has (or has not) `prefix`.
    pub fn wait_route(&self, family: &str, prefix: &str, present: bool) -> Result<Value, Error> {
        let what = format!("GoBGP's route {prefix} {}", if present { "present" } else { "absent" });
        self.host.wait(30, what, || {
            let seen = self.json(&format!("global rib -a {family}")).map_err(|e| e.to_string())?;
            match seen.get(prefix) {
                Some(paths) if present => Ok(paths.clone()),
                None if !present => Ok(Value::Null),
                _ => Err(seen.to_string()),
            }
        })
    }
}

fn gobgp(host: &Host, command: &str) -> Result<String, Error> {
    host.run(Command::new("gobgp").args(["-u", "127.0.0.1", "-p", "50051"]).args(command.split_whitespace()))
}
