//! Why a BFD session is as it is, decided from what is known of it alone.
//!
//! Invariant: the first cause that explains the state is named. Counters of unused packets count as a cause only while nothing that is
//! used arrives: they may be old.

use std::net::IpAddr;
use std::time::Duration;

use ferr_config::model::bgp::{BgpInstance, InstanceName};
use ferr_config::model::neighbor::NeighborKey;
use ferr_config::{Config, effective_neighbor};
use ferr_state::BfdPeerView;
use ferr_state::ferr_bfd::{Cause, Diag, DownReason, Drops, EchoMode, Event, HopMode, State};

/// A peer that is not up sends at least once in a second; some jitter and a lost packet or two are normal.
const PATIENCE: Duration = Duration::from_secs(4);
/// Downs within this time are those of a session that is not steady.
const LATELY: Duration = Duration::from_secs(3600);

/// What explains the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Up, and nothing to complain about.
    Fine,
    /// Up, and often lost.
    Unsteady,
    /// Up, and the peer takes no echoes.
    EchoRefused,
    EchoFailed,
    ShutDownHere,
    ShutDownThere,
    NoRoute,
    NoSource,
    CannotSend,
    WrongHopMode,
    WrongVrf,
    Authentication,
    Ttl,
    Malformed,
    Discriminator,
    /// We hear the peer, it does not hear us.
    PeerDeaf,
    /// The peer stopped sending.
    Lost,
    /// We wait, and so does the peer.
    Passive,
    /// The peer never sent anything.
    Silent,
    NeighborWithoutBfd,
    NeighborShutDown,
    NotMade,
    NotConfigured,
}

impl Finding {
    /// Name for programs.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Unsteady => "unsteady",
            Self::EchoRefused => "echo-refused",
            Self::EchoFailed => "echo-failed",
            Self::ShutDownHere => "shut-down-here",
            Self::ShutDownThere => "shut-down-there",
            Self::NoRoute => "no-route",
            Self::NoSource => "no-source-address",
            Self::CannotSend => "cannot-send",
            Self::WrongHopMode => "wrong-hop-mode",
            Self::WrongVrf => "wrong-vrf",
            Self::Authentication => "authentication",
            Self::Ttl => "ttl",
            Self::Malformed => "malformed",
            Self::Discriminator => "discriminator",
            Self::PeerDeaf => "peer-does-not-hear",
            Self::Lost => "lost",
            Self::Passive => "passive-on-both-sides",
            Self::Silent => "silent",
            Self::NeighborWithoutBfd => "neighbor-without-bfd",
            Self::NeighborShutDown => "neighbor-shut-down",
            Self::NotMade => "no-session",
            Self::NotConfigured => "not-configured",
        }
    }
}

/// A cause in words, and what to do about it, most likely first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) finding: Finding,
    pub(super) what: String,
    pub(super) fixes: Vec<String>,
}

impl Diagnosis {
    fn new<const N: usize>(finding: Finding, what: impl Into<String>, fixes: [&str; N]) -> Self {
        Self { finding, what: what.into(), fixes: fixes.map(str::to_owned).to_vec() }
    }
}

/// What the session itself does not know.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around {
    /// Whether a route leads to the peer; `None` is not known.
    pub(super) route: Option<bool>,
    /// Packets not used, of all sessions and of none.
    pub(super) drops: Drops,
}

const fn port(hop: HopMode) -> u16 {
    hop.port()
}

const fn hops(hop: HopMode) -> &'static str {
    match hop {
        HopMode::Single => "single hop",
        HopMode::Multi => "multihop",
    }
}

/// Time since a packet that was used; `None` when there was none.
fn quiet(view: &BfdPeerView) -> Option<Duration> {
    let now = view.session.since + view.age;
    view.session.heard.map(|heard| now.saturating_since(heard))
}

/// The cause of a session's state.
pub(super) fn diagnose(view: &BfdPeerView, around: Around) -> Diagnosis {
    let hearing = quiet(view).is_some_and(|t| t <= PATIENCE + view.session.detection_time);
    let first = match view.session.state {
        State::AdminDown => Some(shut_down_here(view)),
        State::Up => Some(up(view)),
        State::Down | State::Init => held_down(view),
    };
    let first = first.or_else(|| unsendable(view, around));
    let first = first.or_else(|| if hearing { Some(heard(view)) } else { unused(view) });
    first.or_else(|| nameless(view, &around.drops)).unwrap_or_else(|| silent(view, &around.drops))
}

fn shut_down_here(view: &BfdPeerView) -> Diagnosis {
    let both = if view.session.remote_state == State::AdminDown { ", and so it is at the peer" } else { "" };
    let profile = view.profile.as_ref().map(|p| format!(" (profile {p} may say so)")).unwrap_or_default();
    let what = format!("the session is shut down here{profile}{both}");
    Diagnosis::new(Finding::ShutDownHere, what, ["`no shutdown` under its peer or profile in `bfd`"])
}

