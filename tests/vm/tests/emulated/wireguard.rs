//! Two hosts on a cable: ours, and one with the kernel's WireGuard set up by `ip` and `wg`.

use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use ferr_testnet::probe::Stream;
use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, Net, wait_until};
use ferr_vm_tests::in_emulated_machine;
use ferr_wireguard::{PresharedKey, PrivateKey};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
/// A handshake is done again after this time (REKEY_AFTER_TIME), and some more for a slow machine.
const REKEY: Duration = Duration::from_secs(140);

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_bytes([seed; 32]).unwrap()
}

fn secret_file(host: &Host, name: &str, text: &str) -> Result<String, Error> {
    let path = host.file(name, text)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    Ok(path.display().to_string())
}

struct Bed {
    us: Host,
    them: Host,
    _net: Net,
}

fn bed() -> Result<Bed, Error> {
    let net = Net::new("wgkernel")?;
    let (us, them) = (net.host("us")?, net.host("them")?);
    net.link(&us, "eth0", &them, "eth0")?;
    us.addr("eth0", "192.0.2.1/24")?;
    them.addr("eth0", "192.0.2.2/24")?;
    Ok(Bed { us, them, _net: net })
}

fn ours(bed: &Bed, program: &FerrdProgram, backend: &str) -> Result<Ferrd, Error> {
    let private = secret_file(&bed.us, "wg0.key", &key(1).expose_base64())?;
    let preshared = PresharedKey::from_bytes([9; 32]).unwrap();
    let preshared = secret_file(&bed.us, "wg0.psk", &preshared.expose_base64())?;
    let peer = format!("wireguard peer {}", key(2).public());
    let own = format!(
        "interface wg0\n ip address 10.0.0.1/30\n wireguard backend {backend}\n wireguard private-key-file {private}\n wireguard \
         listen-port 51820\n {peer} endpoint 192.0.2.2:51820 allowed-ips 0.0.0.0/0,::/0 persistent-keepalive 1\n {peer} \
         preshared-key-file {preshared}\nexit\n"
    );
    Ferrd::start_with_own(&bed.us, &program.with_own_run(), "hostname us\n", &own)
}

/// The kernel's, as people make it.
fn theirs(bed: &Bed) -> Result<(), Error> {
    let conf = format!(
        "[Interface]\nPrivateKey = {}\nListenPort = 51820\n[Peer]\nPublicKey = {}\nPresharedKey = {}\nAllowedIPs = 0.0.0.0/0, ::/0\n",
        key(2).expose_base64().as_str(),
        key(1).public(),
        PresharedKey::from_bytes([9; 32]).unwrap().expose_base64().as_str()
    );
    let file = secret_file(&bed.them, "wg.conf", &conf)?;
    bed.them.ip("link add wg0 type wireguard")?;
    bed.them.run(Command::new("wg").args(["setconf", "wg0", &file]))?;
    bed.them.addr("wg0", "10.0.0.2/30")?;
    bed.them.ip("link set wg0 mtu 1420 up")
}

fn tunnel(ferrd: &Ferrd) -> Result<Value, Error> {
    let text = ferrd.commands("ferr", &["show wireguard json"])?.text;
    Ok(serde_json::from_str::<Value>(&text).unwrap_or_default()["wg0"].clone())
}

fn wait_alive(ferrd: &Ferrd) -> Result<Value, Error> {
    wait_until(LIMIT, "the peer to answer", || {
        let seen = tunnel(ferrd).map_err(|e| e.to_string())?;
        let peers = seen["peers"].as_object().cloned().unwrap_or_default();
        let fits = !peers.is_empty() && peers.values().all(|p| p["state"] == "alive");
        if fits { Ok(seen) } else { Err(seen.to_string()) }
    })
}

fn inner() -> IpAddr {
    [10, 0, 0, 2].into()
}

/// Time of the last handshake, as theirs counts.
fn handshake(bed: &Bed) -> Result<u64, Error> {
    let text = bed.them.run(Command::new("wg").args(["show", "wg0", "latest-handshakes"]))?;
    Ok(text.split_whitespace().nth(1).and_then(|t| t.parse().ok()).unwrap_or(0))
}

