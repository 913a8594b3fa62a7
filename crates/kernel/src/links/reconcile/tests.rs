use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::observed::Way;
use super::super::plan::{MacvlanMode, Underlay, WantedVxlan};
use super::*;

/// A kernel with what matters of its behavior.
#[derive(Debug, Clone, Default)]
struct Kernel {
    seen: Observed,
    last: u32,
}

type Picture =
    BTreeMap<String, (String, KindData, bool, u32, Option<MacAddr>, String, Vec<String>, Vec<String>)>;

impl Kernel {
    /// With two links of somebody else.
    fn new() -> Self {
        let mut k = Self::default();
        for name in ["eth0", "eth1"] {
            k.add(name, "", KindData::Other, 0);
        }
        k
    }

    fn add(&mut self, name: &str, kind: &str, data: KindData, lower: u32) -> u32 {
        assert!(self.seen.named(name).is_none(), "EEXIST {name}");
        self.last += 1;
        let mac = Some(MacAddr([2, 0, 0, 0, 0, self.last as u8]));
        let (name, kind) = (name.to_owned(), kind.to_owned());
        let link = ObservedLink {
            ifindex: self.last,
            name,
            kind,
            data,
            mtu: 1500,
            lower,
            mac,
            ..ObservedLink::default()
        };
        self.seen.links.insert(self.last, link);
        self.last
    }

    fn create(&mut self, new: &NewLink) {
        let below = new.lower.unwrap_or(0);
        assert!(below == 0 || self.seen.links.contains_key(&below), "ENODEV below {}", new.name);
        let data = match &new.kind {
            WantedKind::Vrf { table } => KindData::Vrf(*table),
            WantedKind::Vlan { id, .. } => KindData::Vlan(*id),
            WantedKind::Macvlan { mode, .. } => KindData::Macvlan(*mode as u32),
            WantedKind::Vxlan(v) => KindData::Vxlan { id: v.id, local: v.local, port: v.port, dev: below },
            _ => KindData::Other,
        };
        if matches!(new.kind, WantedKind::Vrf { .. }) {
            self.seen.vrf_rules.extend([Afi::Ipv4, Afi::Ipv6]);
        }
        let index = self.add(&new.name, new.kind.name(), data, below);
        self.seen.links.get_mut(&index).unwrap().alias = mark(&new.name);
        if let WantedKind::Veth { peer } = &new.kind {
            let other = self.add(peer, "veth", KindData::Other, index);
            self.seen.links.get_mut(&index).unwrap().lower = other;
        }
    }

    fn delete(&mut self, index: u32) {
        let Some(gone) = self.seen.links.remove(&index) else { return };
        self.seen.addresses.remove(&index);
        self.seen.remotes.remove(&index);
        if let KindData::Vrf(table) = gone.data {
            self.seen.unreachable.retain(|(t, _)| *t != table);
        }
        let above: Vec<u32> =
            self.seen.links.values().filter(|l| l.lower == index).map(|l| l.ifindex).collect();
        above.into_iter().for_each(|i| self.delete(i));
        let slaves: Vec<u32> =
            self.seen.links.values().filter(|l| l.master == index).map(|l| l.ifindex).collect();
        slaves.into_iter().for_each(|i| self.enslave(i, 0));
    }

    fn enslave(&mut self, index: u32, master: u32) {
        self.seen.links.get_mut(&index).unwrap().master = master;
        // IPv6 addresses are lost.
        if let Some(set) = self.seen.addresses.get_mut(&index) {
            set.retain(|(a, _)| a.addr().is_ipv4());
        }
    }

