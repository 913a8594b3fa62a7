//! Booting: one kernel per test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use ferr_testnet::{Error, FerrdProgram, Requirement, check};

use crate::INSIDE;

/// Seconds after which a kernel is killed. The longest scenario takes one minute on an idle machine.
const LIMIT: &str = "240";
/// Where the package puts the modules, in a folder per version.
const MODULES: &str = "/usr/lib/uml/modules";
/// Modules, each after those that it needs. They are loaded by path, so that nothing on the machine has to be changed.
const NEEDED: [&str; 14] = [
    "lib/crc-ccitt.ko",
    "net/ipv6/ipv6.ko",
    "drivers/net/veth.ko",
    "drivers/net/dummy.ko",
    "drivers/net/vrf.ko",
    "net/llc/llc.ko",
    "net/802/stp.ko",
    "net/bridge/bridge.ko",
    "net/802/garp.ko",
    "net/802/mrp.ko",
    "net/8021q/8021q.ko",
    "drivers/net/tun.ko",
    "net/netfilter/nfnetlink.ko",
    "net/netfilter/nf_tables.ko",
];

/// All that a boot needs.
#[derive(Debug)]
pub(crate) struct Machine {
    modules: Vec<PathBuf>,
    ferrd: PathBuf,
    program: PathBuf,
}

/// How a test in a kernel ended.
#[derive(Debug)]
pub(crate) struct End {
    /// What the kernel said.
    pub(crate) console: String,
    /// What the test printed.
    pub(crate) output: String,
    status: Option<i32>,
}

impl End {
    /// Runs a machine to its end, whose results are in `folder`.
    pub(crate) fn of(mut machine: Command, folder: &Path) -> Result<Self, Error> {
        let console = machine.stdin(Stdio::null()).output().map_err(io("the machine"))?;
        let mut text = String::from_utf8_lossy(&console.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&console.stderr));
        text.push_str(&format!("kernel: {}", console.status));
        let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
        Ok(Self {
            console: text,
            output: String::from_utf8_lossy(&read("output")).into_owned(),
            status: String::from_utf8_lossy(&read("status")).trim().parse().ok(),
        })
    }

    /// Whether the test ran and passed.
    pub(crate) fn passed(&self) -> bool {
        // A name that fits no test is no failure for the test program.
        self.status == Some(0) && self.output.contains("test result: ok. 1 passed")
    }
}

pub(crate) fn io(what: &str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { what: what.to_owned(), source }
}

/// For the shell.
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

pub(crate) fn missing(program: &str, package: &str) -> Error {
    Error::Missing { program: program.to_owned(), fix: format!("apt-get install {package}") }
}

/// The first program of a kernel: prepares it, runs the test, and switches off.
pub(crate) fn script(
    mounts: &[String],
    modules: &[PathBuf],
    program: &Path,
    ferrd: &Path,
    test: &str,
) -> String {
    let mut script =
        "#!/bin/sh\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ TMPDIR=/run/tmp\n".to_owned();
    for line in mounts.iter().map(String::as_str).chain(["exec >/run/result/output 2>&1"]) {
        script.push_str(line);
        script.push('\n');
    }
    for module in modules {
        script.push_str(&format!("busybox insmod {}\n", quoted(module)));
    }
    script.push_str("ip link set lo up\n");
    let (program, ferrd) = (quoted(program), quoted(ferrd));
    script.push_str(&format!("{INSIDE}=1 FERRD_BIN={ferrd} {program} --exact {test} --nocapture\n"));
    script.push_str("echo $? >/run/result/status\nbusybox poweroff -f\n");
    script
}

impl Machine {
    /// Looks for the kernel, its modules and our programs; the error has what is missing.
    pub(crate) fn find() -> Result<Self, Error> {
        check(&[Requirement::Program("linux.uml")]).map_err(|_| missing("linux.uml", "user-mode-linux"))?;
        check(&[Requirement::Program("busybox")]).map_err(|_| missing("busybox", "busybox-static"))?;
        check(&[Requirement::Program("ip"), Requirement::Program("timeout")])?;
        let versions = fs::read_dir(MODULES).map_err(|_| missing(MODULES, "user-mode-linux"))?;
        let has_all = |folder: &PathBuf| NEEDED.iter().all(|m| folder.join("kernel").join(m).is_file());
        let folder = versions
            .flatten()
            .map(|e| e.path())
            .find(has_all)
            .ok_or_else(|| missing("VRF module of user-mode Linux", "user-mode-linux"))?;
        let ferrd = FerrdProgram::locate()?.program;
        Ok(Self {
            modules: NEEDED.iter().map(|m| folder.join("kernel").join(m)).collect(),
            ferrd: ferrd.canonicalize().map_err(io("path of ferrd"))?,
            program: env::current_exe().map_err(io("path of the test program"))?,
        })
    }

    /// Boots, runs `test` and waits for the end.
    pub(crate) fn run(&self, test: &str) -> Result<End, Error> {
        let folder = tempfile::Builder::new().prefix("ferr-vm-").tempdir().map_err(io("temporary folder"))?;
        let path = folder.path();
        let init = path.join("init");
        let mounts = [
            "mount -t proc proc /proc".to_owned(),
            "mount -t sysfs sysfs /sys".to_owned(),
            "mount -t tmpfs tmpfs /run".to_owned(),
            "mount -t devtmpfs devtmpfs /dev".to_owned(),
            "mkdir /run/tmp /run/result".to_owned(),
            format!("mount -t hostfs -o {} none /run/result", path.display()),
        ];
        fs::write(&init, script(&mounts, &self.modules, &self.program, &self.ferrd, test))
            .map_err(io("init script"))?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).map_err(io("init script"))?;
        // `timeout` ends the kernel with all processes that it is made of, also without us.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", LIMIT, "linux.uml", "root=/dev/root", "rootfstype=hostfs"]);
        command.args(["rootflags=/", "ro", "mem=1G", "con=null", "con0=null,fd:1", "quiet"]);
        command.arg(format!("init={}", init.display())).arg(format!("uml_dir={}/", path.display()));
        End::of(command, path)
    }
}
