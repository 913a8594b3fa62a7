//! The pattern language of statements, and its matcher.
//!
//! # Language
//! `word` is a keyword (an unambiguous prefix will do); `[x]` is optional; `<a|b>` is one of; `{a|b}` is any order,
//! each at most once (inside `[...]`: possibly none); an upper-case word, `A.B.C.D`, `A.B.C.D/M`, `X:X::X:X`,
//! `X:X::X:X/M` or `(LOW-HIGH)` is a variable; `VAR@label` names it for [`Args`]; `VAR...` takes the rest of the line;
//! `PROTOCOL` is one of the names of route sources. `~` marks where a `no` form may end early, and `!` ends a pattern that has a `no` form only.
//!
//! # Invariants
//! A pattern is parsed once. Matching explores every reading of a line within a fixed budget of steps, and keeps
//! the one whose words fit best: exact keyword, then typed variable, then abbreviated keyword, then free word.

use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_types::{Asn, IfAddr};

use super::args::{Args, Capture};
use crate::model::global::RouteSource;

/// Bound on the readings of one line against one pattern.
const STEP_BUDGET: u32 = 20_000;

/// What a variable takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VarKind {
    V4,
    V6,
    V4Prefix,
    V6Prefix,
    Range(i64, i64),
    Asn,
    Mac,
    /// This word, as a value.
    Literal(&'static str),
    Word,
}

/// One variable of a pattern.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Var {
    pub(crate) kind: VarKind,
    /// As written in the pattern, for messages.
    pub(crate) text: &'static str,
    pub(crate) label: &'static str,
    /// Takes the rest of the line.
    pub(crate) rest: bool,
}

/// Node of a parsed pattern.
#[derive(Debug)]
pub(crate) enum Tok {
    Keyword(&'static str),
    Var(Var),
    Optional(Vec<Self>),
    Choice(Vec<Vec<Self>>),
    AnyOrder(Vec<Vec<Self>>),
    /// A `no` form may end here.
    Cut,
    /// Matches nothing: the statement has a `no` form only.
    Never,
}

/// How well a word fits; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    FreeWord,
    Abbreviation,
    Typed,
    Exact,
}

/// A pattern, ready to match.
#[derive(Debug)]
pub(crate) struct Pattern {
    toks: Vec<Tok>,
}

/// What could stand at one place of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    /// This keyword.
    Keyword(&'static str),
    /// A variable of this shape.
    Variable(&'static str),
    /// Nothing more.
    EndOfLine,
}

/// Outcome of a pattern against a line.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    Match(Args<'a>),
    /// All words fit, and more are needed.
    Incomplete,
    /// The word at this index does not fit.
    NoMatch(usize),
}

impl VarKind {
    fn of(text: &'static str) -> Self {
        match text {
            "A.B.C.D" => Self::V4,
            "X:X::X:X" => Self::V6,
            "A.B.C.D/M" => Self::V4Prefix,
            "X:X::X:X/M" => Self::V6Prefix,
            "ASN" => Self::Asn,
            "MAC" => Self::Mac,
            _ if text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => Self::Literal(text),
            _ => Self::range(text).unwrap_or(Self::Word),
        }
    }

    fn range(text: &str) -> Option<Self> {
        let (low, high) = text.strip_prefix('(')?.strip_suffix(')')?.split_once('-')?;
        Some(Self::Range(low.parse().ok()?, high.parse().ok()?))
    }

    fn accepts(self, word: &str) -> bool {
        match self {
            Self::V4 => word.parse::<Ipv4Addr>().is_ok(),
            Self::V6 => word.contains(':') && word.parse::<Ipv6Addr>().is_ok(),
            Self::V4Prefix => !word.contains(':') && word.parse::<IfAddr>().is_ok(),
            Self::V6Prefix => word.contains(':') && word.parse::<IfAddr>().is_ok(),
            Self::Range(low, high) => {
                word.bytes().all(|b| b.is_ascii_digit())
                    && word.parse::<i64>().is_ok_and(|n| (low..=high).contains(&n))
            }
            Self::Asn => word.parse::<Asn>().is_ok(),
            Self::Mac => {
                word.split(':').count() == 6
                    && word.split(':').all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
            }
            Self::Literal(text) => word == text,
            Self::Word => true,
        }
    }

    const fn fit(self) -> Fit {
        match self {
            Self::Word => Fit::FreeWord,
            Self::Literal(_) => Fit::Exact,
            _ => Fit::Typed,
        }
    }
}

impl Pattern {
    /// Parses `syntax`. The patterns are constants of this crate; a test parses every one.
    pub(crate) fn parse(syntax: &'static str) -> Self {
        let mut rest = syntax;
        let toks = parse_sequence(&mut rest);
        debug_assert!(rest.is_empty(), "trailing {rest:?} in pattern {syntax:?}");
        Self { toks }
    }

