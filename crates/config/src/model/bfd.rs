//! `bfd`: profiles, and sessions that the operator asks for.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::Secret;

/// The `bfd` block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bfd {
    /// `profile NAME`.
    pub profiles: BTreeMap<String, BfdParameters>,
    /// `peer ...`.
    pub peers: BTreeMap<BfdPeerKey, BfdPeer>,
    /// `log-session-changes`, of all sessions.
    pub log_session_changes: bool,
    /// `come-back ...`: how long a path stays unused after it came back. Our own statement, printed only as a part of everything.
    pub come_back: Option<ComeBack>,
    /// The block was entered, so that it is rendered although it is empty.
    pub present: bool,
}

/// `come-back delay N [maximum N]`. A session that goes down again soon has its delay doubled, up to the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComeBack {
    /// Milliseconds from up to use.
    pub delay_ms: u32,
    /// Most milliseconds, at least the delay; `None` leaves the choice to the daemon.
    pub max_ms: Option<u32>,
}

/// What tells configured sessions apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BfdPeerKey {
    /// VRF, `None` for the default one.
    pub vrf: Option<String>,
    /// The peer.
    pub remote: IpAddr,
    /// `multihop`.
    pub multihop: bool,
    /// `local-address A`.
    pub local: Option<IpAddr>,
    /// `interface I`.
    pub interface: Option<String>,
}

/// A configured session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BfdPeer {
    /// `profile NAME`: what is not set here comes from it.
    pub profile: Option<String>,
    /// `label W` (old).
    pub label: Option<String>,
    /// What is set here.
    pub parameters: BfdParameters,
}

impl BfdPeer {
    /// Its parameters without values that change nothing.
    pub(crate) fn telling(&self) -> BfdParameters {
        if self.profile.is_some() { self.parameters.clone() } else { self.parameters.without_defaults() }
    }
}

/// `echo receive-interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EchoReceive {
    /// `disabled`: the peer may send none.
    Disabled,
    /// Milliseconds.
    Interval(u32),
}

/// How packets prove where they come from (RFC 5880 section 6.7); the numbers of RFC 5880 section 4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum BfdAuthKind {
    /// `simple`: the password itself.
    Simple = 1,
    /// `keyed-md5`.
    KeyedMd5 = 2,
    /// `meticulous-keyed-md5`: every packet has a number of its own, so that none can be repeated.
    MeticulousMd5 = 3,
    /// `keyed-sha1`.
    KeyedSha1 = 4,
    /// `meticulous-keyed-sha1`.
    MeticulousSha1 = 5,
}

impl BfdAuthKind {
    const WORDS: [(&str, Self); 5] = [
        ("simple", Self::Simple),
        ("keyed-md5", Self::KeyedMd5),
        ("meticulous-keyed-md5", Self::MeticulousMd5),
        ("keyed-sha1", Self::KeyedSha1),
        ("meticulous-keyed-sha1", Self::MeticulousSha1),
    ];

    /// Most octets of a password (RFC 5880 sections 6.7.2 to 6.7.4).
    #[must_use]
    pub const fn longest_password(self) -> usize {
        match self {
            Self::Simple | Self::KeyedMd5 | Self::MeticulousMd5 => 16,
            Self::KeyedSha1 | Self::MeticulousSha1 => 20,
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, kind)| *kind)
    }
}

impl fmt::Display for BfdAuthKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, kind)| kind == self).map(|(word, _)| *word);
        f.write_str(word.unwrap_or_default())
    }
}

/// `authentication KIND key-id N password TEXT`: the key that signs, and is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BfdSigning {
    /// Of every key of the session.
    pub kind: BfdAuthKind,
    /// Number of the key.
    pub id: u8,
    /// The key.
    pub password: Secret,
}

