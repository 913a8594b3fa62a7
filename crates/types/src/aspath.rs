//! AS_PATH in its 4-octet form (RFC 4271 section 5.1.2, RFC 5065, RFC 6793).
//!
//! [`AsPath`] borrows validated bytes; [`AsPathBuf`] owns and edits them. Every segment has at least one AS.

use std::fmt;

use crate::Asn;

/// Kind of a path segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SegmentKind {
    /// AS_SET
    Set = 1,
    /// AS_SEQUENCE
    Sequence = 2,
    /// AS_CONFED_SEQUENCE
    ConfedSequence = 3,
    /// AS_CONFED_SET
    ConfedSet = 4,
}

impl SegmentKind {
    /// From the wire's segment type.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Set,
            2 => Self::Sequence,
            3 => Self::ConfedSequence,
            4 => Self::ConfedSet,
            _ => return None,
        })
    }

    /// Whether the segment lives inside a confederation only.
    pub const fn is_confed(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

/// Bytes that are no AS_PATH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed AS_PATH")]
pub struct MalformedAsPath;

/// One segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its kind.
    pub kind: SegmentKind,
    asns: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Number of ASes, 1..=255.
    pub const fn len(&self) -> usize {
        self.asns.len() / 4
    }

    /// Never true; present for the pair with [`Self::len`].
    pub const fn is_empty(&self) -> bool {
        self.asns.is_empty()
    }

    /// The ASes, nearest first.
    pub fn asns(&self) -> impl DoubleEndedIterator<Item = Asn> + ExactSizeIterator + Clone + use<'a> {
        self.asns.as_chunks::<4>().0.iter().map(|c| Asn(u32::from_be_bytes(*c)))
    }
}

/// Validated AS_PATH.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AsPath<'a>(&'a [u8]);

impl<'a> AsPath<'a> {
    /// The empty path of a local route.
    pub const EMPTY: AsPath<'static> = AsPath(&[]);

    /// Checks 4-octet wire bytes: known segment types, no empty segment, no rest (RFC 7606 section 7.2).
    ///
    /// # Errors
    /// [`MalformedAsPath`] when one of these does not hold.
    pub fn new(bytes: &'a [u8]) -> Result<Self, MalformedAsPath> {
        let mut rest = bytes;
        while let [kind, count, tail @ ..] = rest {
            let len = usize::from(*count) * 4;
            if SegmentKind::from_code(*kind).is_none() || len == 0 || tail.len() < len {
                return Err(MalformedAsPath);
            }
            rest = &tail[len..];
        }
        if rest.is_empty() { Ok(Self(bytes)) } else { Err(MalformedAsPath) }
    }

    /// Wire bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether no AS is in it.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Segments in order.
    pub const fn segments(self) -> Segments<'a> {
        Segments(self.0)
    }

    /// All ASes in order, those of sets and confederation segments included.
    pub fn asns(self) -> impl Iterator<Item = Asn> + use<'a> {
        self.segments().flat_map(|s| s.asns())
    }

    /// Length for the decision: a set counts one (RFC 4271 section 9.1.2.2), confederation segments nothing
    /// (RFC 5065 section 5.3) unless `count_confed`.
    pub fn hop_count(self, count_confed: bool) -> u32 {
        self.segments()
            .map(|s| match s.kind {
                SegmentKind::Sequence => s.len() as u32,
                SegmentKind::Set => 1,
                SegmentKind::ConfedSequence if count_confed => s.len() as u32,
                SegmentKind::ConfedSet if count_confed => 1,
                SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
            })
            .sum()
    }

    /// The neighbor AS: first AS of the leading AS_SEQUENCE behind confederation segments (RFC 4271 section 9.1.2.2).
    pub fn neighbor_as(self) -> Option<Asn> {
        let first = self.segments().find(|s| !s.kind.is_confed())?;
        if first.kind == SegmentKind::Sequence { first.asns().next() } else { None }
    }

    /// First AS of the path whatever its segment.
    pub fn first_as(self) -> Option<Asn> {
        self.asns().next()
    }

    /// The originating AS: last AS of a trailing AS_SEQUENCE.
    pub fn origin_as(self) -> Option<Asn> {
        let last = self.segments().last()?;
        if last.kind == SegmentKind::Sequence { last.asns().next_back() } else { None }
    }

    /// How often `asn` occurs.
    pub fn count(self, asn: Asn) -> usize {
        self.asns().filter(|a| *a == asn).count()
    }

    /// Owned copy.
    pub fn to_buf(self) -> AsPathBuf {
        AsPathBuf(self.0.to_vec())
    }
}

