//! One line at a time: execution and completion.
//!
//! # Invariants
//! * A line applies whole, or the configuration stays as it was.
//! * A line that the current mode does not know is tried in the modes around it; the first that knows it becomes the
//!   current one. When none does, the mode stays.

use std::fmt;

use crate::error::ConfigError;
use crate::grammar::mode::{Mode, ModeStack};
use crate::grammar::pattern::Expected;
use crate::grammar::table::Effect;
use crate::grammar::words::help;
use crate::grammar::{Found, Grammar, Miss, Node};
use crate::model::Config;
use crate::model::origin::{Origin, Origins};
use crate::owned::{Guard, block};

/// Longest line that is looked at, in bytes.
pub const MAX_LINE: usize = 4096;

/// Status bytes of the vty protocol.
pub mod status {
    /// Done.
    pub const SUCCESS: u8 = 0;
    /// No statement matches.
    pub const NO_MATCH: u8 = 2;
    /// Several do.
    pub const AMBIGUOUS: u8 = 3;
    /// Words are missing.
    pub const INCOMPLETE: u8 = 4;
    /// Understood and refused.
    pub const CONFIG_FAILED: u8 = 13;
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOutcome {
    /// Blank or a comment.
    Nothing,
    /// Applied.
    Applied,
    /// Kept, and nothing acts on it: the statement's syntax.
    NoEffect(&'static str),
    /// A block was opened.
    Entered,
    /// A block was closed.
    Exited,
    /// `exit` at top level: leave the configuration mode.
    ExitTop,
    /// `end`: leave the configuration mode.
    End,
    /// A `no` of what our own file holds, from a program of FRR: nothing changed.
    Kept,
}

/// A word that could have stood in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// A keyword.
    Keyword(&'static str),
    /// A value of this shape.
    Value(&'static str),
    /// The end of the line.
    EndOfLine,
}

impl From<Expected> for Expectation {
    fn from(e: Expected) -> Self {
        match e {
            Expected::Keyword(k) => Self::Keyword(k),
            Expected::Variable(v) => Self::Value(v),
            Expected::EndOfLine => Self::EndOfLine,
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword(k) => write!(f, "'{k}'"),
            Self::Value(v) => f.write_str(v),
            Self::EndOfLine => f.write_str("end of line"),
        }
    }
}

/// Why a line was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineErrorKind {
    /// A word fits no statement.
    Unknown {
        /// The word.
        word: String,
        /// What may stand there.
        expected: Vec<Expectation>,
        /// A keyword that looks much like it.
        nearest: Option<&'static str>,
    },
    /// An abbreviation fits several statements.
    Ambiguous,
    /// Words are missing.
    Incomplete {
        /// What may follow.
        expected: Vec<Expectation>,
    },
    /// Understood and refused.
    Config(ConfigError),
    /// Longer than [`MAX_LINE`].
    TooLong,
}

/// Why and where a line was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Why.
    pub kind: LineErrorKind,
    /// Column of the word, from 1, in bytes.
    pub column: usize,
}

impl LineError {
    /// Status byte of the vty protocol.
    pub const fn status(&self) -> u8 {
        match self.kind {
            LineErrorKind::Unknown { .. } | LineErrorKind::TooLong => status::NO_MATCH,
            LineErrorKind::Ambiguous => status::AMBIGUOUS,
            LineErrorKind::Incomplete { .. } => status::INCOMPLETE,
            LineErrorKind::Config(ConfigError::Attached { .. }) => status::SUCCESS,
            LineErrorKind::Config(_) => status::CONFIG_FAILED,
        }
    }
}

fn join(expected: &[Expectation]) -> String {
    const SHOWN: usize = 12;
    let words: Vec<String> = expected.iter().take(SHOWN).map(Expectation::to_string).collect();
    let more = if expected.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", words.join(", "))
}

impl fmt::Display for LineErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { word, expected, nearest } => {
                write!(f, "unknown word '{word}'")?;
                if let Some(near) = nearest {
                    write!(f, ", did you mean '{near}'?")?;
                }
                if expected.is_empty() { Ok(()) } else { write!(f, " (expected {})", join(expected)) }
            }
            Self::Ambiguous => f.write_str("ambiguous abbreviation"),
            Self::Incomplete { expected } => write!(f, "incomplete line (expected {})", join(expected)),
            Self::Config(e) => e.fmt(f),
            Self::TooLong => write!(f, "line longer than {MAX_LINE} bytes"),
        }
    }
}

impl std::error::Error for LineErrorKind {}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for LineError {}

/// Column (from 1) of word number `index`, or behind the last one.
fn column(line: &str, index: usize) -> usize {
    let offset = |word: &str| word.as_ptr() as usize - line.as_ptr() as usize;
    line.split_ascii_whitespace().nth(index).map_or(line.trim_end().len() + 1, |w| offset(w) + 1)
}

