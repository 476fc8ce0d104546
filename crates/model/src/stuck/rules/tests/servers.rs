//! Processes that wait for a file server or a disk, while closing files or in an uninterruptible call.

use super::super::testing::*;
use super::super::*;
use crate::culprit::evidence::block::{On, Relation};
use crate::stuck::evidence::{Connection, Hidden};
use Confidence::{Certain, Likely};

#[test]
fn a_flush_that_fuse_does_not_answer_names_connection_server_and_abort() {
    let mut evidence = stuck('D', &FLUSH);
    facts(&mut evidence).fuse = vec![connection(38, vec![actor(7, "sshfs", 'T')])];
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
    // The server is stopped: resume it first, then abort.
    assert_names(&verdict.remedy, &["kill -CONT 7;"]);
    assert!(
        verdict
            .remedy
            .ends_with(": echo 1 > /sys/fs/fuse/connections/38/abort")
    );
}

#[test]
fn a_connection_without_a_server_is_aborted_at_once() {
    let mut evidence = stuck('D', &FLUSH);
    facts(&mut evidence).fuse = vec![connection(38, Vec::new())];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "closing_files", Certain);
    assert!(verdict.remedy.starts_with("abort"), "{}", verdict.remedy);
    // Not if the server may only be hidden from us.
    facts(&mut evidence).fuse[0].hidden = Some(Hidden::Needs("CAP_SYS_PTRACE"));
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
        blocked(actor(7, "sshfs", 'S'), socket(), vec![ssh])
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
fn several_fuse_connections_are_candidates() {
    let mut evidence = stuck('D', &FLUSH);
    let one_of = vec![actor(7, "sshfs", 'S'), actor(8, "rclone", 'S')];
    facts(&mut evidence).fuse = vec![connection(38, one_of.clone()), connection(39, one_of)];
    let verdict = assert_judged(&evidence, "closing_files", Likely);
    let servers = ["connection 38", "sshfs (PID 7)", "rclone (PID 8)"];
    assert_names(&verdict.evidence[1], &servers);
    assert!(
        verdict.remedy.ends_with("/connections/N/abort"),
        "{}",
        verdict.remedy
    );
    facts(&mut evidence).fuse.clear();
    assert_judged(&evidence, "closing_files", Likely);
}

#[test]
fn a_read_that_fuse_does_not_answer_is_an_unkillable_sleep() {
    let read = [
        "request_wait_answer",
        "fuse_file_read_iter",
        "vfs_read",
        "ksys_read",
    ];
    let mut evidence = stuck('D', &read);
    facts(&mut evidence).fuse = vec![connection(38, vec![actor(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "unkillable_sleep", Certain);
    assert!(verdict.remedy.ends_with("/38/abort"));
    // Without SIGKILL the thread only waits, and there is no exit.
    facts(&mut evidence).threads[0].kill_pending = false;
    assert_eq!(judge(&evidence), None);
}

#[test]
fn file_servers_and_disks_differ() {
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
fn an_uncertain_connection_is_checked_before_it_is_aborted() {
    let mut evidence = stuck('D', &FLUSH);
    let unmounted = |number| Connection {
        abort: format!("mount -t fusectl x; echo 1 > /sys/fs/fuse/connections/{number}/abort"),
        ..connection(number, vec![actor(7, "sshfs", 'S')])
    };
    facts(&mut evidence).fuse = vec![unmounted(38), unmounted(39)];
    let remedy = |evidence: &Stuck| judge(evidence).expect("there is a verdict").remedy;
    let several = remedy(&evidence);
    assert_names(
        &several,
        &["mount -t fusectl x; grep . /sys/fs/fuse/connections/*/waiting"],
    );
    assert!(
        several.ends_with(": echo 1 > /sys/fs/fuse/connections/N/abort"),
        "{several}"
    );
    facts(&mut evidence).fuse.pop();
    assert_names(&remedy(&evidence), &["connections/38/waiting"]);
    facts(&mut evidence).fuse_is_exact = true;
    assert!(!remedy(&evidence).contains("waiting"));
}
