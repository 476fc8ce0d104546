//! What the screen remembers: `$XDG_CONFIG_HOME/reapwatch/top.json`. Not the filter: a forgotten one
//! would hide rows in the next incident.

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
        if now.sorts != given.sorts {
            self.sorts = now.sorts;
        }
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
            sorts: [("culprits".to_owned(), sort)].into(),
        };
        settings.save(&path).expect("saved");
        assert_eq!(Settings::load(&path).expect("read"), settings);
        for wrong in ["{", r#"{"delay":"1ms"}"#, r#"{"filter":"x"}"#] {
            fs::write(&path, wrong).expect("written");
            assert!(Settings::load(&path).is_err(), "{wrong}");
        }
    }
}
