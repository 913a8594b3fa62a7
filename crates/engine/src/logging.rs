//! Log lines: into the hub that `show logging` reads, and where the configuration wants them.
//!
//! Lines have FRR's shape: `2026/11/22 06:00:04 BGP: text`.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use chrono::{DateTime, Local};
use ferr_config::model::global::{LogLevel, Logging};
use ferr_state::{LogHub, LogLine, Severity};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const SYSLOG: &str = "/dev/log";
/// Syslog facility `daemon`.
const FACILITY_DAEMON: u8 = 3;

/// Where lines go.
#[derive(Debug, Default)]
struct Sinks {
    file: Option<(PathBuf, File, LogLevel)>,
    syslog: Option<(UnixDatagram, LogLevel)>,
    stdout: Option<LogLevel>,
    /// Until the daemon is ready, who started it is told of trouble on standard error.
    starting: bool,
    precision: u8,
    record_priority: bool,
}

/// Shared end of the log.
#[derive(Debug, Clone)]
pub(crate) struct LogSinks {
    sinks: Arc<Mutex<Sinks>>,
    hub: LogHub,
}

impl LogSinks {
    pub(crate) fn new(hub: LogHub, stdout: Option<LogLevel>) -> Self {
        Self { sinks: Arc::new(Mutex::new(Sinks { stdout, starting: true, ..Sinks::default() })), hub }
    }

    /// Takes the `log ...` statements in; says what cannot be opened.
    pub(crate) fn configure(&self, logging: &Logging, stdout: Option<LogLevel>) -> Result<(), String> {
        let level = |l: Option<LogLevel>| l.unwrap_or(LogLevel::Debugging);
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = Ok(());
        sinks.file = match &logging.file {
            None => None,
            Some((path, l)) => match open(Path::new(path)) {
                Ok(file) => Some((PathBuf::from(path), file, level(*l))),
                Err(error) => {
                    result = Err(format!("cannot open log file {path}: {error}"));
                    None
                }
            },
        };
        sinks.syslog = logging.syslog.and_then(|l| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect(SYSLOG).ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, level(l)))
        });
        sinks.stdout = logging.stdout.map(level).or(stdout);
        sinks.precision = logging.timestamp_precision;
        sinks.record_priority = logging.record_priority;
        result
    }

    /// The daemon is ready: from now on only those hear of trouble whom the configuration names.
    pub(crate) fn started(&self) {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).starting = false;
    }

    /// Opens the log file again, after it was moved away.
    pub(crate) fn reopen(&self) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, file, _)) = &mut sinks.file
            && let Ok(new) = open(path)
        {
            *file = new;
        }
    }

    fn write(&self, line: &LogLine) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |l: LogLevel| line.severity as u8 <= l as u8;
        let plain = format!("{}: {}", line.tag, line.text);
        let stamp = timestamp(line.at, sinks.precision);
        let priority =
            if sinks.record_priority { format!("{}: ", severity_name(line.severity)) } else { String::new() };
        if let Some((_, file, level)) = &mut sinks.file
            && wanted(*level)
        {
            // A full disk must not stop the daemon.
            let _ = writeln!(file, "{stamp} {priority}{plain}");
        }
        if let Some((socket, level)) = &sinks.syslog
            && wanted(*level)
        {
            let pri = FACILITY_DAEMON * 8 + line.severity as u8;
            let _ = socket.send(format!("<{pri}>frr[{}]: {plain}", std::process::id()).as_bytes());
        }
        if sinks.stdout.is_some_and(wanted) {
            let _ = writeln!(std::io::stdout(), "{stamp} {priority}{plain}");
        } else if sinks.starting && line.severity as u8 <= Severity::Warning as u8 {
            let _ = writeln!(std::io::stderr(), "{plain}");
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "errors",
        Severity::Warning => "warnings",
        Severity::Notice => "notifications",
        Severity::Info => "informational",
        Severity::Debug => "debugging",
    }
}

fn timestamp(at: SystemTime, precision: u8) -> String {
    let local: DateTime<Local> = at.into();
    let mut text = local.format("%Y/%m/%d %H:%M:%S").to_string();
    if precision > 0 {
        let digits = format!("{:09}", local.timestamp_subsec_nanos());
        let shown = digits.get(..usize::from(precision.min(6))).unwrap_or_default();
        let _ = write!(text, ".{shown}");
    }
    text
}

/// Part of the daemon, as FRR's daemons tag their lines.
fn tag(target: &str) -> &'static str {
    let part = target.strip_prefix("ferr_").unwrap_or(target);
    match part.split("::").next().unwrap_or(part) {
        "bgp" | "bgp_wire" => "BGP",
        "ospf" | "ospf_wire" => "OSPF",
        "static" => "STATIC",
        "vty" | "config" => "MGMTD",
        _ => "ZEBRA",
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        } else {
            let _ = write!(self.0, " {}={value:?}", field.name());
        }
    }
}

impl<S: Subscriber> Layer<S> for LogSinks {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // It complains of what is ordinary, such as a session that ends; what matters of a tunnel its own thread says.
        if event.metadata().target().starts_with("boringtun") {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let severity = match *event.metadata().level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            Level::INFO => Severity::Info,
            Level::DEBUG | Level::TRACE => Severity::Debug,
        };
        let line =
            LogLine { at: SystemTime::now(), severity, tag: tag(event.metadata().target()), text: text.0 };
        self.write(&line);
        self.hub.push(line);
    }
}
