//! Two speakers with sessions to each other; for the example and for counting instructions.

use std::net::IpAddr;

use ferr_bfd::{AddError, HopMode, Received, SessionConfig, SessionKey, Speaker, Time, Transmit};
use ferr_types::{IfIndex, VrfId};

fn address(side: usize, n: u32) -> IpAddr {
    IpAddr::from((0x0a00_0000 + n * 2 + side as u32).to_be_bytes())
}

/// Both with so many sessions of a configuration.
pub fn speakers(sessions: u32, config: &SessionConfig) -> Result<[Speaker; 2], AddError> {
    let mut speakers = [1, 2].map(|seed| Speaker::new(seed, sessions as usize));
    for (side, speaker) in speakers.iter_mut().enumerate() {
        for n in 0..sessions {
            let (local, remote) = (Some(address(side, n)), address(1 - side, n));
            let key = SessionKey { vrf: VrfId(0), local, remote, interface: None, hop: HopMode::Single };
            speaker.add(Time::ZERO, key, config.clone())?;
        }
    }
    Ok(speakers)
}

/// Hands what one sent to the other.
pub fn deliver(to: &mut Speaker, now: Time, packet: &Transmit) {
    let received = Received {
        vrf: VrfId(0),
        interface: Some(IfIndex(1)),
        source: packet.source.unwrap_or(packet.destination),
        destination: Some(packet.destination),
        ttl: Some(255),
        hop: HopMode::Single,
        arrival: Some(now),
        payload: packet.bytes(),
    };
    let _ = to.receive(now, &received);
}
