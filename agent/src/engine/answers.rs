//! Answers to requests: copies of the loop's state, made on demand.

use std::collections::BTreeMap;

use super::{core::Agent, questions::Question, tally};
use crate::doctor;
use crate::handle::{Health, Request};
use crate::metrics::{Holder, Labels, Page, PidTable, Sample};
use crate::probes::{self, ProbeReport};
use model::culprit::rules;
use model::events::Key;
use model::pids::Usage;
use model::recording::Counted;
use model::workload::pods::Failure;

impl Agent {
    pub(super) fn answer(&mut self, request: Request) {
        self.drain();
        // Sending fails if the asker has gone.
        let _gone = match request {
            Request::Zombies(wanted, to) => {
                return self.answer_judged(Question::Zombies(wanted, to));
            }
            Request::Culprits(wanted, to) => {
                return self.answer_judged(Question::Culprits(wanted, to));
            }
            Request::Explain(pid, seen, to) => {
                return self.answer_judged(Question::Explain(pid, seen, to));
            }
            Request::Stuck(threshold, to) => return self.answer_stuck((threshold, to)),
            Request::Top(limit, to) => return self.answer_top(limit, to),
            Request::Doctor(to) => to.send(self.doctor()).is_ok(),
            Request::Metrics(to) => to.send(self.scrape()).is_ok(),
            Request::Health(to) => to.send(Health { ready: self.ready }).is_ok(),
            Request::Follow(to) => to.send(self.streams.follow()).is_ok(),
        };
    }

    /// Counts anew.
    pub(super) fn count(&mut self) {
        let counters = self.counters();
        let lost = self.tally.lost(&counters, self.kernel.skipped_runs());
        let exits = tally::exits(&counters).plus(self.state.tally.confirmed);
        self.state.counted = Counted {
            exited: exits.exited,
            killed: exits.killed,
            dumped: exits.dumped,
            lost_deaths: tally::lost_deaths(&counters).total(),
            ring_full: lost.ring_full,
            tasks_full: lost.tasks_full,
            malformed: lost.malformed,
            skipped_runs: lost.skipped_runs,
        };
    }

    fn pid_table(&self, usage: &Usage) -> PidTable {
        let place = |id| Labels::of(self.state.workloads.cgroup(id).map(|it| &**it));
        PidTable {
            scope: usage.scope.name().to_owned(),
            workload: usage.cgroup.map_or_else(Labels::none, place),
            used: usage.used,
            limit: usage.limit,
            zombies: usage.zombies,
        }
    }

    fn doctor(&self) -> api::Doctor {
        let mut facts = self.facts_at_attach.clone();
        let cri = self.settings.names.cri.as_ref();
        if let Some((cri, watched)) = cri.zip(self.state.workloads.cri) {
            // Until its first answer, count the runtime as slow, not as failed.
            let failure = watched.last.or(Some(Failure::Slow));
            let failure = failure.filter(|_| !watched.up);
            facts.push(doctor::runtime(cri.socket(), failure));
        }
        facts.extend(doctor::evidence(&self.state.judgements.notes()));
        doctor::report(facts, Some(self.kernel.source), &self.probes, None)
    }

    fn scrape(&mut self) -> Page {
        let now_ns = probes::now_ns();
        let counters = self.counters();
        let stale_ns = self.settings.stale_after.as_nanos() as u64;
        let mut present = self.stuck_by_workload(now_ns);
        let mut holders = BTreeMap::<Key, (String, u64)>::new();
        let known = &mut self.state;
        for record in known.lifecycle.zombies() {
            let stale = now_ns.saturating_sub(record.died.at_ns) >= stale_ns;
            let workload = known.workloads.of_record(record, now_ns);
            let died = known.wall.time_by_now(record.died.at_ns).as_duration();
            let of_it = present.entry(Labels::of(workload.as_deref())).or_default();
            of_it.add_zombie(stale, Some(died.as_secs_f64()));
            if let (true, Some(holder)) = (stale, record.responsible()) {
                let comm = || (holder.comm.to_string(), 0);
                holders.entry(holder.key).or_insert_with(comm).1 += 1;
            }
        }
        let mut culprits = BTreeMap::<_, u64>::new();
        for (process, verdict) in known.judgements.all() {
            let workload = known.workloads.of_process(process.key, now_ns);
            let labels = Labels::of(workload.as_deref());
            let id = verdict.and_then(|verdict| rules::ids().find(|id| verdict.id == *id));
            let id = id.unwrap_or(rules::UNEXPLAINED);
            *culprits.entry((labels, id)).or_default() += 1;
        }
        let holder = |(key, (comm, zombies))| Holder {
            workload: Labels::of(known.workloads.of_process(key, now_ns).as_deref()),
            comm,
            zombies,
        };
        let parents = holders.into_iter().map(holder).collect();
        let lost_exits = tally::lost_deaths(&counters);
        let sample = Sample {
            now_ns,
            parents,
            present,
            lost_exits,
            lost_reaps: self.state.tally.lost_reaps(lost_exits.total()),
            lookups_failed: self.state.workloads.failed,
            pod_watch: self.state.workloads.watched,
            cri: self.state.workloads.cri,
            lost: self.tally.lost(&counters, self.kernel.skipped_runs()),
            events: self.tally.events,
            verdicts: rules::ids().chain([rules::UNEXPLAINED]).collect(),
            culprits,
            pids: self
                .pid_usages()
                .iter()
                .map(|it| self.pid_table(it))
                .collect(),
            probes: self
                .probes
                .iter()
                .filter_map(ProbeReport::attached)
                .collect(),
        };
        self.metrics.scrape(sample)
    }
}
