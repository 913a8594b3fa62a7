//! Debian packages that the tests use: routers to talk to, and tools that look at what we send.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Context, Outcome, run};

/// Rivals as peers, their clients, and tools.
const PACKAGES: [&str; 19] = [
    "bgpdump",
    "bird2",
    // A kernel of their own for tests of VRFs.
    "busybox-static",
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
    "wireguard-go",
    "wireguard-tools",
];

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
pub(crate) fn install(_: &Context) -> Outcome {
    let wanted = PACKAGES.into_iter();
    let missing: Vec<&str> = wanted.filter(|p| !installed(p)).collect();
    if missing.is_empty() {
        return Ok(());
    }
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
