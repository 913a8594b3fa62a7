//! One segment with us, FRR and BIRD on it, each with a network of users behind.
//!
//! The segment is 10.9.0.0/24 (us .1, FRR .2, BIRD .3); users are 10.9.N.0/24 and 2001:db8:9:N::/64, and N is the router's number. The
//! router ID is the address on the segment; fe80::N is the link-local one.

use std::collections::BTreeSet;
use std::time::Duration;

use ferr_testnet::rivals::{self, Bird, Frr, Rival};
use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, KernelRoute, Net, skipped};
use serde_json::Value;

/// How long an adjacency and what follows from it may take.
const PATIENCE: u64 = 60;

/// See the module.
pub(crate) struct Lan {
    pub(crate) us: Host,
    pub(crate) frr: Host,
    pub(crate) bird: Host,
    pub(crate) program: FerrdProgram,
    pub(crate) switch: Host,
    _net: Net,
}

/// Runs a test on a segment, or says why not.
pub(crate) fn with_lan(name: &str, test: impl FnOnce(&Lan) -> Result<(), Error>) -> Result<(), Error> {
    let program = match rivals::ready(&[Rival::Frr, Rival::Bird]) {
        Ok(program) => program,
        Err(reason) => {
            skipped(&reason);
            return Ok(());
        }
    };
    let net = Net::new(name)?;
    let switch = net.host("switch")?;
    switch.bridge("br0")?;
    let mut hosts = Vec::new();
    for (n, name) in [(1, "us"), (2, "frr"), (3, "bird")] {
        let host = net.host(name)?;
        net.link(&host, "eth0", &switch, name)?;
        switch.ip(&format!("link set {name} master br0"))?;
        // BIRD has to know some by address.
        host.ip("link set eth0 down")?;
        host.ip("link set eth0 addrgenmode none")?;
        host.ip("link set eth0 up")?;
        host.addr("eth0", &format!("fe80::{n}/64"))?;
        host.addr("eth0", &format!("10.9.0.{n}/24"))?;
        host.bridge("users")?;
        host.addr("users", &format!("10.9.{n}.1/24"))?;
        host.addr("users", &format!("2001:db8:9:{n}::1/64"))?;
        host.sysctl("net.ipv4.ip_forward", "1")?;
        host.sysctl("net.ipv6.conf.all.forwarding", "1")?;
        hosts.push(host);
    }
    let [us, frr, bird] = <[Host; 3]>::try_from(hosts).unwrap();
    test(&Lan { us, frr, bird, program, switch, _net: net })
}

/// Where a router's two networks are, and what else is said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conf {
    /// Area of the segment, 0 unless said.
    pub(crate) area: u8,
    /// Area of the users.
    pub(crate) users: u8,
    /// Statements of the segment's interface (options of BIRD's, for both versions).
    pub(crate) segment: String,
    /// Statements of `router ospf` (of BIRD's protocol).
    pub(crate) ospf: String,
    /// Statements of `router ospf6` (of BIRD's protocol).
    pub(crate) ospf6: String,
    /// Statements of `area` in BIRD's segment area, of OSPFv2 and OSPFv3.
    pub(crate) in_area: String,
    /// Statements at top level.
    pub(crate) global: String,
    /// Leave this version out.
    pub(crate) without: Option<u8>,
}

impl Conf {
    /// Configuration of FRR's grammar for router `n`.
    pub(crate) fn frr(&self, n: u8) -> String {
        let Self { area, users, segment, ospf, ospf6, global, .. } = self;
        let v2 = |text: String| if self.without == Some(2) { String::new() } else { text };
        let v3 = |text: String| if self.without == Some(3) { String::new() } else { text };
        let eth0 = [
            v2(format!(" ip ospf area {area}\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n")),
            v3(format!(
                " ipv6 ospf6 area {area}\n ipv6 ospf6 hello-interval 1\n ipv6 ospf6 dead-interval 4\n"
            )),
        ];
        let inside = [
            v2(format!(" ip ospf area {users}\n ip ospf passive\n")),
            v3(format!(" ipv6 ospf6 area {users}\n ipv6 ospf6 passive\n")),
        ];
        let routers = [
            v2(format!("router ospf\n ospf router-id 10.9.0.{n}\n{ospf}\nexit\n")),
            v3(format!("router ospf6\n ospf6 router-id 10.9.0.{n}\n{ospf6}\nexit\n")),
        ];
        format!(
            "frr version 8.4.4\nfrr defaults traditional\n{global}\ninterface eth0\n{}{segment}\nexit\ninterface users\n{}exit\n{}",
            eth0.concat(),
            inside.concat(),
            routers.concat()
        )
    }