    /// Pattern of `self` followed by `other`.
    pub(crate) fn prefixed(prefix: &'static str, syntax: &'static str) -> Self {
        let mut toks = Self::parse(prefix).toks;
        toks.extend(Self::parse(syntax).toks);
        Self { toks }
    }

    /// Whether a line that begins with `words` may match, by the leading keywords alone (cheap).
    pub(crate) fn may_start_with(&self, words: &[&str]) -> bool {
        self.toks.iter().take_while(|t| is_one_word(t)).zip(words).all(|(tok, word)| match tok {
            Tok::Keyword(k) => k.starts_with(word),
            _ => true,
        })
    }

    /// Matches all of `words`; with `no`, the line may end at a cut.
    pub(crate) fn matches<'a>(&self, words: &[&'a str], no: bool) -> Outcome<'a> {
        let mut m = Matcher::new(words, no);
        m.run(&self.toks, None, 0);
        match m.best {
            Some((_, captures)) => Outcome::Match(Args::new(words.to_vec(), captures)),
            None if m.incomplete => Outcome::Incomplete,
            None => Outcome::NoMatch(m.furthest),
        }
    }

    /// Adds to `out` what may stand at word `at`, when the words before it fit.
    pub(crate) fn expected(&self, words: &[&str], at: usize, no: bool, out: &mut Vec<Expected>) {
        let Some(words) = words.get(..at) else { return };
        let mut m = Matcher::new(words, no);
        m.expected = Some(Vec::new());
        m.run(&self.toks, None, 0);
        out.extend(m.expected.unwrap_or_default());
    }
}

/// Whether a token always takes exactly one word.
fn is_one_word(tok: &Tok) -> bool {
    match tok {
        Tok::Keyword(_) => true,
        Tok::Var(v) => !v.rest,
        Tok::Choice(branches) => branches.iter().all(|b| matches!(b.as_slice(), [t] if is_one_word(t))),
        _ => false,
    }
}

fn parse_sequence(rest: &mut &'static str) -> Vec<Tok> {
    let mut toks = Vec::new();
    loop {
        *rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return toks };
        match first {
            '|' | '>' | ']' | '}' => return toks,
            '<' => toks.push(Tok::Choice(parse_branches(rest))),
            '{' => toks.push(Tok::AnyOrder(parse_branches(rest))),
            '[' => {
                *rest = &rest[1..];
                toks.push(Tok::Optional(parse_sequence(rest)));
                *rest = rest.strip_prefix(']').unwrap_or(rest);
            }
            '!' => {
                *rest = &rest[1..];
                toks.push(Tok::Never);
            }
            '~' => {
                *rest = &rest[1..];
                toks.push(Tok::Cut);
            }
            _ => toks.push(parse_word(rest)),
        }
    }
}

fn parse_branches(rest: &mut &'static str) -> Vec<Vec<Tok>> {
    let mut branches = Vec::new();
    loop {
        *rest = &rest[1..];
        branches.push(parse_sequence(rest));
        if !rest.starts_with('|') {
            *rest = rest.get(1..).unwrap_or("");
            return branches;
        }
    }
}

fn parse_word(rest: &mut &'static str) -> Tok {
    let end = rest.find([' ', '|', '<', '>', '[', ']', '{', '}', '~']).unwrap_or(rest.len());
    let (word, tail) = rest.split_at(end);
    *rest = tail;
    if word == "PROTOCOL" {
        let name = |p: RouteSource| vec![Tok::Keyword(p.name())];
        return Tok::Choice(RouteSource::ALL.into_iter().map(name).collect());
    }
    let (shape, label) = word.split_once('@').map_or((word, None), |(s, l)| (s, Some(l)));
    let (label, in_label) = match label {
        Some(l) => l.strip_suffix("...").map_or((Some(l), false), |l| (Some(l), true)),
        None => (None, false),
    };
    let (text, in_shape) = shape.strip_suffix("...").map_or((shape, false), |s| (s, true));
    let variable = in_label
        || in_shape
        || label.is_some()
        || text.starts_with('(')
        || text.starts_with("X:X")
        || text.bytes().all(|b| b.is_ascii_uppercase() || b"_:.-/".contains(&b) || b.is_ascii_digit())
            && text.bytes().any(|b| b.is_ascii_uppercase());
    if !variable {
        return Tok::Keyword(word);
    }
    Tok::Var(Var { kind: VarKind::of(text), text, label: label.unwrap_or(text), rest: in_label || in_shape })
}

