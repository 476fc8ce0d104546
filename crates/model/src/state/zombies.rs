//! Who is dead and unreaped.

use super::State;
use crate::answers;
use crate::lifecycle::Record;

impl State {
    /// Oldest first.
    pub fn zombies(&mut self, now_ns: u64) -> api::Document<api::Zombie> {
        let items = self.zombies_with(now_ns, Self::why_unreaped);
        self.document(items, now_ns)
    }

    /// Each with what `why` says of it.
    pub(super) fn zombies_with(
        &mut self,
        now_ns: u64,
        why: impl Fn(&Self, &Record, u64) -> Option<api::Verdict>,
    ) -> Vec<api::Zombie> {
        let records = self.lifecycle.oldest_first().into_iter();
        let judged: Vec<_> = records.map(|record| why(self, record, now_ns)).collect();
        let records = self.lifecycle.oldest_first().into_iter();
        let workloads = &mut self.workloads;
        let zombie = |(record, verdict): (&Record, _)| {
            let places = [
                workloads.container_of_record(record, now_ns),
                workloads.container_of_parent(record, now_ns),
            ];
            answers::zombie(self.wall, now_ns, record, verdict, places)
        };
        records.zip(judged).map(zombie).collect()
    }
}
