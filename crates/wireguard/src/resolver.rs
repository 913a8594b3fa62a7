//! Names of peers, resolved on a thread of their own: an answer may take many seconds.
//!
//! # Invariants
//! * One question per name is under way; a name that gives no answer is asked again later and later.
//! * A peer that answers is left where it is; one that does not is looked up again.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::eventfd::EventFd;

use crate::config::{Endpoint, TunnelConfig};
use crate::key::PublicKey;

/// Questions and answers that may wait.
const WAITING: usize = 64;
/// Time until a name without an answer is asked again, at first and at most.
const RETRY_FIRST: Duration = Duration::from_secs(2);
const RETRY_LAST: Duration = Duration::from_secs(60);
/// Time until the name of a silent peer is asked again.
const SILENT: Duration = Duration::from_secs(30);

/// A name and a port.
type Name = (String, u16);

/// An answer; no addresses when there is none.
pub(crate) struct Answer {
    name: Name,
    addresses: Vec<SocketAddr>,
}

struct Lookup {
    due: Instant,
    retry: Duration,
    asked: bool,
}

/// Which names there are, and what is to be asked when.
pub(crate) struct Names {
    peers: HashMap<PublicKey, Name>,
    lookups: HashMap<Name, Lookup>,
    ask: Option<SyncSender<Name>>,
    answers: Option<Receiver<Answer>>,
    wake: Arc<EventFd>,
}

impl Names {
    /// None yet. `wake` is written when there is an answer.
    pub(crate) fn new(wake: Arc<EventFd>) -> Self {
        Self { peers: HashMap::new(), lookups: HashMap::new(), ask: None, answers: None, wake }
    }

    /// The names of a configuration. New ones, and those of peers whose name is new, are due at once.
    pub(crate) fn configure(&mut self, config: &TunnelConfig, now: Instant) {
        let mut peers = HashMap::new();
        for peer in &config.peers {
            if let Some(Endpoint::Name { host, port }) = &peer.endpoint {
                peers.insert(peer.public_key, (host.clone(), *port));
            }
        }
        for (key, name) in &peers {
            let fresh = || Lookup { due: now, retry: RETRY_FIRST, asked: false };
            let lookup = self.lookups.entry(name.clone()).or_insert_with(fresh);
            if self.peers.get(key) != Some(name) {
                lookup.due = now;
            }
        }
        self.peers = peers;
        let peers = &self.peers;
        self.lookups.retain(|name, _| peers.values().any(|n| n == name));
    }

    /// These peers do not answer: their names may have another meaning now.
    pub(crate) fn silent(&mut self, key: &PublicKey, now: Instant) {
        let lookup = self.peers.get(key).and_then(|name| self.lookups.get_mut(name));
        if let Some(lookup) = lookup {
            lookup.due = lookup.due.min(now + SILENT);
        }
    }

    /// Asks what is due.
    pub(crate) fn ask(&mut self, now: Instant) {
        for (name, lookup) in &mut self.lookups {
            if lookup.asked || lookup.due > now {
                continue;
            }
            if self.ask.is_none() {
                let (ask, answers) = spawn(Arc::clone(&self.wake));
                (self.ask, self.answers) = (ask, Some(answers));
            }
            match self.ask.as_ref().map(|ask| ask.try_send(name.clone())) {
                Some(Ok(())) => lookup.asked = true,
                Some(Err(TrySendError::Full(_))) => return,
                Some(Err(TrySendError::Disconnected(_))) | None => lookup.due = now + RETRY_LAST,
            }
        }
    }

    /// Peers with their new addresses.
    pub(crate) fn answers(&mut self, now: Instant) -> Vec<(PublicKey, SocketAddr)> {
        let mut found = Vec::new();
        let Some(answers) = &self.answers else { return found };
        while let Ok(answer) = answers.try_recv() {
            let Some(lookup) = self.lookups.get_mut(&answer.name) else { continue };
            lookup.asked = false;
            let Some(first) = answer.addresses.first() else {
                lookup.due = now + lookup.retry;
                lookup.retry = (lookup.retry * 2).min(RETRY_LAST);
                continue;
            };
            // Until somebody says that the peer is silent.
            lookup.due = now + Duration::from_secs(u64::from(u32::MAX));
            lookup.retry = RETRY_FIRST;
            let peers = self.peers.iter().filter(|(_, name)| **name == answer.name);
            found.extend(peers.map(|(key, _)| (*key, *first)));
        }
        found
    }
}

/// Starts the thread; it ends when nobody asks any more. Without it there are no answers.
fn spawn(wake: Arc<EventFd>) -> (Option<SyncSender<Name>>, Receiver<Answer>) {
    let (ask, questions) = sync_channel::<Name>(WAITING);
    let (answer, answers) = sync_channel(WAITING);
    let work = move || {
        for name in questions {
            let addresses = (name.0.as_str(), name.1).to_socket_addrs();
            let addresses = addresses.map(Iterator::collect).unwrap_or_default();
            if answer.send(Answer { name, addresses }).is_err() {
                return;
            }
            let _ = wake.write(1);
        }
    };
    let started = thread::Builder::new().name("ferr-wg-names".into()).spawn(work);
    (started.ok().map(|_| ask), answers)
}
