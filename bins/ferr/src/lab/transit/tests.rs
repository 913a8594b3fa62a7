use super::*;

#[test]
fn the_slice_is_prefixes_with_origins() {
    assert!(table().count() > 2000);
    for (prefix, origin) in table() {
        let (address, len) = prefix.split_once('/').unwrap();
        assert!(address.parse::<Ipv4Addr>().is_ok() && len.parse::<u8>().is_ok(), "{prefix}");
        assert!(origin.parse::<u32>().is_ok(), "{prefix} {origin}");
    }
}