    /// The same for BIRD, which is router 3.
    pub(crate) fn bird(&self) -> String {
        let Self { area, users, segment, ospf, ospf6, in_area, global, .. } = self;
        let link = format!("interface \"eth0\" {{ hello 1; dead 4; cost 10; {segment} }};");
        let stub = "interface \"users\" { stub; cost 10; };";
        let areas = if area == users {
            format!("area {area} {{ {in_area} {link} {stub} }};")
        } else {
            format!("area {area} {{ {in_area} {link} }}; area {users} {{ {stub} }};")
        };
        let export = if global.is_empty() { "none" } else { "where source = RTS_STATIC" };
        let v2 =
            format!("protocol ospf v2 o2 {{ ipv4 {{ import all; export {export}; }}; {ospf} {areas} }}\n");
        let v3 =
            format!("protocol ospf v3 o3 {{ ipv6 {{ import all; export {export}; }}; {ospf6} {areas} }}\n");
        format!(
            "log stderr all;
router id 10.9.0.3;
protocol device {{ scan time 1; }}
protocol kernel {{ ipv4 {{ export where source != RTS_STATIC; import none; }}; }}
protocol kernel {{ ipv6 {{ export where source != RTS_STATIC; import none; }}; }}
{global}
{}{}",
            if self.without == Some(2) { "" } else { &v2 },
            if self.without == Some(3) { "" } else { &v3 }
        )
    }
}

/// `text` as the segment's statements.
pub(crate) fn segment(text: &str) -> Conf {
    Conf { segment: text.to_owned(), ..Conf::default() }
}

/// The three daemons.
pub(crate) struct Routers {
    pub(crate) ferrd: Ferrd,
    pub(crate) frr: Frr,
    pub(crate) bird: Bird,
}

impl Lan {
    /// Starts all, ours last.
    pub(crate) fn start(&self, ours: &Conf, frr: &Conf, bird: &Conf) -> Result<Routers, Error> {
        let frr = Frr::start_with_ospf(&self.frr, &frr.frr(2))?;
        let bird = Bird::start(&self.bird, &bird.bird())?;
        let ferrd = Ferrd::start(&self.us, &self.program, &ours.frr(1))?;
        Ok(Routers { ferrd, frr, bird })
    }

    pub(crate) fn host(&self, n: u8) -> &Host {
        match n {
            1 => &self.us,
            2 => &self.frr,
            _ => &self.bird,
        }
    }

    /// Waits until the kernel of each of these routers has a way to the users of the others.
    pub(crate) fn wait_users(&self, routers: &[u8]) -> Result<(), Error> {
        self.wait_users_v4(routers)?;
        self.wait_users_v6(routers)
    }

    pub(crate) fn wait_users_v4(&self, routers: &[u8]) -> Result<(), Error> {
        for (own, other) in pairs(routers) {
            let gateway = format!("10.9.0.{other}");
            wait_via(self.host(own), &format!("10.9.{other}.0/24"), |r| r.gateways == [gateway.clone()])?;
        }
        Ok(())
    }

    pub(crate) fn wait_users_v6(&self, routers: &[u8]) -> Result<(), Error> {
        for (own, other) in pairs(routers) {
            let gateway = format!("fe80::{other}");
            let near = |r: &KernelRoute| r.gateways == [gateway.clone()];
            wait_via(self.host(own), &format!("2001:db8:9:{other}::/64"), near)?;
        }
        Ok(())
    }
}

fn pairs(routers: &[u8]) -> impl Iterator<Item = (u8, u8)> {
    routers.iter().flat_map(|own| routers.iter().filter(move |n| *n != own).map(|n| (*own, *n)))
}

/// Waits until a kernel has a route that fits.
pub(crate) fn wait_via(
    host: &Host,
    destination: &str,
    fits: impl Fn(&KernelRoute) -> bool,
) -> Result<KernelRoute, Error> {
    host.wait(PATIENCE, format!("a route to {destination}"), || {
        let routes = host.routes(destination.contains(':')).map_err(|e| e.to_string())?;
        let found = routes.iter().find(|r| r.destination == destination && fits(r));
        found.cloned().ok_or_else(|| format!("{routes:?}"))
    })
}

/// An LSA as all show it: type, Link State ID, router, sequence number.
pub(crate) type Shown = (u16, String, String, u32);

/// Waits until two lists of LSAs are the same.
pub(crate) fn wait_same(
    what: &str,
    mut left: impl FnMut() -> Result<BTreeSet<Shown>, Error>,
    mut right: impl FnMut() -> Result<BTreeSet<Shown>, Error>,
) -> Result<(), Error> {
    ferr_testnet::wait_until(Duration::from_secs(PATIENCE), format!("databases to agree: {what}"), || {
        let (left, right) = (left().map_err(|e| e.to_string())?, right().map_err(|e| e.to_string())?);
        let only_left: Vec<_> = left.difference(&right).collect();
        let only_right: Vec<_> = right.difference(&left).collect();
        if left == right && !left.is_empty() {
            Ok(())
        } else {
            Err(format!("only left: {only_left:?}; only right: {only_right:?}"))
        }
    })
}