/// Downs of late, and the reason of the last one.
fn downs(view: &BfdPeerView) -> (usize, Option<DownReason>) {
    let late = view.events.iter().filter(|(age, _)| *age <= LATELY);
    let reasons =
        late.filter_map(|(_, e)| if let Event::Down { reason, .. } = e { Some(*reason) } else { None });
    let reasons: Vec<DownReason> = reasons.collect();
    (reasons.len(), reasons.last().copied())
}

fn up(view: &BfdPeerView) -> Diagnosis {
    let session = &view.session;
    let (count, last) = downs(view);
    match last {
        Some(DownReason::EchoFailed) => return echo_failed(),
        Some(DownReason::DetectionTimeExpired) if count > 1 => {
            let what = format!(
                "it is up, and was lost {count} times within an hour: no packet for {} ms, while the peer promises one every {} ms",
                session.detection_time.as_millis(),
                session.remote.transmit.max(session.configured.receive).as_millis(),
            );
            return Diagnosis::new(
                Finding::Unsteady,
                what,
                [
                    "the path loses packets: look at the interface's and the tunnel's counters",
                    "a larger `detect-multiplier` at the peer, or longer intervals on both sides (RouterOS: 200 ms x 5)",
                    "a peer that does not adapt its interval to ours (GoBGP, RustyBGP): set `receive-interval` here to what it sends",
                ],
            );
        }
        _ => {}
    }
    if matches!(session.echo, EchoMode::On { .. }) && session.remote.echo_receive.is_zero() {
        return Diagnosis::new(
            Finding::EchoRefused,
            "it is up; echo-mode has no effect, because the peer takes no echo packets (RouterOS has none)",
            ["`no echo-mode`, with a shorter `receive-interval` in its place"],
        );
    }
    let what = format!(
        "it is up, {} ({}); a loss is noticed within {} ms",
        hops(session.key.hop),
        view.reason.text(),
        session.detection_time.as_millis()
    );
    Diagnosis::new(Finding::Fine, what, [])
}

/// The echoes were lost a short time ago.
fn held_down(view: &BfdPeerView) -> Option<Diagnosis> {
    let now = view.session.since + view.age;
    let rest = view.session.held_until?.saturating_since(now);
    (!rest.is_zero()).then(|| {
        let mut diagnosis = echo_failed();
        diagnosis.what = format!(
            "{}; the session is held down for another {} s",
            diagnosis.what,
            rest.as_millis().div_ceil(1000)
        );
        diagnosis
    })
}

fn echo_failed() -> Diagnosis {
    Diagnosis::new(
        Finding::EchoFailed,
        "control packets arrive, but our echo packets do not come back",
        [
            "`no echo-mode`: the peer does not return them (RouterOS has no echo)",
            "let the peer forward IPv4: its kernel returns echoes by forwarding them (FRR on Linux: `sysctl net.ipv4.ip_forward=1`)",
            "permit UDP 3785 in both directions, and redirects of our own address, in the peer's firewall (uRPF drops them)",
        ],
    )
}

/// Nothing of ours can reach the peer.
fn unsendable(view: &BfdPeerView, around: Around) -> Option<Diagnosis> {
    let session = &view.session;
    let (remote, vrf) = (view.name.remote, &view.name.vrf);
    if around.route == Some(false) {
        let what = format!("no route leads to {remote} in vrf {vrf}");
        let fixes =
            ["give the peer's address a route, or the interface towards it an address of the same network"];
        return Some(Diagnosis::new(Finding::NoRoute, what, fixes));
    }
    let left = session.counters.control_out.saturating_sub(session.counters.send_failures);
    let waits = session.passive || view.age < PATIENCE;
    if left > 0 || waits || session.heard.is_some() {
        return None;
    }
    if session.local.is_none() {
        return Some(Diagnosis::new(
            Finding::NoSource,
            "there is no source address for its packets, so none was sent",
            [
                "give the interface of `update-source` an address of the peer's family, in the session's vrf",
                "or name an address: `update-source ADDRESS`, `local-address ADDRESS`",
            ],
        ));
    }
    let what = format!("none of its packets to {remote} could be sent");
    let fixes =
        ["the interface must be up and own the source address", "look for output rules of a firewall"];
    Some(Diagnosis::new(Finding::CannotSend, what, fixes))
}

