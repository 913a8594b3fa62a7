//! WireGuard tunnels of the daemon: keys that are missing at first, routes that would swallow a tunnel, devices that are deleted, and paths
//! that drop what is too long without a word.

use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use ferr_testnet::rivals;
use ferr_testnet::{
    Error, Ferrd, FerrdProgram, Host, InjectedRoute, Injector, InjectorPeer, Net, Requirement, check,
    skipped, wait_until,
};
use ferr_types::Asn;
use ferr_wireguard::PrivateKey;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(40);
const FEED: u32 = 20_000;

/// Two hosts with two routers between them.
struct Path {
    us: Host,
    them: Host,
    middle: [Host; 2],
    program: FerrdProgram,
    net: Net,
}

fn path(name: &str) -> Result<Option<Path>, Error> {
    let ready = check(&[Requirement::Program("nft"), Requirement::Root]).and_then(|()| rivals::ready(&[]));
    let program = match ready {
        Ok(program) => program,
        Err(reason) => {
            skipped(&reason);
            return Ok(None);
        }
    };
    let net = Net::new(name)?;
    let [us, them, a, b] = ["us", "them", "a", "b"].map(|name| net.host(name));
    let (us, them, a, b) = (us?, them?, a?, b?);
    net.link(&us, "eth0", &a, "eth0")?;
    net.link(&a, "eth1", &b, "eth1")?;
    net.link(&b, "eth0", &them, "eth0")?;
    for (host, interface, address) in [
        (&us, "eth0", "192.0.2.1/24"),
        (&a, "eth0", "192.0.2.254/24"),
        (&a, "eth1", "203.0.113.1/30"),
        (&b, "eth1", "203.0.113.2/30"),
        (&b, "eth0", "198.51.100.254/24"),
        (&them, "eth0", "198.51.100.1/24"),
    ] {
        host.addr(interface, address)?;
    }
    a.ip("route add 198.51.100.0/24 via 203.0.113.2")?;
    b.ip("route add 192.0.2.0/24 via 203.0.113.1")?;
    for router in [&a, &b] {
        router.sysctl("net.ipv4.ip_forward", "1")?;
    }
    Ok(Some(Path { us, them, middle: [a, b], program: program.with_own_run(), net }))
}

impl Path {
    /// Packets longer than `mtu` are dropped between the routers, and nobody is told.
    fn black_hole(&self, mtu: u32) -> Result<(), Error> {
        for router in &self.middle {
            router.ip(&format!("link set eth1 mtu {mtu}"))?;
            let rules = "add table ip hole; add chain ip hole out { type filter hook output priority 0; }; \
                         add rule ip hole out icmp type destination-unreachable drop";
            router.run(Command::new("nft").arg(rules))?;
        }
        Ok(())
    }
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_bytes([seed; 32]).unwrap()
}

fn write_key(host: &Host, seed: u8, mode: u32) -> Result<String, Error> {
    let file = host.file("wg0.key", &key(seed).expose_base64())?;
    fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    Ok(file.display().to_string())
}

/// `ferr.conf` of one end.
fn own(file: &str, inner: &str, peer: u8, endpoint: &str) -> String {
    format!(
        "interface wg0\n ip address {inner}\n wireguard private-key-file {file}\n wireguard listen-port 51820\n wireguard peer {} \
         endpoint {endpoint}:51820 allowed-ips 0.0.0.0/0,::/0 persistent-keepalive 1\nexit\n",
        key(peer).public()
    )
}

fn ours(extra: &str) -> String {
    format!(
        "ip route 0.0.0.0/0 192.0.2.254\nrouter bgp 65001\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n neighbor 10.0.0.2 \
         remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n{extra}exit\n"
    )
}

fn theirs(extra: &str) -> String {
    format!(
        "ip route 0.0.0.0/0 198.51.100.254\nrouter bgp 65002\n bgp router-id 10.0.0.2\n no bgp ebgp-requires-policy\n no bgp \
         network import-check\n neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n{extra}exit\n"
    )
}

fn tunnel(ferrd: &Ferrd) -> Result<Value, Error> {
    let text = ferrd.commands("ferr", &["show wireguard json"])?.text;
    Ok(serde_json::from_str::<Value>(&text).unwrap_or_default()["wg0"].clone())
}

/// Waits until `show wireguard` says what `look` wants.
fn wait_tunnel(ferrd: &Ferrd, what: &str, look: impl Fn(&Value) -> bool) -> Result<Value, Error> {
    wait_until(LIMIT, what, || {
        let seen = tunnel(ferrd).map_err(|e| e.to_string())?;
        if look(&seen) { Ok(seen) } else { Err(seen.to_string()) }
    })
}

fn alive(seen: &Value) -> bool {
    seen["peers"].as_object().is_some_and(|all| all.values().all(|p| p["state"] == "alive"))
}

