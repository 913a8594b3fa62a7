//! OPEN (RFC 4271 sections 4.2 and 6.2, RFC 5492, RFC 9072).

use std::net::Ipv4Addr;

use ferr_types::{Asn, Family, FamilySet, RouterId};

use crate::capability::Capability;
use crate::header::{self, MessageType};
use crate::notification::{NotificationError, code, subcode};

/// The protocol version.
const VERSION: u8 = 4;
/// Optional parameter "Capabilities".
const PARAMETER_CAPABILITIES: u8 = 2;
/// Marks extended optional parameters, as length and as type (RFC 9072 section 2).
const EXTENDED: u8 = 255;

/// An OPEN message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Protocol version, 4.
    pub version: u8,
    /// AS number: of the 4-octet capability when there is one, else of the fixed field.
    pub asn: Asn,
    /// The 2-octet field as received; encoding derives it from `asn`.
    pub my_as_field: u16,
    /// Seconds; 0 or at least 3.
    pub hold_time: u16,
    /// BGP Identifier.
    pub router_id: RouterId,
    /// Capabilities in order.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// An OPEN to send: adds nothing to `capabilities`, so they should hold [`Capability::FourOctetAs`].
    pub const fn new(asn: Asn, hold_time: u16, router_id: RouterId, capabilities: Vec<Capability>) -> Self {
        Self { version: VERSION, asn, my_as_field: asn.to_2_octets(), hold_time, router_id, capabilities }
    }

    /// From the body.
    ///
    /// # Errors
    /// OPEN Message Error for another version, AS 0 (RFC 7607), a hold time of 1 or 2, identifier 0.0.0.0
    /// (RFC 6286), an optional parameter other than capabilities, and truncated or overlong structures.
    pub fn decode(body: &[u8]) -> Result<Self, NotificationError> {
        let Some(([version, a0, a1, h0, h1, r0, r1, r2, r3, len], rest)) = body.split_first_chunk::<10>()
        else {
            return Err(NotificationError::new(code::MESSAGE_HEADER, subcode::header::BAD_LENGTH));
        };
        if *version != VERSION {
            let supported = u16::from(VERSION).to_be_bytes();
            return Err(error(subcode::open::VERSION).with_data(&supported));
        }
        let my_as_field = u16::from_be_bytes([*a0, *a1]);
        let hold_time = u16::from_be_bytes([*h0, *h1]);
        let router_id = RouterId(Ipv4Addr::new(*r0, *r1, *r2, *r3));
        let capabilities = parameters(*len, rest)?;
        let four_octet = capabilities.iter().rev().find_map(|c| match c {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        });
        let asn = four_octet.unwrap_or(Asn(u32::from(my_as_field)));
        if asn.0 == 0 || my_as_field == 0 {
            return Err(error(subcode::open::BAD_PEER_AS));
        }
        if matches!(hold_time, 1 | 2) {
            return Err(error(subcode::open::HOLD_TIME).with_data(&hold_time.to_be_bytes()));
        }
        if router_id == RouterId::UNSET {
            return Err(error(subcode::open::BAD_IDENTIFIER));
        }
        Ok(Self { version: *version, asn, my_as_field, hold_time, router_id, capabilities })
    }

    /// Appends the whole message: one parameter with all capabilities, in the extended form of RFC 9072 when the
    /// plain one is too small. Capabilities beyond 4096 octets are left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut capabilities = Vec::with_capacity(128);
        let room = usize::from(header::MAX_LEN) - header::HEADER_LEN - 10 - 6;
        for capability in &self.capabilities {
            let before = capabilities.len();
            capability.encode(&mut capabilities);
            if capabilities.len() > room {
                capabilities.truncate(before);
            }
        }
        let start = header::begin(out, MessageType::Open);
        out.push(self.version);
        out.extend_from_slice(&self.asn.to_2_octets().to_be_bytes());
        out.extend_from_slice(&self.hold_time.to_be_bytes());
        out.extend_from_slice(&self.router_id.0.octets());
        let len = capabilities.len();
        if len == 0 {
            out.push(0);
        } else if len + 2 <= usize::from(u8::MAX) {
            out.extend_from_slice(&[len as u8 + 2, PARAMETER_CAPABILITIES, len as u8]);
        } else {
            out.extend_from_slice(&[EXTENDED, EXTENDED]);
            out.extend_from_slice(&(len as u16 + 3).to_be_bytes());
            out.push(PARAMETER_CAPABILITIES);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        out.extend_from_slice(&capabilities);
        header::end(out, start);
    }

    /// Whether some capability satisfies `f`.
    pub fn has(&self, f: impl Fn(&Capability) -> bool) -> bool {
        self.capabilities.iter().any(f)
    }

    /// Families offered; IPv4 unicast when there is no multiprotocol capability at all (RFC 4760 section 8).
    pub fn families(&self) -> FamilySet {
        if !self.has(|c| matches!(c, Capability::Multiprotocol { .. })) {
            return FamilySet::only(Family::Ipv4Unicast);
        }
        let family = |c: &Capability| match c {
            Capability::Multiprotocol { afi, safi } => Family::from_codes(*afi, *safi),
            _ => None,
        };
        self.capabilities.iter().filter_map(family).collect()
    }

    /// Longest message that the sender of this OPEN has to accept (RFC 8654 section 4): for [`crate::frame`], that of
    /// our own OPEN.
    pub fn max_receive_len(&self) -> u16 {
        if self.has(|c| matches!(c, Capability::ExtendedMessage)) {
            header::MAX_LEN_EXTENDED
        } else {
            header::MAX_LEN
        }
    }

    /// Families in which the speaker sends path identifiers.
    pub fn add_path_send(&self) -> FamilySet {
        self.add_path(|f| f.send)
    }

    /// Families in which the speaker receives path identifiers.
    pub fn add_path_receive(&self) -> FamilySet {
        self.add_path(|f| f.receive)
    }

    fn add_path(&self, direction: fn(&crate::AddPathFamily) -> bool) -> FamilySet {
        let lists = self.capabilities.iter().filter_map(|c| match c {
            Capability::AddPath(families) => Some(families),
            _ => None,
        });
        lists.flatten().filter(|f| direction(f)).filter_map(|f| Family::from_codes(f.afi, f.safi)).collect()
    }

    /// IPv4 families offered with an IPv6 next hop.
    pub fn extended_nexthop(&self) -> FamilySet {
        let lists = self.capabilities.iter().filter_map(|c| match c {
            Capability::ExtendedNexthop(families) => Some(families),
            _ => None,
        });
        let with_v6 = lists.flatten().filter(|f| f.afi == 1 && f.nexthop_afi == 2);
        with_v6.filter_map(|f| Family::from_codes(f.afi, u8::try_from(f.safi).ok()?)).collect()
    }
}

