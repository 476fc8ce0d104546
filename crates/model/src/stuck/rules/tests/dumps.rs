//! Processes that dump core.

use super::super::testing::*;
use super::super::*;
use crate::stuck::evidence::CoreHelper;
use Confidence::{Certain, Guess, Likely};

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
    threads.push(Thread::of(
        101,
        'I',
        &["do_exit", "do_group_exit", "get_signal"],
    ));
    facts(&mut evidence).dumps_core = Some(true);
    facts(&mut evidence).core_helper = Some(CoreHelper {
        pattern: "|/usr/bin/slow %p".to_owned(),
        process: Some(actor(60, "slow", 'S')),
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
    helper.process = Some(actor(60, "slow", 'T'));
    let verdict = assert_judged(&evidence, "dumping_core", Certain);
    assert_names(&verdict.remedy, &["kill -CONT 60;"]);
    facts(&mut evidence).dumps_core = Some(false);
    assert_judged(&evidence, "dumping_core", Guess);
}

#[test]
fn a_core_dump_into_fuse_is_not_advised_to_wait() {
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
    facts(&mut evidence).fuse = vec![connection(38, vec![actor(7, "sshfs", 'S')])];
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
    facts(&mut evidence).threads = vec![Thread::of(100, 'D', &nfs)];
    facts(&mut evidence).network = vec!["nas:/home on /home".to_owned()];
    facts(&mut evidence).fuse.clear();
    let verdict = assert_judged(&evidence, "dumping_core", Likely);
    assert_names(&verdict.remedy, &["nas:/home on /home"]);
    // The advice is to wait only if the dump makes progress.
    for (state, stack) in [
        ('R', ["elf_core_dump", "vfs_coredump"]),
        ('D', ["io_schedule", "vfs_coredump"]),
    ] {
        facts(&mut evidence).threads = vec![Thread::of(100, state, &stack)];
        let verdict = assert_judged(&evidence, "dumping_core", Certain);
        assert_names(&verdict.remedy, &["wait until"]);
    }
}