#[test]
fn a_route_that_would_swallow_the_tunnel_is_refused_and_named() -> Result<(), Error> {
    let Some(path) = path("wgroute")? else { return Ok(()) };
    let (ours_key, their_key) = (write_key(&path.us, 1, 0o600)?, write_key(&path.them, 2, 0o600)?);
    let us = own(&ours_key, "10.0.0.1/30", 2, "198.51.100.1");
    let mut us = Ferrd::start_with_own(&path.us, &path.program, &ours(""), &us)?;
    // They announce the network that the other end of the tunnel is in, and one that nobody is in.
    let networks = " address-family ipv4 unicast\n  network 198.51.100.0/24\n  network 172.16.0.0/16\n exit-address-family\n";
    let them = own(&their_key, "10.0.0.2/30", 1, "192.0.2.1");
    let _them = Ferrd::start_with_own(&path.them, &path.program, &theirs(networks), &them)?;
    us.wait_prefix("172.16.0.0/16", true)?;
    us.wait_prefix("198.51.100.0/24", true)?;
    let seen = wait_tunnel(&us, "the route to be refused", |t| {
        t["refusedRoutes"] == serde_json::json!(["198.51.100.0/24"])
    })?;
    assert!(alive(&seen), "{seen}");
    let log = us.process().log();
    assert!(log.contains("the route to 198.51.100.0/24 is refused"), "{log}");
    wait_until(LIMIT, "the other route in the kernel", || {
        let routes = path.us.routes(false).map_err(|e| e.to_string())?;
        let found: Vec<&str> = routes.iter().map(|r| r.destination.as_str()).collect();
        let fits = found.contains(&"172.16.0.0/16") && !found.contains(&"198.51.100.0/24");
        if fits { Ok(()) } else { Err(format!("{found:?}")) }
    })?;
    // Longer than keepalives take to be missed.
    std::thread::sleep(Duration::from_secs(3));
    us.wait_peer("10.0.0.2", "Established")?;
    assert!(alive(&tunnel(&us)?));
    // A way of its own for the endpoint, and the route may be used.
    us.configure_on("zebra", &["ip route 198.51.100.1/32 192.0.2.254"])?;
    wait_tunnel(&us, "nothing to be refused", |t| t["refusedRoutes"] == serde_json::json!([]))?;
    us.wait_peer("10.0.0.2", "Established")
}

#[test]
fn what_a_tunnel_lacks_is_said_and_it_comes_up_with_it() -> Result<(), Error> {
    let Some(path) = path("wglack")? else { return Ok(()) };
    // Everybody may read the key: it is refused.
    let ours_key = write_key(&path.us, 1, 0o644)?;
    let us = own(&ours_key, "10.0.0.1/30", 2, "198.51.100.1");
    let mut us = Ferrd::start_with_own(&path.us, &path.program, &ours(""), &us)?;
    let seen = wait_tunnel(&us, "a fault", |t| t["fault"].is_string())?;
    assert!(seen["fault"].as_str().unwrap().contains("chmod 600"), "{seen}");
    let their_key = write_key(&path.them, 2, 0o600)?;
    let them = own(&their_key, "10.0.0.2/30", 1, "192.0.2.1");
    let _them = Ferrd::start_with_own(&path.them, &path.program, &theirs(""), &them)?;
    fs::set_permissions(&ours_key, Permissions::from_mode(0o600)).unwrap();
    wait_tunnel(&us, "the peer to answer", alive)?;
    us.wait_peer("10.0.0.2", "Established")?;
    // Somebody deletes the device.
    path.us.ip("link del wg0")?;
    wait_tunnel(&us, "the tunnel to be back", |t| t["fault"].is_null() && alive(t))?;
    us.wait_peer("10.0.0.2", "Established")?;
    path.us.ping(None, Ipv4Addr::new(10, 0, 0, 2).into(), Duration::from_secs(10))?;
    // A second one cannot have the port of the first.
    let key_line = format!("wireguard private-key-file {ours_key}");
    us.commands("ferr", &["configure terminal", "interface wg1", &key_line, "wireguard listen-port 51820"])?;
    wait_until(LIMIT, "the port to be refused", || {
        let text = us.commands("ferr", &["show wireguard wg1 json"]).map_err(|e| e.to_string())?.text;
        if text.contains("UDP port 51820 is wg0's") { Ok(()) } else { Err(text) }
    })?;
    us.commands("ferr", &["configure terminal", "interface wg1", "wireguard listen-port 51821"])?;
    wait_until(LIMIT, "another port", || {
        let text = us.commands("ferr", &["show wireguard wg1 json"]).map_err(|e| e.to_string())?.text;
        if text.contains("51821") && !text.contains("\"fault\"") { Ok(()) } else { Err(text) }
    })?;
    let secret = key(1).expose_base64();
    let (log, shown) = (us.process().log(), tunnel(&us)?.to_string());
    assert!(!log.contains(secret.as_str()) && !shown.contains(secret.as_str()));
    Ok(())
}