const fn error(subcode: u8) -> NotificationError {
    NotificationError::new(code::OPEN, subcode)
}

/// A recognised parameter that is malformed has no subcode of its own (RFC 4271 section 6.2).
const fn unspecific() -> NotificationError {
    error(subcode::open::UNSPECIFIC)
}

/// Optional parameters in either form; `len` is the length octet, `rest` all that follows it.
fn parameters(len: u8, rest: &[u8]) -> Result<Vec<Capability>, NotificationError> {
    let (extended, mut rest) = match rest {
        // The type alone decides; the length octet then counts for nothing.
        [EXTENDED, l0, l1, rest @ ..] if len != 0 => {
            if usize::from(u16::from_be_bytes([*l0, *l1])) != rest.len() {
                return Err(unspecific());
            }
            (true, rest)
        }
        _ if usize::from(len) == rest.len() => (false, rest),
        _ => return Err(unspecific()),
    };
    let mut capabilities = Vec::new();
    while let Some((kind, tail)) = rest.split_first() {
        let (len, tail) = if extended {
            let (len, tail) = tail.split_first_chunk::<2>().ok_or_else(unspecific)?;
            (usize::from(u16::from_be_bytes(*len)), tail)
        } else {
            let (len, tail) = tail.split_first().ok_or_else(unspecific)?;
            (usize::from(*len), tail)
        };
        let (value, tail) = tail.split_at_checked(len).ok_or_else(unspecific)?;
        if *kind != PARAMETER_CAPABILITIES {
            return Err(error(subcode::open::OPTIONAL_PARAMETER));
        }
        parse_capabilities(value, &mut capabilities)?;
        rest = tail;
    }
    Ok(capabilities)
}

fn parse_capabilities(mut rest: &[u8], into: &mut Vec<Capability>) -> Result<(), NotificationError> {
    while !rest.is_empty() {
        let [kind, len, tail @ ..] = rest else { return Err(unspecific()) };
        let (value, tail) = tail.split_at_checked(usize::from(*len)).ok_or_else(unspecific)?;
        into.push(Capability::decode(*kind, value).map_err(|_| unspecific())?);
        rest = tail;
    }
    Ok(())
}
