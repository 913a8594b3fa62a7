//! Randomness from a seed: what others may see comes from a keyed hash, jitter from something cheaper.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

#[derive(Clone)]
pub(crate) struct Random {
    key: (u64, u64),
    counter: u64,
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u128) -> Self {
        let key = (seed as u64, (seed >> 64) as u64);
        let mut random = Self { key, counter: 0, state: 0 };
        random.state = random.secret();
        random
    }

    /// A word that earlier ones do not give away.
    pub(crate) fn secret(&mut self) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        hasher.write_u64(self.counter);
        self.counter = self.counter.wrapping_add(1);
        hasher.finish()
    }

    /// A number below `bound`, or 0 (SplitMix64; good enough for timers, and a few cycles).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ z >> 31) * u128::from(bound)) >> 64) as u64
    }

    /// `interval` less a random part of up to 25 %; with a multiplier of 1 at least 10 % (RFC 5880 section 6.8.7).
    pub(crate) fn jittered(&mut self, interval: u64, detect_mult: u8) -> u64 {
        let least = interval - interval / 4;
        let most = if detect_mult == 1 { interval - interval.div_ceil(10) } else { interval };
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }
}
