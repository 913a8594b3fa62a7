//! Links that the configuration declares: made, adopted, repaired and removed; addresses, system settings and the MSS clamp.
//!
//! # Purpose
//! [`LinkManager`] holds a [`LinkPlan`] against what the kernel has. Events only wake it; what it does follows from a fresh look and the
//! plan alone ([`reconcile`]), so that the order in which things appear, vanish or are renamed leaves no trace.
//!
//! # Invariants
//! * A link of ours carries a mark in its alias. Only such links are deleted; physical and foreign links never are.
//! * What was changed on other links, and system settings, are written down before and put back when no longer wanted.

mod apply;
mod memory;
mod mtu;
mod nft;
mod observe;
mod observed;
mod op;
mod plan;
mod reconcile;
mod sysctls;

mod manager;

pub use manager::{LinkManager, LinkReport, LinkWaker, LinksReport};
pub use memory::{Memory, SavedSysctl, Touched};
pub use nft::MssRule;
pub use observed::{KindData, Observed, ObservedLink, Way};
pub use op::{LinkChange, LinkOp, NewLink};
pub use plan::{
    LinkPlan, MacvlanMode, MssClamp, Sysctl, Underlay, WantedAddress, WantedKind, WantedLink, WantedMaster,
    WantedVxlan,
};
pub use reconcile::{Lack, LinkState, Refusal, Round, reconcile};
pub use sysctls::SysctlState;
