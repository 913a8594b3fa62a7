//! The same frr.conf and the same peers, once under FRR and once under `ferrd`: what both show is compared key by key.
//!
//! Values that differ from run to run (times, counters, memory) are compared by type only. What is meant to differ stands in
//! `intended.txt`, one line each with its reason; a line that nothing matches any more fails the test as well.
#![allow(clippy::unwrap_used)]

mod compare;
mod ospf;
mod plan;
mod text;

use std::process::Command;

use ferr_interop::{Pair, pair, with_pair};
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Error, Ferrd, Host};
use serde_json::{Map, Value};

use compare::Comparison;
use plan::{BIRD_CONF, COMMANDS, CONF, MASKS, TEXTS};
use text::lines;

const INTENDED: &str = include_str!("intended.txt");

/// JSON of an answer. `vtysh` puts the values of several daemons one behind the other: their keys make one object.
fn parse(command: &str, text: &str) -> Result<Value, Error> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let bad = || Error::Answer { what: command.to_owned(), text: text.chars().take(300).collect() };
    let mut values = values.map_err(|_| bad())?;
    if values.len() < 2 {
        return values.pop().ok_or_else(bad);
    }
    let mut all = Map::new();
    for value in values {
        let Value::Object(value) = value else { return Err(bad()) };
        all.extend(value);
    }
    Ok(Value::Object(all))
}

/// What the neighbors were sent: attributes of each route, by protocol and prefix.
fn sent(bird: &Bird) -> Result<Value, Error> {
    let mut all = Map::new();
    for peer in ["peer2", "peer3", "peer4", "peer5", "peer6"] {
        let text = bird.birdc(&format!("show route all protocol {peer}"))?;
        let mut routes = Map::new();
        let mut prefix = "";
        for line in text.lines() {
            if let Some((first, _)) =
                line.split_once(' ').filter(|_| line.starts_with(|c: char| c.is_ascii_hexdigit()))
            {
                prefix = first;
            }
            if let Some((key, value)) = line.trim().strip_prefix("BGP.").and_then(|l| l.split_once(':')) {
                let route = routes.entry(prefix).or_insert_with(|| Value::Object(Map::new()));
                route.as_object_mut().unwrap().insert(key.to_owned(), value.trim().into());
            }
        }
        all.insert(peer.to_owned(), Value::Object(routes));
    }
    Ok(Value::Object(all))
}

/// The kernel's routes of a family.
fn kernel(host: &Host, v6: bool) -> Result<Value, Error> {
    let routes = host.routes(v6)?;
    let shown = routes.iter().map(|r| {
        let mut o = Map::new();
        o.insert("protocol".to_owned(), r.protocol.clone().into());
        o.insert("gateways".to_owned(), r.gateways.clone().into());
        o.insert("interfaces".to_owned(), r.interfaces.clone().into());
        o.insert("metric".to_owned(), r.metric.into());
        o.insert("kind".to_owned(), r.kind.clone().into());
        (r.destination.clone(), Value::Object(o))
    });
    Ok(Value::Object(shown.collect()))
}

/// One of the two that are compared, with its neighbor.
struct Side<'a> {
    pair: &'a Pair,
    bird: &'a Bird,
    vtysh: &'a dyn Fn(&[&str]) -> Result<String, Error>,
}

