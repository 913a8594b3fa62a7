//! `cargo xtask package`: Debian packages from `packaging/`.
//!
//! `ferr` has the programs and the unit, and can stand beside FRR; `ferr-as-frr` takes the place of the package `frr`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Context, Outcome, run};

/// Documents that go along.
const DOCUMENTS: [&str; 5] = [
    "README.md",
    "CHANGELOG.md",
    "docs/configuration.md",
    "docs/operations.md",
    "docs/migrating-from-frr.md",
];

/// A tree that becomes a package.
struct Tree {
    root: PathBuf,
}

impl Tree {
    fn new(root: PathBuf) -> Result<Self, String> {
        if root.exists() {
            fs::remove_dir_all(&root).map_err(|e| format!("{}: {e}", root.display()))?;
        }
        Ok(Self { root })
    }

    fn place(&self, to: &str) -> Result<PathBuf, String> {
        let path = self.root.join(to);
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
        // dpkg takes the folders as they are, whatever the mask of who builds.
        let mut folder = Some(parent);
        while let Some(path) = folder.filter(|f| f.starts_with(&self.root)) {
            mode(path, 0o755)?;
            folder = path.parent();
        }
        Ok(path)
    }

    fn write(&self, to: &str, text: &str, bits: u32) -> Outcome {
        let path = self.place(to)?;
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        mode(&path, bits)
    }

    fn copy(&self, from: &Path, to: &str, bits: u32) -> Outcome {
        let path = self.place(to)?;
        fs::copy(from, &path).map_err(|e| format!("{}: {e}", from.display()))?;
        mode(&path, bits)
    }

    fn link(&self, target: &str, to: &str) -> Outcome {
        let path = self.place(to)?;
        symlink(target, &path).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Builds the package; root owns what is in it.
    fn build(&self, out: &Path) -> Outcome {
        run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&self.root).arg(out))
    }
}

fn mode(path: &Path, bits: u32) -> Outcome {
    fs::set_permissions(path, fs::Permissions::from_mode(bits))
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn answer(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What the program links, as a list of packages.
fn dependencies(target: &Path, program: &Path) -> Result<String, String> {
    let folder = target.join("package/shlibdeps");
    fs::create_dir_all(folder.join("debian")).map_err(|e| format!("{}: {e}", folder.display()))?;
    fs::write(folder.join("debian/control"), "Source: ferr\n").map_err(|e| e.to_string())?;
    let text = answer(Command::new("dpkg-shlibdeps").arg("-O").arg(program).current_dir(&folder));
    // Without dpkg-dev: what every program of this toolchain links.
    let found = text.ok().and_then(|t| t.strip_prefix("shlibs:Depends=").map(str::to_owned));
    Ok(found.unwrap_or_else(|| "libc6 (>= 2.34), libgcc-s1".to_owned()))
}

/// Octets below a folder, in the unit of `Installed-Size`.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(m) if m.is_dir() => size(&entry.path()),
        Ok(m) if m.is_file() => m.len().div_ceil(1024),
        _ => 0,
    };
    entries.map(of).sum()
}

/// Version of the workspace.
fn version(context: &Context) -> Result<String, String> {
    let text = read(&context.root.join("Cargo.toml"))?;
    let line = text.lines().find_map(|l| l.strip_prefix("version = \""));
    line.and_then(|l| l.strip_suffix('"')).map(str::to_owned).ok_or_else(|| "no version".to_owned())
}

/// Builds the packages; their paths.
pub(crate) fn build(context: &Context, profile: &str) -> Result<Vec<PathBuf>, String> {
    let builds = ["build", "--locked", "--bin", "ferr", "--package", "ferr", "--profile", profile];
    run(&mut context.cargo(&builds))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let program = context.target.join("package/ferr.stripped");
    fs::create_dir_all(context.target.join("package")).map_err(|e| e.to_string())?;
    run(Command::new("strip").arg("-o").arg(&program).arg(context.target.join(folder).join("ferr")))?;
    let arch = answer(Command::new("dpkg").arg("--print-architecture"))?;
    let version = version(context)?;
    let control = |name: &str, tree: &Tree, depends: &str| -> Outcome {
        let source = context.root.join("packaging/debian").join(name);
        let text = read(&source.join("control"))?
            .replace("@VERSION@", &version)
            .replace("@ARCH@", &arch)
            .replace("@DEPENDS@", depends)
            .replace("@SIZE@", &size(&tree.root).to_string());
        tree.write("DEBIAN/control", &text, 0o644)?;
        for script in ["postinst", "prerm", "postrm"] {
            let path = source.join(script);
            if path.exists() {
                tree.copy(&path, &format!("DEBIAN/{script}"), 0o755)?;
            }
        }
        Ok(())
    };
    let ferr = Tree::new(context.target.join("package/ferr"))?;
    let packaging = context.root.join("packaging");
    ferr.copy(&program, "usr/bin/ferr", 0o755)?;
    // By these names the one program answers as the daemon and as the shell.
    ferr.link("../bin/ferr", "usr/sbin/ferrd")?;
    ferr.link("../../bin/ferr", "usr/lib/ferr/vtysh")?;
    ferr.copy(&packaging.join("systemd/ferrd.service"), "lib/systemd/system/ferrd.service", 0o644)?;
    ferr.copy(&packaging.join("systemd/ferr.tmpfiles"), "usr/lib/tmpfiles.d/ferr.conf", 0o644)?;
    ferr.copy(&packaging.join("debian/ferr.logrotate"), "etc/logrotate.d/ferr", 0o644)?;
    ferr.write("DEBIAN/conffiles", "/etc/logrotate.d/ferr\n", 0o644)?;
    for document in DOCUMENTS {
        let name = document.rsplit('/').next().unwrap_or(document);
        ferr.copy(&context.root.join(document), &format!("usr/share/doc/ferr/{name}"), 0o644)?;
    }
    let licences =
        read(&context.root.join("LICENSE-MIT"))? + "\n" + &read(&context.root.join("LICENSE-APACHE"))?;
    ferr.write("usr/share/doc/ferr/copyright", &licences, 0o644)?;
    control("ferr", &ferr, &dependencies(&context.target, &program)?)?;
    let as_frr = Tree::new(context.target.join("package/ferr-as-frr"))?;
    as_frr.link("ferrd.service", "lib/systemd/system/frr.service")?;
    as_frr.write("usr/share/doc/ferr-as-frr/copyright", &licences, 0o644)?;
    control("ferr-as-frr", &as_frr, "")?;
    let mut out = Vec::new();
    for (name, tree, arch) in [("ferr", &ferr, arch.as_str()), ("ferr-as-frr", &as_frr, "all")] {
        let path = context.target.join(format!("package/{name}_{version}_{arch}.deb"));
        tree.build(&path)?;
        out.push(path);
    }
    Ok(out)
}

/// In the full run, packages of the debug build are installed in a copy of this system.
pub(crate) fn install_test(context: &Context) -> Outcome {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0");
    if !context.full || !root || !Path::new("/usr/bin/dpkg-deb").exists() {
        println!("SKIPPED: only with --full, as root on Debian");
        return Ok(());
    }
    main(context, "dev", true)
}

/// Builds the packages and, when asked, installs them in a copy of this system.
pub(crate) fn main(context: &Context, profile: &str, test: bool) -> Outcome {
    let packages = build(context, profile)?;
    packages.iter().for_each(|p| println!("{}", p.display()));
    if test {
        run(Command::new("sh").arg(context.root.join("packaging/debian/test-install.sh")).args(&packages))?;
    }
    Ok(())
}
