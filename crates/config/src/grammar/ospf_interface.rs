//! `ip ospf ...` and `ipv6 ospf6 ...` of interfaces.

use super::args::Args;
use super::ospf_area::{LONGEST_DIGEST_KEY, LONGEST_PASSWORD, authentication_of, authentication_text, cut};
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, flag, idle, stmt, value, value_unless};
use crate::model::Secret;
use crate::model::keychain::KeyAlgorithm;
use crate::model::ospf::{
    DeadInterval, Neighbor6, Ospf6Authentication, Ospf6Link, Ospf6Network, OspfBfd, OspfInterface, OspfLink,
    OspfNetwork,
};

fn set_network(l: &mut OspfLink, a: &Args<'_>) -> Applied {
    l.network = Some(match () {
        () if a.has("broadcast") => OspfNetwork::Broadcast,
        () if a.has("point-to-point") => OspfNetwork::PointToPoint { dmvpn: a.has("dmvpn") },
        () if a.has("point-to-multipoint") => OspfNetwork::PointToMultipoint {
            delay_reflood: a.has("delay-reflood"),
            non_broadcast: a.has("non-broadcast"),
        },
        () => OspfNetwork::NonBroadcast,
    });
    // Nothing acts on these two yet.
    Ok(if a.has("dmvpn") || a.has("delay-reflood") { Effect::Inert } else { Effect::Done })
}

fn show_network(l: &OspfLink, o: &mut Lines) {
    let text = match l.network {
        None => return,
        Some(OspfNetwork::Broadcast) => "broadcast".to_owned(),
        Some(OspfNetwork::NonBroadcast) => "non-broadcast".to_owned(),
        Some(OspfNetwork::PointToPoint { dmvpn }) => {
            format!("point-to-point{}", if dmvpn { " dmvpn" } else { "" })
        }
        Some(OspfNetwork::PointToMultipoint { delay_reflood, non_broadcast }) => format!(
            "point-to-multipoint{}{}",
            if delay_reflood { " delay-reflood" } else { "" },
            if non_broadcast { " non-broadcast" } else { "" }
        ),
    };
    o.line(format_args!("ip ospf network {text}"));
}

fn set_bfd(bfd: &mut Option<OspfBfd>, a: &Args<'_>) {
    let bfd = bfd.get_or_insert_default();
    if let Some(profile) = a.get("profile") {
        bfd.profile = Some(profile.to_owned());
    }
}

fn unset_bfd(bfd: &mut Option<OspfBfd>, a: &Args<'_>) {
    match bfd {
        Some(bfd) if a.has("profile") => bfd.profile = None,
        _ => *bfd = None,
    }
}

fn show_bfd(bfd: Option<&OspfBfd>, lead: &str, o: &mut Lines) {
    let Some(bfd) = bfd else { return };
    o.line(format_args!("{lead} bfd"));
    if let Some(profile) = &bfd.profile {
        o.line(format_args!("{lead} bfd profile {profile}"));
    }
}

/// OSPFv2, what is about the link as a whole.
pub(crate) static LINK: &[Stmt<OspfLink>] = &[
    stmt(
        "ip ospf network ~ <broadcast|non-broadcast|point-to-multipoint [{delay-reflood|non-broadcast}]\
         |point-to-point [dmvpn]>",
        set_network,
        |l, _| {
            l.network = None;
            DONE
        },
        show_network,
    ),
    stmt(
        "ip ospf bfd ~ [profile ~ NAME@profile]",
        |l, a| {
            set_bfd(&mut l.bfd, a);
            DONE
        },
        |l, a| {
            unset_bfd(&mut l.bfd, a);
            DONE
        },
        |l, o| show_bfd(l.bfd.as_ref(), "ip ospf", o),
    ),
    idle(value_unless!(
        "ip ospf graceful-restart hello-delay",
        "(1-1800)",
        interface.restart_hello_delay,
        10_u16
    )),
];

/// A number with a default; of one address it may differ from what is said of all, so that it is kept there in any case.
macro_rules! number {
    ($word:literal, $range:literal, $field:ident, $default:expr) => {
        stmt(
            concat!("ip ospf ", $word, " ~ ", $range, "@v [A.B.C.D@addr]"),
            |i, a| {
                let all = a.get("addr").is_none();
                i.$field = Some(a.val("v")?).filter(|v| !all || *v != $default);
                DONE
            },
            |i, _| {
                i.$field = None;
                DONE
            },
            |i, o| {
                if let Some(v) = i.$field {
                    o.line(format_args!(concat!("ip ospf ", $word, " {}"), v));
                }
            },
        )
    };
}

