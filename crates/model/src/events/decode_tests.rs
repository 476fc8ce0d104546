use proptest::prelude::*;
use zerocopy::{Immutable, IntoBytes};

use super::*;
use crate::events::decode_threads;

/// The bytes of a struct of the wire, as the ring hands them out.
fn bytes(record: &(impl IntoBytes + Immutable)) -> Vec<u8> {
    record.as_bytes().to_vec()
}

fn named(tgid: u32, comm: &[u8]) -> wire::Process {
    let mut name = [0; wire::COMM_LEN];
    name[..comm.len()].copy_from_slice(comm);
    wire::Process {
        tgid,
        tid: tgid,
        start_ns: 7,
        comm: name,
    }
}

fn a_death() -> wire::Death {
    wire::Death {
        head: wire::Head {
            kind: kind::DEATH,
            flags: 0,
            at_ns: 100,
        },
        process: named(42, b"sh"),
        ..wire::Death::default()
    }
}

fn decoded(record: &wire::Death) -> Death {
    match decode(&bytes(record), 4096) {
        Ok(Event::Death(death)) => *death,
        other => panic!("{other:?}"),
    }
}

#[test]
fn zero_is_unknown() {
    let death = decoded(&a_death());
    assert_eq!(
        death.process.key,
        Key {
            tgid: 42,
            start_ns: 7
        }
    );
    assert_eq!(death.process.comm, "sh");
    assert_eq!(
        (death.parent, death.tracer, death.forker, death.kill),
        (None, None, None, None)
    );
    assert_eq!((death.begin_ns, death.resources.threads), (None, None));
    assert_eq!(death.pids, []);
    assert_eq!(death.cgroups, CgroupIds::default());
}

#[test]
fn each_hierarchy_has_its_own_id() {
    let record = wire::Death {
        cgroup_id: 7,
        cgroup_v1_id: 8,
        ..a_death()
    };
    let both = CgroupIds {
        v1: Some(8),
        v2: Some(7),
    };
    assert_eq!(decoded(&record).cgroups, both);
}

#[test]
fn a_full_death() {
    let mut record = a_death();
    record.head.flags = death_flags::AUTOREAP | death_flags::BEFORE_NOTIFICATION;
    record.killer = named(1, b"systemd");
    (record.killed_ns, record.kill_signal, record.exit_code) = (90, 9, 9);
    record.kill_by = kill_by::PROCESS;
    (record.begin_ns, record.threads, record.max_rss_pages) = (95, 3, 2);
    record.pids[0] = wire::NamespacePid {
        namespace: 5,
        nr: 42,
    };
    record.pids[1] = wire::NamespacePid {
        namespace: 6,
        nr: 2,
    };
    let death = decoded(&record);
    assert!(death.autoreap && death.at_is_lower_bound);
    assert_eq!(death.status, ExitStatus::Killed(9));
    assert_eq!(
        death
            .kill
            .map(|kill| (kill.by, kill.process.map(|by| by.comm), kill.at_ns)),
        Some((Some(KillBy::Process), Some("systemd".into()), 90))
    );
    assert_eq!(
        (death.begin_ns, death.resources.threads),
        (Some(95), Some(3))
    );
    assert_eq!(death.resources.max_rss_bytes, 8192);
    assert_eq!(death.pids.len(), 2);
}

#[test]
fn a_signal_without_a_sender_still_counts() {
    let mut record = a_death();
    (record.killed_ns, record.kill_signal, record.kill_by) = (90, 9, kill_by::OOM);
    let kill = |record: &wire::Death| decoded(record).kill;
    let expected = Kill {
        by: Some(KillBy::Oom),
        process: None,
        signal: 9,
        at_ns: 90,
    };
    assert_eq!(kill(&record), Some(expected));
    record.kill_by = 77;
    let unknown = Kill {
        by: None,
        ..expected
    };
    assert_eq!(kill(&record), Some(unknown), "no word is guessed");
    record.killed_ns = 0;
    assert_eq!(kill(&record), None);
}

