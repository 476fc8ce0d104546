//! The images of the pods.

use anyhow::Result;

use crate::image::{self, Content, File, architecture, archive};
use crate::statics::{self, Programs};

/// The name of the image whose containers die and leak.
pub(super) const SCENARIOS: &str = "reapwatch.invalid/scenarios:1";
/// The name of the agent's.
pub(super) const AGENT: &str = "reapwatch.invalid/reapwatch:1";

/// One layer with one program. Without arguments it acts as a pause image.
const CONTENT: Content = Content {
    title: "scenarios",
    entrypoint: &["/scenarios"],
    arguments: &["pod", "pause"],
    port: None,
    folders: &["tmp/"],
};

/// The archives of both.
pub(super) fn build(programs: &Programs) -> Result<[Vec<u8>; 2]> {
    let program = statics::read(&programs.scenarios)?;
    let files = [File::program("scenarios", program)];
    let scenarios = archive(SCENARIOS, architecture(), &CONTENT, &files)?;
    Ok([scenarios, image::build(AGENT, &programs.reapwatch)?])
}
