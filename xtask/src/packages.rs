//! Debian packages that the tests use: routers to talk to, and tools that look at what we send.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Context, Outcome, run};

/// Rivals as peers, their clients, and tools.
const PACKAGES: [&str; 21] = [
    "bgpdump",
    "bird2",
    // A kernel of their own for tests of VRFs.
    "busybox-static",
    "ethtool",
    "exabgp",
    "frr",
    "frr-pythontools",
    "g++",
    "gobgpd",
    "iproute2",
    "iputils-ping",
    "nftables",
    "openbgpd",
    "procps",
    "prometheus-frr-exporter",
    "tcpdump",
    "tshark",
    "user-mode-linux",
    "valgrind",
    "wireguard-go",
    "wireguard-tools",
];

/// For the emulated machine of full runs.
const MACHINE: [&str; 3] = ["cpio", "kmod", "qemu-system-x86"];
/// Whose newest version that machine boots: a kernel with its own WireGuard.
const KERNEL: &str = "linux-image-amd64";

fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]).output();
    query.is_ok_and(|o| o.status.success() && o.stdout == b"installed")
}

/// Keeps packages from starting their daemons while it lives.
struct NoDaemons(Option<PathBuf>);

impl NoDaemons {
    fn new() -> Result<Self, String> {
        let path = Path::new("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self(None));
        }
        let guard = Self(Some(path.to_owned()));
        std::fs::write(path, "#!/bin/sh\nexit 101\n").map_err(|e| format!("{}: {e}", path.display()))?;
        run(Command::new("chmod").arg("755").arg(path))?;
        Ok(guard)
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = std::fs::remove_file(path)
        {
            eprintln!("{}: {error}; remove it by hand", path.display());
        }
    }
}

/// Installs what is missing; says so where it cannot, and leaves the rest to the tests, which know what they need.
pub(crate) fn install(context: &Context) -> Outcome {
    let machine = if context.full { &MACHINE[..] } else { &[] };
    let wanted = PACKAGES.into_iter().chain(machine.iter().copied());
    let missing: Vec<&str> = wanted.filter(|p| !installed(p)).collect();
    if !missing.is_empty() {
        fetch(&missing)?;
    }
    if context.full { unpack_kernel(context) } else { Ok(()) }
}

/// Folder of the unpacked kernel package.
pub(crate) fn kernel_folder(context: &Context) -> PathBuf {
    context.target.join("vm-kernel")
}

/// The kernel's package is unpacked and not installed: the machine that the tests run on does not change.
fn unpack_kernel(context: &Context) -> Outcome {
    let folder = kernel_folder(context);
    if folder.join("lib/modules").is_dir() || !Path::new("/usr/bin/apt-get").exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let depends = Command::new("apt-cache").args(["depends", KERNEL]).output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&depends.stdout).into_owned();
    let named = text.lines().find_map(|l| l.trim().strip_prefix("Depends: "));
    let package = named.ok_or_else(|| format!("apt knows no {KERNEL}"))?;
    run(Command::new("apt-get").args(["-q", "download", package]).current_dir(&folder))?;
    let unpack = "set -e; dpkg -x ./*.deb .; rm -- *.deb; depmod -b . \"$(ls lib/modules)\"";
    run(Command::new("sh").args(["-c", unpack]).current_dir(&folder))
}

fn fetch(missing: &[&str]) -> Outcome {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0");
    let debian = Path::new("/usr/bin/apt-get").exists();
    if !root || !debian {
        println!("SKIPPED: not installed, and this is not root on Debian: {}", missing.join(" "));
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    let _guard = NoDaemons::new()?;
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-y"]);
        command
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "--no-install-recommends"]).args(missing))
}
