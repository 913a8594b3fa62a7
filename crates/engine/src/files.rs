//! Configuration files: reading them all, and saving each statement where it belongs.
//!
//! What FRR knows stands in `frr.conf`, which its tools rewrite. Statements of our own stand in `ferr.conf` beside it, which they leave
//! alone, where that is read at the next start; otherwise all are in one file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ferr_config::{Config, Diagnostic, OWN_FILE, Part, parse_files, render};
use tracing::warn;

/// Where the daemon looks for its files when none is named.
const DEFAULT_FILE: &str = "/etc/frr/frr.conf";
/// Mode of a new file: it may hold passwords.
const MODE: u32 = 0o640;

/// File for statements of our own: one of that name that was given, or the default one.
pub(crate) fn own(files: &[PathBuf]) -> Option<PathBuf> {
    let given = files.iter().skip(1).find(|f| f.file_name().is_some_and(|name| name == OWN_FILE));
    let default = || {
        let [only] = files else { return None };
        (only.as_path() == Path::new(DEFAULT_FILE)).then(|| only.with_file_name(OWN_FILE))
    };
    given.cloned().or_else(default)
}

/// Saves a configuration; gives the path of the main file, or what went wrong.
pub(crate) fn write(main: &Path, own: Option<&Path>, config: &Config) -> Result<String, String> {
    let part = match own {
        Some(own) => {
            let text = render(config, Part::Own);
            if !text.is_empty() || own.exists() {
                save(own, &text)?;
            }
            Part::Frr
        }
        None => Part::All,
    };
    save(main, &render(config, part))?;
    Ok(main.display().to_string())
}

/// Writes a file whole, keeping the old one beside it as FRR's tools do.
fn save(path: &Path, text: &str) -> Result<(), String> {
    let temporary = path.with_extension("conf.new");
    let create = || {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&temporary)?
            .write_all(text.as_bytes())?;
        if path.exists() {
            fs::copy(path, path.with_extension("conf.sav"))?;
            fs::set_permissions(&temporary, fs::metadata(path)?.permissions())?;
        }
        fs::rename(&temporary, path)
    };
    create().map_err(|e| format!("{}: {e}", path.display()))
}

/// Why one of the files that are there cannot be read.
pub(crate) fn unreadable(files: &[PathBuf]) -> Option<String> {
    files.iter().find_map(|path| match fs::read(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Some(format!("{}: {error}", path.display()))
        }
        _ => None,
    })
}

/// Reads configuration files; one that does not exist is empty.
pub(crate) fn read(files: &[PathBuf]) -> (Config, Vec<Diagnostic>) {
    let mut texts = Vec::new();
    for path in files {
        match fs::read(path) {
            Ok(bytes) => {
                texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
            Err(error) => warn!("{}: {error}", path.display()),
        }
    }
    let outcome = parse_files(&texts);
    (outcome.config, outcome.diagnostics)
}

#[cfg(test)]
mod tests;