/// The `no` form with an address and no value.
macro_rules! without_value {
    ($word:literal, $field:ident) => {
        alias(
            concat!("ip ospf ", $word, " A.B.C.D@addr ~ !"),
            |_, _| DONE,
            |i, _| {
                i.$field = None;
                DONE
            },
        )
    };
}

/// A word that is there or not.
macro_rules! word {
    ($word:literal, $field:ident) => {
        stmt(
            concat!("ip ospf ", $word, " [A.B.C.D@addr]"),
            |i, _| {
                i.$field = true;
                DONE
            },
            |i, _| {
                i.$field = false;
                DONE
            },
            |i, o| {
                if i.$field {
                    o.line(concat!("ip ospf ", $word));
                }
            },
        )
    };
}

fn set_area(i: &mut OspfInterface, a: &Args<'_>) -> Applied {
    i.join(a.opt("instance")?.unwrap_or(0), a.val("v")?)?;
    DONE
}

fn show_areas(i: &OspfInterface, o: &mut Lines) {
    for (instance, area) in &i.areas {
        match instance {
            0 => o.line(format_args!("ip ospf area {area}")),
            n => o.line(format_args!("ip ospf {n} area {area}")),
        }
    }
}

fn set_dead(i: &mut OspfInterface, a: &Args<'_>) -> Applied {
    i.dead_interval = Some(match a.opt("v")? {
        Some(seconds) => DeadInterval::Seconds(seconds),
        None => DeadInterval::Minimal(a.val("hellos")?),
    });
    DONE
}

/// OSPFv2, what is about all addresses or one.
pub(crate) static INTERFACE: &[Stmt<OspfInterface>] = &[
    stmt(
        "ip ospf [(1-65535)@instance] area ~ <A.B.C.D@v|(0-4294967295)@v> [A.B.C.D@addr]",
        set_area,
        |i, a| {
            i.areas.remove(&a.opt("instance")?.unwrap_or(0));
            DONE
        },
        show_areas,
    ),
    stmt(
        "ip ospf authentication ~ [<null|message-digest|key-chain NAME@chain>] [A.B.C.D@addr]",
        |i, a| {
            i.authentication = Some(authentication_of(a));
            DONE
        },
        |i, _| {
            i.authentication = None;
            DONE
        },
        |i, o| {
            if let Some(authentication) = &i.authentication {
                o.line(format_args!("ip ospf authentication{}", authentication_text(authentication)));
            }
        },
    ),
    stmt(
        "ip ospf authentication-key ~ KEY@key [A.B.C.D@addr]",
        |i, a| {
            i.key = Some(cut(a.name("key"), LONGEST_PASSWORD));
            DONE
        },
        |i, _| {
            i.key = None;
            DONE
        },
        |i, o| {
            if let Some(key) = &i.key {
                o.line(format_args!("ip ospf authentication-key {}", key.reveal()));
            }
        },
    ),
    stmt(
        "ip ospf message-digest-key (1-255)@id ~ md5 KEY@key [A.B.C.D@addr]",
        |i, a| {
            i.digest_keys.insert(a.val("id")?, cut(a.name("key"), LONGEST_DIGEST_KEY));
            DONE
        },
        |i, a| {
            i.digest_keys.remove(&a.val("id")?);
            DONE
        },
        |i, o| {
            for (id, key) in &i.digest_keys {
                o.line(format_args!("ip ospf message-digest-key {id} md5 {}", key.reveal()));
            }
        },
    ),
    alias(
        "ip ospf message-digest-key (1-255)@id A.B.C.D@addr ~ !",
        |_, _| DONE,
        |i, a| {
            i.digest_keys.remove(&a.val("id")?);
            DONE
        },
    ),
    // Always printed: FRR does so.
    number!("cost", "(1-65535)", cost, 0_u16),
    without_value!("cost", cost),
    stmt(
        "ip ospf dead-interval ~ <(1-65535)@v|minimal hello-multiplier (1-20)@hellos> [A.B.C.D@addr]",
        set_dead,
        |i, _| {
            i.dead_interval = None;
            DONE
        },
        |i, o| match i.dead_interval {
            None => {}
            Some(DeadInterval::Seconds(n)) => o.line(format_args!("ip ospf dead-interval {n}")),
            Some(DeadInterval::Minimal(n)) => {
                o.line(format_args!("ip ospf dead-interval minimal hello-multiplier {n}"));
            }
        },
    ),
    without_value!("dead-interval", dead_interval),
    number!("hello-interval", "(1-65535)", hello_interval, 10_u16),
    without_value!("hello-interval", hello_interval),
    number!("priority", "(0-255)", priority, 1_u8),
    without_value!("priority", priority),
    number!("retransmit-interval", "(1-65535)", retransmit_interval, 5_u16),
    without_value!("retransmit-interval", retransmit_interval),
    number!("transmit-delay", "(1-65535)", transmit_delay, 1_u16),
    without_value!("transmit-delay", transmit_delay),
    stmt(
        "ip ospf passive [A.B.C.D@addr]",
        |i, _| {
            i.passive = Some(true);
            DONE
        },
        |i, _| {
            i.not_passive();
            DONE
        },
        |i, o| {
            if let Some(on) = i.passive {
                o.switch(on, "ip ospf passive");
            }
        },
    ),
    word!("mtu-ignore", mtu_ignore),
    word!("prefix-suppression", prefix_suppression),
    stmt(
        "ip ospf neighbor-filter ~ NAME@v [A.B.C.D@addr]",
        |i, a| {
            i.neighbor_filter = Some(a.name("v"));
            DONE
        },
        |i, _| {
            i.neighbor_filter = None;
            DONE
        },
        |i, o| {
            if let Some(list) = &i.neighbor_filter {
                o.line(format_args!("ip ospf neighbor-filter {list}"));
            }
        },
    ),
    stmt(
        "ip ospf capability opaque [A.B.C.D@addr]",
        |i, _| {
            i.no_opaque_lsa = false;
            DONE
        },
        |i, _| {
            i.no_opaque_lsa = true;
            DONE
        },
        |i, o| {
            if i.no_opaque_lsa {
                o.no("ip ospf capability opaque");
            }
        },
    ),
];

