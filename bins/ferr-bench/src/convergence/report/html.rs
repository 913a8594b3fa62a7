//! For a browser: one file with everything in it.

use super::Report;

impl Report {
    /// The page.
    pub(crate) fn html(&self) -> String {
        format!("<!doctype html><pre>{}</pre>", self.table())
    }
}