/// What remains to be matched after the current sequence; a list on the stack.
enum Cont<'p> {
    Seq(&'p [Tok], Option<&'p Self>),
    AnyOrder { branches: &'p [Vec<Tok>], used: u64, rest: &'p [Tok], next: Option<&'p Self> },
}

struct Matcher<'w, 'a> {
    words: &'w [&'a str],
    no: bool,
    captures: Vec<Capture>,
    best: Option<(Vec<Fit>, Vec<Capture>)>,
    incomplete: bool,
    furthest: usize,
    steps: u32,
    expected: Option<Vec<Expected>>,
}

impl<'w, 'a> Matcher<'w, 'a> {
    const fn new(words: &'w [&'a str], no: bool) -> Self {
        Self {
            words,
            no,
            captures: Vec::new(),
            best: None,
            incomplete: false,
            furthest: 0,
            steps: 0,
            expected: None,
        }
    }

    fn run(&mut self, toks: &[Tok], cont: Option<&Cont<'_>>, at: usize) {
        self.steps += 1;
        if self.steps > STEP_BUDGET {
            return;
        }
        let Some((tok, rest)) = toks.split_first() else { return self.resume(cont, at) };
        match tok {
            Tok::Keyword(k) => self.keyword(k, rest, cont, at),
            Tok::Var(v) => self.variable(v, rest, cont, at),
            Tok::Optional(inner) => {
                self.run(inner, Some(&Cont::Seq(rest, cont)), at);
                self.run(rest, cont, at);
            }
            Tok::Choice(branches) => {
                for branch in branches {
                    self.run(branch, Some(&Cont::Seq(rest, cont)), at);
                }
            }
            Tok::AnyOrder(branches) => self.any_order(branches, 0, rest, cont, at),
            Tok::Never => self.reject(at.min(self.words.len())),
            Tok::Cut => {
                if self.no && at == self.words.len() {
                    self.finish(at);
                }
                self.run(rest, cont, at);
            }
        }
    }

    fn resume(&mut self, cont: Option<&Cont<'_>>, at: usize) {
        match cont {
            None => self.finish(at),
            Some(Cont::Seq(toks, next)) => self.run(toks, *next, at),
            Some(Cont::AnyOrder { branches, used, rest, next }) => {
                self.any_order(branches, *used, rest, *next, at);
            }
        }
    }

    fn any_order(
        &mut self,
        branches: &[Vec<Tok>],
        used: u64,
        rest: &[Tok],
        next: Option<&Cont<'_>>,
        at: usize,
    ) {
        for (i, branch) in branches.iter().enumerate() {
            if used & 1 << i == 0 {
                let cont = Cont::AnyOrder { branches, used: used | 1 << i, rest, next };
                self.run(branch, Some(&cont), at);
            }
        }
        if used != 0 {
            self.run(rest, next, at);
        }
    }

    fn keyword(&mut self, keyword: &'static str, rest: &[Tok], cont: Option<&Cont<'_>>, at: usize) {
        let Some(word) = self.words.get(at) else { return self.wants(Expected::Keyword(keyword)) };
        let fit = if *word == keyword {
            Fit::Exact
        } else if keyword.starts_with(word) {
            Fit::Abbreviation
        } else {
            return self.reject(at);
        };
        self.captures.push(Capture { label: keyword, keyword: true, at, fit });
        self.run(rest, cont, at + 1);
        self.captures.pop();
    }

    fn variable(&mut self, var: &Var, rest: &[Tok], cont: Option<&Cont<'_>>, at: usize) {
        let Some(word) = self.words.get(at) else { return self.wants(Expected::Variable(var.text)) };
        if var.rest {
            let bad = self.words[at..].iter().position(|w| !var.kind.accepts(w));
            if let Some(bad) = bad {
                return self.reject(at + bad);
            }
        } else if !var.kind.accepts(word) {
            return self.reject(at);
        }
        let next = if var.rest { self.words.len() } else { at + 1 };
        self.captures.push(Capture { label: var.label, keyword: false, at, fit: var.kind.fit() });
        self.run(rest, cont, next);
        self.captures.pop();
    }

    fn wants(&mut self, expected: Expected) {
        self.incomplete = true;
        self.furthest = self.words.len();
        if let Some(out) = &mut self.expected {
            out.push(expected);
        }
    }

    fn reject(&mut self, at: usize) {
        self.furthest = self.furthest.max(at);
    }

    fn finish(&mut self, at: usize) {
        if at < self.words.len() {
            return self.reject(at);
        }
        if let Some(out) = &mut self.expected {
            out.push(Expected::EndOfLine);
        }
        let fits: Vec<Fit> = self.captures.iter().map(|c| c.fit).collect();
        if self.best.as_ref().is_none_or(|(best, _)| fits > *best) {
            self.best = Some((fits, self.captures.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
