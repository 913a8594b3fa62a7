//! OSPF: two networks that are alike, with FRR in the middle of one and us in that of the other.

mod plan;
mod text;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ferr_testnet::rivals::{self, Bird, Frr, Rival};
use ferr_testnet::vty::VtyClient;
use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, Net, skipped};
use serde_json::Value;

use crate::compare::Comparison;
use plan::{A, B, C, COMMANDS, MASKS, MIDDLE, TEXTS};

const INTENDED: &str = include_str!("intended.txt");

/// Names a folder that all answers are left in, for a look at what differs.
const KEEP: &str = "FERR_ANSWERS";

/// The four routers.
struct Bed {
    middle: Host,
    a: Host,
    b: Host,
    c: Host,
    _switch: Host,
    _net: Net,
}

/// An interface without an address that depends on the run.
fn link(host: &Host, name: &str, addresses: &[&str]) -> Result<(), Error> {
    host.ip(&format!("link set {name} down"))?;
    host.ip(&format!("link set {name} addrgenmode none"))?;
    host.ip(&format!("link set {name} up"))?;
    addresses.iter().try_for_each(|address| host.addr(name, address))
}

impl Bed {
    fn new(name: &str) -> Result<Self, Error> {
        let net = Net::new(name)?;
        let switch = net.host("switch")?;
        switch.bridge("br0")?;
        let [middle, a, b, c] = ["middle", "a", "b", "c"].map(|name| net.host(name));
        let (middle, a, b, c) = (middle?, a?, b?, c?);
        for (n, host) in [(1, &middle), (2, &a), (3, &b)] {
            let port = format!("p{n}");
            net.link(host, "eth0", &switch, &port)?;
            switch.ip(&format!("link set {port} master br0"))?;
            link(
                host,
                "eth0",
                &[&format!("fe80::{n}/64"), &format!("10.9.0.{n}/24"), &format!("2001:db8:9::{n}/64")],
            )?;
        }
        net.link(&middle, "eth1", &c, "eth0")?;
        link(&middle, "eth1", &["fe80::1/64", "10.1.1.1/30"])?;
        link(&c, "eth0", &["fe80::4/64", "10.1.1.2/30"])?;
        for (host, name, third) in [
            (&middle, "users", "9.1"),
            (&middle, "stub", "2.1"),
            (&a, "users", "5.1"),
            (&b, "users", "9.3"),
            (&c, "users", "1.8"),
        ] {
            host.bridge(name)?;
            let six = third.replace('.', ":");
            link(
                host,
                name,
                &["fe80::9/64", &format!("10.{third}.1/24"), &format!("2001:db8:{six}0::1/64")],
            )?;
        }
        middle.addr("lo", "10.255.0.1/32")?;
        for host in [&middle, &a, &b, &c] {
            host.sysctl("net.ipv4.ip_forward", "1")?;
            host.sysctl("net.ipv6.conf.all.forwarding", "1")?;
        }
        Ok(Self { middle, a, b, c, _switch: switch, _net: net })
    }
}

/// Who is in the middle; runs as long as it lives.
enum Middle {
    Frr(Frr),
    Ours(Ferrd),
}

impl Middle {
    fn sockets(&self) -> &Path {
        match self {
            Self::Frr(frr) => frr.vty_dir(),
            Self::Ours(ferrd) => ferrd.vty_dir(),
        }
    }
}

/// The daemon that answers a command, and what it is asked.
fn daemon(command: &str) -> (&str, &str) {
    if let Some(both) = command.split_once(": ") {
        return both;
    }
    let daemon = match () {
        () if command.starts_with("show ipv6 ospf6") => "ospf6d",
        () if command.starts_with("show ip ospf") => "ospfd",
        () => "zebra",
    };
    (daemon, command)
}

fn ask(sockets: &Path, command: &str) -> Result<String, Error> {
    let (daemon, line) = daemon(command);
    let path = sockets.join(format!("{daemon}.vty"));
    let mut client = VtyClient::connect(&path, Duration::from_secs(20)).map_err(Error::path(&path))?;
    client.command("enable").map_err(Error::path(&path))?;
    client.command(line).map(|answer| answer.text).map_err(Error::io(command.to_owned()))
}

