//! Areas of each kind, with FRR and with us at the border.

use ferr_testnet::rivals::Frr;
use ferr_testnet::{Error, Host};

use crate::bed::{Conf, Lan, Routers, wait_via, with_lan};

/// Kind of the segment's area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Stub,
    TotallyStubby,
    Nssa,
    TotallyNssa,
}

impl Kind {
    fn frr(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Stub => " area 1 stub\n",
            Self::TotallyStubby => " area 1 stub no-summary\n",
            Self::Nssa => " area 1 nssa\n",
            Self::TotallyNssa => " area 1 nssa no-summary\n",
        }
    }

    fn bird(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Stub | Self::TotallyStubby => "stub;",
            Self::Nssa | Self::TotallyNssa => "nssa;",
        }
    }

    const fn is_nssa(self) -> bool {
        matches!(self, Self::Nssa | Self::TotallyNssa)
    }

    const fn summaries(self) -> bool {
        !matches!(self, Self::TotallyStubby | Self::TotallyNssa)
    }
}

const OUTSIDE: &str = "ip route 172.16.0.0/16 blackhole\nipv6 route 2001:db8:ff::/48 blackhole\n";

/// Router `border` has its users in the backbone and an external route; the two others are inside of area 1.
fn start(lan: &Lan, kind: Kind, border: u8) -> Result<Routers, Error> {
    let conf = |n: u8| {
        let at_border = n == border;
        Conf {
            area: 1,
            users: u8::from(!at_border),
            ospf: format!("{}{}", kind.frr(), if at_border { " redistribute static\n" } else { "" }),
            ospf6: format!("{}{}", kind.frr(), if at_border { " redistribute static\n" } else { "" }),
            global: if at_border { OUTSIDE.to_owned() } else { String::new() },
            ..Conf::default()
        }
    };
    let bird = Conf { area: 1, users: 1, in_area: kind.bird().to_owned(), ..Conf::default() };
    lan.start(&conf(1), &conf(2), &bird)
}

fn has(host: &Host, prefix: &str) -> Result<bool, Error> {
    Ok(host.routes(prefix.contains(':'))?.iter().any(|r| r.destination == prefix))
}

fn check(lan: &Lan, kind: Kind, border: u8) -> Result<(), Error> {
    let _routers = start(lan, kind, border)?;
    let others: Vec<u8> = [1, 2, 3].into_iter().filter(|n| *n != border).collect();
    lan.wait_users(&others)?;
    // What the border knows of the inside.
    for n in &others {
        wait_via(lan.host(border), &format!("10.9.{n}.0/24"), |r| r.gateways.len() == 1)?;
        wait_via(lan.host(border), &format!("2001:db8:9:{n}::/64"), |r| r.gateways.len() == 1)?;
    }
    let summaries = [format!("10.9.{border}.0/24"), format!("2001:db8:9:{border}::/64")];
    let externals = ["172.16.0.0/16", "2001:db8:ff::/48"];
    for host in others.iter().map(|n| lan.host(*n)) {
        if kind.summaries() {
            for summary in &summaries {
                wait_via(host, summary, |_| true)?;
            }
        }
        if matches!(kind, Kind::Normal) || kind.is_nssa() {
            // The border redistributes; it tells an NSSA as a router of it.
            for external in externals {
                wait_via(host, external, |_| true)?;
            }
        } else {
            host.wait(30, "a default route", || match has(host, "default") {
                Ok(true) => Ok(()),
                other => Err(format!("{other:?}")),
            })?;
            for external in externals {
                assert!(!has(host, external)?, "{external} inside of a stub area");
            }
        }
        if !kind.summaries() {
            for summary in &summaries {
                assert!(!has(host, summary)?, "{summary} inside");
            }
        }
    }
    Ok(())
}

