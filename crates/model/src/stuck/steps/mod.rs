//! Maps the kernel stack of a thread to a step of its exit. Pure.
//!
//! The names are those of functions that all kernels from 5.10 to 7.3 have and do not inline:
//! <https://elixir.bootlin.com/linux/v6.12/source/kernel/exit.c>, `do_exit`.

use super::evidence::{Facts, Stuck, Thread};

/// The step of its exit that a thread is in. The order is that of causes: when threads of one process
/// are in several steps, the first is what the others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Killed, but its cgroup is frozen.
    Frozen,
    /// Writes the core dump, before its exit.
    DumpingCore,
    /// Stopped for its tracer at the first step of its exit.
    PtraceExitStop,
    /// SIGKILL is pending, but it sleeps in a call where no signal wakes it.
    UnkillableSleep,
    /// Waits for io_uring requests that cannot be cancelled.
    IoUringCancel,
    /// Waits for the release function of a driver.
    InDriver,
    /// Closes its files.
    ClosingFiles,
    /// Frees its memory.
    FreeingMemory,
    /// Other exit work: futexes, semaphores, accounting, terminal.
    Leaving,
    /// The init of a PID namespace: waits for all other processes in it.
    WaitingForNamespace,
    /// Exiting, in an unknown step.
    Exiting,
    /// Killed, but has not begun to exit.
    NotBegun,
    /// Waits until another thread has dumped core.
    WaitingForDump,
}

impl Step {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::DumpingCore => "dumping_core",
            Self::PtraceExitStop => "ptrace_exit_stop",
            Self::UnkillableSleep => "unkillable_sleep",
            Self::IoUringCancel => "io_uring_cancel",
            Self::InDriver => "in_driver",
            Self::ClosingFiles => "closing_files",
            Self::FreeingMemory => "freeing_memory",
            Self::Leaving => "leaving",
            Self::WaitingForNamespace => "waiting_for_namespace",
            Self::Exiting => "exiting",
            Self::NotBegun => "not_begun",
            Self::WaitingForDump => "waiting_for_core_dump",
        }
    }
}

/// Functions of which one is on the stack in each step, the innermost step first: a file may be
/// closed because memory is freed.
const STEPS: [(Step, &[&str]); 8] = [
    // Not the trap of version 2 (`do_freezer_trap`), which SIGKILL ends.
    (Step::Frozen, &["__refrigerator"]),
    (Step::DumpingCore, &["do_coredump", "vfs_coredump"]),
    (Step::PtraceExitStop, &["ptrace_notify", "ptrace_stop"]),
    (
        Step::IoUringCancel,
        &[
            "__io_uring_cancel",
            "io_uring_cancel_generic",
            "io_uring_files_cancel",
        ],
    ),
    (
        Step::ClosingFiles,
        &[
            "put_files_struct",
            "exit_files",
            "filp_close",
            "filp_flush",
            "__fput",
            "____fput",
            "task_work_run",
        ],
    ),
    (
        Step::FreeingMemory,
        &["exit_mmap", "exit_aio", "mmput", "__mmput", "exit_mm"],
    ),
    (Step::WaitingForNamespace, &["zap_pid_ns_processes"]),
    (
        Step::Leaving,
        &[
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
        ],
    ),
];

/// Where an exit begins; `coredump_task_exit` is a part of it that may not be inlined.
pub(super) const EXIT: [&str; 4] = [
    "do_exit",
    "do_group_exit",
    "coredump_task_exit",
    "make_task_dead",
];

/// Modules that are file systems, not drivers: their frames only show that a file is being closed.
const FILE_SYSTEMS: [&str; 16] = [
    "fuse", "nfs", "nfsv3", "nfsv4", "sunrpc", "cifs", "ceph", "libceph", "9p", "overlay", "ext4",
    "jbd2", "xfs", "btrfs", "f2fs", "gfs2",
];

/// The first functions of an io_uring worker, which is a thread of the process since 5.12:
/// <https://elixir.bootlin.com/linux/v6.12/source/io_uring/io-wq.c>.
const WORKER: [&str; 2] = ["io_wq_worker", "io_wqe_worker"];

/// Drivers that are no modules, by the release function of their devices.
const BUILT_IN: [(&str, &str); 1] = [("tty_release", "tty")];

