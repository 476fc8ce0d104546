//! What the loop answers: copies of its state, made when asked for.

use std::{collections::BTreeMap, sync::Arc, time::UNIX_EPOCH};

use super::{
    core::Agent,
    host,
    judge::{FOR_TOP_NS, Question},
    tally,
};
use crate::{
    api::{self, Document},
    doctor,
    events::Key,
    handle::{Health, Request},
    kernel::{self, ProbeReport},
    lifecycle::Record,
    metrics::{Holder, Labels, Sample, Zombies},
    parents, report, verdict,
    workload::Workload,
};

impl Agent {
    pub(super) fn answer(&mut self, request: Request) {
        self.wall.follow();
        self.drain();
        // Nobody waits any more when sending fails.
        let _gone = match request {
            Request::Zombies(to) => return self.answer_judged(Question::Zombies(to)),
            Request::Culprits(to) => return self.answer_judged(Question::Culprits(to)),
            Request::Top(to) => {
                self.judge_if_older_than(FOR_TOP_NS);
                let top = self.top();
                to.send(self.document(vec![top])).is_ok()
            }
            Request::Doctor(to) => to.send(self.doctor()).is_ok(),
            Request::Metrics(to) => to.send(self.scrape()).is_ok(),
            Request::Health(to) => to.send(Health { ready: self.ready }).is_ok(),
            Request::Follow(to) => to.send(self.streams.follow()).is_ok(),
        };
    }

    pub(super) fn document<T>(&self, items: Vec<T>) -> Document<T> {
        Document {
            version: api::VERSION,
            host: host::name(),
            kernel: host::kernel(),
            source: self.kernel.source.name().to_owned(),
            at: report::time(self.wall, kernel::now_ns()),
            lost_events: self.lost_events(),
            items,
        }
    }

    /// Oldest first.
    pub(super) fn zombies(&mut self) -> Vec<api::Zombie> {
        let now_ns = kernel::now_ns();
        let zombie = |record: &Record| {
            let holder = record.responsible();
            let why = if self.judge.is_old(record.died.at_ns) {
                holder.and_then(|holder| self.judge.verdict(holder.key).cloned())
            } else {
                let age_ns = now_ns.saturating_sub(record.died.at_ns);
                Some(verdict::just_died(age_ns))
            };
            api::Zombie {
                verdict: why.as_ref().map(report::verdict),
                ..report::zombie(self.wall, now_ns, record)
            }
        };
        let mut zombies: Vec<_> = self.oldest_first().into_iter().map(zombie).collect();
        self.place_zombies(&mut zombies, now_ns);
        zombies
    }

    /// Says of each zombie, in the order of age, where it belongs.
    fn place_zombies(&mut self, zombies: &mut [api::Zombie], now_ns: u64) {
        let mut records: Vec<_> = self.lifecycle.zombies().collect();
        records.sort_by_key(|record| record.died.at_ns);
        for (zombie, record) in zombies.iter_mut().zip(records) {
            zombie.container = contained(self.resolver.of_record(record, now_ns));
            let parent = record.parent.as_ref();
            let parent = parent.and_then(|it| self.resolver.of_living(it.key, now_ns));
            zombie.parent_container = contained(parent);
        }
    }

    fn oldest_first(&self) -> Vec<&Record> {
        let mut records: Vec<_> = self.lifecycle.zombies().collect();
        records.sort_by_key(|record| record.died.at_ns);
        records
    }

