//! NOTIFICATION: error codes, their words, and the data that some carry (RFC 4271 section 4.5).
//!
//! One table names every code and subcode (RFC 4271, 4486, 5492, 6608, 7313, 8538, 9234, 9384, 9687).

use std::fmt;

use crate::header::{self, MAX_LEN, MessageType};

/// Error codes.
pub mod code {
    /// Message Header Error.
    pub const MESSAGE_HEADER: u8 = 1;
    /// OPEN Message Error.
    pub const OPEN: u8 = 2;
    /// UPDATE Message Error.
    pub const UPDATE: u8 = 3;
    /// Hold Timer Expired.
    pub const HOLD_TIMER: u8 = 4;
    /// Finite State Machine Error.
    pub const FSM: u8 = 5;
    /// Cease.
    pub const CEASE: u8 = 6;
    /// ROUTE-REFRESH Message Error (RFC 7313).
    pub const ROUTE_REFRESH: u8 = 7;
    /// Send Hold Timer Expired (RFC 9687).
    pub const SEND_HOLD_TIMER: u8 = 8;
}

/// Error subcodes, by code.
pub mod subcode {
    /// Of Message Header Error.
    pub mod header {
        /// Connection Not Synchronized.
        pub const NOT_SYNCHRONIZED: u8 = 1;
        /// Bad Message Length.
        pub const BAD_LENGTH: u8 = 2;
        /// Bad Message Type.
        pub const BAD_TYPE: u8 = 3;
    }
    /// Of OPEN Message Error.
    pub mod open {
        /// Unspecific.
        pub const UNSPECIFIC: u8 = 0;
        /// Unsupported Version Number.
        pub const VERSION: u8 = 1;
        /// Bad Peer AS.
        pub const BAD_PEER_AS: u8 = 2;
        /// Bad BGP Identifier.
        pub const BAD_IDENTIFIER: u8 = 3;
        /// Unsupported Optional Parameter.
        pub const OPTIONAL_PARAMETER: u8 = 4;
        /// Unacceptable Hold Time.
        pub const HOLD_TIME: u8 = 6;
        /// Unsupported Capability (RFC 5492).
        pub const CAPABILITY: u8 = 7;
        /// Role Mismatch (RFC 9234).
        pub const ROLE_MISMATCH: u8 = 11;
    }
    /// Of UPDATE Message Error.
    pub mod update {
        /// Malformed Attribute List.
        pub const ATTRIBUTE_LIST: u8 = 1;
        /// Unrecognized Well-known Attribute.
        pub const UNRECOGNIZED: u8 = 2;
        /// Missing Well-known Attribute.
        pub const MISSING: u8 = 3;
        /// Attribute Flags Error.
        pub const FLAGS: u8 = 4;
        /// Attribute Length Error.
        pub const LENGTH: u8 = 5;
        /// Invalid ORIGIN Attribute.
        pub const ORIGIN: u8 = 6;
        /// Invalid NEXT_HOP Attribute.
        pub const NEXT_HOP: u8 = 8;
        /// Optional Attribute Error.
        pub const OPTIONAL: u8 = 9;
        /// Invalid Network Field.
        pub const NETWORK: u8 = 10;
        /// Malformed AS_PATH.
        pub const AS_PATH: u8 = 11;
    }
    /// Of Finite State Machine Error (RFC 6608).
    pub mod fsm {
        /// Unspecified.
        pub const UNSPECIFIED: u8 = 0;
        /// Unexpected message in OpenSent.
        pub const OPEN_SENT: u8 = 1;
        /// Unexpected message in OpenConfirm.
        pub const OPEN_CONFIRM: u8 = 2;
        /// Unexpected message in Established.
        pub const ESTABLISHED: u8 = 3;
    }
    /// Of Cease (RFC 4486).
    pub mod cease {
        /// Maximum Number of Prefixes Reached.
        pub const MAX_PREFIXES: u8 = 1;
        /// Administrative Shutdown.
        pub const SHUTDOWN: u8 = 2;
        /// Peer De-configured.
        pub const DECONFIGURED: u8 = 3;
        /// Administrative Reset.
        pub const RESET: u8 = 4;
        /// Connection Rejected.
        pub const REJECTED: u8 = 5;
        /// Other Configuration Change.
        pub const CONFIG_CHANGE: u8 = 6;
        /// Connection Collision Resolution.
        pub const COLLISION: u8 = 7;
        /// Out of Resources.
        pub const RESOURCES: u8 = 8;
        /// Hard Reset (RFC 8538).
        pub const HARD_RESET: u8 = 9;
        /// BFD Down (RFC 9384).
        pub const BFD_DOWN: u8 = 10;
    }
    /// Of ROUTE-REFRESH Message Error (RFC 7313).
    pub mod refresh {
        /// Invalid Message Length.
        pub const LENGTH: u8 = 1;
    }
}

