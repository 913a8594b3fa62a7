//! Capabilities (RFC 5492 section 4): values kept in full, so that an OPEN can be shown and sent again.
//!
//! A capability whose value does not have the form of its code is kept as [`Capability::Unknown`], which means "not
//! advertised": only the two on which the session stands (multiprotocol, 4-octet AS) make the OPEN an error.

use ferr_types::Asn;

/// Family and IPv6-capable next hop (RFC 8950 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedNexthopFamily {
    /// NLRI address family number.
    pub afi: u16,
    /// NLRI subsequent address family number.
    pub safi: u16,
    /// Address family number of the next hop.
    pub nexthop_afi: u16,
}

/// Family in a graceful restart capability (RFC 4724 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GracefulFamily {
    /// Address family number.
    pub afi: u16,
    /// Subsequent address family number.
    pub safi: u8,
    /// Forwarding state was kept over the restart.
    pub forwarding: bool,
}

/// Family in an add-path capability (RFC 7911 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddPathFamily {
    /// Address family number.
    pub afi: u16,
    /// Subsequent address family number.
    pub safi: u8,
    /// The speaker can send path identifiers.
    pub send: bool,
    /// The speaker can receive path identifiers.
    pub receive: bool,
}

/// Family in a long-lived graceful restart capability (RFC 9494 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LongLivedFamily {
    /// Address family number.
    pub afi: u16,
    /// Subsequent address family number.
    pub safi: u8,
    /// Forwarding state was kept over the restart.
    pub forwarding: bool,
    /// Seconds to keep stale routes, 24 bits.
    pub stale_time: u32,
}

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capability {
    /// 1: RFC 4760.
    Multiprotocol {
        /// Address family number.
        afi: u16,
        /// Subsequent address family number.
        safi: u8,
    },
    /// 2: RFC 2918.
    RouteRefresh,
    /// 5: RFC 8950.
    ExtendedNexthop(Vec<ExtendedNexthopFamily>),
    /// 6: RFC 8654.
    ExtendedMessage,
    /// 9: RFC 9234.
    Role(u8),
    /// 64: RFC 4724, 8538.
    GracefulRestart {
        /// Restart State: the speaker has restarted.
        restart: bool,
        /// Graceful NOTIFICATION (RFC 8538).
        notification: bool,
        /// Restart Time in seconds, 12 bits.
        time: u16,
        /// Families.
        families: Vec<GracefulFamily>,
    },
    /// 65: RFC 6793.
    FourOctetAs(Asn),
    /// 67: dynamic capability.
    Dynamic,
    /// 69: RFC 7911.
    AddPath(Vec<AddPathFamily>),
    /// 70: RFC 7313.
    EnhancedRouteRefresh,
    /// 71: RFC 9494.
    LongLivedGracefulRestart(Vec<LongLivedFamily>),
    /// 73: host and domain name.
    Fqdn {
        /// Host name.
        host: String,
        /// Domain name, may be empty.
        domain: String,
    },
    /// 75: text that names the software.
    SoftwareVersion(String),
    /// 128: route refresh of implementations older than RFC 2918.
    RouteRefreshCisco,
    /// Anything else, or a value that does not have its code's form.
    Unknown {
        /// Capability code.
        code: u8,
        /// Value.
        data: Vec<u8>,
    },
}

/// Value of a capability that is essential and malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed capability")]
pub(crate) struct MalformedCapability;

/// Longest value.
const MAX_VALUE: usize = 255;
/// Longest name put into an FQDN capability, so that two of them fit.
const MAX_NAME: usize = 126;

impl Capability {
    /// Reads one value.
    pub(crate) fn decode(code: u8, data: &[u8]) -> Result<Self, MalformedCapability> {
        match (code, data) {
            (1, [a0, a1, _, safi]) => {
                return Ok(Self::Multiprotocol { afi: u16::from_be_bytes([*a0, *a1]), safi: *safi });
            }
            (65, [a, b, c, d]) => return Ok(Self::FourOctetAs(Asn(u32::from_be_bytes([*a, *b, *c, *d])))),
            (1 | 65, _) => return Err(MalformedCapability),
            _ => {}
        }
        Ok(Self::decode_optional(code, data).unwrap_or_else(|| Self::Unknown { code, data: data.to_vec() }))
    }

