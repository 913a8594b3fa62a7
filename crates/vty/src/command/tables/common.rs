//! Commands that every socket knows.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::{CommonAction, SessionAction};
use crate::door::Doors;

const fn session(syntax: &'static str, help: &'static str, level: Level, action: SessionAction) -> Command {
    Command { syntax, help, doors: Doors::ALL, level, action: Action::Session(action) }
}

const fn shell(syntax: &'static str, help: &'static str, action: SessionAction) -> Command {
    Command { syntax, help, doors: Doors::FERR, level: View, action: Action::Session(action) }
}

const fn common(syntax: &'static str, help: &'static str, level: Level, action: CommonAction) -> Command {
    Command { syntax, help, doors: Doors::ALL, level, action: Action::Common(action) }
}

use CommonAction as C;
use Level::{Enable, View};
use SessionAction as S;

pub(super) const TABLE: &[Command] = &[
    session("enable", "allow changes", View, S::Enable),
    session("disable", "look only", View, S::Disable),
    session("configure [terminal] [<file-lock|lock>]", "change the configuration", Enable, S::Configure),
    session("end", "leave the configuration", View, S::End),
    session("<exit|quit>", "leave", View, S::Exit),
    session("XFRR_start_configuration", "begin of a file", View, S::Begin),
    session("XFRR_end_configuration", "end of a file", View, S::Finish),
    session("list [permutations]", "the commands here", View, S::List),
    session("help", "how to get help", View, S::List),
    session("find REGEX...", "commands that match", View, S::Find),
    session("show commandtree [permutations]", "the commands here", View, S::List),
    session("show history", "lines of this session", View, S::History),
    session("terminal monitor [detach]", "copy the log to this terminal", Enable, S::Monitor),
    session("no terminal monitor", "end of the copy", Enable, S::NoMonitor),
    session("terminal no monitor", "end of the copy", Enable, S::NoMonitor),
    session("terminal length (0-512)", "lines of the terminal", View, S::Nothing),
    session("terminal no length", "lines of the terminal", View, S::Nothing),
    session("[no] terminal paginate", "use a pager", View, S::Nothing),
    session("who", "sessions", View, S::Nothing),
    session("debug TEXT...", "debugging", Enable, S::Nothing),
    session("no debug TEXT...", "debugging", Enable, S::Nothing),
    session("clear log cmdline-targets", "log targets of the command line", Enable, S::Nothing),
    session("clear <thread|event> cpu [FILTER]", "times of tasks", Enable, S::Nothing),
    shell("XFERR_prompt", "where the session stands", S::Prompt),
    shell("XFERR_complete [TEXT...]", "completions of a line", S::Complete),
    common("echo TEXT...", "repeat", View, C::Echo),
    common("show version", "version", View, C::Version),
    common("show memory", "memory in use", View, C::Memory),
    common("show <thread|event> cpu [FILTER]", "times of tasks", View, C::Threads),
    common("show <thread|event> <timers|poll>", "times of tasks", View, C::Threads),
    common("show modules", "parts", View, C::Modules),
    common("show work-queues", "queues", View, C::WorkQueues),
    common("show logging [filter-text]", "log targets and the last lines", View, C::Logging),
    common("show debugging [TEXT...]", "debugging", View, C::Debugging),
    common("show error <(1-4294967295)|all> [json]", "error codes", View, C::Errors),
    common("show daemons", "what is served", View, C::Daemons),
    common("show running-config [no-header] [DAEMON]", "the configuration", Enable, C::Running),
    common("show startup-config", "the saved configuration", Enable, C::Startup),
    common("write terminal [no-header]", "the configuration", Enable, C::Running),
    common("write [<file|memory|integrated>]", "save the configuration", Enable, C::Write),
    common("copy running-config startup-config", "save the configuration", Enable, C::Write),
    common(
        "logmsg <emergencies|alerts|critical|errors|warnings|notifications|informational|debugging> MESSAGE...",
        "write to the log",
        Enable,
        C::LogMessage,
    ),
    Command {
        syntax: "show watchfrr",
        help: "what is supervised",
        doors: Doors::WATCHFRR,
        level: View,
        action: Action::Common(C::WatchFrr),
    },
];
