//! Packets: the header of both versions, and the five bodies (RFC 2328 section A.3, RFC 5340 section A.3).

use std::fmt;
use std::net::Ipv4Addr;

use ferr_types::{AreaId, RouterId};

use crate::bytes::Reader;
use crate::{DbdFlags, Error, Lls, LsaHeader, LsaRequest, Lsas, Options, Part, Records};

/// Version of OSPF, which is that of IP under it or one less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Version {
    /// OSPFv2, for IPv4.
    V2 = 2,
    /// OSPFv3, for IPv6.
    V3 = 3,
}

impl Version {
    /// Octets of the packet header.
    pub const fn header_len(self) -> usize {
        match self {
            Self::V2 => 24,
            Self::V3 => 16,
        }
    }
}

/// Octets of the longer packet header.
pub const MAX_HEADER_LEN: usize = Version::V2.header_len();

/// Packet type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Hello.
    Hello = 1,
    /// Database Description.
    Dbd = 2,
    /// Link State Request.
    LsRequest = 3,
    /// Link State Update.
    LsUpdate = 4,
    /// Link State Acknowledgment.
    LsAck = 5,
}

impl PacketType {
    /// The type with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Hello,
            2 => Self::Dbd,
            3 => Self::LsRequest,
            4 => Self::LsUpdate,
            5 => Self::LsAck,
            _ => return None,
        })
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hello => "Hello",
            Self::Dbd => "Database Description",
            Self::LsRequest => "Link State Request",
            Self::LsUpdate => "Link State Update",
            Self::LsAck => "Link State Acknowledgment",
        })
    }
}

/// Who sends a packet: what all headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Version.
    pub version: Version,
    /// Router ID of the sender.
    pub router: RouterId,
    /// Area to which the packet belongs.
    pub area: AreaId,
    /// Instance ID (of OSPFv2 by RFC 6549), 0 unless configured.
    pub instance: u8,
}

/// What a Hello says of its sender's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HelloLink {
    /// OSPFv2: the mask of the link; 0 on virtual links and unnumbered ones.
    Mask(Ipv4Addr),
    /// OSPFv3: the sender's number of the interface.
    Interface(u32),
}

/// Hello, without its neighbors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hello {
    /// Mask or interface, by version.
    pub link: HelloLink,
    /// Seconds between Hellos.
    pub hello_interval: u16,
    /// Capabilities.
    pub options: Options,
    /// Router priority; 0 never becomes designated router.
    pub priority: u8,
    /// Seconds of silence after which the sender is down; 16 bits in OSPFv3.
    pub dead_interval: u32,
    /// Designated router: its address in OSPFv2, its router ID in OSPFv3.
    pub designated: Ipv4Addr,
    /// Backup designated router, likewise.
    pub backup: Ipv4Addr,
}

/// Database Description, without its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dbd {
    /// Largest IP packet that the link carries; 0 on virtual links.
    pub mtu: u16,
    /// Capabilities.
    pub options: Options,
    /// Flags.
    pub flags: DbdFlags,
    /// DD sequence number.
    pub sequence: u32,
}

