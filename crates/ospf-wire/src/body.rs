//! What is in an LSA, by type.

use crate::bytes::Reader;
use crate::{
    Error, ExternalV2, ExternalV3, InterAreaPrefix, InterAreaRouter, IntraAreaPrefix, LinkLsa, LsaHeader,
    LsaType, NetworkV2, NetworkV3, Opaque, Part, RouterV2, RouterV3, SummaryV2, Tlvs,
};

/// Body of an LSA, viewed in place. With the header of the LSA it says all that its octets say, but for reserved bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// OSPFv2 type 1.
    RouterV2(RouterV2<'a>),
    /// OSPFv2 type 2.
    NetworkV2(NetworkV2<'a>),
    /// OSPFv2 types 3 and 4.
    SummaryV2(SummaryV2<'a>),
    /// OSPFv2 types 5 and 7.
    ExternalV2(ExternalV2<'a>),
    /// OSPFv2 types 9 to 11.
    Opaque(Opaque<'a>),
    /// OSPFv3 router-LSA.
    RouterV3(RouterV3<'a>),
    /// OSPFv3 network-LSA.
    NetworkV3(NetworkV3<'a>),
    /// OSPFv3 inter-area-prefix-LSA.
    InterAreaPrefix(InterAreaPrefix),
    /// OSPFv3 inter-area-router-LSA.
    InterAreaRouter(InterAreaRouter),
    /// OSPFv3 AS-external-LSA and NSSA-LSA.
    ExternalV3(ExternalV3),
    /// OSPFv3 link-LSA.
    Link(LinkLsa<'a>),
    /// OSPFv3 intra-area-prefix-LSA.
    IntraAreaPrefix(IntraAreaPrefix<'a>),
    /// OSPFv3 grace-LSA and router information LSAs.
    Tlvs(Tlvs<'a>),
    /// A type that we do not know.
    Unknown(&'a [u8]),
}

impl<'a> Body<'a> {
    pub(crate) fn decode(header: &LsaHeader, octets: &'a [u8]) -> Result<Self, Error> {
        let reader = Reader::new(octets, LsaHeader::LEN, Part::LsaBody);
        Ok(match header.kind {
            LsaType::ROUTER_V2 => Self::RouterV2(RouterV2::read(reader)?),
            LsaType::NETWORK_V2 => Self::NetworkV2(NetworkV2::read(reader)?),
            LsaType::SUMMARY_V2 | LsaType::ASBR_SUMMARY_V2 => Self::SummaryV2(SummaryV2::read(reader)?),
            LsaType::EXTERNAL_V2 | LsaType::NSSA_V2 => Self::ExternalV2(ExternalV2::read(reader)?),
            LsaType::OPAQUE_LINK | LsaType::OPAQUE_AREA | LsaType::OPAQUE_AS => {
                Self::Opaque(Opaque { data: octets })
            }
            LsaType::ROUTER_V3 => Self::RouterV3(RouterV3::read(reader)?),
            LsaType::NETWORK_V3 => Self::NetworkV3(NetworkV3::read(reader)?),
            LsaType::INTER_AREA_PREFIX => Self::InterAreaPrefix(InterAreaPrefix::read(reader)?),
            LsaType::INTER_AREA_ROUTER => Self::InterAreaRouter(InterAreaRouter::read(reader)?),
            LsaType::EXTERNAL_V3 | LsaType::NSSA_V3 => Self::ExternalV3(ExternalV3::read(reader)?),
            LsaType::LINK => Self::Link(LinkLsa::read(reader)?),
            LsaType::INTRA_AREA_PREFIX => Self::IntraAreaPrefix(IntraAreaPrefix::read(reader)?),
            kind if kind.is_known() => Self::Tlvs(Tlvs::decode(octets)?),
            _ => Self::Unknown(octets),
        })
    }
}