    fn carry_out(&mut self, op: &LinkOp) {
        match op {
            LinkOp::Create(new) => self.create(new),
            LinkOp::Delete { ifindex, .. } => {
                let ours = self.seen.links.get(ifindex).is_none_or(|l| marked(l).is_some());
                assert!(ours, "deletes what is not ours: {op}");
                self.delete(*ifindex);
            }
            LinkOp::Rename { ifindex, to, .. } => {
                assert!(self.seen.named(to).is_none(), "EEXIST {to}");
                // It may have gone together with the one below it.
                if let Some(link) = self.seen.links.get_mut(ifindex) {
                    link.name.clone_from(to);
                }
            }
            LinkOp::Set { ifindex, change, .. } => {
                let Some(link) = self.seen.links.get_mut(ifindex) else { return };
                match change {
                    LinkChange::Up(up) => link.up = *up,
                    LinkChange::Mtu(mtu) => link.mtu = *mtu,
                    LinkChange::Mac(mac) => link.mac = Some(*mac),
                    LinkChange::Alias(alias) => link.alias.clone_from(alias),
                    LinkChange::Master(master) => self.enslave(*ifindex, *master),
                }
            }
            LinkOp::AddAddress { ifindex, address, .. } => {
                let peer = address.local.map(|_| address.addr);
                self.seen.addresses.entry(*ifindex).or_default().insert((own(address), peer));
            }
            LinkOp::DelAddress { ifindex, addr, peer, .. } => {
                // It may have gone together with its link, or by a move, a moment ago.
                if let Some(set) = self.seen.addresses.get_mut(ifindex) {
                    set.remove(&(*addr, *peer));
                }
            }
            LinkOp::Remote { ifindex, remote, add, .. } => {
                let set = self.seen.remotes.entry(*ifindex).or_default();
                if *add {
                    set.insert(*remote)
                } else {
                    set.remove(remote)
                };
            }
            LinkOp::Unreachable { table, afi, .. } => drop(self.seen.unreachable.insert((*table, *afi))),
            LinkOp::VrfRule { afi, .. } => drop(self.seen.vrf_rules.insert(*afi)),
        }
    }

    /// What can be seen of it without numbers; addresses that the kernel chose are left out.
    fn picture(&self, plan: &LinkPlan) -> Picture {
        let name = |i: u32| self.seen.links.get(&i).map(|l| l.name.clone()).unwrap_or_default();
        let texts = |i: u32| {
            let set = self.seen.addresses.get(&i).into_iter().flatten();
            set.map(|(a, p)| format!("{a} {p:?}")).collect()
        };
        let remotes =
            |i: u32| self.seen.remotes.get(&i).into_iter().flatten().map(ToString::to_string).collect();
        let of = |l: &ObservedLink| {
            let data = match &l.data {
                KindData::Vxlan { id, local, port, .. } => {
                    KindData::Vxlan { id: *id, local: *local, port: *port, dev: 0 }
                }
                other => other.clone(),
            };
            let mac = l.mac.filter(|m| plan.links.get(&l.name).is_some_and(|w| w.mac == Some(*m)));
            (
                l.name.clone(),
                (
                    l.kind.clone(),
                    data,
                    l.up,
                    l.mtu,
                    mac,
                    name(l.master),
                    texts(l.ifindex),
                    remotes(l.ifindex),
                ),
            )
        };
        self.seen.links.values().map(of).collect()
    }
}

/// A daemon: a plan and a memory.
#[derive(Debug, Clone, Default)]
struct Daemon {
    plan: LinkPlan,
    memory: Memory,
}

impl Daemon {
    /// Works until nothing is left to do, in few rounds.
    fn settle(&mut self, kernel: &mut Kernel) -> BTreeMap<String, LinkState> {
        for _ in 0..12 {
            self.memory.settle(&self.plan, &kernel.seen);
            let round = reconcile(&self.plan, &kernel.seen, &self.memory);
            if round.ops.is_empty() {
                return round.states;
            }
            for op in &round.ops {
                self.memory.note(op, &kernel.seen);
                kernel.carry_out(op);
            }
        }
        panic!("never ends: {:?}", reconcile(&self.plan, &kernel.seen, &self.memory).ops);
    }
}

fn addr(text: &str) -> WantedAddress {
    text.parse::<IfAddr>().unwrap().into()
}

fn declared(kind: WantedKind) -> WantedLink {
    WantedLink { kind: Some(kind), up: Some(true), master: WantedMaster::None, ..WantedLink::default() }
}

