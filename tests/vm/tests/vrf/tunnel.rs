//! Two sites over WireGuard: the tunnel in one VRF, its outer packets in another, everything declared in one file each.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ferr_testnet::{Error, Ferrd, Host, Net};
use ferr_vm_tests::in_kernel;

/// A key pair: file of the private one, and the public one.
fn key(host: &Host) -> Result<(String, String), Error> {
    let file = host.file("private", &host.run(Command::new("wg").arg("genkey"))?)?;
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&file, mode).map_err(|source| Error::Io { what: "key file".into(), source })?;
    let command = format!("wg pubkey < '{}'", file.display());
    let public = host.run(Command::new("sh").args(["-c", &command]))?;
    Ok((file.display().to_string(), public.trim().to_owned()))
}

/// Configuration of site `n`; the other one is `other`.
fn site(n: u8, private: &str, other: u8, public: &str) -> String {
    format!(
        "interface wg{n}\n vrf CORE\n ip address 10.0.0.{n}/30\n \
         wireguard private-key-file {private}\n wireguard listen-port 51820\n wireguard endpoint-vrf OUT\n \
         wireguard peer {public} endpoint 192.0.2.{other}:51820 allowed-ips 0.0.0.0/0\nexit\n\
         interface dum0\n link dummy\n vrf CORE\n ip address 10.1.{n}.1/24\nexit\n\
         interface eth0\n vrf OUT\n ip address 192.0.2.{n}/24\nexit\n\
         vrf CORE\n table 200\n ip route 10.1.{other}.0/24 10.0.0.{other}\nexit-vrf\nvrf OUT\n table 201\nexit-vrf\n"
    )
}

fn reaches(host: &Host, from: u8, to: u8) -> Result<(), Error> {
    let source = format!("10.1.{from}.1");
    host.wait(40, "the other site", || {
        let mut ping = Command::new("ping");
        ping.args(["-c1", "-W1", "-I", "CORE", "-I", &source, &format!("10.1.{to}.1")]);
        let output = host.try_run(&mut ping).map_err(|e| e.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stdout).into_owned())
        }
    })
}

#[test]
fn the_tunnel_in_one_vrf_and_its_packets_in_another() -> Result<(), Error> {
    in_kernel("tunnel::the_tunnel_in_one_vrf_and_its_packets_in_another", |program| {
        let net = Net::new("fvrf")?;
        let (a, b) = (net.host("a")?, net.host("b")?);
        net.link(&a, "eth0", &b, "eth0")?;
        let (keys_a, keys_b) = (key(&a)?, key(&b)?);
        let ferrd = Ferrd::start(&a, program, &site(1, &keys_a.0, 2, &keys_b.1))?;
        let _other = Ferrd::start(&b, program, &site(2, &keys_b.0, 1, &keys_a.1))?;
        reaches(&a, 1, 2)?;
        reaches(&b, 2, 1)?;
        // The way below is found in its VRF.
        a.ip("link set eth0 mtu 1400")?;
        a.wait(30, "the MTU to follow", || {
            let link = a.run(Command::new("ip").args(["link", "show", "wg1"])).map_err(|e| e.to_string())?;
            if link.contains("mtu 1340") { Ok(()) } else { Err(link) }
        })?;
        // Either VRF goes, and everything comes back.
        for vrf in ["CORE", "OUT"] {
            a.ip(&format!("link del {vrf}"))?;
            a.wait(40, "the VRF", || {
                let link = ferrd.zebra_json(&format!("show link {vrf} json")).map_err(|e| e.to_string())?;
                if link[vrf]["ready"] == true { Ok(()) } else { Err(link.to_string()) }
            })?;
            reaches(&a, 1, 2)?;
            reaches(&b, 2, 1)?;
        }
        Ok(())
    })
}
