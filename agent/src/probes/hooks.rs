//! The hooks of each transition, in order of preference.

pub(crate) use api::HookKind;

/// What a program attaches to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The entry of this function.
    Function(&'static str),
    /// The entry of the function with the first name, or with the second, its name in newer
    /// kernels.
    Renamed(&'static str, &'static str),
    /// This tracepoint with typed arguments.
    Typed(&'static str),
    /// This tracepoint in tracefs: category, name.
    Classic(&'static str, &'static str),
}

impl Point {
    fn name(self) -> &'static str {
        match self {
            Self::Function(name)
            | Self::Renamed(name, _)
            | Self::Typed(name)
            | Self::Classic(_, name) => name,
        }
    }

    /// Its name in the kernel's types, if it is looked up there.
    fn type_names(self) -> Vec<String> {
        match self {
            Self::Function(name) => vec![name.to_owned()],
            Self::Renamed(before, after) => vec![before.to_owned(), after.to_owned()],
            Self::Typed(name) => vec![format!("btf_trace_{name}")],
            Self::Classic(..) => Vec::new(),
        }
    }
}

/// A program of the object and what it attaches to.
pub(crate) type Program = (&'static str, Point);

/// One way to see a transition. All its programs attach, or none.
pub(crate) struct Hook {
    /// Its kind.
    pub(crate) kind: HookKind,
    /// Its programs.
    pub(crate) programs: &'static [Program],
    /// What it cannot measure that a better one can.
    pub(crate) lost: Option<&'static str>,
    /// Whether it runs at the end of every system call on the host.
    pub(crate) slows_system_calls: bool,
    /// Programs of earlier transitions at the same points, whose work its own programs do too.
    pub(crate) replaces: &'static [&'static str],
}

impl Hook {
    /// For example `fentry:release_task`; for many programs, the first and how many more.
    pub(crate) fn label(&self) -> String {
        let points: Vec<_> = self
            .programs
            .iter()
            .map(|(_, point)| point.name())
            .collect();
        let kind = self.kind;
        match points.as_slice() {
            [first, _, _, ..] => format!("{kind}:{first}+{}", points.len() - 1),
            few => format!("{kind}:{}", few.join("+")),
        }
    }
}

/// A transition in the life of a process.
pub(crate) struct Transition {
    /// Its name in `doctor` and `reapwatch_probe_info`.
    pub(crate) name: &'static str,
    /// Whether no death can be measured without it.
    pub(crate) required: bool,
    /// Whether its hook kind counts for `source`.
    pub(crate) decides_source: bool,
    /// What is lost without any hook.
    pub(crate) lost_without: &'static str,
    /// Best first.
    pub(crate) hooks: &'static [Hook],
}

impl Transition {
    /// The names of all its programs' targets in the kernel's types.
    pub(super) fn type_names(&self) -> impl Iterator<Item = String> {
        let programs = self.hooks.iter().flat_map(|hook| hook.programs);
        programs.flat_map(|(_, point)| point.type_names())
    }
}

pub(super) const fn exact(kind: HookKind, programs: &'static [Program]) -> Hook {
    Hook {
        kind,
        programs,
        lost: None,
        slows_system_calls: false,
        replaces: &[],
    }
}

const fn typed(programs: &'static [Program]) -> Hook {
    exact(HookKind::Tracepoint, programs)
}

/// The name that [`FREE`] and [`FREE_AS_REAP`] report.
const FREE_NAME: &str = "free";
const FREE_LOST: &str = "the count of deaths whose record was lost";

