//! The program as people start it: the lab, the check, the shell, and its behaviour when something is missing.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use ferr_testnet::{Requirement, check, skipped, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn ferr(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferr"));
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    ferr(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lab_possible() -> bool {
    let needs = [Requirement::Program("ip"), Requirement::Program("tc"), Requirement::Namespaces];
    check(&needs).inspect_err(|e| skipped(e)).is_ok()
}

#[test]
fn the_lab_converges_and_heals() {
    if !lab_possible() {
        return;
    }
    let tools = check(&["tcpdump", "tshark"].map(Requirement::Program));
    let dissect = tools.inspect_err(|e| skipped(e)).is_ok();
    let output = run(if dissect { &["lab", "--json", "--dissect"] } else { &["lab", "--json"] });
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["daemon"], "ferrd");
    for (router, peer) in [(0, "2.1.1.1"), (1, "1.1.1.1")] {
        let router = &report["routers"][router];
        assert_eq!(router["bgp_summary"]["ipv4Unicast"]["peers"][peer]["state"], "Established", "{router}");
        assert!(router["kernel_bgp_routes"].as_u64().unwrap() > 1900, "{router}");
    }
    assert_eq!(report["pings"].as_array().unwrap().len(), 2);
    assert_eq!(report["leaked"], Value::Array(Vec::new()));
    for kind in ["silent_cut", "cut"] {
        let cut = &report[kind];
        assert!(cut["before"].as_str().unwrap().contains("dev wg0"), "{kind}: {cut}");
        let after = cut["after"].as_str().unwrap();
        assert!(after.contains("dev wg1") && !after.contains("dev wg0"), "{kind}: {cut}");
        assert!(cut["outage_milliseconds"].as_f64().unwrap() < 2000.0, "{kind}: {cut}");
    }
    // The session between the loopbacks outlives the tunnel.
    assert_eq!(report["silent_cut"]["sessions_kept"], true, "{report}");
    if dissect {
        for router in [0, 1] {
            let sent = &report["dissected"][router];
            assert!(sent["messages"].as_u64().unwrap() > 5, "{sent}");
            assert!(sent["bfd"].as_u64().unwrap() > 20, "{sent}");
            assert_eq!(sent["faults"], Value::Array(Vec::new()), "{sent}");
        }
    }
}

