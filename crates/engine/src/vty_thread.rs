//! The vty thread: clients' questions, and the text and JSON of the answers.
//!
//! A full table is gigabytes of text, and a client may ask for it without pause. So this is a thread of its own, behind the
//! threads that route by some steps of niceness: it has what they leave.

use std::thread::{self, JoinHandle};

use ferr_state::Handle;
use tokio::sync::oneshot;
use tracing::error;

use crate::EngineError;

/// Steps of niceness by which the thread is behind the others.
const BEHIND: i32 = 5;

/// The thread, which ends with this.
#[derive(Debug)]
pub(crate) struct VtyThread {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Serves `sockets` until [`VtyThread::end`].
///
/// # Errors
/// A thread that cannot be started.
pub(crate) fn spawn(sockets: ferr_vty::Sockets, handle: Handle) -> Result<VtyThread, EngineError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EngineError::Runtime)?;
    let (end, ended) = oneshot::channel();
    let body = move || {
        // Less urgent needs no capability; where it is refused nevertheless, the thread takes its turn.
        let _ = ferr_netio::run_ahead(-BEHIND);
        runtime.block_on(async {
            tokio::select! {
                served = sockets.run(handle) => {
                    if let Err(error) = served {
                        error!("the vty sockets are not served any more: {error}");
                    }
                }
                _ = ended => {}
            }
        });
    };
    let thread =
        thread::Builder::new().name("ferr-vty".to_owned()).spawn(body).map_err(EngineError::Thread)?;
    Ok(VtyThread { end: Some(end), thread: Some(thread) })
}

impl VtyThread {
    /// Closes all sessions and removes the sockets.
    pub(crate) fn end(mut self) {
        drop(self.end.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the vty thread panicked");
        }
    }
}