/// The name without suffixes of the compiler.
pub fn plain(function: &str) -> &str {
    function.split('.').next().unwrap_or(function)
}

/// The step that a thread is in.
pub fn of(thread: &Thread) -> Step {
    let frames: Vec<&str> = thread
        .stack
        .iter()
        .map(|frame| plain(&frame.function))
        .collect();
    let has = |names: &[&str]| frames.iter().any(|frame| names.contains(frame));
    let exits = has(&EXIT);
    let named = STEPS.iter().find(|(_, names)| has(names));
    match named.map(|(step, _)| *step) {
        _ if thread.frozen => Step::Frozen,
        Some(step @ (Step::Frozen | Step::DumpingCore)) => step,
        // A system call may close files and free memory too; only inside do_exit it is this.
        Some(step) if exits && is_driver(thread, step) => Step::InDriver,
        Some(step) if exits => step,
        _ if exits => at_exit(thread),
        // The submitter of the request waits for it at exit.
        _ if is_worker(thread) => Step::IoUringCancel,
        _ => before_exit(thread),
    }
}

/// Inside `do_exit`, but in no known step.
fn at_exit(thread: &Thread) -> Step {
    // 5.10 waits for the dump inside the inlined exit_mm, uninterruptibly; later ones idle.
    match thread.state {
        'I' | 'D' => Step::WaitingForDump,
        _ => Step::Exiting,
    }
}

/// Not inside `do_exit`, or without a stack that could show it.
fn before_exit(thread: &Thread) -> Step {
    let blind = thread.stack.is_empty();
    let wchan = thread.wchan.as_deref().map(plain);
    let sleeps_in = |name: &str| wchan == Some(name);
    match thread.state {
        // SIGKILL ends every other stop for a tracer.
        't' | 'T' if blind && wchan.is_none_or(|name| name == "ptrace_stop") => {
            Step::PtraceExitStop
        }
        'D' if sleeps_in("__refrigerator") => Step::Frozen,
        _ if blind && thread.exiting => at_exit_by_place(thread, wchan.unwrap_or_default()),
        'D' if thread.kill_pending => Step::UnkillableSleep,
        'I' if sleeps_in("do_exit") => Step::WaitingForDump,
        _ if blind && !thread.kill_pending => Step::Exiting,
        _ => Step::NotBegun,
    }
}

/// Past the start of its exit, by the function that it sleeps in alone. A thread that waits for a file
/// server is taken to be closing files.
fn at_exit_by_place(thread: &Thread, wchan: &str) -> Step {
    match wchan {
        "zap_pid_ns_processes" => Step::WaitingForNamespace,
        "exit_aio" => Step::FreeingMemory,
        _ if thread.waits_for_fuse() || thread.waits_for_network() => Step::ClosingFiles,
        _ => Step::Exiting,
    }
}

/// Whether it is an io_uring worker.
pub fn is_worker(thread: &Thread) -> bool {
    thread.is_in(&WORKER)
}

/// Whether it closes or frees something of a driver, which is no file system.
fn is_driver(thread: &Thread, step: Step) -> bool {
    matches!(step, Step::ClosingFiles | Step::FreeingMemory) && driver(thread).is_some()
}

/// The driver that a thread is in: the module of the innermost frame that has one, unless it is a
/// file system, else a built-in driver.
pub fn driver(thread: &Thread) -> Option<&str> {
    let mut modules = thread
        .stack
        .iter()
        .filter_map(|frame| frame.module.as_deref());
    if let Some(module) = modules.next() {
        return Some(module).filter(|module| !FILE_SYSTEMS.contains(module));
    }
    let mut built_in = BUILT_IN.iter();
    let (_, driver) = built_in.find(|(release, _)| thread.is_in(&[release]))?;
    Some(driver)
}

impl Thread {
    /// The step of its exit that it is in.
    pub fn step(&self) -> Step {
        of(self)
    }

    /// Whether a function is on its stack, or is the one that it sleeps in.
    pub fn is_in(&self, names: &[&str]) -> bool {
        let hit = |name: &str| names.contains(&plain(name));
        self.stack.iter().any(|frame| hit(&frame.function))
            || self.wchan.as_deref().is_some_and(hit)
    }

