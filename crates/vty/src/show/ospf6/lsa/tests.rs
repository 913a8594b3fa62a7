use std::collections::BTreeMap;
use std::sync::Arc;

use ferr_state::ferr_ospf::LsaKey;
use ferr_state::ferr_ospf::wire::Version;

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

/// All LSAs of a recorded answer, in its order.
fn objects(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(&recorded(name)).unwrap();
    let scopes = all.as_object().unwrap().values().flat_map(|v| v.as_array().unwrap());
    scopes.flat_map(|part| part["lsa"].as_array().unwrap()).cloned().collect()
}

/// The database of the recorded router.
fn rows() -> Vec<Row> {
    let row = |o: &Value| {
        let hex = o["header"].as_str().unwrap();
        let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let octets: Arc<[u8]> = (0..hex.len()).step_by(2).map(octet).collect();
        let lsa = Lsa::decode(Version::V3, &octets).unwrap();
        Row {
            key: LsaKey::from(&lsa.header),
            age: lsa.header.age.seconds(),
            held: 0,
            octets: octets.clone(),
            translated: false,
        }
    };
    let rows: Vec<Row> = objects("show_ipv6_ospf6_database_dump_json.txt").iter().map(row).collect();
    assert!(rows.len() > 30);
    rows
}

/// Times pass between two commands.
fn without_times(text: &str) -> String {
    let plain = |line: &str| match () {
        () if line.starts_with("Age:") => line[9..].to_owned(),
        () if line.starts_with("Duration:") => "Duration".to_owned(),
        () if line.contains(" 8000") && line.len() > 70 => {
            // A long name of a type moves what stands behind.
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            format!("{} | {} {} {} {}", line.len(), words[0], words[1], words[2], words[4..].join(" "))
        }
        () => line.to_owned(),
    };
    text.lines().map(plain).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn tables_are_those_of_frr() {
    let theirs = without_times(&recorded("show_ipv6_ospf6_database.txt"));
    assert!(theirs.contains(COLUMNS));
    for row in rows() {
        let ours = without_times(&printed(|out| brief(out, &row)));
        assert!(theirs.contains(&ours), "{ours}\n{theirs}");
    }
}

#[test]
fn lsas_in_full_are_those_of_frr() {
    let theirs = without_times(&recorded("show_ipv6_ospf6_database_detail.txt"));
    for row in rows() {
        let ours = without_times(&printed(|out| detail(out, &row)));
        assert!(theirs.contains(&ours), "{ours}\n{theirs}");
    }
}

#[test]
fn octets_are_those_of_frr() {
    // The age is the first word of a dump.
    let plain = |text: &str| -> String {
        let line = |l: &str| {
            if l.starts_with("        00") && l.len() == 43 { l[12..].to_owned() } else { l.to_owned() }
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    let theirs = plain(&recorded("show_ipv6_ospf6_database_dump.txt"));
    for row in rows() {
        let ours = plain(&printed(|out| dump(out, &row)));
        assert!(theirs.contains(&ours), "{ours}\n{theirs}");
    }
}

fn without(mut value: Value, keys: &[&str]) -> String {
    let o = value.as_object_mut().unwrap();
    keys.iter().for_each(|key| {
        o.remove(*key);
    });
    value.to_string()
}

#[test]
fn json_is_that_of_frr() {
    let count = |list: Vec<String>| {
        list.into_iter().fold(BTreeMap::new(), |mut all: BTreeMap<String, usize>, text| {
            *all.entry(text).or_default() += 1;
            all
        })
    };
    let theirs = objects("show_ipv6_ospf6_database_detail_json.txt");
    let theirs = count(theirs.into_iter().map(|v| without(v, &["age", "duration"])).collect());
    let ours = rows().iter().map(|r| without(detail_json(r).into(), &["age", "duration"])).collect();
    assert_eq!(count(ours), theirs);
    let theirs = objects("show_ipv6_ospf6_database_json.txt");
    let theirs = count(theirs.into_iter().map(|v| without(v, &["age"])).collect());
    let ours = rows().iter().flat_map(brief_json).map(|v| without(v, &["age"])).collect();
    assert_eq!(count(ours), theirs);
}
