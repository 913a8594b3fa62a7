//! Recorded BGP messages for tests and benchmarks: MRT dumps (RFC 6396, 8050) and packet captures.
//!
//! The readers are for our own files: what they do not understand they skip.
#![forbid(unsafe_code)]

mod mrt;
mod pcap;

use std::fs;
use std::path::{Path, PathBuf};

pub use mrt::{Recorded, full_feed, updates};
pub use pcap::{ospf, streams};

/// Folder of the recorded data.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data")
}

/// Files in a folder below [`data`], sorted.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data().join(folder)).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    files
}