#[test]
fn names_cannot_harm_a_terminal() {
    for (raw, shown) in [
        (&b"plain"[..], "plain"),
        (b"cut\0here", "cut"),
        (b"\x1b[2Jx", "\u{fffd}[2Jx"),
        (b"a\nb\x7f", "a\u{fffd}b\u{fffd}"),
        (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        ("\u{9b}K".as_bytes(), "\u{fffd}K"),
        (b"sixteen-bytes-ok", "sixteen-bytes-ok"),
    ] {
        assert_eq!(process(&named(1, raw)).unwrap().comm, shown);
    }
}

#[test]
fn statuses_as_wait_has_them() {
    assert_eq!(ExitStatus::from_wait(0), ExitStatus::Exited(0));
    assert_eq!(ExitStatus::from_wait(0x300), ExitStatus::Exited(3));
    assert_eq!(ExitStatus::from_wait(0x80), ExitStatus::Exited(0));
    assert_eq!(ExitStatus::from_wait(9), ExitStatus::Killed(9));
    assert_eq!(ExitStatus::from_wait(0x86), ExitStatus::Dumped(6));
}

#[test]
fn times_divide_the_run_time() {
    assert_eq!(cpu_time(0, 0, 10), (10, 0));
    assert_eq!(cpu_time(4, 0, 10), (10, 0));
    assert_eq!(cpu_time(0, 4, 10), (0, 10));
    assert_eq!(cpu_time(3, 1, 100), (75, 25));
    assert_eq!(cpu_time(3, 1, 0), (3, 1));
    assert_eq!(
        cpu_time(u64::MAX, u64::MAX, u64::MAX),
        (u64::MAX / 2 + 1, u64::MAX / 2)
    );
}

#[test]
fn malformed_records_are_refused() {
    let record = bytes(&a_death());
    assert_eq!(
        decode(&record[..record.len() - 1], 4096),
        Err(Malformed::Size {
            got: record.len() - 1,
            want: record.len()
        })
    );
    assert_eq!(decode(&[], 4096), Err(Malformed::Size { got: 0, want: 16 }));
    let unknown = wire::Head {
        kind: 77,
        ..wire::Head::default()
    };
    assert_eq!(
        decode(&bytes(&unknown), 4096),
        Err(Malformed::UnknownKind(77))
    );
    let nobody = wire::Death {
        process: wire::Process::default(),
        ..a_death()
    };
    assert_eq!(
        decode(&bytes(&nobody), 4096),
        Err(Malformed::NoProcess(kind::DEATH))
    );
    let nobody = wire::Exec {
        head: wire::Head {
            kind: kind::EXEC,
            ..wire::Head::default()
        },
        ..wire::Exec::default()
    };
    assert_eq!(
        decode(&bytes(&nobody), 4096),
        Err(Malformed::NoProcess(kind::EXEC))
    );
    let task = bytes(&wire::TaskRecord {
        process: named(1, b"init"),
        ..Default::default()
    });
    assert!(decode_task(&task).is_ok());
    assert!(decode_task(&[task.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn a_leader_that_ended_before_its_threads_is_not_a_zombie() {
    let state = |flags| {
        let record = wire::TaskRecord {
            process: named(1, b"a"),
            flags,
            ..Default::default()
        };
        let task = decode_task(&bytes(&record)).unwrap();
        (task.state, task.status.is_some())
    };
    assert_eq!(state(0), (TaskState::Alive, false));
    assert_eq!(state(task_flags::ZOMBIE), (TaskState::Zombie, true));
    assert_eq!(state(task_flags::EXITING), (TaskState::Exiting, false));
    let both = task_flags::ZOMBIE | task_flags::LEADER_EXITED;
    assert_eq!(state(both), (TaskState::LeaderExited, false));
}

#[test]
fn stacks_follow_their_threads() {
    let thread = |tid, frames| wire::ThreadRecord {
        tgid: 7,
        tid,
        start_ns: 5,
        frames,
        ..Default::default()
    };
    let stack = b"fuse_flush+0x1/0x2 [fuse]\ndo_exit+0x3/0x4\n";
    let all = [bytes(&thread(7, 2)), stack.to_vec(), bytes(&thread(8, 0))].concat();
    let threads = decode_threads(&all).unwrap();
    let stacks: Vec<_> = threads.iter().map(|it| (it.tid, it.stack.len())).collect();
    assert_eq!(stacks, [(7, 2), (8, 0)]);
    assert_eq!(threads[0].stack[0], "fuse_flush+0x1/0x2 [fuse]");
    assert!(decode_threads(&all[..all.len() - 1]).is_err());
    assert!(decode_threads(&bytes(&thread(7, 1))).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_a_panic(kind in 0_u32..12, rest in prop::collection::vec(any::<u8>(), 0..800)) {
        let record = [&kind.to_ne_bytes()[..], &rest].concat();
        let _ = decode(&record, 4096);
        let _ = decode(&rest, u64::MAX);
        let _ = decode_task(&rest);
        let _ = decode_threads(&rest);
    }

    #[test]
    fn alignment_and_trailing_bytes_do_not_matter(shift in 0_usize..8, trail in 0_usize..8) {
        let record = bytes(&a_death());
        let moved = [&vec![0xa5; shift], &record[..], &vec![0xa5; trail]].concat();
        prop_assert_eq!(decode(&moved[shift..], 4096), decode(&record, 4096));
    }
}

/// A zombie whose last turn was at 2 s of a scheduler's clock that is 1 s ahead, read at 10 s.
fn an_old_zombie() -> wire::TaskRecord {
    wire::TaskRecord {
        process: named(7, b"old"),
        flags: task_flags::ZOMBIE,
        last_ran_sched_ns: 2_000_000_000,
        runtime_ns: 3_000_000,
        reader_ran_sched_ns: 11_000_000_000,
        read_ns: 10_000_000_000,
        ..wire::TaskRecord::default()
    }
}

fn dead_by_ns(record: &wire::TaskRecord) -> Option<u64> {
    decode_task(&bytes(record)).unwrap().dead_by_ns
}

#[test]
fn the_death_of_an_older_zombie_is_bounded_by_its_last_run() {
    let last_turn_ns = 1_000_000_000;
    let dead_by_ns = dead_by_ns(&an_old_zombie()).unwrap();
    assert!(dead_by_ns > last_turn_ns + 3_000_000, "{dead_by_ns}");
    assert!(dead_by_ns < last_turn_ns + 20_000_000, "{dead_by_ns}");
}

#[test]
fn no_bound_is_given_if_the_last_run_does_not_imply_one() {
    let had_threads = wire::TaskRecord {
        threads_runtime_ns: 1,
        ..an_old_zombie()
    };
    let never_ran = wire::TaskRecord {
        last_ran_sched_ns: 0,
        ..an_old_zombie()
    };
    let ran_all_the_time = wire::TaskRecord {
        runtime_ns: 5_000_000_000,
        ..an_old_zombie()
    };
    let alive = wire::TaskRecord {
        flags: 0,
        ..an_old_zombie()
    };
    for record in [had_threads, never_ran, ran_all_the_time, alive] {
        assert_eq!(dead_by_ns(&record), None, "{record:?}");
    }
}

#[test]
fn wait_arguments_are_known_for_all_calls_or_none() {
    let mut record = wire::TaskRecord {
        flags: 0,
        ..an_old_zombie()
    };
    record.waits = wire::Waits {
        calls: 7,
        last_ns: 900,
        takes: [1, 2, 3, 4, 5, 6],
        last_take_ns: 800,
        peeks: [0, 3, 0, 4, 0, 0],
        last_peek_ns: 700,
        last_peek_kind: asked::PIDFD as u32,
        last_peek_id: 9,
        ..wire::Waits::NONE
    };
    let waits = |record: &wire::TaskRecord| {
        let task = decode_task(&bytes(record)).expect("a task");
        task.waits.expect("the kernel side counts them")
    };
    let expected = Asked {
        any: 1,
        process: 2,
        group: 3,
        pidfd: 4,
        clones: 5,
        of_thread: 6,
        peeks: 7,
        last_take_ns: Some(800),
        last_any_ns: None,
        last_peek_ns: Some(700),
        peeked: Peeked {
            process: 3,
            pidfd: 4,
            last: Some(Target::Pidfd(9)),
            ..Peeked::default()
        },
    };
    assert_eq!(waits(&record).asked, Some(expected));
    // One call of a 32-bit program might have been for anybody.
    record.waits.unknown = 1;
    let unknown = waits(&record);
    assert_eq!(
        (unknown.calls, unknown.last_ns, unknown.asked),
        (7, Some(900), None)
    );
}

#[test]
fn a_cgroup_path_ends_at_its_nul_or_is_unknown() {
    let mut path = [b'x'; wire::CGROUP_PATH_LEN];
    path[..3].copy_from_slice(b"/a\0");
    let mut record = wire::CgroupMade {
        head: wire::Head {
            kind: kind::CGROUP_MADE,
            flags: 0,
            at_ns: 100,
        },
        id: 42,
        path,
    };
    let made = |record: &wire::CgroupMade| match decode(&bytes(record), 4096) {
        Ok(Event::CgroupMade(made)) => made,
        other => panic!("{other:?}"),
    };
    assert_eq!(made(&record).path.as_deref(), Some("/a"));
    assert_eq!(made(&record).id.version, CgroupVersion::V2);
    record.head.flags = cgroup_flags::PATH_CUT | cgroup_flags::VERSION_1;
    assert_eq!(made(&record).path, None);
    assert_eq!(made(&record).id.version, CgroupVersion::V1);
}

#[test]
fn an_exec_names_both_programs() {
    let mut former = [0; wire::COMM_LEN];
    former[..4].copy_from_slice(b"bash");
    let record = wire::Exec {
        head: wire::Head {
            kind: kind::EXEC,
            flags: 0,
            at_ns: 100,
        },
        process: named(42, b"sleep"),
        former,
    };
    let Ok(Event::Exec(exec)) = decode(&bytes(&record), 4096) else {
        panic!("an exec")
    };
    assert_eq!(
        (exec.at_ns, &*exec.process.comm.text(), &*exec.former.text()),
        (100, "sleep", "bash")
    );
}

#[test]
fn facts_of_a_task_about_its_program_and_signals_are_known_or_null() {
    let task = |record: &wire::TaskRecord| decode_task(&bytes(record)).expect("a task");
    let mut record = wire::TaskRecord {
        process: named(7, b"app"),
        ..wire::TaskRecord::default()
    };
    let nothing = task(&record);
    assert_eq!((nothing.exec, nothing.ignored), (None, None));
    assert_eq!((nothing.exec_id, nothing.parent_exec_id), (None, None));
    assert_eq!((nothing.subreaper, nothing.stop_signal), (None, None));
    record.exec_ns = 5;
    record.former[..2].copy_from_slice(b"sh");
    (record.exec_id, record.group, record.session) = (3, 6, 4);
    record.flags = task_flags::NO_SUBREAPER;
    record.stop_signal = 21;
    record.ignored = wire::Ignored {
        at_ns: 8,
        by: named(2, b"kill"),
        signal: 15,
        by_choice: 0,
    };
    let all = task(&record);
    let exec = all.exec.expect("it executed a program");
    assert_eq!((exec.at_ns, &*exec.former.text()), (5, "sh"));
    assert_eq!((all.exec_id, all.parent_exec_id), (Some(3), Some(0)));
    assert_eq!((all.group, all.session), (6, 4));
    assert_eq!((all.subreaper, all.stop_signal), (Some(false), Some(21)));
    let ignored = all.ignored.expect("it ignored a signal");
    assert_eq!((ignored.signal, ignored.by_choice), (15, false));
    assert_eq!(ignored.by.map(|by| by.key.tgid), Some(2));
}

#[test]
fn a_thread_that_reaps_is_named_unless_it_is_the_first() {
    let thread = |tid, name: &[u8]| {
        let mut record = wire::Release {
            tgid: 42,
            start_ns: 7,
            reaper: named(9, b"app"),
            reaper_thread: named(9, name).comm,
            ..wire::Release::default()
        };
        record.head.kind = kind::RELEASE;
        record.reaper.tid = tid;
        match decode(&bytes(&record), 4096) {
            Ok(Event::Release(release)) => release.by_thread,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(thread(9, b"app"), None);
    assert_eq!(thread(10, b""), None);
    assert_eq!(thread(10, b"reaper"), Some("reaper".into()));
}

#[test]
fn damaged_records_are_decoded_or_refused() {
    let corpus = [bytes(&a_death()), bytes(&an_old_zombie())];
    fuzz::feed(&corpus, |record| {
        let _ = (
            decode(record, 4096),
            decode_task(record),
            decode_threads(record),
        );
    });
}
