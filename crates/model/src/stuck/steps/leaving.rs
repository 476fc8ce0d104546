//! Other exit work: futexes, semaphores, accounting, terminal.

use super::step::Step;

const CALLS: [&str; 15] = [
    "exit_mm_release",
    "mm_exit_exec_release",
    "futex_exit_release",
    "exit_sem",
    "exit_shm",
    "exit_fs",
    "acct_process",
    "acct_collect",
    "taskstats_exit",
    "disassociate_ctty",
    "exit_task_namespaces",
    "exit_nsproxy_namespaces",
    "perf_event_exit_task",
    "proc_exit_connector",
    "exit_signals",
];

/// The step.
pub const STEP: Step = Step::new(
    "leaving",
    "releasing futexes, semaphores, accounting or its terminal",
    |thread| thread.exits_in(&CALLS),
);
