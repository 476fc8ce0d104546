//! What this host allowed when the probes were attached.

use super::{feed::Feed, scrape, settings::Names};
use crate::doctor;
use crate::probes::{HookKind, ProbeReport};
use api::Fact;
use model::workload::pods::{Failure, Watched};

/// The conditions under which the agent works.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) probes: Vec<ProbeReport>,
    pub(super) source: HookKind,
    /// Capabilities before they were dropped, and those that are kept.
    pub(super) facts: Vec<Fact>,
    /// Where names come from.
    pub(super) names: Names,
}

impl Conditions {
    /// These, and what the agent knows of them and of itself by now.
    pub(super) fn doctor(&self, feed: &Feed) -> api::Doctor {
        let state = &feed.state;
        let mut facts = self.facts.clone();
        let names = &self.names;
        facts.extend(names.no_watch.as_deref().map(doctor::no_pod_watch));
        if let Some((cluster, watched)) = names.watch.as_ref().zip(state.workloads.watched) {
            facts.push(doctor::pod_watch(cluster, failure_of(&watched)));
        }
        if let Some((cri, watched)) = names.cri.as_ref().zip(state.workloads.cri) {
            facts.push(doctor::runtime(cri.socket(), failure_of(&watched)));
        }
        facts.extend(doctor::evidence(&state.judgements.notes()));
        let lost = feed.intake.tally.lost(&feed.counters()).by_reason();
        let lost = lost.map(|(reason, events)| api::LostEvents {
            reason: reason.to_owned(),
            events,
        });
        let tables = scrape::tables(state).into_iter().map(|it| api::TableUse {
            table: it.name.to_owned(),
            entries: it.entries as u64,
            limit: it.limit as u64,
        });
        api::Doctor {
            agent: Some(api::AgentUse {
                pid: std::process::id(),
                lost: lost.into(),
                tables: tables.collect(),
                ..api::AgentUse::default()
            }),
            ..doctor::report(facts, Some(self.source), &self.probes, None)
        }
    }

    /// Whether calls of wait are counted.
    pub(super) fn counts_waits(&self) -> bool {
        let wait = self.probes.iter().find(|probe| probe.probe == "wait");
        wait.is_some_and(|probe| probe.hook.is_some())
    }

    /// Each attached probe with its hook.
    pub(super) fn attached(&self) -> Vec<(String, String)> {
        let attached = self.probes.iter().filter_map(ProbeReport::attached);
        attached.collect()
    }
}

/// Why a source of names does not work now. Until its first answer it is slow.
fn failure_of(watched: &Watched) -> Option<Failure> {
    (!watched.up).then(|| watched.last.unwrap_or(Failure::Slow))
}