    /// Those who hold zombies that are not young, the worst first.
    pub(super) fn culprits(&mut self) -> Vec<api::Culprit> {
        let now_ns = kernel::now_ns();
        let rows = self.parents.rows(now_ns, self.lifecycle.zombies());
        let is_old = |row: &&parents::Row| {
            let oldest_ns = row.oldest_ns;
            oldest_ns.is_some_and(|age_ns| self.judge.is_old(now_ns.saturating_sub(age_ns)))
        };
        let rows: Vec<_> = rows.iter().filter(is_old).collect();
        let culprit = |row: &parents::Row| {
            let key = row.process.key;
            let judged = self.judge.judged(key);
            api::Culprit {
                container: contained(self.resolver.of_living(key, now_ns)),
                waits_total: judged.and_then(|judged| judged.waits),
                last_wait_at: judged
                    .and_then(|judged| judged.last_wait_ns)
                    .map(|at_ns| report::time(self.wall, at_ns)),
                verdict: judged
                    .and_then(|judged| judged.verdict.as_ref())
                    .map(report::verdict),
                ..report::culprit(self.wall, row)
            }
        };
        rows.into_iter().map(culprit).collect()
    }

    fn top(&mut self) -> api::Top {
        let now_ns = kernel::now_ns();
        let rows = self.parents.rows(now_ns, self.lifecycle.zombies());
        // The verdict stands with the parent: a frame would else repeat it with each zombie.
        let records = self.oldest_first().into_iter();
        let mut zombies: Vec<_> = records
            .map(|record| report::zombie(self.wall, now_ns, record))
            .collect();
        self.place_zombies(&mut zombies, now_ns);
        let counters = self.counters();
        api::Top {
            summary: api::Summary {
                zombies: zombies.len() as u64,
                exits_total: tally::exits(&counters).total(),
                reaped_total: self.tally.reaped(&counters),
                uptime_seconds: report::seconds(now_ns - self.began_ns),
                agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            parents: rows
                .iter()
                .map(|row| {
                    let key = row.process.key;
                    api::Parent {
                        container: contained(self.resolver.of_living(key, now_ns)),
                        ..report::parent(self.wall, row, self.judge.verdict(key))
                    }
                })
                .collect(),
            zombies,
        }
    }

    fn doctor(&self) -> api::Doctor {
        doctor::report(Some(self.kernel.source), &self.probes, None)
    }

    fn scrape(&mut self) -> String {
        let now_ns = kernel::now_ns();
        let counters = self.counters();
        let stale_ns = self.settings.stale_after.as_nanos() as u64;
        let mut zombies = BTreeMap::<_, Zombies>::new();
        let mut holders = BTreeMap::<Key, (String, u64)>::new();
        for record in self.lifecycle.zombies() {
            let stale = now_ns.saturating_sub(record.died.at_ns) >= stale_ns;
            let workload = self.resolver.of_record(record, now_ns);
            let died = self.wall.time_of(record.died.at_ns);
            let died = died.duration_since(UNIX_EPOCH).ok();
            let of_it = zombies.entry(Labels::of(workload.as_deref())).or_default();
            of_it.add(stale, died.map(|died| died.as_secs_f64()));
            if let (true, Some(holder)) = (stale, record.responsible()) {
                let comm = || (holder.comm.clone(), 0);
                holders.entry(holder.key).or_insert_with(comm).1 += 1;
            }
        }
        let holder = |(key, (comm, zombies))| Holder {
            workload: Labels::of(self.resolver.of_living(key, now_ns).as_deref()),
            comm,
            zombies,
        };
        let sample = Sample {
            now_ns,
            parents: holders.into_iter().map(holder).collect(),
            zombies,
            lost_exits: tally::lost_deaths(&counters),
            lost_reaps: self.tally.lost_reaps(&counters),
            lookups_failed: self.resolver.known.failed,
            lost: self.tally.lost(&counters, self.kernel.skipped_runs()),
            events: self.tally.events,
            culprits: self.judge.counts(),
            pids_used: host::pids_used(),
            pids_limit: host::pids_limit(),
            probes: self
                .probes
                .iter()
                .filter_map(ProbeReport::attached)
                .collect(),
        };
        self.metrics.render(&sample)
    }
}

fn contained(workload: Option<Arc<Workload>>) -> Option<api::Container> {
    report::container(&*workload?)
}
