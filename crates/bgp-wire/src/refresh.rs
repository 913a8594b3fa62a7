//! ROUTE-REFRESH (RFC 2918), with the subtypes of RFC 7313 and outbound route filters (RFC 5291) as bytes.

use crate::header::{self, MessageType};
use crate::notification::{NotificationError, code, subcode};

/// Meaning of a ROUTE-REFRESH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefreshSubtype {
    /// Request to send everything again, perhaps with filters.
    Request,
    /// Beginning of a refresh (BoRR).
    Begin,
    /// End of a refresh (EoRR).
    End,
    /// Not registered; the message is to be ignored (RFC 7313 section 5).
    Unknown(u8),
}

/// A ROUTE-REFRESH message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRefresh {
    /// Address family number.
    pub afi: u16,
    /// Subsequent address family number.
    pub safi: u8,
    /// Its meaning.
    pub subtype: RefreshSubtype,
    /// Outbound route filter part of a request, uninterpreted.
    pub orf: Vec<u8>,
}

impl RouteRefresh {
    /// From the body.
    ///
    /// # Errors
    /// ROUTE-REFRESH Message Error when a BoRR or EoRR is not 4 octets (RFC 7313 section 5), with the message as data;
    /// a header error when the body is shorter.
    pub fn decode(body: &[u8]) -> Result<Self, NotificationError> {
        let [a0, a1, subtype, safi, orf @ ..] = body else {
            return Err(NotificationError::new(code::MESSAGE_HEADER, subcode::header::BAD_LENGTH));
        };
        let subtype = match *subtype {
            0 => RefreshSubtype::Request,
            1 => RefreshSubtype::Begin,
            2 => RefreshSubtype::End,
            other => RefreshSubtype::Unknown(other),
        };
        if !orf.is_empty() && matches!(subtype, RefreshSubtype::Begin | RefreshSubtype::End) {
            let mut message = Vec::with_capacity(header::HEADER_LEN + body.len());
            let start = header::begin(&mut message, MessageType::RouteRefresh);
            message.extend_from_slice(body);
            header::end(&mut message, start);
            let error = NotificationError::new(code::ROUTE_REFRESH, subcode::refresh::LENGTH);
            return Err(error.with_data(&message));
        }
        Ok(Self { afi: u16::from_be_bytes([*a0, *a1]), safi: *safi, subtype, orf: orf.to_vec() })
    }

    /// Appends the whole message. Filters beyond what 4096 octets hold are left out as a whole.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = header::begin(out, MessageType::RouteRefresh);
        out.extend_from_slice(&self.afi.to_be_bytes());
        out.push(match self.subtype {
            RefreshSubtype::Request => 0,
            RefreshSubtype::Begin => 1,
            RefreshSubtype::End => 2,
            RefreshSubtype::Unknown(code) => code,
        });
        out.push(self.safi);
        if out.len() - start + self.orf.len() <= usize::from(header::MAX_LEN) {
            out.extend_from_slice(&self.orf);
        }
        header::end(out, start);
    }
}
