//! The daemon as its unit starts it: as user `frr`, with four capabilities, and under a service manager that wants heartbeats.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ferr_testnet::{Error, Ferrd, FerrdProgram, Net, Requirement, check, skipped};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, User};

const UNIT: &str = include_str!("../../../../packaging/systemd/ferrd.service");

const OURS: &str = "\
ip forwarding
interface br9
 link bridge
 ip address 10.99.0.1/24
exit
router bgp 65001
 no bgp ebgp-requires-policy
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 passive
exit
";

const THEIRS: &str = "\
ip route 10.2.0.0/16 blackhole
router bgp 65002
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65001
 neighbor 192.0.2.1 timers connect 1
 address-family ipv4 unicast
  redistribute static
 exit-address-family
exit
";

/// The time-out that the manager tells; heartbeats come three times as often.
const WATCHDOG: Duration = Duration::from_millis(1500);

/// Capabilities that the unit gives, as `setpriv` calls them.
fn capabilities() -> Vec<String> {
    let line = UNIT.lines().find_map(|l| l.strip_prefix("AmbientCapabilities=")).unwrap();
    line.split(' ').map(|c| c.trim_start_matches("CAP_").to_lowercase()).collect()
}

/// Bits of `CapEff` for them.
fn bits() -> u64 {
    let number = |name: &String| match name.as_str() {
        "net_bind_service" => 10,
        "net_admin" => 12,
        "net_raw" => 13,
        "sys_nice" => 23,
        other => panic!("{other} has no number here"),
    };
    capabilities().iter().map(|name| 1 << number(name)).sum()
}

fn program(folder: &Path, notify: &Path) -> Result<FerrdProgram, Error> {
    let built = FerrdProgram::locate()?;
    // Where the user may reach it, wherever it was built.
    let copy = folder.join("ferrd");
    fs::copy(&built.program, &copy).unwrap();
    let plus = capabilities().iter().map(|c| format!("+{c}")).collect::<Vec<_>>().join(",");
    let words = [
        format!("NOTIFY_SOCKET={}", notify.display()),
        format!("WATCHDOG_USEC={}", WATCHDOG.as_micros()),
        "setpriv".to_owned(),
        "--reuid=frr".to_owned(),
        "--regid=frr".to_owned(),
        "--init-groups".to_owned(),
        "--no-new-privs".to_owned(),
        format!("--bounding-set=-all,{plus}"),
        format!("--inh-caps=-all,{plus}"),
        format!("--ambient-caps=-all,{plus}"),
    ];
    let prefix = words.into_iter().map(OsString::from).chain([copy.into_os_string()]).collect();
    Ok(FerrdProgram { program: "/usr/bin/env".into(), prefix })
}

/// The next message within `limit`.
fn message(socket: &UnixDatagram, limit: Duration) -> Option<String> {
    socket.set_read_timeout(Some(limit)).unwrap();
    let mut buffer = [0; 256];
    let count = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

fn thread_named(pid: u32, name: &str) -> Pid {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let mut found = tasks.filter(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    });
    let task = found.next().unwrap_or_else(|| panic!("no thread {name}"));
    Pid::from_raw(task.file_name().to_str().unwrap().parse().unwrap())
}

#[test]
fn four_capabilities_are_enough() -> Result<(), Error> {
    let needs = [Requirement::Namespaces, Requirement::Program("setpriv"), Requirement::Program("vtysh")];
    if let Err(reason) = check(&needs) {
        skipped(&reason);
        return Ok(());
    }
    let Some(user) = User::from_name("frr").unwrap() else {
        skipped(&"no user frr: apt-get install frr");
        return Ok(());
    };
    let net = Net::new("user")?;
    fs::set_permissions(net.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let (us, them) = (net.host("us")?, net.host("them")?);
    net.link(&us, "eth0", &them, "eth0")?;
    us.addr("eth0", "192.0.2.1/24")?;
    them.addr("eth0", "192.0.2.2/24")?;
    fs::set_permissions(us.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let run = us.subdir("run")?;
    chown(&run, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    let path = us.dir().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();

    let mut ferrd = Ferrd::start(&us, &program(us.dir(), &path)?, OURS)?;
    let pid = ferrd.process().pid();
    let first = message(&manager, Duration::from_secs(10)).unwrap();
    assert!(first.lines().any(|l| l == "READY=1"), "{first}");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    assert!(field("Uid:").split_whitespace().all(|id| id == user.uid.to_string()), "{status}");
    for set in ["CapEff:", "CapBnd:", "CapPrm:"] {
        assert_eq!(u64::from_str_radix(&field(set), 16).unwrap(), bits(), "{set}");
    }

    // Everything that needs them: port 179, routes, links, sysctls of the network, real time.
    let _other = Ferrd::start(&them, &FerrdProgram::locate()?, THEIRS)?;
    ferrd.wait_peer("192.0.2.2", "Established")?;
    us.wait_route("10.2.0.0/16", true)?;
    us.wait_route("10.99.0.0/24", true)?;
    let forwarding = us.run(Command::new("cat").arg("/proc/sys/net/ipv4/ip_forward"))?;
    assert_eq!(forwarding.trim(), "1");
    let shown = ferrd.vtysh(&["show bgp summary", "show ip route"])?;
    assert!(shown.contains("192.0.2.2") && shown.contains("B>* 10.2.0.0/16"), "{shown}");
    let log = ferrd.process().log();
    assert!(!log.contains("Operation not permitted") && !log.contains("Permission denied"), "{log}");

    heartbeats(&manager, pid);
    let _ = ferrd.process().stop();
    let end = Instant::now() + Duration::from_secs(10);
    let mut last = String::new();
    while !last.contains("STOPPING=1") {
        assert!(Instant::now() < end, "the end was not told: {last}");
        last = message(&manager, Duration::from_secs(10)).unwrap_or_default();
    }
    us.wait_route("10.2.0.0/16", false)?;
    Ok(())
}

/// They come while all threads answer, and only then.
fn heartbeats(manager: &UnixDatagram, pid: u32) {
    for _ in 0..3 {
        assert_eq!(message(manager, WATCHDOG).as_deref(), Some("WATCHDOG=1"));
    }
    for name in ["ferr-bgp", "ferr-rib", "ferr-bfd"] {
        let thread = thread_named(pid, name);
        ptrace::seize(thread, ptrace::Options::empty()).unwrap();
        ptrace::interrupt(thread).unwrap();
        waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        // Those that were on their way.
        while message(manager, WATCHDOG / 2).is_some() {}
        let silent = message(manager, WATCHDOG);
        ptrace::detach(thread, None).unwrap();
        assert_eq!(silent, None, "{name} hangs, and nobody would notice");
        assert_eq!(message(manager, 2 * WATCHDOG).as_deref(), Some("WATCHDOG=1"), "{name} goes on");
    }
}
