//! What the kernel holds of ours and shall not: leftovers of an earlier run, and differences after lost events.

use std::time::{Duration, Instant};

use ferr_kernel::{Dumper, OwnRoute};
use tracing::{error, warn};

use super::{FibRequest, ToBgp, Worker};
use crate::leftovers::{ATTEMPTS, Next, Sweep};

/// How long the end waits for leftovers to go.
const LAST_SWEEP: Duration = Duration::from_secs(10);

/// Routes that a sweep hears of.
pub(super) async fn listen(sweep: &mut Option<Sweep>) -> Option<Vec<OwnRoute>> {
    match sweep {
        Some(sweep) => sweep.listen().await,
        None => std::future::pending().await,
    }
}

impl Worker {
    /// Whether the kernel has all that the RIB wants.
    pub(super) fn fib_rests(&self) -> bool {
        !self.rib.fib_ready() && self.inflight == 0
    }

    /// When leftovers are to be looked at.
    pub(super) fn leftovers_timeout(&self) -> Option<Instant> {
        let bound = self.leftovers.as_ref().filter(|_| self.sweep.is_none())?.bound();
        // Past the bound they wait for the FIB, whose answers wake us.
        (bound > Instant::now() || self.fib_rests()).then_some(bound)
    }

    /// Takes leftovers away as far as nobody will claim them any more.
    pub(super) fn leftovers_turn(&mut self) {
        while let Some(sweep) = self.sweep.as_mut().filter(|s| s.is_ready())
            && let Ok(permit) = self.fib.try_reserve()
        {
            let (routes, nexthops) = sweep.poll(&self.rib);
            permit.send(FibRequest::Sweep(routes, nexthops));
        }
        if let Some(mut sweep) = self.sweep.take() {
            if !sweep.is_over() {
                self.sweep = Some(sweep);
                return;
            }
            self.swept(sweep);
        }
        // What replaces a leftover goes first, were it a route to a longer or shorter prefix.
        if !self.fib_rests() {
            return;
        }
        let Some(leftovers) = &mut self.leftovers else { return };
        let vrf_of = |table| self.rib.vrfs().find(|v| v.table == table).map(|v| v.id);
        match leftovers.next(Instant::now(), vrf_of) {
            Next::Wait => {}
            Next::Ask => {
                // Behind all that is there to be told.
                if self.events.is_empty() && self.ospf_events.is_empty() && self.say.is_none() {
                    self.say = Some(ToBgp::Question);
                    leftovers.asked();
                }
            }
            Next::Sweep(parts) => self.sweep = Some(Sweep::begin(parts)),
            Next::Last(parts) => self.sweep = Some(Sweep::last(parts, leftovers.take_nexthops())),
        }
    }

    fn swept(&mut self, sweep: Sweep) {
        if sweep.is_last() {
            self.leftovers = None;
            self.say = Some(ToBgp::LeftoversGone);
        }
        let parts = sweep.end();
        if let Some(leftovers) = &mut self.leftovers {
            leftovers.swept(&parts);
        }
    }

    /// Takes all leftovers away, at the end.
    pub(super) async fn end_leftovers(&mut self) {
        let Some(mut leftovers) = self.leftovers.take() else { return };
        let running = self.sweep.take().filter(Sweep::is_last);
        let mut sweep = running.unwrap_or_else(|| leftovers.last());
        let work = async {
            while !sweep.is_over() {
                if sweep.is_ready() {
                    let (routes, nexthops) = sweep.poll(&self.rib);
                    let _ = self.fib.send(FibRequest::Sweep(routes, nexthops)).await;
                } else if let Some(routes) = sweep.listen().await {
                    sweep.take(&self.rib, &routes);
                }
            }
        };
        if tokio::time::timeout(LAST_SWEEP, work).await.is_err() {
            warn!("the kernel did not take back all routes of an earlier run in time");
        }
    }

    /// Events were lost: what the kernel holds of ours is compared with what it shall hold.
    pub(super) fn reconcile(&mut self) {
        warn!("the kernel's events overran the buffer; comparing its routes with ours");
        let mut stray = Vec::new();
        for _ in 0..ATTEMPTS {
            stray.clear();
            let rib = &mut self.rib;
            rib.reconcile_begin();
            let each = |route: OwnRoute| {
                if !rib.reconcile_seen(route.table, route.prefix, route.protocol, route.group) {
                    stray.push((route.table, route.prefix, route.protocol));
                }
            };
            match Dumper::open().and_then(|mut d| d.each_own_route(None, each)) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => return error!("cannot dump routes: {error}"),
            }
        }
        self.rib.reconcile_end();
        // Leftovers of an earlier run stay until their own time.
        if self.leftovers.is_none() && !stray.is_empty() {
            let _ = self.fib.try_send(FibRequest::Sweep(stray, Vec::new()));
        }
    }
}
