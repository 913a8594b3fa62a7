//! Authentication of packets: which key, which sequence number, and what is believed.
//!
//! # Invariants
//! * Fails closed: an interface with authentication and without a valid key neither sends nor accepts.
//! * Sequence numbers never go back in one life; the boot count keeps those of different lives apart.
//!
//! RFC 2328 appendix D, RFC 5709, RFC 7474, RFC 7166.

use std::net::IpAddr;
use std::time::Instant;

use ferr_ospf_wire::{
    AuthKey, AuthOut, KeyUse, Packet, PacketType, Version, seal_v2, seal_v3, seal_v3_trailer,
};

use crate::config::{AuthConfig, Key};
use crate::io::Refusal;

/// Octets behind a packet at most.
const MAX_OVERHEAD: usize = 96;

impl AuthConfig {
    /// Octets behind a packet at most.
    pub(crate) fn overhead(&self) -> usize {
        match self {
            Self::None | Self::Simple(_) => 0,
            Self::Keys(keys) => keys.iter().map(|key| key.key.overhead()).max().unwrap_or(0),
        }
    }

    /// OSPFv3: packets have a trailer.
    pub(crate) const fn has_trailer(&self) -> bool {
        matches!(self, Self::Keys(_))
    }

    /// The key that packets are sealed with; `swapped` for those who make trailers as FRR does.
    fn send_key(&self, now: Instant, swapped: bool) -> Option<&AuthKey> {
        let Self::Keys(keys) = self else { return None };
        let kind = |key: &&Key| (key.key.purpose() == KeyUse::V3Swapped) == swapped;
        let valid = keys.iter().filter(kind).filter(|key| key.send.contains(now));
        valid.max_by_key(|key| (key.send.from, key.key.id())).map(|key| &*key.key)
    }

    fn accepted(&self, now: Instant) -> impl Iterator<Item = &Key> {
        let keys: &[Key] = match self {
            Self::Keys(keys) => keys,
            _ => &[],
        };
        keys.iter().filter(move |key| key.accept.contains(now))
    }
}

/// What the authentication of a packet says of its freshness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Nothing.
    Unknown,
    /// At least as large as the last one (type 2).
    NotLess(u64),
    /// Larger than the last one of its packet type.
    Larger(u64),
}

/// Last sequence numbers of a neighbor.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LastSequences {
    any: Option<u64>,
    by_type: [Option<u64>; 6],
}

impl LastSequences {
    /// Whether the packet is no replay; then it counts.
    pub(crate) fn admit(&mut self, kind: PacketType, freshness: Freshness) -> Result<(), Refusal> {
        match freshness {
            Freshness::Unknown => Ok(()),
            Freshness::NotLess(sequence) if self.any.is_some_and(|last| sequence < last) => {
                Err(Refusal::Replay)
            }
            Freshness::NotLess(sequence) => {
                self.any = Some(sequence);
                Ok(())
            }
            Freshness::Larger(sequence) => {
                let Some(last) = self.by_type.get_mut(kind as usize) else { return Err(Refusal::Replay) };
                if last.is_some_and(|last| sequence <= last) {
                    return Err(Refusal::Replay);
                }
                *last = Some(sequence);
                Ok(())
            }
        }
    }
}

/// Own sequence numbers.
#[derive(Debug)]
pub(crate) struct Sequence {
    boot: u32,
    next: u32,
    started: Instant,
    mark: Option<u32>,
}

impl Sequence {
    pub(crate) const fn new(boot: u32, now: Instant) -> Self {
        Self { boot, next: 0, started: now, mark: None }
    }

    /// 64 bits: the boot count, and the packets of this life.
    const fn extended(&mut self) -> u64 {
        if self.next == u32::MAX {
            self.boot = self.boot.saturating_add(1);
            self.mark = Some(self.boot);
            self.next = 0;
        }
        self.next += 1;
        (self.boot as u64) << 32 | self.next as u64
    }

    /// 32 bits: seconds on top of the boot count, which grows over lives when that is taken from the clock.
    fn plain(&self, now: Instant) -> u64 {
        let seconds = now.saturating_duration_since(self.started).as_secs() as u32;
        self.boot.saturating_add(seconds).into()
    }

    /// A boot count that has to be kept.
    pub(crate) const fn take_mark(&mut self) -> Option<u32> {
        self.mark.take()
    }

    /// The packet as it is sent; `None` when it must not be.
    pub(crate) fn seal(
        &mut self,
        auth: &AuthConfig,
        packet: &[u8],
        source: IpAddr,
        destination: IpAddr,
        (now, swapped): (Instant, bool),
    ) -> Option<Vec<u8>> {
        let mut buf = vec![0; packet.len() + MAX_OVERHEAD];
        buf.get_mut(..packet.len())?.copy_from_slice(packet);
        let len = match (source, destination) {
            (IpAddr::V4(source), _) => {
                let out = match auth {
                    AuthConfig::None => AuthOut::Null,
                    AuthConfig::Simple(password) => AuthOut::Password(password),
                    AuthConfig::Keys(_) => {
                        let key = auth.send_key(now, false)?;
                        let sequence = match key.purpose() {
                            KeyUse::V2 => self.plain(now),
                            _ => self.extended(),
                        };
                        AuthOut::Key { key, sequence, source }
                    }
                };
                seal_v2(&mut buf, packet.len(), &[], &out)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => match auth {
                AuthConfig::None => seal_v3(&mut buf, packet.len(), &[], source, destination),
                AuthConfig::Simple(_) => return None,
                AuthConfig::Keys(_) => {
                    let key = auth.send_key(now, swapped)?;
                    seal_v3_trailer(&mut buf, packet.len(), &[], key, self.extended(), source)
                }
            },
            _ => return None,
        };
        buf.truncate(len.ok()?);
        Some(buf)
    }
}

/// What is known of a packet that is authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) freshness: Freshness,
    /// Its trailer was made as FRR makes it.
    pub(crate) swapped: bool,
}

/// Whether a packet is authentic.
pub(crate) fn verify(
    auth: &AuthConfig,
    packet: &Packet<'_>,
    source: IpAddr,
    destination: IpAddr,
    now: Instant,
) -> Result<Proof, Refusal> {
    let checked = |result: Result<(), ferr_ospf_wire::AuthError>| match result {
        Ok(()) => Ok(Proof { freshness: Freshness::Unknown, swapped: false }),
        Err(ferr_ospf_wire::AuthError::Checksum) => Err(Refusal::Checksum),
        Err(_) => Err(Refusal::Authentication),
    };
    match (auth, packet.origin.version, source, destination) {
        (AuthConfig::None, Version::V2, _, _) => checked(packet.verify_null()),
        (AuthConfig::None, Version::V3, IpAddr::V6(source), IpAddr::V6(destination)) => {
            checked(packet.verify_checksum(source, destination))
        }
        (AuthConfig::Simple(password), Version::V2, _, _) => checked(packet.verify_password(password)),
        (AuthConfig::Keys(_), _, _, _) => {
            for key in auth.accepted(now) {
                if let Ok(sequence) = packet.verify_key(&key.key, source) {
                    let freshness = match key.key.purpose() {
                        KeyUse::V2 => Freshness::NotLess(sequence),
                        _ => Freshness::Larger(sequence),
                    };
                    return Ok(Proof { freshness, swapped: key.key.purpose() == KeyUse::V3Swapped });
                }
            }
            Err(Refusal::Authentication)
        }
        _ => Err(Refusal::Authentication),
    }
}
