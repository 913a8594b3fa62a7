//! Handlers of the commands that print.

pub(crate) mod bfd;
pub(crate) mod bgp;
mod common;
mod lists;
mod ospf;
mod ospf6;
mod running;
pub(crate) mod zebra;

use std::time::{Duration, Instant, SystemTime};

use ferr_state::Handle;

use crate::command::{Action, Empty};
use crate::door::Daemon;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status};
use crate::pattern::Args;
use crate::server::Shared;

/// What a handler works with.
pub(crate) struct Ctx<'a> {
    /// Of all sessions.
    pub(crate) shared: &'a Shared,
    /// The socket.
    pub(crate) door: Daemon,
    /// Number of the instance whose socket it is; 0 on others.
    pub(crate) number: u16,
    /// Process at the other end, 0 when unknown.
    pub(crate) pid: i32,
    /// The reply.
    pub(crate) out: Out<'a>,
}

impl Ctx<'_> {
    /// Door to the daemon.
    pub(crate) fn handle(&self) -> &Handle {
        &self.shared.handle
    }
}

/// Clocks at the time of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// Now.
    pub(crate) now: Instant,
    /// The same on the wall.
    pub(crate) wall: SystemTime,
}

impl Clock {
    /// Of a job that ran at `now`.
    pub(crate) fn new(handle: &Handle, now: Instant) -> Self {
        Self { now, wall: handle.wall_clock(now) }
    }

    /// Time since `at`.
    pub(crate) fn age(&self, at: Instant) -> Duration {
        self.now.saturating_duration_since(at)
    }

    /// `at` on the wall.
    pub(crate) fn wall(&self, at: Instant) -> SystemTime {
        self.wall.checked_sub(self.age(at)).unwrap_or(self.wall)
    }
}

/// Runs a command that is not about the session itself.
pub(crate) async fn run(ctx: &mut Ctx<'_>, action: Action, args: &Args) -> Outcome {
    match action {
        Action::Common(action) => common::run(ctx, action, args).await,
        Action::Bgp(action) => bgp::run(ctx, action, args).await,
        Action::Bfd(action) => bfd::run(ctx, action, args).await,
        Action::Ospf(action) => ospf::run(ctx, action, args).await,
        Action::Ospf6(action) => ospf6::run(ctx, action, args).await,
        Action::Zebra(action) => zebra::run(ctx, action, args).await,
        Action::Lists(action) => lists::run(ctx, action, args).await,
        Action::Absent(empty) if args.has("json") => absent(ctx, empty).await,
        Action::Absent(_) | Action::Session(_) => Ok(Status::Success),
    }
}

/// An empty answer that programs can parse.
async fn absent(ctx: &mut Ctx<'_>, empty: Empty) -> Outcome {
    match empty {
        Empty::Object => ctx.out.push("{}\n"),
        Empty::Table => ctx.out.push("{\"numPrefix\":0,\"numPaths\":0}\n"),
        Empty::PerInstance => {
            let names = ctx.handle().bgp(|world, _| bgp::select::Scope::All.names(world)).await?;
            let mut o = Obj::new();
            for name in names {
                o.put(name, Obj::new());
            }
            ctx.out.push(&o.pretty());
        }
    }
    Ok(Status::Success)
}