    /// The same by prefixes of function names.
    pub fn is_in_any(&self, beginnings: &[&str]) -> bool {
        let hit = |name: &str| beginnings.iter().any(|it| name.starts_with(it));
        self.stack.iter().any(|frame| hit(&frame.function))
            || self.wchan.as_deref().is_some_and(hit)
    }

    /// Whether it has begun to exit.
    pub fn has_begun(&self) -> bool {
        self.exiting || self.is_in(&EXIT)
    }

    /// Whether it waits for a FUSE server.
    pub fn waits_for_fuse(&self) -> bool {
        self.is_in(&["request_wait_answer", "fuse_wait_on_page_writeback"])
            || self.is_in_any(&["fuse_simple_request", "__fuse_simple_request"])
    }

    /// Whether it waits for the server of a network file system.
    pub fn waits_for_network(&self) -> bool {
        const CALLS: [&str; 7] = ["nfs_", "nfs4_", "rpc_", "cifs_", "smb2_", "ceph_", "p9_"];
        self.is_in_any(&CALLS)
    }

    /// Whether it waits for a disk.
    pub fn waits_for_disk(&self) -> bool {
        const CALLS: [&str; 6] = [
            "io_schedule",
            "bio_wait",
            "submit_bio_wait",
            "blk_",
            "jbd2_",
            "wait_on_buffer",
        ];
        self.is_in_any(&CALLS)
    }

    /// Whether it waits for the reader of a pipe.
    pub fn waits_for_reader(&self) -> bool {
        self.is_in(&["pipe_write", "anon_pipe_write"])
    }

    /// Whether it waits for asynchronous requests (io_submit, io_uring).
    pub fn waits_for_requests(&self) -> bool {
        self.is_in(&["exit_aio"]) || self.step() == Step::IoUringCancel
    }
}

impl Facts {
    /// Whether any thread has begun to exit.
    pub fn exit_has_begun(&self) -> bool {
        self.ended > 0 || self.threads.iter().any(Thread::has_begun)
    }
}

impl Stuck {
    /// Whether its exit has begun; `None` if that is not known. A core dump counts as part of the exit:
    /// the program no longer runs.
    pub fn exit_has_begun(&self) -> Option<bool> {
        let facts = self.facts.as_ref()?;
        let step = self.decisive()?.step();
        let waits = matches!(step, Step::Frozen | Step::UnkillableSleep | Step::NotBegun);
        Some(!waits || facts.exit_has_begun())
    }

