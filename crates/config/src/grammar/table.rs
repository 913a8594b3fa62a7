//! Statement tables: one entry drives parsing, `no`, rendering and completion.
//!
//! # Invariants
//! * `set` and `unset` check everything before they change anything.
//! * `show` prints only lines that the entry's own pattern (or its `no` form) accepts.
//! * The order of a table is the order of printing.

use std::fmt::Write as _;

use super::args::Args;
use super::mode::Mode;
use super::pattern::Pattern;
use crate::error::ConfigError;
use crate::model::Config;

/// What an applied statement means for the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The configuration changed, or already was so.
    Done,
    /// A block was opened.
    Enter(Mode),
    /// Kept, but nothing acts on it.
    Inert,
}

/// Result of applying a statement.
pub(crate) type Applied = Result<Effect, ConfigError>;

/// The usual result.
pub(crate) const DONE: Applied = Ok(Effect::Done);

/// Applies a matched line.
pub(crate) type Change<N> = fn(&mut N, &Args<'_>) -> Applied;

/// Which form of a statement is kept and printed, but nothing acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idle {
    Neither,
    Plain,
    No,
}

/// One statement about an object of type `N`.
pub(crate) struct Stmt<N: 'static> {
    pub(crate) syntax: &'static str,
    pub(crate) set: Change<N>,
    pub(crate) unset: Change<N>,
    pub(crate) show: fn(&N, &mut Lines),
    idle: Idle,
}

/// Entry of a table.
pub(crate) const fn stmt<N>(
    syntax: &'static str,
    set: Change<N>,
    unset: Change<N>,
    show: fn(&N, &mut Lines),
) -> Stmt<N> {
    Stmt { syntax, set, unset, show, idle: Idle::Neither }
}

/// Entry that is printed by another one (an alias, or a second form).
pub(crate) const fn alias<N>(syntax: &'static str, set: Change<N>, unset: Change<N>) -> Stmt<N> {
    Stmt { syntax, set, unset, show: |_, _| {}, idle: Idle::Neither }
}

/// An entry on which nothing acts yet: whoever writes it is told.
pub(crate) const fn idle<N>(mut entry: Stmt<N>) -> Stmt<N> {
    entry.idle = Idle::Plain;
    entry
}

/// The same for one whose `no` form is what changes something.
pub(crate) const fn idle_no<N>(mut entry: Stmt<N>) -> Stmt<N> {
    entry.idle = Idle::No;
    entry
}

/// Finds the object that a table's statements are about. `None`: there is none, and `no` has nothing to do.
pub(crate) type Resolve<N> =
    for<'c> fn(&'c mut Config, &Mode, &Args<'_>, bool) -> Result<Option<&'c mut N>, ConfigError>;

/// A table in its place: which words come before each statement, and which object it is about.
pub(crate) struct Bound<N: 'static> {
    pub(crate) prefix: &'static str,
    pub(crate) stmts: &'static [&'static [Stmt<N>]],
    pub(crate) resolve: Resolve<N>,
}

/// A bound table of any object type.
pub(crate) trait Table: Sync {
    /// Patterns of all statements, with the syntax text.
    fn patterns(&self) -> Vec<(Pattern, &'static str)>;
    /// Applies statement number `index`.
    fn apply(&self, index: usize, config: &mut Config, mode: &Mode, args: &Args<'_>, no: bool) -> Applied;
}

impl<N> Bound<N> {
    fn all(&self) -> impl Iterator<Item = &'static Stmt<N>> {
        self.stmts.iter().flat_map(|t| t.iter())
    }
}

impl<N> Table for Bound<N> {
    fn patterns(&self) -> Vec<(Pattern, &'static str)> {
        self.all().map(|s| (Pattern::prefixed(self.prefix, s.syntax), s.syntax)).collect()
    }

    fn apply(&self, index: usize, config: &mut Config, mode: &Mode, args: &Args<'_>, no: bool) -> Applied {
        let Some(object) = (self.resolve)(config, mode, args, no)? else { return DONE };
        let Some(stmt) = self.all().nth(index) else { return DONE };
        let (change, idle) = if no { (stmt.unset, Idle::No) } else { (stmt.set, Idle::Plain) };
        match change(object, args)? {
            Effect::Done if stmt.idle == idle => Ok(Effect::Inert),
            effect => Ok(effect),
        }
    }
}

/// Collects the lines of a rendering.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    out: String,
    indent: usize,
    /// Words before each statement (`neighbor X `).
    lead: String,
}

