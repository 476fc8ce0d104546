//! `cargo xtask screens`: writes the screens of `top` into docs. The test that holds them does it.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{shell, workspace};

pub(crate) fn main() -> Result<ExitCode> {
    let mut command = Command::new(workspace::cargo());
    command
        .args(["test", "--package", "reapwatch", "--bin", "reapwatch"])
        .arg("the_screens_are_up_to_date")
        .env("REAPWATCH_BLESS", "1")
        .current_dir(workspace::root());
    shell::run(&mut command)?;
    println!("wrote docs/screens.md and docs/top.svg");
    Ok(ExitCode::SUCCESS)
}
