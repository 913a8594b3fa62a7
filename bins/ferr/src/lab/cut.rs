//! The link that is cut, and what traffic notices of it.

use std::time::{Duration, Instant};

use ferr_testnet::probe::{Stream, StreamReport};
use ferr_testnet::{Error, Interrupt};

use super::network::Network;
use super::report::{CutReport, route_line};
use super::topology::{Flow, Link, Topology};

/// Time between two probes.
const INTERVAL: Duration = Duration::from_millis(1);
/// Traffic has to be steady for this long around a cut.
const STEADY: Duration = Duration::from_millis(300);
/// How long traffic may take to flow again.
const PATIENCE: Duration = Duration::from_secs(30);

/// The link and the traffic of a plan.
pub(crate) struct Cut<'a> {
    network: &'a Network,
    plan: &'a Topology,
    interrupt: &'a Interrupt,
    flow: &'a Flow,
    link: &'a Link,
    /// What carries it: itself, when it is no tunnel.
    cable: &'a Link,
    /// The way of the traffic while all is well.
    before: String,
}

impl<'a> Cut<'a> {
    pub(crate) fn new(
        network: &'a Network,
        plan: &'a Topology,
        interrupt: &'a Interrupt,
    ) -> Result<Self, Error> {
        let (Some(flow), Some(link)) = (plan.traffic.first(), plan.links.iter().find(|l| l.name == plan.cut))
        else {
            return Err(Error::Answer { what: "topology".to_owned(), text: "nothing to cut".to_owned() });
        };
        // A tunnel is cut by cutting what carries it.
        let over = link.tunnel.as_ref().filter(|_| network.owned.tunnels).map(|t| &t.over);
        let cable = plan.links.iter().find(|l| Some(&l.name) == over).unwrap_or(link);
        let mut cut = Self { network, plan, interrupt, flow, link, cable, before: String::new() };
        cut.before = cut.usual_way()?;
        Ok(cut)
    }

    /// The way of the traffic when the network has settled: through the link that is to be cut, if it begins where the traffic does. Routers
    /// tell of new links with a delay, so it may take some seconds; where it never comes so, the way that there is counts.
    fn usual_way(&self) -> Result<String, Error> {
        let mut ends = self.link.ends.iter();
        let Some(end) = ends.find(|end| end.router == self.flow.router) else {
            return way(self.network, self.flow);
        };
        let through = format!(" dev {} ", end.interface);
        let settled = self.interrupt.wait_until(PATIENCE, "traffic to take the link", || {
            let seen = way(self.network, self.flow).map_err(|e| e.to_string())?;
            if seen.contains(&through) { Ok(seen) } else { Err(seen) }
        });
        match settled {
            Err(Error::Timeout { .. }) => way(self.network, self.flow),
            other => other,
        }
    }

    /// All packets are lost, in both directions, and the link stays up.
    pub(crate) fn silent(&self) -> Result<CutReport, Error> {
        self.measure(|| {
            let mut ends = self.cable.ends.iter();
            ends.try_for_each(|end| self.network.host(&end.router)?.black_hole(&end.interface))
        })
    }

    /// Ends [`Self::silent`], and waits until everything is as it was.
    pub(crate) fn heal(&self, say: &dyn Fn(String)) -> Result<(), Error> {
        for end in &self.cable.ends {
            self.network.host(&end.router)?.heal(&end.interface)?;
        }
        self.network.wait_bfd(say)?;
        self.network.wait_sessions(self.plan, say)?;
        self.interrupt.wait_until(PATIENCE, "traffic to be back on its way", || {
            let seen = way(self.network, self.flow).map_err(|e| e.to_string())?;
            if seen == self.before { Ok(()) } else { Err(seen) }
        })
    }

    /// The carrier goes.
    pub(crate) fn carrier(&self) -> Result<CutReport, Error> {
        let [end, _] = &self.cable.ends;
        self.measure(|| self.network.host(&end.router)?.ip(&format!("link set {} down", end.interface)))
    }

    /// Cuts under a steady stream of probes.
    fn measure(&self, cut: impl FnOnce() -> Result<(), Error>) -> Result<CutReport, Error> {
        let host = self.network.host(&self.flow.router)?;
        let established = self.network.times_established()?;
        let before = way(self.network, self.flow)?;
        let source = self.network.source(self.flow);
        let stream = Stream::start(host.netns(), source, self.flow.to, INTERVAL)?;
        self.steady(&stream, "traffic before the cut")?;
        cut()?;
        let healed = match self.steady(&stream, "traffic to flow again") {
            Ok(()) => true,
            Err(Error::Timeout { .. }) => false,
            Err(other) => return Err(other),
        };
        let StreamReport { sent, answered, longest_gap, .. } = stream.finish();
        let outage = longest_gap.saturating_sub(INTERVAL).as_secs_f64() * 1e3;
        Ok(CutReport {
            link: self.link.name.clone(),
            outage_milliseconds: healed.then_some(outage),
            probes_sent: sent,
            probes_lost: sent - answered,
            before,
            after: way(self.network, self.flow)?,
            sessions_kept: healed && self.network.times_established()? == established,
        })
    }

    /// Waits until probes that were sent a while from now are answered.
    fn steady(&self, stream: &Stream, what: &str) -> Result<(), Error> {
        let from = Instant::now() + STEADY;
        self.interrupt.wait_until(PATIENCE, what, || match stream.newest_answered() {
            Some(at) if at >= from => Ok(()),
            Some(at) => Err(format!("the last answered probe is {:?} old", at.elapsed())),
            None => Err("no probe was answered".to_owned()),
        })
    }
}

/// The kernel's route to where the watched traffic goes.
fn way(network: &Network, flow: &Flow) -> Result<String, Error> {
    let routes = network.node(&flow.router).map_or(Ok(Vec::new()), |n| n.table(flow.to.is_ipv6()))?;
    let found = routes.iter().find(|route| route.destination == flow.to.to_string());
    Ok(found.map_or_else(|| "no route of its own".to_owned(), route_line))
}
