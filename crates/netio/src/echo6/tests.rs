//! Packets as they are written.

use super::*;

#[test]
fn packets_have_valid_checksums_and_their_place_in_the_header() {
    for payload in [&b""[..], b"odd", b"even", &[0xff; MAX_PAYLOAD]] {
        let addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let echo = EchoPacket6 { addr, source_port: 49_152, hop_limit: 255, payload };
        let mut bytes = [0x11; HEADERS + MAX_PAYLOAD];
        let len = echo.write(&mut bytes).unwrap();
        assert_eq!(len, HEADERS + payload.len());
        assert_eq!(checksum((len - 40) as u32 + 17, &bytes[8..len]), 0);
        assert_eq!((bytes[0] >> 4, bytes[7], bytes[6]), (6, 255, 17));
        assert_eq!(&bytes[8..24], &bytes[24..40]);
        assert_eq!(&bytes[HEADERS..len], payload);
    }
    let mut bytes = [0; HEADERS + MAX_PAYLOAD];
    let long = EchoPacket6 {
        addr: Ipv6Addr::LOCALHOST,
        source_port: 1,
        hop_limit: 1,
        payload: &[0; MAX_PAYLOAD + 1],
    };
    assert!(long.write(&mut bytes).is_err());
}
