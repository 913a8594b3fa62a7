//! Lines on the wire: bytes up to a NUL.

/// Longest line, in bytes.
pub const MAX_LINE: usize = 4096;

/// What was received.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A line.
    Line(String),
    /// A line that was too long; its bytes are gone.
    TooLong,
}

/// Collects bytes into lines; holds one line at most.
#[derive(Debug, Default)]
pub struct Framing {
    buf: Vec<u8>,
    overflow: bool,
}

impl Framing {
    /// Takes what was read and hands out the lines in it.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Received> {
        let mut out = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == 0) {
            self.collect(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.buf);
            out.push(if std::mem::take(&mut self.overflow) {
                Received::TooLong
            } else {
                Received::Line(String::from_utf8_lossy(&line).into_owned())
            });
        }
        self.collect(rest);
        out
    }

    fn collect(&mut self, bytes: &[u8]) {
        if self.overflow || self.buf.len() + bytes.len() > MAX_LINE {
            self.overflow = true;
            self.buf.clear();
        } else {
            self.buf.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
