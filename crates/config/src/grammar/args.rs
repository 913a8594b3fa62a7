//! What a statement's words mean: values by label, keywords in full.

use std::str::FromStr;

use super::pattern::Fit;
use crate::error::ConfigError;
use crate::model::global::RouteSource;

/// One matched word (or, for a rest-of-line variable, the first of several).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capture {
    /// Label of the variable, or the keyword in full.
    pub(crate) label: &'static str,
    pub(crate) keyword: bool,
    /// Index of the word.
    pub(crate) at: usize,
    pub(crate) fit: Fit,
}

/// A matched line.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    words: Vec<&'a str>,
    captures: Vec<Capture>,
}

impl<'a> Args<'a> {
    pub(crate) const fn new(words: Vec<&'a str>, captures: Vec<Capture>) -> Self {
        Self { words, captures }
    }

    pub(crate) fn fits(&self) -> impl Iterator<Item = Fit> {
        self.captures.iter().map(|c| c.fit)
    }

    /// The keywords in order, in full.
    pub(crate) fn keywords(&self) -> impl Iterator<Item = &'static str> {
        self.captures.iter().filter(|c| c.keyword).map(|c| c.label)
    }

    /// Whether the keyword `word` stands in the line.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.captures.iter().any(|c| c.keyword && c.label == word)
    }

    /// Word of the variable `label`.
    pub(crate) fn get(&self, label: &str) -> Option<&'a str> {
        let c = self.captures.iter().find(|c| !c.keyword && c.label == label)?;
        self.words.get(c.at).copied()
    }

    /// Index of the word of the variable `label`.
    pub(crate) fn index(&self, label: &str) -> Option<usize> {
        self.captures.iter().find(|c| !c.keyword && c.label == label).map(|c| c.at)
    }

    /// Words from the variable `label` to the end of the line; empty when it is not there.
    pub(crate) fn words_from(&self, label: &str) -> &[&'a str] {
        let at = self.captures.iter().find(|c| !c.keyword && c.label == label).map(|c| c.at);
        at.and_then(|at| self.words.get(at..)).unwrap_or(&[])
    }

    /// Rest of the line from the variable `label`, single blanks between words.
    pub(crate) fn line(&self, label: &str) -> Option<String> {
        let words = self.words_from(label);
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Owned word of the variable `label`; empty when it is not there.
    pub(crate) fn name(&self, label: &str) -> String {
        self.get(label).unwrap_or_default().to_owned()
    }

    /// Value of the variable `label`, when it is there.
    pub(crate) fn opt<T: FromStr>(&self, label: &'static str) -> Result<Option<T>, ConfigError> {
        let parse = |w: &str| w.parse().map_err(|_| ConfigError::Value { what: label, text: w.to_owned() });
        self.get(label).map(parse).transpose()
    }

    /// Value of the variable `label`.
    pub(crate) fn val<T: FromStr>(&self, label: &'static str) -> Result<T, ConfigError> {
        self.opt(label)?.ok_or(ConfigError::Value { what: label, text: String::new() })
    }

    /// All values from the variable `label` on.
    pub(crate) fn list<T: FromStr>(&self, label: &'static str) -> Result<Vec<T>, ConfigError> {
        let parse =
            |w: &&str| w.parse().map_err(|_| ConfigError::Value { what: label, text: (*w).to_owned() });
        self.words_from(label).iter().map(parse).collect()
    }

    /// The route source that a `PROTOCOL` of the pattern took.
    pub(crate) fn protocol(&self) -> Result<RouteSource, ConfigError> {
        let named = self.keywords().find_map(|k| k.parse().ok());
        named.ok_or(ConfigError::Value { what: "protocol", text: String::new() })
    }

    /// The line with keywords in full and single blanks.
    pub(crate) fn canonical(&self) -> String {
        let mut out = self.words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        for c in self.captures.iter().filter(|c| c.keyword) {
            if let Some(w) = out.get_mut(c.at) {
                c.label.clone_into(w);
            }
        }
        out.join(" ")
    }
}
