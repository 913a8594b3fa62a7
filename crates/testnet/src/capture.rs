//! Capturing what goes over a wire, and having it judged by Wireshark's dissectors.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{Error, Host, Process};

/// A running `tcpdump`.
#[derive(Debug)]
pub struct Capture {
    host: Host,
    file: PathBuf,
    process: Process,
}

/// What the dissectors say about a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dissection {
    /// Frames that match the filter.
    pub frames: usize,
    /// Frames with a malformed packet or an expert error, one line each.
    pub faults: Vec<String>,
}

impl Capture {
    /// Captures what matches `filter` (tcpdump's language) on `interface` until [`Self::finish`].
    pub fn start(host: &Host, interface: &str, filter: &str) -> Result<Self, Error> {
        let file = host.dir().join(format!("{interface}.pcap"));
        let mut command = Command::new("tcpdump");
        command
            .args(["-i", interface, "-n", "-s", "0", "-U", "--immediate-mode", "-Z", "root", "-w"])
            .arg(&file)
            .arg(filter);
        let mut process = host.start("tcpdump", command)?;
        process.wait_ready(host.interrupt(), 10, "to listen", |p| {
            if p.log().contains("listening on") { Ok(()) } else { Err("not yet".to_owned()) }
        })?;
        Ok(Self { host: host.clone(), file, process })
    }

    /// Ends the capture and dissects the frames that match `display_filter` (Wireshark's language).
    pub fn finish(mut self, display_filter: &str) -> Result<Dissection, Error> {
        self.process.signal(Signal::SIGINT);
        self.process.wait(Duration::from_secs(5));
        let frames = self.tshark(display_filter)?.len();
        // Severity 8388608 is "error"; malformed packets are reported apart.
        let bad = format!("({display_filter}) && (_ws.malformed || _ws.expert.severity >= 8388608)");
        Ok(Dissection { frames, faults: self.tshark(&bad)? })
    }

    fn tshark(&self, filter: &str) -> Result<Vec<String>, Error> {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&self.file).args(["-Y", filter]);
        Ok(self.host.run(&mut command)?.lines().map(str::to_owned).collect())
    }
}