/// A plan with something of everything.
fn wide() -> LinkPlan {
    let mut links = BTreeMap::new();
    let vrf = |table| WantedLink {
        addresses: [addr("127.0.0.1/8"), addr("::1/128")].into(),
        ..declared(WantedKind::Vrf { table })
    };
    links.insert("CORE".to_owned(), vrf(200));
    links.insert("EDGE".to_owned(), vrf(201));
    let dum = declared(WantedKind::Dummy);
    let both = [addr("10.0.0.1/32"), addr("2001:db8::1/128")];
    links.insert(
        "dum0".into(),
        WantedLink {
            master: WantedMaster::Vrf("CORE".into()),
            addresses: both.clone().into(),
            ..dum.clone()
        },
    );
    // The same addresses elsewhere.
    links.insert(
        "dum1".into(),
        WantedLink { master: WantedMaster::Vrf("EDGE".into()), addresses: both.into(), ..dum },
    );
    links.insert(
        "br0".into(),
        WantedLink { mac: Some(MacAddr([2, 0, 0, 0, 0, 99])), ..declared(WantedKind::Bridge) },
    );
    let vlan = WantedKind::Vlan { id: 10, dev: "eth0".into() };
    links.insert(
        "eth0.10".into(),
        WantedLink { master: WantedMaster::Vrf("CORE".into()), mtu: Some(1400), ..declared(vlan) },
    );
    links.insert(
        "mv0".into(),
        declared(WantedKind::Macvlan { dev: "eth0.10".into(), mode: MacvlanMode::Bridge }),
    );
    let vxlan = WantedKind::Vxlan(WantedVxlan { id: 7, local: None, port: 4789, dev: Some("eth0".into()) });
    let remotes = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()].into();
    links.insert(
        "vx0".into(),
        WantedLink { master: WantedMaster::Bridge("br0".into()), remotes, ..declared(vxlan) },
    );
    links.insert("v0".into(), declared(WantedKind::Veth { peer: "v1".into() }));
    links.insert(
        "v1".into(),
        WantedLink { addresses: [addr("10.2.0.1/31")].into(), up: Some(false), ..WantedLink::default() },
    );
    let peer = WantedAddress {
        addr: "10.3.0.2/32".parse().unwrap(),
        local: Some("10.3.0.1".parse().unwrap()),
        label: None,
    };
    links.insert(
        "eth1".into(),
        WantedLink {
            master: WantedMaster::Vrf("EDGE".into()),
            addresses: [peer].into(),
            ..WantedLink::default()
        },
    );
    LinkPlan { links, ..LinkPlan::default() }
}

fn fresh(plan: &LinkPlan) -> (Kernel, BTreeMap<String, LinkState>) {
    let mut kernel = Kernel::new();
    let mut daemon = Daemon { plan: plan.clone(), ..Daemon::default() };
    let states = daemon.settle(&mut kernel);
    (kernel, states)
}