fn set_network6(l: &mut Ospf6Link, a: &Args<'_>) -> Applied {
    l.network = Some(match (a.has("broadcast"), a.has("point-to-point")) {
        (true, _) => Ospf6Network::Broadcast,
        (_, true) => Ospf6Network::PointToPoint,
        _ => Ospf6Network::PointToMultipoint,
    });
    DONE
}

fn set_key(l: &mut Ospf6Link, a: &Args<'_>) -> Applied {
    let algorithm = a.keywords().find_map(KeyAlgorithm::of_word).unwrap_or(KeyAlgorithm::Md5);
    let secret = Secret::new(a.name("key"));
    l.authentication = Some(Ospf6Authentication::Key { id: a.val("id")?, algorithm, secret });
    DONE
}

fn show_authentication6(l: &Ospf6Link, o: &mut Lines) {
    match &l.authentication {
        None => {}
        Some(Ospf6Authentication::KeyChain(name)) => {
            o.line(format_args!("ipv6 ospf6 authentication keychain {name}"));
        }
        Some(Ospf6Authentication::Key { id, algorithm, secret }) => o.line(format_args!(
            "ipv6 ospf6 authentication key-id {id} hash-algo {algorithm} key {}",
            secret.reveal()
        )),
    }
}

fn set_neighbor6(l: &mut Ospf6Link, a: &Args<'_>) -> Applied {
    let neighbor = l.neighbors.entry(a.val("addr")?).or_default();
    neighbor.poll_interval = a.opt("poll")?.or(neighbor.poll_interval);
    neighbor.cost = a.opt("cost")?.or(neighbor.cost);
    DONE
}

fn unset_neighbor6(l: &mut Ospf6Link, a: &Args<'_>) -> Applied {
    let addr = a.val("addr")?;
    let (poll, cost) = (a.has("poll-interval"), a.has("cost"));
    match l.neighbors.get_mut(&addr) {
        Some(neighbor) if poll || cost => {
            let Neighbor6 { poll_interval, cost: held } = *neighbor;
            *neighbor =
                Neighbor6 { poll_interval: poll_interval.filter(|_| !poll), cost: held.filter(|_| !cost) };
        }
        _ => {
            l.neighbors.remove(&addr);
        }
    }
    DONE
}

fn show_neighbors6(l: &Ospf6Link, o: &mut Lines) {
    for (addr, neighbor) in &l.neighbors {
        o.line(format_args!("ipv6 ospf6 neighbor {addr}"));
        if let Some(seconds) = neighbor.poll_interval {
            o.line(format_args!("ipv6 ospf6 neighbor {addr} poll-interval {seconds}"));
        }
        if let Some(cost) = neighbor.cost {
            o.line(format_args!("ipv6 ospf6 neighbor {addr} cost {cost}"));
        }
    }
}