/// Iterator over [`Segment`]s.
#[derive(Debug, Clone)]
pub struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let (head, tail) = self.0.split_at_checked(2)?;
        let (asns, rest) = tail.split_at_checked(usize::from(head[1]) * 4)?;
        let kind = SegmentKind::from_code(head[0])?;
        self.0 = rest;
        Some(Segment { kind, asns })
    }
}

/// As `show bgp` prints it: `65001 65002 {65010,65011} (65100)`.
impl fmt::Display for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.segments().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            let (open, separator, close) = match segment.kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            f.write_str(open)?;
            for (j, asn) in segment.asns().enumerate() {
                if j > 0 {
                    f.write_str(separator)?;
                }
                asn.fmt(f)?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

impl fmt::Debug for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Owned AS_PATH that can be edited.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct AsPathBuf(Vec<u8>);

impl AsPathBuf {
    /// Path of one AS_SEQUENCE.
    pub fn from_sequence(asns: impl IntoIterator<Item = Asn>) -> Self {
        let mut path = Self::default();
        let asns: Vec<Asn> = asns.into_iter().collect();
        path.push_segment(SegmentKind::Sequence, &asns);
        path
    }

    /// The view.
    pub fn as_path(&self) -> AsPath<'_> {
        AsPath(&self.0)
    }

    /// Appends ASes as segments of `kind`, split at 255.
    pub fn push_segment(&mut self, kind: SegmentKind, asns: &[Asn]) {
        for chunk in asns.chunks(255) {
            self.0.push(kind as u8);
            self.0.push(chunk.len() as u8);
            chunk.iter().for_each(|a| self.0.extend_from_slice(&a.0.to_be_bytes()));
        }
    }

    /// Puts `asns` in front as a sequence of `kind`, joined with a leading segment of that kind while it has room
    /// (RFC 4271 section 5.1.2, RFC 5065 section 4).
    pub fn prepend(&mut self, kind: SegmentKind, asns: &[Asn]) {
        let mut front = Self::default();
        match self.as_path().segments().next() {
            Some(first) if first.kind == kind && first.len() + asns.len() <= 255 => {
                let joined: Vec<Asn> = asns.iter().copied().chain(first.asns()).collect();
                front.push_segment(kind, &joined);
                front.0.extend_from_slice(&self.0[2 + first.len() * 4..]);
            }
            _ => {
                front.push_segment(kind, asns);
                front.0.extend_from_slice(&self.0);
            }
        }
        *self = front;
    }

    /// Rewrites each AS: `Some` replaces it, `None` removes it. Segments left empty disappear.
    pub fn map(&mut self, mut f: impl FnMut(Asn) -> Option<Asn>) {
        let mut out = Self::default();
        for segment in self.as_path().segments() {
            let asns: Vec<Asn> = segment.asns().filter_map(&mut f).collect();
            out.push_segment(segment.kind, &asns);
        }
        *self = out;
    }

    /// Removes confederation segments, as at the confederation's border (RFC 5065 section 4).
    pub fn strip_confed(&mut self) {
        let mut out = Self::default();
        for segment in self.as_path().segments().filter(|s| !s.kind.is_confed()) {
            let asns: Vec<Asn> = segment.asns().collect();
            out.push_segment(segment.kind, &asns);
        }
        *self = out;
    }
}

impl fmt::Debug for AsPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().fmt(f)
    }
}
