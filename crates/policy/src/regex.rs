//! Regular expressions over AS paths and communities.
//!
//! Router configurations write `_` for a boundary: start, end, blank, or a bracket of a set or confederation segment. The
//! rest is POSIX extended syntax, of which the `regex` crate takes what operators use, in linear time.

use regex::Regex;

/// An expression that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad regular expression `{regex}`: {reason}")]
pub struct RegexError {
    /// As written.
    pub regex: String,
    /// Why.
    pub reason: String,
}

/// Compiled expression.
#[derive(Debug, Clone)]
pub struct AsPathRegex(Regex);

impl AsPathRegex {
    /// Compiles `text`; a program larger than 1 MiB is refused.
    ///
    /// # Errors
    /// [`RegexError`] with the reason.
    pub fn new(text: &str) -> Result<Self, RegexError> {
        let mut translated = String::with_capacity(text.len() + 16);
        let mut in_class = false;
        let mut escaped = false;
        for c in text.chars() {
            match c {
                '_' if !in_class && !escaped => translated.push_str(r"(?:^|[,{}() ]|$)"),
                _ => translated.push(c),
            }
            match c {
                '[' if !escaped => in_class = true,
                ']' if !escaped => in_class = false,
                _ => {}
            }
            escaped = c == '\\' && !escaped;
        }
        let compiled = regex::RegexBuilder::new(&translated).size_limit(1 << 20).build();
        compiled
            .map(Self)
            .map_err(|e| RegexError { regex: text.to_owned(), reason: last_line(&e.to_string()) })
    }

    /// Whether it matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The crate's message shows the translated expression over several lines; its last line says what is wrong.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
