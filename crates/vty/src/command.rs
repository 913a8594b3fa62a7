//! The table of operational commands: what is where, and who may use it.

use std::sync::OnceLock;

use crate::door::{Daemon, Doors};
use crate::pattern::{Args, MAX_WORDS, Match, Pattern, Token};

/// Where a session must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Anywhere.
    View,
    /// After `enable`.
    Enable,
}

/// One command.
#[derive(Debug)]
pub(crate) struct Command {
    /// Syntax, see [`Pattern`].
    pub(crate) syntax: &'static str,
    /// One line about it.
    pub(crate) help: &'static str,
    /// Sockets that know it.
    pub(crate) doors: Doors,
    /// Least level.
    pub(crate) level: Level,
    /// What to do.
    pub(crate) action: Action,
}

/// Why no command was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// No such command.
    Unknown,
    /// Several.
    Ambiguous,
    /// Words are missing.
    Incomplete,
}

struct Compiled {
    command: &'static Command,
    pattern: Pattern,
}

fn table() -> &'static [Compiled] {
    static TABLE: OnceLock<Vec<Compiled>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let all = tables::ALL.iter().flat_map(|t| t.iter());
        all.map(|command| Compiled { command, pattern: Pattern::new(command.syntax) }).collect()
    })
}

fn visible(door: Daemon, level: Level) -> impl Iterator<Item = &'static Compiled> {
    table().iter().filter(move |c| c.command.doors.contains(door) && c.command.level <= level)
}

/// The command that `words` mean.
///
/// # Errors
/// [`Miss`].
pub(crate) fn find(door: Daemon, level: Level, words: &[&str]) -> Result<(&'static Command, Args), Miss> {
    if words.len() > MAX_WORDS {
        return Err(Miss::Unknown);
    }
    let mut best: Option<(&Compiled, Match)> = None;
    let mut alive = false;
    let mut tie = false;
    for compiled in visible(door, level) {
        let threads = compiled.pattern.run(words);
        alive |= !threads.is_empty();
        let Some(found) = compiled.pattern.accepted(threads) else { continue };
        match best.as_ref().map(|(_, m)| found.ranks.cmp(&m.ranks)) {
            None | Some(std::cmp::Ordering::Less) => {
                tie = found.ambiguous;
                best = Some((compiled, found));
            }
            Some(std::cmp::Ordering::Equal) => {
                // The same words read the same way: the first command of the table wins.
                tie |= best.as_ref().is_some_and(|(_, m)| keywords(m) != keywords(&found));
            }
            Some(std::cmp::Ordering::Greater) => {}
        }
    }
    match best {
        Some(_) if tie => Err(Miss::Ambiguous),
        Some((compiled, found)) => Ok((compiled.command, Args::new(&found, words))),
        None if alive => Err(Miss::Incomplete),
        None => Err(Miss::Unknown),
    }
}

fn keywords(found: &Match) -> Vec<Option<&'static str>> {
    let keyword = |t: &Token| if let Token::Keyword(k) = t { Some(*k) } else { None };
    found.tokens.iter().map(keyword).collect()
}

/// Syntax of the operational command that a line means after `enable`, without doing anything.
///
/// # Errors
/// [`Miss`], as the session would complain.
pub fn interpret(door: Daemon, line: &str) -> Result<&'static str, Miss> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    find(door, Level::Enable, &words).map(|(command, _)| command.syntax)
}

/// A word that may come next in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Keyword, or the shape of a value in capitals, or `<cr>`.
    pub text: &'static str,
    /// One line about the command.
    pub help: &'static str,
}

/// Words that may come next in an operational command after `enable`, sorted. Behind a blank: the next word, else ways to
/// complete the last one.
pub fn complete(door: Daemon, line: &str) -> Vec<Word> {
    complete_at(door, Level::Enable, line)
}

/// The same for a session's level.
pub(crate) fn complete_at(door: Daemon, level: Level, line: &str) -> Vec<Word> {
    let words: Vec<&str> = line.split_ascii_whitespace().take(MAX_WORDS).collect();
    let fresh = line.is_empty() || line.ends_with(|c: char| c.is_ascii_whitespace());
    let (before, partial) = match words.split_last() {
        Some((last, before)) if !fresh => (before, *last),
        _ => (words.as_slice(), ""),
    };
    let mut out: Vec<Word> = Vec::new();
    for compiled in visible(door, level) {
        let threads = compiled.pattern.run(before);
        for token in compiled.pattern.next(&threads) {
            let fits = match token {
                Token::Keyword(k) => k.starts_with(partial),
                _ => true,
            };
            if fits {
                out.push(Word { text: token.text(), help: compiled.command.help });
            }
        }
        if partial.is_empty() && !before.is_empty() && compiled.pattern.accepted(threads).is_some() {
            out.push(Word { text: "<cr>", help: compiled.command.help });
        }
    }
    out.retain(|w| !w.text.starts_with("XF"));
    out.sort_by_key(|w| w.text);
    out.dedup_by_key(|w| w.text);
    out
}

/// Commands of a socket, for `list` and `find`.
pub(crate) fn list(door: Daemon, level: Level) -> impl Iterator<Item = &'static Command> {
    visible(door, level).map(|c| c.command)
}

pub(crate) mod action;
mod tables;

pub(crate) use action::{
    Action, BfdAction, BgpAction, CommonAction, Empty, ListsAction, Ospf6Action, OspfAction, SessionAction,
    ZebraAction,
};

#[cfg(test)]
mod tests;