/// What somebody else, or a crash, does.
#[derive(Debug, Clone)]
enum Event {
    Delete(Index),
    Rename(Index),
    Enslave(Index, Index),
    Down(Index),
    Flush(Index),
    Mtu(Index),
    /// A part of the configuration is taken out, or comes back.
    Toggle(Index),
    /// The daemon starts anew; whether it still knows what it did.
    Restart(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<Index>;
    prop_oneof![
        index().prop_map(Event::Delete),
        index().prop_map(Event::Rename),
        (index(), index()).prop_map(|(a, b)| Event::Enslave(a, b)),
        index().prop_map(Event::Down),
        index().prop_map(Event::Flush),
        index().prop_map(Event::Mtu),
        index().prop_map(Event::Toggle),
        select(vec![true, true, true]).prop_map(Event::Restart),
    ]
}

/// Links that are ours, or our end's other end.
fn ours(kernel: &Kernel) -> Vec<u32> {
    kernel.seen.links.values().filter(|l| marked(l).is_some()).map(|l| l.ifindex).collect()
}

fn happen(event: &Event, kernel: &mut Kernel, daemon: &mut Daemon, full: &LinkPlan, serial: usize) {
    let all = ours(kernel);
    let pick = |i: &Index| (!all.is_empty()).then(|| all[i.index(all.len())]);
    match event {
        Event::Delete(i) => {
            if let Some(index) = pick(i) {
                kernel.delete(index);
            }
        }
        Event::Rename(i) => {
            if let Some(index) = pick(i) {
                kernel.seen.links.get_mut(&index).unwrap().name = format!("x{serial}");
            }
        }
        Event::Enslave(i, to) => {
            let masters: Vec<u32> =
                kernel.seen.links.values().filter(|l| l.kind == "vrf").map(|l| l.ifindex).collect();
            if let (Some(index), false) = (pick(i), masters.is_empty()) {
                let master = masters[to.index(masters.len())];
                if !masters.contains(&index) {
                    kernel.enslave(index, master);
                }
            }
        }
        Event::Down(i) => {
            if let Some(index) = pick(i) {
                kernel.seen.links.get_mut(&index).unwrap().up = false;
            }
        }
        Event::Flush(i) => {
            if let Some(index) = pick(i) {
                kernel.seen.addresses.remove(&index);
            }
        }
        Event::Mtu(i) => {
            let fixed = |index: &u32| {
                let link = &kernel.seen.links[index];
                daemon.plan.links.get(&link.name).is_some_and(|w| w.mtu.is_some())
            };
            if let Some(index) = pick(i).filter(fixed) {
                kernel.seen.links.get_mut(&index).unwrap().mtu = 1300;
            }
        }
        Event::Toggle(i) => {
            let name = full.links.keys().nth(i.index(full.links.len())).unwrap();
            if daemon.plan.links.remove(name).is_none() {
                daemon.plan.links.insert(name.clone(), full.links[name].clone());
            }
        }
        Event::Restart(knows) => {
            if !knows {
                daemon.memory = Memory::default();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_end_is_a_function_of_the_plan(
        events in proptest::collection::vec((event(), any::<bool>()), 0..24),
        order in any::<u64>(),
    ) {
        let full = wide();
        let (mut kernel, mut daemon) = (Kernel::new(), Daemon::default());
        // The configuration arrives in pieces, in any order.
        let mut names: Vec<&String> = full.links.keys().collect();
        names.sort_by_key(|name| {
            use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
            BuildHasherDefault::<DefaultHasher>::default().hash_one((order, name))
        });
        for name in names {
            daemon.plan.links.insert(name.clone(), full.links[name].clone());
            daemon.settle(&mut kernel);
        }
        for (serial, (event, settle)) in events.iter().enumerate() {
            happen(event, &mut kernel, &mut daemon, &full, serial);
            if *settle {
                daemon.settle(&mut kernel);
            }
        }
        let states = daemon.settle(&mut kernel);
        let (expected, expected_states) = fresh(&daemon.plan);
        prop_assert_eq!(states, expected_states);
        prop_assert_eq!(kernel.picture(&daemon.plan), expected.picture(&daemon.plan));
        // And nothing of it stays.
        daemon.plan = LinkPlan::default();
        daemon.settle(&mut kernel);
        let nothing = LinkPlan::default();
        prop_assert_eq!(kernel.picture(&nothing), Kernel::new().picture(&nothing));
        prop_assert_eq!(daemon.memory.links.len(), 0);
    }
}

#[test]
fn everything_can_be_had_at_once() {
    let (kernel, states) = fresh(&wide());
    assert!(states.values().all(|s| *s == LinkState::Ready), "{states:?}");
    let picture = kernel.picture(&wide());
    assert_eq!(picture["eth0.10"].5, "CORE");
    assert_eq!(picture["vx0"].3, 1450);
    assert_eq!(picture["eth1"].6, ["10.3.0.1/32 Some(10.3.0.2/32)"]);
    assert!(!picture["v1"].2);
    assert_eq!(kernel.seen.unreachable.len(), 4);
}

#[test]
fn what_is_missing_is_named() {
    let mut kernel = Kernel::new();
    let mut daemon = Daemon::default();
    let vlan = declared(WantedKind::Vlan { id: 10, dev: "eth9".into() });
    let lost = WantedLink { master: WantedMaster::Vrf("NONE".into()), ..declared(WantedKind::Dummy) };
    let wrong = WantedLink { master: WantedMaster::Bridge("eth0".into()), ..declared(WantedKind::Dummy) };
    for (name, link) in [
        ("a", vlan),
        ("b", lost),
        ("c", wrong),
        ("d", declared(WantedKind::Tunnel)),
        ("e", WantedLink { up: Some(true), ..WantedLink::default() }),
        ("eth0", declared(WantedKind::Dummy)),
    ] {
        daemon.plan.links.insert(name.to_owned(), link);
    }
    let states = daemon.settle(&mut kernel);
    assert_eq!(states["a"], LinkState::Waiting(Lack::Lower("eth9".into())));
    assert_eq!(states["b"], LinkState::Waiting(Lack::Master("NONE".into())));
    assert_eq!(states["c"], LinkState::Refused(Refusal::NoMaster("eth0".into())));
    assert_eq!(states["d"], LinkState::Waiting(Lack::DataPlane));
    assert_eq!(states["e"], LinkState::Waiting(Lack::Link));
    assert!(
        matches!(&states["eth0"], LinkState::Refused(Refusal::OtherKind { found, .. }) if found.is_empty())
    );
    assert_eq!(kernel.seen.named("eth0").unwrap().kind, "");
    for state in states.values() {
        assert!(!state.to_string().is_empty());
    }
    // Addresses wait for the VRF: nobody shall see them in another one.
    let with = WantedLink { addresses: [addr("10.0.0.1/32")].into(), ..daemon.plan.links["b"].clone() };
    daemon.plan.links.insert("b".into(), with);
    daemon.settle(&mut kernel);
    assert!(kernel.seen.addresses.is_empty());
}

#[test]
fn a_link_of_others_is_adopted_or_left_alone() {
    let mut kernel = Kernel::new();
    kernel.add("CORE", "vrf", KindData::Vrf(200), 0);
    kernel.add("EDGE", "vrf", KindData::Vrf(77), 0);
    let number = kernel.seen.named("CORE").unwrap().ifindex;
    let mut daemon = Daemon { plan: wide(), ..Daemon::default() };
    let states = daemon.settle(&mut kernel);
    assert_eq!(
        (&states["CORE"], &states["EDGE"]),
        (&LinkState::Ready, &LinkState::Refused(Refusal::OtherSettings))
    );
    assert_eq!(kernel.seen.named("CORE").unwrap().ifindex, number);
    // Adopted is ours from then on: it goes with its statement.
    daemon.plan = LinkPlan::default();
    daemon.settle(&mut kernel);
    assert!(kernel.seen.named("CORE").is_none());
    assert_eq!(kernel.seen.named("EDGE").unwrap().data, KindData::Vrf(77));
}

#[test]
fn a_second_link_with_our_mark_is_not_taken_for_the_first() {
    let mut kernel = Kernel::new();
    let mut daemon = Daemon::default();
    daemon.plan.links.insert("dum0".into(), declared(WantedKind::Dummy));
    daemon.settle(&mut kernel);
    // Renamed, and another one put in its place by somebody.
    kernel.seen.links.values_mut().find(|l| l.name == "dum0").unwrap().name = "old".into();
    kernel.add("dum0", "dummy", KindData::Other, 0);
    let states = daemon.settle(&mut kernel);
    assert_eq!(states["dum0"], LinkState::Ready);
    assert!(kernel.seen.named("old").is_none());
}

#[test]
fn a_tunnel_is_as_large_as_the_way_below_lets_it() {
    let mut kernel = Kernel::new();
    let eth0 = kernel.seen.named("eth0").unwrap().ifindex;
    let wg0 = kernel.add("wg0", "tun", KindData::Other, 0);
    let mut daemon = Daemon::default();
    let way = |text: &str| Underlay { remote: text.parse().unwrap(), vrf: None, mark: 0 };
    let (v4, v6) = (way("192.0.2.1"), way("2001:db8::1"));
    let mut tunnel = declared(WantedKind::Tunnel);
    let mut mtu = |ways: &[(&Underlay, Way)], kernel: &mut Kernel| {
        kernel.seen.ways = ways.iter().map(|(u, w)| ((*u).clone(), *w)).collect();
        tunnel.underlays = [v4.clone(), v6.clone()].into();
        daemon.plan.links.insert("wg0".into(), tunnel.clone());
        daemon.settle(kernel);
        kernel.seen.links[&wg0].mtu
    };
    let by = |ifindex, mtu| Way { ifindex, mtu };
    assert_eq!(mtu(&[], &mut kernel), 1420);
    assert_eq!(mtu(&[(&v4, by(eth0, None))], &mut kernel), 1440);
    assert_eq!(mtu(&[(&v4, by(eth0, None)), (&v6, by(eth0, None))], &mut kernel), 1420);
    assert_eq!(mtu(&[(&v4, by(eth0, Some(1400)))], &mut kernel), 1340);
    // IPv6 does not run over less.
    assert_eq!(mtu(&[(&v4, by(eth0, Some(600)))], &mut kernel), 1280);
    // A way through itself says nothing.
    assert_eq!(mtu(&[(&v4, by(wg0, None))], &mut kernel), 1420);
}
