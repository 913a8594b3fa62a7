//! The workspace as `cargo metadata` tells it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Context;

/// A package, ours or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    /// Name.
    pub(crate) name: String,
    /// SPDX expression, empty when there is none.
    pub(crate) license: String,
    /// Member of the workspace.
    pub(crate) member: bool,
    /// Identifiers of dependencies that a build links.
    pub(crate) normal: BTreeSet<String>,
    /// Identifiers of all others: for tests and for build scripts.
    pub(crate) other: BTreeSet<String>,
}

/// All packages by identifier.
pub(crate) type Packages = BTreeMap<String, Package>;

/// Reads `cargo metadata`.
pub(crate) fn packages(context: &Context) -> Result<Packages, String> {
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let output = context.cargo(&arguments).output().map_err(|e| format!("cargo metadata: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata = serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    Ok(parse(&metadata))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// From the JSON of `cargo metadata`.
pub(crate) fn parse(metadata: &Value) -> Packages {
    let members: BTreeSet<String> = list(&metadata["workspace_members"]).map(text).collect();
    let mut packages = Packages::new();
    for package in list(&metadata["packages"]) {
        let id = text(&package["id"]);
        let new = Package {
            name: text(&package["name"]),
            license: text(&package["license"]),
            member: members.contains(&id),
            ..Package::default()
        };
        packages.insert(id, new);
    }
    for node in list(&metadata["resolve"]["nodes"]) {
        let Some(package) = packages.get_mut(&text(&node["id"])) else { continue };
        for dependency in list(&node["deps"]) {
            let id = text(&dependency["pkg"]);
            let normal = list(&dependency["dep_kinds"]).any(|k| k["kind"].is_null());
            if normal {
                package.normal.insert(id)
            } else {
                package.other.insert(id)
            };
        }
    }
    packages
}

/// Everything that a build of `id` links.
pub(crate) fn linked(packages: &Packages, id: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![id.to_owned()];
    while let Some(id) = waiting.pop() {
        for dependency in packages.get(&id).into_iter().flat_map(|p| &p.normal) {
            if seen.insert(dependency.clone()) {
                waiting.push(dependency.clone());
            }
        }
    }
    seen
}
