//! The two texts while they are made: statements in blocks, each with the input lines that it came from.
//!
//! Invariant: [`Document::finish`] gives every statement to `ferr-config`; one that is refused is taken out, and its lines are left with
//! what was said about it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ferr_config::model::origin::Origin;
use ferr_config::{Config, FRR_VERSION, LineErrorKind, LineOutcome, ModeStack, execute_line};

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is in frr.conf or ferr.conf.
    Carried,
    /// So it is, with something to know about it.
    Remark(String),
    /// It is not, for this reason.
    Left(String),
}

/// A line of the input, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// From 1.
    pub number: usize,
    /// The line, with secrets hidden.
    pub text: String,
    /// What became of it.
    pub fate: Fate,
}

/// Where a statement belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum File {
    /// frr.conf: FRR knows the statement.
    Frr,
    /// ferr.conf: it is one of our own, or belongs to a link that is declared there.
    Own,
}

/// A block: its headers, from outside in.
pub(crate) type Path = Vec<String>;

/// A block in one of the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Block {
    file: File,
    path: Path,
}

impl Block {
    /// A block by its headers, outermost first; none is the top level.
    pub(crate) fn new(file: File, headers: &[&str]) -> Self {
        Self { file, path: headers.iter().map(|h| (*h).to_owned()).collect() }
    }

    pub(crate) fn frr(header: &str) -> Self {
        Self::new(File::Frr, &[header])
    }

    pub(crate) fn own(header: &str) -> Self {
        Self::new(File::Own, &[header])
    }

    /// A block inside.
    pub(crate) fn inner(&self, header: &str) -> Self {
        let mut inner = self.clone();
        inner.path.push(header.to_owned());
        inner
    }
}

#[derive(Debug)]
struct Statement {
    text: String,
    sources: Vec<usize>,
}

#[derive(Debug, Default)]
struct Content {
    statements: Vec<Statement>,
    seen: HashMap<String, usize>,
    /// Inner blocks by header, in order of appearance.
    blocks: Vec<(String, Self)>,
    index: HashMap<String, usize>,
    /// Lines that only open the block.
    sources: Vec<usize>,
}

impl Content {
    fn block(&mut self, header: &str) -> &mut Self {
        let index = match self.index.get(header) {
            Some(index) => *index,
            None => {
                self.index.insert(header.to_owned(), self.blocks.len());
                self.blocks.push((header.to_owned(), Self::default()));
                self.blocks.len() - 1
            }
        };
        &mut self.blocks[index].1
    }
}

/// The texts in the making.
#[derive(Debug, Default)]
pub(crate) struct Document {
    files: BTreeMap<File, Content>,
    left: BTreeMap<usize, String>,
    remarks: BTreeMap<usize, String>,
    implied: BTreeMap<usize, String>,
}

impl Document {
    fn content(&mut self, block: &Block) -> &mut Content {
        let root = self.files.entry(block.file).or_default();
        block.path.iter().fold(root, |content, header| content.block(header))
    }

    /// Adds a statement that came from these lines (none: the other router did so by itself).
    pub(crate) fn put(&mut self, block: &Block, text: impl Into<String>, sources: &[usize]) {
        let (text, content) = (text.into(), self.content(block));
        let at = content.seen.get(&text).copied();
        match at.and_then(|at| content.statements.get_mut(at)) {
            Some(held) => held.sources.extend(sources),
            None => {
                content.seen.insert(text.clone(), content.statements.len());
                content.statements.push(Statement { text, sources: sources.to_vec() });
            }
        }
    }

    /// Makes a block even when nothing is in it.
    pub(crate) fn open(&mut self, block: &Block, sources: &[usize]) {
        self.content(block).sources.extend(sources);
    }

    /// These lines are not carried. The first reason stays.
    pub(crate) fn leave(&mut self, lines: &[usize], reason: &str) {
        for line in lines {
            self.left.entry(*line).or_insert_with(|| reason.to_owned());
        }
    }

    /// These lines are carried although they gave no statement of their own.
    pub(crate) fn carried(&mut self, lines: &[usize], remark: &str) {
        for line in lines {
            self.implied.entry(*line).or_insert_with(|| remark.to_owned());
        }
    }

    /// Something to know about lines that are carried.
    pub(crate) fn remark(&mut self, lines: &[usize], remark: &str) {
        for line in lines {
            self.remarks.entry(*line).or_insert_with(|| remark.to_owned());
        }
    }

