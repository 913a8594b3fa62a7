//! One connection: its mode, its lines, its replies.
//!
//! # Invariants
//! * Every line gets exactly one reply, in order; nothing is sent unasked.
//! * What a connection began (a file's transaction, a `mgmtd` registration) ends with it.

mod monitor;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ferr_config::model::origin::Origin;
use ferr_config::{ConfigError, LineErrorKind, LineOutcome, ModeStack};
use regex::{Regex, RegexBuilder};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::command::{self, Action, Level, Miss, SessionAction};
use crate::door::{Daemon, Door};
use crate::framing::{Framing, Received};
use crate::output::{Out, Outcome, Status, Stop, line};
use crate::pattern::Args;
use crate::server::Shared;
use crate::show::{self, Ctx};

/// Lines remembered for `show history`.
const HISTORY: usize = 20;
/// A file whose end does not come is closed after this long without a line.
const FILE_TIMEOUT: Duration = Duration::from_secs(600);
/// Size of a compiled `| include` expression.
const REGEX_SIZE: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    View,
    Enable,
    Config,
}

impl Node {
    const fn level(self) -> Level {
        match self {
            Self::View => Level::View,
            Self::Enable | Self::Config => Level::Enable,
        }
    }
}

/// A connection.
pub(crate) struct Session {
    shared: Arc<Shared>,
    door: Door,
    pid: i32,
    node: Node,
    mode: ModeStack,
    /// Files begun and not ended.
    files: usize,
    history: VecDeque<String>,
    monitor: Option<monitor::Monitor>,
    leaving: bool,
}

impl Session {
    /// A session that stands in the view node.
    pub(crate) fn new(door: Door, shared: Arc<Shared>) -> Self {
        Self {
            shared,
            door,
            pid: 0,
            node: Node::View,
            mode: ModeStack::new(if door.daemon == Daemon::Ferr { Origin::Shell } else { Origin::Vty }),
            files: 0,
            history: VecDeque::new(),
            monitor: None,
            leaving: false,
        }
    }

    /// Serves `stream` until it ends.
    pub(crate) async fn run(mut self, stream: UnixStream) {
        self.pid = stream.peer_cred().ok().and_then(|c| c.pid()).unwrap_or(0);
        self.shared.count(self.pid, self.door, true);
        let (mut reader, mut writer) = stream.into_split();
        if let Err(stop) = self.serve(&mut reader, &mut writer).await {
            tracing::trace!(socket = %self.door, %stop, "vty session");
        }
        self.shared.count(self.pid, self.door, false);
        // The daemon may be gone already; then there is nothing to end.
        let _ = self.end_files().await;
    }

