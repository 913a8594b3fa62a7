//! Running a program to its end, with a time limit.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Netns};

/// Longest time that a helper program (`ip`, `vtysh`, ...) gets.
const LIMIT: Duration = Duration::from_secs(30);

/// The command as one would type it, for messages.
pub(crate) fn line(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        let arg = arg.to_string_lossy();
        if arg.contains(char::is_whitespace) {
            text.push_str(&format!("'{arg}'"));
        } else {
            text.push_str(&arg);
        }
    }
    text
}

/// How to install what the program belongs to.
pub(crate) fn install_hint(program: &str) -> String {
    let package = match program.rsplit('/').next().unwrap_or(program) {
        "ip" => "iproute2",
        "vtysh" | "zebra" | "staticd" => "frr",
        "bird" | "birdc" => "bird2",
        "gobgp" | "gobgpd" => "gobgpd",
        "bgpctl" => "openbgpd",
        "bgpd" => "frr or openbgpd",
        "ping" => "iputils-ping",
        other => other,
    };
    format!("apt-get install {package}")
}

fn spawn_error(command: &Command, source: io::Error) -> Error {
    let program = command.get_program().to_string_lossy().into_owned();
    if source.kind() == io::ErrorKind::NotFound {
        return Error::Missing { fix: install_hint(&program), program };
    }
    Error::Io { what: format!("starting {program}"), source }
}

/// Folders beside those of `PATH` that hold what we start.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// `PATH` with the system's folders behind it.
pub(crate) fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    env::join_paths(folders).unwrap_or(path)
}

/// Starts `command` in `netns`, or in our own namespace.
pub(crate) fn spawn(command: &mut Command, netns: Option<&Netns>) -> Result<std::process::Child, Error> {
    // An ordinary user's PATH often lacks where `ip` and the daemons are.
    command.env("PATH", search_path());
    let spawned = match netns {
        Some(netns) => netns.enter(|| command.spawn())?,
        None => command.spawn(),
    };
    spawned.map_err(|source| spawn_error(command, source))
}

/// Runs `command` to its end with its output collected. A command that takes longer than 30 s is killed.
pub fn run(command: &mut Command, netns: Option<&Netns>) -> Result<Output, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command, netns)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, stdout, stderr) = thread::scope(|scope| {
        let out = scope.spawn(|| read_all(stdout));
        let err = scope.spawn(|| read_all(stderr));
        let start = Instant::now();
        let mut pause = Duration::from_micros(500);
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok(status),
                Ok(None) if start.elapsed() > LIMIT => {
                    let _ = child.kill();
                    let _ = child.wait();
                    break Err(Error::Timeout {
                        what: format!("the end of `{}`", line(command)),
                        last: "still running, killed".to_owned(),
                        after: start.elapsed(),
                    });
                }
                Ok(None) => thread::sleep(pause),
                Err(source) => break Err(Error::Io { what: line(command), source }),
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        (status, out.join().unwrap_or_default(), err.join().unwrap_or_default())
    });
    Ok(Output { status: status?, stdout, stderr })
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What came before a read error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}
