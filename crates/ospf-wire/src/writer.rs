//! Writing packets and LSAs.
//!
//! A writer fills the caller's buffer until it is full: what does not fit is refused as a whole, and what was written before
//! stays good, so that a list that is too long for one packet goes on in the next.

use std::marker::PhantomData;
use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_types::RouterId;

use crate::bytes::Sink;
use crate::checksum::fletcher;
use crate::lls::put_tlv;
use crate::record::put;
use crate::{
    Age, Body, Dbd, EncodeError, Grace, Hello, HelloLink, InterAreaPrefix, InterAreaRouter, LinkV2, LinkV3,
    LsaHeader, LsaRequest, LsaType, Options, Origin, PacketType, PrefixV3, Record, Referenced, RouterBits,
    Tlv, Version, tlv_type,
};

fn start<'b>(buf: &'b mut [u8], origin: &Origin, kind: PacketType) -> Result<Sink<'b>, EncodeError> {
    let mut sink = Sink::new(buf);
    sink.put(&[origin.version as u8, kind as u8, 0, 0])?;
    sink.put(&origin.router.0.octets())?;
    sink.put(&origin.area.0.octets())?;
    sink.put(&[0, 0, origin.instance, 0])?;
    if origin.version == Version::V2 {
        sink.put(&[0; 8])?;
    }
    Ok(sink)
}

fn finish(mut sink: Sink<'_>) -> Result<usize, EncodeError> {
    let length = u16::try_from(sink.len()).map_err(|_| EncodeError::TooLong)?;
    sink.patch(2, &length.to_be_bytes());
    Ok(sink.len())
}

/// Writes a packet that ends with records of the type `T`. Then one of the `seal` functions makes it ready to be sent.
#[derive(Debug)]
pub struct PacketWriter<'b, T> {
    sink: Sink<'b>,
    version: Version,
    kind: PhantomData<T>,
}

impl<'b, T: Record> PacketWriter<'b, T> {
    fn over(buf: &'b mut [u8], origin: &Origin, kind: PacketType) -> Result<Self, EncodeError> {
        Ok(Self { sink: start(buf, origin, kind)?, version: origin.version, kind: PhantomData })
    }

    /// Adds one record.
    ///
    /// # Errors
    /// No space; the packet is as before.
    pub fn push(&mut self, record: &T) -> Result<(), EncodeError> {
        put(&mut self.sink, self.version, record)
    }

    /// How many more records fit.
    pub const fn room(&self) -> usize {
        self.sink.room() / T::LEN
    }

    /// The length of the packet, which has neither checksum nor authentication yet.
    ///
    /// # Errors
    /// It is longer than its length field can say.
    pub fn finish(self) -> Result<usize, EncodeError> {
        finish(self.sink)
    }
}

impl<'b> PacketWriter<'b, RouterId> {
    /// A Hello; its neighbors are pushed.
    ///
    /// # Errors
    /// No space, or [`HelloLink`] is that of the other version, or the dead interval does not fit.
    pub fn hello(buf: &'b mut [u8], origin: &Origin, hello: &Hello) -> Result<Self, EncodeError> {
        let mut writer = Self::over(buf, origin, PacketType::Hello)?;
        let sink = &mut writer.sink;
        match (origin.version, hello.link) {
            (Version::V2, HelloLink::Mask(mask)) => {
                sink.put(&mask.octets())?;
                sink.u16(hello.hello_interval)?;
                sink.put(&[hello.options.bits() as u8, hello.priority])?;
                sink.u32(hello.dead_interval)?;
            }
            (Version::V3, HelloLink::Interface(interface)) => {
                sink.u32(interface)?;
                sink.u8(hello.priority)?;
                sink.u24(hello.options.bits())?;
                sink.u16(hello.hello_interval)?;
                sink.u16(u16::try_from(hello.dead_interval).map_err(|_| EncodeError::TooLong)?)?;
            }
            _ => return Err(EncodeError::WrongBody),
        }
        sink.put(&hello.designated.octets())?;
        sink.put(&hello.backup.octets())?;
        Ok(writer)
    }
}