#[test]
fn the_region_converges_and_heals() {
    if !lab_possible() {
        return;
    }
    let tools = check(&["tcpdump", "tshark"].map(Requirement::Program));
    let dissect = tools.inspect_err(|e| skipped(e)).is_ok();
    let mut args = vec!["lab", "--topology", "region", "--json"];
    args.extend(dissect.then_some("--dissect"));
    let output = run(&args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    // What must stay inside is named by the plan; the report would list it.
    assert_eq!(report["leaked"], Value::Array(Vec::new()));
    for kind in ["silent_cut", "cut"] {
        let cut = &report[kind];
        assert!(cut["before"].as_str().unwrap().contains("dev eth0"), "{kind}: {cut}");
        assert!(cut["after"].as_str().unwrap().contains("dev eth1"), "{kind}: {cut}");
        assert!(cut["outage_milliseconds"].is_f64(), "{kind}: {cut}");
        assert_eq!(cut["sessions_kept"], true, "{kind}: {cut}");
    }
    let dissected = report["dissected"].as_array().map_or(&[][..], Vec::as_slice);
    assert!(dissected.iter().all(|r| r["faults"] == Value::Array(Vec::new())), "{report}");
}

#[test]
fn an_interrupted_lab_leaves_nothing() {
    if !lab_possible() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut lab = ferr(&["lab"]);
        let mut lab =
            lab.env("TMPDIR", temp.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let daemon = wait_until(Duration::from_secs(20), "a daemon's pid file", || {
            let found = fs::read_dir(temp.path()).unwrap().flatten().find_map(|lab| {
                fs::read_to_string(lab.path().join("t1/run/ferrd.pid")).ok().filter(|pid| pid.ends_with('\n'))
            });
            found.map(|pid| pid.trim().to_owned()).ok_or_else(|| "none".to_owned())
        });
        let daemon = daemon.unwrap();
        kill(Pid::from_raw(lab.id() as i32), signal).unwrap();
        let status = lab.wait().unwrap();
        if signal == Signal::SIGINT {
            assert_eq!(status.code(), Some(130));
        }
        wait_until(Duration::from_secs(20), "everything to be gone", || {
            let files = fs::read_dir(temp.path()).unwrap().count();
            let runs = Path::new("/proc").join(&daemon).join("exe").exists();
            if files == 0 && !runs { Ok(()) } else { Err(format!("{files} files, daemon runs: {runs}")) }
        })
        .unwrap();
    }
}

#[test]
fn a_kept_lab_answers_and_is_ended_later() {
    if !lab_possible() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let output = ferr(&["lab", "--keep", "--json", "--transit", "built-in"])
        .env("TMPDIR", temp.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lab = fs::read_dir(temp.path()).unwrap().flatten().next().unwrap().path();
    let vty = lab.join("t1/run");
    let shown = run(&["--vty-dir", vty.to_str().unwrap(), "-c", "show bgp summary"]);
    assert!(shown.status.success() && text(&shown.stdout).contains("2.1.1.1"), "{shown:?}");
    let pid = fs::read_to_string(vty.join("ferrd.pid")).unwrap();
    let stopped = ferr(&["lab", "--stop"]).env("TMPDIR", temp.path()).output().unwrap();
    assert!(stopped.status.success(), "{}", text(&stopped.stderr));
    assert!(!lab.exists() && !Path::new("/proc").join(pid.trim()).join("exe").exists());
}

#[test]
fn mistakes_are_told_with_the_fix() {
    let temp = tempfile::tempdir().unwrap();
    let plan = temp.path().join("plan.json");
    fs::write(&plan, "{\n \"name\": 5\n}").unwrap();
    let output = run(&["lab", "--topology", plan.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("plan.json:2:"), "{}", text(&output.stderr));

    let output = ferr(&["lab"]).env("PATH", temp.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));

    let output = run(&["--vty-dir", temp.path().to_str().unwrap(), "-c", "show version"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("start ferrd"), "{}", text(&output.stderr));
    let output = run(&["doctor", "bfd", "192.0.2.1", "--vty-dir", temp.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("start ferrd"), "{}", text(&output.stderr));
}

#[test]
fn check_names_place_and_status() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("frr.conf");
    fs::write(&file, "router bgp 65001\n neighbor 192.0.2.1 remote-az 65002\nexit\n").unwrap();
    for args in [&["check"][..], &["ferrd", "--check", "-f"][..]] {
        let output = ferr(args).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let shown = text(&output.stdout);
        assert!(shown.contains("frr.conf:2:21:") && shown.contains("remote-as"), "{shown}");
    }
    fs::write(&file, "router bgp 65001\n neighbor 192.0.2.1 remote-as 65002\nexit\n").unwrap();
    assert!(run(&["check", file.to_str().unwrap()]).status.success());
    assert_eq!(run(&["check", "/nonexistent/frr.conf"]).status.code(), Some(1));
}

#[test]
fn the_background_daemon_is_ready_when_its_starter_returns() {
    if !lab_possible() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let netns = ferr_testnet::Netns::create().unwrap();
    let (file, vty) = (temp.path().join("frr.conf"), temp.path().join("run"));
    fs::write(&file, "router bgp 65001\nexit\n").unwrap();
    let mut start = ferr(&["ferrd", "--daemon", "--config"]);
    start.arg(&file).arg("--vty-dir").arg(&vty);
    let began = Instant::now();
    let output = ferr_testnet::run(&mut start, Some(&netns)).unwrap();
    assert!(output.status.success() && began.elapsed() < Duration::from_secs(10), "{output:?}");
    let pid: i32 = fs::read_to_string(vty.join("ferrd.pid")).unwrap().trim().parse().unwrap();
    assert!(vty.join("zebra.vty").exists() && vty.join("bgpd.vty").exists());
    let shown = run(&["--vty-dir", vty.to_str().unwrap(), "-c", "show running-config"]);
    assert!(text(&shown.stdout).contains("router bgp 65001"), "{shown:?}");
    let found =
        run(&["doctor", "bfd", "192.0.2.1", "vrf", "default", "json", "--vty-dir", vty.to_str().unwrap()]);
    let causes: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(
        (causes[0]["cause"].as_str(), found.status.code()),
        (Some("not-configured"), Some(1)),
        "{found:?}"
    );
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    wait_until(Duration::from_secs(10), "the daemon's end", || {
        if vty.join("ferrd.pid").exists() { Err("pid file exists".to_owned()) } else { Ok(()) }
    })
    .unwrap();

    // A start that fails says so, with a status.
    let mut start = ferr(&["ferrd", "-d", "--vty-dir", "/proc/nowhere"]);
    let output = ferr_testnet::run(&mut start, Some(&netns)).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
}

#[test]
fn an_import_writes_files_and_keys_and_shows_no_key() {
    use std::os::unix::fs::PermissionsExt;
    const KEY: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let lines = [
        "set interfaces wireguard wg0 address '10.1.1.1/30'".to_owned(),
        format!("set interfaces wireguard wg0 private-key '{KEY}'"),
        "set service ssh".to_owned(),
    ];
    fs::write(path("vyos.txt"), lines.join("\n")).unwrap();

    // Without a folder for keys: a command that makes the file, and that works.
    let printed = run(&["import", "vyos", &path("vyos.txt")]);
    let (out, report) = (text(&printed.stdout), text(&printed.stderr));
    assert!(
        printed.status.success() && out.contains("wireguard private-key-file /etc/frr/keys/wg0.key"),
        "{out}"
    );
    assert!(!out.contains(KEY) && !report.contains(KEY), "{out}{report}");
    assert!(
        report.contains("2 of 3 lines carried over, 1 left") && report.contains("3: set service ssh"),
        "{report}"
    );
    let command = report
        .lines()
        .find(|l| l.contains("umask"))
        .unwrap()
        .replace("/etc/frr/keys", temp.path().to_str().unwrap());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    assert_eq!(fs::read_to_string(path("wg0.key")).unwrap().trim(), KEY);
    assert_eq!(fs::metadata(path("wg0.key")).unwrap().permissions().mode() & 0o777, 0o600);

    // With one: the file is written, and a second time only when asked.
    let args = ["--frr", &path("frr.conf"), "--own", &path("ferr.conf"), "--keys", &path("keys")];
    let with = |more: &[&str]| run(&[&["import", "vyos", &path("vyos.txt")][..], &args[..], more].concat());
    assert!(with(&[]).status.success());
    let key = path("keys/wg0.key");
    assert_eq!(fs::read_to_string(&key).unwrap().trim(), KEY);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(path("ferr.conf")).unwrap().contains(&format!("private-key-file {key}")));
    assert!(run(&["check", &path("frr.conf"), &path("ferr.conf")]).status.success());
    let again = with(&[]);
    assert!(!again.status.success() && text(&again.stderr).contains("--force"), "{again:?}");
    assert!(with(&["--force"]).status.success());

    let output = run(&["import", "wg-quick", "/nonexistent/wg0.conf"]);
    assert_eq!(output.status.code(), Some(1));
}