/// OSPFv3.
pub(crate) static LINK6: &[Stmt<Ospf6Link>] = &[
    stmt(
        "ipv6 ospf6 area ~ <A.B.C.D@v|(0-4294967295)@v>",
        |l, a| {
            l.area = Some(a.val("v")?);
            DONE
        },
        |l, _| {
            l.area = None;
            DONE
        },
        |l, o| {
            if let Some(area) = l.area {
                o.line(format_args!("ipv6 ospf6 area {area}"));
            }
        },
    ),
    value!("ipv6 ospf6 ifmtu", "(1-65535)", mtu),
    value!("ipv6 ospf6 cost", "(1-65535)", cost),
    value_unless!("ipv6 ospf6 hello-interval", "(1-65535)", hello_interval, 10_u16),
    value_unless!("ipv6 ospf6 dead-interval", "(1-65535)", dead_interval, 40_u16),
    value_unless!("ipv6 ospf6 retransmit-interval", "(1-65535)", retransmit_interval, 5_u16),
    value_unless!("ipv6 ospf6 priority", "(0-255)", priority, 1_u8),
    value_unless!("ipv6 ospf6 transmit-delay", "(1-3600)", transmit_delay, 1_u16),
    value_unless!("ipv6 ospf6 instance-id", "(0-255)", instance_id, 0_u8),
    value!("ipv6 ospf6 advertise prefix-list", "NAME", advertise),
    flag!("ipv6 ospf6 passive", passive),
    flag!("ipv6 ospf6 mtu-ignore", mtu_ignore),
    flag!("ipv6 ospf6 prefix-suppression", prefix_suppression),
    stmt(
        "ipv6 ospf6 network ~ <broadcast|point-to-point|point-to-multipoint>",
        set_network6,
        |l, _| {
            l.network = None;
            DONE
        },
        |l, o| match l.network {
            None => {}
            Some(Ospf6Network::Broadcast) => o.line("ipv6 ospf6 network broadcast"),
            Some(Ospf6Network::PointToPoint) => o.line("ipv6 ospf6 network point-to-point"),
            Some(Ospf6Network::PointToMultipoint) => o.line("ipv6 ospf6 network point-to-multipoint"),
        },
    ),
    stmt(
        "ipv6 ospf6 bfd ~ [profile ~ NAME@profile]",
        |l, a| {
            set_bfd(&mut l.bfd, a);
            DONE
        },
        |l, a| {
            unset_bfd(&mut l.bfd, a);
            DONE
        },
        |l, o| show_bfd(l.bfd.as_ref(), "ipv6 ospf6", o),
    ),
    alias(
        "ipv6 ospf6 authentication ~ keychain ~ NAME@chain",
        |l, a| {
            l.authentication = Some(Ospf6Authentication::KeyChain(a.name("chain")));
            DONE
        },
        |l, _| {
            l.authentication = None;
            DONE
        },
    ),
    stmt(
        "ipv6 ospf6 authentication key-id ~ (1-65535)@id hash-algo \
         <md5|hmac-sha-1|hmac-sha-256|hmac-sha-384|hmac-sha-512> key WORD@key",
        set_key,
        |l, _| {
            l.authentication = None;
            DONE
        },
        show_authentication6,
    ),
    idle(value_unless!("ipv6 ospf6 graceful-restart hello-delay", "(1-1800)", restart_hello_delay, 10_u16)),
    idle(stmt(
        "ipv6 ospf6 p2p-p2mp connected-prefixes ~ <include|exclude>",
        |l, a| {
            l.p2mp.connected_prefixes = Some(a.has("include"));
            DONE
        },
        |l, _| {
            l.p2mp.connected_prefixes = None;
            DONE
        },
        |l, o| match l.p2mp.connected_prefixes {
            None => {}
            Some(true) => o.line("ipv6 ospf6 p2p-p2mp connected-prefixes include"),
            Some(false) => o.line("ipv6 ospf6 p2p-p2mp connected-prefixes exclude"),
        },
    )),
    flag!("ipv6 ospf6 p2p-p2mp disable-multicast-hello", p2mp.no_multicast_hello),
    flag!("ipv6 ospf6 p2p-p2mp config-neighbors-only", p2mp.configured_only),
    stmt(
        "ipv6 ospf6 neighbor X:X::X:X@addr ~ [<poll-interval ~ (1-65535)@poll|cost ~ (1-65535)@cost>]",
        set_neighbor6,
        unset_neighbor6,
        show_neighbors6,
    ),
];
