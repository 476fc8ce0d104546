//! Which process does not finish exiting, and why.

use super::State;
use crate::answers::stuck::{self, Examined};
use crate::culprit::place;
use crate::events::Key;
use crate::signals;
use crate::stuck::evidence::Facts;
use crate::stuck::evidence::watch::Suspect;
use crate::workload::Workload;

impl State {
    /// Judges these suspects. `facts` is the content of their files, or why it is not known.
    pub fn stuck_exits(
        &mut self,
        suspects: &[Suspect],
        mut facts: impl FnMut(Key) -> Result<Facts, &'static str>,
        now_ns: u64,
    ) -> api::Document<api::Stuck> {
        let item = |suspect: &Suspect| {
            let (facts, why_not) = match facts(suspect.process.key) {
                Ok(facts) => (Some(facts), None),
                Err(why_not) => (None, Some(why_not)),
            };
            let since = suspect.since(facts.as_ref());
            let workload = self.workloads.of_suspect(suspect, now_ns);
            let place = place::of(workload.as_deref(), &[]);
            let stuck = suspect.complete(facts, place, now_ns, signals::name);
            let examined = Examined {
                suspect,
                since,
                stuck: &stuck,
                why_not,
            };
            let container = workload.as_deref().and_then(Workload::container_for_answer);
            let item = stuck::item(self.wall, &examined, container);
            // Ignoring a signal is harmless as long as no process waits for the exit; more so if
            // the signal was handled after all.
            let heard = stuck.ignored.is_none() || item.verdict.is_none();
            (suspect.unheard.is_none() || !heard).then_some(item)
        };
        let items: Vec<_> = suspects.iter().filter_map(item).collect();
        let total = items.len() as u64;
        self.document(items, total, now_ns)
    }
}