/// Body of a packet, viewed in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketBody<'a> {
    /// Hello, and the neighbors that its sender has heard.
    Hello(Hello, Records<'a, RouterId>),
    /// Database Description, and the headers of LSAs in it.
    Dbd(Dbd, Records<'a, LsaHeader>),
    /// LSAs asked for.
    LsRequest(Records<'a, LsaRequest>),
    /// LSAs.
    LsUpdate(Lsas<'a>),
    /// Headers of LSAs that were received.
    LsAck(Records<'a, LsaHeader>),
}

/// A received packet whose header makes sense. Nothing is proven yet: see the `verify` functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The sender.
    pub origin: Origin,
    /// Packet type.
    pub kind: PacketType,
    /// Checksum as sent; 0 under cryptographic authentication.
    pub checksum: u16,
    octets: &'a [u8],
    behind: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Views the payload of an IP packet.
    ///
    /// # Errors
    /// Too short, of another version, of an unknown type, or not as long as its header says.
    pub fn decode(version: Version, payload: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(payload, 0, Part::Header);
        let number = reader.u8()?;
        if number != version as u8 {
            return Err(Error::Version(number));
        }
        let code = reader.u8()?;
        let length = usize::from(reader.u16()?);
        let (router, area) = (RouterId(reader.ipv4()?), AreaId(reader.ipv4()?));
        let (checksum, instance) = (reader.u16()?, reader.u8()?);
        reader.take(version.header_len() - 15)?;
        let kind = PacketType::from_code(code).ok_or(Error::PacketType(code))?;
        let wrong = Error::Length { part: Part::Header, at: 2, value: length };
        let (octets, behind) = payload.split_at_checked(length).ok_or(wrong)?;
        if length < version.header_len() {
            return Err(wrong);
        }
        let origin = Origin { version, router, area, instance };
        Ok(Self { origin, kind, checksum, octets, behind })
    }

    /// The packet, as long as its header says.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// What follows it: authentication and link-local signaling.
    pub const fn behind(&self) -> &'a [u8] {
        self.behind
    }

    fn reader(&self, part: Part) -> Reader<'a> {
        let at = self.origin.version.header_len();
        Reader::new(self.octets.get(at..).unwrap_or_default(), at, part)
    }

    /// What the packet says. To be asked after authentication.
    ///
    /// # Errors
    /// The body is not what its type says; LSAs are looked at as far as their lengths.
    pub fn body(&self) -> Result<PacketBody<'a>, Error> {
        let version = self.origin.version;
        Ok(match self.kind {
            PacketType::Hello => self.hello()?,
            PacketType::Dbd => self.dbd()?,
            PacketType::LsRequest => {
                let reader = self.reader(Part::LsRequest);
                PacketBody::LsRequest(Records::new(reader.rest(), version, reader.at(), Part::LsRequest)?)
            }
            PacketType::LsUpdate => {
                let mut reader = self.reader(Part::LsUpdate);
                let count = reader.u32()?;
                PacketBody::LsUpdate(Lsas::decode(version, count, reader.part(Part::LsaHeader))?)
            }
            PacketType::LsAck => {
                let reader = self.reader(Part::LsAck);
                PacketBody::LsAck(Records::new(reader.rest(), version, reader.at(), Part::LsAck)?)
            }
        })
    }

    fn hello(&self) -> Result<PacketBody<'a>, Error> {
        let version = self.origin.version;
        let mut reader = self.reader(Part::Hello);
        let hello = match version {
            Version::V2 => Hello {
                link: HelloLink::Mask(reader.ipv4()?),
                hello_interval: reader.u16()?,
                options: Options::from_bits_retain(reader.u8()?.into()),
                priority: reader.u8()?,
                dead_interval: reader.u32()?,
                designated: reader.ipv4()?,
                backup: reader.ipv4()?,
            },
            Version::V3 => {
                let (interface, priority) = (reader.u32()?, reader.u8()?);
                Hello {
                    link: HelloLink::Interface(interface),
                    options: Options::from_bits_retain(reader.u24()?),
                    hello_interval: reader.u16()?,
                    priority,
                    dead_interval: reader.u16()?.into(),
                    designated: reader.ipv4()?,
                    backup: reader.ipv4()?,
                }
            }
        };
        Ok(PacketBody::Hello(hello, Records::new(reader.rest(), version, reader.at(), Part::Hello)?))
    }

    fn dbd(&self) -> Result<PacketBody<'a>, Error> {
        let version = self.origin.version;
        let mut reader = self.reader(Part::Dbd);
        let (mtu, options) = match version {
            Version::V2 => (reader.u16()?, reader.u8()?.into()),
            Version::V3 => {
                reader.u8()?;
                let (options, mtu) = (reader.u24()?, reader.u16()?);
                reader.u8()?;
                (mtu, options)
            }
        };
        let dbd = Dbd {
            mtu,
            options: Options::from_bits_retain(options),
            flags: DbdFlags::from_bits_retain(reader.u8()?),
            sequence: reader.u32()?,
        };
        Ok(PacketBody::Dbd(dbd, Records::new(reader.rest(), version, reader.at(), Part::Dbd)?))
    }

    /// The options, without decoding the rest of the body; only Hello and Database Description have them.
    pub fn options(&self) -> Option<Options> {
        let (at, octets) = match (self.origin.version, self.kind) {
            (Version::V2, PacketType::Hello) => (30, 1),
            (Version::V2, PacketType::Dbd) => (26, 1),
            (Version::V3, PacketType::Hello) => (21, 3),
            (Version::V3, PacketType::Dbd) => (17, 3),
            _ => return None,
        };
        let field = self.octets.get(at..at + octets)?;
        let bits = field.iter().fold(0, |bits, octet| bits << 8 | u32::from(*octet));
        Some(Options::from_bits_retain(bits))
    }

    /// The block of link-local signaling; none unless the options announce it.
    ///
    /// # Errors
    /// The block is announced, and missing or malformed.
    pub fn lls(&self) -> Result<Option<Lls<'a>>, Error> {
        let bit = match self.origin.version {
            Version::V2 => Options::LLS_V2,
            Version::V3 => Options::LLS_V3,
        };
        if !self.options().is_some_and(|options| options.contains(bit)) {
            return Ok(None);
        }
        let before = self.digest_len();
        let at = self.octets.len() + before;
        Lls::decode(self.behind.get(before..).unwrap_or_default(), at).map(Some)
    }
}

impl fmt::Debug for Packet<'_> {
    /// Leaves authentication out: a password is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("origin", &self.origin)
            .field("kind", &self.kind)
            .field("body", &self.body())
            .finish_non_exhaustive()
    }
}