/// JSON of an answer; what is none is compared as it is.
fn parse(text: String) -> Value {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    match values {
        Ok(mut values) if values.len() == 1 => values.swap_remove(0),
        Ok(values) if !values.is_empty() => Value::Array(values),
        _ => Value::String(text),
    }
}

/// Waits until there are all neighbors, and then until nothing has changed for a number of looks.
fn settle(host: &Host, sockets: &Path) -> Result<(), Error> {
    let full = |command: &str| ask(sockets, command).map(|text| text.matches("Full").count());
    host.wait(60, "three neighbors in each version", || {
        let counts = (full("show ip ospf neighbor"), full("show ipv6 ospf6 neighbor"));
        if matches!(counts, (Ok(3), Ok(3))) { Ok(()) } else { Err(format!("{counts:?}")) }
    })?;
    let (mut last, mut same) = (Vec::new(), 0);
    host.wait(90, "nothing to change any more", || {
        let looks = ["show ip ospf database", "show ipv6 ospf6 database", "show ip route", "show ipv6 route"];
        let now: Result<Vec<Value>, Error> =
            looks.iter().map(|c| ask(sockets, c).map(|text| text::lines(&text))).collect();
        let now = now.map_err(|e| e.to_string())?;
        same = if now == last { same + 1 } else { 0 };
        last = now;
        std::thread::sleep(Duration::from_millis(200));
        if same >= 40 { Ok(()) } else { Err(format!("{same} equal looks")) }
    })
}

/// All answers, by command; none where FRR's daemon crashed over a question, as some make it. What was routed goes with it, so routes are asked for first.
fn run(name: &str, ours: Option<&FerrdProgram>) -> Result<Vec<(String, Option<Value>)>, Error> {
    let bed = Bed::new(&format!("diff-ospf-{name}"))?;
    let _a = Frr::start_with_ospf(&bed.a, A)?;
    let _b = Bird::start(&bed.b, B)?;
    let _c = Frr::start_with_ospf(&bed.c, C)?;
    // A is designated by now: the middle becomes its backup.
    std::thread::sleep(Duration::from_secs(8));
    let middle = match ours {
        Some(program) => Middle::Ours(Ferrd::start(&bed.middle, program, MIDDLE)?),
        None => Middle::Frr(Frr::start_with_ospf(&bed.middle, MIDDLE)?),
    };
    settle(&bed.middle, middle.sockets())?;
    let kept = std::env::var_os(KEEP).map(|dir| PathBuf::from(dir).join(name));
    let mut out = Vec::new();
    let of_routes = |command: &&&str| daemon(command).0 == "zebra";
    let all = || TEXTS.iter().chain(COMMANDS);
    for command in all().filter(of_routes).chain(all().filter(|c| !of_routes(c))) {
        let text = match ask(middle.sockets(), command) {
            Ok(text) => text,
            Err(_) if ours.is_none() => {
                out.push(((*command).to_owned(), None));
                continue;
            }
            Err(e) => return Err(e),
        };
        if let Some(dir) = &kept {
            let path = dir.join(command.replace([' ', '/', ':'], "_"));
            std::fs::create_dir_all(dir)
                .and_then(|()| std::fs::write(&path, &text))
                .map_err(Error::path(&path))?;
        }
        let value = if COMMANDS.contains(command) { parse(text) } else { text::lines(&text) };
        out.push(((*command).to_owned(), Some(value)));
    }
    Ok(out)
}

#[test]
fn frr_and_ferrd_show_the_same_of_ospf() -> Result<(), Error> {
    let program = match rivals::ready(&[Rival::Frr, Rival::Bird]) {
        Ok(program) => program,
        Err(reason) => {
            skipped(&reason);
            return Ok(());
        }
    };
    let (theirs, ours) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| run("frr", None));
        let ours = run("ferr", Some(&program));
        (theirs.join(), ours)
    });
    let (theirs, ours) = (theirs.unwrap()?, ours?);
    let mut comparison = Comparison::new(&MASKS, INTENDED);
    let mut compared = 0;
    for ((command, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        if let (Some(theirs), Some(ours)) = (theirs, ours) {
            comparison.compare(command, theirs, ours);
            compared += 1;
        }
    }
    assert!(compared > ours.len() * 3 / 4, "FRR answered {compared} of {}", ours.len());
    comparison.finish();
    Ok(())
}
