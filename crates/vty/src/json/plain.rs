//! Values whose text needs no escapes, written at once: a large table is millions of addresses and numbers, and what
//! `std::fmt` asks of each takes longer than its digits.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use ferr_types::aspath::{AsPath, SegmentKind};
use ferr_types::{Ipv4Prefix, Prefix};

/// Something that is written as its `Display` shows it.
pub(crate) trait Plain {
    /// Appends the text.
    fn write(&self, out: &mut String);
}

impl Plain for u32 {
    fn write(&self, out: &mut String) {
        out.push_str(itoa::Buffer::new().format(*self));
    }
}

impl Plain for u8 {
    fn write(&self, out: &mut String) {
        out.push_str(itoa::Buffer::new().format(*self));
    }
}

impl Plain for &str {
    fn write(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl Plain for Ipv4Addr {
    fn write(&self, out: &mut String) {
        for (n, octet) in self.octets().iter().enumerate() {
            if n > 0 {
                out.push('.');
            }
            octet.write(out);
        }
    }
}

impl Plain for IpAddr {
    fn write(&self, out: &mut String) {
        match self {
            Self::V4(addr) => addr.write(out),
            // Writing to a string does not fail.
            Self::V6(addr) => drop(write!(out, "{addr}")),
        }
    }
}

impl Plain for Ipv4Prefix {
    fn write(&self, out: &mut String) {
        self.addr().write(out);
        out.push('/');
        self.len().write(out);
    }
}

impl Plain for Prefix {
    fn write(&self, out: &mut String) {
        match self {
            Self::V4(prefix) => prefix.write(out),
            Self::V6(prefix) => drop(write!(out, "{prefix}")),
        }
    }
}

impl Plain for AsPath<'_> {
    fn write(&self, out: &mut String) {
        if self.segments().any(|s| s.kind != SegmentKind::Sequence) {
            let _ = write!(out, "{self}");
            return;
        }
        let mut first = true;
        for segment in self.segments() {
            for asn in segment.asns() {
                if !std::mem::take(&mut first) {
                    out.push(' ');
                }
                asn.0.write(out);
            }
        }
    }
}
