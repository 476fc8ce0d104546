//! What the screen remembers: `$XDG_CONFIG_HOME/reapwatch/top.json`. The command line overrides it.

use std::collections::BTreeMap;
use std::env::var_os;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Time between frames.
    #[serde(rename = "delay", with = "delay")]
    pub interval: Duration,
    /// Whether idle rows are shown.
    pub idle: bool,
    /// Whether the rows of a workload stand together.
    pub group: bool,
    /// Which rows are shown, by what is shown: `host` or `fleet`, which have different fields.
    #[serde(rename = "filter")]
    pub filters: BTreeMap<String, String>,
    /// The order of rows by the name of the view, where it is not the usual one.
    #[serde(rename = "sort")]
    pub sorts: BTreeMap<String, Sort>,
}

/// The order of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// Heading of the column, in lower case.
    pub by: String,
    /// Whether it is reversed.
    #[serde(default)]
    pub reverse: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            idle: false,
            group: false,
            filters: BTreeMap::new(),
            sorts: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The order of a view.
    pub fn sort_of(&self, title: &str) -> Option<&Sort> {
        self.sorts.get(&title.to_lowercase())
    }

    /// These, with what was changed from `given` to `now`: options of the command line are not
    /// remembered.
    pub fn with_changes(mut self, given: &Self, now: Self) -> Self {
        if now.interval != given.interval {
            self.interval = now.interval;
        }
        if now.idle != given.idle {
            self.idle = now.idle;
        }
        if now.group != given.group {
            self.group = now.group;
        }
        merge(&mut self.filters, &given.filters, now.filters);
        merge(&mut self.sorts, &given.sorts, now.sorts);
        self
    }

    /// Those in a file; the usual ones if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is wrong.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let wrong = || format!("ignoring the settings in {}", path.display());
        match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).with_context(wrong),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(wrong),
        }
    }

    /// Writes them, completely or not at all.
    ///
    /// # Errors
    /// If that is impossible.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let wrong = || format!("cannot save the settings to {}", path.display());
        let folder = path.parent().with_context(wrong)?;
        let part = path.with_extension("json.part");
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&part, text))
            .and_then(|()| fs::rename(&part, path))
            .with_context(wrong)
    }
}

/// Takes over what was changed, and keeps what belongs to frames of another kind.
fn merge<T: PartialEq>(
    all: &mut BTreeMap<String, T>,
    given: &BTreeMap<String, T>,
    now: BTreeMap<String, T>,
) {
    if now != *given {
        all.retain(|name, _| !given.contains_key(name));
        all.extend(now);
    }
}

/// Where they are; `None` for a user without a home.
pub fn path() -> Option<PathBuf> {
    let set = |name| {
        var_os(name)
            .map(PathBuf::from)
            .filter(|it| it.is_absolute())
    };
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    Some(folder?.join("reapwatch/top.json"))
}

/// `1s`, as on the command line.
mod delay {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::cli::interval;

    pub(super) fn serialize<S: Serializer>(it: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*it))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        interval(&text).map_err(|error| D::Error::custom(format!("delay: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_keep_what_another_kind_of_frame_remembers() {
        let with = |filters: &[(&str, &str)]| Settings {
            filters: filters
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
            ..Settings::default()
        };
        let saved = with(&[("host", "pid=1"), ("fleet", "stale>0")]);
        let given = with(&[("host", "pid=1")]);
        for (now, kept) in [
            (given.clone(), saved.clone()),
            (with(&[]), with(&[("fleet", "stale>0")])),
            (
                with(&[("host", "pid=2")]),
                with(&[("host", "pid=2"), ("fleet", "stale>0")]),
            ),
        ] {
            assert_eq!(saved.clone().with_changes(&given, now), kept);
        }
    }

    #[test]
    fn settings_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/top.json");
        assert_eq!(Settings::load(&path).expect("none"), Settings::default());
        let sort = Sort {
            by: "oldest".into(),
            reverse: true,
        };
        let settings = Settings {
            interval: Duration::from_millis(2500),
            idle: true,
            group: true,
            filters: [("host".to_owned(), "oldest>1m".to_owned())].into(),
            sorts: [("culprits".to_owned(), sort)].into(),
        };
        settings.save(&path).expect("saved");
        assert_eq!(Settings::load(&path).expect("read"), settings);
        for wrong in [
            "{",
            r#"{"delay":"1ms"}"#,
            r#"{"filter":"x"}"#,
            r#"{"colour":1}"#,
        ] {
            fs::write(&path, wrong).expect("written");
            assert!(Settings::load(&path).is_err(), "{wrong}");
        }
    }
}
