//! Lists of records that all have one length.

use std::fmt;
use std::marker::PhantomData;

use ferr_types::RouterId;

use crate::bytes::{Sink, be32};
use crate::{EncodeError, Error, LinkStateId, LsaType, Part, Version};

/// A record of fixed length; implemented by the types of this crate that [`Records`] yields.
pub trait Record: Copy + fmt::Debug + PartialEq {
    /// Octets.
    const LEN: usize;

    /// Reads [`Self::LEN`] octets; what lies beyond the end of shorter ones counts as 0.
    fn read(version: Version, octets: &[u8]) -> Self;

    /// Writes the record to the end of `out`, which has [`Self::LEN`] octets; nothing when it is shorter.
    fn write(&self, version: Version, out: &mut [u8]);
}

/// Records in place: a view that yields them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Records<'a, T> {
    octets: &'a [u8],
    version: Version,
    kind: PhantomData<T>,
}

impl<'a, T: Record> Records<'a, T> {
    /// None, in OSPFv2.
    pub const EMPTY_V2: Self = Self { octets: &[], version: Version::V2, kind: PhantomData };
    /// None, in OSPFv3.
    pub const EMPTY_V3: Self = Self { octets: &[], version: Version::V3, kind: PhantomData };

    /// Views octets that stand at offset `at`.
    pub(crate) fn new(octets: &'a [u8], version: Version, at: usize, part: Part) -> Result<Self, Error> {
        let left = octets.len() % T::LEN;
        if left != 0 {
            return Err(Error::Trailing { part, at: at + octets.len() - left, left });
        }
        Ok(Self { octets, version, kind: PhantomData })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.octets.len() / T::LEN
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + DoubleEndedIterator + Clone + use<'a, T> {
        let version = self.version;
        self.octets.chunks_exact(T::LEN).map(move |octets| T::read(version, octets))
    }

    /// The record at `index`.
    pub fn get(&self, index: usize) -> Option<T> {
        let octets = self.octets.get(index.checked_mul(T::LEN)?..)?.get(..T::LEN)?;
        Some(T::read(self.version, octets))
    }

    /// The octets.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

impl<T: Record> fmt::Debug for Records<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Appends a record.
pub(crate) fn put<T: Record>(sink: &mut Sink<'_>, version: Version, record: &T) -> Result<(), EncodeError> {
    let mut octets = [0; 32];
    let octets = octets.get_mut(..T::LEN).ok_or(EncodeError::NoSpace)?;
    record.write(version, octets);
    sink.put(octets)
}

/// Copies `fields` to the front of `out`, one behind the other, as far as they fit.
pub(crate) fn fill(mut out: &mut [u8], fields: &[&[u8]]) {
    for field in fields {
        let Some((head, rest)) = out.split_at_mut_checked(field.len()) else { return };
        head.copy_from_slice(field);
        out = rest;
    }
}

impl Record for RouterId {
    const LEN: usize = 4;

    fn read(_: Version, octets: &[u8]) -> Self {
        Self(be32(octets, 0).into())
    }

    fn write(&self, _: Version, out: &mut [u8]) {
        fill(out, &[&self.0.octets()]);
    }
}

/// An LSA that is asked for (RFC 2328 section A.3.4); also the key of an LSA in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LsaRequest {
    /// LS type.
    pub kind: LsaType,
    /// Link State ID.
    pub id: LinkStateId,
    /// Advertising Router.
    pub router: RouterId,
}

impl Record for LsaRequest {
    const LEN: usize = 12;

    fn read(version: Version, octets: &[u8]) -> Self {
        let kind = be32(octets, 0);
        Self {
            kind: match version {
                // The upper 24 bits of a wrong value must not vanish: 255 is no type.
                Version::V2 => LsaType::V2(u8::try_from(kind).unwrap_or(u8::MAX)),
                Version::V3 => LsaType::V3(kind as u16),
            },
            id: LinkStateId(be32(octets, 4)),
            router: RouterId(be32(octets, 8).into()),
        }
    }

    fn write(&self, _: Version, out: &mut [u8]) {
        let kind = u32::from(self.kind.value());
        fill(out, &[&kind.to_be_bytes(), &self.id.0.to_be_bytes(), &self.router.0.octets()]);
    }
}