impl Lines {
    pub(crate) fn line(&mut self, text: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "{:w$}{}{text}", "", self.lead, w = self.indent);
    }

    /// The `no` form of a line.
    pub(crate) fn no(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.out, "{:w$}no {}{text}", "", self.lead, w = self.indent);
    }

    /// `line` when `on`, else its `no` form.
    pub(crate) fn switch(&mut self, on: bool, text: impl std::fmt::Display) {
        if on { self.line(text) } else { self.no(text) }
    }

    /// Lines of `body` one step further in.
    pub(crate) fn nested(&mut self, body: impl FnOnce(&mut Self)) {
        self.indent += 1;
        body(self);
        self.indent -= 1;
    }

    /// Lines of `body`, each after `lead`.
    pub(crate) fn led_by(&mut self, lead: String, body: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.lead, lead);
        body(self);
        self.lead = before;
    }

    /// Lines of a whole table.
    pub(crate) fn table<N>(&mut self, stmts: &[Stmt<N>], object: &N) {
        for stmt in stmts {
            (stmt.show)(object, self);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Drops what was written after `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// Sorts the lines written after `start` bytewise, and drops repeated ones.
    pub(crate) fn sort_from(&mut self, start: usize) {
        let tail = self.out.split_off(start);
        let mut lines: Vec<&str> = tail.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        for line in lines {
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.out
    }
}

/// `word` on, `no word` off; off is the default.
macro_rules! flag {
    ($text:literal, $($f:ident).+) => {
        $crate::grammar::table::stmt(
            $text,
            |n, _| { n.$($f).+ = true; $crate::grammar::table::DONE },
            |n, _| { n.$($f).+ = false; $crate::grammar::table::DONE },
            |n, o| if n.$($f).+ { o.line($text) },
        )
    };
}

/// `word` is the default; the field says that it is off, printed as `no word`.
macro_rules! off_flag {
    ($text:literal, $($f:ident).+) => {
        $crate::grammar::table::stmt(
            $text,
            |n, _| { n.$($f).+ = false; $crate::grammar::table::DONE },
            |n, _| { n.$($f).+ = true; $crate::grammar::table::DONE },
            |n, o| if n.$($f).+ { o.no($text) },
        )
    };
}

/// `words VALUE`, an `Option` field; `no` takes the value or not.
macro_rules! value {
    ($lead:literal, $var:literal, $($f:ident).+) => {
        $crate::grammar::table::stmt(
            concat!($lead, " ~ ", $var, "@v"),
            |n, a| { n.$($f).+ = Some(a.val("v")?); $crate::grammar::table::DONE },
            |n, _| { n.$($f).+ = None; $crate::grammar::table::DONE },
            |n, o| if let Some(v) = &n.$($f).+ { o.line(format_args!(concat!($lead, " {}"), v)) },
        )
    };
}

/// `words VALUE`, an `Option` field that stays empty when the value is the default.
macro_rules! value_unless {
    ($lead:literal, $var:literal, $($f:ident).+, $default:expr) => {
        $crate::grammar::table::stmt(
            concat!($lead, " ~ ", $var, "@v"),
            |n, a| { n.$($f).+ = Some(a.val("v")?).filter(|v| *v != $default); $crate::grammar::table::DONE },
            |n, _| { n.$($f).+ = None; $crate::grammar::table::DONE },
            |n, o| if let Some(v) = &n.$($f).+ { o.line(format_args!(concat!($lead, " {}"), v)) },
        )
    };
}

/// `words TEXT...`, an `Option<String>` field.
macro_rules! text {
    ($lead:literal, $($f:ident).+) => {
        $crate::grammar::table::stmt(
            concat!($lead, " ~ LINE@v..."),
            |n, a| { n.$($f).+ = a.line("v"); $crate::grammar::table::DONE },
            |n, _| { n.$($f).+ = None; $crate::grammar::table::DONE },
            |n, o| if let Some(v) = &n.$($f).+ { o.line(format_args!(concat!($lead, " {}"), v)) },
        )
    };
}

/// `word` / `no word` with a default that depends on the object; printed when it differs.
macro_rules! tristate {
    ($text:literal, $($f:ident).+, $default:expr) => {
        $crate::grammar::table::stmt(
            $text,
            |n, _| { n.$($f).+ = Some(true); $crate::grammar::table::DONE },
            |n, _| { n.$($f).+ = Some(false); $crate::grammar::table::DONE },
            |n, o| {
                let default: fn(&_) -> bool = $default;
                if let Some(on) = n.$($f).+ && on != default(n) { o.switch(on, $text) }
            },
        )
    };
}

/// Statements that are accepted, kept as lines, and have no effect. What stands before `~` identifies the setting.
macro_rules! inert {
    ($syntax:literal, $($f:ident).+) => {
        $crate::grammar::table::alias(
            $syntax,
            |n, a| { n.$($f).+.set($crate::grammar::inert_key($syntax, a), a.canonical()); Ok($crate::grammar::table::Effect::Inert) },
            |n, a| { n.$($f).+.unset(&$crate::grammar::inert_key($syntax, a), &a.canonical()); $crate::grammar::table::DONE },
        )
    };
}

pub(crate) use {flag, inert, off_flag, text, tristate, value, value_unless};
