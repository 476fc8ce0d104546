//! Converts the marks of the kernel side to durations of the steps of an exit.

use wire::mark;

/// Durations of the steps of one exit, in nanoseconds, each up to its slowest thread. They do not
/// overlap. `None` is a step that the hooks in use do not see.
pub type Steps = api::Steps<u64>;

/// From the marks of an exit with this begin and end; `None` if the process was not followed.
pub(super) fn between(begin_ns: Option<u64>, marks: wire::Steps, died_ns: u64) -> Option<Steps> {
    let at = |mark: usize| Some(marks.reached_ns[mark]).filter(|&at_ns| at_ns != 0);
    let span = |from: Option<u64>, to: Option<u64>| to?.checked_sub(from?);
    let entered = at(mark::EXIT)?;
    let dumped = at(mark::DUMP);
    // The hooks that see files closed also see a dump begin.
    let none_seen = at(mark::FILES).map(|_| 0);
    let left = span(at(mark::NAMESPACES), at(mark::TASK_WORK));
    let cleared = at(mark::PID_NAMESPACE).map_or(Some(0), |at_ns| died_ns.checked_sub(at_ns));
    let mut steps = Steps {
        exit_handlers: match (at(mark::LIBC_EXIT), at(mark::LIBC_EXIT_NOW)) {
            (None, now) => now.map(|_| 0),
            (called, now) => span(called, now.or(dumped).or(begin_ns)),
        },
        dumping_core: dumped.map_or(none_seen, |from| entered.checked_sub(from)),
        waiting_for_siblings: match dumped {
            Some(_) => Some(0),
            None => span(begin_ns, Some(entered)),
        },
        releasing_memory: span(at(mark::MEMORY), at(mark::MEMORY_END)),
        closing_files: span(at(mark::FILES), at(mark::FILES_END)),
        deferred_work: span(at(mark::TASK_WORK), at(mark::TASK_WORK_END)),
        namespaces: left.and_then(|left| left.checked_add(cleared?)),
        other: None,
    };
    let mut named = steps.each().into_iter().skip(1).take(6).map(|(_, ns)| ns);
    let known = named.try_fold(0_u64, |sum, ns| sum.checked_add(ns?));
    let whole = span(dumped.or(begin_ns), Some(died_ns));
    steps.other = span(known, whole);
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(begin_ns: u64, marks: &[(usize, u64)], died_ns: u64) -> Steps {
        let mut steps = wire::Steps::default();
        for &(mark, at_ns) in marks {
            steps.reached_ns[mark] = at_ns;
        }
        super::between(Some(begin_ns), steps, died_ns).expect("it entered its exit")
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
            exit_handlers: None,
            dumping_core: Some(0),
            waiting_for_siblings: Some(20),
            releasing_memory: Some(30),
            closing_files: Some(20),
            deferred_work: Some(10),
            namespaces: Some(3),
            other: Some(17),
        };
        assert_eq!(steps, expected);
        assert_eq!(whole(steps), 100);
    }

    #[test]
    fn exit_handlers_run_before_the_exit() {
        let handlers = |marks: &[(usize, u64)]| {
            let steps = between(100, &[&WAY, marks].concat(), 200);
            assert_eq!(
                steps.other,
                Some(17),
                "the exit itself is as long as before"
            );
            steps.exit_handlers
        };
        assert_eq!(
            handlers(&[(mark::LIBC_EXIT, 40), (mark::LIBC_EXIT_NOW, 90)]),
            Some(50)
        );
        assert_eq!(
            handlers(&[(mark::LIBC_EXIT, 40)]),
            Some(60),
            "killed in a handler"
        );
        assert_eq!(
            handlers(&[(mark::LIBC_EXIT_NOW, 90)]),
            Some(0),
            "without handlers"
        );
        assert_eq!(handlers(&[]), None);
    }

    #[test]
    fn a_dump_comes_before_the_exit_and_waits_for_the_siblings() {
        let way = [WAY.as_slice(), &[(mark::DUMP, 50)]].concat();
        let steps = between(60, &way, 200);
        assert_eq!(steps.dumping_core, Some(70));
        assert_eq!(steps.waiting_for_siblings, Some(0));
        assert_eq!(whole(steps), 150);
    }

    #[test]
    fn a_process_killed_by_the_end_of_its_pid_namespace_names_the_init() {
        let way = [WAY.as_slice(), &[(mark::PID_NAMESPACE, 191)]].concat();
        let steps = between(100, &way, 1191);
        assert_eq!(steps.namespaces, Some(1003));
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
            waiting_for_siblings: Some(10),
            releasing_memory: Some(40),
            ..Steps::default()
        };
        assert_eq!(steps, expected);
        assert_eq!(super::between(Some(1), wire::Steps::default(), 2), None);
    }

    #[test]
    fn contradictory_step_times_are_dropped() {
        let mut way = WAY;
        way[2].1 = 124;
        let steps = between(100, &way, 200);
        assert_eq!((steps.releasing_memory, steps.other), (None, None));
    }
}
