//! The published pair of VyOS routers, imported, and brought up against each other: a tunnel whose one end is behind NAT, eBGP between
//! loopbacks through it.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::Duration;

use ferr_import::{KeySource, Options, vyos};
use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, Net, Requirement, check, skipped, wait_until};

const T1: &str = include_str!("../../../../crates/import/tests/data/hybrid-cloud/vyos-t1.txt");
const T2: &str = include_str!("../../../../crates/import/tests/data/hybrid-cloud/vyos-t2.txt");
/// What stands for the keys in the published files, by whose they are.
const PLACEHOLDERS: [&str; 2] =
    ["9mfj6golC2iy3Hv/+TEOGH3vwrRS4LKAbBBPij0gyDg=", "bLvNfwEmtDrMdNy3Inwv7U+W3QMgu0iXouoJqPCHGzo="];

/// Control sockets of tunnels of one name would collide.
const OWN_FOLDER: &str =
    "mkdir -p /run/wireguard && mount -t tmpfs tmpfs /run/wireguard && exec \"$0\" \"$@\"";

fn wg(command: &str, input: &str) -> String {
    let mut wg = Command::new("wg");
    let mut child = wg.arg(command).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn start(host: &Host, text: &str, private: &str) -> Result<Ferrd, Error> {
    let keys = host.subdir("keys")?;
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
    let imported = vyos(text, &Options { key_dir: keys.to_str().unwrap().to_owned() });
    assert_eq!(imported.keys.len(), 1);
    for key in &imported.keys {
        // The published files name keys that the routers kept.
        assert!(matches!(key.source, KeySource::File(_)));
        let mut options = fs::OpenOptions::new();
        let mut file = options.create_new(true).write(true).mode(0o600).open(&key.path).unwrap();
        writeln!(file, "{private}").unwrap();
    }
    let own = host.file("ferr.conf", &imported.own)?;
    let ferrd = FerrdProgram::locate()?.program.into_os_string();
    let mut prefix: Vec<OsString> = ["--mount", "sh", "-c", OWN_FOLDER].map(OsString::from).to_vec();
    prefix.extend([ferrd, "--config".into(), own.into_os_string()]);
    Ferrd::start(host, &FerrdProgram { program: "unshare".into(), prefix }, &imported.frr)
}

#[test]
fn the_published_pair_comes_up() -> Result<(), Error> {
    let needs = [
        Requirement::Namespaces,
        Requirement::Program("wg"),
        Requirement::Program("ip"),
        Requirement::Program("unshare"),
    ];
    if let Err(reason) = check(&needs) {
        skipped(&reason);
        return Ok(());
    }
    if !std::path::Path::new("/dev/net/tun").exists() {
        skipped(&"no /dev/net/tun");
        return Ok(());
    }
    let private = [wg("genkey", ""), wg("genkey", "")];
    let [first, second] = [T1, T2].map(|text| {
        PLACEHOLDERS
            .iter()
            .zip(&private)
            .fold(text.to_owned(), |text, (placeholder, key)| text.replace(placeholder, &wg("pubkey", key)))
    });
    let net = Net::new("vyos")?;
    let (t1, t2) = (net.host("t1")?, net.host("t2")?);
    net.link(&t1, "eth0", &t2, "eth0")?;
    let one = start(&t1, &first, &private[0])?;
    let two = start(&t2, &second, &private[1])?;
    one.wait_peer("2.1.1.1", "Established")?;
    two.wait_peer("1.1.1.1", "Established")?;
    for (host, own, far) in [(&t1, [8, 8, 4, 4], [8, 8, 8, 8]), (&t2, [8, 8, 8, 8], [8, 8, 4, 4])] {
        let [own, far]: [IpAddr; 2] = [own.into(), far.into()];
        host.wait_route(&far.to_string(), true)?;
        wait_until(Duration::from_secs(20), format!("a ping from {own} to {far}"), || {
            host.ping(Some(own), far, Duration::from_secs(1)).map_err(|e| e.to_string())
        })?;
    }
    Ok(())
}
