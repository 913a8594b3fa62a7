//! Ends that move, end, and begin again.

use std::net::SocketAddr;
use std::time::Duration;

use ferr_testnet::Error;
use ferr_wireguard::{Health, SocketState, TunnelError, TunnelEvent, TunnelSpec};

use super::bed::{INNER_THEM, INNER_US, our_config, their_conf, their_key, transfer, with_bed};

#[test]
fn whoever_moves_is_followed() -> Result<(), Error> {
    with_bed("wgroam", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        // They move: the first packet that they send tells.
        bed.wg(&bed.them, &["set", &bed.theirs, "listen-port", "4242"])?;
        bed.reaches(&bed.them, INNER_US, 10)?;
        let there: SocketAddr = "192.0.2.2:4242".parse().unwrap();
        ours.wait(5, |e| *e == TunnelEvent::Moved(their_key().public(), there));
        assert_eq!(ours.peer().endpoint, Some(there));
        bed.us.ping(None, INNER_THEM.parse().unwrap(), Duration::from_secs(1))?;
        // We move: our old address, which answers were sent from, is gone.
        bed.us.ip("addr del 192.0.2.1/24 dev cable")?;
        bed.us.addr("cable", "192.0.2.66/24")?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        transfer(&bed.them, &bed.us, INNER_US, 1 << 20)?;
        // The same configuration again leaves the peer where it is.
        ours.tunnel.configure(&our_config()).unwrap();
        assert_eq!(ours.peer().endpoint, Some(there));
        Ok(())
    })
}

#[test]
fn an_answer_leaves_from_the_address_that_was_asked() -> Result<(), Error> {
    with_bed("wgsource", |bed| {
        bed.us.addr("cable", "192.0.2.50/24")?;
        let mut config = our_config();
        config.peers[0].endpoint = None;
        let _ours = bed.ours(&config)?;
        let _go = bed.theirs(&their_conf("Endpoint = 192.0.2.50:51820\n"))?;
        bed.reaches(&bed.them, INNER_US, 10)?;
        bed.us.ping(None, INNER_THEM.parse().unwrap(), Duration::from_secs(1))?;
        let endpoints = bed.wg(&bed.them, &["show", &bed.theirs, "endpoints"])?;
        assert!(endpoints.contains("192.0.2.50:51820"), "{endpoints}");
        Ok(())
    })
}

#[test]
fn either_side_may_begin_again() -> Result<(), Error> {
    with_bed("wgagain", |bed| {
        let mut config = our_config();
        config.peers[0].keepalive = std::num::NonZeroU16::new(1);
        let mut ours = bed.ours(&config)?;
        let mut go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        go.kill();
        drop(go);
        let _ = std::fs::remove_file(format!("{}/{}.sock", super::bed::CONTROL, bed.theirs));
        let go = bed.theirs(&their_conf(""))?;
        // We hold a session that they do not know: a handshake after 15 s without an answer.
        bed.reaches(&bed.us, INNER_THEM, 40)?;
        drop(ours);
        assert!(bed.us.ip(&format!("link show {}", bed.ours)).is_err(), "the device is gone");
        ours = bed.ours(&config)?;
        bed.reaches(&bed.them, INNER_US, 10)?;
        assert_eq!(ours.peer().health, Health::Alive);
        drop(go);
        Ok(())
    })
}

#[test]
fn a_peer_that_falls_silent_is_told_and_so_is_its_return() -> Result<(), Error> {
    with_bed("wgsilent", |bed| {
        let mut config = our_config();
        config.peers[0].keepalive = std::num::NonZeroU16::new(1);
        let ours = bed.ours(&config)?;
        ours.wait(30, |e| *e == TunnelEvent::Health(their_key().public(), Health::Silent));
        let go = bed.theirs(&their_conf(""))?;
        ours.wait(15, |e| *e == TunnelEvent::Health(their_key().public(), Health::Alive));
        drop(go);
        Ok(())
    })
}

#[test]
fn the_device_of_the_outer_socket_may_go_and_come() -> Result<(), Error> {
    with_bed("wgdevice", |bed| {
        let mut config = our_config();
        config.endpoint_device = Some("cable".into());
        let ours = bed.ours(&config)?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        bed.us.ip("link del cable")?;
        ours.wait(5, |e| *e == TunnelEvent::Sockets(SocketState::WaitingForDevice));
        bed.net.link(&bed.us, "cable", &bed.them, "cable")?;
        bed.us.addr("cable", "192.0.2.1/24")?;
        bed.them.addr("cable", "192.0.2.2/24")?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        // Another device of the same name, without the pause that would be noticed.
        bed.us.ip("link del cable")?;
        bed.net.link(&bed.us, "cable", &bed.them, "cable")?;
        bed.us.addr("cable", "192.0.2.1/24")?;
        bed.them.addr("cable", "192.0.2.2/24")?;
        ours.tunnel.rebind();
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        Ok(())
    })
}

#[test]
fn a_device_that_somebody_deletes_ends_the_tunnel() -> Result<(), Error> {
    with_bed("wgdeleted", |bed| {
        let ours = bed.ours(&our_config())?;
        bed.us.ip(&format!("link set {} down", bed.ours))?;
        bed.us.ip(&format!("link set {} name renamed0", bed.ours))?;
        bed.us.ip("link set renamed0 mtu 1300 up")?;
        bed.us.wait(5, "the MTU under another name", || match ours.tunnel.status().mtu {
            1300 => Ok(()),
            other => Err(other.to_string()),
        })?;
        bed.us.ip("link del renamed0")?;
        ours.wait(5, |e| *e == TunnelEvent::DeviceLost);
        assert!(ours.tunnel.status().lost);
        assert!(matches!(ours.tunnel.configure(&our_config()), Err(TunnelError::Lost)));
        drop(ours);
        let again = bed.ours(&our_config())?;
        assert!(!again.tunnel.status().lost);
        Ok(())
    })
}

#[test]
fn a_persistent_device_is_taken_over() -> Result<(), Error> {
    with_bed("wgpersist", |bed| {
        let start = |persistent| {
            let mut spec = TunnelSpec::new(&bed.ours);
            spec.persistent = persistent;
            bed.us.netns().enter(|| ferr_wireguard::Tunnel::start(spec))
        };
        let tunnel = start(true)?.unwrap();
        bed.us.ip(&format!("link set {} up", bed.ours))?;
        bed.us.addr(&bed.ours, "10.9.0.1/24")?;
        assert!(start(true)?.is_err(), "somebody has it");
        drop(tunnel);
        assert!(bed.us.routes(false)?.iter().any(|r| r.destination == "10.9.0.0/24"), "with its routes");
        let tunnel = start(false)?.unwrap();
        tunnel.configure(&our_config()).unwrap();
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        drop(tunnel);
        assert!(bed.us.ip(&format!("link show {}", bed.ours)).is_err());
        // Another kind of device is left alone.
        bed.us.ip(&format!("link add {} type bridge", bed.ours))?;
        assert!(matches!(start(false)?, Err(TunnelError::Device { .. })));
        Ok(())
    })
}
