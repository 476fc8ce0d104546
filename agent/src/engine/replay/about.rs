//! What a recording knows of the agent that made it.

use api::{Doctor, Fact, Time};

use super::feed::Feed;

/// As of the moment to which the recording was replayed. It has neither probes nor privileges.
pub(super) fn doctor(feed: &Feed, began: Time, is_whole: bool, unknown_lines: u64) -> Doctor {
    let about = &feed.state.about;
    let mut facts = vec![
        fine("host", about.host.clone()),
        fine("kernel", about.kernel.clone()),
        fine("recorded since", began.0.strftime("%F %T UTC").to_string()),
    ];
    facts.extend(events(feed));
    facts.extend(lost(feed));
    if !is_whole {
        let missing = "what happened after its last line is not known";
        facts.push(wrong("end of the recording", "missing".to_owned(), missing));
    }
    if unknown_lines > 0 {
        let fix = "replay it with the release that made it";
        facts.push(wrong("skipped lines", unknown_lines.to_string(), fix));
    }
    Doctor {
        version: api::VERSION,
        host: about.host.clone(),
        kernel: about.kernel.clone(),
        source: Some(about.source.clone()),
        runs: true,
        facts,
        probes: Vec::new(),
        agent: None,
    }
}

/// The events of each kind that were recorded.
fn events(feed: &Feed) -> impl Iterator<Item = Fact> {
    let kinds = feed.tally.events.by_kind().into_iter();
    let kinds = kinds.filter(|(_, events)| *events > 0);
    kinds.map(|(kind, events)| fine(&format!("{kind} events"), events.to_string()))
}

/// Why events were lost.
fn lost(feed: &Feed) -> impl Iterator<Item = Fact> {
    let reasons = feed.counted.map(|counted| counted.lost().by_reason());
    let reasons = reasons.into_iter().flatten();
    let reasons = reasons.filter(|(_, events)| *events > 0);
    let missing = "histograms miss the affected deaths; counts are exact";
    reasons.map(|(reason, events)| wrong(&format!("lost: {reason}"), events.to_string(), missing))
}

fn fine(name: &str, found: String) -> Fact {
    Fact {
        name: name.to_owned(),
        ok: true,
        found,
        fix: None,
        mend: None,
    }
}

fn wrong(name: &str, found: String, fix: &str) -> Fact {
    Fact {
        ok: false,
        fix: Some(fix.to_owned()),
        ..fine(name, found)
    }
}
