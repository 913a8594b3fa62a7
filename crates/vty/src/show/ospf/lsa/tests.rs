use std::net::Ipv4Addr;
use std::sync::Arc;

use ferr_state::ferr_ospf::LsaKey;
use ferr_state::ferr_ospf::wire::{Lsa, Version};
use serde_json::Value;

use super::*;
use crate::output::Status;

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/data/frr-8.4.4/ospf/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn printed(print: impl FnOnce(&mut Out<'_>)) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    let mut out = Out::new(&mut bytes, None);
    print(&mut out);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(out.finish(Status::Success)).unwrap();
    String::from_utf8(bytes[..bytes.len() - 4].to_vec()).unwrap()
}

/// LSAs that the recorded router received, as far as they are in its table still.
fn rows() -> Vec<Row> {
    let table = recorded("show_ip_ospf_database.txt");
    let row = |line: &str| {
        let hex = line.split_once(' ').unwrap().1;
        let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let octets: Arc<[u8]> = (0..hex.len()).step_by(2).map(octet).collect();
        let lsa = Lsa::decode(Version::V2, &octets).unwrap();
        let h = lsa.header;
        let shown = format!("0x{} {:#06x}", h.sequence, h.checksum);
        let held = table.lines().any(|l| l.contains(&shown) && l.starts_with(&h.id.to_string()));
        let row = Row { key: LsaKey::from(&h), age: 77, held: 5, octets, translated: false };
        held.then_some(row)
    };
    let rows: Vec<Row> = recorded("v2.lsas").lines().filter_map(row).collect();
    assert!(rows.len() > 7, "{}", rows.len());
    rows
}

const OWN: RouterId = RouterId(Ipv4Addr::new(2, 2, 2, 2));

/// Ages pass between two commands.
fn without_ages(text: &str) -> String {
    let plain = |line: &str| {
        let is_row = line.contains(" 0x8") && !line.starts_with(' ');
        match () {
            () if line.starts_with("  LS age") => "  LS age".to_owned(),
            () if is_row => [&line[..31], &line[35..]].concat(),
            () => line.to_owned(),
        }
    };
    text.lines().map(plain).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn tables_are_those_of_frr() {
    let table = without_ages(&recorded("show_ip_ospf_database.txt"));
    for row in rows() {
        let ours = without_ages(&printed(|out| brief(out, &row)));
        assert!(table.contains(&ours), "{ours}\n{table}");
    }
}

#[test]
fn lsas_in_full_are_those_of_frr() {
    for row in rows() {
        let kind = Kind::of(row.key.kind).unwrap();
        let theirs = without_ages(&recorded(&format!("show_ip_ospf_database_{}.txt", kind.word)));
        let ours = without_ages(&printed(|out| detail(out, &row, OWN)));
        // What a neighbor gives back of our own has other marks than our own.
        if row.key.router != OWN {
            assert!(theirs.contains(&ours), "{ours}\n{theirs}");
        }
        assert!(theirs.contains(kind.title) && recorded("show_ip_ospf_database.txt").contains(kind.columns));
    }
}

fn without_age(mut value: Value) -> Value {
    let o = value.as_object_mut().unwrap();
    o.remove("lsaAge");
    // Both spellings are told; FRR 8.4.4 has one.
    o.remove("attachedRouters");
    value
}

#[test]
fn json_is_that_of_frr() {
    for row in rows().into_iter().filter(|row| row.key.router != OWN) {
        let kind = Kind::of(row.key.kind).unwrap();
        let theirs: Value =
            serde_json::from_str(&recorded(&format!("show_ip_ospf_database_{}_json.txt", kind.word)))
                .unwrap();
        let lists: Vec<&Value> = match &theirs[kind.key]["areas"] {
            Value::Object(areas) => areas.values().collect(),
            _ => vec![&theirs[kind.key]],
        };
        let all: Vec<Value> =
            lists.iter().flat_map(|l| l.as_array().unwrap()).cloned().map(without_age).collect();
        let ours = without_age(detail_json(&row, OWN).into());
        let same = |v: &Value| *v == ours;
        assert!(all.iter().any(same), "{ours}\n{all:#?}");
        let theirs: Value = serde_json::from_str(&recorded("show_ip_ospf_database_json.txt")).unwrap();
        let areas = theirs["areas"].as_object().unwrap().values();
        let all: Vec<Value> = areas
            .chain([&theirs])
            .filter_map(|a| a[kind.key].as_array())
            .flatten()
            .cloned()
            .map(without_age)
            .collect();
        let ours = without_age(brief_json(&row).into());
        assert!(all.contains(&ours), "{ours}\n{all:#?}");
    }
}
