//! Keys of OSPF: from passwords and key chains, whose lifetimes are civil time, to keys that are valid between two instants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{Local, TimeZone};
use ferr_config::model::Secret;
use ferr_config::model::keychain::{ChainKey, KeyAlgorithm, KeyChain, KeyLifetime};
use ferr_config::model::ospf::{
    AreaAuthentication, AreaId, Ospf6Authentication, OspfAuthentication, OspfInterface, VirtualLink,
};
use ferr_ospf::config::{AuthConfig, Key, Span};
use ferr_ospf::wire::{Algorithm, AuthKey, KeyUse, Password, Version};
use tracing::debug;

use super::Source;

#[cfg(test)]
mod tests;

/// The same moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    now: Instant,
    wall: SystemTime,
}

/// A step of the wall clock that is followed.
const STEP: Duration = Duration::from_secs(1);

impl Anchor {
    /// Now.
    pub(crate) fn now() -> Self {
        Self { now: Instant::now(), wall: SystemTime::now() }
    }

    /// The same, unless the wall clock was set since: equal configuration is to give equal keys.
    pub(crate) fn follow(self) -> Self {
        self.unless_set(Self::now())
    }

    /// Whether the wall clock was set since.
    pub(crate) fn is_off(self) -> bool {
        self.follow() != self
    }

    fn unless_set(self, new: Self) -> Self {
        let expected = self.wall + new.now.saturating_duration_since(self.now);
        let ahead = new.wall.duration_since(expected).unwrap_or_else(|behind| behind.duration());
        if ahead > STEP { new } else { self }
    }
}

/// Converts civil time.
pub(super) struct Clock(Anchor);

impl Clock {
    pub(super) const fn new(anchor: Anchor) -> Self {
        Self(anchor)
    }

    /// Seconds since 1970 of the local time zone; `None` is before all that is known of the monotonic clock.
    fn instant(&self, civil: i64) -> Option<Instant> {
        let local = chrono::DateTime::from_timestamp(civil, 0)?.naive_utc();
        let unix = Local.from_local_datetime(&local).earliest().map_or(civil, |t| t.timestamp());
        let wall = self.0.wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()) as i64;
        let away = Duration::from_secs(unix.abs_diff(wall));
        if unix >= wall { self.0.now.checked_add(away) } else { self.0.now.checked_sub(away) }
    }

    fn span(&self, lifetime: Option<&KeyLifetime>) -> Span {
        let Some(lifetime) = lifetime else { return Span::default() };
        // An end that the clock cannot express is long past.
        let until = lifetime.end_seconds().map(|end| self.instant(end + 1).unwrap_or(self.0.now));
        Span { from: self.instant(lifetime.start.seconds()), until }
    }
}

const fn algorithm(algorithm: KeyAlgorithm) -> Algorithm {
    match algorithm {
        KeyAlgorithm::Md5 => Algorithm::KeyedMd5,
        KeyAlgorithm::HmacSha1 => Algorithm::HmacSha1,
        KeyAlgorithm::HmacSha256 => Algorithm::HmacSha256,
        KeyAlgorithm::HmacSha384 => Algorithm::HmacSha384,
        KeyAlgorithm::HmacSha512 => Algorithm::HmacSha512,
    }
}

const fn purpose(version: Version) -> KeyUse {
    match version {
        Version::V2 => KeyUse::V2,
        Version::V3 => KeyUse::V3,
    }
}

/// The key, for each way in which it is used: FRR's trailers of OSPFv3 differ from those of others.
fn keys(
    version: Version,
    algorithm: Algorithm,
    id: u32,
    secret: &Secret,
) -> impl Iterator<Item = Arc<AuthKey>> {
    let swapped = (version == Version::V3).then_some(KeyUse::V3Swapped);
    [Some(purpose(version)), swapped].into_iter().flatten().filter_map(move |purpose| {
        let key = AuthKey::new(purpose, algorithm, id, secret.reveal().as_bytes());
        key.map(Arc::new).map_err(|error| debug!(target: "ospf", "key {id} is not used: {error}")).ok()
    })
}

