//! Builds the kernel side and compares it with the checked-in object.
//!
//! Debian's rustc-web has `core` for BPF, so neither nightly nor rust-src is needed. The bytes
//! depend only on the sources, rustc and bpf-linker, not on any folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cli::Purpose;
use crate::cross::{CARGO, RUSTC};
use crate::setup;
use crate::shell;
use crate::sidecar::{OBJECT, SIDECAR, Sidecar, Tools, hash_sources, sha256};
use crate::workspace;

const STRIP: &str = "/usr/lib/llvm-22/bin/llvm-strip";
const TARGET: &str = "bpfel-unknown-none";

/// `cargo xtask ebpf`.
pub(crate) fn build() -> Result<ExitCode> {
    setup::ensure(Purpose::Build)?;
    let root = workspace::root();
    let object = compile(root, &workspace::target_dir().join("bpf"))?;
    let sidecar = Sidecar {
        sources_sha256: hash_sources(root)?,
        object_sha256: sha256(&object),
        tools: tools()?,
    };
    fs::create_dir_all(root.join("ebpf/prebuilt")).context("make ebpf/prebuilt")?;
    fs::write(root.join(OBJECT), &object).with_context(|| format!("write {OBJECT}"))?;
    let text = serde_json::to_string_pretty(&sidecar)? + "\n";
    fs::write(root.join(SIDECAR), text).with_context(|| format!("write {SIDECAR}"))?;
    println!(
        "{OBJECT}: {} bytes, sha256 {}",
        object.len(),
        sidecar.object_sha256
    );
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask ebpf --check`.
pub(crate) fn check() -> Result<ExitCode> {
    setup::ensure(Purpose::Build)?;
    let root = workspace::root();
    let sidecar = Sidecar::read(root)?;
    if sidecar.sources_sha256 != hash_sources(root)? {
        bail!("the kernel side changed since {OBJECT} was built: run `cargo xtask ebpf`");
    }
    let tools = tools()?;
    if tools != sidecar.tools {
        bail!(
            "{OBJECT} was built with {} and {}; {} and {} here may not give the same bytes",
            sidecar.tools.rustc,
            sidecar.tools.bpf_linker,
            tools.rustc,
            tools.bpf_linker
        );
    }
    let checked_in = fs::read(root.join(OBJECT)).with_context(|| format!("read {OBJECT}"))?;
    let copy = tempfile::tempdir().context("make a temporary folder")?;
    workspace::copy(copy.path())?;
    let rebuilt = compile(copy.path(), &copy.path().join("target"))?;
    if rebuilt != checked_in {
        bail!(
            "{OBJECT} ({} bytes, sha256 {}) differs from a rebuild ({} bytes, sha256 {})",
            checked_in.len(),
            sha256(&checked_in),
            rebuilt.len(),
            sha256(&rebuilt)
        );
    }
    println!(
        "{OBJECT}: a rebuild in another folder has the same {} bytes",
        rebuilt.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// Builds and strips the object of the workspace at `root`.
fn compile(root: &Path, target_dir: &Path) -> Result<Vec<u8>> {
    let linker = linker()?;
    let registry = registry_sources(root)?;
    // The last matching rule wins, so an inner folder comes after the outer one.
    let folders = [
        (root, "/reapwatch"),
        (target_dir, "/target"),
        (&registry, "/registry"),
    ];
    let mut flags = vec![
        format!("-Clinker={}", linker.display()),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        "--cfg=bpf_target_arch=\"x86_64\"".to_owned(),
    ];
    flags.extend(folders.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())));
    shell::run(
        cargo(root)
            .args([
                "build",
                "--locked",
                "--release",
                "--package",
                "reapwatch-ebpf",
            ])
            .args(["--bin", "reapwatch-bpf", "--target", TARGET, "--target-dir"])
            .arg(target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            // aya-ebpf needs asm_experimental_arch, and nothing else may be unstable.
            .env("RUSTC_BOOTSTRAP", "aya_ebpf"),
    )?;
    let built = target_dir.join(TARGET).join("release/reapwatch-bpf");
    let stripped = target_dir.join("reapwatch.bpf.o");
    // Drops the DWARF, and the source lines of instructions (.BTF.ext): they are two thirds of the
    // object, the agent would keep them in memory, and only a developer could read them in a
    // verifier's log.
    shell::run(
        Command::new(STRIP)
            .args(["-g", "--remove-section=.BTF.ext"])
            .arg("--remove-section=.rel.BTF.ext")
            .arg(&built)
            .arg("-o")
            .arg(&stripped),
    )?;
    fs::read(&stripped).with_context(|| format!("read {}", stripped.display()))
}

/// Debian's cargo on the workspace at `root`, without the variables that rustup and our own cargo
/// have set.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(CARGO);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let kept = [
            "CARGO_HOME",
            "CARGO_HTTP",
            "CARGO_NET",
            "CARGO_REGISTR",
            "CARGO_SOURCE",
        ];
        if ["CARGO", "RUST"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            && !kept.iter().any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(name.as_ref());
        }
    }
    command.current_dir(root).env("RUSTC", RUSTC);
    command
}

/// The folder into which cargo unpacks the crates. Its name differs between mirrors.
fn registry_sources(root: &Path) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        manifest_path: PathBuf,
    }
    let text = shell::read(cargo(root).args([
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        TARGET,
    ]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("parse `cargo metadata`")?;
    metadata
        .packages
        .iter()
        .find(|package| package.name == "aya-ebpf")
        .and_then(|package| package.manifest_path.parent()?.parent())
        .map(Path::to_owned)
        .context("`cargo metadata` does not list aya-ebpf")
}

fn linker() -> Result<PathBuf> {
    workspace::find_program("bpf-linker")
        .context("bpf-linker is not installed: run `cargo xtask setup build`")
}

fn tools() -> Result<Tools> {
    let version = |program: &Path| -> Result<String> {
        Ok(shell::read(Command::new(program).arg("--version"))?
            .trim()
            .to_owned())
    };
    Ok(Tools {
        rustc: version(Path::new(RUSTC))?,
        bpf_linker: version(&linker()?)?,
    })
}
