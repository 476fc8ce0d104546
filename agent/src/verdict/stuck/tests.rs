//! Each verdict from evidence as it was seen, and its look-alikes.

use super::*;
use crate::evidence::Freezer;
use crate::evidence::stuck::{Connection, CoreHelper, Facts, Frame, Member, Who};
use crate::verdict::testing::{SECOND, assert_sound};

use Confidence::{Certain, Guess, Likely};

fn thread(tid: u32, state: char, stack: &[&str]) -> Thread {
    let frame = |line: &&str| {
        let (function, module) = line.split_once(' ').unwrap_or((line, ""));
        Frame {
            function: function.to_owned(),
            module: (!module.is_empty()).then(|| module.to_owned()),
        }
    };
    Thread {
        tid,
        state,
        frozen: false,
        kill_pending: true,
        wchan: None,
        stack: stack.iter().map(frame).collect(),
    }
}

fn who(pid: u32, comm: &str, state: char) -> Who {
    Who {
        pid,
        comm: comm.to_owned(),
        state: Some(state),
    }
}

fn stuck(state: char, stack: &[&str]) -> Stuck {
    Stuck {
        pid: 100,
        comm: "app".to_owned(),
        stuck_ns: 12 * SECOND,
        is_lower_bound: false,
        kill: Some(("SIGKILL".to_owned(), "kubelet (PID 50)".to_owned())),
        facts: Some(Facts {
            threads: vec![thread(100, state, stack)],
            ..Facts::default()
        }),
    }
}

fn facts(stuck: &mut Stuck) -> &mut Facts {
    stuck.facts.as_mut().expect("there are facts")
}

const FLUSH: [&str; 6] = [
    "request_wait_answer",
    "fuse_flush",
    "filp_close",
    "put_files_struct",
    "do_exit",
    "do_group_exit",
];

fn connection(number: u32, servers: Vec<Who>) -> Connection {
    Connection {
        number,
        mount: Some("host:/x on /mnt".to_owned()),
        waiting: Some(1),
        servers_are_certain: servers.len() == 1,
        servers,
        abort: format!("echo 1 > /sys/fs/fuse/connections/{number}/abort"),
    }
}

#[track_caller]
fn assert_judged(stuck: &Stuck, id: &str, confidence: Confidence) -> Verdict {
    assert_sound(judge(stuck), id, confidence)
}

#[test]
fn a_flush_that_fuse_does_not_answer_names_connection_server_and_abort() {
    let mut evidence = stuck('D', &FLUSH);
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'T')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "closing_files", Certain);
    assert_eq!(
        verdict.summary,
        "app (PID 100) is closing its files and waits for a FUSE server that does not answer"
    );
    assert_eq!(
        verdict.evidence,
        [
            "thread 100 is in state D, kernel stack: request_wait_answer < fuse_flush < filp_close \
             < put_files_struct < do_exit < do_group_exit",
            "it waits for FUSE connection 38 (host:/x on /mnt), with 1 request unanswered; served \
             by sshfs (PID 7), which is stopped",
            "on its way out for 12s; the last fatal signal is SIGKILL from kubelet (PID 50)",
        ]
    );
    assert!(
        verdict.remedy.contains("sshfs (PID 7)"),
        "{}",
        verdict.remedy
    );
    assert!(
        verdict
            .remedy
            .ends_with(": echo 1 > /sys/fs/fuse/connections/38/abort")
    );
}

#[test]
fn of_several_fuse_connections_none_is_accused() {
    let mut evidence = stuck('D', &FLUSH);
    let one_of = vec![who(7, "sshfs", 'S'), who(8, "rclone", 'S')];
    facts(&mut evidence).fuse = vec![connection(38, one_of.clone()), connection(39, one_of)];
    let verdict = assert_judged(&evidence, "closing_files", Likely);
    assert!(verdict.evidence[1].starts_with("it may wait for FUSE connection 38"));
    assert!(verdict.evidence[1].ends_with("one of sshfs (PID 7), rclone (PID 8)"));
    facts(&mut evidence).fuse.clear();
    assert_judged(&evidence, "closing_files", Likely);
}

