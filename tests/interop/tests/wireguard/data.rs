//! Packets: both families inside and outside, bursts, loss, MTU.

use std::process::Command;
use std::time::{Duration, Instant};

use ferr_testnet::{Error, Host};
use ferr_wireguard::{Cause, Endpoint};

use super::bed::{INNER_THEM, INNER_THEM6, INNER_US, PORT, our_config, their_conf, transfer, with_bed};

const MANY: usize = 40 << 20;

#[test]
fn both_families_pass_in_both_directions() -> Result<(), Error> {
    with_bed("wgdata", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        transfer(&bed.us, &bed.them, INNER_THEM, MANY)?;
        transfer(&bed.them, &bed.us, INNER_US, MANY)?;
        transfer(&bed.us, &bed.them, INNER_THEM6, MANY)?;
        transfer(&bed.them, &bed.us, "fd00:9::1", MANY)?;
        let peer = ours.peer();
        assert!(peer.rx_bytes > 2 * MANY as u64 && peer.tx_bytes > 2 * MANY as u64);
        assert!(peer.drops.iter().all(|(cause, _)| *cause != Cause::NotAuthentic), "{:?}", peer.drops);
        Ok(())
    })
}

#[test]
fn several_threads_and_outer_ipv6() -> Result<(), Error> {
    with_bed("wgthreads", |bed| {
        let mut config = our_config();
        let endpoint = format!("[2001:db8:12::2]:{PORT}").parse().unwrap();
        config.peers[0].endpoint = Some(Endpoint::Addr(endpoint));
        let ours = bed.ours_with(&config, 2)?;
        let _go = bed.theirs(&their_conf(""))?;
        transfer(&bed.us, &bed.them, INNER_THEM, MANY)?;
        transfer(&bed.them, &bed.us, INNER_US, MANY)?;
        assert!(ours.peer().endpoint.unwrap().is_ipv6());
        Ok(())
    })
}

/// Drops beside what the kernel sends by itself before the other side is known.
fn drops(ours: &super::bed::Ours) -> Vec<(Cause, u64)> {
    ours.peer().drops.into_iter().filter(|(cause, _)| *cause != Cause::NoEndpoint).collect()
}

#[test]
fn ours_with_ours_and_either_may_move() -> Result<(), Error> {
    with_bed("wgours", |bed| {
        let ours = bed.ours(&our_config())?;
        let (file, errors) = ferr_wireguard::wg_quick::parse(&their_conf(""));
        assert_eq!(errors, []);
        let theirs = bed.theirs_as_ours(&file.tunnel)?;
        transfer(&bed.us, &bed.them, INNER_THEM, MANY)?;
        transfer(&bed.them, &bed.us, "fd00:9::1", MANY)?;
        assert_eq!((drops(&ours), drops(&theirs)), (vec![], vec![]));
        bed.them.ip("addr del 192.0.2.2/24 dev cable")?;
        bed.them.addr("cable", "192.0.2.77/24")?;
        bed.reaches(&bed.them, INNER_US, 10)?;
        assert_eq!(ours.peer().endpoint, "192.0.2.77:51820".parse().ok());
        bed.us.ip("addr del 192.0.2.1/24 dev cable")?;
        bed.us.addr("cable", "192.0.2.66/24")?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        assert_eq!(theirs.peer().endpoint, "192.0.2.66:51820".parse().ok());
        transfer(&bed.them, &bed.us, INNER_US, MANY)?;
        Ok(())
    })
}

/// Loses one packet of 20 that comes in by the cable.
fn lossy(host: &Host) -> Result<(), Error> {
    let rules = "table ip loss {\n chain in {\n type filter hook prerouting priority -300\n \
                 iifname cable udp dport 51820 numgen random mod 100 < 5 drop\n }\n}\n";
    let path = host.file("loss.nft", rules)?;
    host.run(Command::new("nft").arg("-f").arg(path)).map(drop)
}

#[test]
fn five_percent_loss_costs_time_and_nothing_else() -> Result<(), Error> {
    with_bed("wgloss", |bed| {
        lossy(&bed.us)?;
        lossy(&bed.them)?;
        let _ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 30)?;
        transfer(&bed.us, &bed.them, INNER_THEM, 2 << 20)?;
        transfer(&bed.them, &bed.us, INNER_US, 2 << 20)?;
        Ok(())
    })
}

fn ping_of(host: &Host, size: usize, to: &str) -> Result<(), Error> {
    let size = size.to_string();
    host.run(Command::new("ping").args(["-c", "2", "-W", "2", "-i", "0.2", "-s", &size, to])).map(drop)
}

#[test]
fn every_size_passes_and_the_mtu_is_followed() -> Result<(), Error> {
    with_bed("wgmtu", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        for size in [0, 1, 3, 4, 5, 100, 1391, 1392, 1393, 3000, 20_000] {
            ping_of(&bed.us, size, INNER_THEM)?;
            ping_of(&bed.them, size, INNER_US)?;
        }
        bed.us.ip(&format!("link set {} mtu 1280", bed.ours))?;
        bed.us.wait(5, "the new MTU", || match ours.tunnel.status().mtu {
            1280 => Ok(()),
            other => Err(other.to_string()),
        })?;
        transfer(&bed.us, &bed.them, INNER_THEM, MANY)?;
        transfer(&bed.them, &bed.us, INNER_US, MANY)?;
        // The way outside is narrower than the tunnel: outer packets are fragmented.
        bed.us.ip(&format!("link set {} mtu 1420", bed.ours))?;
        bed.us.ip("link set cable mtu 1300")?;
        bed.them.ip("link set cable mtu 1300")?;
        ping_of(&bed.us, 1392, INNER_THEM)?;
        transfer(&bed.us, &bed.them, INNER_THEM, 4 << 20)?;
        transfer(&bed.them, &bed.us, INNER_US, 4 << 20)?;
        Ok(())
    })
}

#[test]
fn the_first_packet_passes_at_once() -> Result<(), Error> {
    with_bed("wgfirst", |bed| {
        let _go = bed.theirs(&their_conf(""))?;
        let mut best = Duration::MAX;
        // On a loaded machine a single measurement says nothing.
        for _ in 0..5 {
            let ours = bed.ours(&our_config())?;
            let start = Instant::now();
            bed.us.ping(None, INNER_THEM.parse().unwrap(), Duration::from_secs(2))?;
            best = best.min(start.elapsed());
            drop(ours);
        }
        assert!(best < Duration::from_millis(5), "{best:?}");
        Ok(())
    })
}

#[test]
fn frames_of_the_wire_without_offloads() -> Result<(), Error> {
    with_bed("wgframes", |bed| {
        for host in [&bed.us, &bed.them] {
            // No hardware cuts here, and none completes checksums.
            host.run(Command::new("ethtool").args(["-K", "cable", "tx", "off", "gso", "off", "gro", "off"]))?;
        }
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        transfer(&bed.us, &bed.them, INNER_THEM, MANY)?;
        transfer(&bed.them, &bed.us, INNER_US, MANY)?;
        assert!(
            ours.peer().drops.iter().all(|(cause, _)| *cause != Cause::SendFailed),
            "{:?}",
            ours.peer().drops
        );
        Ok(())
    })
}
