//! Packets and link state advertisements of OSPFv2 and OSPFv3.
//!
//! # Purpose
//! [`Packet::decode`] turns the payload of an IP packet of protocol 89 into a header and a view of what follows; the body is
//! decoded on demand, after [`Packet::verify_key`] or a check of the sum. [`Lsa`] is a view of one advertisement, [`Body`] what is
//! in it. [`PacketWriter`] and [`LsaWriter`] write both into buffers of the caller; [`seal_v2`], [`seal_v3`] and
//! [`seal_v3_trailer`] add what goes behind a packet and proves it. Both versions share all types that the two RFCs share.
//!
//! # Invariants
//! * Total: any input gives a view or an [`Error`], and nothing allocates but the making of a key.
//! * A view that exists is whole: its iterators cannot fail, and end with the octets that they were made from.
//! * Secrets are compared in constant time, wiped when dropped, and never printed.
//!
//! # Example
//! ```
//! use ferr_ospf_wire::{Packet, PacketBody, Version};
//!
//! fn neighbors(payload: &[u8]) -> Result<usize, ferr_ospf_wire::Error> {
//!     let packet = Packet::decode(Version::V2, payload)?;
//!     match packet.body()? {
//!         PacketBody::Hello(_, neighbors) => Ok(neighbors.len()),
//!         _ => Ok(0),
//!     }
//! }
//! # assert!(neighbors(&[]).is_err());
//! ```
//!
//! RFC 2328, 5340 (both versions), 1793 (DoNotAge), 3101 (NSSA), 3623 and 5187 (grace), 4222, 5250 (opaque), 5613 (LLS), 5709, 7474
//! and 7166 (authentication), 6549 (instances), 7770 (router information).
#![forbid(unsafe_code)]

mod auth;
mod body;
mod bytes;
mod checksum;
mod error;
mod flags;
mod header;
mod key;
mod lls;
mod lsa;
mod packet;
mod record;
mod seal;
mod tlv;
mod v2;
mod v3;
mod writer;

pub use auth::{Auth, AuthError, Trailer};
pub use body::Body;
pub use checksum::{fletcher, internet_checksum};
pub use error::{EncodeError, Error, Part};
pub use flags::{Capabilities, DbdFlags, ExtendedOptions, Options, PrefixOptions, RouterBits};
pub use header::{Age, LinkStateId, LsSequence, LsaHeader, LsaType, OpaqueType, Scope};
pub use key::{Algorithm, AuthKey, KeyError, KeyUse, Password};
pub use lls::{Lls, encode_lls};
pub use lsa::{Lsa, Lsas};
pub use packet::{Dbd, Hello, HelloLink, MAX_HEADER_LEN, Origin, Packet, PacketBody, PacketType, Version};
pub use record::{LsaRequest, Record, Records};
pub use seal::{AuthOut, seal_v2, seal_v3, seal_v3_trailer};
pub use tlv::{Grace, GraceReason, RouterInformation, Tlv, Tlvs, tlv_type};
pub use v2::{
    ExternalTos, ExternalV2, LinkType, LinkV2, LinksV2, NetworkV2, Opaque, RouterV2, SummaryV2, Tos,
};
pub use v3::{
    ExternalV3, InterAreaPrefix, InterAreaRouter, IntraAreaPrefix, LinkLsa, LinkV3, NetworkV3, PrefixV3,
    PrefixesV3, Referenced, RouterV3,
};
pub use writer::{LsaWriter, PacketWriter, UpdateWriter};

/// IP protocol number of OSPF.
pub const PROTOCOL: u8 = 89;

#[cfg(test)]
mod tests;
