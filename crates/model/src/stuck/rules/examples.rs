//! Example evidence for each verdict on a stuck process.

use super::testing::{FLUSH, actor, connection, facts, ignoring, stuck};
use super::*;
use crate::culprit::evidence::Freezer;
use crate::stuck::evidence::ignored::{Awaited, Fate};
use crate::stuck::evidence::{CoreHelper, Member};

/// In the order of the rules.
pub(crate) fn examples() -> Vec<Stuck> {
    let mut flush = stuck('D', &FLUSH);
    facts(&mut flush).fuse = vec![connection(38, vec![actor(7, "sshfs", 'T')])];
    facts(&mut flush).fuse_is_exact = true;
    let mut dump = stuck(
        'S',
        &[
            "anon_pipe_write",
            "elf_core_dump",
            "vfs_coredump",
            "get_signal",
        ],
    );
    facts(&mut dump).core_helper = Some(CoreHelper {
        pattern: "|/usr/bin/collect %P".to_owned(),
        process: Some(actor(7, "collect", 'S')),
        mount: None,
    });
    let mut traced = stuck('t', &["ptrace_stop", "ptrace_notify", "do_exit"]);
    facts(&mut traced).tracer = Some(actor(7, "gdb", 'S'));
    let mut namespace = stuck('I', &["zap_pid_ns_processes", "do_exit"]);
    facts(&mut namespace).left_in_namespace = vec![Member {
        process: actor(200, "probe", 'Z'),
        parent: Some(actor(10, "kubelet", 'S')),
    }];
    let mut frozen = stuck('D', &["__refrigerator", "get_signal"]);
    facts(&mut frozen).freezer = Some(Freezer {
        cgroup: "/sys/fs/cgroup/freezer/batch".into(),
        thaw: "echo THAWED > /sys/fs/cgroup/freezer/batch/freezer.state".to_owned(),
    });
    vec![
        frozen,
        dump,
        traced,
        stuck(
            'D',
            &["request_wait_answer", "fuse_file_read_iter", "vfs_read"],
        ),
        stuck(
            'D',
            &["io_uring_cancel_generic", "__io_uring_cancel", "do_exit"],
        ),
        stuck(
            'D',
            &["nv_close nvidia", "__fput", "task_work_run", "do_exit"],
        ),
        flush,
        stuck('R', &["exit_mmap", "mmput", "do_exit"]),
        namespace,
        ignoring(Fate::ByChoice, Some(Awaited::ByManager)),
    ]
}
