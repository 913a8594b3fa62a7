//! Syntax of operational commands: patterns, matching with abbreviations, and completion.
//!
//! # Purpose
//! A pattern is written as people write syntax: `show [ip] bgp [vrf VRF] <A.B.C.D|X:X::X:X> [json]`. Small letters are keywords,
//! words in capitals are values, `[...]` may be left out, `<a|b>` is a choice, `{a|b}` is any number of the choices,
//! `TEXT...` takes the rest of the line.
//!
//! # Invariants
//! Matching is a simulation of a small automaton: its cost is at most words times pattern length, whatever the line.

use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_types::{Ipv4Prefix, Ipv6Prefix};

/// Words of one line that are looked at.
pub(crate) const MAX_WORDS: usize = 64;

/// A place in a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// Word with a fixed text, may be abbreviated.
    Keyword(&'static str),
    /// Value of a kind.
    Value(Kind, &'static str),
    /// Rest of the line.
    Rest(&'static str),
}

/// Shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// IPv4 address.
    V4,
    /// IPv6 address.
    V6,
    /// IPv4 prefix.
    Prefix4,
    /// IPv6 prefix.
    Prefix6,
    /// Number within bounds.
    Number(u32, u32),
    /// Any word.
    Word,
}

/// Capitals alone name a value.
fn is_label(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_uppercase()) && !word.bytes().any(|b| b.is_ascii_lowercase())
}

impl Token {
    fn parse(word: &'static str) -> Self {
        if let Some(rest) = word.strip_suffix("...") {
            return Self::Rest(rest);
        }
        let kind = match word {
            "A.B.C.D" => Kind::V4,
            "X:X::X:X" => Kind::V6,
            "A.B.C.D/M" => Kind::Prefix4,
            "X:X::X:X/M" => Kind::Prefix6,
            _ => match word.strip_prefix('(').and_then(|w| w.strip_suffix(')')?.split_once('-')) {
                Some((low, high)) => match (low.parse(), high.parse()) {
                    (Ok(low), Ok(high)) => Kind::Number(low, high),
                    _ => Kind::Word,
                },
                None if is_label(word) => Kind::Word,
                None => return Self::Keyword(word),
            },
        };
        Self::Value(kind, word)
    }

    /// How well `word` fits, smaller is better.
    fn rank(self, word: &str) -> Option<u8> {
        const EXACT: u8 = 0;
        const ABBREVIATION: u8 = 1;
        const TYPED: u8 = 2;
        const FREE: u8 = 3;
        match self {
            Self::Keyword(k) if k == word => Some(EXACT),
            Self::Keyword(k) => k.starts_with(word).then_some(ABBREVIATION),
            Self::Rest(_) => Some(FREE),
            Self::Value(kind, _) => {
                let fits = match kind {
                    Kind::V4 => word.parse::<Ipv4Addr>().is_ok(),
                    Kind::V6 => word.parse::<Ipv6Addr>().is_ok(),
                    Kind::Prefix4 => word.contains('/') && word.parse::<Ipv4Prefix>().is_ok(),
                    Kind::Prefix6 => word.contains('/') && word.parse::<Ipv6Prefix>().is_ok(),
                    Kind::Number(low, high) => word.parse().is_ok_and(|n| (low..=high).contains(&n)),
                    Kind::Word => return Some(FREE),
                };
                fits.then_some(TYPED)
            }
        }
    }

    /// Text of the place in syntax and completion.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Keyword(k) => k,
            Self::Value(_, label) | Self::Rest(label) => label,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Word(Token),
    Fork(usize, usize),
    Jump(usize),
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    steps: Vec<Step>,
}

/// Splits at blanks and brackets; brackets are words of their own.
fn lex(text: &'static str) -> Vec<&'static str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == ' ' {
            rest = &rest[1..];
            continue;
        }
        let end = match first {
            '[' | ']' | '<' | '>' | '{' | '}' | '|' => 1,
            _ => rest.find([' ', '[', ']', '<', '>', '{', '}', '|']).unwrap_or(rest.len()),
        };
        let (word, tail) = rest.split_at(end);
        out.push(word);
        rest = tail;
    }
    out
}

impl Pattern {
    /// Compiles a syntax text.
    pub(crate) fn new(text: &'static str) -> Self {
        let words = lex(text);
        let mut pattern = Self { steps: Vec::new() };
        let mut at = 0;
        pattern.sequence(&words, &mut at);
        pattern
    }