    async fn serve(&mut self, reader: &mut OwnedReadHalf, writer: &mut OwnedWriteHalf) -> Result<(), Stop> {
        let mut framing = Framing::default();
        let mut buf = [0; 4096];
        while !self.leaving {
            let read = if self.files > 0 {
                match tokio::time::timeout(FILE_TIMEOUT, reader.read(&mut buf)).await {
                    Ok(read) => read?,
                    Err(_) => {
                        self.end_files().await?;
                        continue;
                    }
                }
            } else {
                reader.read(&mut buf).await?
            };
            if read == 0 {
                break;
            }
            for received in framing.feed(&buf[..read]) {
                match received {
                    Received::Line(text) => self.line(&text, writer).await?,
                    Received::TooLong => {
                        let mut out = Out::new(writer, None);
                        line!(out, "% Command is too long.");
                        out.finish(Status::Warning).await?;
                    }
                }
                if self.leaving {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn end_files(&mut self) -> Result<(), Stop> {
        while self.files > 0 {
            self.files -= 1;
            self.shared.handle.end().await?;
        }
        Ok(())
    }

    /// Executes a line and replies.
    async fn line(&mut self, raw: &str, writer: &mut OwnedWriteHalf) -> Result<(), Stop> {
        let words: Vec<&str> = raw.split_ascii_whitespace().collect();
        let Some(first) = words.first().filter(|w| !w.starts_with(['!', '#'])) else {
            return Out::new(writer, None).finish(Status::Success).await;
        };
        self.remember(&words);
        let in_do = *first == "do" && words.len() > 1 && self.node != Node::View;
        if self.node == Node::Config && !in_do && !is_generic(&words) {
            let mut out = Out::new(writer, None);
            let status = self.configure(raw, &words, &mut out).await?;
            return out.finish(status).await;
        }
        let words = if in_do { &words[1..] } else { &words[..] };
        let (words, filter) = match split_filter(words) {
            Ok(split) => split,
            Err(error) => {
                let mut out = Out::new(writer, None);
                line!(out, "% {error}");
                return out.finish(Status::Warning).await;
            }
        };
        match command::find(self.door.daemon, self.node.level(), words) {
            Ok((command, _)) if command.action == Action::Session(SessionAction::Monitor) => {
                self.start_monitor(writer).await
            }
            Ok((command, args)) => {
                let shared = self.shared.clone();
                let out = Out::new(writer, filter);
                let mut ctx = Ctx {
                    shared: &shared,
                    door: self.door.daemon,
                    number: self.door.number,
                    pid: self.pid,
                    out,
                };
                let status = match command.action {
                    Action::Session(action) => self.act(action, &args, raw, &mut ctx.out).await?,
                    action => show::run(&mut ctx, action, &args).await?,
                };
                ctx.out.finish(status).await
            }
            Err(miss) => {
                let mut out = Out::new(writer, None);
                let status = self.complain(miss, &words.join(" "), &mut out);
                out.finish(status).await
            }
        }
    }

    fn remember(&mut self, words: &[&str]) {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(words.join(" "));
    }

    fn complain(&self, miss: Miss, text: &str, out: &mut Out<'_>) -> Status {
        match miss {
            Miss::Unknown => {
                line!(out, "% [{}] Unknown command: {text}", self.door.daemon.tag());
                Status::NoMatch
            }
            Miss::Ambiguous => {
                line!(out, "% Ambiguous command.");
                Status::Ambiguous
            }
            Miss::Incomplete => {
                line!(out, "% Command incomplete.");
                Status::Incomplete
            }
        }
    }

    /// A line in configuration mode.
    async fn configure(&mut self, raw: &str, words: &[&str], out: &mut Out<'_>) -> Outcome {
        match self.shared.handle.configure(&mut self.mode, raw.trim()).await? {
            Ok(LineOutcome::End | LineOutcome::ExitTop) => {
                self.node = Node::Enable;
                self.mode.reset();
                Ok(Status::Success)
            }
            Ok(LineOutcome::Kept) => {
                line!(out, "% {} holds this; it stays", ferr_config::OWN_FILE);
                Ok(Status::Success)
            }
            Ok(_) => Ok(Status::Success),
            // The client said the same on `ospfd`, and was answered there.
            Err(_) if self.door.number != 0 && self.shared.knows(self.pid, Daemon::Ospfd.into()) => {
                Ok(Status::Success)
            }
            Err(error) => {
                let miss = match &error.kind {
                    LineErrorKind::Unknown { .. } => Miss::Unknown,
                    LineErrorKind::Ambiguous => Miss::Ambiguous,
                    LineErrorKind::Incomplete { .. } => Miss::Incomplete,
                    LineErrorKind::TooLong => {
                        line!(out, "% Command is too long.");
                        return Ok(Status::Warning);
                    }
                    LineErrorKind::Config(refused) => {
                        line!(out, "{refused}");
                        let fine = matches!(refused, ConfigError::Attached { .. });
                        return Ok(if fine { Status::Success } else { Status::ConfigFailed });
                    }
                };
                Ok(self.complain(miss, &words.join(" "), out))
            }
        }
    }

    /// Commands about the session itself.
    async fn act(&mut self, action: SessionAction, args: &Args, raw: &str, out: &mut Out<'_>) -> Outcome {
        use SessionAction as S;
        match action {
            S::Enable if self.node == Node::View => self.node = Node::Enable,
            S::Disable => self.node = Node::View,
            S::Configure if self.node != Node::Config => {
                self.node = Node::Config;
                self.mode.reset();
            }
            S::End if self.node == Node::Config => {
                self.node = Node::Enable;
                self.mode.reset();
            }
            S::Exit => self.leaving = true,
            S::Begin => {
                self.shared.handle.begin().await?;
                self.files += 1;
            }
            S::Finish if self.files > 0 => {
                self.files -= 1;
                self.shared.handle.end().await?;
            }
            S::List => self.list(out, None),
            S::Find => match bounded_regex(&args.rest()) {
                Ok(regex) => self.list(out, Some(&regex)),
                Err(error) => {
                    line!(out, "% {error}");
                    return Ok(Status::Warning);
                }
            },
            S::History => self.history.iter().for_each(|l| line!(out, "  {l}")),
            S::NoMonitor => self.monitor = None,
            S::Prompt => line!(out, "{}", self.prompt()),
            S::Complete => self.complete(raw, out),
            _ => {}
        }
        Ok(Status::Success)
    }

    fn list(&self, out: &mut Out<'_>, filter: Option<&Regex>) {
        let wanted = |s: &str| filter.is_none_or(|f| f.is_match(s));
        if self.node == Node::Config {
            ferr_config::list(&self.mode).into_iter().filter(|s| wanted(s)).for_each(|s| line!(out, "  {s}"));
        }
        let commands = command::list(self.door.daemon, self.node.level()).map(|c| c.syntax);
        let shown = commands.filter(|s| !s.starts_with("XF"));
        shown.filter(|s| wanted(s)).for_each(|s| line!(out, "  {s}"));
    }

    /// What our own shell shows in front of the line.
    fn prompt(&self) -> String {
        match self.node {
            Node::View => ">".to_owned(),
            Node::Enable => "#".to_owned(),
            Node::Config => format!("({})#", self.mode.current().prompt()),
        }
    }

    /// One completion per line: the word, a tab, its help.
    fn complete(&self, raw: &str, out: &mut Out<'_>) {
        // The text behind the command word, with its trailing blank, which says that a new word begins.
        let text = raw.trim_start().split_once(' ').map_or("", |(_, text)| text);
        if self.node == Node::Config && !text.starts_with("do ") {
            for c in ferr_config::complete(&self.mode, text) {
                line!(out, "{}\t{}", c.word, c.help);
            }
            return;
        }
        let text = text.strip_prefix("do ").unwrap_or(text);
        for word in command::complete_at(self.door.daemon, self.node.level(), text) {
            line!(out, "{}\t{}", word.text, word.help);
        }
    }
}

/// Lines that mean the same in configuration mode as elsewhere.
fn is_generic(words: &[&str]) -> bool {
    match words {
        ["enable" | "disable" | "list" | "help" | "end"] => true,
        ["find" | "echo" | "show" | "terminal" | "write", ..] => true,
        [word, ..] if word.starts_with("XF") => true,
        [word, ..] => word.len() >= "conf".len() && "configure".starts_with(word),
        [] => false,
    }
}

fn bounded_regex(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(REGEX_SIZE).build()
}

/// Splits off `| include REGEX`.
fn split_filter<'w, 'l>(words: &'w [&'l str]) -> Result<(&'w [&'l str], Option<Regex>), String> {
    let Some(at) = words.iter().position(|w| *w == "|") else { return Ok((words, None)) };
    match &words[at + 1..] {
        [verb, expression @ ..] if "include".starts_with(verb) && !expression.is_empty() => {
            let regex = bounded_regex(&expression.join(" ")).map_err(|e| e.to_string())?;
            Ok((&words[..at], Some(regex)))
        }
        _ => Err("Command incomplete after '|': include REGEX".to_owned()),
    }
}
