//! The licence texts of the crates in the program, which have to accompany it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use super::{Crates, Package};
use crate::workspace;

/// The name of the file with all of them.
pub(crate) const LICENCES: &str = "LICENSES-OF-CRATES";

/// How the names of such files begin, in capitals.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"];

/// All texts, each once with the crates that it is for.
pub(crate) fn licences(crates: &Crates) -> Result<String> {
    let mut by_text = BTreeMap::<String, Vec<String>>::new();
    let mut without = Vec::new();
    for package in crates.linked().filter(|package| package.is_foreign()) {
        let texts = texts(package)?;
        if texts.is_empty() {
            without.push(package);
        }
        for text in texts {
            let name = format!("{} {}", package.name, package.version);
            by_text.entry(text).or_default().push(name);
        }
    }
    let mut all = "Licences of the crates that are part of reapwatch.\n".to_owned();
    for package in without {
        let licence = package.license.as_deref().unwrap_or("see its repository");
        writeln!(all, "\n{} {}: {licence}", package.name, package.version)?;
    }
    for (text, mut names) in by_text {
        names.dedup();
        write!(all, "\n{}\n\n{}\n", names.join(", "), text.trim())?;
    }
    Ok(all)
}

fn texts(package: &Package) -> Result<Vec<String>> {
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest is in a folder")?;
    let files = workspace::listed(folder)?.into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_uppercase();
        path.is_file() && NAMES.iter().any(|known| name.starts_with(known))
    });
    let text = |path: std::path::PathBuf| {
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    files.map(text).collect()
}
