//! Statements that are accepted, kept and rendered, and have no effect yet.

use std::collections::BTreeMap;

/// Lines in order of entry, each under the key that says what it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpaqueLines(Vec<OpaqueLine>);

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueLine {
    /// Leading words that identify the setting; the whole line when there may be several.
    pub key: String,
    /// The canonical line.
    pub text: String,
}

impl OpaqueLines {
    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|l| l.text.as_str())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn set(&mut self, key: String, text: String) {
        match self.0.iter_mut().find(|l| l.key == key) {
            Some(line) => line.text = text,
            None => self.0.push(OpaqueLine { key, text }),
        }
    }

    /// Orders lines by text, where their order says nothing.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by(|a, b| a.text.cmp(&b.text));
    }

    /// Removes the line `text`, or those that begin with its words.
    pub(crate) fn unset(&mut self, key: &str, text: &str) {
        let begins = |l: &OpaqueLine| {
            l.text == text || l.text.strip_prefix(text).is_some_and(|rest| rest.starts_with(' '))
        };
        self.0.retain(|l| l.key != key && !begins(l));
    }
}

/// A block of lines, with blocks inside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpaqueBlock {
    /// Lines.
    pub lines: OpaqueLines,
    /// Inner blocks by header line.
    pub blocks: BTreeMap<String, Self>,
}

impl OpaqueBlock {
    /// The inner block at `path`, made when missing.
    pub(crate) fn descend(&mut self, path: &[String]) -> &mut Self {
        path.iter().fold(self, |block, header| block.blocks.entry(header.clone()).or_default())
    }
}
