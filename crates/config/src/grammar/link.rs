//! Statements of `interface` blocks about links that the daemon owns; FRR does not know them.

use std::net::IpAddr;

use super::args::Args;
use super::table::{Applied, DONE, Lines, Stmt, alias, stmt, value};
use crate::error::ConfigError;
use crate::model::link::{LinkType, MacvlanMode, Mss, OwnLink, VXLAN_PORT, Vxlan};

fn set_kind(l: &mut OwnLink, kind: LinkType) -> Applied {
    if l.wireguard.is_some() {
        return Err(ConfigError::TwoKinds);
    }
    l.kind = Some(kind);
    DONE
}

fn no_kind(l: &mut OwnLink, _: &Args<'_>) -> Applied {
    l.kind = None;
    DONE
}

fn set_vxlan(l: &mut OwnLink, a: &Args<'_>) -> Applied {
    let vxlan = Vxlan {
        id: a.val("id")?,
        local: a.opt("local")?,
        port: a.opt("port")?.filter(|p| *p != VXLAN_PORT),
        dev: a.get("dev").map(str::to_owned),
    };
    let families = l.vxlan_remotes.iter().chain(&vxlan.local).map(IpAddr::is_ipv4);
    one_family(families)?;
    set_kind(l, LinkType::Vxlan(vxlan))
}

fn one_family(mut v4: impl Iterator<Item = bool>) -> Result<(), ConfigError> {
    let first = v4.next();
    if v4.all(|f| Some(f) == first) { Ok(()) } else { Err(ConfigError::VxlanFamilies) }
}

fn add_remote(l: &mut OwnLink, a: &Args<'_>) -> Applied {
    let remote: IpAddr = a.val("remote")?;
    let local = match &l.kind {
        Some(LinkType::Vxlan(v)) => v.local,
        _ => None,
    };
    one_family(l.vxlan_remotes.iter().chain(&local).chain([&remote]).map(IpAddr::is_ipv4))?;
    l.vxlan_remotes.insert(remote);
    DONE
}

fn show_kind(l: &OwnLink, o: &mut Lines) {
    if let Some(kind) = &l.kind {
        o.line(format_args!("link {kind}"));
    }
}

fn set_vrf(l: &mut OwnLink, a: &Args<'_>) -> Applied {
    if l.master.is_some() {
        return Err(ConfigError::TwoMasters);
    }
    l.vrf = Some(a.name("vrf"));
    DONE
}

fn set_master(l: &mut OwnLink, a: &Args<'_>) -> Applied {
    if l.vrf.is_some() {
        return Err(ConfigError::TwoMasters);
    }
    l.master = Some(a.name("master"));
    DONE
}

fn set_mac(l: &mut OwnLink, a: &Args<'_>) -> Applied {
    let mac: ferr_types::MacAddr = a.val("mac")?;
    if !mac.is_unicast() {
        return Err(ConfigError::GroupMac);
    }
    l.mac = Some(mac);
    DONE
}

/// All of them but WireGuard's.
pub(crate) static LINK: &[Stmt<OwnLink>] = &[
    stmt("link dummy", |l, _| set_kind(l, LinkType::Dummy), no_kind, show_kind),
    alias("link bridge", |l, _| set_kind(l, LinkType::Bridge), no_kind),
    alias(
        "link vlan ~ id (1-4094)@id dev IFNAME@dev",
        |l, a| set_kind(l, LinkType::Vlan { id: a.val("id")?, dev: a.name("dev") }),
        no_kind,
    ),
    alias(
        "link macvlan ~ dev IFNAME@dev [mode <bridge|private|vepa|passthru>]",
        |l, a| {
            let mode = MacvlanMode::ALL.into_iter().find(|m| a.has(m.name())).unwrap_or_default();
            set_kind(l, LinkType::Macvlan { dev: a.name("dev"), mode })
        },
        no_kind,
    ),
    alias(
        "link veth ~ peer IFNAME@peer",
        |l, a| set_kind(l, LinkType::Veth { peer: a.name("peer") }),
        no_kind,
    ),
    alias(
        "link vxlan ~ id (1-16777215)@id [{local <A.B.C.D@local|X:X::X:X@local>|dstport (1-65535)@port|dev IFNAME@dev}]",
        set_vxlan,
        no_kind,
    ),
    // The bare `no` form.
    alias("link ~ !", |_, _| DONE, no_kind),
    stmt(
        "vrf ~ NAME@vrf",
        set_vrf,
        |l, _| {
            l.vrf = None;
            DONE
        },
        |l, o| {
            if let Some(vrf) = &l.vrf {
                o.line(format_args!("vrf {vrf}"));
            }
        },
    ),
    stmt(
        "master ~ IFNAME@master",
        set_master,
        |l, _| {
            l.master = None;
            DONE
        },
        |l, o| {
            if let Some(master) = &l.master {
                o.line(format_args!("master {master}"));
            }
        },
    ),
    value!("mtu", "(68-65535)", mtu),
    stmt(
        "mac-address ~ MAC@mac",
        set_mac,
        |l, _| {
            l.mac = None;
            DONE
        },
        |l, o| {
            if let Some(mac) = &l.mac {
                o.line(format_args!("mac-address {mac}"));
            }
        },
    ),
    stmt(
        "vxlan remote <A.B.C.D@remote|X:X::X:X@remote>",
        add_remote,
        |l, a| {
            l.vxlan_remotes.remove(&a.val("remote")?);
            DONE
        },
        |l, o| {
            for remote in &l.vxlan_remotes {
                o.line(format_args!("vxlan remote {remote}"));
            }
        },
    ),
    stmt(
        "ip tcp adjust-mss ~ <(500-9000)@mss|auto>",
        |l, a| {
            l.mss = Some(a.opt("mss")?.map_or(Mss::Auto, Mss::Fixed));
            DONE
        },
        |l, _| {
            l.mss = None;
            DONE
        },
        |l, o| {
            if let Some(mss) = l.mss {
                o.line(format_args!("ip tcp adjust-mss {mss}"));
            }
        },
    ),
];
