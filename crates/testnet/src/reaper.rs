//! A helper process that cleans up after us when we no longer can.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use crate::Error;

/// Reads what exists from a pipe; when the pipe closes without a word of farewell, the writer has died.
const SCRIPT: &str = r#"
pids=; dir=
while read -r verb arg; do
  case $verb in
    dir) dir=$arg ;;
    pid) pids="$pids $arg" ;;
    gone) rest=; for p in $pids; do [ "$p" = "$arg" ] || rest="$rest $p"; done; pids=$rest ;;
    bye) exit 0 ;;
  esac
done
[ -n "$pids" ] && kill -TERM $pids 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do
  alive=; for p in $pids; do kill -0 "$p" 2>/dev/null && alive=1; done
  [ -z "$alive" ] && break; sleep 0.2
done
[ -n "$pids" ] && kill -KILL $pids 2>/dev/null
case $dir in */ferr-*) rm -rf -- "$dir" ;; esac
"#;

/// Ends registered processes and removes the folder if this process dies without having done so.
#[derive(Debug)]
pub struct Reaper {
    child: Mutex<Child>,
}

impl Reaper {
    /// Starts the helper; `dir` is the folder to be removed (its name begins with `ferr-`).
    pub fn start(dir: &Path) -> Result<Self, Error> {
        let child = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of reach of the terminal's Ctrl-C.
            .process_group(0)
            .spawn()
            .map_err(Error::io("starting sh"))?;
        let reaper = Self { child: Mutex::new(child) };
        reaper.tell(&format!("dir {}", dir.display()));
        Ok(reaper)
    }

    /// `pid` runs and is to be ended.
    pub fn watch(&self, pid: u32) {
        self.tell(&format!("pid {pid}"));
    }

    /// `pid` has been waited for: its number may belong to another soon.
    pub fn forget(&self, pid: u32) {
        self.tell(&format!("gone {pid}"));
    }

    // A reaper that died takes the safety net away, but the network itself still works.
    fn tell(&self, line: &str) {
        let Ok(mut child) = self.child.lock() else { return };
        if let Some(pipe) = child.stdin.as_mut() {
            let _ = writeln!(pipe, "{line}");
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.tell("bye");
        if let Ok(child) = self.child.get_mut() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