/// Splits off a leading `no`.
fn without_no<'w, 'a>(words: &'w [&'a str]) -> (&'w [&'a str], bool) {
    match words.split_first() {
        Some((&"no", rest)) if !rest.is_empty() => (rest, true),
        _ => (words, false),
    }
}

enum Exit {
    One,
    End,
    Named,
}

fn exit_word(words: &[&str]) -> Option<Exit> {
    match *words {
        ["end"] => Some(Exit::End),
        ["exit" | "exi" | "ex" | "quit" | "qui" | "qu" | "q"] => Some(Exit::One),
        [word] if word.starts_with("exit-") => Some(Exit::Named),
        _ => None,
    }
}

/// Closes the innermost block that `word` closes.
fn close_named(stack: &mut ModeStack, word: &str) -> bool {
    let level = stack.inward().find(|(_, m)| m.closer() == word).map(|(level, _)| level);
    if let Some(level) = level {
        stack.settle(level.saturating_sub(1));
    }
    level.is_some()
}

/// Applies one line to `config`.
///
/// # Errors
/// [`LineError`]: the configuration and the mode are as before.
pub fn execute_line(
    config: &mut Config,
    stack: &mut ModeStack,
    line: &str,
) -> Result<LineOutcome, LineError> {
    if line.len() > MAX_LINE {
        return Err(LineError { kind: LineErrorKind::TooLong, column: 1 });
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    if words.first().is_none_or(|w| w.starts_with(['!', '#'])) {
        return Ok(LineOutcome::Nothing);
    }
    match exit_word(&words) {
        Some(Exit::End) => {
            stack.reset();
            return Ok(LineOutcome::End);
        }
        Some(Exit::One) => {
            return Ok(if stack.exit() { LineOutcome::Exited } else { LineOutcome::ExitTop });
        }
        Some(Exit::Named) if close_named(stack, words[0]) => return Ok(LineOutcome::Exited),
        _ => {}
    }
    let (body, no) = without_no(&words);
    let (level, found) = locate(stack, body, no, line.starts_with([' ', '\t']))
        .map_err(|miss| explain(line, &words, stack, miss))?;
    apply(config, stack, level, &found, no).map_err(|e| LineError {
        column: column(line, usize::from(no) + word_of(&e, &found)),
        kind: LineErrorKind::Config(e),
    })
}

/// The word that an error is about; 0 when it is about the whole line.
fn word_of(error: &ConfigError, found: &Found<'_, '_>) -> usize {
    let label = match error {
        ConfigError::Value { what, .. } => what,
        ConfigError::WireGuardKey => "key",
        _ => return 0,
    };
    found.args.index(label).unwrap_or(0)
}

/// Whether `vrf NAME` opens a block at top level although an interface is open: files of old FRR do not close interfaces, and what its
/// programs send is not indented.
fn opens_vrf(stack: &ModeStack, mode: &Mode, words: &[&str], indented: bool) -> bool {
    let inside = indented || stack.origin == Origin::Shell;
    let means_vrf = matches!(words, [word, _] if !word.is_empty() && "vrf".starts_with(word));
    matches!(mode, Mode::Interface { .. }) && means_vrf && !inside
}

/// The innermost open block that knows the line.
fn locate<'a>(
    stack: &ModeStack,
    words: &[&'a str],
    no: bool,
    indented: bool,
) -> Result<(usize, Found<'static, 'a>), Miss> {
    let grammar = Grammar::get();
    let mut first = None;
    for (level, mode) in stack.inward().filter(|(_, mode)| !opens_vrf(stack, mode, words, indented)) {
        match grammar.find(Node::of(mode), words, no) {
            Ok(found) => return Ok((level, found)),
            Err(Miss::Ambiguous) if first.is_none() => return Err(Miss::Ambiguous),
            Err(miss) => {
                first.get_or_insert(miss);
            }
        }
    }
    Err(first.unwrap_or(Miss::NoMatch(0)))
}

fn apply(
    config: &mut Config,
    stack: &mut ModeStack,
    level: usize,
    found: &Found<'_, '_>,
    no: bool,
) -> Result<LineOutcome, ConfigError> {
    let mode = stack.inward().find(|(l, _)| *l == level).map_or(Mode::Config, |(_, m)| m.clone());
    let guard = Guard::new(config, &stack.origin, &mode, found, no);
    let effect = if guard.forbids() { Effect::Done } else { found.apply(config, &mode, no)? };
    let refused = guard.restore(config);
    match refused {
        Some(error) if !no => return Err(error),
        Some(_) => {
            stack.settle(level);
            return Ok(LineOutcome::Kept);
        }
        None => {}
    }
    stack.settle(level);
    if let Some(block) = block(&mode) {
        let key = Origins::key(&block, &found.args.canonical());
        match &stack.origin {
            _ if no => config.origins.forget(&key),
            origin @ Origin::File { .. } => config.origins.note(key, origin),
            Origin::Vty | Origin::Shell => {}
        }
    }
    if level == 0 {
        let line = found.args.canonical();
        if no {
            config.origins.forget(&line);
        } else {
            config.origins.note(line, &stack.origin);
        }
    }
    Ok(match effect {
        Effect::Done => LineOutcome::Applied,
        Effect::Inert => LineOutcome::NoEffect(found.syntax()),
        Effect::Enter(inner) => {
            stack.push(inner.inside(&mode));
            LineOutcome::Entered
        }
    })
}

/// Says what was expected, from the modes in which the line got furthest.
fn explain(line: &str, words: &[&str], stack: &ModeStack, miss: Miss) -> LineError {
    let (body, no) = without_no(words);
    let skipped = usize::from(no);
    let grammar = Grammar::get();
    if miss == Miss::Ambiguous {
        return LineError { kind: LineErrorKind::Ambiguous, column: column(line, skipped) };
    }
    let mut best = (0, Vec::new());
    let mut incomplete = None;
    for (_, mode) in stack.inward() {
        match grammar.find(Node::of(mode), body, no) {
            Err(Miss::Incomplete) => {
                incomplete = Some(grammar.expected(Node::of(mode), body, body.len(), no));
                break;
            }
            Err(Miss::NoMatch(at)) if at > best.0 || best.1.is_empty() => {
                best = (at, grammar.expected(Node::of(mode), body, at, no));
            }
            Err(Miss::NoMatch(at)) if at == best.0 => {
                best.1.extend(grammar.expected(Node::of(mode), body, at, no));
            }
            _ => {}
        }
    }
    if let Some(expected) = incomplete {
        let expected = expected.into_iter().map(Expectation::from).collect();
        let at = column(line, words.len());
        return LineError { kind: LineErrorKind::Incomplete { expected }, column: at };
    }
    let (at, mut expected) = best;
    expected.sort_unstable();
    expected.dedup();
    let word = body.get(at).copied().unwrap_or_default();
    let nearest = nearest(word, &expected);
    let expected = expected.into_iter().map(Expectation::from).collect();
    LineError {
        kind: LineErrorKind::Unknown { word: word.to_owned(), expected, nearest },
        column: column(line, skipped + at),
    }
}

/// Keyword within a small edit distance.
fn nearest(word: &str, expected: &[Expected]) -> Option<&'static str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let keywords = expected.iter().filter_map(|e| if let Expected::Keyword(k) = e { Some(*k) } else { None });
    let scored = keywords.map(|k| (strsim::damerau_levenshtein(word, k), k));
    scored.filter(|(d, k)| *d <= k.len().div_ceil(3)).min().map(|(_, k)| k)
}

