//! What a life of the daemon leaves for the next one: restarts that neighbors were told of (RFC 3623 section 2.1).
//!
//! The file is there only between the end of a life that announced its restart and the beginning of the next. One line per instance: version,
//! VRF, number, and the second of 1970 at which neighbors stop waiting.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ferr_ospf::wire::Version;
use ferr_state::OspfName;
use tracing::warn;

/// Instances and how long their neighbors wait for them.
pub(crate) type Restarts = BTreeMap<OspfName, Duration>;

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct Handover(PathBuf);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

fn parse(line: &str, now: u64) -> Option<(OspfName, Duration)> {
    let mut words = line.split_whitespace();
    let version = match words.next()? {
        "2" => Version::V2,
        "3" => Version::V3,
        _ => return None,
    };
    let vrf = words.next()?.to_owned();
    let instance = words.next()?.parse().ok()?;
    let until: u64 = words.next()?.parse().ok()?;
    let left = until.checked_sub(now).filter(|left| *left > 0)?;
    Some((OspfName { version, vrf, instance }, Duration::from_secs(left)))
}

impl Handover {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Takes what the last life left.
    pub(crate) fn take(&self) -> Restarts {
        let Ok(text) = std::fs::read_to_string(&self.0) else { return Restarts::new() };
        if let Err(error) = std::fs::remove_file(&self.0) {
            // A restart must not be resumed twice.
            warn!(target: "ospf", "cannot remove {}: {error}; no graceful restart", self.0.display());
            return Restarts::new();
        }
        let now = now();
        text.lines().filter_map(|line| parse(line, now)).collect()
    }

    /// Leaves restarts to the next life. True when there is one.
    pub(super) fn leave(&self, restarts: &Restarts) -> bool {
        if restarts.is_empty() {
            return false;
        }
        let now = now();
        let mut text = String::new();
        for (name, wait) in restarts {
            let OspfName { version, vrf, instance } = name;
            let _ = writeln!(text, "{} {vrf} {instance} {}", *version as u8, now + wait.as_secs());
        }
        let written = std::fs::write(&self.0, text);
        if let Err(error) = &written {
            warn!(target: "ospf", "cannot write {}: {error}; the next start is no graceful restart", self.0.display());
        }
        written.is_ok()
    }
}

#[cfg(test)]
mod tests;
