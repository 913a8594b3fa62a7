//! The means themselves: hosts, links, probes, and every rival speaking to FRR.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ferr_testnet::rivals::{Bird, ExaBgp, Frr, GoBgp, OpenBgpd, Rival};
use ferr_testnet::{
    Capture, Error, InjectedRoute, Injector, InjectorPeer, Net, Requirement, check, probe, skipped,
    wait_until,
};
use ferr_types::Asn;

fn usable(requirements: &[Requirement<'_>]) -> bool {
    check(requirements).inspect_err(|e| skipped(e)).is_ok()
}

fn two_hosts(net: &Net) -> Result<[ferr_testnet::Host; 2], Error> {
    let (a, b) = (net.host("a")?, net.host("b")?);
    net.link(&a, "eth0", &b, "eth0")?;
    a.addr("eth0", "192.0.2.1/24")?;
    b.addr("eth0", "192.0.2.2/24")?;
    Ok([a, b])
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_cut_link_is_seen_by_the_stream_and_by_the_routes() -> Result<(), Error> {
    if !usable(&[Requirement::Namespaces, Requirement::Program("ip")]) {
        return Ok(());
    }
    let net = Net::new("cut")?;
    let [a, b] = two_hosts(&net)?;
    a.ping(None, ip("192.0.2.2"), Duration::from_secs(5))?;
    let route = a.wait_route("192.0.2.0/24", true)?.unwrap();
    assert_eq!((route.protocol.as_str(), route.interfaces.as_slice()), ("kernel", &["eth0".to_owned()][..]));

    let interval = Duration::from_millis(2);
    let stream = probe::Stream::start(a.netns(), Some(ip("192.0.2.1")), ip("192.0.2.2"), interval)?;
    let answered_after = |moment: Instant| {
        wait_until(Duration::from_secs(5), "answers", || match stream.newest_answered() {
            Some(at) if at > moment => Ok(()),
            other => Err(format!("{other:?}")),
        })
    };
    answered_after(Instant::now())?;
    b.ip("link set eth0 down")?;
    let cut = Instant::now();
    std::thread::sleep(Duration::from_millis(200));
    b.ip("link set eth0 up")?;
    answered_after(cut)?;
    let report = stream.finish();
    assert!(report.longest_gap >= Duration::from_millis(195), "{report:?}");
    assert!(report.lost_in_gap >= 50 && report.answered >= 2, "{report:?}");
    Ok(())
}

#[test]
fn nothing_is_left_behind() -> Result<(), Error> {
    if !usable(&[Requirement::Namespaces, Requirement::Program("ip")]) {
        return Ok(());
    }
    let net = Net::new("gone")?;
    let host = net.host("a")?;
    let dir = net.dir().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' TERM; echo started; while :; do sleep 0.1; done"]);
    let mut process = host.start("stubborn", command)?;
    host.wait(5, "the process to start", || {
        if process.log().contains("started") { Ok(()) } else { Err(process.log()) }
    })?;
    let pid = process.pid();
    assert!(process.ended().is_none());
    process.kill();
    drop(process);
    drop(host);
    drop(net);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(!dir.exists());
    Ok(())
}

#[test]
fn a_wait_and_a_failed_command_tell_what_they_saw() -> Result<(), Error> {
    let error =
        wait_until(Duration::from_millis(20), "the sun", || Err::<(), _>("rain".to_owned())).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the sun") && text.contains("rain"), "{text}");
    if !usable(&[Requirement::Namespaces, Requirement::Program("ip")]) {
        return Ok(());
    }
    let net = Net::new("fail")?;
    let host = net.host("a")?;
    let text = host.ip("link set nosuch up").unwrap_err().to_string();
    assert!(text.contains("ip link set nosuch up") && text.contains("nosuch"), "{text}");
    let missing = host.run(&mut Command::new("ferr-no-such-program")).unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
    Ok(())
}

#[test]
fn the_capture_finds_a_malformed_packet() -> Result<(), Error> {
    let tools = [Requirement::Program("tcpdump"), Requirement::Program("tshark"), Requirement::Root];
    if !usable(&[Requirement::Namespaces, Requirement::Program("ip")]) || !usable(&tools) {
        return Ok(());
    }
    let net = Net::new("capture")?;
    let [a, b] = two_hosts(&net)?;
    let capture = Capture::start(&a)?;
    let listener = b.netns().enter(|| std::net::TcpListener::bind("192.0.2.2:179")).unwrap().unwrap();
    let mut stream = a.netns().enter(|| std::net::TcpStream::connect("192.0.2.2:179")).unwrap().unwrap();
    // An OPEN whose optional parameters are shorter than their length says.
    let mut open = vec![0xff_u8; 16];
    open.extend([0, 31, 1, 4, 0xfd, 0xe8, 0, 90, 1, 1, 1, 1, 50, 2, 48]);
    std::io::Write::write_all(&mut stream, &open).unwrap();
    let mut got = [0_u8; 31];
    let mut accepted = listener.accept().unwrap().0;
    std::io::Read::read_exact(&mut accepted, &mut got).unwrap();
    // What the other side sends is not looked at.
    std::io::Write::write_all(&mut accepted, &open).unwrap();
    std::io::Read::read_exact(&mut stream, &mut got).unwrap();
    let dissection = capture.finish()?;
    assert_eq!(dissection.messages, [0, 1, 0, 0, 0, 0], "{dissection:?}");
    assert_eq!(dissection.faults.len(), 1, "{dissection:?}");
    Ok(())
}

const HUB: &str = "
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 timers connect 1
 address-family ipv4 unicast
  network 10.1.0.0/16
 exit-address-family
exit
ip route 10.1.0.0/16 blackhole
";

fn hub(name: &str, rivals: &[Rival]) -> Result<Option<(Net, Frr, ferr_testnet::Host)>, Error> {
    for rival in rivals {
        if let Err(e) = rival.available() {
            skipped(&e);
            return Ok(None);
        }
    }
    let net = Net::new(name)?;
    let [a, b] = two_hosts(&net)?;
    let frr = Frr::start(&a, HUB)?;
    Ok(Some((net, frr, b)))
}

#[test]
fn bird_speaks_to_frr() -> Result<(), Error> {
    let Some((_net, frr, b)) = hub("bird", &[Rival::Frr, Rival::Bird])? else { return Ok(()) };
    let bird = Bird::start(
        &b,
        "router id 10.0.0.2; protocol device {} protocol static { ipv4; route 10.2.0.0/16 blackhole; }\n\
         protocol bgp hub { local 192.0.2.2 as 65002; neighbor 192.0.2.1 as 65000; connect delay time 1;\n\
         ipv4 { import all; export where source = RTS_STATIC; }; }\n",
    )?;
    bird.wait_protocol("hub", "Established")?;
    bird.wait_route("10.1.0.0/16", "65000", true)?;
    frr.wait_prefix("10.2.0.0/16", true)?;
    Ok(())
}

#[test]
fn gobgp_speaks_to_frr() -> Result<(), Error> {
    let Some((_net, frr, b)) = hub("gobgp", &[Rival::Frr, Rival::GoBgp])? else { return Ok(()) };
    let gobgp = GoBgp::start(
        &b,
        "[global.config]\n as = 65002\n router-id = \"10.0.0.2\"\n\
         [[neighbors]]\n [neighbors.config]\n neighbor-address = \"192.0.2.1\"\n peer-as = 65000\n\
         [neighbors.timers.config]\n connect-retry = 1\n",
    )?;
    gobgp.gobgp("global rib add 10.2.0.0/16")?;
    gobgp.wait_route("ipv4", "10.1.0.0/16", true)?;
    frr.wait_prefix("10.2.0.0/16", true)?;
    Ok(())
}

#[test]
fn exabgp_speaks_to_frr() -> Result<(), Error> {
    let Some((_net, frr, b)) = hub("exabgp", &[Rival::Frr, Rival::ExaBgp])? else { return Ok(()) };
    let mut exabgp = ExaBgp::start(
        &b,
        "192.0.2.1",
        "  router-id 10.0.0.2; local-address 192.0.2.2; local-as 65002; peer-as 65000;\n\
         static { route 10.2.0.0/16 next-hop 192.0.2.2; }",
    )?;
    exabgp.wait_received(&["10.1.0.0/16"])?;
    frr.wait_prefix("10.2.0.0/16", true)?;
    exabgp.api("announce route 10.3.0.0/16 next-hop self")?;
    frr.wait_prefix("10.3.0.0/16", true)?;
    Ok(())
}

#[test]
fn openbgpd_speaks_to_frr() -> Result<(), Error> {
    let Some((_net, frr, b)) = hub("openbgpd", &[Rival::Frr, Rival::OpenBgpd])? else { return Ok(()) };
    let bgpd = OpenBgpd::start(
        &b,
        "AS 65002\nrouter-id 10.0.0.2\nfib-update no\nnetwork 10.2.0.0/16\n\
         neighbor 192.0.2.1 { remote-as 65000 }\nallow from any\nallow to any\n",
    )?;
    bgpd.wait_route("10.1.0.0/16", "65000", true)?;
    frr.wait_prefix("10.2.0.0/16", true)?;
    Ok(())
}

#[test]
fn the_injector_speaks_to_frr_and_comes_back() -> Result<(), Error> {
    let Some((_net, mut frr, b)) = hub("inject", &[Rival::Frr])? else { return Ok(()) };
    let peer = InjectorPeer {
        local: ip("192.0.2.2"),
        remote: ip("192.0.2.1"),
        asn: Asn(65002),
        remote_asn: Asn(65000),
        router_id: "10.0.0.2".parse().unwrap(),
    };
    let route = |n: u32| InjectedRoute {
        prefix: format!("100.{}.{}.0/24", n >> 8, n & 255).parse().unwrap(),
        path: vec![Asn(64500), Asn(n % 7 + 1)],
    };
    let injector = Injector::start(b.netns(), peer, (0..5000).map(route).collect());
    let last = frr.wait_prefix("100.19.135.0/24", true)?.to_string();
    assert!(last.contains("65002 64500 2"), "{last}");
    frr.configure(&["router bgp 65000", "neighbor 192.0.2.2 shutdown"])?;
    frr.wait_prefix("100.19.135.0/24", false)?;
    frr.configure(&["router bgp 65000", "no neighbor 192.0.2.2 shutdown"])?;
    frr.wait_prefix("100.19.135.0/24", true)?;
    assert!(injector.times_sent() >= 2);
    drop(injector);
    frr.wait_prefix("100.19.135.0/24", false)?;
    assert!(frr.processes().iter_mut().all(|p| p.ended().is_none()));
    Ok(())
}

#[test]
fn no_host_leaves_files_outside_of_its_folder() -> Result<(), Error> {
    if !usable(&[Requirement::Namespaces]) {
        return Ok(());
    }
    let net = Net::new("files")?;
    let host = net.host("a")?;
    let file = host.file("x", "y")?;
    assert!(file.starts_with(net.dir()) && fs::read_to_string(file).unwrap() == "y");
    Ok(())
}