/// Packets arrive and are used, and the session is not up.
fn heard(view: &BfdPeerView) -> Diagnosis {
    let session = &view.session;
    if session.remote_state == State::AdminDown {
        return Diagnosis::new(
            Finding::ShutDownThere,
            "the peer says that the session is shut down there",
            ["enable it at the peer (FRR: `no shutdown` under its `bfd` peer)"],
        );
    }
    if session.diag == Diag::ECHO_FAILED {
        return echo_failed();
    }
    let what = format!(
        "we hear the peer, but it does not hear us: it stays {} (its diagnostic: {})",
        session.remote_state, session.remote_diag
    );
    let ports = format!("permit UDP {} from our address in the peer's firewall", port(session.key.hop));
    let ttl = match session.key.hop {
        HopMode::Single => "the peer must see TTL 255: nothing that forwards may be between us".to_owned(),
        HopMode::Multi => "let the peer's minimum TTL fit the number of hops (FRR: `minimum-ttl`)".to_owned(),
    };
    let address = match session.local {
        Some(local) => format!("the peer's session must be with {local}, from which we send"),
        None => "the peer's session must be with the address from which we send".to_owned(),
    };
    Diagnosis { finding: Finding::PeerDeaf, what, fixes: vec![ports, address, ttl] }
}

/// Packets arrive and none can be used.
fn unused(view: &BfdPeerView) -> Option<Diagnosis> {
    let session = &view.session;
    let of = |cause| session.counters.drops.of(cause);
    let told = view.events.iter().any(|(_, e)| matches!(e, Event::WrongHopMode { .. }));
    if told || of(Cause::HopMode) > 0 {
        return Some(wrong_hop_mode(view));
    }
    if of(Cause::Vrf) > 0 {
        return Some(Diagnosis::new(
            Finding::WrongVrf,
            format!("its packets arrive, but in another vrf than {}", view.name.vrf),
            [
                "put the interface towards the peer into this vrf, or the neighbor into the interface's vrf",
                "RouterOS: the entry of /routing/bfd/configuration needs vrf=",
            ],
        ));
    }
    authentication(view).or_else(|| ttl(view))
}

fn wrong_hop_mode(view: &BfdPeerView) -> Diagnosis {
    let ours = view.session.key.hop;
    let theirs = if ours == HopMode::Single { HopMode::Multi } else { HopMode::Single };
    let what = format!(
        "peer speaks {}, we speak {}: it takes us for {}, and we it for {} ({})",
        port(theirs),
        port(ours),
        hops(theirs),
        hops(ours),
        view.reason.text()
    );
    let fixes = match ours {
        HopMode::Single => [
            "make it multihop here: `neighbor X ebgp-multihop N`, or `peer X multihop local-address A` under `bfd`",
            "or make it single hop at the peer: no ebgp-multihop (RouterOS: multihop=no), and the address of the shared link",
        ],
        HopMode::Multi => [
            "make it single hop here: `no neighbor X ebgp-multihop`, and the address of the shared link",
            "or make it multihop at the peer (RouterOS: multihop=yes)",
        ],
    };
    Diagnosis::new(Finding::WrongHopMode, what, fixes)
}

fn authentication(view: &BfdPeerView) -> Option<Diagnosis> {
    let of = |cause| view.session.counters.drops.of(cause);
    let what = match () {
        () if of(Cause::AuthMissing) > 0 => {
            "we want authentication, the peer uses none (RouterOS and FRR have none)"
        }
        () if of(Cause::AuthUnexpected) > 0 => "the peer uses authentication, we do not",
        () if of(Cause::AuthSequence) > 0 => {
            "authentic packets arrive again or out of sequence: a replay, or a peer that restarted"
        }
        () if of(Cause::Auth) > 0 => "the peer's authentication does not fit: type, key number or key differ",
        () => return None,
    };
    Some(Diagnosis::new(
        Finding::Authentication,
        what,
        ["the same authentication type, key number and key on both sides"],
    ))
}

fn ttl(view: &BfdPeerView) -> Option<Diagnosis> {
    if view.session.counters.drops.of(Cause::Ttl) == 0 {
        return None;
    }
    let least = view.session.minimum_ttl;
    let fixes = match view.session.key.hop {
        HopMode::Single => [
            "the peer is behind a router: make the session multihop on both sides",
            "or the peer does not send with TTL 255 (RFC 5881): an old or other speaker",
        ],
        HopMode::Multi => [
            "a smaller `minimum-ttl` under its peer or profile: 255 less the number of routers between",
            "or the real number of hops in `ebgp-multihop`, from which it follows",
        ],
    };
    let what = format!("its packets arrive with a TTL below {least}, the least that is accepted");
    Some(Diagnosis::new(Finding::Ttl, what, fixes))
}

