//! The thread of the link manager.
//!
//! Invariant: the newest plan counts; older ones that were not taken up yet are skipped.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_kernel::links::{
    LinkManager, LinkPlan, LinkState, LinkWaker, LinksReport, WantedLink, WantedMaster,
};
use ferr_state::{LinkView, LinksView, MssView, SysctlView};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::EngineError;

/// Without events the thread sleeps at most this long.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Default)]
struct Order {
    generation: u64,
    plan: Arc<LinkPlan>,
    /// End; and whether to put settings back.
    end: Option<bool>,
}

/// Door to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    orders: watch::Sender<Order>,
    waker: LinkWaker,
    view: watch::Receiver<Arc<LinksView>>,
}

/// Starts the thread in the network namespace of the caller. What it changes is written down in `state_file`.
///
/// # Errors
/// A socket or a thread that cannot be had.
pub(crate) fn spawn(state_file: PathBuf) -> Result<(Links, JoinHandle<()>), EngineError> {
    let failed = |error: std::io::Error| EngineError::Kernel {
        step: "open the sockets of the link manager",
        error: error.raw_os_error().map_or(nix::Error::UnknownErrno, nix::Error::from_raw),
    };
    if let Some(folder) = state_file.parent() {
        // Without it the first change says so.
        let _ = std::fs::create_dir_all(folder);
    }
    let manager = LinkManager::open(Some(state_file)).map_err(failed)?;
    let waker = manager.waker();
    let (orders, inbox) = watch::channel(Order::default());
    let (publish, view) = watch::channel(Arc::<LinksView>::default());
    let run = move || serve(manager, inbox, &publish);
    let thread =
        thread::Builder::new().name("ferr-links".to_owned()).spawn(run).map_err(EngineError::Thread)?;
    Ok((Links { orders, waker, view }, thread))
}

impl Links {
    /// What became of the plan, for everybody.
    pub(crate) fn view(&self) -> watch::Receiver<Arc<LinksView>> {
        self.view.clone()
    }

    /// Brings a plan into force, when it is another one; gives its number.
    pub(crate) fn set(&self, plan: LinkPlan) -> u64 {
        let changed = self.orders.send_if_modified(|order| {
            let changed = order.generation == 0 || *order.plan != plan;
            if changed {
                order.generation += 1;
                order.plan = Arc::new(plan);
            }
            changed
        });
        if changed {
            self.waker.wake();
        }
        self.orders.borrow().generation
    }

    /// Waits until all that can be done for plan number `generation` is done, at most `limit`.
    pub(crate) async fn settled(&self, generation: u64, limit: Duration) -> Arc<LinksView> {
        let mut view = self.view.clone();
        let done = view.wait_for(|v| v.generation >= generation && v.settled);
        let _ = tokio::time::timeout(limit, done).await;
        self.view.borrow().clone()
    }

    /// Ends the thread; settings are put back when `restore`. Links stay.
    pub(crate) fn end(&self, restore: bool) {
        self.orders.send_modify(|order| order.end = Some(restore));
        self.waker.wake();
    }
}

fn serve(
    mut manager: LinkManager,
    mut inbox: watch::Receiver<Order>,
    publish: &watch::Sender<Arc<LinksView>>,
) {
    let mut order = Order::default();
    loop {
        match inbox.has_changed() {
            Ok(true) => {
                order = inbox.borrow_and_update().clone();
                manager.set_plan(order.plan.as_ref().clone());
            }
            Ok(false) => {}
            Err(_) => order.end = order.end.or(Some(true)),
        }
        if let Some(restore) = order.end {
            if restore {
                manager.end();
            }
            report(&mut manager);
            return;
        }
        // Before the first plan nothing is known to be superfluous.
        if order.generation > 0 {
            manager.work(Instant::now());
            report(&mut manager);
            let next = view(&order, manager.report());
            publish.send_if_modified(|old| {
                let changed = **old != next;
                if changed {
                    *old = Arc::new(next);
                }
                changed
            });
        }
        if !inbox.has_changed().unwrap_or(true) {
            manager.wait(LONGEST_WAIT, Instant::now());
        }
    }
}

fn report(manager: &mut LinkManager) {
    for line in manager.messages() {
        if line.contains("cannot") {
            warn!(target: "links", "{line}")
        } else {
            info!(target: "links", "{line}")
        }
    }
}

fn view(order: &Order, report: &LinksReport) -> LinksView {
    let none = WantedLink::default();
    let link = |(name, of): (&String, &ferr_kernel::links::LinkReport)| {
        let wanted = order.plan.links.get(name).unwrap_or(&none);
        LinkView {
            name: name.clone(),
            kind: of.kind.as_ref().map(ferr_kernel::links::WantedKind::name),
            ifindex: of.ifindex,
            master: match &wanted.master {
                WantedMaster::Vrf(name) | WantedMaster::Bridge(name) => Some(name.clone()),
                WantedMaster::Any | WantedMaster::None => None,
            },
            addresses: wanted.addresses.iter().map(|a| a.addr.to_string()).collect(),
            ready: of.state == LinkState::Ready,
            state: match (&of.state, &of.failure) {
                (LinkState::Changing, Some(_)) => "fails".to_owned(),
                (state, _) => state.to_string(),
            },
            failure: of.failure.clone(),
            remotes: wanted
                .underlays
                .iter()
                .map(|u| u.remote)
                .chain(wanted.remotes.iter().copied())
                .collect(),
        }
    };
    let sysctl = |s: &ferr_kernel::links::SysctlState| SysctlView {
        name: s.sysctl.text(),
        wanted: s.wanted.clone(),
        current: s.current.clone(),
        before: s.before.clone(),
        error: s.error.clone(),
    };
    let mss =
        |r: &ferr_kernel::links::MssRule| MssView { interface: r.interface.clone(), v4: r.v4, v6: r.v6 };
    LinksView {
        generation: order.generation,
        settled: report.settled,
        links: report.links.iter().map(link).collect(),
        sysctls: report.sysctls.iter().map(sysctl).collect(),
        mss: report.mss.iter().map(mss).collect(),
        mss_error: report.mss_error.clone(),
    }
}
