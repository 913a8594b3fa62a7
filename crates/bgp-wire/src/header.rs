//! Message header and framing (RFC 4271 sections 4.1 and 6.1, RFC 8654).

use crate::notification::{NotificationError, code, subcode};

/// Octets of marker, length and type.
pub const HEADER_LEN: usize = 19;
/// Largest message without RFC 8654.
pub const MAX_LEN: u16 = 4096;
/// Largest message with RFC 8654.
pub const MAX_LEN_EXTENDED: u16 = 65535;

/// Kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// OPEN
    Open = 1,
    /// UPDATE
    Update = 2,
    /// NOTIFICATION
    Notification = 3,
    /// KEEPALIVE
    Keepalive = 4,
    /// ROUTE-REFRESH (RFC 2918); the code 128 of implementations older than it is read as this one.
    RouteRefresh = 5,
}

impl MessageType {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Open,
            2 => Self::Update,
            3 => Self::Notification,
            4 => Self::Keepalive,
            5 | 128 => Self::RouteRefresh,
            _ => return None,
        })
    }

    /// Smallest and largest length of such a message, header included.
    const fn bounds(self, max_len: u16) -> (u16, u16) {
        match self {
            Self::Open => (29, if max_len < MAX_LEN { max_len } else { MAX_LEN }),
            Self::Update | Self::RouteRefresh => (23, max_len),
            Self::Notification => (21, max_len),
            Self::Keepalive => (19, 19),
        }
    }
}

/// One message cut from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its kind.
    pub kind: MessageType,
    /// What follows the header.
    pub body: &'a [u8],
    /// Octets to consume from the stream, header included.
    pub len: usize,
}

/// Cuts the first message from `buf`; `None` until it is complete.
///
/// The header is judged as soon as its 19 octets are there, so a caller never waits for the body of a bad one.
///
/// # Errors
/// A Message Header Error (RFC 4271 section 6.1): marker, length (overall and for the type), or type.
#[inline]
pub fn frame(buf: &[u8], max_len: u16) -> Result<Option<Frame<'_>>, NotificationError> {
    let Some((header, _)) = buf.split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
    let [marker @ .., l0, l1, kind] = header;
    if *marker != [0xff; 16] {
        return Err(NotificationError::new(code::MESSAGE_HEADER, subcode::header::NOT_SYNCHRONIZED));
    }
    let len = u16::from_be_bytes([*l0, *l1]);
    if usize::from(len) < HEADER_LEN || len > max_len {
        return Err(bad_length(len));
    }
    let Some(kind) = MessageType::from_code(*kind) else {
        return Err(
            NotificationError::new(code::MESSAGE_HEADER, subcode::header::BAD_TYPE).with_data(&[*kind])
        );
    };
    let (min, max) = kind.bounds(max_len);
    if len < min || len > max {
        return Err(bad_length(len));
    }
    let len = usize::from(len);
    Ok(buf.get(HEADER_LEN..len).map(|body| Frame { kind, body, len }))
}

#[cold]
fn bad_length(len: u16) -> NotificationError {
    NotificationError::new(code::MESSAGE_HEADER, subcode::header::BAD_LENGTH).with_data(&len.to_be_bytes())
}

/// A KEEPALIVE message.
pub const fn keepalive() -> [u8; HEADER_LEN] {
    let mut out = [0xff; HEADER_LEN];
    out[16] = 0;
    out[17] = HEADER_LEN as u8;
    out[18] = MessageType::Keepalive as u8;
    out
}

/// Starts a message in `out`; returns where, for [`end`].
pub(crate) fn begin(out: &mut Vec<u8>, kind: MessageType) -> usize {
    let start = out.len();
    let mut header = keepalive();
    header[18] = kind as u8;
    out.extend_from_slice(&header);
    start
}

/// Writes the length of the message that [`begin`] started at `start`. Callers keep it within 65535 octets.
pub(crate) fn end(out: &mut [u8], start: usize) {
    let len = out.len() - start;
    debug_assert!(len <= usize::from(MAX_LEN_EXTENDED));
    put_u16(out, start + 16, len);
}

/// Overwrites two octets with a length.
pub(crate) fn put_u16(out: &mut [u8], at: usize, value: usize) {
    if let Some(field) = out.get_mut(at..at + 2) {
        field.copy_from_slice(&(value as u16).to_be_bytes());
    }
}
