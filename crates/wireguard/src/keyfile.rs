//! Files that hold secrets.
//!
//! A file that others may read is refused: its secret is none. What is checked is the file that was opened, so that nobody can
//! exchange it between the check and the reading.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::key::{PresharedKey, PrivateKey};

/// Octets that a file may have: a tunnel with thousands of peers.
const MAX_FILE: u64 = 4 << 20;

/// Why a file with a secret was not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Group or others may read or write it.
    #[error("{0} is open to others (mode {mode:04o}); its secret cannot be trusted: chmod 600 {0}", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else owns it.
    #[error("{0} belongs to user {owner}, neither to root nor to us: chown root {0}", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Number of its owner.
        owner: u32,
    },
    /// It is a folder, device or pipe.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// It is larger than any such file.
    #[error("{} is too large", .0.display())]
    TooLarge(PathBuf),
    /// It holds something else than a key.
    #[error("{} does not hold a key: 44 characters of base64 in one line are expected", .0.display())]
    NotAKey(PathBuf),
}

/// Reads a file that holds a secret, wiped when dropped.
///
/// # Errors
/// It cannot be read, is not a file of ours or root's alone, or is not text.
pub fn read_secret_file(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    // Looked at before it is opened, too: opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(KeyFileError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile(path.to_owned()));
    }
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { path: path.to_owned(), mode });
    }
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(KeyFileError::Owner { path: path.to_owned(), owner });
    }
    if metadata.len() > MAX_FILE {
        return Err(KeyFileError::TooLarge(path.to_owned()));
    }
    // All at once: a buffer that grows would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(metadata.len() as usize + 1));
    file.take(MAX_FILE).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Reads a private key as `wg genkey` writes it.
///
/// # Errors
/// As [`read_secret_file`], or it holds something else.
pub fn read_private_key(path: &Path) -> Result<PrivateKey, KeyFileError> {
    read_secret_file(path)?.trim().parse().map_err(|_| KeyFileError::NotAKey(path.to_owned()))
}

/// Reads a preshared key as `wg genpsk` writes it.
///
/// # Errors
/// As [`read_secret_file`], or it holds something else.
pub fn read_preshared_key(path: &Path) -> Result<PresharedKey, KeyFileError> {
    read_secret_file(path)?.trim().parse().map_err(|_| KeyFileError::NotAKey(path.to_owned()))
}