    /// The thread that blocks the exit, by the order of causes: one that only waits for another thread
    /// of the process comes last.
    pub fn decisive(&self) -> Option<&Thread> {
        if self.ignored.is_some() {
            return None;
        }
        let threads = self.facts.as_ref()?.threads.iter();
        threads.min_by_key(|thread| (thread.step(), is_worker(thread), thread.tid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stuck::evidence::Frame;

    fn thread(state: char, stack: &[&str]) -> Thread {
        Thread {
            tid: 1,
            state,
            frozen: false,
            kill_pending: true,
            exiting: false,
            wchan: None,
            stack: stack.iter().map(|line| Frame::of(line)).collect(),
        }
    }

    /// Stacks as they were seen on 5.10 to 7.3: step, state, and frames innermost first.
    const SEEN: &[(Step, char, &str)] = &[
        (
            Step::DumpingCore,
            'S',
            "anon_pipe_write < elf_core_dump < vfs_coredump < get_signal",
        ),
        (
            Step::DumpingCore,
            'S',
            "pipe_write < elf_core_dump < do_coredump < get_signal",
        ),
        (
            Step::WaitingForDump,
            'I',
            "do_exit < do_group_exit < get_signal",
        ),
        (
            Step::WaitingForDump,
            'D',
            "do_exit < do_group_exit < get_signal",
        ),
        (
            Step::ClosingFiles,
            'D',
            "request_wait_answer < fuse_flush < filp_close < put_files_struct < do_exit",
        ),
        (
            Step::ClosingFiles,
            'D',
            "request_wait_answer fuse < fuse_flush fuse < filp_flush < filp_close < do_exit",
        ),
        (
            Step::ClosingFiles,
            'D',
            "fuse_release < __fput < exit_mmap < mmput < do_exit",
        ),
        (
            Step::InDriver,
            'D',
            "schedule < nv_close nvidia < __fput < task_work_run < do_exit",
        ),
        (
            Step::InDriver,
            'D',
            "n_tty_flush_buffer < tty_ldisc_hangup < __tty_hangup < tty_release < __fput \
             < task_work_run < do_exit",
        ),
        (
            Step::InDriver,
            'S',
            "tty_wait_until_sent < uart_close < usb_serial_close usbserial < tty_release \
             < __fput < do_exit",
        ),
        (Step::FreeingMemory, 'D', "exit_aio < __mmput < do_exit"),
        (
            Step::FreeingMemory,
            'R',
            "unmap_page_range < exit_mmap < mmput < do_exit",
        ),
        (
            Step::PtraceExitStop,
            't',
            "ptrace_stop.part.0 < ptrace_notify < do_exit",
        ),
        (
            Step::WaitingForNamespace,
            'I',
            "zap_pid_ns_processes < do_exit",
        ),
        (
            Step::IoUringCancel,
            'S',
            "io_uring_cancel_generic < __io_uring_cancel < do_exit",
        ),
        (
            Step::IoUringCancel,
            'D',
            "io_wq_put_and_exit < io_uring_clean_tctx < io_uring_cancel_generic < do_exit",
        ),
        (
            Step::IoUringCancel,
            'D',
            "request_wait_answer < fuse_direct_IO < io_read < io_wq_submit_work < io_wq_worker",
        ),
        (
            Step::Leaving,
            'D',
            "futex_cleanup < exit_mm_release < do_exit",
        ),
        (
            Step::Frozen,
            'D',
            "__refrigerator < get_signal < arch_do_signal_or_restart",
        ),
        (
            Step::UnkillableSleep,
            'D',
            "request_wait_answer < fuse_file_read_iter < vfs_read",
        ),
        (
            Step::UnkillableSleep,
            'D',
            "request_wait_answer < fuse_flush < filp_close < __x64_sys_close",
        ),
        (Step::NotBegun, 'R', "schedule < exit_to_user_mode_loop"),
    ];

    #[test]
    fn each_step_is_known_by_its_frames() {
        for (step, state, frames) in SEEN {
            let stack: Vec<_> = frames.split(" < ").collect();
            assert_eq!(of(&thread(*state, &stack)), *step, "{frames}");
        }
    }

    #[test]
    fn without_a_stack_the_step_follows_from_wchan() {
        let at = |state, wchan: &str| {
            let thread = Thread {
                wchan: Some(wchan.to_owned()),
                ..thread(state, &[])
            };
            of(&thread)
        };
        assert_eq!(at('t', "ptrace_stop.part.0"), Step::PtraceExitStop);
        assert_eq!(at('D', "__refrigerator"), Step::Frozen);
        assert_eq!(at('D', "request_wait_answer"), Step::UnkillableSleep);
        let nothing = Thread {
            kill_pending: false,
            ..thread('D', &[])
        };
        assert_eq!(of(&nothing), Step::Exiting);
        let stopped = thread('t', &[]);
        assert_eq!(of(&stopped), Step::PtraceExitStop);
        // The trap of version 2 ends with SIGKILL.
        let trap = thread('S', &["do_freezer_trap", "get_signal"]);
        assert_eq!(of(&trap), Step::NotBegun);
        let frozen = Thread {
            frozen: true,
            ..thread('D', &["hrtimer_nanosleep", "do_syscall_64"])
        };
        assert_eq!(of(&frozen), Step::Frozen);
    }

    #[test]
    fn without_a_stack_an_exiting_thread_is_not_in_a_call() {
        let at = |state, wchan: Option<&str>| {
            let thread = Thread {
                exiting: true,
                wchan: wchan.map(ToOwned::to_owned),
                ..thread(state, &[])
            };
            of(&thread)
        };
        assert_eq!(at('D', Some("request_wait_answer")), Step::ClosingFiles);
        assert_eq!(at('D', Some("rpc_wait_bit_killable")), Step::ClosingFiles);
        assert_eq!(at('D', Some("exit_aio")), Step::FreeingMemory);
        assert_eq!(
            at('I', Some("zap_pid_ns_processes")),
            Step::WaitingForNamespace
        );
        assert_eq!(at('D', Some("msleep")), Step::Exiting);
        assert_eq!(at('D', None), Step::Exiting);
    }
}
