//! The images of the pods, as archives in the files of the cluster.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::namespaces::file;
use crate::arch::Arch;
use crate::image::{self, Content, File, archive};
use crate::statics;

/// The image whose containers die and leak. Without arguments it acts as a pause image.
pub(super) const PAUSE: &str = "registry.example/scenarios:1";
/// The agent's, as the overlay names it, and its next version.
pub(super) const AGENTS: [&str; 2] = [
    "registry.example/reapwatch:0.1.0",
    "registry.example/reapwatch:0.1.1",
];

/// One layer with one program.
const CONTENT: Content = Content {
    title: "scenarios",
    entrypoint: &["/scenarios"],
    arguments: &["pod", "pause"],
    port: None,
    folders: &["tmp/"],
};

/// Writes all of them, and the programs for those who run them outside of pods; the files of the
/// images.
pub(super) fn write(agent: &Path, scenarios: &Path) -> Result<Vec<PathBuf>> {
    let bin = file("bin");
    fs::create_dir(&bin).context("make the folder of programs")?;
    for (program, name) in [(agent, "reapwatch"), (scenarios, "scenarios")] {
        fs::copy(program, bin.join(name)).with_context(|| format!("copy {name}"))?;
    }
    let program = [File::program("scenarios", statics::read(scenarios)?)];
    let mut images = vec![archive(PAUSE, Arch::own().debian(), &CONTENT, &program)?];
    for name in AGENTS {
        images.push(image::build(name, agent, Arch::own())?);
    }
    let numbered = images.into_iter().enumerate();
    let files = numbered.map(|(number, image)| {
        let path = file(&format!("image-{number}.tar"));
        fs::write(&path, image).context("write an image")?;
        Ok(path)
    });
    files.collect()
}
