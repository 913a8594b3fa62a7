//! What is wrong with octets, and what cannot be written.

use std::fmt;

/// What was being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Packet header.
    Header,
    /// Body of a Hello.
    Hello,
    /// Body of a Database Description.
    Dbd,
    /// Body of a Link State Request.
    LsRequest,
    /// Body of a Link State Update.
    LsUpdate,
    /// Body of a Link State Acknowledgment.
    LsAck,
    /// Header of an LSA.
    LsaHeader,
    /// Fixed part of an LSA's body.
    LsaBody,
    /// A link of a router-LSA.
    Link,
    /// A prefix of an OSPFv3 LSA.
    Prefix,
    /// A TLV.
    Tlv,
    /// Block of link-local signaling.
    Lls,
    /// Authentication behind the packet.
    Trailer,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "packet header",
            Self::Hello => "Hello",
            Self::Dbd => "Database Description",
            Self::LsRequest => "Link State Request",
            Self::LsUpdate => "Link State Update",
            Self::LsAck => "Link State Acknowledgment",
            Self::LsaHeader => "LSA header",
            Self::LsaBody => "LSA body",
            Self::Link => "link of a router-LSA",
            Self::Prefix => "prefix",
            Self::Tlv => "TLV",
            Self::Lls => "LLS block",
            Self::Trailer => "authentication trailer",
        })
    }
}

/// Octets that are not what they should be. `at` counts from the start of what was given to the decoder: the packet, the
/// LSA or the list of TLVs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// The octets end within a field.
    #[error("{part} at octet {at}: {missing} octets are missing")]
    Truncated {
        /// What was being read.
        part: Part,
        /// Where the field begins.
        at: usize,
        /// Octets that it lacks.
        missing: usize,
    },
    /// A length field that cannot be true.
    #[error("{part} at octet {at}: length {value} is wrong")]
    Length {
        /// What was being read.
        part: Part,
        /// Where the length stands.
        at: usize,
        /// The length.
        value: usize,
    },
    /// Octets are left over.
    #[error("{part} at octet {at}: {left} octets too many")]
    Trailing {
        /// What was being read.
        part: Part,
        /// Where they begin.
        at: usize,
        /// How many they are.
        left: usize,
    },
    /// A field holds a value that its part does not allow.
    #[error("{part} at octet {at}: value {value} is not allowed")]
    Value {
        /// What was being read.
        part: Part,
        /// Where the field begins.
        at: usize,
        /// The value.
        value: u32,
    },
    /// A part that has to be there is not.
    #[error("{part} of type {kind} is missing")]
    Missing {
        /// What is missing.
        part: Part,
        /// Its type.
        kind: u16,
    },
    /// The version is not that of the socket.
    #[error("version {0}")]
    Version(u8),
    /// The packet type is not one of the five.
    #[error("packet type {0}")]
    PacketType(u8),
}

/// What cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EncodeError {
    /// The buffer is full; what was written before is whole.
    #[error("no space left in the buffer")]
    NoSpace,
    /// More than the length field of the packet or LSA can say.
    #[error("longer than a length field can say")]
    TooLong,
    /// The type has no such body.
    #[error("the type of the LSA has another body")]
    WrongBody,
    /// The key is for another version or method.
    #[error("the key is for another use")]
    WrongKey,
}
