//! What is being done and how long it took: a moving line on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) seconds: f64,
}

/// Runs steps and shows them on standard error.
#[derive(Debug)]
pub(crate) struct Steps {
    done: Vec<Step>,
    moving: bool,
    quiet: bool,
}

impl Steps {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { done: Vec::new(), moving: std::io::stderr().is_terminal(), quiet }
    }

    /// Runs one step; the closure may change the words beside its name.
    pub(crate) fn run<T, E>(
        &mut self,
        name: &str,
        work: impl FnOnce(&dyn Fn(String)) -> Result<T, E>,
    ) -> Result<T, E> {
        let start = Instant::now();
        let bar = if self.moving && !self.quiet { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {prefix} {msg:.dim} {elapsed:.dim}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(80));
        let result = work(&|words| bar.set_message(words));
        bar.finish_and_clear();
        let seconds = start.elapsed().as_secs_f64();
        if !self.quiet {
            let sign = if result.is_ok() { "ok  " } else { "FAIL" };
            eprintln!("{sign} {name:<44} {seconds:>7.2} s");
        }
        self.done.push(Step { name: name.to_owned(), seconds });
        result
    }

    pub(crate) fn into_done(self) -> Vec<Step> {
        self.done
    }
}