struct CodeRow {
    code: u8,
    name: &'static str,
    subcodes: &'static [(u8, &'static str)],
}

const TABLE: [CodeRow; 8] = [
    CodeRow {
        code: code::MESSAGE_HEADER,
        name: "Message Header Error",
        subcodes: &[(1, "Connection Not Synchronized"), (2, "Bad Message Length"), (3, "Bad Message Type")],
    },
    CodeRow {
        code: code::OPEN,
        name: "OPEN Message Error",
        subcodes: &[
            (0, "Unspecific"),
            (1, "Unsupported Version Number"),
            (2, "Bad Peer AS"),
            (3, "Bad BGP Identifier"),
            (4, "Unsupported Optional Parameter"),
            (5, "Authentication Failure"),
            (6, "Unacceptable Hold Time"),
            (7, "Unsupported Capability"),
            (11, "Role Mismatch"),
        ],
    },
    CodeRow {
        code: code::UPDATE,
        name: "UPDATE Message Error",
        subcodes: &[
            (0, "Unspecific"),
            (1, "Malformed Attribute List"),
            (2, "Unrecognized Well-known Attribute"),
            (3, "Missing Well-known Attribute"),
            (4, "Attribute Flags Error"),
            (5, "Attribute Length Error"),
            (6, "Invalid ORIGIN Attribute"),
            (7, "AS Routing Loop"),
            (8, "Invalid NEXT_HOP Attribute"),
            (9, "Optional Attribute Error"),
            (10, "Invalid Network Field"),
            (11, "Malformed AS_PATH"),
        ],
    },
    CodeRow { code: code::HOLD_TIMER, name: "Hold Timer Expired", subcodes: &[] },
    CodeRow {
        code: code::FSM,
        name: "Finite State Machine Error",
        subcodes: &[
            (0, "Unspecified"),
            (1, "Receive Unexpected Message in OpenSent State"),
            (2, "Receive Unexpected Message in OpenConfirm State"),
            (3, "Receive Unexpected Message in Established State"),
        ],
    },
    CodeRow {
        code: code::CEASE,
        name: "Cease",
        subcodes: &[
            (0, "Unspecific"),
            (1, "Maximum Number of Prefixes Reached"),
            (2, "Administrative Shutdown"),
            (3, "Peer De-configured"),
            (4, "Administrative Reset"),
            (5, "Connection Rejected"),
            (6, "Other Configuration Change"),
            (7, "Connection Collision Resolution"),
            (8, "Out of Resources"),
            (9, "Hard Reset"),
            (10, "BFD Down"),
        ],
    },
    CodeRow {
        code: code::ROUTE_REFRESH,
        name: "ROUTE-REFRESH Message Error",
        subcodes: &[(1, "Invalid Message Length")],
    },
    CodeRow { code: code::SEND_HOLD_TIMER, name: "Send Hold Timer Expired", subcodes: &[] },
];

/// Largest data field of a NOTIFICATION of [`MAX_LEN`] octets.
const MAX_DATA: usize = MAX_LEN as usize - header::HEADER_LEN - 2;
/// Longest shutdown communication (RFC 9003).
const MAX_SHUTDOWN_TEXT: usize = 255;

/// A session-ending error, sent or received: the content of a NOTIFICATION.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotificationError {
    /// Error code ([`code`]).
    pub code: u8,
    /// Error subcode ([`subcode`]), 0 when the code has none.
    pub subcode: u8,
    /// Diagnostic data; cut at what a message of 4096 octets holds.
    pub data: Vec<u8>,
}

