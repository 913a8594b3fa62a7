//! `area A ...` of both versions.

use super::args::Args;
use super::ospf::{metric_text, metric_type, prefix};
use super::table::{Applied, DONE, Lines, Stmt, flag, stmt};
use crate::error::ConfigError;
use crate::model::Secret;
use crate::model::ospf::{
    AreaAuthentication, AreaKind, AreaRange, NssaDefault, NssaTranslate, OspfArea, OspfAuthentication,
    Shortcut, VirtualLink,
};

/// Whether the area, the backbone or not, can have the statement.
///
/// # Errors
/// It is the backbone, and cannot.
pub(crate) fn fits(backbone: bool, a: &Args<'_>) -> Result<(), ConfigError> {
    const NOT_THERE: [&str; 5] = ["stub", "nssa", "default-cost", "shortcut", "virtual-link"];
    let statement = a.keywords().find(|word| *word != "area").unwrap_or_default();
    match NOT_THERE.into_iter().find(|word| *word == statement) {
        Some(word) if backbone => Err(ConfigError::Backbone(word)),
        _ => Ok(()),
    }
}

impl OspfArea {
    fn become_kind(&mut self, kind: AreaKind) -> Result<(), ConfigError> {
        if !self.virtual_links.is_empty() {
            return Err(ConfigError::VirtualLinkArea);
        }
        if self.kind != kind {
            self.become_normal();
            self.kind = kind;
        }
        Ok(())
    }

    fn become_normal(&mut self) {
        self.kind = AreaKind::Normal;
        self.no_summary = false;
        self.translate = NssaTranslate::Candidate;
        self.suppress_fa = false;
        self.nssa_default = None;
        self.default_cost = None;
    }
}

fn set_nssa(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    let default = if a.has("default-information-originate") {
        Some(NssaDefault { metric: a.opt("metric")?, metric_type: metric_type(a)? })
    } else {
        None
    };
    area.become_kind(AreaKind::Nssa)?;
    area.no_summary |= a.has("no-summary");
    area.suppress_fa |= a.has("suppress-fa");
    area.nssa_default = default.or(area.nssa_default);
    for (word, translate) in [
        ("translate-candidate", NssaTranslate::Candidate),
        ("translate-never", NssaTranslate::Never),
        ("translate-always", NssaTranslate::Always),
    ] {
        if a.has(word) {
            area.translate = translate;
        }
    }
    DONE
}

/// Takes back the options that the line names; without one, the area is no NSSA any more.
fn unset_nssa(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    let default = a.has("default-information-originate");
    let (summary, address) = (a.has("no-summary"), a.has("suppress-fa"));
    let translate = ["translate-candidate", "translate-never", "translate-always"].iter().any(|w| a.has(w));
    if area.kind != AreaKind::Nssa {
        return DONE;
    }
    if !(default || summary || address || translate) {
        area.become_normal();
        return DONE;
    }
    if translate {
        area.translate = NssaTranslate::Candidate;
    }
    area.no_summary &= !summary;
    area.suppress_fa &= !address;
    area.nssa_default = area.nssa_default.filter(|_| !default);
    DONE
}

/// OSPFv3 takes back the kind of the area, whatever options the line names.
fn unset_nssa6(area: &mut OspfArea, _: &Args<'_>) -> Applied {
    if area.kind == AreaKind::Nssa {
        area.become_normal();
    }
    DONE
}

fn nssa_default_text(default: NssaDefault) -> String {
    format!(" default-information-originate{}", metric_text(default.metric, default.metric_type))
}

fn show_nssa(area: &OspfArea, o: &mut Lines) {
    if area.kind != AreaKind::Nssa {
        return;
    }
    o.line(match area.translate {
        NssaTranslate::Candidate => "nssa",
        NssaTranslate::Never => "nssa translate-never",
        NssaTranslate::Always => "nssa translate-always",
    });
    if area.no_summary {
        o.line("nssa no-summary");
    }
    if area.suppress_fa {
        o.line("nssa suppress-fa");
    }
    if let Some(default) = area.nssa_default {
        o.line(format_args!("nssa{}", nssa_default_text(default)));
    }
}

fn show_nssa6(area: &OspfArea, o: &mut Lines) {
    if area.kind == AreaKind::Nssa {
        let default = area.nssa_default.map(nssa_default_text).unwrap_or_default();
        o.line(format_args!("nssa{default}{}", if area.no_summary { " no-summary" } else { "" }));
    }
}

