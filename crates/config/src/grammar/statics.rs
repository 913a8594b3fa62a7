//! `ip route` and `ipv6 route`.

use std::net::{IpAddr, Ipv4Addr};

use ferr_types::{IfAddr, Prefix};

use super::args::Args;
use super::table::{Applied, DONE, Lines, Stmt, stmt};
use crate::error::ConfigError;
use crate::model::bfd::StaticBfd;
use crate::model::statics::{Discard, StaticKey, StaticOptions, StaticRoutes, StaticTarget};

/// Where routes live, whether the statement stands at top level or in a `vrf` block.
pub(crate) trait HasRoutes {
    /// Routes of the VRF named in the statement, else of the object; made when missing and `create`.
    fn routes_mut(&mut self, vrf: Option<&str>, create: bool) -> Option<&mut StaticRoutes>;
    fn routes(&self) -> &StaticRoutes;
}

const OPTIONS4: &str = "ip route <A.B.C.D/M@p|A.B.C.D@p A.B.C.D@mask> <reject|blackhole|Null0|null0|A.B.C.D@gw [INTERFACE@if]|INTERFACE@if> \
     [{tag (1-4294967295)@tag|(1-255)@distance|vrf NAME@vrf|label WORD@label|table (1-4294967295)@table\
     |nexthop-vrf NAME@nhvrf|onlink|color (1-4294967295)@color|bfd [{multi-hop|source A.B.C.D@source|profile NAME@profile}]}]";
const OPTIONS6: &str = "ipv6 route X:X::X:X/M@p [from X:X::X:X/M@from] <reject|blackhole|Null0|null0|X:X::X:X@gw [INTERFACE@if]|INTERFACE@if> \
     [{tag (1-4294967295)@tag|(1-255)@distance|vrf NAME@vrf|label WORD@label|table (1-4294967295)@table\
     |nexthop-vrf NAME@nhvrf|onlink|color (1-4294967295)@color|bfd [{multi-hop|source X:X::X:X@source|profile NAME@profile}]}]";

/// The two statements for an object that holds routes.
pub(crate) const fn statements<N: HasRoutes>() -> [Stmt<N>; 2] {
    [
        stmt(OPTIONS4, set::<N>, unset::<N>, |n, o| show(n.routes(), "ip", o)),
        stmt(OPTIONS6, set::<N>, unset::<N>, |n, o| show(n.routes(), "ipv6", o)),
    ]
}

/// Prefix from `A/L`, or from an address with a netmask.
pub(crate) fn prefix(args: &Args<'_>, addr: &'static str, mask: &'static str) -> Result<Prefix, ConfigError> {
    let Some(text) = args.get(mask) else {
        return Ok(args.val::<IfAddr>(addr)?.prefix());
    };
    let bits = text.parse::<Ipv4Addr>().map(Ipv4Addr::to_bits);
    let bits = bits.map_err(|_| ConfigError::Netmask(text.to_owned()))?;
    let len = bits.leading_ones();
    if bits.count_ones() != len {
        return Err(ConfigError::Netmask(text.to_owned()));
    }
    let addr: Ipv4Addr = args.val(addr)?;
    Prefix::new(IpAddr::V4(addr), len as u8).ok_or_else(|| ConfigError::Netmask(text.to_owned()))
}

fn target(args: &Args<'_>) -> Result<StaticTarget, ConfigError> {
    let discard = |name: &str| match name {
        "Null0" | "null0" => Some(Discard::Null0),
        "blackhole" => Some(Discard::Blackhole),
        "reject" => Some(Discard::Reject),
        _ => None,
    };
    if let Some(kind) = args.keywords().find_map(discard) {
        return Ok(StaticTarget::Discard(kind));
    }
    let interface = args.get("if").map(str::to_owned);
    Ok(match (args.opt::<IpAddr>("gw")?, interface) {
        (Some(gw), None) => StaticTarget::Gateway(gw),
        (Some(gw), Some(name)) if discard(&name).is_some() => StaticTarget::Gateway(gw),
        (Some(gw), Some(name)) => StaticTarget::GatewayOn(gw, name),
        (None, name) => StaticTarget::Interface(name.unwrap_or_default()),
    })
}

fn bfd(args: &Args<'_>) -> Result<Option<StaticBfd>, ConfigError> {
    if !args.has("bfd") {
        return Ok(None);
    }
    let profile = args.get("profile").map(str::to_owned);
    Ok(Some(StaticBfd { multihop: args.has("multi-hop"), source: args.opt("source")?, profile }))
}

fn parse(args: &Args<'_>) -> Result<(StaticKey, StaticOptions), ConfigError> {
    let source = args.opt::<IfAddr>("from")?.map(IfAddr::prefix);
    let key = StaticKey {
        prefix: prefix(args, "p", "mask")?,
        source: source.and_then(|p| if let Prefix::V6(p) = p { Some(p) } else { None }),
        table: args.opt("table")?.unwrap_or(0),
        distance: args.opt("distance")?.unwrap_or(1),
        target: target(args)?,
        nexthop_vrf: args.get("nhvrf").map(str::to_owned),
    };
    let options = StaticOptions {
        tag: args.opt("tag")?.unwrap_or(0),
        label: args.get("label").map(str::to_owned),
        onlink: args.has("onlink"),
        bfd: bfd(args)?.map(Box::new),
        color: args.opt("color")?,
    };
    Ok((key, options))
}

