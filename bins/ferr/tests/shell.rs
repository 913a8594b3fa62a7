//! The shell as people type in it, on a terminal.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ferr_testnet::vty::VtyClient;
use ferr_testnet::{Netns, Requirement, check, skipped, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const FERR: &str = env!("CARGO_BIN_EXE_ferr");

/// A daemon in the background, with its sockets in a folder.
fn daemon(dir: &Path) -> i32 {
    let netns = Netns::create().unwrap();
    let file = dir.join("frr.conf");
    fs::write(&file, "router bgp 65001\nexit\n").unwrap();
    let mut start = Command::new(FERR);
    start.args(["ferrd", "--daemon", "--config"]).arg(&file).arg("--vty-dir").arg(dir);
    let output = ferr_testnet::run(&mut start, Some(&netns)).unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(dir.join("ferrd.pid")).unwrap().trim().parse().unwrap()
}

#[test]
fn the_log_and_a_pager_while_typing() {
    let needs = [Requirement::Program("ip"), Requirement::Program("script"), Requirement::Namespaces];
    if let Err(reason) = check(&needs) {
        return skipped(&reason);
    }
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let pid = daemon(dir);
    // It gives its child a terminal.
    let mut shell = Command::new("script")
        .args(["-qec", &format!("{FERR} --vty-dir {}", dir.display()), "/dev/null"])
        .env("HOME", dir)
        .env("TERM", "xterm")
        .env("VTYSH_PAGER", "sed s/^/paged:/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let (mut output, text) = (shell.stdout.take().unwrap(), Arc::clone(&seen));
    let reader = thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(len @ 1..) = output.read(&mut chunk) {
            text.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..len]));
        }
    });
    let wait = |words: &str| {
        wait_until(Duration::from_secs(20), words, || {
            let seen = seen.lock().unwrap();
            if seen.contains(words) { Ok(()) } else { Err(seen.clone()) }
        })
        .unwrap();
        seen.lock().unwrap().clear();
    };
    let mut keys = shell.stdin.take().unwrap();
    let mut type_in = |line: &str| keys.write_all(line.as_bytes()).unwrap();

    wait("# ");
    type_in("show version\r");
    wait("paged:This is FeRR");
    // What is typed ahead of the prompt is lost.
    type_in("no terminal paginate\r");
    wait("# ");
    type_in("show version\r");
    wait("\nThis is FeRR");
    type_in("terminal monitor\r");
    wait("# ");
    let mut other = VtyClient::connect(&dir.join("bgpd.vty"), Duration::from_secs(5)).unwrap();
    for line in ["enable", "logmsg warnings hello there"] {
        assert_eq!(other.command(line).unwrap().status, 0, "{line}");
    }
    wait("BGP: hello there");
    type_in("no terminal monitor\r");
    wait("# ");
    type_in("exit\r");
    let status = shell.wait().unwrap();
    assert!(status.success(), "{status}");
    reader.join().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
}