#[test]
fn a_read_that_fuse_does_not_answer_is_no_closing() {
    let read = [
        "request_wait_answer",
        "fuse_file_read_iter",
        "vfs_read",
        "ksys_read",
    ];
    let mut evidence = stuck('D', &read);
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "unkillable_sleep", Certain);
    assert!(verdict.remedy.ends_with("/38/abort"));
    // Nobody was killed: this thread only waits, and says nothing of an exit.
    facts(&mut evidence).threads[0].kill_pending = false;
    assert_eq!(judge(&evidence), None);
}

#[test]
fn file_servers_and_disks_are_told_apart() {
    let nfs = [
        "rpc_wait_bit_killable",
        "nfs_wb_all",
        "nfs4_file_flush",
        "filp_close",
        "put_files_struct",
        "do_exit",
    ];
    let mut evidence = stuck('D', &nfs);
    facts(&mut evidence).network = vec!["nas:/home on /home".to_owned()];
    let verdict = assert_judged(&evidence, "closing_files", Likely);
    assert!(
        verdict.remedy.contains("nas:/home on /home"),
        "{}",
        verdict.remedy
    );
    let disk = stuck(
        'D',
        &[
            "io_schedule",
            "folio_wait_bit_common",
            "filemap_read",
            "vfs_read",
        ],
    );
    let verdict = assert_judged(&disk, "unkillable_sleep", Likely);
    assert!(
        verdict.summary.ends_with("waits for a disk"),
        "{}",
        verdict.summary
    );
    let other = stuck(
        'D',
        &["schedule", "rwsem_down_write_slowpath", "__x64_sys_mount"],
    );
    assert_judged(&other, "unkillable_sleep", Certain);
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
    assert!(
        verdict.summary.contains("driver nvidia"),
        "{}",
        verdict.summary
    );
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
fn a_core_dump_names_its_helper() {
    let dump = [
        "anon_pipe_write",
        "elf_core_dump",
        "vfs_coredump",
        "get_signal",
    ];
    let mut evidence = stuck('S', &dump);
    let threads = &mut facts(&mut evidence).threads;
    threads.push(thread(
        101,
        'I',
        &["do_exit", "do_group_exit", "get_signal"],
    ));
    facts(&mut evidence).dumps_core = Some(true);
    facts(&mut evidence).core_helper = Some(CoreHelper {
        pattern: "|/usr/bin/slow %p".to_owned(),
        process: Some(who(60, "slow", 'S')),
    });
    let verdict = assert_judged(&evidence, "dumping_core", Certain);
    assert!(verdict.remedy.ends_with("kill 60"), "{}", verdict.remedy);
    assert!(
        verdict
            .evidence
            .contains(&"of its other threads 1 elsewhere".to_owned())
    );
    facts(&mut evidence).dumps_core = Some(false);
    let verdict = assert_judged(&evidence, "dumping_core", Guess);
    assert!(
        verdict
            .evidence
            .last()
            .is_some_and(|it| it.starts_with("but the kernel says"))
    );
}

#[test]
fn a_stop_at_exit_names_its_tracer() {
    let mut evidence = stuck('t', &["ptrace_stop.part.0", "ptrace_notify", "do_exit"]);
    assert_judged(&evidence, "ptrace_exit_stop", Likely);
    facts(&mut evidence).tracer = Some(who(9, "gdb", 'S'));
    let verdict = assert_judged(&evidence, "ptrace_exit_stop", Certain);
    assert!(
        verdict.summary.contains("its tracer gdb (PID 9)"),
        "{}",
        verdict.summary
    );
    facts(&mut evidence).threads[0].state = 'R';
    assert_judged(&evidence, "ptrace_exit_stop", Guess);
}

#[test]
fn the_frozen_are_thawed() {
    let mut evidence = stuck(
        'D',
        &["__refrigerator", "get_signal", "arch_do_signal_or_restart"],
    );
    assert_judged(&evidence, "killed_while_frozen", Likely);
    facts(&mut evidence).freezer = Some(Freezer {
        cgroup: "/sys/fs/cgroup/freezer/a".to_owned(),
        thaw: "echo THAWED > /sys/fs/cgroup/freezer/a/freezer.state".to_owned(),
    });
    let verdict = assert_judged(&evidence, "killed_while_frozen", Certain);
    assert!(verdict.remedy.ends_with("freezer.state"));
    // A process in a frozen cgroup that sleeps elsewhere waits for that first.
    facts(&mut evidence).threads = vec![thread(100, 'D', &FLUSH)];
    assert_judged(&evidence, "closing_files", Likely);
}

#[test]
fn a_namespace_names_who_is_left_in_it() {
    let mut evidence = stuck('I', &["zap_pid_ns_processes", "do_exit"]);
    assert_judged(&evidence, "waiting_for_namespace", Likely);
    facts(&mut evidence).left_in_namespace = vec![Member {
        process: who(200, "probe", 'Z'),
        parent: Some(who(10, "kubelet", 'S')),
    }];
    let verdict = assert_judged(&evidence, "waiting_for_namespace", Certain);
    assert_eq!(
        verdict.evidence[1],
        "still in its PID namespace: probe (PID 200), which is a zombie, a child of kubelet (PID 10)"
    );
    assert!(
        verdict.remedy.starts_with("kubelet (PID 10) outside"),
        "{}",
        verdict.remedy
    );
}

#[test]
fn memory_and_io_uring_are_steps_of_their_own() {
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
    assert_eq!(
        verdict.summary,
        "app (PID 100) is giving its memory back and waits for asynchronous requests (io_submit) \
         under way"
    );
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'S')])];
    let verdict = assert_judged(&evidence, "freeing_memory", Certain);
    let line = &verdict.evidence[1];
    assert!(
        line.starts_with("it may wait for FUSE connection 38"),
        "{line}"
    );
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
    // Numbers start anew one day, so that a worker may have the lower one.
    facts(&mut evidence)
        .threads
        .insert(0, thread(40, 'D', &read));
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "io_uring_cancel", Certain);
    assert!(verdict.evidence[0].starts_with("thread 100 is in state D"));
    assert!(
        verdict.evidence[1].starts_with("of its io_uring workers thread 40 is in state D"),
        "{:#?}",
        verdict.evidence
    );
    assert!(verdict.remedy.ends_with("connections/38/abort"));
    // What sleeps by itself comes first: the submitter is not there yet.
    facts(&mut evidence).threads[1] = thread(100, 'D', &["request_wait_answer", "vfs_read"]);
    assert_judged(&evidence, "unkillable_sleep", Certain);
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
    assert_eq!(
        verdict.summary,
        "app (PID 100) is closing a terminal, and the driver tty does not return"
    );
    let file = ["request_wait_answer", "fuse_release", "__fput", "do_exit"];
    assert_judged(&stuck('D', &file), "closing_files", Likely);
}