impl<'b> PacketWriter<'b, LsaHeader> {
    /// A Database Description; its headers are pushed.
    ///
    /// # Errors
    /// No space.
    pub fn dbd(buf: &'b mut [u8], origin: &Origin, dbd: &Dbd) -> Result<Self, EncodeError> {
        let mut writer = Self::over(buf, origin, PacketType::Dbd)?;
        let sink = &mut writer.sink;
        match origin.version {
            Version::V2 => {
                sink.u16(dbd.mtu)?;
                sink.u8(dbd.options.bits() as u8)?;
            }
            Version::V3 => {
                sink.u8(0)?;
                sink.u24(dbd.options.bits())?;
                sink.u16(dbd.mtu)?;
                sink.u8(0)?;
            }
        }
        sink.u8(dbd.flags.bits())?;
        sink.u32(dbd.sequence)?;
        Ok(writer)
    }

    /// A Link State Acknowledgment; its headers are pushed.
    ///
    /// # Errors
    /// No space.
    pub fn ls_ack(buf: &'b mut [u8], origin: &Origin) -> Result<Self, EncodeError> {
        Self::over(buf, origin, PacketType::LsAck)
    }
}

impl<'b> PacketWriter<'b, LsaRequest> {
    /// A Link State Request; what is asked for is pushed.
    ///
    /// # Errors
    /// No space.
    pub fn ls_request(buf: &'b mut [u8], origin: &Origin) -> Result<Self, EncodeError> {
        Self::over(buf, origin, PacketType::LsRequest)
    }
}

/// Writes a Link State Update.
#[derive(Debug)]
pub struct UpdateWriter<'b> {
    sink: Sink<'b>,
    header: usize,
    count: u32,
}

impl<'b> UpdateWriter<'b> {
    /// One without LSAs.
    ///
    /// # Errors
    /// No space.
    pub fn new(buf: &'b mut [u8], origin: &Origin) -> Result<Self, EncodeError> {
        let mut sink = start(buf, origin, PacketType::LsUpdate)?;
        sink.u32(0)?;
        Ok(Self { sink, header: origin.version.header_len(), count: 0 })
    }

    /// Adds an LSA as it is stored, with the age that it has on the wire.
    ///
    /// # Errors
    /// No space; the packet is as before.
    pub fn push(&mut self, lsa: &[u8], age: Age) -> Result<(), EncodeError> {
        let start = self.sink.len();
        self.sink.put(lsa)?;
        self.sink.patch(start, &age.0.to_be_bytes());
        self.count += 1;
        Ok(())
    }

    /// LSAs so far.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Octets that are left.
    pub const fn room(&self) -> usize {
        self.sink.room()
    }

    /// The length of the packet, which has neither checksum nor authentication yet.
    ///
    /// # Errors
    /// It is longer than its length field can say.
    pub fn finish(mut self) -> Result<usize, EncodeError> {
        self.sink.patch(self.header, &self.count.to_be_bytes());
        finish(self.sink)
    }
}

/// Writes an LSA: its header, then one of the bodies.
#[derive(Debug)]
pub struct LsaWriter<'b> {
    sink: Sink<'b>,
    kind: LsaType,
}

impl<'b> LsaWriter<'b> {
    /// Begins with this header; its checksum and length do not count.
    ///
    /// # Errors
    /// No space.
    pub fn new(buf: &'b mut [u8], header: &LsaHeader) -> Result<Self, EncodeError> {
        let mut sink = Sink::new(buf);
        put(&mut sink, header.kind.version(), &LsaHeader { checksum: 0, length: 0, ..*header })?;
        Ok(Self { sink, kind: header.kind })
    }

    /// Length and checksum are filled in; gives the length.
    ///
    /// # Errors
    /// It is longer than its length field can say.
    pub fn finish(mut self) -> Result<usize, EncodeError> {
        let length = u16::try_from(self.sink.len()).map_err(|_| EncodeError::TooLong)?;
        self.sink.patch(18, &length.to_be_bytes());
        let sum = fletcher(self.sink.written());
        self.sink.patch(16, &sum.to_be_bytes());
        Ok(self.sink.len())
    }

    fn is(&self, kinds: &[LsaType]) -> Result<(), EncodeError> {
        if kinds.contains(&self.kind) { Ok(()) } else { Err(EncodeError::WrongBody) }
    }

    fn list<T: Record>(&mut self, records: impl IntoIterator<Item = T>) -> Result<(), EncodeError> {
        let version = self.kind.version();
        records.into_iter().try_for_each(|record| put(&mut self.sink, version, &record))
    }