#[test]
fn a_file_of_wg_quick_serves_as_it_is() -> Result<(), Error> {
    let Some(path) = path("wgquick")? else { return Ok(()) };
    let quick = format!(
        "[Interface]\nPrivateKey = {}\nListenPort = 51820\nAddress = 10.0.0.1/30\nMTU = 1400\nTable = off\n[Peer]\nPublicKey = {}\n\
         AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = 198.51.100.1:51820\nPersistentKeepalive = 1\n",
        key(1).expose_base64().as_str(),
        key(2).public()
    );
    let file = path.us.file("wg0.conf", &quick)?;
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let us = format!("interface wg0\n wireguard config-file {}\nexit\n", file.display());
    let us = Ferrd::start_with_own(&path.us, &path.program, &ours(""), &us)?;
    let their_key = write_key(&path.them, 2, 0o600)?;
    let them = own(&their_key, "10.0.0.2/30", 1, "192.0.2.1");
    let _them = Ferrd::start_with_own(&path.them, &path.program, &theirs(""), &them)?;
    us.wait_peer("10.0.0.2", "Established")?;
    wait_tunnel(&us, "the MTU of the file", |t| t["mtu"] == 1400).map(drop)
}

/// The feed has to cross the black hole: their daemon learns it, and tells us over a session with a password.
fn feed_passes(path: &Path, us: &Ferrd, peer: &str, them: &Ferrd) -> Result<Duration, Error> {
    let feed = path.net.host("feed")?;
    path.net.link(&path.them, "feed", &feed, "eth0")?;
    path.them.addr("feed", "10.255.0.1/30")?;
    feed.addr("eth0", "10.255.0.2/30")?;
    let routes = (0..FEED).map(|i| InjectedRoute {
        prefix: format!("{}.{}.{}.0/24", 20 + (i >> 16), (i >> 8) & 255, i & 255).parse().unwrap(),
        path: vec![Asn(64_600 + i % 50)],
    });
    us.wait_peer(peer, "Established")?;
    let start = Instant::now();
    let injector = InjectorPeer {
        local: Ipv4Addr::new(10, 255, 0, 2).into(),
        remote: Ipv4Addr::new(10, 255, 0, 1).into(),
        asn: Asn(65_100),
        remote_asn: Asn(65_002),
        router_id: Ipv4Addr::new(10, 255, 0, 2),
    };
    let _injector = Injector::start(feed.netns(), injector, routes.collect());
    them.wait_peer("10.255.0.2", "Established")?;
    wait_until(LIMIT, "the whole feed", || {
        let all = us.bgp_json("show bgp summary json").map_err(|e| e.to_string())?;
        let got = all["ipv4Unicast"]["peers"][peer]["pfxRcd"].as_u64().unwrap_or_default();
        if got == u64::from(FEED) { Ok(()) } else { Err(format!("{got} of {FEED}")) }
    })?;
    Ok(start.elapsed())
}

const FEEDER: &str = " neighbor 10.255.0.2 remote-as 65100\n neighbor 10.255.0.2 passive\n";

#[test]
fn a_feed_passes_a_path_that_drops_long_packets_in_silence() -> Result<(), Error> {
    for mtu in [1280, 1400, 1500] {
        let Some(path) = path("wghole")? else { return Ok(()) };
        path.black_hole(mtu)?;
        let (ours_key, their_key) = (write_key(&path.us, 1, 0o600)?, write_key(&path.them, 2, 0o600)?);
        let password = |peer: &str| format!(" neighbor {peer} password over the tunnel\n");
        let us = own(&ours_key, "10.0.0.1/30", 2, "198.51.100.1");
        let us = Ferrd::start_with_own(&path.us, &path.program, &ours(&password("10.0.0.2")), &us)?;
        let them = own(&their_key, "10.0.0.2/30", 1, "192.0.2.1");
        let conf = theirs(&(password("10.0.0.1") + FEEDER));
        let them = Ferrd::start_with_own(&path.them, &path.program, &conf, &them)?;
        let took = feed_passes(&path, &us, "10.0.0.2", &them)?;
        println!("path MTU {mtu}: {FEED} routes through a tunnel after {took:?}");
    }
    Ok(())
}

#[test]
fn a_feed_passes_such_a_path_without_a_tunnel() -> Result<(), Error> {
    for mtu in [1280, 1400] {
        let Some(path) = path("bgphole")? else { return Ok(()) };
        path.black_hole(mtu)?;
        let session = |own: u32, other: u32, peer: &str, gateway: &str, more: &str| {
            format!(
                "ip route 0.0.0.0/0 {gateway}\nrouter bgp {own}\n no bgp ebgp-requires-policy\n neighbor {peer} remote-as {other}\n \
                 neighbor {peer} ebgp-multihop 5\n neighbor {peer} password long enough\n neighbor {peer} timers connect 1\n{more}exit\n"
            )
        };
        let us = session(65001, 65002, "198.51.100.1", "192.0.2.254", "");
        let us = Ferrd::start(&path.us, &path.program, &us)?;
        let them = session(65002, 65001, "192.0.2.1", "198.51.100.254", FEEDER);
        let them = Ferrd::start(&path.them, &path.program, &them)?;
        let took = feed_passes(&path, &us, "198.51.100.1", &them)?;
        println!("path MTU {mtu}: {FEED} routes after {took:?}");
    }
    Ok(())
}
