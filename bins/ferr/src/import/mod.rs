//! `ferr import`: another router's configuration becomes frr.conf and ferr.conf.
//!
//! The texts go to standard output or to files, the report of what was left to standard error. Keys go to files, and only when asked.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ferr_import::{Fate, Imported, KeyFile, KeySource, Options};

/// Longest file that is read: far beyond any configuration.
const MAX_FILE: u64 = 64 << 20;

/// What to import.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// What `show configuration commands` of VyOS (1.2 to 1.5) printed
    Vyos(ImportOptions),
    /// A file of wg-quick; the interface is called like the file
    WgQuick(ImportOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The file
    file: PathBuf,
    /// Write frr.conf here instead of printing it
    #[arg(long, value_name = "OUT")]
    frr: Option<PathBuf>,
    /// Write ferr.conf here instead of printing it
    #[arg(long, value_name = "OUT")]
    own: Option<PathBuf>,
    /// Write private and preshared keys to files in this folder (mode 0600), and have ferr.conf name them there
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Overwrite files that exist
    #[arg(long)]
    force: bool,
    /// List the lines that were carried over, too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{0} is longer than a configuration can be")]
    TooLong(PathBuf),
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{0} exists (--force overwrites it)")]
    Exists(PathBuf),
    #[error("{0}: a name of a link is expected before the dot, at most 15 letters")]
    NoName(PathBuf),
}

/// Runs the command.
pub(crate) fn main(import: &Import) -> ExitCode {
    let outcome = match import {
        Import::Vyos(options) => run(options, |text, how| Ok(ferr_import::vyos(text, how))),
        Import::WgQuick(options) => run(options, |text, how| {
            let name = link_name(&options.file).ok_or_else(|| ImportError::NoName(options.file.clone()))?;
            Ok(ferr_import::wg_quick(&name, text, how))
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferr import: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `wg0` of `/etc/wireguard/wg0.conf`.
fn link_name(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_=+.-".contains(&b);
    (name.len() <= 15 && !name.is_empty() && name.bytes().all(plain)).then(|| name.to_owned())
}

fn run(
    options: &ImportOptions,
    translate: impl FnOnce(&str, &Options) -> Result<Imported, ImportError>,
) -> Result<(), ImportError> {
    let text = read(&options.file)?;
    let mut how = Options::default();
    if let Some(dir) = &options.keys {
        how.key_dir = dir.to_string_lossy().trim_end_matches('/').to_owned();
    }
    let imported = translate(&text, &how)?;
    let texts = [("frr.conf", &imported.frr, &options.frr), ("ferr.conf", &imported.own, &options.own)];
    for (name, text, out) in texts {
        match out {
            Some(path) => write(path, text, 0o640, options.force)?,
            None => print!("! {name}\n{text}"),
        }
    }
    if let Some(dir) = &options.keys {
        write_keys(dir, &imported.keys, options.force)?;
    }
    report(options, &imported);
    Ok(())
}

fn read(path: &Path) -> Result<String, ImportError> {
    let fail = |source| ImportError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(fail)?.len() > MAX_FILE {
        return Err(ImportError::TooLong(path.to_owned()));
    }
    // What is not UTF-8 cannot be a statement; the rest of the file is not to suffer from it.
    Ok(String::from_utf8_lossy(&fs::read(path).map_err(fail)?).into_owned())
}

fn write(path: &Path, text: &str, mode: u32, force: bool) -> Result<(), ImportError> {
    let mut options = OpenOptions::new();
    options.write(true).mode(mode);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => ImportError::Exists(path.to_owned()),
        _ => ImportError::Write { path: path.to_owned(), source },
    })
}

fn write_keys(dir: &Path, keys: &[KeyFile], force: bool) -> Result<(), ImportError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| ImportError::Write { path: dir.to_owned(), source })?;
    for key in keys {
        if let KeySource::Line(_, secret) = &key.source {
            let path = Path::new(&key.path);
            if force {
                // A file that exists keeps its mode when it is only overwritten.
                let _ = fs::remove_file(path);
            }
            write(path, &format!("{}\n", secret.reveal()), 0o600, false)?;
        }
    }
    Ok(())
}

fn report(options: &ImportOptions, imported: &Imported) {
    let left = imported.left().count();
    let all = imported.lines.len();
    eprintln!("{} of {all} lines carried over, {left} left", all - left);
    for line in &imported.lines {
        let shown = options.all || !matches!(line.fate, Fate::Carried);
        if shown {
            eprintln!("{line}");
        }
    }
    for note in &imported.notes {
        eprintln!("note: {note}");
    }
    for key in &imported.keys {
        match &key.source {
            KeySource::Line(..) if options.keys.is_some() => eprintln!("{}: {}, written", key.path, key.what),
            source => {
                eprintln!("{}: {}, to be made:\n    {}", key.path, key.what, command(options, key, source))
            }
        }
    }
}

/// The command that makes a key file without showing the key.
fn command(options: &ImportOptions, key: &KeyFile, source: &KeySource) -> String {
    let path = quoted(&key.path);
    match source {
        KeySource::Line(number, _) => {
            let file = quoted(&options.file.to_string_lossy());
            let pattern = r"s|.*[^A-Za-z0-9+/]\([A-Za-z0-9+/]\{43\}=\).*|\1|p";
            format!("(umask 077; sed -n '{number}{pattern}' {file} > {path})")
        }
        KeySource::File(from) => format!("ssh vyos@ROUTER sudo cat {from} | (umask 077; cat > {path})"),
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
