//! Converts the marks of the kernel side to durations of the steps of an exit.

use api::PhaseName;
use wire::mark;

/// Durations of the steps of one exit, each up to its slowest thread. They do not overlap. `None`
/// is a step that the hooks in use do not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// The core dump, including the wait for other threads to stop.
    pub dumping_core_ns: Option<u64>,
    /// From the first exiting thread to the last.
    pub waiting_for_siblings_ns: Option<u64>,
    /// Releasing memory.
    pub releasing_memory_ns: Option<u64>,
    /// Closing files.
    pub closing_files_ns: Option<u64>,
    /// Deferred work.
    pub deferred_work_ns: Option<u64>,
    /// Leaving namespaces, and ending the PID namespace if it was the init.
    pub namespaces_ns: Option<u64>,
    /// Everything else.
    pub other_ns: Option<u64>,
}

impl Steps {
    /// From the marks of an exit with this begin and end; `None` if the process was not followed.
    /// was not followed at all.
    pub(super) fn between(begin_ns: Option<u64>, marks: wire::Steps, died_ns: u64) -> Option<Self> {
        let at = |mark: usize| Some(marks.reached_ns[mark]).filter(|&at_ns| at_ns != 0);
        let span = |from: Option<u64>, to: Option<u64>| to?.checked_sub(from?);
        let entered = at(mark::EXIT)?;
        let dumped = at(mark::DUMP);
        // The hooks that see files closed also see a dump begin.
        let none_seen = at(mark::FILES).map(|_| 0);
        let left = span(at(mark::NAMESPACES), at(mark::TASK_WORK));
        let cleared = at(mark::PID_NAMESPACE).map_or(Some(0), |at_ns| died_ns.checked_sub(at_ns));
        let mut steps = Self {
            dumping_core_ns: dumped.map_or(none_seen, |from| entered.checked_sub(from)),
            waiting_for_siblings_ns: match dumped {
                Some(_) => Some(0),
                None => span(begin_ns, Some(entered)),
            },
            releasing_memory_ns: span(at(mark::MEMORY), at(mark::MEMORY_END)),
            closing_files_ns: span(at(mark::FILES), at(mark::FILES_END)),
            deferred_work_ns: span(at(mark::TASK_WORK), at(mark::TASK_WORK_END)),
            namespaces_ns: left.and_then(|left| left.checked_add(cleared?)),
            other_ns: None,
        };
        let mut named = steps.each().into_iter().take(6).map(|(_, ns)| ns);
        let known = named.try_fold(0_u64, |sum, ns| sum.checked_add(ns?));
        let whole = span(dumped.or(begin_ns), Some(died_ns));
        steps.other_ns = span(known, whole);
        Some(steps)
    }

    /// Each step with its name.
    pub fn each(&self) -> [(PhaseName, Option<u64>); 7] {
        [
            (PhaseName::DumpingCore, self.dumping_core_ns),
            (PhaseName::WaitingForSiblings, self.waiting_for_siblings_ns),
            (PhaseName::ReleasingMemory, self.releasing_memory_ns),
            (PhaseName::ClosingFiles, self.closing_files_ns),
            (PhaseName::DeferredWork, self.deferred_work_ns),
            (PhaseName::Namespaces, self.namespaces_ns),
            (PhaseName::Other, self.other_ns),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(begin_ns: u64, marks: &[(usize, u64)], died_ns: u64) -> Steps {
        let mut steps = wire::Steps::default();
        for &(mark, at_ns) in marks {
            steps.reached_ns[mark] = at_ns;
        }
        Steps::between(Some(begin_ns), steps, died_ns).expect("it entered its exit")
    }

    fn whole(steps: Steps) -> u64 {
        steps.each().iter().filter_map(|(_, ns)| *ns).sum()
    }

    const WAY: [(usize, u64); 8] = [
        (mark::EXIT, 120),
        (mark::MEMORY, 125),
        (mark::MEMORY_END, 155),
        (mark::FILES, 156),
        (mark::FILES_END, 176),
        (mark::NAMESPACES, 177),
        (mark::TASK_WORK, 180),
        (mark::TASK_WORK_END, 190),
    ];

    #[test]
    fn steps_fill_the_time_from_begin_to_death() {
        let steps = between(100, &WAY, 200);
        let expected = Steps {
            dumping_core_ns: Some(0),
            waiting_for_siblings_ns: Some(20),
            releasing_memory_ns: Some(30),
            closing_files_ns: Some(20),
            deferred_work_ns: Some(10),
            namespaces_ns: Some(3),
            other_ns: Some(17),
        };
        assert_eq!(steps, expected);
        assert_eq!(whole(steps), 100);
    }

    #[test]
    fn a_dump_comes_before_the_exit_and_waits_for_the_siblings() {
        let way = [WAY.as_slice(), &[(mark::DUMP, 50)]].concat();
        let steps = between(60, &way, 200);
        assert_eq!(steps.dumping_core_ns, Some(70));
        assert_eq!(steps.waiting_for_siblings_ns, Some(0));
        assert_eq!(whole(steps), 150);
    }

    #[test]
    fn a_process_killed_by_the_end_of_its_pid_namespace_names_the_init() {
        let way = [WAY.as_slice(), &[(mark::PID_NAMESPACE, 191)]].concat();
        let steps = between(100, &way, 1191);
        assert_eq!(steps.namespaces_ns, Some(1003));
        assert_eq!(whole(steps), 1091);
    }

    #[test]
    fn facts_that_tracepoints_miss_are_unknown() {
        let seen = [
            (mark::EXIT, 110),
            (mark::MEMORY, 110),
            (mark::MEMORY_END, 150),
        ];
        let steps = between(100, &seen, 200);
        let expected = Steps {
            waiting_for_siblings_ns: Some(10),
            releasing_memory_ns: Some(40),
            ..Steps::default()
        };
        assert_eq!(steps, expected);
        assert_eq!(Steps::between(Some(1), wire::Steps::default(), 2), None);
    }

    #[test]
    fn contradictory_step_times_are_dropped() {
        let mut way = WAY;
        way[2].1 = 124;
        let steps = between(100, &way, 200);
        assert_eq!((steps.releasing_memory_ns, steps.other_ns), (None, None));
    }
}
