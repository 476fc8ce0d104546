//! What a step is, and what the stack of a thread shows of it.

use api::Id;

use crate::stuck::evidence::Thread;

/// A step of an exit.
#[derive(Debug)]
pub struct Step {
    /// Its stable name.
    pub(in crate::stuck) name: &'static str,
    /// What the process does in it, for people.
    pub(super) words: &'static str,
    /// Whether a thread is in it, if it is in none of the steps before.
    pub(super) fits: fn(&Thread) -> bool,
    /// The program may not have begun to exit.
    pub(super) is_before_exit: bool,
    /// A thread that runs is not in it.
    pub(super) sleeps: bool,
}

impl Step {
    /// A step inside the exit.
    pub(super) const fn new(
        name: &'static str,
        words: &'static str,
        fits: fn(&Thread) -> bool,
    ) -> Self {
        Self {
            name,
            words,
            fits,
            is_before_exit: false,
            sleeps: false,
        }
    }

    /// Its stable name.
    pub fn id(&self) -> Id {
        self.name.into()
    }

    /// Whether a thread in it cannot run.
    pub fn sleeps(&self) -> bool {
        self.sleeps
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Where an exit begins; `coredump_task_exit` is a part of it that may not be inlined.
const EXIT: [&str; 4] = [
    "do_exit",
    "do_group_exit",
    "coredump_task_exit",
    "make_task_dead",
];

/// The name without suffixes of the compiler.
fn plain(function: &str) -> &str {
    function.split('.').next().unwrap_or(function)
}

impl Thread {
    /// Whether its stack shows that it exits.
    pub(super) fn exits(&self) -> bool {
        self.has_frame(&EXIT)
    }

    /// Whether it is in one of these functions while it exits.
    pub(super) fn exits_in(&self, names: &[&str]) -> bool {
        self.exits() && self.has_frame(names)
    }

    /// Without a stack: whether it is past the start of its exit, and not in a system call.
    pub(super) fn exits_unseen(&self) -> bool {
        self.stack.is_empty() && self.exiting
    }

    /// Whether the function that it sleeps in has this name.
    pub(super) fn sleeps_in(&self, name: &str) -> bool {
        self.wchan.as_deref().map(plain) == Some(name)
    }

    pub(super) fn has_frame(&self, names: &[&str]) -> bool {
        let mut frames = self.stack.iter();
        frames.any(|frame| names.contains(&plain(&frame.function)))
    }

    /// Whether it is an io_uring worker, which is a thread of the process since 5.12:
    /// <https://elixir.bootlin.com/linux/v6.12/source/io_uring/io-wq.c>.
    pub fn is_io_uring_worker(&self) -> bool {
        self.is_in(&["io_wq_worker", "io_wqe_worker"])
    }

    /// Whether a function is on its stack, or is the one that it sleeps in.
    pub fn is_in(&self, names: &[&str]) -> bool {
        let wchan = self.wchan.as_deref().map(plain);
        self.has_frame(names) || wchan.is_some_and(|name| names.contains(&name))
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
}
