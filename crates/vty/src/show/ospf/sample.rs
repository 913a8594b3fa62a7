//! The recorded router as views: border router 2.2.2.2 of areas 0, 1 and 2.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant, SystemTime};

use ferr_state::ferr_ospf::config::{
    AreaConfig, AreaKind, AuthConfig, InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType, Nssa,
};
use ferr_state::ferr_ospf::view::{AreaView, InstanceView, InterfaceView, NeighborView, SpfView};
use ferr_state::ferr_ospf::wire::{DbdFlags, LsaType, Options, PacketType, Version};
use ferr_state::ferr_ospf::{InterfaceState, NeighborState};
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, RouterId, VrfId};

use super::links::LinkInfo;
use crate::output::{Out, Status};
use crate::show::Clock;

/// A recorded answer.
pub(in crate::show) fn recorded(name: &str) -> String {
    let path = format!("{}/tests/data/frr-8.4.4/ospf/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The same as JSON.
pub(in crate::show) fn recorded_json(name: &str) -> serde_json::Value {
    serde_json::from_str(&recorded(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What a function prints.
pub(in crate::show) fn printed(print: impl FnOnce(&mut Out<'_>)) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    let mut out = Out::new(&mut bytes, None);
    print(&mut out);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(out.finish(Status::Success)).unwrap();
    String::from_utf8(bytes[..bytes.len() - 4].to_vec()).unwrap()
}

/// Text with numbers that count time or runs made equal.
pub(in crate::show) fn timeless(text: &str) -> String {
    let number = |word: &str| {
        let bare = word.trim_end_matches(['.', ',', ')']);
        let tail = &word[bare.len()..];
        let is_span = bare.ends_with('s')
            && bare.bytes().any(|b| b.is_ascii_digit())
            && bare.bytes().all(|b| b.is_ascii_digit() || b".hmsd".contains(&b));
        let is_clock = bare.len() == 8 && bare.bytes().filter(|b| *b == b':').count() == 2;
        if is_span || is_clock { format!("T{tail}") } else { word.to_owned() }
    };
    let line = |l: &str| l.split(' ').map(number).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// Both have the same keys in the same order, with values of the same kinds; those of `more` and `less` may be ours or theirs alone.
pub(in crate::show) fn alike(
    ours: &serde_json::Value,
    theirs: &serde_json::Value,
    more: &[&str],
    less: &[&str],
) {
    use serde_json::Value;
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = |o: &serde_json::Map<String, Value>, not: &[&str]| -> Vec<String> {
                o.keys().filter(|k| !not.contains(&k.as_str())).cloned().collect()
            };
            assert_eq!(keys(a, more), keys(b, less));
            for (key, value) in a {
                if let Some(other) = b.get(key) {
                    alike(value, other, more, less);
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (value, other) in a.iter().zip(b) {
                alike(value, other, more, less);
            }
        }
        _ => assert_eq!(std::mem::discriminant(ours), std::mem::discriminant(theirs), "{ours} {theirs}"),
    }
}

/// A clock; views look at 90 seconds before it.
pub(in crate::show) fn clock() -> Clock {
    #[allow(clippy::disallowed_methods, reason = "a test")]
    let now = Instant::now() + Duration::from_secs(1000);
    Clock { now, wall: SystemTime::UNIX_EPOCH }
}

/// Number of area.
pub(in crate::show) const fn area(n: u32) -> AreaId {
    AreaId(Ipv4Addr::from_bits(n))
}

/// `n.n.n.n`.
pub(in crate::show) const fn router(n: u8) -> RouterId {
    RouterId(Ipv4Addr::new(n, n, n, n))
}

/// The configuration.
pub(in crate::show) fn config(version: Version) -> InstanceConfig {
    let mut c = InstanceConfig::new(version, VrfId(0), "default", router(2));
    for n in 0..3 {
        let kind = if n == 2 { AreaKind::Nssa(Nssa::default()) } else { AreaKind::Normal };
        c.areas.insert(area(n), AreaConfig { kind, ..AreaConfig::default() });
    }
    for view in interfaces(version, clock()) {
        c.interfaces.insert(view.key, view.config);
    }
    c
}

/// The instance.
pub(in crate::show) fn view(version: Version, clock: Clock) -> InstanceView {
    let area_view = |n: u32, lsas: &[(LsaType, usize, u64)]| AreaView {
        id: area(n),
        config: config(version).areas[&area(n)].clone(),
        interfaces: 1,
        active: 1,
        full: 1,
        virtual_full: 0,
        translator: n == 2,
        shortcut_agreed: false,
        spf_runs: 5,
        spf_last: Some(clock.now - Duration::from_secs(20)),
        lsas: lsas.iter().map(|(kind, n, sum)| (*kind, (*n, *sum))).collect(),
    };
    InstanceView {
        router_id: router(2),
        started: clock.now - Duration::from_secs(90),
        abr: true,
        asbr: true,
        stub_router: false,
        restarting: None,
        spf: SpfView {
            full: 5,
            partial: 0,
            last: Some(clock.now - Duration::from_secs(20)),
            duration: Duration::from_micros(110),
            reason: None,
            due: None,
        },
        lsas: BTreeMap::new(),
        areas: vec![area_view(0, &[]), area_view(1, &[]), area_view(2, &[])],
    }
}

/// Interfaces.
pub(in crate::show) fn interfaces(version: Version, clock: Clock) -> Vec<InterfaceView> {
    let one = |n: u32, name: &str, prefix: &str, at: u32, network, state, hello: u64, groups, bfd| {
        let v4: Ipv4Prefix = prefix.parse().unwrap();
        let addr = Ipv4Addr::from_bits(v4.addr().to_bits() + 2);
        let v6 = format!("fd{}::/64", &name[3..]).parse().unwrap();
        let second = Duration::from_secs;
        let dr = |id: u8, last: u8| {
            let addr = Ipv4Addr::from_bits(v4.addr().to_bits() + u32::from(last));
            (network == Broadcast).then_some((router(id), IpAddr::V4(addr)))
        };
        let of_v2 = version == Version::V2;
        InterfaceView {
            key: InterfaceKey::Link(IfIndex(n), of_v2.then_some(addr)),
            ifindex: Some(IfIndex(n)),
            config: InterfaceConfig {
                name: name.into(),
                area: area(at),
                network,
                up: true,
                mtu: 1500,
                address: of_v2.then_some((addr, v4)),
                unnumbered: false,
                link_local: Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
                prefixes: vec![v6],
                addresses: Vec::new(),
                cost: 10,
                hello: second(hello),
                dead: second(4 * hello),
                retransmit: second(5),
                transmit_delay: 1,
                priority: 1,
                passive: false,
                mtu_ignore: false,
                instance_id: 0,
                prefix_suppression: false,
                bfd,
                auth: AuthConfig::None,
                neighbors: BTreeMap::new(),
                neighbor_filter: None,
                opaque: true,
            },
            state,
            changes: 3,
            cost: 10,
            dr: if n == 2 { dr(2, 2) } else { dr(4, 1) },
            bdr: if n == 2 { dr(1, 1) } else { dr(2, 2) },
            hello_due: Some(clock.now + Duration::from_millis(1738)),
            wait_due: None,
            all_spf: true,
            all_dr: groups,
            neighbors: 1,
            full: 1,
            interface_id: n,
            link_lsas: 2,
            delayed_acks: 0,
            packets: BTreeMap::from([(PacketType::Hello, (44, 45)), (PacketType::Dbd, (3, 2))]),
            refused: 0,
        }
    };
    use InterfaceState as S;
    use NetworkType::{Broadcast, PointToPoint};
    vec![
        one(2, "eth21", "10.0.12.0/24", 0, Broadcast, S::Dr, 2, true, true),
        one(3, "eth23", "10.0.23.0/24", 1, PointToPoint, S::PointToPoint, 10, false, false),
        one(4, "eth24", "10.0.24.0/30", 2, Broadcast, S::Backup, 10, true, false),
    ]
}

/// The links below.
pub(in crate::show) fn link(name: &str, addresses: &[&str]) -> LinkInfo {
    LinkInfo {
        vrf: VrfId::DEFAULT,
        name: name.into(),
        up: true,
        flags: "<UP,BROADCAST,RUNNING,MULTICAST>".into(),
        mtu: 1500,
        bandwidth: 10000,
        loopback: false,
        point_to_point: false,
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    }
}

/// Neighbors.
pub(in crate::show) fn neighbors(version: Version, clock: Clock) -> Vec<NeighborView> {
    let ago = |s: u64| clock.now - Duration::from_secs(s);
    let interfaces = interfaces(version, clock);
    let one = |n: usize, id: u8, addr: &str, dr: [u8; 4], bdr: [u8; 4], options| NeighborView {
        interface: interfaces[n].key,
        name: interfaces[n].config.name.clone(),
        local: interfaces[n].config.address.map(|(a, _)| a.into()),
        interface_state: interfaces[n].state,
        area: interfaces[n].config.area,
        router: router(id),
        addr: addr.parse().unwrap(),
        priority: 1,
        state: NeighborState::Full,
        dr: dr.into(),
        bdr: bdr.into(),
        options,
        interface_id: 2,
        since: ago(88),
        changed: ago(81),
        changes: if n == 2 { 6 } else { 5 },
        progressive: Some(ago(81)),
        regressive: None,
        dead_due: Some(clock.now + Duration::from_millis(7364)),
        retransmit: 0,
        requests: 0,
        summary: 0,
        dd_sequence: 0x718e_0000,
        dd_flags: DbdFlags::empty(),
        master: n > 0,
        bfd: n == 0,
        helped: None,
    };
    let normal = Options::E | Options::O;
    if version == Version::V3 {
        return vec![
            one(0, 1, "fe80::b81a:f5ff:fea3:66fc", [2; 4], [1; 4], normal),
            one(1, 3, "fe80::14f6:cff:fe58:73bd", [0; 4], [0; 4], normal),
            one(2, 4, "fe80::7478:26ff:fe90:4d3", [4; 4], [2; 4], normal),
        ];
    }
    vec![
        one(0, 1, "10.0.12.1", [10, 0, 12, 2], [10, 0, 12, 1], normal),
        one(1, 3, "10.0.23.3", [0; 4], [0; 4], normal),
        one(2, 4, "10.0.24.1", [10, 0, 24, 1], [10, 0, 24, 2], Options::NP),
    ]
}
