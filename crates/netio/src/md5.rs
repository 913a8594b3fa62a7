//! Keys of TCP-MD5 (RFC 2385).

use std::fmt;
use std::net::IpAddr;

use ferr_types::IfIndex;

/// Octets of the longest key that the kernel takes.
pub const MAX_KEY_LEN: usize = 80;

/// A key for one peer. `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Key {
    /// Peer.
    pub addr: IpAddr,
    /// Length of the prefix that the key is for; the address's full length for one peer.
    pub prefix_len: u8,
    /// VRF device that the segment must come through; 0 is the default VRF. `None` leaves the kernel's rule.
    pub vrf: Option<IfIndex>,
    secret: Vec<u8>,
}

impl Md5Key {
    /// Key of a peer; `None` when the secret is empty or too long.
    pub fn new(addr: IpAddr, prefix_len: u8, vrf: Option<IfIndex>, secret: &str) -> Option<Self> {
        let secret = secret.as_bytes().to_vec();
        (!secret.is_empty() && secret.len() <= MAX_KEY_LEN).then_some(Self { addr, prefix_len, vrf, secret })
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Md5Key({}/{}, vrf {:?}, ..)", self.addr, self.prefix_len, self.vrf)
    }
}
