//! Which thread decides, and what missing evidence does.

use super::super::testing::*;
use super::super::*;
use crate::evidence::stuck::Facts;
use Confidence::Likely;

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
