//! The grammar: which statements each mode takes, and which object each is about.
//!
//! # Data
//! Statement tables ([`table`]) are bound to their place in a mode here. [`Grammar`] holds their parsed patterns; it
//! is built once and never changes.

pub(crate) mod args;
pub(crate) mod bfd;
pub(crate) mod bgp;
pub(crate) mod bgp_af;
pub(crate) mod bgp_global;
pub(crate) mod bgp_neighbor;
pub(crate) mod bgp_neighbor_af;
mod bgp_neighbor_bfd;
pub(crate) mod blocks;
pub(crate) mod global;
pub(crate) mod interface;
pub(crate) mod keychain;
pub(crate) mod link;
pub(crate) mod lists;
pub(crate) mod mode;
mod nodes;
pub(crate) mod ospf;
pub(crate) mod ospf_area;
pub(crate) mod ospf_interface;
pub(crate) mod ospf_router;
pub(crate) mod pattern;
pub(crate) mod routemap;
mod statics;
pub(crate) mod table;
pub(crate) mod wireguard;
pub(crate) mod words;

use std::collections::HashMap;
use std::sync::LazyLock;

use args::Args;
use mode::Mode;
pub(crate) use nodes::Node;
use pattern::{Expected, Fit, Outcome, Pattern};
use table::{Applied, Table};

use crate::model::Config;

/// A statement of a node, ready to match.
struct Entry {
    pattern: Pattern,
    syntax: &'static str,
    table: &'static dyn Table,
    index: usize,
}

/// All statements of all modes.
pub(crate) struct Grammar {
    nodes: HashMap<Node, Vec<Entry>>,
}

/// A line found in a node.
pub(crate) struct Found<'g, 'a> {
    entry: &'g Entry,
    pub(crate) args: Args<'a>,
}

/// A line not found in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The word at this index does not fit.
    NoMatch(usize),
    Incomplete,
    Ambiguous,
}

impl Found<'_, '_> {
    pub(crate) fn apply(&self, config: &mut Config, mode: &Mode, no: bool) -> Applied {
        self.entry.table.apply(self.entry.index, config, mode, &self.args, no)
    }

    pub(crate) const fn syntax(&self) -> &'static str {
        self.entry.syntax
    }
}

impl Grammar {
    /// The one grammar.
    pub(crate) fn get() -> &'static Self {
        static GRAMMAR: LazyLock<Grammar> = LazyLock::new(Grammar::build);
        &GRAMMAR
    }

    fn build() -> Self {
        let entries = |node: &Node| {
            let of_table = |table: &'static dyn Table| {
                let patterns = table.patterns().into_iter().enumerate();
                patterns.map(move |(index, (pattern, syntax))| Entry { pattern, syntax, table, index })
            };
            node.tables().into_iter().flat_map(of_table).collect()
        };
        Self { nodes: Node::all().into_iter().map(|node| (node, entries(&node))).collect() }
    }

    fn entries(&self, node: Node) -> &[Entry] {
        self.nodes.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Finds the statement of `node` that `words` (without `no`) mean.
    pub(crate) fn find<'a>(&self, node: Node, words: &[&'a str], no: bool) -> Result<Found<'_, 'a>, Miss> {
        let mut best: Option<(Vec<Fit>, Found<'_, 'a>)> = None;
        let mut tied = false;
        let (mut furthest, mut incomplete) = (0, false);
        for entry in self.entries(node).iter().filter(|e| e.pattern.may_start_with(words)) {
            match entry.pattern.matches(words, no) {
                Outcome::Incomplete => incomplete = true,
                Outcome::NoMatch(at) => furthest = furthest.max(at),
                Outcome::Match(args) => {
                    let fits: Vec<Fit> = args.fits().collect();
                    match &best {
                        Some((held, _)) if fits < *held => {}
                        Some((held, found)) if fits == *held => {
                            tied |= fits.contains(&Fit::Abbreviation)
                                && !args.keywords().eq(found.args.keywords());
                        }
                        _ => {
                            tied = false;
                            best = Some((fits, Found { entry, args }));
                        }
                    }
                }
            }
        }
        match best {
            Some(_) if tied => Err(Miss::Ambiguous),
            Some((_, found)) => Ok(found),
            None if incomplete => Err(Miss::Incomplete),
            None => Err(Miss::NoMatch(furthest)),
        }
    }

    /// What may stand at word `at` of a line that begins with `words`; sorted, each once.
    pub(crate) fn expected(&self, node: Node, words: &[&str], at: usize, no: bool) -> Vec<Expected> {
        let mut out = Vec::new();
        let before = words.get(..at).unwrap_or(words);
        for entry in self.entries(node).iter().filter(|e| e.pattern.may_start_with(before)) {
            entry.pattern.expected(words, at, no, &mut out);
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Syntax of every statement of a node.
    pub(crate) fn syntaxes(&self, node: Node) -> impl Iterator<Item = &'static str> {
        self.entries(node).iter().map(|e| e.syntax)
    }
}

/// Words before `~` of an inert statement: what identifies the setting. The whole line when there is no `~`.
pub(crate) fn inert_key(syntax: &str, args: &Args<'_>) -> String {
    let line = args.canonical();
    let Some((head, _)) = syntax.split_once(" ~") else { return line };
    let mut words = 0;
    let mut depth = 0_usize;
    // A choice is one word; an optional part counts when its keyword or value stands in the line.
    for part in head.split(' ') {
        let opens = part.matches(['<', '[', '{']).count();
        let closes = part.matches(['>', ']', '}']).count();
        if depth == 0 && !part.starts_with('[') {
            words += 1;
        }
        depth = (depth + opens).saturating_sub(closes);
    }
    line.split(' ').take(words).collect::<Vec<_>>().join(" ")
}