const STUB: Stmt<OspfArea> = stmt(
    "stub ~ [no-summary]",
    |area, a| {
        area.become_kind(AreaKind::Stub)?;
        area.no_summary = a.has("no-summary");
        DONE
    },
    |area, a| {
        match area.kind {
            AreaKind::Stub if a.has("no-summary") => area.no_summary = false,
            AreaKind::Stub => area.become_normal(),
            AreaKind::Normal | AreaKind::Nssa => {}
        }
        DONE
    },
    |area, o| match area.kind {
        AreaKind::Stub if area.no_summary => o.line("stub no-summary"),
        AreaKind::Stub => o.line("stub"),
        AreaKind::Normal | AreaKind::Nssa => {}
    },
);

const STUB6: Stmt<OspfArea> = stmt(
    STUB.syntax,
    STUB.set,
    |area, _| {
        if area.kind == AreaKind::Stub {
            area.become_normal();
        }
        DONE
    },
    STUB.show,
);

fn range(a: &Args<'_>) -> Result<AreaRange, ConfigError> {
    let substitute = if a.get("substitute").is_some() { Some(prefix(a, "substitute")?) } else { None };
    Ok(AreaRange { not_advertise: a.has("not-advertise"), cost: a.opt("cost")?, substitute })
}

fn set_range(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    area.ranges.insert(prefix(a, "p")?, range(a)?);
    DONE
}

fn unset_range(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    let prefix = prefix(a, "p")?;
    match area.ranges.get_mut(&prefix) {
        Some(range) if a.has("substitute") => range.substitute = None,
        _ => {
            area.ranges.remove(&prefix);
        }
    }
    DONE
}

fn range_text(range: AreaRange) -> String {
    let cost = range.cost.map(|n| format!(" cost {n}")).unwrap_or_default();
    let quiet = if range.not_advertise { " not-advertise" } else { "" };
    let substitute = range.substitute.map(|p| format!(" substitute {p}")).unwrap_or_default();
    format!("{cost}{quiet}{substitute}")
}

fn show_ranges(area: &OspfArea, o: &mut Lines) {
    for (prefix, range) in &area.ranges {
        o.line(format_args!("range {prefix}{}", range_text(*range)));
    }
}

fn set_nssa_range(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    area.nssa_ranges.insert(prefix(a, "p")?, range(a)?);
    DONE
}

fn unset_nssa_range(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    area.nssa_ranges.remove(&prefix(a, "p")?);
    DONE
}

fn show_nssa_ranges(area: &OspfArea, o: &mut Lines) {
    for (prefix, range) in &area.nssa_ranges {
        o.line(format_args!("nssa range {prefix}{}", range_text(*range)));
    }
}

macro_rules! list {
    ($word:literal, $field:ident) => {
        stmt(
            concat!($word, " ~ NAME@v"),
            |area, a| {
                area.$field = Some(a.name("v"));
                DONE
            },
            |area, _| {
                area.$field = None;
                DONE
            },
            |area, o| {
                if let Some(name) = &area.$field {
                    o.line(format_args!(concat!($word, " {}"), name));
                }
            },
        )
    };
}

const EXPORT: Stmt<OspfArea> = list!("export-list", export_list);
const IMPORT: Stmt<OspfArea> = list!("import-list", import_list);

const FILTER: Stmt<OspfArea> = stmt(
    "filter-list prefix NAME@v <in|out>",
    |area, a| {
        let lists = &mut area.filter_lists;
        let slot = if a.has("in") { &mut lists.inbound } else { &mut lists.outbound };
        *slot = Some(a.name("v"));
        DONE
    },
    |area, a| {
        let lists = &mut area.filter_lists;
        *(if a.has("in") { &mut lists.inbound } else { &mut lists.outbound }) = None;
        DONE
    },
    |area, o| {
        if let Some(name) = &area.filter_lists.inbound {
            o.line(format_args!("filter-list prefix {name} in"));
        }
        if let Some(name) = &area.filter_lists.outbound {
            o.line(format_args!("filter-list prefix {name} out"));
        }
    },
);

fn set_shortcut(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    area.shortcut = match (a.has("enable"), a.has("disable")) {
        (true, _) => Shortcut::Enable,
        (_, true) => Shortcut::Disable,
        _ => Shortcut::Default,
    };
    DONE
}

