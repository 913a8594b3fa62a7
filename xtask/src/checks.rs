//! Rules of the project that no compiler knows.

mod files;
mod graph;
#[cfg(test)]
mod tests;

use crate::workspace::packages;
use crate::{Context, Outcome, run};

/// Runs all checks and reports everything that they find.
pub(crate) fn all(context: &Context) -> Outcome {
    let packages = packages(context)?;
    let mut findings = graph::layering(&packages);
    findings.extend(graph::purity(context)?);
    findings.extend(graph::licences(&packages));
    findings.extend(files::check(context)?);
    if !findings.is_empty() {
        return Err(format!("{} findings\n{}", findings.len(), findings.join("\n")));
    }
    if context.has_cargo("deny") {
        run(&mut context.cargo(&[
            "deny",
            "--workspace",
            "--exclude",
            "ferr-oracles",
            "check",
            "licenses",
            "bans",
            "sources",
        ]))?;
    }
    Ok(())
}
