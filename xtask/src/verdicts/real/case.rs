//! A case: a real program, what is true of it, and what may be said of it. Read from the folder
//! that has the program's files.

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
    /// The folder that has the program's files.
    pub(super) files: PathBuf,
    /// What its `case.yaml` says.
    pub(super) sheet: Sheet,
}

/// `case.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sheet {
    /// What the program is and does, in one line.
    pub(super) about: String,
    /// What is true of it, for people.
    pub(super) truth: String,
    /// The case whose files it shares.
    #[serde(default)]
    files: Option<String>,
    /// Programs that it runs, as `PROGRAMS` names them, or `pip:` and a package.
    #[serde(default)]
    pub(super) needs: Vec<String>,
    /// Whether it needs nothing but the base system, Python, Perl and Node, and no time.
    #[serde(default)]
    pub(super) quick: bool,
    /// A shell line that prints why the case cannot run here, if so.
    #[serde(default)]
    pub(super) unless: Option<String>,
    /// A shell line that makes what `run` needs, before any agent is started.
    #[serde(default)]
    pub(super) build: Option<String>,
    /// The shell line that is the case.
    pub(super) run: String,
    /// What the agents are run by, such as `setpriv`; such a case has its agents for itself.
    #[serde(default)]
    pub(super) agents_under: Vec<String>,
    /// The processes that matter. The truth holds when all of them are found.
    pub(super) cast: BTreeMap<String, Role>,
    /// What must be said of them.
    pub(super) expect: Vec<Expectation>,
}

/// How a process of the case is found.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    /// Its name; one that ends with `*` is a beginning.
    #[serde(default)]
    pub(super) comm: Option<String>,
    /// What its command line contains.
    #[serde(default)]
    pub(super) args: Option<String>,
    /// Its state, one of these letters.
    #[serde(default)]
    pub(super) state: Option<String>,
    /// It holds at least this many dead children.
    #[serde(default)]
    pub(super) zombies: usize,
    /// It is a child of this one.
    #[serde(default)]
    pub(super) parent: Option<String>,
    /// The PID, as the program last wrote it into this file; it may have ended.
    #[serde(default)]
    pub(super) file: Option<String>,
}

/// What must be said of one process.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// Its role.
    pub(super) of: String,
    /// Where it is looked for.
    #[serde(rename = "in")]
    pub(super) place: Place,
    /// Verdicts that are true, the best first; not looked at when empty. An id may be followed by
    /// the highest confidence that it may have.
    #[serde(default)]
    pub(super) verdict: Vec<String>,
    /// What an agent that came later may say instead, less confidently. `none` is no verdict.
    #[serde(default)]
    pub(super) later: Vec<String>,
    /// Whether only an agent that was there before can know it.
    #[serde(default)]
    pub(super) only_before: bool,
    /// What the answer must contain: words, alternatives between ` | `, or the PID of a role in
    /// braces.
    #[serde(default)]
    pub(super) mentions: Vec<String>,
    /// The same, of an agent that was there before.
    #[serde(default)]
    pub(super) mentions_before: Vec<String>,
    /// What must not be advised. Advice against it is fine.
    #[serde(default)]
    pub(super) never_advises: Vec<String>,
    /// What must not be said at all.
    #[serde(default)]
    pub(super) never_says: Vec<String>,
    /// Values in the document, by JSON pointer.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, serde_json::Value>,
}

/// A list of the agent, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// It holds dead children.
    Culprits,
    /// It does not die.
    Stuck,
    /// Its story.
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

/// Those with these names; all where no name is given.
pub(super) fn chosen(names: &[String], quick: bool) -> Result<Vec<Case>> {
    let mut cases = all()?;
    for name in names {
        if !cases.iter().any(|case| case.name == *name) {
            bail!("no case is called {name}; `cargo xtask verdicts --real --list` lists them");
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
    fn every_case_speaks_of_its_own_cast_and_knows_its_packages() {
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
