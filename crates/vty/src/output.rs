//! Replies: text in slices, an optional filter over its lines, and the trailer.
//!
//! # Invariants
//! * At most a few slices are held: whoever writes more waits for the reader, and for other sessions ([`Out::breathe`]).
//! * The text holds no NUL, because the trailer begins with one.

use std::fmt::{self, Write as _};

use ferr_state::Gone;
use regex::Regex;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Text collected before it is written.
const SLICE: usize = 32 * 1024;

/// Status byte of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done.
    Success = 0,
    /// Done with a remark, or nothing there.
    Warning = 1,
    /// Unknown command.
    NoMatch = 2,
    /// Several commands match.
    Ambiguous = 3,
    /// Words are missing.
    Incomplete = 4,
    /// Understood and refused.
    ConfigFailed = 13,
    /// For another instance: clients pass over it.
    NotMyInstance = 14,
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The daemon ends.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What a command comes to.
pub(crate) type Outcome = Result<Status, Stop>;

/// Writer of one reply.
pub(crate) struct Out<'a> {
    to: &'a mut (dyn AsyncWrite + Unpin + Send + Sync),
    buf: String,
    filter: Option<Regex>,
}

impl<'a> Out<'a> {
    /// Reply to `to`; with a filter only matching lines pass.
    pub(crate) fn new(to: &'a mut (dyn AsyncWrite + Unpin + Send + Sync), filter: Option<Regex>) -> Self {
        Self { to, buf: String::new(), filter }
    }

    /// Adds formatted text.
    pub(crate) fn put(&mut self, args: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.buf.write_fmt(args);
    }

    /// Adds text.
    pub(crate) fn push(&mut self, text: &str) {
        self.buf.push_str(text);
    }

    /// What was collected, to be added to.
    pub(crate) const fn text(&mut self) -> &mut String {
        &mut self.buf
    }

    /// Waits until what was collected is written, when it is much.
    pub(crate) async fn breathe(&mut self) -> Result<(), Stop> {
        if self.buf.len() < SLICE {
            return Ok(());
        }
        if self.filter.is_none() && !self.buf.as_bytes().contains(&0) {
            self.to.write_all(self.buf.as_bytes()).await?;
            // The room is kept for the next slice.
            self.buf.clear();
        } else {
            self.write_lines().await?;
        }
        // Other sessions have their turn, however fast this one's reader is.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Writes the lines that are whole, as far as they pass.
    async fn write_lines(&mut self) -> Result<(), Stop> {
        let keep =
            if self.filter.is_some() { self.buf.rfind('\n').map_or(0, |at| at + 1) } else { self.buf.len() };
        let tail = self.buf.split_off(keep);
        let text = self.take();
        self.to.write_all(&text).await?;
        self.buf = tail;
        Ok(())
    }

    /// Ends the reply.
    pub(crate) async fn finish(mut self, status: Status) -> Result<(), Stop> {
        let mut text = self.take();
        text.extend_from_slice(&[0, 0, 0, status as u8]);
        self.to.write_all(&text).await?;
        self.to.flush().await?;
        Ok(())
    }

    fn take(&mut self) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.buf);
        if let Some(filter) = &self.filter {
            text = text.split_inclusive('\n').filter(|l| filter.is_match(l.trim_end_matches('\n'))).collect();
        }
        let mut bytes = text.into_bytes();
        if bytes.contains(&0) {
            bytes.retain(|b| *b != 0);
        }
        bytes
    }
}

/// Adds formatted text to an [`Out`] or anything with `put`.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => { $out.put(format_args!($($arg)*)) };
}

/// The same with a line end.
macro_rules! line {
    ($out:expr) => { $out.push("\n") };
    ($out:expr, $($arg:tt)*) => {{ $out.put(format_args!($($arg)*)); $out.push("\n"); }};
}

pub(crate) use {line, put};

#[cfg(test)]
mod tests;