#[test]
fn missing_evidence_makes_less_sure_or_silent() {
    let mut evidence = stuck('D', &[]);
    facts(&mut evidence).threads[0].wchan = Some("request_wait_answer".to_owned());
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "unkillable_sleep", Likely);
    assert_eq!(
        verdict.evidence[0],
        "thread 100 is in state D, in request_wait_answer"
    );
    evidence.facts = None;
    assert_eq!(judge(&evidence), None);
    evidence.facts = Some(Facts::default());
    assert_eq!(judge(&evidence), None);
    assert_eq!(
        judge(&stuck('R', &["schedule", "exit_to_user_mode_loop"])),
        None
    );
    evidence = stuck('D', &FLUSH);
    evidence.kill = None;
    evidence.is_lower_bound = true;
    let verdict = assert_judged(&evidence, "closing_files", Likely);
    assert!(
        verdict
            .evidence
            .contains(&"on its way out for at least 12s; no fatal signal was seen".to_owned())
    );
}

#[test]
fn the_thread_that_keeps_the_others_decides() {
    let mut evidence = stuck('I', &["do_exit", "do_group_exit", "get_signal"]);
    facts(&mut evidence)
        .threads
        .push(thread(101, 'D', &["io_schedule", "vfs_read"]));
    facts(&mut evidence).ended = 3;
    let verdict = assert_judged(&evidence, "unkillable_sleep", Likely);
    assert!(verdict.evidence[0].starts_with("thread 101"));
    assert!(
        verdict
            .evidence
            .contains(&"of its other threads 3 ended and wait for it, 1 elsewhere".to_owned())
    );
}
