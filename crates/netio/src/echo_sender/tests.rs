//! Packets as they are written, and IPv4 ones as they are read.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::echo::read;

const PAYLOADS: [&[u8]; 4] = [b"", b"odd", b"even", &[0xff; MAX_PAYLOAD]];

#[test]
fn ipv4_packets_have_valid_checksums_and_read_back() {
    let addr = Ipv4Addr::new(192, 0, 2, 1);
    for payload in PAYLOADS {
        let echo = EchoPacket { addr: addr.into(), source_port: 49_152, ttl: 255, payload };
        let mut bytes = [0x11; MAX_PACKET];
        let len = echo.write(&mut bytes).unwrap();
        assert_eq!(checksum(0, &bytes[..20]), 0);
        assert_eq!(checksum((len - 20) as u32 + 17, &bytes[12..len]), 0);
        // The link may pad what is short.
        assert_eq!(read(&bytes), Some((addr, 49_152, 255, payload)));
        for cut in 0..len {
            assert_eq!(read(&bytes[..cut]), None);
        }
    }
}

#[test]
fn ipv6_packets_have_valid_checksums() {
    let addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    for payload in PAYLOADS {
        let echo = EchoPacket { addr: addr.into(), source_port: 49_152, ttl: 255, payload };
        let mut bytes = [0x11; MAX_PACKET];
        let len = echo.write(&mut bytes).unwrap();
        assert_eq!(len, 48 + payload.len());
        assert_eq!(checksum((len - 40) as u32 + 17, &bytes[8..len]), 0);
        assert_eq!((bytes[0] >> 4, bytes[6], bytes[7]), (6, 17, 255));
        assert_eq!((&bytes[8..24], &bytes[24..40]), (&addr.octets()[..], &addr.octets()[..]));
        assert_eq!(&bytes[48..len], payload);
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let addr = Ipv4Addr::LOCALHOST.into();
    let echo = EchoPacket { addr, source_port: 1, ttl: 1, payload: &[0; MAX_PAYLOAD + 1] };
    assert!(echo.write(&mut [0; MAX_PACKET]).is_err());
}