    /// Octets as they are: the body of an opaque LSA or of an unknown type.
    ///
    /// # Errors
    /// No space.
    pub fn raw(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        self.sink.put(octets)
    }

    /// One TLV of an opaque LSA or of an OSPFv3 LSA that is made of them.
    ///
    /// # Errors
    /// No space, or the value is too long.
    pub fn tlv(&mut self, tlv: &Tlv<'_>) -> Result<(), EncodeError> {
        put_tlv(&mut self.sink, tlv)
    }

    /// The body of a grace-LSA.
    ///
    /// # Errors
    /// No space.
    pub fn grace(&mut self, grace: &Grace) -> Result<(), EncodeError> {
        self.tlv(&Tlv { kind: tlv_type::GRACE_PERIOD, value: &grace.period.to_be_bytes() })?;
        self.tlv(&Tlv { kind: tlv_type::GRACE_REASON, value: &[grace.reason.0] })?;
        match grace.address {
            Some(address) => self.tlv(&Tlv { kind: tlv_type::GRACE_ADDRESS, value: &address.octets() }),
            None => Ok(()),
        }
    }

    /// OSPFv2 router-LSA.
    ///
    /// # Errors
    /// No space, too many links or another type.
    pub fn router_v2<'a>(
        &mut self,
        bits: RouterBits,
        links: impl IntoIterator<Item = LinkV2<'a>>,
    ) -> Result<(), EncodeError> {
        self.is(&[LsaType::ROUTER_V2])?;
        self.sink.put(&[bits.bits(), 0, 0, 0])?;
        let mut count = 0u16;
        for link in links {
            let tos = u8::try_from(link.tos.len()).map_err(|_| EncodeError::TooLong)?;
            count = count.checked_add(1).ok_or(EncodeError::TooLong)?;
            self.sink.put(&link.id.octets())?;
            self.sink.put(&link.data.octets())?;
            self.sink.put(&[link.kind.0, tos])?;
            self.sink.u16(link.metric)?;
            self.list(link.tos.iter())?;
        }
        self.sink.patch(LsaHeader::LEN + 2, &count.to_be_bytes());
        Ok(())
    }

    /// OSPFv2 network-LSA.
    ///
    /// # Errors
    /// No space or another type.
    pub fn network_v2(
        &mut self,
        mask: Ipv4Addr,
        routers: impl IntoIterator<Item = RouterId>,
    ) -> Result<(), EncodeError> {
        self.is(&[LsaType::NETWORK_V2])?;
        self.sink.put(&mask.octets())?;
        self.list(routers)
    }

    /// OSPFv3 router-LSA.
    ///
    /// # Errors
    /// No space or another type.
    pub fn router_v3(
        &mut self,
        bits: RouterBits,
        options: Options,
        links: impl IntoIterator<Item = LinkV3>,
    ) -> Result<(), EncodeError> {
        self.is(&[LsaType::ROUTER_V3])?;
        self.sink.u8(bits.bits())?;
        self.sink.u24(options.bits())?;
        self.list(links)
    }

    /// OSPFv3 network-LSA.
    ///
    /// # Errors
    /// No space or another type.
    pub fn network_v3(
        &mut self,
        options: Options,
        routers: impl IntoIterator<Item = RouterId>,
    ) -> Result<(), EncodeError> {
        self.is(&[LsaType::NETWORK_V3])?;
        self.sink.u8(0)?;
        self.sink.u24(options.bits())?;
        self.list(routers)
    }

    /// OSPFv3 link-LSA.
    ///
    /// # Errors
    /// No space or another type.
    pub fn link(
        &mut self,
        priority: u8,
        options: Options,
        address: Ipv6Addr,
        prefixes: impl IntoIterator<Item = PrefixV3>,
    ) -> Result<(), EncodeError> {
        self.is(&[LsaType::LINK])?;
        self.sink.u8(priority)?;
        self.sink.u24(options.bits())?;
        self.sink.put(&address.octets())?;
        let at = self.sink.len();
        self.sink.u32(0)?;
        let count = self.prefixes(prefixes)?;
        self.sink.patch(at, &count.to_be_bytes());
        Ok(())
    }

    /// OSPFv3 intra-area-prefix-LSA.
    ///
    /// # Errors
    /// No space, too many prefixes or another type.
    pub fn intra_area_prefix(
        &mut self,
        referenced: Referenced,
        router: RouterId,
        prefixes: impl IntoIterator<Item = PrefixV3>,
    ) -> Result<(), EncodeError> {
        self.is(&[LsaType::INTRA_AREA_PREFIX])?;
        let at = self.sink.len();
        self.sink.u16(0)?;
        self.sink.u16(referenced.kind.value())?;
        self.sink.u32(referenced.id.0)?;
        self.sink.put(&router.0.octets())?;
        let count = u16::try_from(self.prefixes(prefixes)?).map_err(|_| EncodeError::TooLong)?;
        self.sink.patch(at, &count.to_be_bytes());
        Ok(())
    }

    fn prefixes(&mut self, prefixes: impl IntoIterator<Item = PrefixV3>) -> Result<u32, EncodeError> {
        let mut count = 0;
        for prefix in prefixes {
            prefix.put(&mut self.sink)?;
            count += 1;
        }
        Ok(count)
    }

    /// Any body, of the type of the header. The bodies without lists are values that can be made at will.
    ///
    /// # Errors
    /// No space or another type.
    pub fn body(&mut self, body: &Body<'_>) -> Result<(), EncodeError> {
        match body {
            Body::RouterV2(lsa) => self.router_v2(lsa.bits, lsa.links.iter()),
            Body::NetworkV2(lsa) => self.network_v2(lsa.mask, lsa.routers.iter()),
            Body::SummaryV2(lsa) => {
                self.is(&[LsaType::SUMMARY_V2, LsaType::ASBR_SUMMARY_V2])?;
                self.sink.put(&lsa.mask.octets())?;
                self.sink.u32(lsa.metric & 0xff_ffff)?;
                self.list(lsa.tos.iter())
            }
            Body::ExternalV2(lsa) => {
                self.is(&[LsaType::EXTERNAL_V2, LsaType::NSSA_V2])?;
                self.sink.put(&lsa.mask.octets())?;
                self.sink.u8(if lsa.type2 { 0x80 } else { 0 })?;
                self.sink.u24(lsa.metric)?;
                self.sink.put(&lsa.forwarding.octets())?;
                self.sink.u32(lsa.tag)?;
                self.list(lsa.tos.iter())
            }
            Body::Opaque(lsa) => {
                self.is(&[LsaType::OPAQUE_LINK, LsaType::OPAQUE_AREA, LsaType::OPAQUE_AS])?;
                self.raw(lsa.data)
            }
            Body::RouterV3(lsa) => self.router_v3(lsa.bits, lsa.options, lsa.links.iter()),
            Body::NetworkV3(lsa) => self.network_v3(lsa.options, lsa.routers.iter()),
            Body::InterAreaPrefix(lsa) => self.inter_area_prefix(lsa),
            Body::InterAreaRouter(lsa) => self.inter_area_router(lsa),
            Body::ExternalV3(lsa) => {
                self.is(&[LsaType::EXTERNAL_V3, LsaType::NSSA_V3])?;
                lsa.put(&mut self.sink)
            }
            Body::Link(lsa) => self.link(lsa.priority, lsa.options, lsa.address, lsa.prefixes.iter()),
            Body::IntraAreaPrefix(lsa) => {
                self.intra_area_prefix(lsa.referenced, lsa.router, lsa.prefixes.iter())
            }
            Body::Tlvs(tlvs) => self.raw(tlvs.octets()),
            Body::Unknown(octets) => self.raw(octets),
        }
    }

    fn inter_area_prefix(&mut self, lsa: &InterAreaPrefix) -> Result<(), EncodeError> {
        self.is(&[LsaType::INTER_AREA_PREFIX])?;
        self.sink.u32(lsa.metric & 0xff_ffff)?;
        lsa.prefix.put(&mut self.sink)
    }

    fn inter_area_router(&mut self, lsa: &InterAreaRouter) -> Result<(), EncodeError> {
        self.is(&[LsaType::INTER_AREA_ROUTER])?;
        self.sink.u32(lsa.options.bits() & 0xff_ffff)?;
        self.sink.u32(lsa.metric & 0xff_ffff)?;
        self.sink.put(&lsa.router.0.octets())
    }
}