#[test]
fn data_rekey_roaming_restart_and_loss_with_the_kernels() -> Result<(), Error> {
    in_emulated_machine("wireguard::data_rekey_roaming_restart_and_loss_with_the_kernels", |program| {
        let bed = bed()?;
        theirs(&bed)?;
        let mut ferrd = ours(&bed, program, "userspace")?;
        assert_eq!(wait_alive(&ferrd)?["backend"], "userspace");
        bed.us.ping(None, inner(), LIMIT)?;

        // A handshake of its own accord, and nothing is lost with it.
        let first = handshake(&bed)?;
        let stream = Stream::start(bed.us.netns(), None, inner(), Duration::from_millis(50))?;
        wait_until(REKEY, "another handshake", || match handshake(&bed) {
            Ok(at) if at > first => Ok(()),
            other => Err(format!("{other:?}")),
        })?;
        let seen = stream.finish();
        assert!(seen.answered + 5 >= seen.sent, "{seen:?}");

        // They move, and we follow.
        bed.them.ip("addr flush dev eth0")?;
        bed.them.addr("eth0", "192.0.2.3/24")?;
        wait_until(LIMIT, "the new place", || {
            // They speak first: only they know.
            let _ = bed.them.ping(None, [10, 0, 0, 1].into(), Duration::from_millis(500));
            let seen = tunnel(&ferrd).map_err(|e| e.to_string())?.to_string();
            if seen.contains("192.0.2.3:51820") { Ok(()) } else { Err(seen) }
        })?;
        bed.us.ping(None, inner(), LIMIT)?;
        bed.them.addr("eth0", "192.0.2.2/24")?;

        // Either side starts again.
        ferrd.process().kill();
        ferrd.restart()?;
        bed.us.ping(None, inner(), LIMIT)?;
        bed.them.ip("link del wg0")?;
        theirs(&bed)?;
        bed.us.ping(None, inner(), LIMIT)?;

        // One packet in twenty is lost.
        for host in [&bed.us, &bed.them] {
            let rules = "add table ip loss; add chain ip loss in { type filter hook input priority 0; }; \
                         add rule ip loss in udp dport 51820 numgen random mod 20 0 drop";
            host.run(Command::new("nft").arg(rules))?;
        }
        let stream = Stream::start(bed.us.netns(), None, inner(), Duration::from_millis(20))?;
        std::thread::sleep(Duration::from_secs(10));
        let seen = stream.finish();
        let share = f64::from(seen.answered) / f64::from(seen.sent);
        assert!((0.80..0.97).contains(&share), "{seen:?}");
        Ok(())
    })
}

#[test]
fn the_kernels_wireguard_is_driven_by_us() -> Result<(), Error> {
    in_emulated_machine("wireguard::the_kernels_wireguard_is_driven_by_us", |program| {
        let bed = bed()?;
        theirs(&bed)?;
        for backend in ["kernel", "auto"] {
            let mut ferrd = ours(&bed, program, backend)?;
            let seen = wait_alive(&ferrd);
            if seen.is_err() {
                println!("{:?}\n{}", bed.us.run(&mut Command::new("wg")), ferrd.process().log());
            }
            let seen = seen?;
            assert_eq!(
                (&seen["backend"], &seen["listenPort"]),
                (&Value::from("kernel"), &Value::from(51820))
            );
            bed.us.ping(None, inner(), LIMIT)?;
            let kinds = bed.us.run(Command::new("ip").args(["-d", "link", "show", "wg0"]))?;
            assert!(kinds.contains("wireguard"), "{kinds}");
            // A peer that goes, and comes again, without a new device.
            let peer = format!("wireguard peer {}", key(2).public());
            ferrd.commands("ferr", &["configure terminal", "interface wg0", &format!("no {peer}")])?;
            wait_until(LIMIT, "no peer", || {
                let shown = bed
                    .us
                    .run(Command::new("wg").args(["show", "wg0", "peers"]))
                    .map_err(|e| e.to_string())?;
                if shown.trim().is_empty() { Ok(()) } else { Err(shown) }
            })?;
            drop(ferrd);
            let gone = bed.us.ip("link del wg0");
            println!("{backend}: left behind: {}", gone.is_ok());
        }
        Ok(())
    })
}