macro_rules! kinds {
    ($($name:ident, $kind:ident, $border:literal;)*) => {$(
        #[test]
        fn $name() -> Result<(), Error> {
            with_lan(concat!("o", stringify!($name)), |lan| check(lan, Kind::$kind, $border))
        }
    )*};
}

kinds! {
    normal_ours, Normal, 1;
    normal_frr, Normal, 2;
    stub_ours, Stub, 1;
    stub_frr, Stub, 2;
    totally_ours, TotallyStubby, 1;
    totally_frr, TotallyStubby, 2;
    nssa_ours, Nssa, 1;
    nssa_frr, Nssa, 2;
    tnssa_ours, TotallyNssa, 1;
    tnssa_frr, TotallyNssa, 2;
}

/// A route from inside of an NSSA is told to the backbone by the border.
#[test]
fn routes_of_an_nssa_are_translated() -> Result<(), Error> {
    with_lan("ospfnssat", |lan| {
        let border = Conf {
            area: 1,
            users: 0,
            ospf: " area 1 nssa\n".to_owned(),
            ospf6: " area 1 nssa\n".to_owned(),
            ..Conf::default()
        };
        let inside = Conf {
            users: 1,
            ospf: " area 1 nssa\n redistribute static\n".to_owned(),
            ospf6: " area 1 nssa\n redistribute static\n".to_owned(),
            global: OUTSIDE.to_owned(),
            ..border.clone()
        };
        let bird = Conf {
            area: 1,
            users: 1,
            in_area: "nssa;".to_owned(),
            global: "protocol static { ipv4; route 172.17.0.0/16 blackhole; }\n".to_owned(),
            ..Conf::default()
        };
        let routers = lan.start(&border, &inside, &bird)?;
        // BIRD finds no forwarding address over IPv6, and tells nothing.
        for external in ["172.16.0.0/16", "172.17.0.0/16", "2001:db8:ff::/48"] {
            wait_via(&lan.us, external, |_| true)?;
        }
        lan.us.wait(30, "translated LSAs", || {
            let all = routers.ferrd.ospf_json("show ip ospf database json").map_err(|e| e.to_string())?;
            let list = all["asExternalLinkStates"].as_array().cloned().unwrap_or_default();
            let ours = list.iter().filter(|l| l["advertisedRouter"] == "10.9.0.1").count();
            if ours == 2 { Ok(()) } else { Err(all.to_string()) }
        })
    })
}

/// The same the other way round: FRR is at the border, and we are inside.
#[test]
fn our_routes_in_an_nssa_are_translated() -> Result<(), Error> {
    with_lan("ospfnssao", |lan| {
        let kind = " area 1 nssa\n";
        let border =
            Conf { area: 1, users: 0, ospf: kind.to_owned(), ospf6: kind.to_owned(), ..Conf::default() };
        let inside = Conf {
            users: 1,
            ospf: format!("{kind} redistribute static\n"),
            ospf6: format!("{kind} redistribute static\n"),
            global: OUTSIDE.to_owned(),
            ..border.clone()
        };
        let bird = Conf { area: 1, users: 1, in_area: "nssa;".to_owned(), ..Conf::default() };
        let routers = lan.start(&inside, &border, &bird)?;
        for host in [&lan.frr, &lan.bird] {
            wait_via(host, "172.16.0.0/16", |_| true)?;
            wait_via(host, "2001:db8:ff::/48", |_| true)?;
        }
        translated(&lan.frr, &routers.frr)
    })
}

fn translated(host: &Host, frr: &Frr) -> Result<(), Error> {
    host.wait(30, "FRR's translation", || {
        let all = frr.json("show ip ospf database json").map_err(|e| e.to_string())?;
        let list = all["asExternalLinkStates"].as_array().cloned().unwrap_or_default();
        let found = list.iter().any(|l| l["lsId"] == "172.16.0.0" && l["advertisedRouter"] == "10.9.0.2");
        if found { Ok(()) } else { Err(all.to_string()) }
    })
}
