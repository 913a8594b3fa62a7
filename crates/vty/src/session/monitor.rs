//! `terminal monitor`: log records over a socket that is handed to the client.
//!
//! Little endian on the machines that run this; the layout is FRR's live log header.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::UNIX_EPOCH;

use ferr_state::LogLine;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, send, sendmsg, socketpair,
};
use tokio::io::Interest;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;

use super::Session;
use crate::output::{Status, Stop};

/// A running copy of the log; ends when dropped.
pub(super) struct Monitor(AbortHandle);

impl Drop for Monitor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Longest text of one record.
const MAX_TEXT: usize = 4096;

fn record(entry: &LogLine, lost: u32) -> Vec<u8> {
    const HEADER: u32 = 72;
    let since = entry.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut text = format!("{}: {}", entry.tag, entry.text).into_bytes();
    text.truncate(MAX_TEXT);
    let pid = i64::from(nix::unistd::getpid().as_raw());
    let mut out = Vec::with_capacity(HEADER as usize + text.len());
    out.extend_from_slice(&since.as_secs().to_ne_bytes());
    out.extend_from_slice(&since.subsec_nanos().to_ne_bytes());
    out.extend_from_slice(&HEADER.to_ne_bytes());
    out.extend_from_slice(&pid.to_ne_bytes());
    out.extend_from_slice(&pid.to_ne_bytes());
    out.extend_from_slice(&lost.to_ne_bytes());
    out.extend_from_slice(&(entry.severity as u32).to_ne_bytes());
    out.extend_from_slice(&0u32.to_ne_bytes());
    out.extend_from_slice(&(text.len() as u32).to_ne_bytes());
    out.extend_from_slice(&0u32.to_ne_bytes());
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&0u32.to_ne_bytes());
    out.extend_from_slice(&0u32.to_ne_bytes());
    out.extend_from_slice(&text);
    out
}

impl Session {
    /// Replies with the other end of a new socket, and copies the log into ours.
    pub(super) async fn start_monitor(&mut self, writer: &mut OwnedWriteHalf) -> Result<(), Stop> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(io::Error::from)?;
        hand_over(writer, theirs).await?;
        let mut lines = self.shared.handle.log.subscribe();
        let task = tokio::spawn(async move {
            let mut lost = 0u32;
            loop {
                match lines.recv().await {
                    Ok(entry) => {
                        match send(ours.as_raw_fd(), &record(&entry, lost), MsgFlags::MSG_NOSIGNAL) {
                            Ok(_) => {}
                            Err(nix::Error::EAGAIN) => lost = lost.saturating_add(1),
                            Err(_) => return,
                        }
                    }
                    Err(RecvError::Lagged(n)) => lost = lost.saturating_add(n as u32),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        self.monitor = Some(Monitor(task.abort_handle()));
        Ok(())
    }
}

/// Sends the trailer with a descriptor on it.
async fn hand_over(writer: &mut OwnedWriteHalf, fd: OwnedFd) -> Result<(), Stop> {
    let stream = writer.as_ref();
    let trailer = [0, 0, 0, Status::Success as u8];
    loop {
        stream.writable().await?;
        let sent = stream.try_io(Interest::WRITABLE, || {
            let fds = [fd.as_raw_fd()];
            let rights = [ControlMessage::ScmRights(&fds)];
            sendmsg::<()>(
                stream.as_raw_fd(),
                &[IoSlice::new(&trailer)],
                &rights,
                MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
                None,
            )
            .map_err(io::Error::from)
        });
        match sent {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}