impl NotificationError {
    /// Without data.
    pub const fn new(code: u8, subcode: u8) -> Self {
        Self { code, subcode, data: Vec::new() }
    }

    /// The same with `data`, cut where it would not fit a message.
    #[must_use]
    pub fn with_data(mut self, data: &[u8]) -> Self {
        self.data = data[..data.len().min(MAX_DATA)].to_vec();
        self
    }

    /// Cease with `subcode` and a shutdown communication when `text` is not empty (RFC 9003; only
    /// Administrative Shutdown and Administrative Reset carry one). Text over 255 octets is cut between characters.
    pub fn cease_with_text(subcode: u8, text: &str) -> Self {
        let text = &text[..text.floor_char_boundary(MAX_SHUTDOWN_TEXT)];
        let mut data = Vec::with_capacity(1 + text.len());
        if !text.is_empty() {
            data.push(text.len() as u8);
            data.extend_from_slice(text.as_bytes());
        }
        Self { code: code::CEASE, subcode, data }
    }

    /// The shutdown communication of an Administrative Shutdown or Reset, control characters replaced
    /// so that it can be logged (RFC 9003 section 2); `None` when there is none or its length is wrong.
    pub fn shutdown_text(&self) -> Option<String> {
        use subcode::cease::{RESET, SHUTDOWN};
        if self.code != code::CEASE || !matches!(self.subcode, SHUTDOWN | RESET) {
            return None;
        }
        let (len, rest) = self.data.split_first()?;
        let text = rest.get(..usize::from(*len)).filter(|t| !t.is_empty())?;
        let text = String::from_utf8_lossy(text);
        Some(text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect())
    }

    /// Cease/Hard Reset around this error (RFC 8538 section 3).
    #[must_use]
    pub fn into_hard_reset(self) -> Self {
        let mut data = vec![self.code, self.subcode];
        data.extend_from_slice(&self.data);
        data.truncate(MAX_DATA);
        Self { code: code::CEASE, subcode: subcode::cease::HARD_RESET, data }
    }

    /// The error inside a Hard Reset (RFC 8538 section 3.1).
    pub fn hard_reset_inner(&self) -> Option<Self> {
        if self.code != code::CEASE || self.subcode != subcode::cease::HARD_RESET {
            return None;
        }
        let [code, subcode, data @ ..] = self.data.as_slice() else { return None };
        Some(Self { code: *code, subcode: *subcode, data: data.to_vec() })
    }

    /// Registered name of the code.
    pub fn code_name(&self) -> Option<&'static str> {
        TABLE.iter().find(|row| row.code == self.code).map(|row| row.name)
    }

    /// Registered name of the subcode.
    pub fn subcode_name(&self) -> Option<&'static str> {
        let row = TABLE.iter().find(|row| row.code == self.code)?;
        row.subcodes.iter().find(|(code, _)| *code == self.subcode).map(|(_, name)| *name)
    }

    /// From the body of a NOTIFICATION; [`crate::frame`] grants the two octets, a shorter body reads as zeroes.
    pub fn decode(body: &[u8]) -> Self {
        match body {
            [code, subcode, data @ ..] => Self::new(*code, *subcode).with_data(data),
            _ => Self::new(0, 0),
        }
    }

    /// Appends the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = header::begin(out, MessageType::Notification);
        out.extend_from_slice(&[self.code, self.subcode]);
        out.extend_from_slice(&self.data[..self.data.len().min(MAX_DATA)]);
        header::end(out, start);
    }
}

/// `Cease/Administrative Shutdown`; numbers where no name is registered.
impl fmt::Display for NotificationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code_name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "code {}", self.code)?,
        }
        match self.subcode_name() {
            Some(name) => write!(f, "/{name}"),
            None if self.subcode != 0 => write!(f, "/subcode {}", self.subcode),
            None => Ok(()),
        }
    }
}

/// Numbers, words and the size of the data.
impl fmt::Debug for NotificationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({self}), {} octets of data", self.code, self.subcode, self.data.len())
    }
}
