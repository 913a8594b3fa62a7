//! The protocol as clients see it, byte by byte.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::{Read as _, Write as _};
use std::sync::atomic::Ordering;
use std::time::Duration;

use support::World;

#[test]
fn commands_and_statuses() {
    let world = World::new();
    let mut c = world.connect("staticd");
    assert_eq!(c.run("show running-config").1, 2, "not in the view node");
    assert_eq!(c.run("enable"), (String::new(), 0));
    assert_eq!(c.run("conf t"), (String::new(), 0));
    assert_eq!(c.run("conf term file-lock"), (String::new(), 0));
    assert_eq!(c.run("  ip route 10.77.0.0/24 Null0\n"), (String::new(), 0));
    let (text, status) = c.run("do write terminal");
    assert_eq!(status, 0);
    assert!(text.starts_with("frr version 8.4.4\nfrr defaults traditional\n"), "{text}");
    assert!(text.contains("ip route 10.77.0.0/24 "), "{text}");
    assert_eq!(c.run("bogus"), ("% [STATIC] Unknown command: bogus\n".into(), 2));
    assert_eq!(c.run("! a comment"), (String::new(), 0));
    assert_eq!(c.run(""), (String::new(), 0));
    assert_eq!(c.run("end").1, 0);
    assert_eq!(c.run("end").1, 0);
    let mut b = world.connect("bgpd");
    b.run("enable");
    b.run("configure");
    assert_eq!(b.run("router bgp 999"), ("BGP is already running; AS is 65001\n".into(), 13));
    assert_eq!(b.run("router"), ("% Command incomplete.\n".into(), 4));
    assert_eq!(b.run("end").1, 0);
    assert_eq!(b.run("show ip bgp vrf nosuch summary"), ("% BGP instance not found\n".into(), 1));
    assert_eq!(b.run("show ip bgp vrf nosuch summary json").1, 0);
    assert_eq!(b.run("show ip b s").1, 3, "summary or statistics");
    assert_eq!(b.run("sh ip bg su").1, 0);
}

#[test]
fn echo_is_one_packet_without_enable() {
    let world = World::new();
    let mut c = world.connect("bgpd");
    c.send(b"echo PING\0");
    let mut buf = [0; 64];
    let n = c.stream.read(&mut buf).unwrap();
    assert_eq!(&buf[..n], b"PING\n\0\0\0\0");
}

#[test]
fn several_commands_in_one_write_are_answered_in_order() {
    let world = World::new();
    let mut c = world.connect("zebra");
    c.send(b"enable\0show nothing\0echo 1\0");
    assert_eq!(c.reply().1, 0);
    assert_eq!(c.reply().1, 2);
    assert_eq!(c.reply(), ("1\n".into(), 0));
}

#[test]
fn a_long_line_is_refused_and_the_next_one_works() {
    let world = World::new();
    let mut c = world.connect("zebra");
    c.send(&[b'x'; 10_000]);
    c.send(b"\0echo 1\0");
    assert_eq!(c.reply().0, "% Command is too long.\n");
    assert_eq!(c.reply(), ("1\n".into(), 0));
}

