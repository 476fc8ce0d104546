//! The thread that decides, and missing evidence.

use super::super::testing::*;
use super::super::*;
use crate::stuck::evidence::Facts;
use Confidence::Likely;

#[test]
fn missing_evidence_lowers_the_confidence_or_gives_no_verdict() {
    let mut evidence = stuck('D', &[]);
    facts(&mut evidence).threads[0].wchan = Some("request_wait_answer".to_owned());
    facts(&mut evidence).fuse = vec![connection(38, vec![actor(7, "sshfs", 'S')])];
    facts(&mut evidence).fuse_is_exact = true;
    let verdict = assert_judged(&evidence, "unkillable_sleep", Likely);
    assert_names(&verdict.evidence[0], &["request_wait_answer"]);
    let needs = |verdict: &Verdict| {
        verdict
            .evidence
            .iter()
            .any(|it| it.contains("CAP_SYS_ADMIN"))
    };
    assert!(!needs(&verdict), "we need not lack it: {verdict:#?}");
    facts(&mut evidence).needs = [Some("CAP_SYS_ADMIN"), Some("CAP_SYS_PTRACE")];
    let verdict = assert_judged(&evidence, "unkillable_sleep", Likely);
    assert!(needs(&verdict), "{verdict:#?}");
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
    let bound = |line: &String| line.starts_with("exiting ") && line.contains("at least 12s");
    assert!(verdict.evidence.iter().any(bound), "{verdict:#?}");
    let killed = |line: &String| line.contains("kubelet");
    assert!(!verdict.evidence.iter().any(killed), "{verdict:#?}");
}

#[test]
fn the_thread_that_blocks_the_others_decides() {
    let mut evidence = stuck('I', &["do_exit", "do_group_exit", "get_signal"]);
    facts(&mut evidence)
        .threads
        .push(Thread::of(101, 'D', &["io_schedule", "vfs_read"]));
    facts(&mut evidence).ended = 3;
    let verdict = assert_judged(&evidence, "unkillable_sleep", Likely);
    assert!(verdict.evidence[0].starts_with("thread 101"));
    assert_names(
        &verdict.evidence.join("; "),
        &["other threads: 3", "1 elsewhere"],
    );
}

#[test]
fn a_process_that_has_not_begun_to_exit_is_not_reported_as_exiting() {
    let read = ["request_wait_answer", "fuse_file_open", "path_openat"];
    let says = |evidence: &Stuck, words: &str| {
        let verdict = judge(evidence).expect("there is a verdict");
        verdict.evidence.iter().any(|fact| fact.starts_with(words))
    };
    let mut waiting = stuck('D', &read);
    assert_eq!(waiting.exit_has_begun(), Some(false));
    assert!(says(&waiting, "killed ") && !says(&waiting, "exiting "));
    // One of its threads has exited.
    facts(&mut waiting).ended = 1;
    assert_eq!(waiting.exit_has_begun(), Some(true));
    assert!(says(&waiting, "exiting "));
    assert_eq!(stuck('D', &FLUSH).exit_has_begun(), Some(true));
    let unknown = Stuck {
        facts: None,
        ..stuck('D', &read)
    };
    assert_eq!(unknown.exit_has_begun(), None);
}

#[test]
fn an_aborted_search_is_reported() {
    let mut evidence = stuck('D', &FLUSH);
    let facts_of = |evidence: &Stuck| judge(evidence).expect("there is a verdict").evidence;
    let before = facts_of(&evidence);
    facts(&mut evidence).is_unsearched = true;
    let after = facts_of(&evidence);
    assert_eq!(after.len(), before.len() + 1, "{after:#?}");
}
