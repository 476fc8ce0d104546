//! The ladder: for each transition of a process, its hooks in order of preference.

/// How a transition is seen; the earlier, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rung {
    /// A trampoline at the function's entry: exact, cheapest.
    Fentry,
    /// A breakpoint at the function's entry: exact, dearer.
    Kprobe,
    /// The nearest tracepoint: not always exact.
    Tracepoint,
}

impl Rung {
    /// Its name in `source` and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Tracepoint => "tracepoint",
        }
    }
}

/// Where one program of the object goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The entry of this function.
    Function(&'static str),
    /// The entry of the function of the first name, or of the second, which later kernels call
    /// it by.
    Renamed(&'static str, &'static str),
    /// This tracepoint, with typed arguments.
    Typed(&'static str),
    /// This tracepoint of tracefs: category, name.
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

    /// What the kernel's types call it, if they are asked at all.
    fn type_names(self) -> Vec<String> {
        match self {
            Self::Function(name) => vec![name.to_owned()],
            Self::Renamed(before, after) => vec![before.to_owned(), after.to_owned()],
            Self::Typed(name) => vec![format!("btf_trace_{name}")],
            Self::Classic(..) => Vec::new(),
        }
    }
}

/// A program of the object and its place.
pub(crate) type Program = (&'static str, Point);

/// One way to see a transition: all its programs, or it is none.
pub(crate) struct Hook {
    /// Which rung it is.
    pub(crate) rung: Rung,
    /// Its programs.
    pub(crate) programs: &'static [Program],
    /// What it cannot tell that a better one can.
    pub(crate) lost: Option<&'static str>,
    /// Whether it runs at the end of every system call of the host.
    pub(crate) slows_system_calls: bool,
}

impl Hook {
    /// Such as `fentry:release_task`; of many programs, how many more there are.
    pub(crate) fn label(&self) -> String {
        let points: Vec<_> = self
            .programs
            .iter()
            .map(|(_, point)| point.name())
            .collect();
        let rung = self.rung.name();
        match points.as_slice() {
            [first, _, _, ..] => format!("{rung}:{first}+{}", points.len() - 1),
            few => format!("{rung}:{}", few.join("+")),
        }
    }
}

/// A transition of a process.
pub(crate) struct Transition {
    /// Its name in `doctor` and `reapwatch_probe_info`.
    pub(crate) name: &'static str,
    /// Whether no death can be measured without it.
    pub(crate) required: bool,
    /// Whether its rung counts for `source`.
    pub(crate) decides_source: bool,
    /// What is lost with no hook at all.
    pub(crate) lost_without: &'static str,
    /// Best first.
    pub(crate) hooks: &'static [Hook],
}

impl Transition {
    /// What the kernel's types call the places of all its programs.
    pub(super) fn type_names(&self) -> impl Iterator<Item = String> {
        let programs = self.hooks.iter().flat_map(|hook| hook.programs);
        programs.flat_map(|(_, point)| point.type_names())
    }
}

pub(super) const fn exact(rung: Rung, programs: &'static [Program]) -> Hook {
    Hook {
        rung,
        programs,
        lost: None,
        slows_system_calls: false,
    }
}

const fn typed(programs: &'static [Program]) -> Hook {
    exact(Rung::Tracepoint, programs)
}

/// The name under which [`FREE`] and [`FREE_AS_REAP`] are reported.
const FREE_NAME: &str = "free";
const FREE_LOST: &str = "forgotten processes stay in the kernel's table until it is full";

/// All transitions whose hooks do not depend on another's, in order of attaching: what is
/// remembered first, what is sent last, so that nothing is sent half-filled.
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
        lost_without: "when a process became another program: what it did before counts as its own",
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
        lost_without: "whether the OOM killer was it: its victims are killed by the kernel",
        hooks: &[typed(&[("oom_tracepoint", Point::Typed("mark_victim"))])],
    },
    Transition {
        name: "wait",
        required: false,
        decides_source: false,
        lost_without: "whether a parent asks for its children at all",
        // The second is for kernels before 5.15.
        hooks: &[
            typed(&[("wait_tracepoint", Point::Typed("sched_process_wait"))]),
            typed(&[("wait_by_stack", Point::Typed("sched_process_wait"))]),
        ],
    },
    Transition {
        name: "cgroup",
        required: false,
        decides_source: false,
        lost_without: "the container or unit of processes whose cgroup is gone within milliseconds",
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
            exact(Rung::Fentry, &[("exit_fentry", Point::Function("do_exit"))]),
            exact(Rung::Kprobe, &[("exit_kprobe", Point::Function("do_exit"))]),
            Hook {
                rung: Rung::Tracepoint,
                programs: &[("exit_tracepoint", Point::Typed("sched_process_exit"))],
                lost: Some(
                    "the first steps of an exit, and before 6.16 the freeing of its memory, \
                     are not in exit_seconds",
                ),
                slows_system_calls: false,
            },
        ],
    },
    Transition {
        name: "reap",
        required: false,
        decides_source: true,
        lost_without: "zombie_seconds is an upper bound, milliseconds to seconds too long; the \
                       reaper is not known",
        hooks: &[
            exact(
                Rung::Fentry,
                &[("reap_fentry", Point::Function("release_task"))],
            ),
            exact(
                Rung::Kprobe,
                &[("reap_kprobe", Point::Function("release_task"))],
            ),
            Hook {
                rung: Rung::Tracepoint,
                programs: &[
                    ("reap_wait4", Point::Classic("syscalls", "sys_exit_wait4")),
                    ("reap_waitid", Point::Classic("syscalls", "sys_exit_waitid")),
                ],
                lost: Some(
                    "zombie_seconds is about 10 µs long, more where the reaper loses its CPU on the \
                     way out of its call; reaps by io_uring, by 32-bit programs \
                     and by a dying namespace are upper bounds without a reaper; every system \
                     call of the host takes 10 to 25 ns longer",
                ),
                slows_system_calls: true,
            },
            Hook {
                rung: Rung::Tracepoint,
                programs: &[("reap_sys_exit", Point::Typed("sys_exit"))],
                lost: Some(
                    "zombie_seconds is about 10 µs long, more where the reaper loses its CPU on the \
                     way out of its call; reaps by io_uring, by 32-bit programs \
                     and by a dying namespace are upper bounds without a reaper; every system \
                     call of the host takes 20 to 40 ns longer",
                ),
                slows_system_calls: true,
            },
        ],
    },
    Transition {
        name: "zombie",
        required: true,
        decides_source: true,
        lost_without: "every death",
        hooks: &[
            exact(
                Rung::Fentry,
                &[("zombie_fentry", Point::Function("do_notify_parent"))],
            ),
            exact(
                Rung::Kprobe,
                &[("zombie_kprobe", Point::Function("do_notify_parent"))],
            ),
            Hook {
                rung: Rung::Tracepoint,
                programs: &[
                    ("zombie_group_dead", Point::Typed("sched_process_exit")),
                    ("zombie_signal", Point::Typed("signal_generate")),
                ],
                lost: Some(
                    "exit_seconds of auto-reaped processes, which are reported when they are \
                     freed, milliseconds to seconds later; died_at of processes without an exit \
                     signal is a lower bound, and a snapshot finds their zombies within seconds",
                ),
                slows_system_calls: false,
            },
        ],
    },
];

/// Clean-up alone, where reaps are seen themselves.
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

/// Clean-up, and an upper bound of each reap.
pub(crate) const FREE_AS_REAP: Transition = Transition {
    name: FREE_NAME,
    required: true,
    decides_source: false,
    lost_without: "reaps that no wait call made",
    hooks: &[typed(&[(
        "free_as_reap",
        Point::Typed("sched_process_free"),
    )])],
};
