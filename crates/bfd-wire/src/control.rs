//! The mandatory section (RFC 5880 section 4.1).

use std::fmt;

use crate::{Auth, AuthError, Error, MAX_AUTH_LEN};

/// Protocol version.
pub const VERSION: u8 = 1;
/// Octets of the mandatory section.
pub const HEADER_LEN: usize = 24;
/// Octets of the largest packet that we send.
pub const MAX_LEN: usize = HEADER_LEN + MAX_AUTH_LEN;

const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const INDEPENDENT: u8 = 0x08;
const AUTH: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

/// Session state (Sta).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum State {
    /// Held down by the operator; says nothing about the path.
    AdminDown = 0,
    /// Down, or just created.
    #[default]
    Down = 1,
    /// The peer is heard, but does not hear us yet.
    Init = 2,
    /// Both directions work.
    Up = 3,
}

impl State {
    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::AdminDown,
            1 => Self::Down,
            2 => Self::Init,
            _ => Self::Up,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdminDown => "AdminDown",
            Self::Down => "Down",
            Self::Init => "Init",
            Self::Up => "Up",
        })
    }
}

/// Diagnostic: why the sender's state last changed. Values 9 to 31 are reserved and kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Diag(u8);

impl Diag {
    /// No Diagnostic.
    pub const NONE: Self = Self(0);
    /// Control Detection Time Expired.
    pub const DETECTION_TIME_EXPIRED: Self = Self(1);
    /// Echo Function Failed.
    pub const ECHO_FAILED: Self = Self(2);
    /// Neighbor Signaled Session Down.
    pub const NEIGHBOR_DOWN: Self = Self(3);
    /// Forwarding Plane Reset.
    pub const FORWARDING_PLANE_RESET: Self = Self(4);
    /// Path Down.
    pub const PATH_DOWN: Self = Self(5);
    /// Concatenated Path Down.
    pub const CONCATENATED_PATH_DOWN: Self = Self(6);
    /// Administratively Down.
    pub const ADMIN_DOWN: Self = Self(7);
    /// Reverse Concatenated Path Down.
    pub const REVERSE_CONCATENATED_PATH_DOWN: Self = Self(8);

    /// The code `value`, of which the low five bits count.
    pub const fn new(value: u8) -> Self {
        Self(value & 0x1f)
    }

    /// The code, 0 to 31.
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Diag {
    /// The name of RFC 5880 section 4.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "No Diagnostic",
            1 => "Control Detection Time Expired",
            2 => "Echo Function Failed",
            3 => "Neighbor Signaled Session Down",
            4 => "Forwarding Plane Reset",
            5 => "Path Down",
            6 => "Concatenated Path Down",
            7 => "Administratively Down",
            8 => "Reverse Concatenated Path Down",
            other => return write!(f, "Reserved ({other})"),
        })
    }
}

/// The mandatory section as values; every value can be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Control {
    /// Why the sender's state last changed.
    pub diag: Diag,
    /// State as the sender sees it.
    pub state: State,
    /// P: an answer with F is expected.
    pub poll: bool,
    /// F: answers a P.
    pub is_final: bool,
    /// C: the sender's BFD survives its control plane.
    pub control_plane_independent: bool,
    /// D: demand mode is active in the sender.
    pub demand: bool,
    /// Detection multiplier, not 0.
    pub detect_mult: u8,
    /// The sender's discriminator, not 0.
    pub my_discriminator: u32,
    /// The receiver's discriminator, 0 while unknown.
    pub your_discriminator: u32,
    /// Microseconds; 0 is reserved.
    pub desired_min_tx: u32,
    /// Microseconds; 0 asks for no periodic packets.
    pub required_min_rx: u32,
    /// Microseconds; 0 refuses echo packets.
    pub required_min_echo_rx: u32,
}

