//! What a daemon with little to do takes.

use std::thread;
use std::time::Duration;

use ferr_interop::{THEM, THEM6, pair};
use ferr_testnet::{Error, Ferrd};

/// MB resident that a small configuration may take.
const BOUND: u64 = 20;

#[test]
fn an_idle_daemon_is_small() -> Result<(), Error> {
    let Some(pair) = pair("idle", &[])? else { return Ok(()) };
    let conf = format!(
        "frr version 8.4.4
frr defaults traditional
ip route 10.1.0.0/16 blackhole
ip route 10.3.0.0/16 {THEM}
ipv6 route 2001:db8:3::/48 {THEM6}
interface eth0
 ip ospf area 0
exit
bfd
 peer {THEM}
 exit
exit
router bgp 65001
 bgp router-id 10.0.0.1
 neighbor {THEM} remote-as 65002
 neighbor {THEM6} remote-as 65002
 address-family ipv4 unicast
  network 10.1.0.0/16
 exit-address-family
 address-family ipv6 unicast
  neighbor {THEM6} activate
 exit-address-family
exit
router ospf
 ospf router-id 10.0.0.1
 redistribute static
exit
"
    );
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
    pair.us.wait_route("10.3.0.0/16", true)?;
    assert!(ferrd.bgp_json("show bgp summary json")?["ipv4Unicast"]["peers"][THEM].is_object());
    assert!(ferrd.ospf_json("show ip ospf interface json")?["interfaces"]["eth0"].is_object());
    thread::sleep(Duration::from_secs(5));
    ferrd.process().check()?;
    let resident = ferrd.memory().unwrap_or(u64::MAX) / 1024;
    // A program that is not optimized has twice as much code, of which more is touched.
    let bound = if cfg!(debug_assertions) { 2 * BOUND } else { BOUND };
    println!("{resident} MB resident");
    assert!(resident < bound, "{resident} MB resident, {bound} are allowed");
    Ok(())
}