fn vrf<'a>(args: &Args<'a>) -> Option<&'a str> {
    args.get("vrf").filter(|v| *v != "default")
}

fn set<N: HasRoutes>(n: &mut N, args: &Args<'_>) -> Applied {
    let (key, options) = parse(args)?;
    let watched = matches!(key.target, StaticTarget::Gateway(_) | StaticTarget::GatewayOn(..));
    if options.bfd.is_some() && !watched {
        return Err(ConfigError::BfdWithoutGateway);
    }
    if let Some(routes) = n.routes_mut(vrf(args), true) {
        routes.insert(key, options);
    }
    DONE
}

fn unset<N: HasRoutes>(n: &mut N, args: &Args<'_>) -> Applied {
    let (key, _) = parse(args)?;
    let stated = args.get("distance").is_some();
    if let Some(routes) = n.routes_mut(vrf(args), false) {
        routes.remove(&key, stated);
    }
    DONE
}

impl StaticRoutes {
    /// Adds a next hop; its tag becomes that of all next hops of the same prefix, table and distance.
    pub fn insert(&mut self, key: StaticKey, options: StaticOptions) {
        let tag = options.tag;
        let same = |k: &StaticKey| {
            (k.prefix, k.source, k.table, k.distance) == (key.prefix, key.source, key.table, key.distance)
        };
        for (_, other) in self.of_prefix_mut(key.prefix).filter(|(k, _)| same(k)) {
            other.tag = tag;
        }
        self.0.insert(key, options);
    }

    /// Removes a next hop; when no distance was stated and none is there at 1, the one at any distance.
    fn remove(&mut self, key: &StaticKey, distance_stated: bool) {
        if self.0.remove(key).is_some() || distance_stated {
            return;
        }
        let alike = |k: &&StaticKey| {
            (k.source, k.table, &k.target, &k.nexthop_vrf)
                == (key.source, key.table, &key.target, &key.nexthop_vrf)
        };
        let found = self.of_prefix(key.prefix).map(|(k, _)| k).find(alike).cloned();
        if let Some(found) = found {
            self.0.remove(&found);
        }
    }

    fn first_of(prefix: Prefix) -> StaticKey {
        StaticKey {
            prefix,
            source: None,
            table: 0,
            distance: 0,
            target: StaticTarget::Gateway(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            nexthop_vrf: None,
        }
    }

    /// All next hops of a prefix.
    pub fn of_prefix(&self, prefix: Prefix) -> impl Iterator<Item = (&StaticKey, &StaticOptions)> {
        self.0.range(Self::first_of(prefix)..).take_while(move |(k, _)| k.prefix == prefix)
    }

    fn of_prefix_mut(&mut self, prefix: Prefix) -> impl Iterator<Item = (&StaticKey, &mut StaticOptions)> {
        self.0.range_mut(Self::first_of(prefix)..).take_while(move |(k, _)| k.prefix == prefix)
    }
}

fn show(routes: &StaticRoutes, family: &str, out: &mut Lines) {
    let v4 = family == "ip";
    for (key, options) in routes.0.iter().filter(|(k, _)| matches!(k.prefix, Prefix::V4(_)) == v4) {
        out.line(route_text(family, key, options));
    }
}

fn route_text(family: &str, key: &StaticKey, options: &StaticOptions) -> String {
    let mut text = format!("{family} route {}", key.prefix);
    let mut word = |words: String| {
        text.push(' ');
        text.push_str(&words);
    };
    if let Some(source) = key.source {
        word(format!("from {source}"));
    }
    word(match &key.target {
        StaticTarget::Gateway(gw) => gw.to_string(),
        StaticTarget::GatewayOn(gw, name) => format!("{gw} {name}"),
        StaticTarget::Interface(name) => name.clone(),
        StaticTarget::Discard(kind) => kind.name().to_owned(),
    });
    if options.tag != 0 {
        word(format!("tag {}", options.tag));
    }
    if key.distance != 1 {
        word(key.distance.to_string());
    }
    if let Some(label) = &options.label {
        word(format!("label {label}"));
    }
    if key.table != 0 {
        word(format!("table {}", key.table));
    }
    if let Some(vrf) = &key.nexthop_vrf {
        word(format!("nexthop-vrf {vrf}"));
    }
    if options.onlink {
        word("onlink".to_owned());
    }
    if let Some(color) = options.color {
        word(format!("color {color}"));
    }
    if let Some(bfd) = &options.bfd {
        word("bfd".to_owned());
        if bfd.multihop {
            word("multi-hop".to_owned());
        }
        if let Some(source) = bfd.source {
            word(format!("source {source}"));
        }
        if let Some(profile) = &bfd.profile {
            word(format!("profile {profile}"));
        }
    }
    text
}