/// A password; without one nothing passes.
fn password(secret: Option<&Secret>) -> AuthConfig {
    let password = secret.and_then(|s| Password::new(s.reveal().as_bytes()).ok());
    password.map_or_else(|| AuthConfig::Keys(Vec::new()), |p| AuthConfig::Simple(Arc::new(p)))
}

/// Keys of `message-digest-key`; without one nothing passes.
fn digest_keys<'a>(keys: impl IntoIterator<Item = (&'a u8, &'a Secret)>) -> AuthConfig {
    let valid = keys.into_iter().flat_map(|(id, secret)| {
        let keys = self::keys(Version::V2, Algorithm::KeyedMd5, u32::from(*id), secret);
        keys.map(|key| Key { key, send: Span::default(), accept: Span::default() })
    });
    AuthConfig::Keys(valid.collect())
}

impl Source<'_> {
    /// Keys of a chain; a chain that does not exist has none, and nothing passes.
    fn chain(&self, name: &str) -> AuthConfig {
        let none = BTreeMap::new();
        let keys = self.config.key_chains.get(name).map_or(&none, |KeyChain { keys }| keys);
        let valid = keys.iter().filter_map(|(id, k): (&u32, &ChainKey)| {
            let keys = self::keys(self.version, algorithm(k.algorithm?), *id, k.secret.as_ref()?);
            let (send, accept) = (self.clock.span(k.send.as_ref()), self.clock.span(k.accept.as_ref()));
            Some(keys.map(move |key| Key { key, send, accept }))
        });
        AuthConfig::Keys(valid.flatten().collect())
    }

    /// Authentication of an interface of OSPFv2: the address's own, the interface's, the area's.
    pub(super) fn auth_v2(
        &self,
        own: Option<&OspfInterface>,
        all: &OspfInterface,
        area: &AreaId,
    ) -> AuthConfig {
        let said = own.and_then(|o| o.authentication.as_ref()).or(all.authentication.as_ref());
        let of_area = self.area_auth(area);
        let secret = own.and_then(|o| o.key.as_ref()).or(all.key.as_ref());
        let keys = own.map(|o| &o.digest_keys).filter(|k| !k.is_empty()).unwrap_or(&all.digest_keys);
        match said.or(of_area.as_ref()) {
            None | Some(OspfAuthentication::Null) => AuthConfig::None,
            Some(OspfAuthentication::Simple) => password(secret),
            Some(OspfAuthentication::MessageDigest) => digest_keys(keys),
            Some(OspfAuthentication::KeyChain(name)) => self.chain(name),
        }
    }

    fn area_auth(&self, area: &AreaId) -> Option<OspfAuthentication> {
        Some(match self.instance.areas.get(area)?.authentication? {
            AreaAuthentication::Simple => OspfAuthentication::Simple,
            AreaAuthentication::MessageDigest => OspfAuthentication::MessageDigest,
        })
    }

    /// Authentication of a virtual link: its own, or the backbone's.
    pub(super) fn virtual_auth(&self, link: &VirtualLink) -> AuthConfig {
        let of_area = self.area_auth(&AreaId::BACKBONE);
        match link.authentication.as_ref().or(of_area.as_ref()) {
            None | Some(OspfAuthentication::Null) => AuthConfig::None,
            Some(OspfAuthentication::Simple) => password(link.key.as_ref()),
            Some(OspfAuthentication::MessageDigest) => digest_keys(&link.digest_keys),
            Some(OspfAuthentication::KeyChain(name)) => self.chain(name),
        }
    }

    /// Authentication of an interface of OSPFv3.
    pub(super) fn auth_v3(&self, said: Option<&Ospf6Authentication>) -> AuthConfig {
        match said {
            None => AuthConfig::None,
            Some(Ospf6Authentication::KeyChain(name)) => self.chain(name),
            Some(Ospf6Authentication::Key { id, algorithm: a, secret }) => {
                let keys = keys(Version::V3, algorithm(*a), u32::from(*id), secret);
                AuthConfig::Keys(
                    keys.map(|key| Key { key, send: Span::default(), accept: Span::default() }).collect(),
                )
            }
        }
    }
}