impl Side<'_> {
    fn json(&self, command: &str) -> Result<Value, Error> {
        parse(command, &(self.vtysh)(&[command])?)
    }

    /// The answers to many commands of one `vtysh`, which takes longer to start than to answer.
    fn answers<'c>(&self, commands: &[&'c str]) -> Result<Vec<(&'c str, String)>, Error> {
        // Answered by `vtysh` itself, always with the same line.
        const BETWEEN: &str = "show daemons";
        let line = (self.vtysh)(&[BETWEEN])?;
        let all: Vec<&str> = commands.iter().flat_map(|c| [*c, BETWEEN]).collect();
        let text = (self.vtysh)(&all)?;
        let parts: Vec<&str> = text.split(&line).collect();
        assert_eq!(parts.len(), commands.len() + 1, "{text}");
        Ok(commands.iter().copied().zip(parts.into_iter().map(str::to_owned)).collect())
    }

    /// Everything that is compared, by name.
    fn ask(&self) -> Result<Vec<(String, Value)>, Error> {
        let mut answers = Vec::new();
        for (command, text) in self.answers(COMMANDS)? {
            // What is no JSON is compared as it is.
            let value = parse(command, &text).unwrap_or(Value::String(text));
            answers.push((command.to_owned(), value));
        }
        for (command, text) in self.answers(TEXTS)? {
            answers.push((command.to_owned(), lines(&text)));
        }
        answers.push(("kernel ipv4".to_owned(), kernel(&self.pair.us, false)?));
        answers.push(("kernel ipv6".to_owned(), kernel(&self.pair.us, true)?));
        answers.push(("sent".to_owned(), sent(self.bird)?));
        Ok(answers)
    }

    /// Waits until all routes have come, and then until nothing has changed for a number of looks.
    fn settle(&self) -> Result<(), Error> {
        let host = &self.pair.us;
        host.wait(40, "all routes received", || {
            let summary = self.json("show bgp summary json").map_err(|e| e.to_string())?;
            let view = self.json("show bgp view V1 summary json").map_err(|e| e.to_string())?;
            let received =
                |family: &str, peer: &str| summary[family]["peers"][peer]["pfxRcd"].as_u64().unwrap_or(0);
            let have = [
                received("ipv4Unicast", "192.0.2.2"),
                received("ipv4Unicast", "192.0.2.3"),
                received("ipv4Unicast", "192.0.2.4"),
                received("ipv6Unicast", "2001:db8:12::2"),
                view["ipv4Unicast"]["peers"]["192.0.2.5"]["pfxRcd"].as_u64().unwrap_or(0),
            ];
            if have == [3, 2, 2, 2, 1] { Ok(()) } else { Err(format!("{have:?} of {summary}")) }
        })?;
        // A link that goes and comes back, so that there is a history to show.
        host.ip("link set lo down")?;
        host.ip("link set lo up")?;
        let (mut last, mut same) = (Vec::new(), 0);
        host.wait(20, "nothing to change any more", || {
            let now = [kernel(host, false), kernel(host, true), sent(self.bird)];
            let now: Vec<Value> = now.into_iter().collect::<Result<_, _>>().map_err(|e| e.to_string())?;
            same = if now == last { same + 1 } else { 0 };
            last = now;
            if same >= 20 { Ok(()) } else { Err(format!("{same} equal looks: {last:?}")) }
        })
    }
}

/// Gives both ends the same hardware addresses in every run, and the addresses of the further sessions.
fn prepare(pair: &Pair) -> Result<(), Error> {
    for (host, own, mac) in [(&pair.us, "1", "02:00:00:00:00:01"), (&pair.them, "2", "02:00:00:00:00:02")] {
        // A link-local address that is still being checked is not announced as a next hop.
        host.sysctl("net.ipv6.conf.eth0.accept_dad", "0")?;
        host.run(Command::new("ip").args(["link", "set", "eth0", "down", "address", mac]))?;
        host.ip("link set eth0 up")?;
        host.addr("eth0", &format!("2001:db8:12::{own}/64"))?;
    }
    // The neighbor runs one session for each pair of addresses.
    for (host, address) in [
        (&pair.us, "192.0.2.11/24"),
        (&pair.us, "192.0.2.12/24"),
        (&pair.us, "192.0.2.13/24"),
        (&pair.them, "192.0.2.3/24"),
        (&pair.them, "192.0.2.4/24"),
        (&pair.them, "192.0.2.5/24"),
    ] {
        host.addr("eth0", address)?;
    }
    Ok(())
}

#[test]
fn frr_and_ferrd_show_the_same() -> Result<(), Error> {
    let Some(first) = pair("diff-frr", &[Rival::Frr, Rival::Bird])? else { return Ok(()) };
    prepare(&first)?;
    let reference = {
        let frr = Frr::start(&first.us, CONF)?;
        let bird = Bird::start(&first.them, BIRD_CONF)?;
        let side = Side { pair: &first, bird: &bird, vtysh: &|c| frr.vtysh(c) };
        side.settle()?;
        side.ask()?
    };
    drop(first);
    let mut ours = Vec::new();
    with_pair("diff-ferr", &[Rival::Frr, Rival::Bird], |second| {
        prepare(second)?;
        let ferrd = Ferrd::start(&second.us, &second.program, CONF)?;
        let bird = Bird::start(&second.them, BIRD_CONF)?;
        let side = Side { pair: second, bird: &bird, vtysh: &|c| ferrd.vtysh(c) };
        side.settle()?;
        ours = side.ask()?;
        Ok(())
    })?;

    let mut comparison = Comparison::new(&MASKS, INTENDED);
    for ((command, theirs), (_, ours)) in reference.iter().zip(&ours) {
        comparison.compare(command, theirs, ours);
    }
    comparison.finish();
    Ok(())
}
