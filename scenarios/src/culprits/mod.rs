//! Parents that do not reap, each for a different reason, until stdin closes.

mod habits;
mod namespace;
mod states;

use std::convert::Infallible;
use std::io::Read;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroup;
use crate::guard::Subreaper;
use crate::helpers::child;
use crate::slots::{Slot, Slots};

/// A parent that does not reap, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// The scenario.
    pub name: String,
    /// The verdict that is true of it.
    pub verdict: String,
    /// The process that holds the zombies.
    pub pid: u32,
}

/// One way not to reap.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The verdict that is true of it.
    pub verdict: &'static str,
    /// Becomes the culprit; publishes its PID in `Slots`, and never ends by itself.
    body: fn(&Slots) -> Result<Infallible>,
    /// What is done to it from outside, between its [`Slot::Pid`] and [`Slot::Go`].
    then: fn(Pid) -> Result<Option<Cgroup>>,
}

const fn case(
    name: &'static str,
    verdict: &'static str,
    body: fn(&Slots) -> Result<Infallible>,
) -> Case {
    Case {
        name,
        verdict,
        body,
        then: |_| Ok(None),
    }
}

/// All cases. A name need not be its verdict: several cases can share one.
pub const CASES: &[Case] = &[
    case("never_waits", "never_waits", habits::never_waits),
    case("sigchld_blocked", "sigchld_blocked", habits::blocks_sigchld),
    case(
        "sigchld_coalesced",
        "sigchld_coalesced",
        habits::waits_once_per_signal,
    ),
    case(
        "waits_for_one",
        "waits_for_others",
        habits::sleeps_in_wait_for_another,
    ),
    case(
        "waits_for_each_new",
        "waits_for_others",
        habits::waits_for_each_new,
    ),
    case(
        "polls_for_one",
        "waits_for_others",
        habits::polls_for_another,
    ),
    case(
        "waits_for_clones_only",
        "waits_for_others",
        habits::waits_for_clones_only,
    ),
    case(
        "waits_by_thread",
        "waits_for_others",
        habits::waits_by_thread,
    ),
    case("peeked", "peeked_not_reaped", habits::peeks),
    case(
        "wait_blocked_on_event",
        "wait_blocked_on_event",
        habits::reads_instead,
    ),
    case(
        "needs_wclone",
        "needs_wclone",
        habits::clones_without_signal,
    ),
    case(
        "waits_for_the_last",
        "wait_blocked_on_event",
        habits::waits_for_the_last,
    ),
    case("subreaper", "subreaper_without_reaping", habits::adopts),
    case(
        "adopts_the_dead",
        "subreaper_without_reaping",
        habits::adopts_the_dead,
    ),
    case("init", "init_without_reaping", namespace::init),
    case("exec_probe", "init_without_reaping", namespace::probed_init),
    case("pause", "init_without_reaping", namespace::pause),
    case(
        "outlives_namespace",
        "pidns_init_waiting",
        namespace::outlived_by_a_zombie,
    ),
    case("held_by_tracer", "held_by_tracer", states::traces),
    case(
        "uninterruptible",
        "parent_uninterruptible",
        states::sleeps_in_vfork,
    ),
    Case {
        then: |pid| {
            kill(pid, Signal::SIGSTOP)
                .map(|()| None)
                .context("cannot stop it")
        },
        ..case("stopped", "parent_stopped", habits::reaps_well)
    },
    Case {
        then: |pid| {
            ptrace::seize(pid, Options::empty())
                .and_then(|()| ptrace::interrupt(pid))
                .map(|()| None)
                .context("cannot trace it")
        },
        ..case("stopped_by_tracer", "parent_stopped", habits::reaps_well)
    },
    Case {
        then: |pid| Cgroup::frozen_v1(pid).map(Some),
        ..case("frozen_v1", "parent_frozen", habits::reaps_well)
    },
    Case {
        then: |pid| Cgroup::frozen_v2(pid).map(Some),
        ..case("frozen_v2", "parent_frozen", habits::reaps_well)
    },
    Case {
        then: |pid| Cgroup::without_cpu(pid).map(Some),
        ..case("starved", "parent_starved", states::spins)
    },
];

/// The case called `name`.
pub fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

impl Case {
    /// Makes the culprit, calls `ready`, keeps it until `until` ends, and cleans up.
    ///
    /// # Errors
    /// If a system call or a helper process fails.
    pub fn keep(
        &self,
        ready: impl FnOnce(&Culprit) -> Result<()>,
        mut until: impl Read,
    ) -> Result<()> {
        let _all_come_back_here = Subreaper::new()?;
        let slots = Slots::new()?;
        let pid = child(|| (self.body)(&slots).map(drop))?;
        let culprit = Culprit {
            name: self.name.to_owned(),
            verdict: self.verdict.to_owned(),
            pid: slots.wait(Slot::Pid)? as u32,
        };
        let cgroup = (self.then)(Pid::from_raw(culprit.pid as i32))?;
        slots.stamp(Slot::Go);
        ready(&culprit)?;
        until.read_to_end(&mut Vec::new()).context("cannot wait")?;
        drop(cgroup);
        kill(pid, Signal::SIGKILL).context("cannot end the culprit")?;
        // Its orphans, and the helpers that die with it, are adopted here.
        while waitpid(None, None) != Err(Errno::ECHILD) {}
        Ok(())
    }
}
