//! A flood of the port of BFD changes no session.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use ferr_interop::bfd::{bfd_conf, changes, wait_change};
use ferr_interop::{THEM, THEM6, pair};
use ferr_testnet::{Error, Ferrd, Host};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::reflector::Reflector;

/// Another address of theirs.
const THEM3: &str = "192.0.2.3";
const FLOOD: Duration = Duration::from_secs(4);
const INTERVAL: Duration = Duration::from_millis(50);

/// A control packet that is valid in itself: Down, for a session that nobody has.
fn packet(random: &mut StdRng) -> [u8; 24] {
    let mut out = [0; 24];
    random.fill_bytes(&mut out[4..12]);
    out[..4].copy_from_slice(&[1 << 5, 1 << 6, 3, 24]);
    // Never zero, which would be a peer that begins anew.
    out[8] |= 0x80;
    for at in [12, 16] {
        out[at..at + 4].copy_from_slice(&50_000_u32.to_be_bytes());
    }
    out
}

/// Sends as fast as it can: junk, packets that come from too far, packets for nobody. Gives how many.
fn flood(from: &Host, source: &str, to: &str) -> Result<u64, Error> {
    let open = |ttl: u32| {
        let socket = UdpSocket::bind(SocketAddr::new(source.parse::<IpAddr>().unwrap(), 0))?;
        socket.set_ttl(ttl)?;
        socket.connect(SocketAddr::new(to.parse::<IpAddr>().unwrap(), 3784))?;
        Ok::<_, std::io::Error>(socket)
    };
    let sockets = from.netns().enter(|| Ok::<_, std::io::Error>((open(64)?, open(255)?)))?;
    let (far, near) = sockets.map_err(Error::io("sockets of the flood"))?;
    let mut random = StdRng::seed_from_u64(3);
    // Made beforehand: the sending is what is to be fast.
    let packets: Vec<Vec<u8>> = (0..1024)
        .map(|turn| {
            let mut junk = vec![0; random.next_u32() as usize % 100];
            random.fill_bytes(&mut junk);
            if turn % 4 < 2 { junk } else { packet(&mut random).to_vec() }
        })
        .collect();
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < FLOOD {
        for (turn, packet) in packets.iter().enumerate() {
            let socket = if turn % 2 == 0 { &near } else { &far };
            sent += u64::from(socket.send(packet).is_ok());
        }
    }
    Ok(sent)
}

#[test]
fn a_flood_of_one_port_changes_no_session() -> Result<(), Error> {
    let Some(pair) = pair("bfdflood", &[])? else { return Ok(()) };
    pair.them.addr("eth0", "192.0.2.3/24")?;
    pair.them.addr("eth0", "192.0.2.9/24")?;
    let peers: String = [THEM, THEM3, THEM6]
        .map(|peer| format!(" peer {peer}\n  receive-interval 50\n  transmit-interval 50\n exit\n"))
        .concat();
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, &bfd_conf(&peers, ""))?;
    let addr = |text: &str| text.parse::<IpAddr>().unwrap();
    let sessions = [(THEM, "192.0.2.1"), (THEM3, "192.0.2.1"), (THEM6, "2001:db8:12::1")]
        .map(|(them, us)| (addr(them), addr(us)));
    let reflector = Reflector::start(&pair.them, &sessions, INTERVAL)?;
    for peer in [THEM, THEM3, THEM6] {
        wait_change(&mut ferrd, peer, "up", 1)?;
    }
    // From a stranger, then from the address of a session.
    let sent = [flood(&pair.them, "192.0.2.9", "192.0.2.1")?, flood(&pair.them, THEM, "192.0.2.1")?];
    thread::sleep(Duration::from_millis(500));
    let seen = reflector.finish();
    assert!(sent.iter().all(|count| *count > 10_000), "{sent:?}");
    for peer in [THEM, THEM3, THEM6] {
        // Our side ends a session of its own only after the reflector is gone.
        let seen = seen[&addr(peer)];
        assert_eq!((seen.ups, seen.downs), (1, 0), "{peer}: {seen:?}\n{}", ferrd.process().log_tail(20));
        assert!(seen.longest_gap < 3 * INTERVAL, "{peer}: {seen:?}");
        wait_change(&mut ferrd, peer, "down", 1)?;
        assert_eq!((changes(&mut ferrd, peer, "up"), changes(&mut ferrd, peer, "down")), (1, 1));
    }
    Ok(())
}
