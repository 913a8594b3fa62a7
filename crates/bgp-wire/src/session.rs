//! What a session negotiated, as far as it decides how messages are read and written.

use ferr_types::{Family, FamilySet};

use crate::capability::Capability;
use crate::header::{MAX_LEN, MAX_LEN_EXTENDED};
use crate::open::Open;

/// Relation to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerKind {
    /// Another AS.
    Ebgp,
    /// The same AS, or the same member AS of a confederation.
    Ibgp,
    /// Another member AS of the same confederation (RFC 5065).
    ConfedEbgp,
}

/// The facts of a session on which the meaning of path attributes depends, for caches keyed by raw bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeClass {
    /// AS numbers have 4 octets.
    pub as4: bool,
    /// Relation to the peer.
    pub kind: PeerKind,
}

/// Negotiated facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionContext {
    /// AS_PATH and AGGREGATOR carry 4-octet AS numbers (RFC 6793).
    pub as4: bool,
    /// Relation to the peer.
    pub kind: PeerKind,
    /// Families whose routes may be exchanged; NLRI of others is skipped.
    pub families: FamilySet,
    /// Families in which the peer sends path identifiers (RFC 7911).
    pub add_path_rx: FamilySet,
    /// Families in which we send path identifiers.
    pub add_path_tx: FamilySet,
    /// IPv4 families whose next hop may be IPv6 (RFC 8950).
    pub extended_nexthop: FamilySet,
    /// Largest message to send in octets, header included: 4096, or 65535 when both sides offer it (RFC 8654). What may be
    /// received depends on our own offer alone: [`Open::max_receive_len`].
    pub max_len: u16,
}

impl SessionContext {
    /// A session with IPv4 unicast, 4-octet AS numbers and nothing else.
    pub const fn new(kind: PeerKind) -> Self {
        Self {
            as4: true,
            kind,
            families: FamilySet::only(Family::Ipv4Unicast),
            add_path_rx: FamilySet::EMPTY,
            add_path_tx: FamilySet::EMPTY,
            extended_nexthop: FamilySet::EMPTY,
            max_len: MAX_LEN,
        }
    }

    /// What follows from both OPENs.
    pub fn negotiate(kind: PeerKind, local: &Open, remote: &Open) -> Self {
        let both = |f: fn(&Open) -> bool| f(local) && f(remote);
        let families = local.families().intersection(remote.families());
        Self {
            as4: both(|o| o.has(|c| matches!(c, Capability::FourOctetAs(_)))),
            kind,
            families,
            add_path_rx: local.add_path_receive().intersection(remote.add_path_send()).intersection(families),
            add_path_tx: local.add_path_send().intersection(remote.add_path_receive()).intersection(families),
            extended_nexthop: local.extended_nexthop().intersection(remote.extended_nexthop()),
            max_len: if both(|o| o.has(|c| matches!(c, Capability::ExtendedMessage))) {
                MAX_LEN_EXTENDED
            } else {
                MAX_LEN
            },
        }
    }

    /// Class of this session for caches of decoded attributes.
    pub const fn decode_class(&self) -> DecodeClass {
        DecodeClass { as4: self.as4, kind: self.kind }
    }
}
