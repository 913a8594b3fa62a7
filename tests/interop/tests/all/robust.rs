//! Peers and clients that behave badly: nothing is lost for the others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ferr_interop::speaker::{Speaker, message};
use ferr_interop::{our_conf, wait_their_routes, with_pair};
use ferr_testnet::rivals::{Bird, Rival};
use ferr_testnet::{Error, Ferrd};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const US: &str = "192.0.2.1:179";

/// Sessions for speakers at 192.0.2.100 and above, AS 65100.
const MORE: &str = " neighbor X peer-group
 neighbor X remote-as 65100
 neighbor X passive
 bgp listen range 192.0.2.96/27 peer-group X
";

fn address() -> SocketAddr {
    US.parse().unwrap()
}

fn conf() -> String {
    let text = our_conf(MORE);
    let line = " address-family ipv4 unicast\n";
    text.replacen(line, &format!("{line}  neighbor X route-map IN in\n  neighbor X route-map OUT out\n"), 1)
}

/// The answer comes within a second, whatever goes on.
fn answers(ferrd: &Ferrd) -> Result<(), Error> {
    let start = Instant::now();
    ferrd.bgp_json("show bgp summary json")?;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_peer_that_stops_reading_holds_nobody_up() -> Result<(), Error> {
    with_pair("stuck", &[Rival::Bird], |pair| {
        // The second speaker needs an address of its own.
        let stuck = pair.net.host("stuck")?;
        pair.net.link(&pair.us, "eth1", &stuck, "eth0")?;
        pair.us.addr("eth1", "192.0.2.97/27")?;
        stuck.addr("eth0", "192.0.2.100/27")?;
        // Little fits into the sender's and the receiver's buffers.
        pair.us.sysctl("net.ipv4.tcp_wmem", "4096 8192 8192")?;
        stuck.sysctl("net.ipv4.tcp_rmem", "4096 8192 8192")?;
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf())?;
        let mut routes = String::from("protocol static many { ipv4;\n");
        for n in 0..20_000_u32 {
            routes.push_str(&format!(
                "route 100.{}.{}.{}/30 blackhole {{ bgp_path.prepend({}); }};\n",
                n >> 14,
                n >> 6 & 0xff,
                (n & 0x3f) << 2,
                1 + n
            ));
        }
        let mut speaker = Speaker::establish(&stuck, "192.0.2.97:179".parse().unwrap(), 65100)?;
        let before = ferrd.peak_memory().unwrap_or(0);
        // From here on the speaker does not read. BIRD's 20,000 routes, each with its own path, are about 1 MB for it.
        let bird = Bird::start(&pair.them, &format!("{}{routes}}}\n", super::bird::CONF))?;
        wait_their_routes(&pair.us)?;
        pair.us.wait(30, "20,000 routes in the kernel", || {
            let count = pair.us.routes(false).map_err(|e| e.to_string())?.len();
            if count > 20_000 { Ok(()) } else { Err(count.to_string()) }
        })?;
        answers(&ferrd)?;
        bird.birdc("disable own4")?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        ferrd.configure(&["router bgp 65001", "address-family ipv4 unicast", "no network 10.1.0.0/16"])?;
        bird.wait_route("10.1.0.0/16", "BGP", false)?;
        answers(&ferrd)?;
        let grown = ferrd.peak_memory().unwrap_or(0) - before;
        assert!(grown < 100_000, "{grown} KiB");

        // It reads again: everything arrives, up to the newest state, without 10.1.0.0/16 at the end.
        let mut seen = 0;
        let mut total = 0;
        while seen < 20_000 {
            let (kind, body) = speaker.receive()?;
            assert_ne!(kind, 3, "NOTIFICATION {body:?}");
            total += body.len();
            if kind == 2 {
                seen += body.windows(2).filter(|w| *w == [30, 100]).count();
            }
        }
        assert!(total > 500_000, "{total}");
        ferrd.process().check()
    })
}

#[test]
fn malformed_messages_cost_one_session_or_one_route_at_most() -> Result<(), Error> {
    with_pair("malformed", &[Rival::Bird], |pair| {
        pair.them.addr("eth0", "192.0.2.100/24")?;
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf())?;
        let _bird = Bird::start(&pair.them, super::bird::CONF)?;
        wait_their_routes(&pair.us)?;
        let connect = || -> Result<Speaker, Error> {
            // From the address in the listen range.
            pair.them.ip("route replace 192.0.2.1/32 dev eth0 src 192.0.2.100")?;
            let speaker = Speaker::establish(&pair.them, address(), 65100);
            pair.them.ip("route del 192.0.2.1/32")?;
            speaker
        };

        // A malformed ORIGIN is treat-as-withdraw: the session and other routes stay.
        let mut speaker = connect()?;
        let update = |origin: u8, prefix: u8| {
            let attributes =
                [0x40, 1, 1, origin, 0x40, 2, 6, 2, 1, 0, 0, 0xfe, 0x4c, 0x40, 3, 4, 192, 0, 2, 100];
            let mut body = vec![0, 0, 0, attributes.len() as u8];
            body.extend_from_slice(&attributes);
            body.extend_from_slice(&[16, 10, prefix]);
            message(2, &body)
        };
        speaker.send(&update(0, 50))?;
        speaker.send(&update(0, 51))?;
        pair.us.wait_route("10.51.0.0/16", true)?;
        speaker.send(&update(9, 50))?;
        pair.us.wait_route("10.50.0.0/16", false)?;
        assert!(pair.us.routes(false)?.iter().any(|r| r.destination == "10.51.0.0/16"));

        // A broken header ends the session with the right NOTIFICATION.
        speaker.send(&[0; 19])?;
        assert_eq!(speaker.expect(3)?[..2], [1, 1]);
        pair.us.wait_route("10.51.0.0/16", false)?;

        // Random bytes after a good start, from seeds that the message names.
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut speaker = connect()?;
            for _ in 0..50 {
                let mut body = vec![0_u8; random.random_range(0..200)];
                random.fill(&mut body[..]);
                let kind = random.random_range(1..6);
                // The daemon may have closed the connection already.
                if speaker.send(&message(kind, &body)).is_err() {
                    break;
                }
            }
            ferrd.process().check()?;
            answers(&ferrd)?;
            assert_eq!(ferrd.peer_state(ferr_interop::THEM)?.as_deref(), Some("Established"), "seed {seed}");
        }
        wait_their_routes(&pair.us)
    })
}

