//! What the tests of all rules ask.

use super::{Confidence, Verdict};

pub(super) const SECOND: u64 = 1_000_000_000;

/// It is this verdict, with all that each verdict has, and its remedy loses nothing.
#[track_caller]
pub(super) fn assert_sound(verdict: Option<Verdict>, id: &str, confidence: Confidence) -> Verdict {
    let verdict = verdict.expect("there is a verdict");
    assert_eq!(
        (verdict.id, verdict.confidence),
        (id, confidence),
        "{verdict:#?}"
    );
    let remedy = verdict.remedy.to_lowercase();
    assert!(
        !remedy.contains("reboot") && !remedy.contains("-9"),
        "{remedy}"
    );
    assert!(!verdict.evidence.is_empty() && !verdict.summary.ends_with('.'));
    verdict
}
