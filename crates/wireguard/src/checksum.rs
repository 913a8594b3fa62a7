//! The checksum of IP, TCP and UDP (RFC 1071).
//!
//! Sums are taken in the byte order of the machine; the ones' complement sum does not care, as long as the result is stored the same way.

/// A sum that grows. All parts but the last have an even length.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// Of nothing.
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// With more octets.
    #[must_use]
    pub(crate) fn add(self, data: &[u8]) -> Self {
        // Independent lanes, which the compiler turns into vectors. A lane overflows after 16 GiB.
        let mut lanes = [0_u64; 8];
        let (blocks, rest) = data.as_chunks::<32>();
        for block in blocks {
            let (words, _) = block.as_chunks::<4>();
            for (lane, word) in lanes.iter_mut().zip(words) {
                *lane += u64::from(u32::from_ne_bytes(*word));
            }
        }
        let (pairs, last) = rest.as_chunks::<2>();
        let mut sum = lanes.iter().map(|lane| (lane & 0xffff_ffff) + (lane >> 32)).sum::<u64>();
        sum += pairs.iter().map(|pair| u64::from(u16::from_ne_bytes(*pair))).sum::<u64>();
        if let [octet] = last {
            sum += u64::from(u16::from_ne_bytes([*octet, 0]));
        }
        Self(self.0 + (sum & 0xffff_ffff) + (sum >> 32))
    }

    /// With a number.
    #[must_use]
    pub(crate) const fn add_number(self, number: u16) -> Self {
        Self(self.0 + u16::from_ne_bytes(number.to_be_bytes()) as u64)
    }

    /// With what a TCP or UDP header stands on. `addresses` are source and destination, `length` that of header and data.
    #[must_use]
    pub(crate) fn add_pseudo_header(self, addresses: &[u8], protocol: u8, length: usize) -> Self {
        // The length fits 16 bits, as packets are no jumbograms.
        self.add(addresses).add_number(protocol.into()).add_number(length as u16)
    }

    /// The folded sum, as it is stored; not complemented.
    pub(crate) const fn folded(self) -> [u8; 2] {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        (sum as u16).to_ne_bytes()
    }

    /// The checksum, as it is stored.
    pub(crate) const fn checksum(self) -> [u8; 2] {
        let [a, b] = self.folded();
        [!a, !b]
    }

    /// Whether the sum of data with its checksum is right.
    pub(crate) const fn is_right(self) -> bool {
        matches!(self.folded(), [0xff, 0xff])
    }
}