    /// Checks and prints everything.
    pub(crate) fn finish(self) -> Finished {
        let mut check = Check { config: Config::default(), fates: BTreeMap::new(), refused: self.left };
        let mut texts = BTreeMap::new();
        for (file, content) in &self.files {
            let name = if *file == File::Frr { "frr.conf" } else { "ferr.conf" };
            let mut stack = ModeStack::new(Origin::File { file: name.into(), line: 0 });
            let mut text = String::new();
            check.content(content, &mut stack, 0, &mut text);
            texts.insert(*file, text);
        }
        for (line, remark) in self.remarks {
            if let Some(fate @ Fate::Carried) = check.fates.get_mut(&line) {
                *fate = Fate::Remark(remark);
            }
        }
        for (line, remark) in self.implied {
            check.fates.entry(line).or_insert(Fate::Remark(remark));
        }
        // A statement that was refused says more than one that was accepted, when one line gave both.
        check.fates.extend(check.refused.into_iter().map(|(line, reason)| (line, Fate::Left(reason))));
        let frr = texts.remove(&File::Frr).unwrap_or_default();
        let own = texts.remove(&File::Own).unwrap_or_default();
        let head = format!("frr version {FRR_VERSION}\nfrr defaults traditional\n");
        let frr = if frr.is_empty() { frr } else { head + &frr };
        Finished { frr, own: own.trim_start_matches("!\n").to_owned(), fates: check.fates }
    }
}

/// What [`Document::finish`] gives.
pub(crate) struct Finished {
    pub(crate) frr: String,
    pub(crate) own: String,
    /// Lines that have a fate; the others were not looked at.
    pub(crate) fates: BTreeMap<usize, Fate>,
}

struct Check {
    config: Config,
    fates: BTreeMap<usize, Fate>,
    refused: BTreeMap<usize, String>,
}

impl Check {
    fn refuse(&mut self, lines: &[usize], reason: &str) {
        for line in lines {
            self.refused.entry(*line).or_insert_with(|| reason.to_owned());
        }
    }

    /// One line; whether it was taken.
    fn line(&mut self, stack: &mut ModeStack, text: &str, sources: &[usize]) -> bool {
        match execute_line(&mut self.config, stack, text) {
            Ok(LineOutcome::NoEffect(_)) => {
                let remark = || Fate::Remark("kept in frr.conf, and FeRR does not act on it yet".to_owned());
                self.fates.extend(sources.iter().map(|line| (*line, remark())));
                true
            }
            Ok(LineOutcome::Applied | LineOutcome::Entered) => {
                for line in sources {
                    self.fates.entry(*line).or_insert(Fate::Carried);
                }
                true
            }
            Ok(_) => {
                self.refuse(sources, "it would end a block");
                false
            }
            Err(error) => {
                self.refuse(
                    sources,
                    &format!("`{}` is refused: {}", shown(text.trim_start()), said(&error.kind)),
                );
                false
            }
        }
    }

    fn content(&mut self, content: &Content, stack: &mut ModeStack, depth: usize, out: &mut String) {
        let indent = " ".repeat(depth);
        for statement in &content.statements {
            let mut own = stack.clone();
            let taken = self.line(&mut own, &format!("{indent}{}", statement.text), &statement.sources);
            // A statement known only outside of the block would leave it, and all behind it would be misunderstood.
            if taken && own.current() == stack.current() {
                out.push_str(&format!("{indent}{}\n", statement.text));
            } else if taken {
                self.refuse(&statement.sources, "it would leave its block");
            }
        }
        for (header, inner) in &content.blocks {
            let mut own = stack.clone();
            let sources: Vec<usize> = inner.sources.clone();
            if !self.line(&mut own, &format!("{indent}{header}"), &sources) {
                self.refuse(&all_sources(inner), &format!("its block `{}` is refused", shown(header)));
                continue;
            }
            out.push_str(&format!("{indent}{}{header}\n", if depth == 0 { "!\n" } else { "" }));
            self.content(inner, &mut own, depth + 1, out);
            out.push_str(&format!("{indent}{}\n", closer(header)));
        }
    }
}

/// What ends the block.
fn closer(header: &str) -> &'static str {
    match header.split(' ').next() {
        Some("vrf") => "exit-vrf",
        Some("address-family") => "exit-address-family",
        _ => "exit",
    }
}

/// The error without the list of all that could have stood there.
fn said(kind: &LineErrorKind) -> String {
    match kind {
        LineErrorKind::Unknown { word, .. } => format!("`{word}` is not understood there"),
        LineErrorKind::Incomplete { .. } => "words are missing".to_owned(),
        kind => kind.to_string(),
    }
}

/// A statement as a report may show it.
fn shown(text: &str) -> String {
    match text.split_once(" password ") {
        Some((head, _)) => format!("{head} password ..."),
        None => text.chars().take(120).collect(),
    }
}

fn all_sources(content: &Content) -> Vec<usize> {
    let mut out = BTreeSet::new();
    let mut waiting = vec![content];
    while let Some(content) = waiting.pop() {
        out.extend(content.statements.iter().flat_map(|s| &s.sources));
        out.extend(&content.sources);
        waiting.extend(content.blocks.iter().map(|(_, inner)| inner));
    }
    out.into_iter().collect()
}
