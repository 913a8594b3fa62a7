//! Links of our own beside FRR's programs: two files, one daemon.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, Net, Requirement, check, skipped};
use nix::sys::socket::{getsockopt, sockopt};

const FRR: &str = "interface v0\n ip address 10.77.0.1/24\nexit\nip route 10.88.0.0/16 10.1.0.2\n";
const OWN: &str = "interface br0\n link bridge\n description ours\n ip address 10.1.0.1/24\nexit\n\
    interface vx0\n link vxlan id 1000 local 10.1.0.1\n vxlan remote 10.1.0.9\n master br0\nexit\n\
    interface v0\n ip tcp adjust-mss 1300\nexit\n";

fn ip(host: &Host, args: &str) -> String {
    let output = host.try_run(Command::new("ip").args(args.split(' '))).unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn number(host: &Host, link: &str) -> String {
    let text = ip(host, &format!("-o link show {link}"));
    text.split(':').next().unwrap_or_default().to_owned()
}

/// A network, our host and the one at the other end of the cable, and our daemon.
type World = (Net, [Host; 2], Ferrd);

fn start() -> Result<Option<World>, Error> {
    let program =
        match check(&["vtysh", "nft"].map(Requirement::Program)).and_then(|()| FerrdProgram::locate()) {
            Ok(program) => program,
            Err(reason) => {
                skipped(&reason);
                return Ok(None);
            }
        };
    let net = Net::new("links")?;
    let (us, them) = (net.host("us")?, net.host("them")?);
    net.link(&us, "v0", &them, "v0")?;
    let ferrd = Ferrd::start_with_own(&us, &program, FRR, OWN)?;
    Ok(Some((net, [us, them], ferrd)))
}

#[test]
fn all_of_it_stands_when_the_daemon_is_ready() -> Result<(), Error> {
    let Some((_net, [us, _them], ferrd)) = start()? else { return Ok(()) };
    assert!(ip(&us, "addr show br0").contains("10.1.0.1/24"));
    assert!(ip(&us, "-d link show vx0").contains("master br0"));
    let links = ferrd.zebra_json("show link json")?;
    assert!(links["vx0"]["ready"].as_bool().unwrap() && links["vx0"]["master"] == "br0", "{links}");
    assert_eq!(ferrd.zebra_json("show tcp-mss json")?["interfaces"]["v0"]["ipv6"], 1300);
    assert_eq!(ferrd.zebra_json("show sysctl json")?["net.ipv4.conf.br0.rp_filter"]["current"], "2");
    us.wait_route("10.88.0.0/16", true)?;
    Ok(())
}

#[test]
fn programs_of_frr_neither_see_nor_change_it() -> Result<(), Error> {
    let Some((_net, [us, _them], ferrd)) = start()? else { return Ok(()) };
    let shown = ferrd.vtysh(&["show running-config"])?;
    assert!(shown.contains("10.77.0.1/24"), "{shown}");
    for word in ["br0", "vx0", "link ", "adjust-mss"] {
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    // What is typed there belongs to frr.conf, and does not reach what is ours.
    ferrd.vtysh(&[
        "configure terminal",
        "interface br0",
        "no ip address 10.1.0.1/24",
        "exit",
        "no interface br0",
    ])?;
    assert!(ferrd.vtysh(&["configure terminal", "interface br0", "ip address 10.1.0.7/24"]).is_err());
    ferrd.vtysh(&["configure terminal", "interface v0", "ip address 10.78.0.1/24"])?;
    us.wait(10, "the new address", || {
        if ip(&us, "addr show v0").contains("10.78.0.1/24") { Ok(()) } else { Err(String::new()) }
    })?;
    let addresses = ip(&us, "addr show br0");
    assert!(addresses.contains("10.1.0.1/24") && !addresses.contains("10.1.0.7"), "{addresses}");
    // Each file keeps what is its own.
    ferrd.commands("ferr", &["write memory"])?;
    let theirs = fs::read_to_string(ferrd.config()).unwrap();
    let ours = fs::read_to_string(ferrd.config().with_file_name("ferr.conf")).unwrap();
    assert!(theirs.contains("10.78.0.1/24") && !theirs.contains("br0"), "{theirs}");
    assert!(
        ours.contains("description ours") && ours.contains("adjust-mss 1300") && !ours.contains("10.77"),
        "{ours}"
    );
    Ok(())
}

#[test]
fn reload_by_frr_leaves_it_alone() -> Result<(), Error> {
    const RELOAD: &str = "/usr/lib/frr/frr-reload.py";
    if !fs::exists(RELOAD).unwrap_or(false) {
        skipped(&Error::Missing { program: RELOAD.into(), fix: "apt-get install frr-pythontools".into() });
        return Ok(());
    }
    let Some((_net, [us, _them], ferrd)) = start()? else { return Ok(()) };
    let before = (number(&us, "br0"), ip(&us, "-o -4 addr show"));
    let mut reload = Command::new(RELOAD);
    reload.args(["--reload", "--stdout", "--bindir", "/usr/bin", "--vty_socket"]).arg(ferrd.vty_dir());
    reload.arg("--confdir").arg(us.dir()).arg("--rundir").arg(us.dir()).arg(ferrd.config());
    let output = us.try_run(&mut reload)?;
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{log}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((number(&us, "br0"), ip(&us, "-o -4 addr show")), before, "{log}");
    Ok(())
}

#[test]
fn the_end_puts_settings_back_and_leaves_links() -> Result<(), Error> {
    let Some((_net, [us, _them], mut ferrd)) = start()? else { return Ok(()) };
    let rules = |us: &Host| {
        let output = us.try_run(Command::new("nft").args(["list", "ruleset"])).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let setting = |us: &Host| us.run(Command::new("sysctl").args(["-n", "net.ipv4.conf.br0.rp_filter"]));
    let before = number(&us, "br0");
    assert!(rules(&us).contains("maxseg size set 1300") && setting(&us)?.trim() == "2");
    ferrd.process().stop();
    assert_eq!(rules(&us), "");
    assert_ne!(setting(&us)?.trim(), "2");
    // A crash, and a start after it: nothing is made anew, and what the configuration no longer has is gone.
    ferrd.restart()?;
    assert_eq!(number(&us, "br0"), before);
    ferrd.process().kill();
    fs::write(ferrd.config().with_file_name("ferr.conf"), "interface br0\n link bridge\nexit\n").unwrap();
    ferrd.restart()?;
    us.wait(10, "the rest is gone", || {
        let (links, addresses) = (ip(&us, "-o link show"), ip(&us, "-o -4 addr show br0"));
        let clean = !links.contains("vx0") && addresses.is_empty() && rules(&us).is_empty();
        if clean { Ok(()) } else { Err(format!("{links}{addresses}{}", rules(&us))) }
    })?;
    assert_eq!(number(&us, "br0"), before);
    Ok(())
}

/// Segment sizes of the two ends of a connection from `from` to `to`.
fn segments(from: &Host, to: &Host, addr: &str) -> Result<[u32; 2], Error> {
    let size = |stream: &TcpStream| getsockopt(stream, sockopt::TcpMaxSeg).unwrap();
    let listener = to.netns().enter(|| TcpListener::bind((addr, 7777)))?.unwrap();
    let called = from.netns().enter(|| TcpStream::connect((addr, 7777)))?.unwrap();
    let (answered, _) = listener.accept().unwrap();
    Ok([size(&called), size(&answered)])
}

#[test]
fn connections_through_a_clamped_link_have_smaller_segments() -> Result<(), Error> {
    /// Time stamps in every segment.
    const OPTIONS: u32 = 12;
    let program = match check(&["nft"].map(Requirement::Program)).and_then(|()| FerrdProgram::locate()) {
        Ok(program) => program,
        Err(reason) => {
            skipped(&reason);
            return Ok(());
        }
    };
    let net = Net::new("mss")?;
    let (a, us, b) = (net.host("a")?, net.host("us")?, net.host("b")?);
    net.link(&us, "va", &a, "v0")?;
    net.link(&us, "vb", &b, "v0")?;
    for (host, n) in [(&a, 1), (&b, 2)] {
        host.addr("v0", &format!("10.0.{n}.2/24"))?;
        host.addr("v0", &format!("2001:db8:{n}::2/64"))?;
        host.ip(&format!("route add default via 10.0.{n}.1"))?;
        host.ip(&format!("-6 route add default via 2001:db8:{n}::1"))?;
    }
    let frr = "ip forwarding\nipv6 forwarding\n\
        interface va\n ip address 10.0.1.1/24\n ipv6 address 2001:db8:1::1/64\nexit\n\
        interface vb\n ip address 10.0.2.1/24\n ipv6 address 2001:db8:2::1/64\nexit\n";
    let own = |mss: &str| format!("interface vb\n mtu 1400\n ip tcp adjust-mss {mss}\nexit\n");
    let ferrd = Ferrd::start_with_own(&us, &program, frr, &own("auto"))?;
    let both = |v4: u32, v6: u32| {
        us.wait(20, format!("segments of {v4} and {v6}"), || {
            // Each end calls once: the size is taken out of the first segment of both directions.
            let seen = [
                segments(&a, &b, "10.0.2.2").map_err(|e| e.to_string())?,
                segments(&b, &a, "10.0.1.2").map_err(|e| e.to_string())?,
                segments(&a, &b, "2001:db8:2::2").map_err(|e| e.to_string())?,
                segments(&b, &a, "2001:db8:1::2").map_err(|e| e.to_string())?,
            ];
            let wanted = [v4, v4, v6, v6].map(|mss| [mss - OPTIONS; 2]);
            if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
        })
    };
    // Duplicate address detection of ours takes a second.
    let v6 = |host: &Host| ip(host, "-6 addr show tentative");
    us.wait(10, "addresses", || if v6(&us).is_empty() { Ok(()) } else { Err(v6(&us)) })?;
    both(1360, 1340)?;
    ferrd.configure_on("ferr", &["interface vb", "ip tcp adjust-mss 1200"])?;
    both(1200, 1200)?;
    ferrd.configure_on("ferr", &["interface vb", "no ip tcp adjust-mss", "no mtu"])?;
    both(1460, 1440)
}
