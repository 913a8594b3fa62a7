//! Bounded reading and writing.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{EncodeError, Error, Part};

/// Octets that are left, and where they stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
    part: Part,
}

impl<'a> Reader<'a> {
    /// Reads `octets`, which stand at offset `at` of what the caller was given.
    pub(crate) const fn new(octets: &'a [u8], at: usize, part: Part) -> Self {
        Self { rest: octets, at, part }
    }

    /// The same place, told as another part.
    pub(crate) const fn part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let missing = count.saturating_sub(self.rest.len());
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Error::Truncated {
            part: self.part,
            at: self.at,
            missing,
        })?;
        self.rest = rest;
        self.at += count;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Result<u32, Error> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn ipv4(&mut self) -> Result<Ipv4Addr, Error> {
        self.array().map(Ipv4Addr::from_octets)
    }

    pub(crate) fn ipv6(&mut self) -> Result<Ipv6Addr, Error> {
        self.array().map(Ipv6Addr::from_octets)
    }

    /// Nothing may be left.
    pub(crate) const fn end(self) -> Result<(), Error> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Error::Trailing { part: self.part, at: self.at, left: self.rest.len() })
    }
}

/// The 16 bits at `at`; 0 beyond the end.
pub(crate) fn be16(octets: &[u8], at: usize) -> u16 {
    octets.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u16::from_be_bytes)
}

/// The 32 bits at `at`; 0 beyond the end.
pub(crate) fn be32(octets: &[u8], at: usize) -> u32 {
    octets.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_be_bytes)
}

/// Fills a buffer of the caller from the front. A write that does not fit changes nothing.
#[derive(Debug)]
pub(crate) struct Sink<'b> {
    buf: &'b mut [u8],
    len: usize,
}

impl<'b> Sink<'b> {
    pub(crate) const fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn room(&self) -> usize {
        self.buf.len() - self.len
    }

    /// Forgets what was written behind `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(crate) fn put(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        let end = self.len.saturating_add(octets.len());
        self.buf.get_mut(self.len..end).ok_or(EncodeError::NoSpace)?.copy_from_slice(octets);
        self.len = end;
        Ok(())
    }

    pub(crate) fn u8(&mut self, value: u8) -> Result<(), EncodeError> {
        self.put(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> Result<(), EncodeError> {
        self.put(&value.to_be_bytes())
    }

    /// The low 24 bits.
    pub(crate) fn u24(&mut self, value: u32) -> Result<(), EncodeError> {
        let [_, a, b, c] = value.to_be_bytes();
        self.put(&[a, b, c])
    }

    pub(crate) fn u32(&mut self, value: u32) -> Result<(), EncodeError> {
        self.put(&value.to_be_bytes())
    }

    /// Replaces what was written at `at`.
    pub(crate) fn patch(&mut self, at: usize, octets: &[u8]) {
        let written = self.buf.get_mut(..self.len).unwrap_or_default();
        if let Some(place) = written.get_mut(at..).and_then(|b| b.get_mut(..octets.len())) {
            place.copy_from_slice(octets);
        }
    }

    pub(crate) fn written(&mut self) -> &mut [u8] {
        self.buf.get_mut(..self.len).unwrap_or_default()
    }
}
