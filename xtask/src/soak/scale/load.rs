//! What a trial makes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::limits::check_memory;
use crate::bench::culprits::Load;
use crate::{cgroup, host, shell, stop};

/// Zombies and sleepers are spread over so many parents.
const PARENTS: u32 = 50;
/// So many cgroups exist at a time.
const CGROUPS_AT_ONCE: u32 = 100;
/// Deaths in each of them.
const DEATHS_EACH: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Zombies that stay.
    Zombies(u32),
    /// Processes that stay.
    Sleepers(u32),
    /// Cgroups that come and go, with deaths in each.
    Cgroups(u32),
    /// Exits, as fast as the machine makes them.
    Exits(u32),
}

/// What was made, and is there until dropped.
pub(super) struct Made {
    /// Those who hold it.
    parents: Vec<Load>,
    /// Deaths so far, of its processes.
    pub(super) deaths: u64,
}

impl Made {
    /// The PIDs of those who hold zombies.
    pub(super) fn parents(&self) -> BTreeSet<u64> {
        self.parents.iter().map(|it| it.parent.into()).collect()
    }
}

impl Kind {
    /// How many zombies it leaves.
    pub(super) fn zombies(self) -> u64 {
        match self {
            Self::Zombies(count) => count.into(),
            _ => 0,
        }
    }

    pub(super) fn make(self, scenarios: &Path) -> Result<Made> {
        let staying = |kind, count: u32| {
            (0..PARENTS)
                .map(|_| {
                    stop::check()?;
                    check_memory()?;
                    Load::start(scenarios, kind, count / PARENTS)
                })
                .collect::<Result<Vec<_>>>()
        };
        let (parents, deaths) = match self {
            Self::Zombies(count) => (staying("--zombies", count)?, count),
            Self::Sleepers(count) => (staying("--sleepers", count)?, 0),
            Self::Cgroups(count) => (Vec::new(), cgroups(scenarios, count)?),
            Self::Exits(count) => (Vec::new(), exits(scenarios, count)?),
        };
        let deaths = deaths.into();
        Ok(Made { parents, deaths })
    }
}

/// Makes so many cgroups in turn; how many deaths were in them.
pub(in crate::soak) fn cgroups(scenarios: &Path, count: u32) -> Result<u32> {
    let root = cgroup::mounted()?.join(format!("reapwatch-scale-{}", std::process::id()));
    let made = (0..count / CGROUPS_AT_ONCE).try_for_each(|_| {
        let mut command = Command::new(scenarios);
        let deaths = CGROUPS_AT_ONCE * DEATHS_EACH;
        command.args(["exits", "vfork", "--count", &deaths.to_string()]);
        for number in 0..CGROUPS_AT_ONCE {
            let folder = root.join(number.to_string());
            fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
            command.arg("--cgroup").arg(folder);
        }
        shell::read(&mut command)?;
        cgroup::remove(&root);
        Ok(())
    });
    cgroup::remove(&root);
    made.map(|()| count * DEATHS_EACH)
}

/// One program for each CPU.
fn exits(scenarios: &Path, count: u32) -> Result<u32> {
    let cpus = host::cpus() as u32;
    let programs: Result<Vec<_>> = (0..cpus)
        .map(|_| {
            let mut command = Command::new(scenarios);
            command.args(["exits", "vfork", "--count", &(count / cpus).to_string()]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command.spawn().context("run `scenarios exits`")
        })
        .collect();
    for mut program in programs? {
        let status = program.wait().context("wait for `scenarios exits`")?;
        ensure!(status.success(), "`scenarios exits` failed ({status})");
    }
    Ok(count / cpus * cpus)
}
