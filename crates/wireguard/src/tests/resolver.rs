use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::eventfd::EventFd;
use std::os::fd::AsFd;

use crate::resolver::Names;
use crate::{Endpoint, PeerConfig, PublicKey, TunnelConfig};

const KEY: PublicKey = PublicKey::from_bytes([1; 32]);

fn config(host: &str) -> TunnelConfig {
    let mut peer = PeerConfig::new(KEY);
    peer.endpoint = Some(Endpoint::Name { host: host.into(), port: 9 });
    TunnelConfig { peers: vec![peer], ..TunnelConfig::default() }
}

struct Bed {
    wake: Arc<EventFd>,
    names: Names,
}

impl Bed {
    /// Asks, and waits for the answer if there was a question.
    fn ask(&mut self, now: Instant) -> Vec<PublicKey> {
        self.names.ask(now);
        let answered = poll(&mut [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)], 500_u16).unwrap() > 0;
        if answered {
            self.wake.read().unwrap();
        }
        self.names.answers(now).into_iter().map(|(key, _)| key).collect()
    }
}

#[test]
fn a_name_is_asked_once_and_again_when_its_peer_is_silent() {
    let wake = Arc::new(EventFd::new().unwrap());
    let mut bed = Bed { names: Names::new(Arc::clone(&wake)), wake };
    let now = Instant::now();
    bed.names.configure(&config("localhost"), now);
    assert_eq!(bed.ask(now), [KEY]);
    bed.names.configure(&config("localhost"), now);
    let later = now + Duration::from_secs(3600);
    assert_eq!(bed.ask(later), []);
    bed.names.silent(&KEY, later);
    assert_eq!(bed.ask(later), []);
    assert_eq!(bed.ask(later + Duration::from_secs(31)), [KEY]);
    // A peer that got an address instead of a name is nobody's business here.
    bed.names.configure(&TunnelConfig::default(), later);
    bed.names.silent(&KEY, later);
    assert_eq!(bed.ask(later + Duration::from_secs(62)), []);
}
