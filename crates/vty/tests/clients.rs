//! Debian's unmodified clients against the sockets: `vtysh`, `frr-reload.py`, `prometheus-frr-exporter`.
//!
//! A client that is not installed is skipped with a word, or fails the test with `FERR_TEST_STRICT=1`.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use support::World;

fn available(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|paths| std::env::split_paths(&paths).any(|p| p.join(program).exists()))
        || Path::new(program).exists();
    assert!(found || std::env::var("FERR_TEST_STRICT").as_deref() != Ok("1"), "{program} is not installed");
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

fn vtysh(world: &World, args: &[&str]) -> Output {
    let mut command = Command::new("vtysh");
    command.arg("--vty_socket").arg(&world.dir).arg("--config_dir").arg(&world.dir).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn commands(world: &World, lines: &[&str]) -> (String, Option<i32>) {
    let args: Vec<&str> = lines.iter().flat_map(|l| ["-c", *l]).collect();
    let output = vtysh(world, &args);
    (text(&output), output.status.code())
}

#[test]
fn vtysh_shows_and_configures() {
    if !available("vtysh") {
        return;
    }
    let world = World::new();
    let (shown, code) = commands(&world, &["show ip bgp summary"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("10.255.0.2      4      65002"), "{shown}");
    let (shown, code) = commands(&world, &["show ip route json"]);
    assert_eq!(code, Some(0));
    assert!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["10.94.0.0/24"].is_array());
    let lines = [
        "conf t",
        "router bgp 65001",
        " neighbor 10.9.9.9 remote-as 5",
        "exit",
        "ip route 10.88.0.0/16 Null0",
        "do show ip route",
        "end",
    ];
    let (shown, code) = commands(&world, &lines);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("S>* 10.98.0.0/24 [1/0] unreachable (blackhole)"), "{shown}");
    let (shown, code) = commands(&world, &["show running-config"]);
    assert_eq!(code, Some(0));
    for line in
        ["ip route 10.88.0.0/16 ", " neighbor 10.9.9.9 remote-as 5", "interface eth12\n description to r2"]
    {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert_eq!(shown.matches("vrf red").count(), 1, "{shown}");
    assert_eq!(shown.matches("ip route 10.93.0.0/24").count(), 1, "{shown}");
    let (shown, code) = commands(&world, &["write"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Integrated configuration saved to") && shown.contains("[OK]"), "{shown}");
    let saved = std::fs::read_to_string(world.dir.join("frr.conf")).unwrap();
    assert!(saved.contains("neighbor 10.9.9.9 remote-as 5"));
    let (_, code) =
        commands(&world, &["clear ip bgp *", "show ip prefix-list", "show route-map", "show memory"]);
    assert_eq!(code, Some(0));
    let (shown, _) = commands(&world, &["show ip prefix-list"]);
    for tag in ["ZEBRA", "OSPF", "BGP"] {
        assert!(shown.contains(&format!("{tag}: ip prefix-list PL: 2 entries")), "{shown}");
    }
}

#[test]
fn vtysh_reads_a_file() {
    if !available("vtysh") {
        return;
    }
    let world = World::new();
    let file = world.dir.join("more.conf");
    let more = "\
hostname r1
ip route 10.70.0.0/16 Null0
!
vrf blue
 ip route 10.71.0.0/16 10.0.12.2
exit-vrf
!
interface eth13
 description to r3
exit
!
router bgp 65001
 neighbor 10.0.13.3 remote-as 65001
 !
 address-family ipv4 unicast
  network 10.70.0.0/16
  neighbor 10.0.13.3 next-hop-self
 exit-address-family
exit
!
ip prefix-list PL seq 7 permit 192.168.0.0/16
!
route-map RIN permit 15
 match as-path AP
exit
!
line vty
!
end
";
    std::fs::write(&file, more).unwrap();
    let output = vtysh(&world, &["-f", file.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}{errors}", text(&output));
    let (shown, _) = commands(&world, &["show running-config"]);
    for line in [
        "ip route 10.70.0.0/16 ",
        "vrf blue\n ip route 10.71.0.0/16 10.0.12.2\nexit-vrf",
        "interface eth13\n description to r3\nexit",
        "  neighbor 10.0.13.3 next-hop-self",
        "ip prefix-list PL seq 7 permit 192.168.0.0/16",
        "route-map RIN permit 15\n match as-path AP\nexit",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn reload_finds_no_difference_to_what_was_printed() {
    const RELOAD: &str = "/usr/lib/frr/frr-reload.py";
    if !available(RELOAD) || !available("vtysh") {
        return;
    }
    let world = World::new();
    let output = vtysh(&world, &["-c", "show running-config no-header"]);
    let file = world.dir.join("frr.conf");
    std::fs::write(&file, text(&output)).unwrap();
    let reload = |file: &Path| {
        let output = Command::new("python3")
            .arg(RELOAD)
            .args(["--test", "--stdout", "--bindir", "/usr/bin", "--confdir"])
            .arg(&world.dir)
            .arg("--rundir")
            .arg(&world.dir)
            .arg("--vty_socket")
            .arg(&world.dir)
            .arg(file)
            .output()
            .unwrap();
        format!("{}{}", text(&output), String::from_utf8_lossy(&output.stderr))
    };
    let shown = reload(&file);
    let section = |shown: &str, name: &str| -> Vec<String> {
        // A section without lines is not printed.
        let Some(rest) = shown.split(name).nth(1) else { return Vec::new() };
        let lines = rest.lines().skip(2).take_while(|l| !l.starts_with("Lines To") && !l.starts_with("20"));
        lines.map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect()
    };
    assert!(shown.contains("Loading Config object from vtysh show running"), "{shown}");
    assert_eq!(section(&shown, "Lines To Delete"), Vec::<String>::new(), "{shown}");
    assert_eq!(section(&shown, "Lines To Add"), Vec::<String>::new(), "{shown}");
    let changed = text(&output).replace("description to r2", "description to r4");
    std::fs::write(&file, changed).unwrap();
    let shown = reload(&file);
    assert_eq!(section(&shown, "Lines To Delete"), ["interface eth12", "no description to r2"], "{shown}");
    assert_eq!(section(&shown, "Lines To Add"), ["interface eth12", "description to r4"], "{shown}");
}

#[test]
fn reload_applies_a_changed_file() {
    const RELOAD: &str = "/usr/lib/frr/frr-reload.py";
    if !available(RELOAD) || !available("vtysh") {
        return;
    }
    let world = World::new();
    let running = || text(&vtysh(&world, &["-c", "show running-config no-header"]));
    let wanted = running()
        .replace("description to r2", "description to r4")
        .replace(" neighbor 10.0.12.77 remote-as 65077\n neighbor 10.0.12.77 shutdown\n", "")
        .replace("ip route 10.98.0.0/24 blackhole", "ip route 10.97.0.0/24 blackhole")
        .replace(" set local-preference 150", " set local-preference 160");
    let file = world.dir.join("frr.conf");
    std::fs::write(&file, &wanted).unwrap();
    let output = Command::new("python3")
        .arg(RELOAD)
        .args(["--reload", "--bindir", "/usr/bin", "--confdir"])
        .arg(&world.dir)
        .arg("--rundir")
        .arg(&world.dir)
        .arg("--vty_socket")
        .arg(&world.dir)
        .arg(&file)
        .output()
        .unwrap();
    let log = format!("{}{}", text(&output), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert_eq!(running(), wanted, "{log}");
}

#[test]
fn the_exporter_sees_every_collector_up() {
    if !available("prometheus-frr-exporter") || !available("curl") {
        return;
    }
    let world = World::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // For BFD this version always runs vtysh, and knows no option for the directory.
    let wrapper = world.dir.join("vtysh");
    std::fs::write(&wrapper, format!("#!/bin/sh\nexec vtysh --vty_socket {} \"$@\"\n", world.dir.display()))
        .unwrap();
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut exporter = Command::new("prometheus-frr-exporter")
        .arg(format!("--frr.vtysh.path={}", wrapper.display()))
        .arg(format!("--frr.socket.dir-path={}", world.dir.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--collector.bgp6", "--collector.bgpl2vpn"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut metrics = String::new();
    for _ in 0..100 {
        let output = Command::new("curl")
            .args(["-s", "--max-time", "30", &format!("http://127.0.0.1:{port}/metrics")])
            .output()
            .unwrap();
        metrics = text(&output);
        if !metrics.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = exporter.kill();
    let output = exporter.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let up: Vec<&str> = metrics.lines().filter(|l| l.starts_with("frr_collector_up")).collect();
    assert!(!up.is_empty(), "{metrics}{log}");
    assert!(up.iter().all(|l| l.ends_with(" 1")), "{up:#?}\n{log}");
    assert!(
        metrics
            .lines()
            .any(|l| l.starts_with("frr_bgp_peer_state") && l.contains("10.255.0.2") && l.ends_with(" 1")),
        "{metrics}"
    );
}