fn number(name: &str) -> Option<u16> {
    Some(match name {
        "routerLinkStates" => 1,
        "networkLinkStates" => 2,
        "summaryLinkStates" => 3,
        "asbrSummaryLinkStates" => 4,
        "asExternalLinkStates" => 5,
        "nssaExternalLinkStates" => 7,
        _ => return None,
    })
}

/// The LSAs of `show ip ospf database json`.
pub(crate) fn of_json(answer: &Value) -> BTreeSet<Shown> {
    let mut out = BTreeSet::new();
    let areas = answer["areas"].as_object().into_iter().flat_map(|a| a.values());
    for lists in areas.chain([answer]).filter_map(Value::as_object) {
        for (kind, list) in lists.iter().filter_map(|(name, list)| Some((number(name)?, list))) {
            for lsa in list.as_array().into_iter().flatten() {
                let text = |key: &str| lsa[key].as_str().unwrap_or_default().to_owned();
                let sequence = u32::from_str_radix(&text("sequenceNumber"), 16).unwrap_or(0);
                out.insert((kind, text("lsId"), text("advertisedRouter"), sequence));
            }
        }
    }
    out
}

/// The LSAs of `show ipv6 ospf6 database json`; those of links are left out, each router has its own.
pub(crate) fn of_json6(answer: &Value) -> BTreeSet<Shown> {
    let mut out = BTreeSet::new();
    for scope in ["areaScopedLinkStateDb", "asScopedLinkStateDb"] {
        let parts = answer[scope].as_array().into_iter().flatten();
        for lsa in parts.filter_map(|p| p["lsa"].as_array()).flatten() {
            let text = |key: &str| lsa[key].as_str().unwrap_or_default().to_owned();
            let kind = match lsa["type"].as_str().unwrap_or_default() {
                "Rtr" => 0x2001,
                "Net" => 0x2002,
                "IAP" => 0x2003,
                "IAR" => 0x2004,
                "ASE" => 0x4005,
                "Type7" => 0x2007,
                "INP" => 0x2009,
                // Router information.
                _ => continue,
            };
            let sequence = lsa["seqNum"].as_u64().unwrap_or(0) as u32;
            out.insert((kind, text("lsId"), text("advRouter"), sequence));
        }
    }
    out
}

/// The LSAs of BIRD's `show ospf lsadb`, without those of links.
pub(crate) fn of_bird(text: &str) -> BTreeSet<Shown> {
    let mut out = BTreeSet::new();
    let mut on_link = false;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["Link", ..] => on_link = true,
            ["Area" | "Global", ..] => on_link = false,
            [kind, id, router, sequence, _age, _sum] if !on_link => {
                let kind = u16::from_str_radix(kind, 16);
                let sequence = u32::from_str_radix(sequence, 16);
                // FRR's JSON does not list opaque ones.
                if let (Ok(kind), Ok(sequence)) = (kind, sequence)
                    && !matches!(kind, 9..=11)
                    && !(kind > 0xff && kind & 0x1fff == 12)
                {
                    out.insert((kind, (*id).to_owned(), (*router).to_owned(), sequence));
                }
            }
            _ => {}
        }
    }
    out
}

/// FRR's JSON has an entry per prefix, and so none for an intra-area-prefix-LSA that is empty.
fn without_prefixes(mut all: BTreeSet<Shown>) -> BTreeSet<Shown> {
    all.retain(|(kind, ..)| *kind != 0x2009);
    all
}

impl Routers {
    /// Waits until the three databases are the same, in both versions.
    pub(crate) fn wait_databases(&mut self) -> Result<(), Error> {
        let Self { ferrd, frr, bird } = self;
        let v2 = "show ip ospf database json";
        let v3 = "show ipv6 ospf6 database json";
        wait_same(
            "FRR and BIRD, OSPFv2",
            || Ok(of_json(&frr.json(v2)?)),
            || Ok(of_bird(&bird.birdc("show ospf lsadb o2")?)),
        )?;
        wait_same(
            "FRR and BIRD, OSPFv3",
            || Ok(without_prefixes(of_json6(&frr.json(v3)?))),
            || Ok(without_prefixes(of_bird(&bird.birdc("show ospf lsadb o3")?))),
        )?;
        wait_same(
            "ours and FRR's, OSPFv2",
            || Ok(of_json(&ferrd.ospf_json(v2)?)),
            || Ok(of_json(&frr.json(v2)?)),
        )?;
        wait_same(
            "ours and FRR's, OSPFv3",
            || Ok(of_json6(&ferrd.ospf6_json(v3)?)),
            || Ok(of_json6(&frr.json(v3)?)),
        )
    }
}
