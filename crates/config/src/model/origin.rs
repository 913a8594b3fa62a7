//! Where statements come from.

use std::collections::HashMap;
use std::sync::Arc;

/// Place of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file.
    File {
        /// Name as given to the parser.
        file: Arc<str>,
        /// From 1.
        line: u32,
    },
    /// Typed, or received over a socket.
    Vty,
}

/// Origins by statement: the canonical top-level line, or the block's header line.
///
/// Two values are always equal: where a statement stands does not change what it means.
#[derive(Debug, Clone, Default)]
pub struct Origins(HashMap<String, Origin>);

impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origins {}

impl Origins {
    /// Origin of a top-level statement or block, by its canonical line.
    pub fn get(&self, line: &str) -> Option<&Origin> {
        self.0.get(line)
    }

    pub(crate) fn note(&mut self, line: String, origin: &Origin) {
        self.0.entry(line).or_insert_with(|| origin.clone());
    }

    pub(crate) fn forget(&mut self, line: &str) {
        self.0.remove(line);
    }
}
