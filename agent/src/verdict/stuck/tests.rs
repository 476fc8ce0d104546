//! Each verdict from evidence as it was seen, and its look-alikes.

use super::*;
use crate::evidence::block::{Block, End, On, Relation};
use crate::evidence::stuck::ignored::{Awaited, Ignored};
use crate::evidence::stuck::{Connection, CoreHelper, Facts, Frame, Member, Who};
use crate::evidence::{Freezer, Frozen, Place};
use crate::verdict::testing::SECOND;

use Confidence::{Certain, Guess, Likely};

pub(super) fn thread(tid: u32, state: char, stack: &[&str]) -> Thread {
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
        exiting: false,
        wchan: None,
        stack: stack.iter().map(frame).collect(),
    }
}

pub(super) fn who(pid: u32, comm: &str, state: char) -> Who {
    Who {
        pid,
        comm: comm.to_owned(),
        state: Some(state),
        ..Who::default()
    }
}

pub(super) fn stuck(state: char, stack: &[&str]) -> Stuck {
    Stuck {
        pid: 100,
        comm: "app".to_owned(),
        stuck_ns: 12 * SECOND,
        is_lower_bound: false,
        kill: Some(("SIGKILL".to_owned(), "kubelet (PID 50)".to_owned())),
        ignored: None,
        facts: Some(Facts {
            threads: vec![thread(100, state, stack)],
            ..Facts::default()
        }),
    }
}

pub(super) fn facts(stuck: &mut Stuck) -> &mut Facts {
    stuck.facts.as_mut().expect("there are facts")
}

pub(super) const FLUSH: [&str; 6] = [
    "request_wait_answer",
    "fuse_flush",
    "filp_close",
    "put_files_struct",
    "do_exit",
    "do_group_exit",
];

pub(super) fn connection(number: u32, servers: Vec<Who>) -> Connection {
    Connection {
        number,
        mount: Some("host:/x on /mnt".to_owned()),
        waiting: Some(1),
        servers_are_certain: servers.len() == 1,
        servers,
        servers_may_be_hidden: false,
        abort: format!("echo 1 > /sys/fs/fuse/connections/{number}/abort"),
    }
}

/// It is this verdict, with all that each verdict has.
#[track_caller]
fn assert_judged(stuck: &Stuck, id: &str, confidence: Confidence) -> Verdict {
    let verdict = judge(stuck).expect("there is a verdict");
    assert_eq!(
        (verdict.id, verdict.confidence),
        (id, confidence),
        "{verdict:#?}"
    );
    // It has SIGKILL already, but for one that only ignored another signal.
    let again = format!("kill -9 {}", stuck.pid);
    let useless = stuck.ignored.is_none() && verdict.remedy.ends_with(&again);
    assert!(
        !useless && !verdict.remedy.contains("reboot"),
        "{verdict:#?}"
    );
    assert!(!verdict.evidence.is_empty() && !verdict.summary.ends_with('.'));
    verdict
}

/// All of these are in the text.
#[track_caller]
fn assert_names(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn blocked(by: Who, on: On, ends: Vec<End>) -> Who {
    Who {
        block: Some(Block {
            on,
            ends,
            unknown: None,
        }),
        ..by
    }
}

fn end(pid: u32, comm: &str, state: char, relation: Relation) -> End {
    End {
        pid,
        comm: comm.to_owned(),
        state: Some(state),
        relation,
        waits_for: None,
    }
}

#[test]
fn a_flush_that_fuse_does_not_answer_names_connection_server_and_abort() {
    let mut evidence = stuck('D', &FLUSH);
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'T')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "closing_files", Certain);
    assert_names(&verdict.summary, &["app (PID 100)", "sshfs (PID 7)"]);
    assert_names(
        &verdict.evidence.join("; "),
        &[
            "request_wait_answer < fuse_flush < filp_close < put_files_struct < do_exit",
            "connection 38 (host:/x on /mnt)",
            "sshfs (PID 7)",
            "SIGKILL from kubelet (PID 50)",
        ],
    );
    // It is stopped: that comes first, and then the abort.
    assert_names(&verdict.remedy, &["kill -CONT 7;"]);
    assert!(
        verdict
            .remedy
            .ends_with(": echo 1 > /sys/fs/fuse/connections/38/abort")
    );
}

