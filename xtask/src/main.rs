//! Developer tasks: `cargo xtask test` is what every change has to pass.
//!
//! Steps run one after the other and stop at the first failure; the tests are the last one, so that the runner's summary ends
//! the output. All steps share one target directory and one profile, so that nothing is compiled twice without need.
#![forbid(unsafe_code)]

mod checks;
mod counts;
mod fuzz;
mod package;
mod packages;
mod workspace;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Outcome of a step: what went wrong, ready to be printed.
pub(crate) type Outcome = Result<(), String>;

/// What the steps have to know.
#[derive(Debug)]
pub(crate) struct Context {
    /// Root of the workspace.
    pub(crate) root: PathBuf,
    /// Where build artefacts go.
    pub(crate) target: PathBuf,
    /// Also what takes long.
    pub(crate) full: bool,
}

impl Context {
    fn new(full: bool) -> Result<Self, String> {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .canonicalize()
            .map_err(|e| format!("workspace root: {e}"))?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self { root, target, full })
    }

    /// Cargo in the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Whether a subcommand of cargo is installed.
    pub(crate) fn has_cargo(&self, subcommand: &str) -> bool {
        let output = self.cargo(&[subcommand, "--version"]).output();
        output.is_ok_and(|o| o.status.success())
    }
}

/// Runs a command with its output shown.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|e| format!("{command:?}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

type Step = (&'static str, fn(&Context) -> Outcome);

const STEPS: [Step; 11] = [
    ("packages", packages::install),
    ("format", format),
    ("layering, licences, sizes", checks::all),
    ("clippy", clippy),
    ("documentation", documentation),
    ("build", build),
    ("installation", package::install_test),
    ("fuzzing", fuzz::smoke),
    ("counts of instructions", counts::check),
    ("examples in documentation", doctests),
    ("tests", tests),
];

fn format(context: &Context) -> Outcome {
    run(&mut context.cargo(&["fmt", "--all", "--check"]))?;
    run(&mut context.cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
}

fn clippy(context: &Context) -> Outcome {
    let what = ["clippy", "--quiet", "--workspace", "--all-targets", "--locked"];
    let lints = ["--", "-D", "warnings", "-D", "clippy::too_many_lines"];
    run(context.cargo(&what).args(lints))
}

fn documentation(context: &Context) -> Outcome {
    let what = ["doc", "--quiet", "--workspace", "--no-deps", "--locked"];
    run(context.cargo(&what).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Everything the tests need, binaries included: interop tests run the daemon as a process. Benches are clippy's alone.
fn build(context: &Context) -> Outcome {
    run(&mut context.cargo(&["build", "--quiet", "--workspace", "--bins", "--locked"]))?;
    run(&mut context.cargo(&["test", "--quiet", "--workspace", "--no-run", "--locked"]))
}

fn doctests(context: &Context) -> Outcome {
    run(&mut context.cargo(&["test", "--quiet", "--workspace", "--doc", "--locked"]))
}

fn tests(context: &Context) -> Outcome {
    let mut command = if context.has_cargo("nextest") {
        context.cargo(&["nextest", "run", "--workspace", "--locked"])
    } else {
        context.cargo(&["test", "--workspace", "--locked", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    command.env("FERRD_BIN", context.target.join("debug/ferrd"));
    command.env("FERR_BIN", context.target.join("debug/ferr"));
    command.env("FERR_TEST_STRICT", "1");
    if context.full {
        command.env("FERR_TEST_FULL", "1").env("FERR_VM_KERNEL", packages::kernel_folder(context));
    }
    run(&mut command)
}

fn test(context: &Context, only: Option<&str>) -> Outcome {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut outcome = Ok(());
    for (name, step) in STEPS {
        if only.is_some_and(|o| !name.starts_with(o)) {
            continue;
        }
        println!("== {name}");
        let start = Instant::now();
        outcome = step(context).map_err(|e| format!("{name}: {e}"));
        times.push((name, start.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    println!("== times");
    for (name, time) in &times {
        println!("{:>8.1} s  {name}", time.as_secs_f64());
    }
    println!("{:>8.1} s  in all", times.iter().map(|t| t.1.as_secs_f64()).sum::<f64>());
    outcome
}

const USAGE: &str = "usage: cargo xtask test [--full] [--step NAME]\n       \
    cargo xtask package [--profile NAME] [--test]\n       \
    cargo xtask counts\n\
    steps: packages, format, layering, clippy, documentation, build, installation,\n\
    fuzzing, counts, examples, tests";

/// What was asked for.
enum Task {
    Test { full: bool, only: Option<String> },
    Package { profile: String, test: bool },
    Counts,
}

fn parse(arguments: &[String]) -> Result<Task, String> {
    let mut arguments = arguments.iter().map(String::as_str);
    let mut task = match arguments.next() {
        Some("test") => Task::Test { full: false, only: None },
        Some("package") => Task::Package { profile: "release".to_owned(), test: false },
        Some("counts") => Task::Counts,
        _ => return Err(USAGE.to_owned()),
    };
    while let Some(argument) = arguments.next() {
        match (&mut task, argument) {
            (Task::Test { full, .. }, "--full") => *full = true,
            (Task::Test { only, .. }, "--step") => {
                let name = arguments.next().ok_or(USAGE)?;
                if !STEPS.iter().any(|(step, _)| step.starts_with(name)) {
                    return Err(USAGE.to_owned());
                }
                *only = Some(name.to_owned());
            }
            (Task::Package { profile, .. }, "--profile") => {
                arguments.next().ok_or(USAGE)?.clone_into(profile);
            }
            (Task::Package { test, .. }, "--test") => *test = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(task)
}

fn perform(task: &Task) -> Outcome {
    match task {
        Task::Test { full, only } => test(&Context::new(*full)?, only.as_deref()),
        Task::Counts => counts::write(&Context::new(false)?),
        Task::Package { profile, test } => package::main(&Context::new(false)?, profile, *test),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments).and_then(|task| perform(&task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
