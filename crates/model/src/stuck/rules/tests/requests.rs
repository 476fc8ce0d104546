//! Processes that wait for requests in flight, free their memory, or close a device.

use super::super::testing::*;
use super::super::*;
use Confidence::{Certain, Likely};

#[test]
fn memory_and_io_uring_are_separate_steps() {
    assert_judged(
        &stuck('R', &["exit_mmap", "mmput", "do_exit"]),
        "freeing_memory",
        Certain,
    );
    assert_judged(
        &stuck('D', &["exit_mmap", "mmput", "do_exit"]),
        "freeing_memory",
        Certain,
    );
    let cancel = ["io_uring_cancel_generic", "__io_uring_cancel", "do_exit"];
    assert_judged(&stuck('D', &cancel), "io_uring_cancel", Certain);
}

#[test]
fn requests_of_aio_may_be_those_of_a_fuse_server() {
    let mut evidence = stuck('D', &["exit_aio", "__mmput", "do_exit"]);
    let verdict = assert_judged(&evidence, "freeing_memory", Certain);
    assert_names(&verdict.summary, &["io_submit"]);
    facts(&mut evidence).fuse = vec![connection(38, vec![actor(7, "sshfs", 'S')])];
    // The requests need not be of that server.
    let verdict = assert_judged(&evidence, "freeing_memory", Likely);
    assert_names(&verdict.evidence[1], &["connection 38"]);
    assert!(verdict.remedy.ends_with("connections/38/abort"));
}

#[test]
fn a_worker_of_io_uring_shows_what_its_submitter_waits_for() {
    let cancel = [
        "io_wq_put_and_exit",
        "io_uring_clean_tctx",
        "io_uring_cancel_generic",
        "do_exit",
    ];
    let read = [
        "request_wait_answer",
        "fuse_direct_IO",
        "io_read",
        "io_wq_submit_work",
        "io_wq_worker",
    ];
    let mut evidence = stuck('D', &cancel);
    // PIDs wrap around, so a worker may have the lower TID.
    facts(&mut evidence)
        .threads
        .insert(0, Thread::of(40, 'D', &read));
    facts(&mut evidence).fuse = vec![connection(38, vec![actor(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "io_uring_cancel", Certain);
    assert!(verdict.evidence[0].starts_with("thread 100 is in state D"));
    assert_names(&verdict.evidence[1], &["thread 40 is in state D"]);
    assert!(verdict.remedy.ends_with("connections/38/abort"));
    // A thread that itself sleeps comes first: the submitter has not begun to exit.
    facts(&mut evidence).threads[1] = Thread::of(100, 'D', &["request_wait_answer", "vfs_read"]);
    assert_judged(&evidence, "unkillable_sleep", Certain);
}

#[test]
fn a_driver_is_named() {
    let evidence = stuck(
        'D',
        &[
            "msleep",
            "nv_close nvidia",
            "__fput",
            "task_work_run",
            "do_exit",
        ],
    );
    let verdict = assert_judged(&evidence, "in_driver", Likely);
    assert_names(&verdict.summary, &["nvidia"]);
    let fuse = stuck(
        'D',
        &[
            "request_wait_answer fuse",
            "fuse_flush fuse",
            "filp_close",
            "do_exit",
        ],
    );
    assert_judged(&fuse, "closing_files", Likely);
}

#[test]
fn a_terminal_is_a_device_without_a_module() {
    let hangup = [
        "n_tty_flush_buffer",
        "tty_ldisc_hangup",
        "__tty_hangup.part.0",
        "tty_release",
        "__fput",
        "task_work_run",
        "do_exit",
    ];
    let verdict = assert_judged(&stuck('D', &hangup), "in_driver", Likely);
    assert_names(&verdict.summary, &["terminal", "tty"]);
    let file = ["request_wait_answer", "fuse_release", "__fput", "do_exit"];
    assert_judged(&stuck('D', &file), "closing_files", Likely);
}
