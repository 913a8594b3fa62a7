//! Other routers' configuration, translated into frr.conf and ferr.conf.
//!
//! # Purpose
//! * [`vyos`] reads what VyOS prints for `show configuration commands`, 1.2 to 1.5.
//! * [`wg_quick`] reads a wg-quick file.
//!
//! # Invariants
//! * No input panics, and the time is linear in the input up to logarithms.
//! * Every line of the input has a [`Fate`]: it is carried, carried with a remark, or left with the reason. A line counts as carried
//!   only when a statement that came of it was accepted by `ferr-config`, so the two texts parse without an error.
//! * No private key and no preshared key stands in a text or in a report: keys go to files, see [`KeyFile`].
//! * No I/O: the caller reads and writes the files.
#![forbid(unsafe_code)]

mod document;
mod tree;
mod vyos;
mod wg_quick;

use std::fmt;

use ferr_config::model::Secret;

pub use document::{Fate, LineReport};
pub use vyos::vyos;
pub use wg_quick::wg_quick;

/// How to translate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder where key files shall be, without a slash at the end.
    pub key_dir: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { key_dir: "/etc/frr/keys".to_owned() }
    }
}

/// Where a key is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In this line of the input, from 1.
    Line(usize, Secret),
    /// In this file of the other router.
    File(String),
}

/// A file that the configuration reads a key from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Path, as ferr.conf names it.
    pub path: String,
    /// Whose key it is, for people: `private key of wg0`.
    pub what: String,
    /// Where to take it from.
    pub source: KeySource,
}

/// The translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Text for frr.conf.
    pub frr: String,
    /// Text for ferr.conf; empty when nothing belongs there.
    pub own: String,
    /// What became of each line that is not blank or a comment, in order.
    pub lines: Vec<LineReport>,
    /// Key files that have to be made.
    pub keys: Vec<KeyFile>,
    /// What the other router did without being told, and what the operator has to know.
    pub notes: Vec<String>,
}

impl Imported {
    /// Lines that were not carried over.
    pub fn left(&self) -> impl Iterator<Item = &LineReport> {
        self.lines.iter().filter(|l| matches!(l.fate, Fate::Left(_)))
    }
}

impl fmt::Display for LineReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.number, self.text)?;
        match &self.fate {
            Fate::Carried => Ok(()),
            Fate::Remark(remark) => write!(f, "\n    carried: {remark}"),
            Fate::Left(reason) => write!(f, "\n    {reason}"),
        }
    }
}
