//! The steps of an exit.

use serde::{Deserialize, Serialize};

use super::{PhaseName, Seconds};

/// How many steps there are.
pub const STEPS: usize = 8;

/// Time in each step of an exit, in seconds; null if not measured.
///
/// The slowest thread counts: a step lasts from the moment the last thread reaches it until the
/// last thread reaches the next one. So steps never overlap, and together they are the time from
/// the start of the core dump, or else from `began_at`, to `died_at`; only `exit_handlers` comes
/// before that. For a process with one thread
/// they are that thread's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Steps"))]
pub struct Steps<T = Seconds> {
    /// Before `began_at`: from the call of libc's `exit` until that of `_exit`, which runs the
    /// program's exit handlers, flushes its buffers and removes its temporary files; 0 if the program
    /// called `_exit` itself. Null without `--libc-exit`, or if it called neither in a C library
    /// that is watched.
    pub exit_handlers: Option<T>,
    /// From the start of the dump until all threads are exiting, including the time in which the
    /// dump waits for other threads to stop.
    pub dumping_core: Option<T>,
    /// From `began_at`, when the first thread began to exit, until the last one did; 0 after a
    /// dump, which waits for them.
    pub waiting_for_siblings: Option<T>,
    /// Releasing its memory, including asynchronous I/O and locks in it.
    pub releasing_memory: Option<T>,
    /// Closing its files, except for what the kernel defers.
    pub closing_files: Option<T>,
    /// Deferred work, such as the final release of a file, until it left its cgroup.
    pub deferred_work: Option<T>,
    /// Leaving its namespaces; for the init of a PID namespace also ending all other processes in
    /// it, and everything after that.
    pub namespaces: Option<T>,
    /// The rest: a tracer's stop, cancelled `io_uring` requests, accounting, the terminal,
    /// notifying the parent. Null unless all others are known.
    pub other: Option<T>,
}

impl<T: Copy> Steps<T> {
    /// By these durations, in order.
    pub fn of(durations: [Option<T>; STEPS]) -> Self {
        let [
            exit_handlers,
            dumping_core,
            waiting_for_siblings,
            releasing_memory,
            closing_files,
            deferred_work,
            namespaces,
            other,
        ] = durations;
        Self {
            exit_handlers,
            dumping_core,
            waiting_for_siblings,
            releasing_memory,
            closing_files,
            deferred_work,
            namespaces,
            other,
        }
    }

    /// Each step with its name, in order.
    pub fn each(&self) -> [(PhaseName, Option<T>); STEPS] {
        [
            (PhaseName::ExitHandlers, self.exit_handlers),
            (PhaseName::DumpingCore, self.dumping_core),
            (PhaseName::WaitingForSiblings, self.waiting_for_siblings),
            (PhaseName::ReleasingMemory, self.releasing_memory),
            (PhaseName::ClosingFiles, self.closing_files),
            (PhaseName::DeferredWork, self.deferred_work),
            (PhaseName::Namespaces, self.namespaces),
            (PhaseName::Other, self.other),
        ]
    }

    /// The same in another unit.
    pub fn map<U: Copy>(&self, convert: impl Fn(T) -> U) -> Steps<U> {
        Steps::of(self.each().map(|(_, duration)| duration.map(&convert)))
    }
}
