//! An emulated machine with a distribution's kernel: slow, but it has everything, WireGuard included.
//!
//! Its first program loads what it takes to see the files of this machine (9p), changes into them, and goes on as a kernel of
//! [`crate::boot`] does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ferr_testnet::{Error, FerrdProgram, Requirement, check};

use crate::boot::{End, io, script};

/// Seconds after which the machine is switched off.
const LIMIT: &str = "540";
/// Names the folder of an unpacked kernel package.
pub(crate) const KERNEL: &str = "FERR_VM_KERNEL";
/// What the files of this machine are seen through.
const FIRST: [&str; 3] = ["virtio_pci", "9pnet_virtio", "9p"];
/// What the tests use.
const THEN: [&str; 6] = ["wireguard", "veth", "vrf", "tun", "nf_tables", "nft_numgen"];

/// All that a boot needs.
pub(crate) struct Emulated {
    kernel: PathBuf,
    first: Vec<PathBuf>,
    then: Vec<PathBuf>,
    ferrd: PathBuf,
    program: PathBuf,
}

/// Modules in the order in which they have to be loaded.
fn modules(root: &Path, version: &str, names: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let mut all = Vec::new();
    for name in names {
        let mut command = Command::new("modprobe");
        command.arg("-d").arg(root).args(["-S", version, "--show-depends", name]);
        let output = command.output().map_err(io("modprobe"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for path in text.lines().filter_map(|l| l.strip_prefix("insmod ")).map(|l| PathBuf::from(l.trim())) {
            if !all.contains(&path) {
                all.push(path);
            }
        }
    }
    Ok(all)
}

impl Emulated {
    /// Looks for the emulator, the kernel and our programs; the error has what is missing.
    pub(crate) fn find() -> Result<Self, Error> {
        check(&["qemu-system-x86_64", "cpio", "busybox", "modprobe"].map(Requirement::Program))?;
        let none = || Error::Missing {
            program: format!("a kernel package, unpacked in the folder that {KERNEL} names"),
            fix: "cargo xtask test --full, which does that".to_owned(),
        };
        let root = std::env::var_os(KERNEL).map(PathBuf::from).ok_or_else(none)?;
        let versions = fs::read_dir(root.join("lib/modules")).map_err(|_| none())?;
        let version = versions.flatten().next().ok_or_else(none)?.file_name().to_string_lossy().into_owned();
        let ferrd = FerrdProgram::locate()?.program;
        Ok(Self {
            kernel: root.join(format!("boot/vmlinuz-{version}")),
            first: modules(&root, &version, &FIRST)?,
            then: modules(&root, &version, &THEN)?,
            ferrd: ferrd.canonicalize().map_err(io("path of ferrd"))?,
            program: std::env::current_exe().map_err(io("path of the test program"))?,
        })
    }

    /// The archive that the kernel starts from: a shell, and the modules to see more.
    fn first_files(&self, folder: &Path, init: &Path) -> Result<PathBuf, Error> {
        let root = folder.join("initrd");
        for dir in ["bin", "proc", "sys", "dev", "new"] {
            fs::create_dir_all(root.join(dir)).map_err(io("initrd"))?;
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).map_err(io("busybox"))?;
        let mut text = "#!/bin/busybox sh\nb=/bin/busybox\n$b mount -t devtmpfs devtmpfs /dev\n".to_owned();
        for module in &self.first {
            let name = module.file_name().unwrap_or_default();
            fs::copy(module, root.join(name)).map_err(io("module"))?;
            text.push_str(&format!("$b insmod /{}\n", name.to_string_lossy()));
        }
        let nine = "trans=virtio,version=9p2000.L,msize=262144";
        text.push_str(&format!(
            "$b mount -t 9p -o {nine},ro,cache=loose files /new || $b poweroff -f\n\
             $b mount -t tmpfs tmpfs /new/run\n$b mkdir /new/run/tmp /new/run/result\n\
             $b mount -t 9p -o {nine} result /new/run/result\n\
             exec $b switch_root /new /run/result/{}\n",
            init.file_name().unwrap_or_default().to_string_lossy()
        ));
        let first = root.join("init");
        fs::write(&first, text).map_err(io("initrd"))?;
        fs::set_permissions(&first, fs::Permissions::from_mode(0o755)).map_err(io("initrd"))?;
        let archive = folder.join("initrd.cpio");
        let mut pack = Command::new("sh");
        pack.args(["-c", "cd \"$0\" && find . | cpio -o -H newc --quiet > \"$1\""]).arg(&root).arg(&archive);
        let packed = pack.status().map_err(io("cpio"))?;
        if packed.success() {
            return Ok(archive);
        }
        Err(Error::Answer { what: "cpio".to_owned(), text: packed.to_string() })
    }

    /// Boots, runs `test` and waits for the end.
    pub(crate) fn run(&self, test: &str) -> Result<End, Error> {
        let folder = tempfile::Builder::new().prefix("ferr-vm-").tempdir().map_err(io("temporary folder"))?;
        let path = folder.path();
        let init = path.join("init");
        let mounts =
            ["mount -t proc proc /proc", "mount -t sysfs sysfs /sys", "mount -t devtmpfs devtmpfs /dev"];
        let text = script(&mounts.map(str::to_owned), &self.then, &self.program, &self.ferrd, test);
        fs::write(&init, text).map_err(io("init script"))?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).map_err(io("init script"))?;
        let archive = self.first_files(path, &init)?;
        let mut command = Command::new("timeout");
        command.args([
            "--kill-after=5",
            LIMIT,
            "qemu-system-x86_64",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
        ]);
        command.args(["-smp", "2", "-m", "2G", "-nographic", "-no-reboot", "-nic", "none"]);
        command.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(&archive);
        command.args(["-append", "console=ttyS0 quiet panic=-1"]);
        for (tag, place, more) in
            [("files", Path::new("/"), ",readonly=on,multidevs=remap"), ("result", path, "")]
        {
            let local = format!("local,id={tag},path={},security_model=none{more}", place.display());
            command.args(["-fsdev", &local]);
            command.args(["-device", &format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}")]);
        }
        End::of(command, path)
    }
}
