//! `set` lines as a tree of words.
//!
//! Invariant: every line of the input is known by its number (from 1), and is in the tree or was refused.

use std::collections::BTreeMap;

/// Words of a line beyond which it is not looked at: VyOS's own deepest statements have about fifteen.
const MAX_WORDS: usize = 40;

/// A word, and what stands below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// Lines that end here.
    pub(crate) lines: Vec<usize>,
    children: BTreeMap<Name, Self>,
}

/// A word, ordered as people number things: `10` stands behind `9`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name(Option<u64>, String);

impl Name {
    fn new(word: &str) -> Self {
        // A number that is written otherwise (`010`) stays a word of its own.
        let number = word.parse::<u64>().ok().filter(|n| n.to_string() == word);
        Self(Some(number.unwrap_or(u64::MAX)), word.to_owned())
    }
}

/// The last word of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf<'t> {
    pub(crate) text: &'t str,
    pub(crate) lines: &'t [usize],
}

impl Node {
    fn insert(&mut self, words: Vec<String>, line: usize) {
        let node =
            words.into_iter().fold(self, |node, word| node.children.entry(Name::new(&word)).or_default());
        node.lines.push(line);
    }

    /// The node at a path of words, separated by blanks.
    pub(crate) fn get(&self, path: &str) -> Option<&Self> {
        path.split(' ').filter(|w| !w.is_empty()).try_fold(self, |node, word| node.child(word))
    }

    /// The node below, whatever characters its name has.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(&Name::new(name))
    }

    /// What stands below, in order.
    pub(crate) fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.children.iter().map(|(name, node)| (name.1.as_str(), node))
    }

    /// What stands below the node at a path.
    pub(crate) fn each<'t>(&'t self, path: &str) -> impl Iterator<Item = (&'t str, &'t Self)> + use<'t> {
        self.get(path).into_iter().flat_map(Self::children)
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// Values of a setting.
    pub(crate) fn values<'t>(&'t self, path: &str) -> impl Iterator<Item = Leaf<'t>> + use<'t> {
        self.each(path).filter(|(_, n)| n.is_leaf()).map(|(text, n)| Leaf { text, lines: &n.lines })
    }

    /// The one value of a setting; none when there are several.
    pub(crate) fn value<'t>(&'t self, path: &str) -> Option<Leaf<'t>> {
        let mut values = self.values(path);
        values.next().filter(|_| values.next().is_none())
    }

    /// The lines of a setting without a value.
    pub(crate) fn flag(&self, path: &str) -> Option<&[usize]> {
        self.get(path).filter(|n| n.is_leaf()).map(|n| n.lines.as_slice())
    }

    /// All lines at and below the node.
    pub(crate) fn all_lines(&self) -> Vec<usize> {
        let mut out = Vec::new();
        let mut waiting = vec![self];
        while let Some(node) = waiting.pop() {
            out.extend(&node.lines);
            waiting.extend(node.children.values());
        }
        out
    }
}

/// Why a line is not in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    NotSet,
    Quotes,
    TooDeep,
}

impl Refused {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NotSet => "not a `set` line: the input is what `show configuration commands` prints",
            Self::Quotes => "its quotes are not closed",
            Self::TooDeep => "more words than any statement has",
        }
    }
}

/// A line of the input: its words without `set`.
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) words: Result<Vec<String>, Refused>,
}

/// The lines that say something.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let said = |line: &str| !line.is_empty() && !line.starts_with('#');
    let numbered = text.lines().map(str::trim).enumerate().filter(|(_, line)| said(line));
    numbered.map(|(index, line)| Line { number: index + 1, words: set_words(line) }).collect()
}

/// Puts lines into a tree.
pub(crate) fn tree(lines: &[Line]) -> Node {
    let mut root = Node::default();
    for line in lines {
        if let Ok(words) = &line.words {
            root.insert(words.clone(), line.number);
        }
    }
    root
}

fn set_words(line: &str) -> Result<Vec<String>, Refused> {
    let words = words(line)?;
    match words.split_first() {
        Some((first, rest)) if first == "set" && !rest.is_empty() => {
            if rest.len() > MAX_WORDS {
                Err(Refused::TooDeep)
            } else {
                Ok(rest.to_vec())
            }
        }
        _ => Err(Refused::NotSet),
    }
}

/// Splits a line as a shell does: blanks, single and double quotes, backslashes outside of single quotes.
fn words(line: &str) -> Result<Vec<String>, Refused> {
    let (mut out, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                word.get_or_insert_default().push(chars.next().ok_or(Refused::Quotes)?);
            }
            (None, c) if c.is_ascii_whitespace() => out.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    if quote.is_some() { Err(Refused::Quotes) } else { Ok(out) }
}
