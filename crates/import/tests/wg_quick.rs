//! Files of wg-quick.
#![allow(clippy::unwrap_used)]

use ferr_import::{Fate, Imported, KeySource, Options, wg_quick};

fn import(text: &str) -> Imported {
    wg_quick("wg0", text, &Options::default())
}

const FULL: &str = "\
[Interface]
Address = 10.1.1.1/30, fd00::1/64
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
ListenPort = 51820
FwMark = 0x10
MTU = 1412
DNS = 192.0.2.53
PostUp = iptables -A FORWARD -i %i -j ACCEPT
SaveConfig = true

[Peer]
# far side
PublicKey = bLvNfwEmtDrMdNy3Inwv7U+W3QMgu0iXouoJqPCHGzo=
PresharedKey = 3+NzQqbPzYkOzZ6LlX1Z8S4bq0P5b0Jw9Tn0zqkqPXo=
AllowedIPs = 10.1.1.2/32, 10.9.0.0/16, ::/0
Endpoint = far.example.net:51820
PersistentKeepalive = 9

[Peer]
PublicKey = 9mfj6golC2iy3Hv/+TEOGH3vwrRS4LKAbBBPij0gyDg=

[Peer]
PublicKey = nonsense
AllowedIPs = 10.7.0.0/16
";

fn report(imported: &Imported) -> String {
    imported.lines.iter().map(|l| format!("{l}\n")).collect()
}

#[test]
fn everything_or_a_reason() {
    let imported = import(FULL);
    insta::assert_snapshot!("wg_own", imported.own);
    insta::assert_snapshot!("wg_frr", imported.frr);
    insta::assert_snapshot!("wg_report", report(&imported));
    let files = [("frr.conf", &imported.frr), ("ferr.conf", &imported.own)];
    assert_eq!(ferr_config::parse_files(&files).errors().count(), 0);
    assert_eq!(imported.keys.len(), 2);
    assert!(matches!(&imported.keys[0].source, KeySource::Line(3, key) if key.reveal().starts_with("yAnz")));
    assert!(matches!(&imported.keys[1].source, KeySource::Line(14, key) if key.reveal().starts_with("3+Nz")));
    assert_eq!(imported.notes.len(), 1, "{:?}", imported.notes);
    let debug = format!("{imported:?}{}", report(&imported));
    assert!(!debug.contains("yAnz") && !debug.contains("3+Nz"), "{debug}");
}

#[test]
fn the_published_file_has_placeholders() {
    let imported = import(include_str!("data/hybrid-cloud/wg0.conf"));
    let left: Vec<usize> = imported.left().map(|l| l.number).collect();
    // Both keys and the port are placeholders, and so the peer's key is missing.
    assert_eq!(left, [2, 3, 7, 8, 9]);
    assert!(imported.own.contains("mtu 1412") && imported.frr.is_empty(), "{imported:?}");
}

#[test]
fn routes_go_where_the_table_says() {
    let with = |table: &str| {
        let imported = import(&format!(
            "[Interface]\n{table}\n[Peer]\nPublicKey = bLvNfwEmtDrMdNy3Inwv7U+W3QMgu0iXouoJqPCHGzo=\nAllowedIPs = 10.9.0.0/16\n"
        ));
        let fate = imported.lines.iter().find(|l| l.text.starts_with("Table")).map(|l| l.fate.clone());
        (imported.frr.lines().find(|l| l.starts_with("ip route")).map(str::to_owned), fate)
    };
    assert_eq!(with("").0.unwrap(), "ip route 10.9.0.0/16 wg0");
    assert_eq!(with("Table = 100").0.unwrap(), "ip route 10.9.0.0/16 wg0 table 100");
    assert_eq!(with("Table = off").0, None);
    assert!(matches!(with("Table = mine").1, Some(Fate::Left(_))));
}