#[test]
fn a_connection_that_nobody_serves_is_aborted_at_once() {
    let mut evidence = stuck('D', &FLUSH);
    facts(&mut evidence).fuse = vec![connection(38, Vec::new())];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "closing_files", Certain);
    assert!(verdict.remedy.starts_with("abort"), "{}", verdict.remedy);
    // Not where a server may only be hidden from us.
    facts(&mut evidence).fuse[0].servers_may_be_hidden = true;
    let verdict = assert_judged(&evidence, "closing_files", Certain);
    assert!(!verdict.remedy.starts_with("abort"), "{}", verdict.remedy);
    assert_names(&verdict.evidence.join("; "), &["CAP_SYS_PTRACE"]);
}

#[test]
fn a_server_that_waits_for_its_own_child_names_it() {
    let mut evidence = stuck('D', &FLUSH);
    let socket = || On::Socket {
        family: "unix".to_owned(),
        peer: None,
        open: false,
    };
    let server = |state| {
        let ssh = end(8, "ssh", state, Relation::Descendant);
        blocked(who(7, "sshfs", 'S'), socket(), vec![ssh])
    };
    facts(&mut evidence).fuse = vec![connection(38, vec![server('S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "closing_files", Certain);
    assert_names(&verdict.remedy, &["ssh (PID 8)", "kill 8;"]);
    facts(&mut evidence).fuse = vec![connection(38, vec![server('T')])];
    let verdict = assert_judged(&evidence, "closing_files", Certain);
    assert_names(&verdict.remedy, &["ssh (PID 8)", "kill -CONT 8;"]);
}

#[test]
fn of_several_fuse_connections_none_is_accused() {
    let mut evidence = stuck('D', &FLUSH);
    let one_of = vec![who(7, "sshfs", 'S'), who(8, "rclone", 'S')];
    facts(&mut evidence).fuse = vec![connection(38, one_of.clone()), connection(39, one_of)];
    let verdict = assert_judged(&evidence, "closing_files", Likely);
    let servers = ["connection 38", "sshfs (PID 7)", "rclone (PID 8)"];
    assert_names(&verdict.evidence[1], &servers);
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
    assert_names(&verdict.remedy, &["disk", "/sys/block/*/inflight"]);
    let other = stuck(
        'D',
        &["schedule", "rwsem_down_write_slowpath", "__x64_sys_mount"],
    );
    assert_judged(&other, "unkillable_sleep", Certain);
    // SIGKILL ends the wait for a vfork child, so it is not that.
    let fork = stuck(
        'D',
        &["percpu_rwsem_wait", "cgroup_can_fork", "kernel_clone"],
    );
    assert_judged(&fork, "unkillable_sleep", Likely);
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
        mount: None,
    });
    let verdict = assert_judged(&evidence, "dumping_core", Certain);
    assert_names(&verdict.summary, &["slow (PID 60)"]);
    assert!(verdict.remedy.ends_with("kill -9 60"), "{}", verdict.remedy);
    assert_names(&verdict.evidence.join("; "), &["|/usr/bin/slow %p"]);
    let helper = facts(&mut evidence)
        .core_helper
        .as_mut()
        .expect("it is there");
    helper.process = Some(who(60, "slow", 'T'));
    let verdict = assert_judged(&evidence, "dumping_core", Certain);
    assert_names(&verdict.remedy, &["kill -CONT 60;"]);
    facts(&mut evidence).dumps_core = Some(false);
    assert_judged(&evidence, "dumping_core", Guess);
}

#[test]
fn a_core_dump_into_fuse_is_not_waited_for() {
    let dump = [
        "request_wait_answer",
        "fuse_create_open",
        "path_openat",
        "vfs_coredump",
        "get_signal",
    ];
    let mut evidence = stuck('D', &dump);
    facts(&mut evidence).core_helper = Some(CoreHelper {
        pattern: "core".to_owned(),
        process: None,
        mount: Some("host:/x on /mnt".to_owned()),
    });
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "dumping_core", Certain);
    assert_names(&verdict.summary, &["sshfs (PID 7)"]);
    assert!(verdict.remedy.ends_with("/38/abort"), "{}", verdict.remedy);
    assert!(!verdict.remedy.contains("wait"), "{}", verdict.remedy);
    let nfs = [
        "rpc_wait_bit_killable",
        "nfs_file_write",
        "dump_emit",
        "vfs_coredump",
    ];
    facts(&mut evidence).threads = vec![thread(100, 'D', &nfs)];
    facts(&mut evidence).network = vec!["nas:/home on /home".to_owned()];
    facts(&mut evidence).fuse.clear();
    let verdict = assert_judged(&evidence, "dumping_core", Likely);
    assert_names(&verdict.remedy, &["nas:/home on /home"]);
    // Only one that makes progress is waited for.
    for (state, stack) in [
        ('R', ["elf_core_dump", "vfs_coredump"]),
        ('D', ["io_schedule", "vfs_coredump"]),
    ] {
        facts(&mut evidence).threads = vec![thread(100, state, &stack)];
        let verdict = assert_judged(&evidence, "dumping_core", Certain);
        assert_names(&verdict.remedy, &["wait until"]);
    }
}

#[test]
fn a_stop_at_exit_names_whoever_can_end_it() {
    let mut evidence = stuck('t', &["ptrace_stop.part.0", "ptrace_notify", "do_exit"]);
    assert_judged(&evidence, "ptrace_exit_stop", Likely);
    let mut remedy = |tracer| {
        facts(&mut evidence).tracer = Some(tracer);
        let verdict = assert_judged(&evidence, "ptrace_exit_stop", Certain);
        assert_names(&verdict.summary, &["(PID 9)"]);
        verdict.remedy
    };
    assert!(remedy(who(9, "gdb", 'S')).ends_with(": kill 9"));
    let deaf = Who {
        handles_term: true,
        ..who(9, "gdb", 'S')
    };
    assert!(remedy(deaf).ends_with(": kill -9 9"));
    assert!(remedy(who(9, "strace", 'T')).ends_with(": kill -CONT 9"));
    // Its own debugger has stopped it, and is stopped itself.
    let debugged = |debugger| Who {
        tracer: Some(Box::new(debugger)),
        ..who(9, "strace", 't')
    };
    assert!(remedy(debugged(who(4, "gdb", 'S'))).ends_with(": kill 4"));
    assert!(remedy(debugged(who(4, "gdb", 'T'))).ends_with(": kill -CONT 4"));
    // Blocked in its own output.
    let ends = vec![
        end(5, "sh", 'S', Relation::Descendant),
        end(6, "less", 'S', Relation::Descendant),
    ];
    let strace = || who(9, "strace", 'S');
    let told = remedy(blocked(strace(), On::PipeWrite, ends));
    assert!(told.ends_with(": kill 5 6"), "{told}");
    let ends = vec![
        end(5, "sh", 'S', Relation::Descendant),
        end(6, "less", 'T', Relation::Descendant),
    ];
    let told = remedy(blocked(strace(), On::PipeWrite, ends));
    assert!(
        told.contains("less (PID 6)") && told.ends_with(": kill -CONT 6"),
        "{told}"
    );
    let told = remedy(blocked(strace(), On::PipeWrite, Vec::new()));
    assert!(told.ends_with(": kill -9 9"), "{told}");
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
        cgroup: "/sys/fs/cgroup/freezer/a".into(),
        thaw: "echo THAWED > /sys/fs/cgroup/freezer/a/freezer.state".to_owned(),
    });
    let verdict = assert_judged(&evidence, "killed_while_frozen", Certain);
    assert!(verdict.remedy.ends_with("freezer.state"));
    facts(&mut evidence).frozen_with_it = Some(Frozen {
        others: 5,
        is_lower_bound: false,
        some: vec![(7, "nginx".to_owned())],
    });
    let verdict = assert_judged(&evidence, "killed_while_frozen", Certain);
    assert_names(&verdict.remedy, &["5 other processes", "nginx (PID 7)"]);
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
    assert_names(
        &verdict.evidence[1],
        &["probe (PID 200)", "kubelet (PID 10)"],
    );
    assert!(verdict.remedy.ends_with("kill 10"), "{}", verdict.remedy);
    let parent = &mut facts(&mut evidence).left_in_namespace[0].parent;
    *parent = Some(who(10, "kubelet", 'T'));
    let verdict = assert_judged(&evidence, "waiting_for_namespace", Certain);
    assert!(
        verdict.remedy.ends_with("kill -CONT 10"),
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
    assert_names(&verdict.summary, &["io_submit"]);
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'S')])];
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
    // Numbers start anew one day, so that a worker may have the lower one.
    facts(&mut evidence)
        .threads
        .insert(0, thread(40, 'D', &read));
    facts(&mut evidence).fuse = vec![connection(38, vec![who(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "io_uring_cancel", Certain);
    assert!(verdict.evidence[0].starts_with("thread 100 is in state D"));
    assert_names(&verdict.evidence[1], &["thread 40 is in state D"]);
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
    assert_names(&verdict.summary, &["terminal", "tty"]);
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
    assert_names(&verdict.evidence[0], &["request_wait_answer"]);
    assert_names(&verdict.evidence.join("; "), &["CAP_SYS_ADMIN"]);
    // Past the start of its exit it is the same as with a stack.
    facts(&mut evidence).threads[0].exiting = true;
    assert_judged(&evidence, "closing_files", Likely);
    facts(&mut evidence).threads[0].wchan = None;
    assert_eq!(judge(&evidence), None);
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
            .contains(&"exiting for at least 12s; no fatal signal was seen".to_owned())
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
    assert_names(
        &verdict.evidence.join("; "),
        &["other threads: 3", "1 elsewhere"],
    );
}

pub(super) fn ignoring(by_choice: bool, awaited: Option<Awaited>) -> Stuck {
    Stuck {
        kill: None,
        ignored: Some(Ignored {
            signal: "SIGTERM".to_owned(),
            sender: (7, "runc".to_owned()),
            first_ago_ns: 12 * SECOND,
            times: 1,
            by_choice,
            awaited,
            place: Place::Host,
        }),
        ..stuck('S', &[])
    }
}

#[test]
fn who_ignores_a_signal_while_somebody_waits_is_told_so() {
    for by_choice in [false, true] {
        let evidence = ignoring(by_choice, Some(Awaited::BySender));
        let verdict = assert_judged(&evidence, "term_ignored", Certain);
        assert_names(
            &verdict.summary,
            &["app (PID 100)", "SIGTERM", "runc (PID 7)"],
        );
        assert!(
            verdict.remedy.ends_with(": kill -9 100"),
            "{}",
            verdict.remedy
        );
        assert_eq!(verdict.summary.contains("SIG_IGN"), by_choice);
        assert_judged(
            &ignoring(by_choice, Some(Awaited::Again)),
            "term_ignored",
            Likely,
        );
        assert_eq!(judge(&ignoring(by_choice, None)), None);
    }
}

#[test]
fn what_to_do_about_an_ignored_signal_fits_the_place() {
    let remedy = |by_choice, place| {
        let mut evidence = ignoring(by_choice, Some(Awaited::ByManager));
        evidence.ignored.as_mut().expect("it is there").place = place;
        judge(&evidence).expect("a verdict").remedy
    };
    let name = || "web".to_owned();
    let docker = |place| remedy(false, place).contains("docker run --init");
    let pod = Place::Pod {
        name: name(),
        shares_pid_namespace: false,
    };
    assert!(docker(Place::Container { name: name() }));
    assert!(!docker(pod.clone()) && !docker(Place::Host));
    assert!(remedy(false, pod).contains("ENTRYPOINT"));
    assert!(remedy(true, Place::Unit { name: name() }).contains("KillSignal="));
    assert!(!remedy(true, Place::Host).contains("KillSignal="));
}
