//! What the steps of one run gave.

use std::error::Error;

use crate::convergence::duts::Kind;
use crate::convergence::outcome::Outcome;

/// Outcomes of one run of one router. An error belongs to the step that it ended; the steps before it keep their figures.
pub(crate) struct Steps {
    pub(crate) kind: Kind,
    /// Steps that failed in an earlier run.
    given_up: Vec<String>,
    at: String,
    outcomes: Vec<Outcome>,
}

impl Steps {
    pub(crate) fn new(kind: Kind, given_up: Vec<String>) -> Self {
        Self { kind, given_up, at: String::new(), outcomes: Vec::new() }
    }

    /// Begins a step; `false` when it is not to be tried again.
    pub(super) fn begin(&mut self, name: &str) -> bool {
        name.clone_into(&mut self.at);
        let wanted = !self.given_up.iter().any(|known| known == name);
        if wanted {
            // What takes long shows who takes it.
            eprintln!("         {name}: {} begins", self.kind.name());
        }
        wanted
    }

    /// Ends it with figures.
    pub(super) fn done(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Ends it without any.
    pub(crate) fn failed(&mut self, error: &dyn Error) {
        self.outcomes.push(Outcome::failed(&self.at, self.kind, error.to_string()));
    }

    pub(crate) fn outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}