#[test]
fn a_connection_that_stays_silent_does_not_bar_another() -> Result<(), Error> {
    with_pair("silent", &[], |pair| {
        let listener = pair.them.netns().enter(|| TcpListener::bind("192.0.2.2:179"))?;
        let listener = listener.map_err(Error::io("listening"))?;
        let ferrd = pair.ferrd()?;
        let (silent, _) = listener.accept().map_err(Error::io("accepting"))?;
        ferrd.wait_peer(ferr_interop::THEM, "OpenSent")?;
        // Nor does one from the same side.
        let dead =
            pair.them.netns().enter(|| TcpStream::connect(address()))?.map_err(Error::io("connecting"))?;
        let mut speaker = Speaker::establish(&pair.them, address(), 65002)?;
        ferrd.wait_peer(ferr_interop::THEM, "Established")?;
        drop((silent, dead));
        speaker.send(&message(4, &[]))?;
        answers(&ferrd)?;
        assert_eq!(ferrd.peer_state(ferr_interop::THEM)?.as_deref(), Some("Established"));
        Ok(())
    })
}

#[test]
fn random_bytes_on_the_vty_sockets_are_survived() -> Result<(), Error> {
    with_pair("vtybytes", &[Rival::Bird], |pair| {
        let mut ferrd = pair.ferrd()?;
        let _bird = Bird::start(&pair.them, super::bird::CONF)?;
        wait_their_routes(&pair.us)?;
        let words = [
            "enable",
            "configure terminal",
            "router bgp",
            "show ",
            "bgp",
            "ip route",
            "no ",
            "|",
            "?",
            "json",
        ];
        for daemon in ["zebra", "bgpd", "staticd", "watchfrr", "mgmtd"] {
            for seed in 0..20 {
                let mut random = StdRng::seed_from_u64(seed);
                let path = ferrd.vty_dir().join(format!("{daemon}.vty"));
                let mut stream = UnixStream::connect(&path).map_err(Error::path(&path))?;
                stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
                for _ in 0..20 {
                    let mut bytes = vec![0_u8; random.random_range(0..3000)];
                    random.fill(&mut bytes[..]);
                    if random.random_bool(0.5) {
                        bytes = words[random.random_range(0..words.len())].as_bytes().to_vec();
                        bytes.push(if random.random_bool(0.5) { 0 } else { b' ' });
                    }
                    // The daemon may hang up, or stop reading a client that does not read.
                    if stream.write_all(&bytes).is_err() {
                        break;
                    }
                }
                // Some hang up without having read.
                if random.random_bool(0.5) {
                    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                    let _ = stream.read(&mut [0; 4096]);
                }
            }
            ferrd.process().check()?;
            answers(&ferrd)?;
        }
        // The same session as at the start.
        let summary = ferrd.bgp_json("show bgp summary json")?;
        let peer = &summary["ipv4Unicast"]["peers"][ferr_interop::THEM];
        assert_eq!(peer["connectionsEstablished"], 1, "{summary}");
        Ok(())
    })
}

#[test]
fn a_bad_configuration_file_is_no_reason_not_to_run() -> Result<(), Error> {
    with_pair("badconf", &[Rival::Bird], |pair| {
        let good = our_conf("");
        let mut random = StdRng::seed_from_u64(1);
        let mut text = String::from("\u{0}\u{ffff} nonsense\nrouter bgp\nneighbor\n");
        for line in good.lines() {
            text.push_str(line);
            text.push('\n');
            if random.random_bool(0.3) {
                // Out of place, unknown or cut off; none of them ends a block.
                let junk: String =
                    (0..random.random_range(1..60)).map(|_| random.random_range('!'..'~')).collect();
                text.push_str(&format!("zz{junk}\n"));
            }
        }
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &text)?;
        let _bird = Bird::start(&pair.them, super::bird::CONF)?;
        wait_their_routes(&pair.us)?;
        assert!(ferrd.process().log().contains("frr.conf:1:"), "{}", ferrd.process().log());
        Ok(())
    })
}
