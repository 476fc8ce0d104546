//! Which process does not finish exiting, and why.

use super::State;
use crate::answers::stuck::{self, Examined};
use crate::culprit::place;
use crate::events::Key;
use crate::recording::Why;
use crate::signals;
use crate::stuck::evidence::Facts;
use crate::stuck::evidence::watch::Suspect;
use crate::workload::Workload;

/// What a round found of a suspect.
#[derive(Clone, Debug)]
pub enum Looked {
    /// The content of its files.
    Found(Box<Facts>),
    /// What an earlier round made of them.
    Recorded(Box<Why>),
    /// Nothing, for this reason.
    Unknown(&'static str),
}

impl State {
    /// Judges these suspects, of which so much is known.
    pub fn stuck_exits(
        &mut self,
        suspects: &[Suspect],
        mut known: impl FnMut(Key) -> Looked,
        now_ns: u64,
    ) -> api::Document<api::Stuck> {
        let item = |suspect: &Suspect| {
            let (facts, why_not, recorded) = match known(suspect.process.key) {
                Looked::Found(facts) => (Some(*facts), None, None),
                Looked::Recorded(why) => (None, None, Some(why)),
                Looked::Unknown(why_not) => (None, Some(why_not), None),
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
            let mut item = stuck::item(self.wall, &examined, container);
            let ignores = stuck.ignored.is_some() || recorded.is_some();
            if let Some(why) = recorded {
                why.explain(&mut item);
            }
            // Ignoring a signal is harmless as long as no process waits for the exit; more so if
            // the signal was handled after all.
            let heard = !ignores || item.verdict.is_none();
            (suspect.unheard.is_none() || !heard).then_some(item)
        };
        let items: Vec<_> = suspects.iter().filter_map(item).collect();
        let total = items.len() as u64;
        self.document(items, total, now_ns)
    }
}