    fn decode_optional(code: u8, data: &[u8]) -> Option<Self> {
        Some(match (code, data) {
            (2, []) => Self::RouteRefresh,
            (5, _) => Self::ExtendedNexthop(items::<6, _>(data, |[a0, a1, s0, s1, n0, n1]| {
                Some(ExtendedNexthopFamily {
                    afi: u16::from_be_bytes([a0, a1]),
                    safi: u16::from_be_bytes([s0, s1]),
                    nexthop_afi: u16::from_be_bytes([n0, n1]),
                })
            })?),
            (6, []) => Self::ExtendedMessage,
            (9, [role]) => Self::Role(*role),
            (64, [flags, time, families @ ..]) => Self::GracefulRestart {
                restart: flags & 0x80 != 0,
                notification: flags & 0x40 != 0,
                time: u16::from_be_bytes([flags & 0x0f, *time]),
                families: items::<4, _>(families, |[a0, a1, safi, flags]| {
                    let afi = u16::from_be_bytes([a0, a1]);
                    Some(GracefulFamily { afi, safi, forwarding: flags & 0x80 != 0 })
                })?,
            },
            (67, _) => Self::Dynamic,
            (69, _) => Self::AddPath(items::<4, _>(data, |[a0, a1, safi, mode]| {
                let afi = u16::from_be_bytes([a0, a1]);
                // Another value voids the capability (RFC 7911 section 4).
                let known = matches!(mode, 1..=3);
                known.then_some(AddPathFamily { afi, safi, send: mode & 2 != 0, receive: mode & 1 != 0 })
            })?),
            (70, []) => Self::EnhancedRouteRefresh,
            (71, _) => {
                Self::LongLivedGracefulRestart(items::<7, _>(data, |[a0, a1, safi, flags, t0, t1, t2]| {
                    Some(LongLivedFamily {
                        afi: u16::from_be_bytes([a0, a1]),
                        safi,
                        forwarding: flags & 0x80 != 0,
                        stale_time: u32::from_be_bytes([0, t0, t1, t2]),
                    })
                })?)
            }
            (73, _) => {
                let (host, rest) = text(data)?;
                let (domain, rest) = text(rest)?;
                rest.is_empty().then_some(Self::Fqdn { host, domain })?
            }
            (75, _) => {
                let (version, rest) = text(data)?;
                rest.is_empty().then_some(Self::SoftwareVersion(version))?
            }
            (128, []) => Self::RouteRefreshCisco,
            _ => return None,
        })
    }

    /// Capability code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Multiprotocol { .. } => 1,
            Self::RouteRefresh => 2,
            Self::ExtendedNexthop(_) => 5,
            Self::ExtendedMessage => 6,
            Self::Role(_) => 9,
            Self::GracefulRestart { .. } => 64,
            Self::FourOctetAs(_) => 65,
            Self::Dynamic => 67,
            Self::AddPath(_) => 69,
            Self::EnhancedRouteRefresh => 70,
            Self::LongLivedGracefulRestart(_) => 71,
            Self::Fqdn { .. } => 73,
            Self::SoftwareVersion(_) => 75,
            Self::RouteRefreshCisco => 128,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// Appends code, length and value. Lists and texts beyond the 255 octets of a value are cut between elements.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.code(), 0]);
        let start = out.len();
        self.encode_value(out);
        let mut len = out.len() - start;
        if len > MAX_VALUE {
            len -= (len - MAX_VALUE).next_multiple_of(self.element_len());
            out.truncate(start + len);
        }
        out[start - 1] = len as u8;
    }

    /// Octets of the elements that a value is made of.
    const fn element_len(&self) -> usize {
        match self {
            Self::ExtendedNexthop(_) => 6,
            Self::GracefulRestart { .. } | Self::AddPath(_) => 4,
            Self::LongLivedGracefulRestart(_) => 7,
            _ => 1,
        }
    }

    fn encode_value(&self, out: &mut Vec<u8>) {
        match self {
            Self::Multiprotocol { afi, safi } => {
                out.extend_from_slice(&afi.to_be_bytes());
                out.extend_from_slice(&[0, *safi]);
            }
            Self::ExtendedNexthop(families) => {
                for f in families {
                    out.extend_from_slice(&f.afi.to_be_bytes());
                    out.extend_from_slice(&f.safi.to_be_bytes());
                    out.extend_from_slice(&f.nexthop_afi.to_be_bytes());
                }
            }
            Self::Role(role) => out.push(*role),
            Self::GracefulRestart { restart, notification, time, families } => {
                let [high, low] = (time & 0x0fff).to_be_bytes();
                out.extend_from_slice(&[high | u8::from(*restart) << 7 | u8::from(*notification) << 6, low]);
                for f in families {
                    out.extend_from_slice(&f.afi.to_be_bytes());
                    out.extend_from_slice(&[f.safi, u8::from(f.forwarding) << 7]);
                }
            }
            Self::FourOctetAs(asn) => out.extend_from_slice(&asn.0.to_be_bytes()),
            Self::AddPath(families) => {
                for f in families {
                    out.extend_from_slice(&f.afi.to_be_bytes());
                    out.extend_from_slice(&[f.safi, u8::from(f.send) << 1 | u8::from(f.receive)]);
                }
            }
            Self::LongLivedGracefulRestart(families) => {
                for f in families {
                    out.extend_from_slice(&f.afi.to_be_bytes());
                    out.extend_from_slice(&[f.safi, u8::from(f.forwarding) << 7]);
                    out.extend_from_slice(&f.stale_time.to_be_bytes()[1..]);
                }
            }
            Self::Fqdn { host, domain } => {
                put_text(host, MAX_NAME, out);
                put_text(domain, MAX_NAME, out);
            }
            Self::SoftwareVersion(version) => put_text(version, MAX_VALUE - 1, out),
            Self::Unknown { data, .. } => out.extend_from_slice(data),
            Self::RouteRefresh
            | Self::ExtendedMessage
            | Self::Dynamic
            | Self::EnhancedRouteRefresh
            | Self::RouteRefreshCisco => {}
        }
    }
}

/// Elements of `N` octets each; `None` when one is cut short or refused.
fn items<const N: usize, T>(data: &[u8], f: impl Fn([u8; N]) -> Option<T>) -> Option<Vec<T>> {
    let (chunks, rest) = data.as_chunks::<N>();
    if !rest.is_empty() {
        return None;
    }
    chunks.iter().map(|c| f(*c)).collect()
}

/// Text behind a length octet, and what follows.
fn text(data: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = data.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((String::from_utf8_lossy(text).into_owned(), rest))
}

fn put_text(text: &str, max: usize, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(max)];
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}