/// Packets arrive of which it is not known whose they are, while this session hears none.
fn nameless(view: &BfdPeerView, drops: &Drops) -> Option<Diagnosis> {
    const FORMAT: [Cause; 7] = [
        Cause::Truncated,
        Cause::Version,
        Cause::LengthTooSmall,
        Cause::LengthBeyondPayload,
        Cause::DetectMult,
        Cause::Multipoint,
        Cause::MyDiscriminator,
    ];
    if view.session.heard.is_some()
        && drops.of(Cause::UnknownDiscriminator) + drops.of(Cause::YourDiscriminator) > 0
    {
        return Some(Diagnosis::new(
            Finding::Discriminator,
            "packets arrive for a session that we do not have any more: a peer that did not notice a restart",
            ["make the peer start the session anew (FRR: `shutdown`, then `no shutdown`)"],
        ));
    }
    let found = FORMAT.into_iter().find(|c| drops.of(*c) > 0)?;
    let what =
        format!("it is silent, and packets arrive that break RFC 5880 ({})", super::json::drop_key(found));
    let fix = "capture them (`tcpdump udp port 3784 or 4784`): if they are the peer's, its maker should know";
    Some(Diagnosis::new(Finding::Malformed, what, [fix]))
}

/// Nothing arrives.
fn silent(view: &BfdPeerView, drops: &Drops) -> Diagnosis {
    let session = &view.session;
    let port = port(session.key.hop);
    if let Some(quiet) = quiet(view) {
        let what = format!("nothing has arrived for {} s; before that the peer was heard", quiet.as_secs());
        let fixes = [
            "the path or the peer is down: ping it from the session's source address",
            "a tunnel may be up while its other end is gone: look at its last handshake",
        ];
        return Diagnosis::new(Finding::Lost, what, fixes);
    }
    if session.passive {
        return Diagnosis::new(
            Finding::Passive,
            "we wait for the peer to speak first, and it never did: it may be passive, too",
            ["`no passive-mode` on one side"],
        );
    }
    let what = format!("the peer has never sent anything to UDP {port}, or it does not arrive");
    let permit = format!(
        "permit UDP {port} from {} in the input rules here and at the peer, also on tunnels",
        view.name.remote
    );
    let mut fixes = vec![
        "give the peer a session: RouterOS 7 makes none without an entry in /routing/bfd/configuration that matches (with vrf=), \
         and holds BGP down meanwhile"
            .to_owned(),
        permit,
        "if the peer's session is with another address of ours: use that one (`update-source`, `local-address`)".to_owned(),
    ];
    let strangers = drops.of(Cause::NoSession);
    if strangers > 0 {
        let text = format!(
            "{strangers} packets came from or to addresses of no session: the peer may use another address than {}",
            view.name.remote
        );
        fixes.insert(0, text);
    }
    Diagnosis { finding: Finding::Silent, what, fixes }
}

/// Why there is no session with `remote`, in `vrf` or anywhere.
pub(super) fn absent(config: &Config, vrf: Option<&str>, remote: IpAddr) -> Diagnosis {
    let of_instance = |(name, b): (&InstanceName, &BgpInstance)| {
        let here = match name {
            InstanceName::Default => "default",
            InstanceName::Vrf(name) => name,
            InstanceName::View(_) => return None,
        };
        if vrf.is_some_and(|v| v != here) {
            return None;
        }
        effective_neighbor(b, &NeighborKey::Address(remote))
    };
    let neighbor = config.bgp.iter().find_map(of_instance);
    if let Some(n) = neighbor {
        let watched = n.settings.bfd.is_some();
        return match () {
            () if !watched => Diagnosis::new(
                Finding::NeighborWithoutBfd,
                "the neighbor does not use BFD",
                ["`neighbor X bfd`, and a session at the peer"],
            ),
            () if !n.enabled => Diagnosis::new(
                Finding::NeighborShutDown,
                "the neighbor is shut down, and has no BFD session meanwhile",
                ["`no neighbor X shutdown`"],
            ),
            () => not_made(),
        };
    }
    let wanted = |v: &Option<String>| vrf.is_none_or(|name| name == v.as_deref().unwrap_or("default"));
    if config.bfd.peers.keys().any(|key| key.remote == remote && wanted(&key.vrf)) {
        return not_made();
    }
    Diagnosis::new(
        Finding::NotConfigured,
        "nothing asks for a session with this address",
        [
            "`neighbor X bfd` in its `router bgp`, or `peer X` under `bfd`",
            "the session may be in another vrf: leave `vrf` out",
        ],
    )
}

fn not_made() -> Diagnosis {
    Diagnosis::new(
        Finding::NotMade,
        "it is configured, and cannot be made yet",
        [
            "its vrf and interface must exist, and the interface of `update-source` must have an address of the peer's family",
            "a route must lead to the peer, so that it is known whether it is one hop away",
        ],
    )
}

#[cfg(test)]
mod tests;