/// A word that may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Keyword, or the shape of a value (upper case, `A.B.C.D`, `(1-9)`), or `<cr>`.
    pub word: &'static str,
    /// One line about it.
    pub help: &'static str,
    /// Whether `word` can be inserted as it is.
    pub literal: bool,
}

/// What may come next in `line`. After a blank: the next word; else: ways to complete the last one.
///
/// The modes around the current one are included, as they are for [`execute_line`].
pub fn complete(stack: &ModeStack, line: &str) -> Vec<Completion> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let fresh = line.is_empty() || line.ends_with(|c: char| c.is_ascii_whitespace());
    let partial = if fresh { "" } else { words.last().copied().unwrap_or("") };
    let before = if fresh { words.as_slice() } else { &words[..words.len() - 1] };
    let (body, no) = match before.split_first() {
        Some((&"no", rest)) => (rest, true),
        _ => (before, false),
    };
    let grammar = Grammar::get();
    let mut expected: Vec<Expected> =
        stack.inward().flat_map(|(_, m)| grammar.expected(Node::of(m), body, body.len(), no)).collect();
    if before.is_empty() {
        expected.extend(["no", "exit", "end"].map(Expected::Keyword));
    }
    expected.sort_unstable();
    expected.dedup();
    let fits = |e: &Expected| match e {
        Expected::Keyword(k) => k.starts_with(partial),
        Expected::Variable(_) => true,
        Expected::EndOfLine => partial.is_empty(),
    };
    expected.into_iter().filter(fits).map(completion).collect()
}

fn completion(e: Expected) -> Completion {
    match e {
        Expected::Keyword(word) => Completion { word, help: help(word), literal: true },
        Expected::Variable(word) => Completion { word, help: help(word), literal: false },
        Expected::EndOfLine => Completion { word: "<cr>", help: "end of the line", literal: false },
    }
}

/// Syntax of every statement of the current mode.
pub fn list(stack: &ModeStack) -> Vec<&'static str> {
    let mut all: Vec<&'static str> = Grammar::get().syntaxes(Node::of(stack.current())).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
