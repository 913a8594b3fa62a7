//! Set-ups that the interop tests share: `ferrd` on one host, others beside it.
//!
//! Addresses: host `us` is 192.0.2.1 and 2001:db8:12::1, the other 192.0.2.2 and 2001:db8:12::2. We are AS 65001 and
//! announce 10.1.0.0/16 and 2001:db8:1::/48; the other is AS 65002 and announces 10.2.0.0/16 and 2001:db8:2::/48.
//!
//! All that we send in a test of [`with_pair`] is captured, from before the daemon starts until it has ended, and a malformed
//! packet fails the test, whatever else the test is about.
#![forbid(unsafe_code)]

pub mod bfd;
pub mod speaker;

use ferr_testnet::rivals::{self, Rival};
use ferr_testnet::{
    Capture, Dissection, Error, Ferrd, FerrdProgram, Host, KernelRoute, Net, Requirement, check, skipped,
};

/// IPv4 address of the other.
pub const THEM: &str = "192.0.2.2";
/// IPv6 address of the other.
pub const THEM6: &str = "2001:db8:12::2";

/// Type of an OPEN among the messages of a [`Dissection`].
pub const OPEN: usize = 1;
/// Type of a KEEPALIVE among the messages of a [`Dissection`].
pub const KEEPALIVE: usize = 4;

/// Two hosts on one cable.
#[derive(Debug)]
pub struct Pair {
    /// Where our daemon runs.
    pub us: Host,
    /// Where the other runs.
    pub them: Host,
    /// Our program.
    pub program: FerrdProgram,
    /// The network they are in; dropped last.
    pub net: Net,
}

/// Runs `test` between two linked hosts, or prints a `SKIPPED` line when something is missing. Afterwards what we sent must
/// dissect clean.
pub fn with_pair(
    name: &str,
    rivals: &[Rival],
    test: impl FnOnce(&Pair) -> Result<(), Error>,
) -> Result<(), Error> {
    with_capture(name, rivals, test).map(drop)
}

/// As [`with_pair`], and gives what the dissectors counted; `None` when the test was skipped. In every test a session comes
/// up: a capture without its OPEN and KEEPALIVE would prove nothing and is an error.
pub fn with_capture(
    name: &str,
    rivals: &[Rival],
    test: impl FnOnce(&Pair) -> Result<(), Error>,
) -> Result<Option<Dissection>, Error> {
    if let Err(reason) = check(&["tcpdump", "tshark"].map(Requirement::Program)) {
        skipped(&reason);
        return Ok(None);
    }
    let Some(pair) = pair(name, rivals)? else { return Ok(None) };
    let capture = Capture::start(&pair.us)?;
    test(&pair)?;
    let dissection = capture.finish()?;
    let session = dissection.messages[OPEN] > 0 && dissection.messages[KEEPALIVE] > 0;
    if session && dissection.faults.is_empty() {
        return Ok(Some(dissection));
    }
    let problem = if session { "malformed" } else { "no session in the capture" };
    Err(Error::Answer { what: "tshark".to_owned(), text: format!("{problem}: {dissection:#?}") })
}

/// Two linked hosts of which nothing is captured, or `None` with a `SKIPPED` line when something is missing.
pub fn pair(name: &str, rivals: &[Rival]) -> Result<Option<Pair>, Error> {
    let program = match rivals::ready(rivals) {
        Ok(program) => program,
        Err(reason) => {
            skipped(&reason);
            return Ok(None);
        }
    };
    let net = Net::new(name)?;
    let (us, them) = (net.host("us")?, net.host("them")?);
    net.link(&us, "eth0", &them, "eth0")?;
    us.addr("eth0", "192.0.2.1/24")?;
    us.addr("eth0", "2001:db8:12::1/64")?;
    them.addr("eth0", "192.0.2.2/24")?;
    them.addr("eth0", "2001:db8:12::2/64")?;
    Ok(Some(Pair { us, them, program, net }))
}

/// Our frr.conf: sessions over IPv4 and IPv6, our two routes with communities, `extra` lines inside `router bgp`.
#[must_use]
pub fn our_conf(extra: &str) -> String {
    format!(
        "frr version 8.4.4
frr defaults traditional
ip route 10.1.0.0/16 blackhole
ipv6 route 2001:db8:1::/48 blackhole
route-map OUT permit 10
 set community 65001:77 additive
 set large-community 65001:7:7 additive
exit
route-map IN permit 10
exit
router bgp 65001
 bgp router-id 10.0.0.1
 neighbor {THEM} remote-as 65002
 neighbor {THEM} timers 3 9
 neighbor {THEM} timers connect 1
 neighbor {THEM6} remote-as 65002
 neighbor {THEM6} timers 3 9
 neighbor {THEM6} timers connect 1
{extra}
 address-family ipv4 unicast
  network 10.1.0.0/16
  neighbor {THEM} route-map IN in
  neighbor {THEM} route-map OUT out
  no neighbor {THEM6} activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:1::/48
  neighbor {THEM6} activate
  neighbor {THEM6} route-map IN in
  neighbor {THEM6} route-map OUT out
 exit-address-family
exit
"
    )
}

impl Pair {
    /// Starts our daemon with [`our_conf`].
    pub fn ferrd(&self) -> Result<Ferrd, Error> {
        Ferrd::start(&self.us, &self.program, &our_conf(""))
    }
}

/// Waits until the other's routes are in our kernel by way of it.
pub fn wait_their_routes(us: &Host) -> Result<(), Error> {
    for (prefix, gateway) in [("10.2.0.0/16", THEM), ("2001:db8:2::/48", THEM6)] {
        us.wait(30, format!("kernel route {prefix} by way of {gateway}"), || {
            let found = kernel_route(us, prefix)?;
            let fits = found
                .as_ref()
                .is_some_and(|r| r.gateways.iter().all(|g| g == gateway || g.starts_with("fe80:")));
            if fits { Ok(()) } else { Err(format!("{found:?}")) }
        })?;
    }
    Ok(())
}

/// The kernel's route to `prefix`.
pub fn kernel_route(host: &Host, prefix: &str) -> Result<Option<KernelRoute>, String> {
    let routes = host.routes(prefix.contains(':')).map_err(|e| e.to_string())?;
    Ok(routes.into_iter().find(|r| r.destination == prefix))
}

/// Waits until the other's routes have left our kernel.
pub fn wait_no_routes(us: &Host) -> Result<(), Error> {
    us.wait_route("10.2.0.0/16", false)?;
    us.wait_route("2001:db8:2::/48", false).map(drop)
}
