//! OSPF of both versions through a WireGuard tunnel of the daemons: nothing but areas has to be said.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use ferr_testnet::rivals;
use ferr_testnet::{Error, Ferrd, Host, Net, Requirement, check, skipped};
use ferr_wireguard::PrivateKey;

use crate::bed::wait_via;

fn key(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n; 32]).unwrap()
}

/// Both files of router `n`, whose other end is `other`.
fn conf(host: &Host, n: u8, other: u8) -> Result<(String, String), Error> {
    let file = host.file("wg0.key", &key(0x40 + n).expose_base64())?;
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let own = format!(
        "interface wg0\n ip address 10.9.0.{n}/30\n wireguard private-key-file {}\n wireguard listen-port 51820\n \
         wireguard peer {} endpoint 192.0.2.{other}:51820 allowed-ips 0.0.0.0/0,::/0\nexit\n",
        file.display(),
        key(0x40 + other).public()
    );
    let area =
        " ip ospf area 0\n ip ospf hello-interval 1\n ipv6 ospf6 area 0\n ipv6 ospf6 hello-interval 1\n";
    let frr = format!(
        "interface wg0\n{area}exit\ninterface users\n ip ospf area 0\n ip ospf passive\n ipv6 ospf6 area 0\n ipv6 ospf6 passive\n\
         exit\nrouter ospf\n ospf router-id 10.9.0.{n}\nexit\nrouter ospf6\n ospf6 router-id 10.9.0.{n}\nexit\n"
    );
    Ok((frr, own))
}

#[test]
fn both_versions_cross_a_tunnel() -> Result<(), Error> {
    let ready = check(&[Requirement::Root]).and_then(|()| rivals::ready(&[]));
    let program = match ready {
        Ok(program) => program.with_own_run(),
        Err(reason) => {
            skipped(&reason);
            return Ok(());
        }
    };
    let net = Net::new("ospfwg")?;
    let (a, b) = (net.host("a")?, net.host("b")?);
    net.link(&a, "eth0", &b, "eth0")?;
    let mut running = Vec::new();
    for (host, n, other) in [(&a, 1, 2), (&b, 2, 1)] {
        host.addr("eth0", &format!("192.0.2.{n}/24"))?;
        host.bridge("users")?;
        host.addr("users", &format!("10.9.{n}.1/24"))?;
        host.addr("users", &format!("2001:db8:9:{n}::1/64"))?;
        let (frr, own) = conf(host, n, other)?;
        running.push(Ferrd::start_with_own(host, &program, &frr, &own)?);
    }
    for (host, other) in [(&a, 2), (&b, 1)] {
        let through = |r: &ferr_testnet::KernelRoute| r.interfaces == ["wg0"];
        wait_via(host, &format!("10.9.{other}.0/24"), through)?;
        wait_via(host, &format!("2001:db8:9:{other}::/64"), through)?;
    }
    Ok(())
}
