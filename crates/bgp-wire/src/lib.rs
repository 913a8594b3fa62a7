//! BGP-4 messages: bytes to typed views and back, with the error handling of RFC 7606.
//!
//! # Purpose
//! A codec that stands alone: it owns no socket, clock or thread, and keeps no state between messages but a
//! reusable [`Scratch`]. [`frame`] cuts a stream into messages; [`Open`], [`Update`], [`RouteRefresh`] and
//! [`NotificationError`] decode their bodies and encode whole messages with header.
//!
//! # Invariants
//! * No input panics; every read is bounded by a slice.
//! * Decoding an UPDATE allocates nothing once the scratch has grown; only a malformed message may.
//! * What an UPDATE's attribute errors cost is decided by one table ([`rules`]), collected over the whole message.
//!
//! # Example
//! ```
//! use ferr_bgp_wire::{Disposition, MAX_LEN, MessageType, PeerKind, Scratch, SessionContext, Update, frame};
//!
//! fn read(stream: &[u8]) -> Result<usize, ferr_bgp_wire::NotificationError> {
//!     let (ctx, mut scratch, mut rest, mut routes) =
//!         (SessionContext::new(PeerKind::Ebgp), Scratch::default(), stream, 0);
//!     while let Some(message) = frame(rest, MAX_LEN)? {
//!         rest = &rest[message.len..];
//!         if message.kind == MessageType::Update {
//!             let update = Update::decode(message.body, &ctx, &mut scratch)?;
//!             if update.disposition < Disposition::TreatAsWithdraw {
//!                 routes += update.announced.iter().count();
//!             }
//!         }
//!     }
//!     Ok(routes)
//! }
//! # assert_eq!(read(&ferr_bgp_wire::keepalive()), Ok(0));
//! ```
//!
//! RFC 4271, 2918, 4486, 4760, 5065, 5492, 6608, 6793, 7313, 7606, 7607, 7911, 8092, 8538, 8654, 8950, 9003, 9072,
//! 9234, 9494, 9687.
#![forbid(unsafe_code)]

mod as4;
mod canonical;
mod capability;
mod encode;
mod header;
mod nlri;
mod notification;
mod open;
mod refresh;
pub mod rules;
mod session;
mod update;

pub use canonical::{MalformedCanonical, decode_attributes_canonical, encode_attributes_canonical};
pub use capability::{AddPathFamily, Capability, ExtendedNexthopFamily, GracefulFamily, LongLivedFamily};
pub use encode::{
    EncodeError, EncodedAttributes, Push, UpdateWriter, encode_announcements, encode_end_of_rib,
    encode_withdrawals, next_hop_octets,
};
pub use header::{Frame, HEADER_LEN, MAX_LEN, MAX_LEN_EXTENDED, MessageType, frame, keepalive};
pub use nlri::{MalformedNlri, Nlri, Nlri4, Nlri4Iter, Nlri6, Nlri6Iter, NlriIter, PathId};
pub use notification::{NotificationError, code, subcode};
pub use open::Open;
pub use refresh::{RefreshSubtype, RouteRefresh};
pub use rules::Disposition;
pub use session::{DecodeClass, PeerKind, SessionContext};
pub use update::{AttrError, AttrErrorKind, AttributeKey, MpReach, MpUnreach, OtherFamily, Scratch, Update};