impl Control {
    /// Writes the section into the first [`HEADER_LEN`] octets of `out`, Length counting `auth_len` octets of authentication (0
    /// for none) that [`crate::AuthKey::sign`] writes behind it.
    pub fn encode(&self, auth_len: u8, out: &mut [u8; MAX_LEN]) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out[0] = VERSION << 5 | self.diag.0;
        out[1] = (self.state as u8) << 6
            | flag(self.poll, POLL)
            | flag(self.is_final, FINAL)
            | flag(self.control_plane_independent, INDEPENDENT)
            | flag(auth_len != 0, AUTH)
            | flag(self.demand, DEMAND);
        out[2] = self.detect_mult;
        out[3] = HEADER_LEN as u8 + auth_len;
        let words = [
            self.my_discriminator,
            self.your_discriminator,
            self.desired_min_tx,
            self.required_min_rx,
            self.required_min_echo_rx,
        ];
        for (chunk, word) in out[4..HEADER_LEN].chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
    }
}

/// Sets or clears P and F in an encoded packet; a signature over it has to be made anew.
pub fn set_poll_final(packet: &mut [u8; MAX_LEN], poll: bool, is_final: bool) {
    packet[1] = packet[1] & !(POLL | FINAL) | if poll { POLL } else { 0 } | if is_final { FINAL } else { 0 };
}

/// A received packet that passed the format rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The mandatory section.
    pub control: Control,
    has_auth: bool,
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Applies the format rules of RFC 5880 section 6.8.6, in their order, to the payload of a datagram.
    ///
    /// # Errors
    /// The first rule that is broken. The authentication section is not looked at: that depends on the session.
    pub fn decode(payload: &'a [u8]) -> Result<Self, Error> {
        let truncated = Error::Truncated(payload.len());
        let first = *payload.first().ok_or(truncated)?;
        if first >> 5 != VERSION {
            return Err(Error::Version(first >> 5));
        }
        let &[_, flags, detect_mult, length] = payload.first_chunk::<4>().ok_or(truncated)?;
        let has_auth = flags & AUTH != 0;
        let len = usize::from(length);
        if len < HEADER_LEN + if has_auth { 2 } else { 0 } {
            return Err(Error::LengthTooSmall(length));
        }
        let beyond = Error::LengthBeyondPayload { length, payload: payload.len() };
        let bytes = payload.get(..len).ok_or(beyond)?;
        let header = bytes.first_chunk::<HEADER_LEN>().ok_or(beyond)?;
        if detect_mult == 0 {
            return Err(Error::DetectMultZero);
        }
        if flags & MULTIPOINT != 0 {
            return Err(Error::Multipoint);
        }
        let word =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let control = Control {
            diag: Diag::new(first),
            state: State::from_bits(flags >> 6),
            poll: flags & POLL != 0,
            is_final: flags & FINAL != 0,
            control_plane_independent: flags & INDEPENDENT != 0,
            demand: flags & DEMAND != 0,
            detect_mult,
            my_discriminator: word(4),
            your_discriminator: word(8),
            desired_min_tx: word(12),
            required_min_rx: word(16),
            required_min_echo_rx: word(20),
        };
        if control.my_discriminator == 0 {
            return Err(Error::MyDiscriminatorZero);
        }
        if control.your_discriminator == 0 && !matches!(control.state, State::Down | State::AdminDown) {
            return Err(Error::YourDiscriminatorZero(control.state));
        }
        Ok(Self { control, has_auth, bytes })
    }

    /// Whether the A bit is set.
    pub const fn has_auth(&self) -> bool {
        self.has_auth
    }

    /// The authentication section; none without the A bit.
    ///
    /// # Errors
    /// The section's own length or type makes no sense.
    pub fn auth(&self) -> Result<Option<Auth<'a>>, AuthError> {
        if !self.has_auth {
            return Ok(None);
        }
        Auth::decode(self.bytes.get(HEADER_LEN..).unwrap_or_default()).map(Some)
    }

    /// The packet, as long as its Length field says.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}