/// All transitions whose hooks do not depend on another's, in attach order: those that store data
/// come before those that send it, so that no record is sent half-filled.
pub(crate) const TRANSITIONS: &[Transition] = &[
    Transition {
        name: "fork",
        required: false,
        decides_source: false,
        lost_without: "who created a process",
        hooks: &[typed(&[(
            "fork_tracepoint",
            Point::Typed("sched_process_fork"),
        )])],
    },
    Transition {
        name: "exec",
        required: false,
        decides_source: false,
        lost_without: "when a process ran exec: what the earlier program did counts as its own",
        hooks: &[typed(&[(
            "exec_tracepoint",
            Point::Typed("sched_process_exec"),
        )])],
    },
    Transition {
        name: "kill",
        required: false,
        decides_source: false,
        lost_without: "who killed a process, how long it took to die, and which signals it ignored",
        hooks: &[typed(&[(
            "kill_tracepoint",
            Point::Typed("signal_generate"),
        )])],
    },
    Transition {
        name: "oom",
        required: false,
        decides_source: false,
        lost_without: "whether the OOM killer was involved: its victims count as killed by the \
                       kernel",
        hooks: &[typed(&[("oom_tracepoint", Point::Typed("mark_victim"))])],
    },
    Transition {
        name: "wait",
        required: false,
        decides_source: false,
        lost_without: "whether a parent calls wait at all",
        // The second one is for kernels before 5.15.
        hooks: &[
            typed(&[("wait_tracepoint", Point::Typed("sched_process_wait"))]),
            typed(&[("wait_by_stack", Point::Typed("sched_process_wait"))]),
        ],
    },
    Transition {
        name: "cgroup",
        required: false,
        decides_source: false,
        lost_without: "the container or unit of processes whose cgroup is removed within \
                       milliseconds",
        hooks: &[typed(&[(
            "cgroup_tracepoint",
            Point::Typed("cgroup_mkdir"),
        )])],
    },
    Transition {
        name: "exit",
        required: false,
        decides_source: true,
        lost_without: "exit_seconds",
        hooks: &[
            exact(
                HookKind::Fentry,
                &[("exit_fentry", Point::Function("do_exit"))],
            ),
            exact(
                HookKind::Kprobe,
                &[("exit_kprobe", Point::Function("do_exit"))],
            ),
            Hook {
                kind: HookKind::Tracepoint,
                programs: &[("exit_tracepoint", Point::Typed("sched_process_exit"))],
                lost: Some(
                    "exit_seconds excludes the first steps of an exit and, before Linux 6.16, \
                     freeing its memory",
                ),
                slows_system_calls: false,
                replaces: &[],
            },
        ],
    },
    Transition {
        name: "reap",
        required: false,
        decides_source: true,
        lost_without: "zombie_seconds is an upper bound, milliseconds to seconds too long; the \
                       reaper is unknown",
        hooks: &[
            exact(
                HookKind::Fentry,
                &[("reap_fentry", Point::Function("release_task"))],
            ),
            exact(
                HookKind::Kprobe,
                &[("reap_kprobe", Point::Function("release_task"))],
            ),
            Hook {
                kind: HookKind::Tracepoint,
                programs: &[
                    ("reap_wait4", Point::Classic("syscalls", "sys_exit_wait4")),
                    ("reap_waitid", Point::Classic("syscalls", "sys_exit_waitid")),
                ],
                lost: Some(
                    "zombie_seconds is about 10 µs too long, more if the reaper loses its CPU \
                     before its wait call returns; reaps by io_uring, by 32-bit programs and by a \
                     dying namespace are upper bounds without a reaper; every system call on the \
                     host takes 10 to 25 ns longer",
                ),
                slows_system_calls: true,
                replaces: &[],
            },
            Hook {
                kind: HookKind::Tracepoint,
                programs: &[("reap_sys_exit", Point::Typed("sys_exit"))],
                lost: Some(
                    "zombie_seconds is about 10 µs too long, more if the reaper loses its CPU \
                     before its wait call returns; reaps by io_uring, by 32-bit programs and by a \
                     dying namespace are upper bounds without a reaper; every system call on the \
                     host takes 20 to 40 ns longer",
                ),
                slows_system_calls: true,
                replaces: &[],
            },
        ],
    },
    Transition {
        name: "zombie",
        required: true,
        decides_source: true,
        lost_without: "all deaths",
        hooks: &[
            exact(
                HookKind::Fentry,
                &[("zombie_fentry", Point::Function("do_notify_parent"))],
            ),
            exact(
                HookKind::Kprobe,
                &[("zombie_kprobe", Point::Function("do_notify_parent"))],
            ),
            Hook {
                kind: HookKind::Tracepoint,
                programs: &[
                    (
                        "exit_and_end_tracepoint",
                        Point::Typed("sched_process_exit"),
                    ),
                    (
                        "kill_and_zombie_tracepoint",
                        Point::Typed("signal_generate"),
                    ),
                ],
                lost: Some(
                    "exit_seconds of auto-reaped processes, which are reported when they are \
                     freed, milliseconds to seconds later; died_at of processes without an exit \
                     signal is a lower bound, and their zombies are found by a snapshot within \
                     seconds",
                ),
                slows_system_calls: false,
                replaces: &["exit_tracepoint", "kill_tracepoint"],
            },
        ],
    },
];

/// Only cleans up, if another hook sees reaps.
pub(crate) const FREE: Transition = Transition {
    name: FREE_NAME,
    required: false,
    decides_source: false,
    lost_without: FREE_LOST,
    hooks: &[typed(&[(
        "free_tracepoint",
        Point::Typed("sched_process_free"),
    )])],
};

/// Cleans up, and provides an upper bound for each reap.
pub(crate) const FREE_AS_REAP: Transition = Transition {
    name: FREE_NAME,
    required: true,
    decides_source: false,
    lost_without: "reaps without a wait call",
    hooks: &[typed(&[(
        "free_as_reap",
        Point::Typed("sched_process_free"),
    )])],
};
