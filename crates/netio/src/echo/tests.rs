//! Packets as they are written and read.

use super::*;

#[test]
fn packets_have_valid_checksums_and_read_back() {
    for payload in [&b""[..], b"odd", b"even", &[0xff; MAX_PAYLOAD]] {
        let link = LinkAddr::default();
        let addr = Ipv4Addr::new(192, 0, 2, 1);
        let echo = EchoPacket { interface: IfIndex(1), link, addr, source_port: 49_152, ttl: 255, payload };
        let mut bytes = [0x11; HEADERS + MAX_PAYLOAD];
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
