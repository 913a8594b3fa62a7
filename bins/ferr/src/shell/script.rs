//! A file of configuration lines, applied as one transaction with a message for each line that fails.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::connection::{Connection, ShellError};

/// Applies `path`. The status is the last bad one that the daemon gave, 0 when all lines were taken.
pub(crate) fn apply(connection: &mut Connection, path: &Path) -> Result<ExitCode, ShellError> {
    let bytes = fs::read(path).map_err(|source| ShellError::File { path: path.to_owned(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    for line in ["enable", "configure terminal", "XFRR_start_configuration"] {
        connection.command(line)?;
    }
    let mut status = 0;
    for (index, line) in text.lines().enumerate() {
        // A file's end of configuration is not ours.
        if line.trim() == "end" {
            continue;
        }
        let reply = connection.command(line)?;
        if reply.status > 1 {
            status = reply.status;
            let message = match reply.text.trim() {
                "" => format!("failed ({status}): {}", line.trim()),
                text => text.to_owned(),
            };
            eprintln!("{}:{}: {message}", path.display(), index + 1);
        } else {
            super::print(&reply.text)?;
        }
    }
    for line in ["end", "XFRR_end_configuration", "disable"] {
        connection.command(line)?;
    }
    Ok(ExitCode::from(status))
}