/// Timers and flags of a session or profile; `None` is not set. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BfdParameters {
    /// `detect-multiplier`; 3.
    pub detect_multiplier: Option<u8>,
    /// `receive-interval`; 300.
    pub receive_interval: Option<u32>,
    /// `transmit-interval`; 300.
    pub transmit_interval: Option<u32>,
    /// `echo-mode`; off.
    pub echo_mode: Option<bool>,
    /// `echo transmit-interval`; 50.
    pub echo_transmit_interval: Option<u32>,
    /// `echo receive-interval`; 50.
    pub echo_receive_interval: Option<EchoReceive>,
    /// `echo unaffiliated`: echoes alone, to a peer that speaks no BFD (RFC 9747); off. Our own statement.
    pub echo_unaffiliated: bool,
    /// `passive-mode`; off.
    pub passive: Option<bool>,
    /// `minimum-ttl`, of multihop sessions; from the hop count.
    pub minimum_ttl: Option<u8>,
    /// `shutdown`; off.
    pub shutdown: Option<bool>,
    /// `log-session-changes`; off.
    pub log_session_changes: Option<bool>,
    /// `authentication KIND ...`; none. Our own statement, as the next.
    pub signing: Option<BfdSigning>,
    /// `authentication accept key-id N password TEXT`: further keys that the peer may sign with.
    pub accept: BTreeMap<u8, Secret>,
}

impl BfdParameters {
    /// What the words `detect-multiplier`, `receive-interval` and `transmit-interval` mean when they are not set.
    pub const DEFAULT_TIMERS: (u8, u32, u32) = (3, 300, 300);
    /// The same for `echo transmit-interval` and `echo receive-interval`.
    pub const DEFAULT_ECHO_INTERVAL: u32 = 50;

    /// Without values that say what the default is. Where a profile is below, they say something.
    #[must_use]
    pub fn without_defaults(&self) -> Self {
        let (multiplier, receive, transmit) = Self::DEFAULT_TIMERS;
        let echo = Self::DEFAULT_ECHO_INTERVAL;
        Self {
            detect_multiplier: self.detect_multiplier.filter(|v| *v != multiplier),
            receive_interval: self.receive_interval.filter(|v| *v != receive),
            transmit_interval: self.transmit_interval.filter(|v| *v != transmit),
            echo_transmit_interval: self.echo_transmit_interval.filter(|v| *v != echo),
            echo_receive_interval: self.echo_receive_interval.filter(|v| *v != EchoReceive::Interval(echo)),
            ..self.clone()
        }
    }

    /// Whether there is a statement of our own.
    pub fn has_own(&self) -> bool {
        self.signing.is_some() || !self.accept.is_empty() || self.echo_unaffiliated
    }

    /// What is set here, and else there. Keys that are accepted belong to the key that signs: with one of its own a session takes none
    /// from there, and without one it takes them all.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut accept = if self.signing.is_none() { other.accept.clone() } else { BTreeMap::new() };
        accept.extend(self.accept.clone());
        Self {
            detect_multiplier: self.detect_multiplier.or(other.detect_multiplier),
            receive_interval: self.receive_interval.or(other.receive_interval),
            transmit_interval: self.transmit_interval.or(other.transmit_interval),
            echo_mode: self.echo_mode.or(other.echo_mode),
            echo_transmit_interval: self.echo_transmit_interval.or(other.echo_transmit_interval),
            echo_receive_interval: self.echo_receive_interval.or(other.echo_receive_interval),
            echo_unaffiliated: self.echo_unaffiliated || other.echo_unaffiliated,
            passive: self.passive.or(other.passive),
            minimum_ttl: self.minimum_ttl.or(other.minimum_ttl),
            shutdown: self.shutdown.or(other.shutdown),
            log_session_changes: self.log_session_changes.or(other.log_session_changes),
            signing: self.signing.as_ref().or(other.signing.as_ref()).cloned(),
            accept,
        }
    }
}

/// `bfd [multi-hop [source A]] [profile P]` behind a static route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StaticBfd {
    /// `multi-hop`.
    pub multihop: bool,
    /// `source A`.
    pub source: Option<IpAddr>,
    /// `profile P`.
    pub profile: Option<String>,
}