    fn sequence(&mut self, words: &[&'static str], at: &mut usize) {
        while let Some(word) = words.get(*at) {
            match *word {
                "]" | ">" | "}" | "|" => return,
                "[" => {
                    *at += 1;
                    let fork = self.hole();
                    self.choice(words, at);
                    self.steps[fork] = Step::Fork(fork + 1, self.steps.len());
                }
                "<" => {
                    *at += 1;
                    self.choice(words, at);
                }
                "{" => {
                    *at += 1;
                    let fork = self.hole();
                    self.choice(words, at);
                    self.steps.push(Step::Jump(fork));
                    self.steps[fork] = Step::Fork(fork + 1, self.steps.len());
                }
                word => {
                    *at += 1;
                    self.steps.push(Step::Word(Token::parse(word)));
                }
            }
        }
    }

    fn hole(&mut self) -> usize {
        self.steps.push(Step::Jump(0));
        self.steps.len() - 1
    }

    /// Alternatives up to the closing bracket.
    fn choice(&mut self, words: &[&'static str], at: &mut usize) {
        let mut ends = Vec::new();
        loop {
            let fork = self.hole();
            self.sequence(words, at);
            let more = words.get(*at) == Some(&"|");
            *at += 1;
            if !more {
                self.steps[fork] = Step::Jump(fork + 1);
                break;
            }
            ends.push(self.hole());
            self.steps[fork] = Step::Fork(fork + 1, self.steps.len());
        }
        let end = self.steps.len();
        ends.into_iter().for_each(|hole| self.steps[hole] = Step::Jump(end));
    }

    /// Runs `words` through the automaton.
    pub(crate) fn run(&self, words: &[&str]) -> Threads {
        let mut threads = Threads::default();
        self.add(&mut threads, Thread { at: 0, ..Thread::default() });
        for word in words {
            let mut next = Threads::default();
            for thread in &threads.0 {
                let Some(Step::Word(token)) = self.steps.get(thread.at) else { continue };
                if let Some(rank) = token.rank(word) {
                    let rest = matches!(token, Token::Rest(_));
                    let mut thread = thread.clone();
                    thread.at += usize::from(!rest);
                    thread.ranks.push(rank);
                    thread.tokens.push(*token);
                    self.add(&mut next, thread);
                }
            }
            threads = next;
        }
        threads
    }

    /// Follows jumps; of two ways to one place the better is kept.
    fn add(&self, threads: &mut Threads, start: Thread) {
        let mut open = vec![start.at];
        let mut seen = vec![false; self.steps.len() + 1];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match self.steps.get(at) {
                Some(Step::Jump(to)) => open.push(*to),
                Some(Step::Fork(a, b)) => open.extend([*b, *a]),
                Some(Step::Word(Token::Rest(_))) if start.at == at && start.taken_rest() => {
                    threads.merge(Thread { at, ..start.clone() });
                    open.push(at + 1);
                }
                _ => threads.merge(Thread { at, ..start.clone() }),
            }
        }
    }

    /// The best complete match among `threads`.
    pub(crate) fn accepted(&self, threads: Threads) -> Option<Match> {
        let thread = threads.0.into_iter().find(|t| t.at == self.steps.len())?;
        Some(Match { ranks: thread.ranks, tokens: thread.tokens, ambiguous: thread.ambiguous })
    }

    /// What may come next.
    pub(crate) fn next(&self, threads: &Threads) -> impl Iterator<Item = Token> {
        threads.0.iter().filter_map(|t| match self.steps.get(t.at) {
            Some(Step::Word(token)) => Some(*token),
            _ => None,
        })
    }
}

#[derive(Debug, Clone, Default)]
struct Thread {
    at: usize,
    ranks: Vec<u8>,
    tokens: Vec<Token>,
    ambiguous: bool,
}

impl Thread {
    fn taken_rest(&self) -> bool {
        matches!(self.tokens.last(), Some(Token::Rest(_)))
    }
}

/// Where the automaton may stand.
#[derive(Debug, Default)]
pub(crate) struct Threads(Vec<Thread>);

impl Threads {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn merge(&mut self, thread: Thread) {
        let Some(old) = self.0.iter_mut().find(|t| t.at == thread.at) else {
            self.0.push(thread);
            return;
        };
        match thread.ranks.cmp(&old.ranks) {
            std::cmp::Ordering::Less => *old = thread,
            std::cmp::Ordering::Equal if thread.tokens != old.tokens => old.ambiguous = true,
            _ => {}
        }
    }
}

/// How a line fits a pattern.
#[derive(Debug)]
pub(crate) struct Match {
    /// Rank per word, to be compared with those of other patterns.
    pub(crate) ranks: Vec<u8>,
    /// Place of each word.
    pub(crate) tokens: Vec<Token>,
    /// Two ways fit equally well.
    pub(crate) ambiguous: bool,
}

/// Words of a matched line, by keyword and label.
#[derive(Debug, Clone, Default)]
pub(crate) struct Args {
    words: Vec<(Token, String)>,
}

impl Args {
    /// Of a match and its line's words.
    pub(crate) fn new(found: &Match, words: &[&str]) -> Self {
        Self { words: found.tokens.iter().copied().zip(words.iter().map(|w| (*w).to_owned())).collect() }
    }

    /// Whether the keyword is in the line.
    pub(crate) fn has(&self, keyword: &str) -> bool {
        self.words.iter().any(|(t, _)| matches!(t, Token::Keyword(k) if *k == keyword))
    }

    /// Value of a label, the first one.
    pub(crate) fn get(&self, label: &str) -> Option<&str> {
        let found = self.words.iter().find(|(t, _)| matches!(t, Token::Value(_, l) if *l == label));
        found.map(|(_, word)| word.as_str())
    }

    /// Values of a label in order.
    pub(crate) fn all<'s>(&'s self, label: &'s str) -> impl Iterator<Item = &'s str> {
        let of = move |t: &Token| matches!(t, Token::Value(_, l) if *l == label);
        self.words.iter().filter(move |(t, _)| of(t)).map(|(_, word)| word.as_str())
    }

    /// The value that follows a keyword, whatever its shape.
    pub(crate) fn after(&self, keyword: &str) -> Option<&str> {
        let at = self.words.iter().position(|(t, _)| matches!(t, Token::Keyword(k) if *k == keyword))?;
        self.words.get(at + 1).filter(|(t, _)| !matches!(t, Token::Keyword(_))).map(|(_, w)| w.as_str())
    }

    /// Rest of the line.
    pub(crate) fn rest(&self) -> String {
        let rest = self.words.iter().filter(|(t, _)| matches!(t, Token::Rest(_)));
        rest.map(|(_, w)| w.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The first keyword of `choices` that is in the line.
    pub(crate) fn one_of<'k>(&self, choices: &[&'k str]) -> Option<&'k str> {
        choices.iter().copied().find(|k| self.has(k))
    }
}
