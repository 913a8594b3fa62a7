//! Where statements come from.

use std::collections::HashMap;
use std::fmt;
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
    /// Received from a program of FRR: what FRR does not know is not its to change.
    Vty,
    /// Typed in our own shell, or received over the API.
    Shell,
}

impl Origin {
    /// Whether it is a file of this name, in whatever folder.
    pub(crate) fn is_in(&self, name: &str) -> bool {
        matches!(self, Self::File { file, .. } if file.rsplit('/').next() == Some(name))
    }
}

/// Origins by statement: the canonical top-level line, or the block's header line; lines of interfaces and VRFs behind that.
///
/// Two values are always equal: where a statement stands does not change what it means.
#[derive(Clone, Default)]
pub struct Origins(HashMap<String, Origin>);

/// Lines may hold passwords.
impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origins({} lines)", self.0.len())
    }
}

impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origins {}

impl Origins {
    /// Place of the first statement of a block that stands in `file`.
    pub(crate) fn place(&self, block: &str, file: &str) -> Option<String> {
        let lines =
            self.0.iter().filter(|(key, _)| key.strip_prefix(block).is_some_and(|k| k.starts_with('\n')));
        let places = lines.filter_map(|(_, origin)| match origin {
            Origin::File { file: path, line } if origin.is_in(file) => Some((*line, path)),
            _ => None,
        });
        places.min().map(|(line, path)| format!("{path}:{line}"))
    }

    /// Origin of a line in a block.
    pub(crate) fn inner(&self, block: &str, line: &str) -> Option<&Origin> {
        self.0.get(&Self::key(block, line))
    }

    /// Key of a line in a block.
    pub(crate) fn key(block: &str, line: &str) -> String {
        format!("{block}\n{line}")
    }

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
