//! Routing information base: selection, next-hop resolution, next-hop groups, FIB operations.
#![forbid(unsafe_code)]

mod fib;
mod model;
mod view;

pub use fib::{FibAck, FibAction, FibError, FibNexthop, FibOp, FibTarget, FibToken, KERNEL_METRIC, NhId};
pub use model::{
    Address, KernelRoute, Link, LinkKind, OwnAddress, OwnerId, RedistRoute, Redistribution, RibConfig,
    RibEvent,
};
pub use view::{GroupView, NexthopView, ResolvedWay, RouteView, Summary, SummaryRow, TrackedView};
