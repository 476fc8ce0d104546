//! A case: a real program, the truth about it, and the expected answers. Read from the folder with the
//! program's files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace;

/// One folder of `scenarios/real`.
#[derive(Debug)]
pub(super) struct Case {
    /// The name of the folder.
    pub(super) name: String,
    /// The folder with the files of the program.
    pub(super) files: PathBuf,
    /// Its `case.yaml`.
    pub(super) sheet: Sheet,
}

/// `case.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sheet {
    /// What the program is and does, in one line.
    pub(super) about: String,
    /// The truth in words.
    pub(super) truth: String,
    /// The case whose files it shares.
    #[serde(default)]
    files: Option<String>,
    /// Programs that it needs, by their names in `PROGRAMS`, or `pip:` and a package.
    #[serde(default)]
    pub(super) needs: Vec<String>,
    /// Whether it is quick and needs only the base system, Python, Perl and Node.
    #[serde(default)]
    pub(super) quick: bool,
    /// A shell line that prints why the case cannot run here, if so.
    #[serde(default)]
    pub(super) unless: Option<String>,
    /// A shell line that builds what `run` needs, before any agent starts.
    #[serde(default)]
    pub(super) build: Option<String>,
    /// The shell line that is the case.
    pub(super) run: String,
    /// A command such as `setpriv` that runs the agents of this case.
    #[serde(default)]
    pub(super) agents_under: Vec<String>,
    /// The processes that matter. The truth holds once all of them are found.
    pub(super) cast: BTreeMap<String, Role>,
    /// The expected answers about them.
    pub(super) expect: Vec<Expectation>,
}

/// How a process of the case is found.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    /// Its name, or a prefix that ends with `*`.
    #[serde(default)]
    pub(super) comm: Option<String>,
    /// A part of its command line.
    #[serde(default)]
    pub(super) args: Option<String>,
    /// Its state, as one of these letters.
    #[serde(default)]
    pub(super) state: Option<String>,
    /// The number of zombies that it holds, at least.
    #[serde(default)]
    pub(super) zombies: usize,
    /// The role of its parent.
    #[serde(default)]
    pub(super) parent: Option<String>,
    /// A file to which the program writes the PID. The process may have exited.
    #[serde(default)]
    pub(super) file: Option<String>,
}

/// The expected answer about one process.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// Its role.
    pub(super) of: String,
    /// The list to look in.
    #[serde(rename = "in")]
    pub(super) place: Place,
    /// Right verdicts, the best first; not checked if empty. An id may be followed by the highest
    /// confidence allowed.
    #[serde(default)]
    pub(super) verdict: Vec<String>,
    /// Verdicts that an agent that started later may give instead, with less confidence. `none`
    /// means no verdict.
    #[serde(default)]
    pub(super) later: Vec<String>,
    /// Whether only an agent that ran before can know.
    #[serde(default)]
    pub(super) only_before: bool,
    /// Words that the answer must contain: alternatives are separated by ` | `, and a role in braces
    /// stands for its PID.
    #[serde(default)]
    pub(super) mentions: Vec<String>,
    /// The same for an agent that ran before.
    #[serde(default)]
    pub(super) mentions_before: Vec<String>,
    /// What the agent must not advise. Advice against it is fine.
    #[serde(default)]
    pub(super) never_advises: Vec<String>,
    /// What the answer must not contain.
    #[serde(default)]
    pub(super) never_says: Vec<String>,
    /// Values in the document, by JSON pointer.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, serde_json::Value>,
}

/// A list of the agent, or the absence from all lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// The parents that hold zombies.
    Culprits,
    /// The processes that do not die.
    Stuck,
    /// The explanation of the process.
    Explain,
    /// In neither list.
    Nowhere,
}

/// All cases, by name.
pub(super) fn all() -> Result<Vec<Case>> {
    let folder = workspace::root().join("scenarios/real");
    let entries = fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
    let mut cases = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Ok(text) = fs::read_to_string(path.join("case.yaml")) else {
            bail!("{} has no case.yaml", path.display());
        };
        let sheet: Sheet = serde_saphyr::from_str(&text)
            .with_context(|| format!("read case.yaml of {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        cases.push(Case {
            name: name.into_owned(),
            files: sheet
                .files
                .as_ref()
                .map_or(path.clone(), |name| folder.join(name)),
            sheet,
        });
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(cases)
}

/// The cases with these names, or all without names.
pub(super) fn chosen(names: &[String], quick: bool) -> Result<Vec<Case>> {
    let mut cases = all()?;
    for name in names {
        if !cases.iter().any(|case| case.name == *name) {
            bail!("no case {name}; `cargo xtask verdicts --real --list` lists the cases");
        }
    }
    cases.retain(|case| names.is_empty() || names.contains(&case.name));
    cases.retain(|case| !quick || case.sheet.quick);
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_names_its_own_roles_and_its_packages() {
        let cases = all().unwrap();
        assert!(cases.len() >= 40, "{} cases", cases.len());
        for case in &cases {
            let Case { name, files, sheet } = case;
            assert!(files.is_dir(), "{name}: {}", files.display());
            assert!(!sheet.truth.trim().is_empty(), "{name}");
            assert!(!sheet.expect.is_empty(), "{name}");
            let is_known = |role: &str| sheet.cast.contains_key(role);
            for expected in &sheet.expect {
                assert!(is_known(&expected.of), "{name}: no role {}", expected.of);
                let mentions = expected.mentions.iter().chain(&expected.mentions_before);
                for role in
                    mentions.filter_map(|mention| mention.split_once('{')?.1.split_once('}'))
                {
                    assert!(is_known(role.0), "{name}: no role {}", role.0);
                }
            }
            for parent in sheet.cast.values().filter_map(|role| role.parent.as_ref()) {
                assert!(is_known(parent), "{name}: no role {parent}");
            }
            for need in &sheet.needs {
                let known = super::super::needs::package(need).is_some();
                assert!(known, "{name}: no package is known for {need}");
            }
        }
    }
}