/// OSPFv2, without virtual links.
pub(crate) static AREA: &[Stmt<OspfArea>] = &[
    stmt(
        "authentication ~ [message-digest]",
        |area, a| {
            let digest = a.has("message-digest");
            area.authentication =
                Some(if digest { AreaAuthentication::MessageDigest } else { AreaAuthentication::Simple });
            DONE
        },
        |area, _| {
            area.authentication = None;
            DONE
        },
        |area, o| match area.authentication {
            None => {}
            Some(AreaAuthentication::Simple) => o.line("authentication"),
            Some(AreaAuthentication::MessageDigest) => o.line("authentication message-digest"),
        },
    ),
    stmt(
        "shortcut ~ <default|enable|disable>",
        set_shortcut,
        |area, _| {
            area.shortcut = Shortcut::Default;
            DONE
        },
        |area, o| match area.shortcut {
            Shortcut::Default => {}
            Shortcut::Enable => o.line("shortcut enable"),
            Shortcut::Disable => o.line("shortcut disable"),
        },
    ),
    STUB,
    stmt(
        "nssa ~ [{translate-candidate|translate-never|translate-always|no-summary|suppress-fa\
         |default-information-originate [{metric (0-16777214)@metric|metric-type (1-2)@type}]}]",
        set_nssa,
        unset_nssa,
        show_nssa,
    ),
    stmt(
        "default-cost ~ (0-16777215)@v",
        |area, a| {
            if area.kind == AreaKind::Normal {
                return Err(ConfigError::DefaultCost);
            }
            area.default_cost = Some(a.val("v")?).filter(|v| *v != 1);
            DONE
        },
        |area, _| {
            area.default_cost = None;
            DONE
        },
        |area, o| {
            if let Some(cost) = area.default_cost {
                o.line(format_args!("default-cost {cost}"));
            }
        },
    ),
    stmt(
        "range A.B.C.D/M@p ~ [{advertise|not-advertise|cost (0-16777215)@cost|substitute A.B.C.D/M@substitute}]",
        set_range,
        unset_range,
        show_ranges,
    ),
    stmt(
        "nssa range A.B.C.D/M@p ~ [<not-advertise|cost (0-16777215)@cost>]",
        set_nssa_range,
        unset_nssa_range,
        show_nssa_ranges,
    ),
    EXPORT,
    IMPORT,
    FILTER,
    flag!("flood-reduction", flood_reduction),
];

/// OSPFv3.
pub(crate) static AREA6: &[Stmt<OspfArea>] = &[
    stmt(
        "range X:X::X:X/M@p ~ [<advertise|not-advertise|cost (0-16777215)@cost>]",
        set_range,
        unset_range,
        show_ranges,
    ),
    FILTER,
    IMPORT,
    EXPORT,
    STUB6,
    stmt(
        "nssa ~ [{default-information-originate [{metric (0-16777214)@metric|metric-type (1-2)@type}]|no-summary}]",
        set_nssa,
        unset_nssa6,
        show_nssa6,
    ),
    stmt(
        "nssa range X:X::X:X/M@p ~ [<not-advertise|cost (0-16777215)@cost>]",
        set_nssa_range,
        unset_nssa_range,
        show_nssa_ranges,
    ),
];