#[test]
fn exit_closes_after_the_reply() {
    let world = World::new();
    let mut c = world.connect("zebra");
    assert_eq!(c.run("quit"), (String::new(), 0));
    assert_eq!(c.stream.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn filters_lines() {
    let world = World::new();
    let mut c = world.connect("zebra");
    let (text, status) = c.run("show ip route | include 10[.]9[46]");
    assert_eq!(status, 0);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert_eq!(c.run("show ip route | include (").1, 1);
}

#[test]
fn a_file_that_is_cut_off_ends_with_its_connection() {
    let world = World::new();
    let mut c = world.connect("bgpd");
    for line in ["enable", "configure", "XFRR_start_configuration"] {
        assert_eq!(c.run(line).1, 0);
    }
    assert_eq!(world.counts.begun.load(Ordering::SeqCst), 1);
    assert_eq!(world.counts.ended.load(Ordering::SeqCst), 0);
    drop(c);
    for _ in 0..100 {
        if world.counts.ended.load(Ordering::SeqCst) == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the file was not ended");
}

#[test]
fn random_bytes_are_survived() {
    let world = World::new();
    let mut seed = 0x1234_5678_9abc_def0u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    const WORDS: [&str; 16] = [
        "show",
        "ip",
        "bgp",
        "route",
        "vrf",
        "all",
        "json",
        "\0",
        "\0",
        "enable",
        "configure",
        "do",
        "|",
        "include",
        "neighbors",
        "[<{",
    ];
    for daemon in ["zebra", "bgpd", "ospfd", "watchfrr"] {
        let mut c = world.connect(daemon);
        let mut bytes = Vec::new();
        for _ in 0..2000 {
            let n = next();
            if n % 3 == 0 {
                bytes.extend_from_slice(&n.to_le_bytes());
            } else {
                bytes.extend_from_slice(WORDS[(n >> 8) as usize % WORDS.len()].as_bytes());
                bytes.push(b' ');
            }
        }
        let mut reader = c.stream.try_clone().unwrap();
        let drain = std::thread::spawn(move || {
            let mut buf = [0; 65536];
            while reader.read(&mut buf).is_ok_and(|n| n > 0) {}
        });
        // `exit` among the bytes may end the session before all of them are taken.
        let _ = c.stream.write_all(&bytes);
        let _ = c.stream.shutdown(std::net::Shutdown::Write);
        drain.join().unwrap();
        assert_eq!(world.connect(daemon).run("echo alive"), ("alive\n".into(), 0));
    }
}

#[test]
fn a_slow_reader_does_not_hold_up_others() {
    let world = World::with_routes(20_000);
    let mut slow = world.connect("bgpd");
    slow.send(b"show ip bgp json\0");
    let mut other = world.connect("bgpd");
    assert_eq!(other.run("show ip bgp summary").1, 0);
    let (text, status) = slow.reply();
    assert_eq!(status, 0);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["routes"].as_object().unwrap().len(), 20_003);
}

#[test]
fn static_routes_move_to_mgmtd_for_a_client_that_knows_it() {
    let world = World::new();
    let text = world.ask("staticd", "show running-config");
    assert!(text.contains("ip route 10.96.0.0/24"), "{text}");
    assert!(!text.contains("\nhostname "), "older clients add their own: {text}");
    assert!(world.ask("ferr", "show running-config").contains("\nhostname "));
    let mut mgmtd = world.connect("mgmtd");
    mgmtd.run("enable");
    let (text, _) = mgmtd.run("do write terminal");
    assert!(text.contains("ip route 10.96.0.0/24") && text.contains("interface eth12"), "{text}");
    let text = world.ask("staticd", "show running-config");
    assert!(!text.contains("ip route") && text.contains("\nhostname "), "{text}");
    let text = world.ask("zebra", "show running-config");
    assert!(!text.contains("interface"), "{text}");
}

#[test]
fn the_log_comes_over_a_socket_of_its_own() {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recv, recvmsg};
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd as _;
    let world = World::new();
    let mut c = world.connect("bgpd");
    assert_eq!(c.run("terminal monitor").1, 2, "not in the view node");
    c.run("enable");
    c.send(b"terminal monitor\0");
    let mut buf = [0; 16];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let mut parts = [IoSliceMut::new(&mut buf)];
    let got = recvmsg::<()>(c.stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty()).unwrap();
    let fd = got.cmsgs().unwrap().find_map(|m| match m {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    let fd = fd.expect("a descriptor");
    assert_eq!(got.bytes, 4);
    world.ask("bgpd", "logmsg warnings hello there");
    let mut packet = [0; 512];
    let mut n = 0;
    for _ in 0..100 {
        match recv(fd, &mut packet, MsgFlags::MSG_DONTWAIT) {
            Ok(got) => {
                n = got;
                break;
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    assert_eq!(&packet[72..n], b"BGP: hello there");
    assert_eq!(packet[36], 4, "priority");
}

#[test]
fn sockets_replace_leftovers_and_leave_others_alone() {
    use ferr_vty::{BindError, Daemon, VtyOptions, bind};
    use std::os::unix::fs::PermissionsExt as _;
    let dir = std::env::temp_dir().join(format!("ferr-vty-bind-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let options = VtyOptions { dir: dir.clone(), group: None, ..VtyOptions::default() };
    std::fs::create_dir_all(&dir).unwrap();
    // A killed process leaves a socket that nobody serves.
    drop(std::os::unix::net::UnixListener::bind(dir.join("bgpd.vty")).unwrap());
    let first = bind(options.clone()).unwrap();
    assert_eq!(first.paths().count(), Daemon::ALL.len());
    assert!(first.paths().last().unwrap().ends_with("zebra.vty"));
    for path in first.paths() {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o770);
    }
    assert!(matches!(bind(options.clone()), Err(BindError::InUse(_))));
    // Whoever took a name over keeps it.
    let taken = dir.join("zebra.vty");
    std::fs::remove_file(&taken).unwrap();
    let _successor = std::os::unix::net::UnixListener::bind(&taken).unwrap();
    drop(first);
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["zebra.vty"]);
    std::fs::remove_dir_all(&dir).unwrap();
}
