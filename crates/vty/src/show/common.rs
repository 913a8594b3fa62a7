//! Commands that every socket answers.

use std::time::{Instant, SystemTime};

use ferr_state::{LogLine, Severity};

use super::{Ctx, running};
use crate::command::CommonAction;
use crate::door::Daemon;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::time;

/// Runs one of them.
pub(super) async fn run(ctx: &mut Ctx<'_>, action: CommonAction, args: &Args) -> Outcome {
    use CommonAction as C;
    match action {
        C::Echo => line!(ctx.out, "{}", args.rest()),
        C::Version => version(ctx),
        C::Memory => memory(ctx),
        C::Threads => threads(ctx),
        C::Modules => modules(ctx),
        C::WorkQueues => line!(ctx.out, "Work queues are not used: every thread works off its own slices."),
        C::Logging => logging(ctx),
        C::Debugging => return debugging(ctx).await,
        C::Errors => {
            if args.has("json") {
                ctx.out.push("{\n}\n");
            }
        }
        C::Daemons => {
            let names: Vec<&str> = ctx.shared.daemons.iter().map(|d| d.name()).collect();
            line!(ctx.out, " {}", names.join(" "));
        }
        C::Running => return running::show(ctx, args).await,
        C::Startup => return startup(ctx).await,
        C::Write => return write(ctx, args).await,
        C::LogMessage => log_message(ctx, args),
        C::WatchFrr => watchfrr(ctx),
    }
    Ok(Status::Success)
}

fn version(ctx: &mut Ctx<'_>) {
    let info = ctx.handle().info.clone();
    // Programs take the version and the host from this line.
    line!(ctx.out, "FRRouting {} ({}) on Linux({}).", info.frr_version, info.hostname, info.kernel);
    line!(ctx.out, "This is FeRR {}, which answers in its place.", info.version);
}

fn memory(ctx: &mut Ctx<'_>) {
    line!(ctx.out, "Memory of the process:");
    // Without procfs there is nothing to tell.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (key, title) in
        [("VmPeak", "Peak size"), ("VmRSS", "Resident"), ("VmHWM", "Peak resident"), ("VmData", "Data")]
    {
        let value = status.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
        if let Some(value) = value {
            line!(ctx.out, "  {:<22} {}", format!("{title}:"), value.trim());
        }
    }
}

fn threads(ctx: &mut Ctx<'_>) {
    line!(ctx.out, "{:<8} {:<16} {:>12} {:>12}", "Thread", "Name", "User ms", "System ms");
    let Ok(entries) = std::fs::read_dir("/proc/self/task") else { return };
    let mut rows: Vec<(u32, String)> = entries
        .flatten()
        .filter_map(|e| {
            let id = e.file_name().to_str()?.parse().ok()?;
            Some((id, std::fs::read_to_string(e.path().join("stat")).ok()?))
        })
        .collect();
    rows.sort_unstable();
    for (id, stat) in rows {
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, s)| s.rsplit_once(')')) else { continue };
        let ticks = |n: usize| rest.split_ascii_whitespace().nth(n).and_then(|w| w.parse::<u64>().ok());
        // Fields 14 and 15 of proc(5), in hundredths of a second.
        let (user, system) = (ticks(11).unwrap_or(0) * 10, ticks(12).unwrap_or(0) * 10);
        line!(ctx.out, "{id:<8} {name:<16} {user:>12} {system:>12}");
    }
}

fn modules(ctx: &mut Ctx<'_>) {
    line!(ctx.out, "Module information for {}:", ctx.door.name());
    line!(ctx.out, "Module Name  Version      Description");
    let version = ctx.handle().info.version;
    line!(ctx.out, "{:<12} {version:<12} one process for all protocols", "ferrd");
}

fn logging(ctx: &mut Ctx<'_>) {
    line!(ctx.out, "Logging configuration for {}:", ctx.door.name());
    line!(ctx.out, "The last lines:");
    for entry in ctx.handle().log.recent() {
        line!(ctx.out, "{} {}: {}", time::log_time(entry.at), entry.tag, entry.text.replace('\n', " "));
    }
}

async fn debugging(ctx: &mut Ctx<'_>) -> Outcome {
    let config = ctx.handle().running().await?;
    let word = match ctx.door {
        Daemon::Zebra => "debug zebra",
        Daemon::Bgpd => "debug bgp",
        Daemon::Staticd => "debug static",
        Daemon::Ospfd => "debug ospf ",
        Daemon::Ospf6d => "debug ospf6",
        Daemon::Bfdd => "debug bfd",
        _ => "debug",
    };
    line!(ctx.out, "{} debugging status:", ctx.door.tag());
    for text in config.global.debug.iter().filter(|l| l.starts_with(word)) {
        line!(ctx.out, "  {text}");
    }
    Ok(Status::Success)
}

async fn startup(ctx: &mut Ctx<'_>) -> Outcome {
    line!(ctx.out, "% The saved configuration is the file that the daemon was started with.");
    Ok(Status::Warning)
}

async fn write(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let integrated = args.has("integrated") || ctx.door == Daemon::Watchfrr;
    match ctx.handle().write().await? {
        Ok(path) if integrated => {
            line!(ctx.out, "Building Configuration...");
            line!(ctx.out, "Integrated configuration saved to {path}");
            line!(ctx.out, "[OK]");
            Ok(Status::Success)
        }
        Ok(path) => {
            line!(ctx.out, "Configuration saved to {path}");
            Ok(Status::Success)
        }
        Err(error) => {
            line!(ctx.out, "% The configuration cannot be saved: {error}");
            Ok(Status::ConfigFailed)
        }
    }
}

fn log_message(ctx: &Ctx<'_>, args: &Args) {
    let severity = match args.one_of(&["warnings", "notifications", "informational", "debugging"]) {
        Some("warnings") => Severity::Warning,
        Some("notifications") => Severity::Notice,
        Some("informational") => Severity::Info,
        Some("debugging") => Severity::Debug,
        _ => Severity::Error,
    };
    let info = &ctx.handle().info;
    let at: SystemTime = info.started_wall + Instant::now().saturating_duration_since(info.started);
    ctx.handle().log.push(LogLine { at, severity, tag: ctx.door.tag(), text: args.rest() });
}

fn watchfrr(ctx: &mut Ctx<'_>) {
    line!(ctx.out, "watchfrr global phase: Idle");
    let daemons: Vec<Daemon> = ctx.shared.daemons.clone();
    for daemon in daemons.into_iter().filter(|d| !matches!(d, Daemon::Watchfrr | Daemon::Ferr)) {
        line!(ctx.out, "  {:<20} Up", daemon.name());
    }
}