/// A key as long as packets have room for; the rest is cut off, as FRR does.
pub(super) fn cut(text: String, longest: usize) -> Secret {
    let end = (0..=longest.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let mut text = text;
    text.truncate(end);
    Secret::new(text)
}

/// Octets of a password, and of a key of MD5 (RFC 2328 appendix D).
pub(super) const LONGEST_PASSWORD: usize = 8;
/// The same for digests.
pub(super) const LONGEST_DIGEST_KEY: usize = 16;

fn authentication(a: &Args<'_>) -> OspfAuthentication {
    match a.get("chain") {
        Some(chain) => OspfAuthentication::KeyChain(chain.to_owned()),
        None if a.has("null") => OspfAuthentication::Null,
        None if a.has("message-digest") => OspfAuthentication::MessageDigest,
        None => OspfAuthentication::Simple,
    }
}

/// `authentication ...` of a virtual link or an interface.
pub(super) fn authentication_of(a: &Args<'_>) -> OspfAuthentication {
    authentication(a)
}

/// The words behind `authentication`.
pub(super) fn authentication_text(authentication: &OspfAuthentication) -> String {
    match authentication {
        OspfAuthentication::Null => " null".to_owned(),
        OspfAuthentication::Simple => String::new(),
        OspfAuthentication::MessageDigest => " message-digest".to_owned(),
        OspfAuthentication::KeyChain(name) => format!(" key-chain {name}"),
    }
}

fn set_virtual_link(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    if area.kind != AreaKind::Normal {
        return Err(ConfigError::VirtualLinkArea);
    }
    let mut link = area.virtual_links.remove(&a.val("peer")?).unwrap_or_default();
    link.hello_interval = a.opt("hello")?.or(link.hello_interval).filter(|v| *v != 10);
    link.dead_interval = a.opt("dead")?.or(link.dead_interval).filter(|v| *v != 40);
    link.retransmit_interval = a.opt("retransmit")?.or(link.retransmit_interval).filter(|v| *v != 5);
    link.transmit_delay = a.opt("delay")?.or(link.transmit_delay).filter(|v| *v != 1);
    if a.has("authentication") {
        link.authentication = Some(authentication(a));
    }
    if let Some(key) = a.get("key") {
        link.key = Some(cut(key.to_owned(), LONGEST_PASSWORD));
    }
    if let Some(id) = a.opt("id")? {
        link.digest_keys.insert(id, cut(a.name("md5"), LONGEST_DIGEST_KEY));
    }
    area.virtual_links.insert(a.val("peer")?, link);
    DONE
}

fn unset_virtual_link(area: &mut OspfArea, a: &Args<'_>) -> Applied {
    const PARTS: [&str; 7] = [
        "hello-interval",
        "dead-interval",
        "retransmit-interval",
        "transmit-delay",
        "authentication",
        "authentication-key",
        "message-digest-key",
    ];
    let peer = a.val("peer")?;
    let parts: Vec<&str> = PARTS.into_iter().filter(|word| a.has(word)).collect();
    let Some(link) = area.virtual_links.get_mut(&peer) else { return DONE };
    for part in &parts {
        match *part {
            "hello-interval" => link.hello_interval = None,
            "dead-interval" => link.dead_interval = None,
            "retransmit-interval" => link.retransmit_interval = None,
            "transmit-delay" => link.transmit_delay = None,
            "authentication" => link.authentication = None,
            "authentication-key" => link.key = None,
            _ => {
                link.digest_keys.remove(&a.val("id")?);
            }
        }
    }
    if parts.is_empty() {
        area.virtual_links.remove(&peer);
    }
    DONE
}

fn show_virtual_links(area: &OspfArea, o: &mut Lines) {
    for (peer, link) in &area.virtual_links {
        o.line(format_args!("virtual-link {peer}{}", timers_text(link)));
        if let Some(authentication) = &link.authentication {
            o.line(format_args!("virtual-link {peer} authentication{}", authentication_text(authentication)));
        }
        if let Some(key) = &link.key {
            o.line(format_args!("virtual-link {peer} authentication-key {}", key.reveal()));
        }
        for (id, key) in &link.digest_keys {
            o.line(format_args!("virtual-link {peer} message-digest-key {id} md5 {}", key.reveal()));
        }
    }
}

/// All four timers when one differs from its default.
fn timers_text(link: &VirtualLink) -> String {
    let timers = (link.hello_interval, link.dead_interval, link.retransmit_interval, link.transmit_delay);
    if timers == (None, None, None, None) {
        return String::new();
    }
    let (hello, dead, retransmit, delay) = timers;
    format!(
        " hello-interval {} retransmit-interval {} transmit-delay {} dead-interval {}",
        hello.unwrap_or(10),
        retransmit.unwrap_or(5),
        delay.unwrap_or(1),
        dead.unwrap_or(40)
    )
}

/// Virtual links.
pub(crate) static VIRTUAL_LINKS: &[Stmt<OspfArea>] = &[stmt(
    "virtual-link A.B.C.D@peer ~ [{hello-interval (1-65535)@hello|dead-interval (1-65535)@dead\
     |retransmit-interval (1-65535)@retransmit|transmit-delay (1-65535)@delay\
     |authentication [<message-digest|null|key-chain NAME@chain>]|authentication-key KEY@key\
     |message-digest-key (1-255)@id ~ md5 KEY@md5}]",
    set_virtual_link,
    unset_virtual_link,
    show_virtual_links,
)];
