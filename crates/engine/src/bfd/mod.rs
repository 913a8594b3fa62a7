//! BFD in the daemon: a thread that speaks it, a failover that acts on it, and a task that keeps both in line with the configuration.
//!
//! ```text
//!   configuration -> task --commands--> BFD thread --cells--> failover --> kernel
//!                      ^                    |                     |
//!                      +------notices-------+      RIB, task <----+ (and the task tells BGP)
//! ```
//! The way from a missed packet to the kernel crosses no queue that anything else uses.

mod come_back;
mod echo;
mod failover;
mod guards;
mod sessions;
mod thread;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use ferr_bfd::{AddError, Event, SessionConfig, SessionKey, SessionView, SpeakerView};
use ferr_rib::{GuardId, GuardedGateway};
use ferr_state::{BfdClient, HopReason};
use ferr_types::{IfIndex, VrfId};
use tokio::sync::oneshot;

pub(crate) use come_back::{ComeBack, Damping};
pub(crate) use failover::{Failover, PlanCell};
pub(crate) use sessions::{BfdClients, BfdMessage, BfdTaskPorts, start};

/// Most sessions. Their memory is reserved at the start, and becomes real as they are made.
pub(crate) const CAPACITY: usize = 1 << 14;

/// A session as configuration and surroundings want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) key: SessionKey,
    pub(crate) config: SessionConfig,
    /// Interface or VRF device of its socket.
    pub(crate) device: Option<Arc<str>>,
    pub(crate) clients: Vec<BfdClient>,
    pub(crate) profile: Option<String>,
    pub(crate) reason: HopReason,
    /// What it guards.
    pub(crate) gateway: GuardedGateway,
    /// A failure that the peer's control plane shares moves nothing: all who use the session survive its restart.
    pub(crate) lenient: bool,
}

/// VRFs of interfaces; those of the default one are left out.
type Places = HashMap<IfIndex, VrfId>;

/// What the BFD thread is asked for.
#[derive(Debug)]
enum Command {
    /// These VRFs have sessions; each with its device, none for the default one.
    Listen(Vec<(VrfId, Option<Arc<str>>)>),
    /// Interfaces that are not in the default VRF.
    Places(Places),
    /// Make or change a session.
    Set(Box<Wanted>),
    /// End it.
    Remove(GuardId),
    /// Counters to zero.
    ClearCounters(GuardId),
    /// Pictures of these, with the time since their last change.
    View(Vec<GuardId>, oneshot::Sender<Vec<(GuardId, (SessionView, Duration))>>),
    /// All together.
    Totals(oneshot::Sender<SpeakerView>),
}

/// A session for the BFD thread.
#[derive(Debug)]
struct Wanted {
    guard: GuardId,
    key: SessionKey,
    config: SessionConfig,
    device: Option<Arc<str>>,
    lenient: bool,
}

/// What the BFD thread tells people.
#[derive(Debug)]
enum Notice {
    Event(GuardId, Event),
    CannotListen { vrf: VrfId, port: u16, error: ErrorKind },
    CannotEcho(ErrorKind),
    Refused { guard: GuardId, error: AddError },
}
