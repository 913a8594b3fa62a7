//! Typing: completion with the tab key, help with `?`, history.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext, EventHandler,
    ExternalPrinter, Helper, KeyEvent, RepeatCount,
};

use super::connection::{Candidate, Connection, ShellError};
use super::monitor;
use super::pager::Pager;

const HISTORY: &str = ".history_ferr";

/// Asks the daemon what may come next.
struct Words(Rc<RefCell<Connection>>);

/// Ends the line without executing it, and notes that help is wanted.
struct Question(Arc<AtomicBool>);

impl Completer for Words {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..at).unwrap_or(line);
        let start = typed.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        // A daemon that has gone is noticed with the next command.
        let found = self.0.borrow_mut().complete(typed).unwrap_or_default();
        let words = found.into_iter().filter(is_literal);
        Ok((start, words.map(|c| Pair { display: c.word.clone(), replacement: c.word + " " }).collect()))
    }
}

impl Hinter for Words {
    type Hint = String;
}
impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}

impl ConditionalEventHandler for Question {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.0.store(true, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

/// Whether a word can be inserted; a value's shape (`A.B.C.D`, `WORD`, `(1-9)`, `<cr>`) cannot.
fn is_literal(candidate: &Candidate) -> bool {
    candidate.word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn help(candidates: &[Candidate]) -> String {
    let width = candidates.iter().map(|c| c.word.len()).max().unwrap_or(0);
    let lines = candidates.iter().map(|c| format!("  {:<width$}  {}\n", c.word, c.help));
    let text: String = lines.collect();
    if text.is_empty() { "% There is no matched command.\n".to_owned() } else { text }
}

/// Reads and executes lines until the end of input or `exit`.
pub(crate) fn run(connection: Connection) -> Result<ExitCode, ShellError> {
    let connection = Rc::new(RefCell::new(connection));
    let asked = Arc::new(AtomicBool::new(false));
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor: Editor<Words, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Words(Rc::clone(&connection))));
    let question = EventHandler::Conditional(Box::new(Question(Arc::clone(&asked))));
    editor.bind_sequence(KeyEvent::from('?'), question);
    let history = std::env::home_dir().map(|home| home.join(HISTORY));
    load_history(&mut editor, history.as_ref());
    let terminal = std::io::stdin().is_terminal();
    let mut pager = Pager::from_environment();
    let mut rest = String::new();
    loop {
        let prompt = if terminal { connection.borrow_mut().prompt()? } else { String::new() };
        let line = match editor.readline_with_initial(&prompt, (&rest, "")) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                rest.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(e.into()),
        };
        rest.clear();
        if asked.swap(false, Ordering::Relaxed) {
            let candidates = connection.borrow_mut().complete(&line)?;
            super::print(&help(&candidates))?;
            rest = line;
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        if pager.obey(&line.split_whitespace().collect::<Vec<_>>()) {
            continue;
        }
        let reply = connection.borrow_mut().show(&line)?;
        pager.print(&reply.text)?;
        if let Some(log) = reply.log {
            copy_log(&mut editor, log)?;
        }
        if reply.ended {
            break;
        }
    }
    if let (Some(path), true) = (&history, terminal) {
        // A home that cannot be written to costs the history only.
        let _ = editor.save_history(path);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the log above what is being typed, or with the answers where nobody types.
fn copy_log(editor: &mut Editor<Words, FileHistory>, log: OwnedFd) -> Result<(), ShellError> {
    let started = match editor.create_external_printer() {
        // A terminal that has gone ends the shell, not the copy.
        Ok(mut above) => monitor::start(log, move |line| drop(above.print(line))),
        Err(_) => monitor::start(log, |line| drop(super::print(&line))),
    };
    started.map_err(ShellError::Output)
}

/// The first start has none.
fn load_history(editor: &mut Editor<Words, FileHistory>, path: Option<&PathBuf>) {
    if let Some(path) = path {
        let _ = editor.load_history(path);
    }
}
