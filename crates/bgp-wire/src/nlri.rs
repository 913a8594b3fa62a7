//! NLRI of IPv4 and IPv6 (RFC 4271 section 4.3, RFC 4760 section 5, RFC 7911 section 3).
//!
//! A view is checked once when it is made; iterating it cannot fail. Host bits are cleared.

use ferr_types::{Afi, Ipv4Prefix, Ipv6Prefix, Prefix};

/// Path identifier (RFC 7911); 0 where the session has none.
pub type PathId = u32;

/// NLRI with a prefix length out of range, or cut short (RFC 7606 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed NLRI")]
pub struct MalformedNlri;

/// Octets that hold `len` bits.
#[inline]
pub(crate) const fn octets(len: u8) -> usize {
    (len as usize).div_ceil(8)
}

#[inline]
fn check<const MAX: u8, const ADD_PATH: bool>(mut bytes: &[u8]) -> Result<(), MalformedNlri> {
    while !bytes.is_empty() {
        if ADD_PATH {
            bytes = bytes.get(4..).ok_or(MalformedNlri)?;
        }
        let (len, rest) = bytes.split_first().ok_or(MalformedNlri)?;
        if *len > MAX {
            return Err(MalformedNlri);
        }
        bytes = rest.get(octets(*len)..).ok_or(MalformedNlri)?;
    }
    Ok(())
}

macro_rules! nlri_view {
    ($(#[$doc:meta])* $view:ident, $(#[$idoc:meta])* $iter:ident, $prefix:ty, $bits:ty, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $view<'a> {
            bytes: &'a [u8],
            add_path: bool,
        }

        impl<'a> $view<'a> {
            /// Checks the bytes; `add_path` says whether each prefix has a path identifier in front.
            ///
            /// # Errors
            /// [`MalformedNlri`]
            #[inline]
            pub fn new(bytes: &'a [u8], add_path: bool) -> Result<Self, MalformedNlri> {
                if add_path { check::<$max, true>(bytes)? } else { check::<$max, false>(bytes)? }
                Ok(Self { bytes, add_path })
            }

            /// Wire bytes.
            pub const fn as_bytes(self) -> &'a [u8] {
                self.bytes
            }

            /// Whether there is none.
            pub const fn is_empty(self) -> bool {
                self.bytes.is_empty()
            }

            /// Path identifiers and prefixes in order.
            #[inline]
            pub const fn iter(self) -> $iter<'a> {
                $iter { bytes: self.bytes, add_path: self.add_path }
            }
        }

        impl<'a> IntoIterator for $view<'a> {
            type Item = (PathId, $prefix);
            type IntoIter = $iter<'a>;
            fn into_iter(self) -> $iter<'a> {
                self.iter()
            }
        }

        $(#[$idoc])*
        #[derive(Debug, Clone)]
        pub struct $iter<'a> {
            bytes: &'a [u8],
            add_path: bool,
        }

        impl Iterator for $iter<'_> {
            type Item = (PathId, $prefix);

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                const WIDTH: usize = size_of::<$bits>();
                let mut bytes = self.bytes;
                let mut path_id = 0;
                if self.add_path {
                    let (id, rest) = bytes.split_first_chunk::<4>()?;
                    path_id = u32::from_be_bytes(*id);
                    bytes = rest;
                }
                let (len, rest) = bytes.split_first()?;
                let used = octets(*len);
                // Reading a whole word and masking it beats a copy of `used` octets; only the last prefixes lack room.
                let bits = match rest.first_chunk::<WIDTH>() {
                    Some(word) => <$bits>::from_be_bytes(*word),
                    None => {
                        let mut word = [0; WIDTH];
                        word.get_mut(..used)?.copy_from_slice(rest.get(..used)?);
                        <$bits>::from_be_bytes(word)
                    }
                };
                self.bytes = rest.get(used..)?;
                Some((path_id, <$prefix>::from_bits(bits, *len)?))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (0, Some(self.bytes.len()))
            }
        }

        impl std::iter::FusedIterator for $iter<'_> {}
    };
}

nlri_view! {
    /// Checked IPv4 NLRI.
    Nlri4,
    /// Iterator over [`Nlri4`].
    Nlri4Iter, Ipv4Prefix, u32, 32
}
nlri_view! {
    /// Checked IPv6 NLRI.
    Nlri6,
    /// Iterator over [`Nlri6`].
    Nlri6Iter, Ipv6Prefix, u128, 128
}

/// Checked NLRI of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nlri<'a> {
    /// IPv4.
    V4(Nlri4<'a>),
    /// IPv6.
    V6(Nlri6<'a>),
}

impl<'a> Nlri<'a> {
    /// Checks bytes of family `afi`.
    ///
    /// # Errors
    /// [`MalformedNlri`]
    pub fn new(afi: Afi, bytes: &'a [u8], add_path: bool) -> Result<Self, MalformedNlri> {
        match afi {
            Afi::Ipv4 => Nlri4::new(bytes, add_path).map(Self::V4),
            Afi::Ipv6 => Nlri6::new(bytes, add_path).map(Self::V6),
        }
    }

    /// Wire bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::V4(n) => n.as_bytes(),
            Self::V6(n) => n.as_bytes(),
        }
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Path identifiers and prefixes in order; match on the variants where speed counts.
    pub const fn iter(self) -> NlriIter<'a> {
        match self {
            Self::V4(n) => NlriIter::V4(n.iter()),
            Self::V6(n) => NlriIter::V6(n.iter()),
        }
    }
}

impl<'a> IntoIterator for Nlri<'a> {
    type Item = (PathId, Prefix);
    type IntoIter = NlriIter<'a>;
    fn into_iter(self) -> NlriIter<'a> {
        self.iter()
    }
}

/// Iterator over [`Nlri`].
#[derive(Debug, Clone)]
pub enum NlriIter<'a> {
    /// IPv4.
    V4(Nlri4Iter<'a>),
    /// IPv6.
    V6(Nlri6Iter<'a>),
}

impl Iterator for NlriIter<'_> {
    type Item = (PathId, Prefix);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::V4(i) => i.next().map(|(id, p)| (id, p.into())),
            Self::V6(i) => i.next().map(|(id, p)| (id, p.into())),
        }
    }
}
