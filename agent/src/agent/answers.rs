//! Answers to requests: copies of the loop's state, made on demand.

use std::{collections::BTreeMap, sync::Arc, time::UNIX_EPOCH};

use super::{core::Agent, host, judge::SUSPECTS, questions::Question, tally};
use crate::{
    api::{self, Document},
    doctor,
    events::Key,
    handle::{Health, Request},
    kernel::{self, ProbeReport},
    lifecycle::Record,
    metrics::{Holder, Labels, Page, PidTable, Sample},
    parents,
    pids::Usage,
    report, verdict,
    workload::{Workload, pods::Failure},
};

impl Agent {
    pub(super) fn answer(&mut self, request: Request) {
        self.drain();
        // Sending fails if the asker has gone.
        let _gone = match request {
            Request::Zombies(to) => return self.answer_judged(Question::Zombies(to)),
            Request::Culprits(to) => return self.answer_judged(Question::Culprits(to)),
            Request::Explain(pid, seen, to) => {
                return self.answer_judged(Question::Explain(pid, seen, to));
            }
            Request::Stuck(threshold, to) => return self.answer_stuck((threshold, to)),
            Request::Top(to) => return self.answer_top(to),
            Request::Doctor(to) => to.send(self.doctor()).is_ok(),
            Request::Metrics(to) => to.send(self.scrape()).is_ok(),
            Request::Health(to) => to.send(Health { ready: self.ready }).is_ok(),
            Request::Follow(to) => to.send(self.streams.follow()).is_ok(),
        };
    }

    pub(super) fn document<T>(&self, items: Vec<T>) -> Document<T> {
        Document {
            head: self.head(kernel::now_ns()),
            items,
            notes: self.judge.notes(),
        }
    }

    pub(super) fn head(&self, now_ns: u64) -> api::Head {
        api::Head {
            version: api::VERSION,
            host: host::name(),
            kernel: host::kernel(),
            source: self.kernel.source.name().to_owned(),
            at: report::time(self.wall, now_ns),
            lost_events: self.lost().total(),
        }
    }

    /// Oldest first.
    pub(super) fn zombies(&mut self) -> Vec<api::Zombie> {
        let now_ns = kernel::now_ns();
        let zombie = |record: &Record| api::Zombie {
            verdict: self.why_unreaped(record, now_ns),
            ..report::zombie(self.wall, now_ns, record)
        };
        let mut zombies: Vec<_> = self
            .lifecycle
            .oldest_first()
            .into_iter()
            .map(zombie)
            .collect();
        self.place_zombies(&mut zombies, now_ns);
        zombies
    }

    /// Adds the workload of each zombie, oldest first.
    fn place_zombies(&mut self, zombies: &mut [api::Zombie], now_ns: u64) {
        for (zombie, record) in zombies.iter_mut().zip(self.lifecycle.oldest_first()) {
            zombie.container = contained(self.resolver.of_record(record, now_ns));
            let parent = record.parent.as_ref();
            let parent = parent.and_then(|it| self.resolver.of_living(it.key, now_ns));
            zombie.parent_container = contained(parent);
        }
    }

    /// Why a zombie is not reaped, as of the last round.
    pub(super) fn why_unreaped(&self, record: &Record, now_ns: u64) -> Option<api::Verdict> {
        if self.judge.is_old(record.died.at_ns) {
            let holder = record.responsible()?;
            self.judge.verdict(holder.key).map(report::verdict)
        } else {
            let age_ns = now_ns.saturating_sub(record.died.at_ns);
            Some(report::verdict(&verdict::just_died(age_ns)))
        }
    }

    /// Processes that hold zombies older than the minimum age, worst first.
    pub(super) fn culprits(&mut self) -> Vec<api::Culprit> {
        let now_ns = kernel::now_ns();
        let rows = self.parents.rows(now_ns, self.lifecycle.zombies());
        let is_old = |row: &&parents::Row| {
            let oldest_ns = row.oldest_ns;
            oldest_ns.is_some_and(|age_ns| self.judge.is_old(now_ns.saturating_sub(age_ns)))
        };
        let old: Vec<_> = rows.iter().filter(is_old).collect();
        let culprit = |row: &parents::Row| api::Culprit {
            container: contained(self.resolver.of_living(row.process.key, now_ns)),
            ..self.culprit(row)
        };
        old.into_iter().map(culprit).collect()
    }

    /// What a row and the last round know of a process, except its workload.
    pub(super) fn culprit(&self, row: &parents::Row) -> api::Culprit {
        let judged = self.judge.judged(row.process.key);
        let why = judged.and_then(|judged| judged.verdict(row));
        api::Culprit {
            waits_total: judged.and_then(|judged| judged.waits),
            last_wait_at: judged
                .and_then(|judged| judged.last_wait_ns)
                .map(|at_ns| report::time(self.wall, at_ns)),
            verdict: why.as_ref().map(report::verdict),
            no_verdict: match judged {
                _ if why.is_some() => None,
                Some(_) => Some("no rule matches its behaviour".to_owned()),
                None => Some(format!(
                    "only the {SUSPECTS} processes with the most zombies are judged"
                )),
            },
            ..report::culprit(self.wall, row)
        }
    }

    pub(super) fn top(&mut self) -> api::Top {
        let now_ns = kernel::now_ns();
        let rows = self.parents.rows(now_ns, self.lifecycle.zombies());
        // The verdict is shown with the parent; otherwise a frame would repeat it for each zombie.
        let records = self.lifecycle.oldest_first().into_iter();
        let mut zombies: Vec<_> = records
            .map(|record| report::zombie(self.wall, now_ns, record))
            .collect();
        self.place_zombies(&mut zombies, now_ns);
        let counters = self.counters();
        api::Top {
            summary: api::Summary {
                zombies: zombies.len() as u64,
                exits_total: self.tally.exits(&counters).total(),
                reaped_total: self.tally.reaped(tally::lost_deaths(&counters).total()),
                stuck: self.exits.count(),
                uptime_seconds: report::seconds(now_ns - self.began_ns),
                agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            parents: rows
                .iter()
                .map(|row| {
                    let key = row.process.key;
                    let judged = self.judge.judged(key);
                    let why = judged.and_then(|judged| judged.verdict(row));
                    api::Parent {
                        container: contained(self.resolver.of_living(key, now_ns)),
                        ..report::parent(self.wall, row, why.as_ref())
                    }
                })
                .collect(),
            zombies,
            pids: report::pids(&self.pid_usages(), |id| self.resolver.known.cgroup(id)),
        }
    }

    fn pid_table(&self, usage: &Usage) -> PidTable {
        let place = |id| Labels::of(self.resolver.known.cgroup(id).map(|it| &**it));
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
        if let Some((cri, watched)) = cri.zip(self.resolver.known.cri) {
            // Until its first answer, count the runtime as slow, not as failed.
            let failure = watched.last.or(Some(Failure::Slow));
            let failure = failure.filter(|_| !watched.up);
            facts.push(doctor::runtime(cri.socket(), failure));
        }
        facts.extend(doctor::evidence(&self.judge.notes()));
        doctor::report(facts, Some(self.kernel.source), &self.probes, None)
    }

    fn scrape(&mut self) -> Page {
        let now_ns = kernel::now_ns();
        let counters = self.counters();
        let stale_ns = self.settings.stale_after.as_nanos() as u64;
        let mut present = self.stuck_by_workload(now_ns);
        let mut holders = BTreeMap::<Key, (String, u64)>::new();
        for record in self.lifecycle.zombies() {
            let stale = now_ns.saturating_sub(record.died.at_ns) >= stale_ns;
            let workload = self.resolver.of_record(record, now_ns);
            let died = self.wall.time_by_now(record.died.at_ns);
            let died = died.duration_since(UNIX_EPOCH).ok();
            let of_it = present.entry(Labels::of(workload.as_deref())).or_default();
            of_it.add_zombie(stale, died.map(|died| died.as_secs_f64()));
            if let (true, Some(holder)) = (stale, record.responsible()) {
                let comm = || (holder.comm.clone(), 0);
                holders.entry(holder.key).or_insert_with(comm).1 += 1;
            }
        }
        let mut culprits = BTreeMap::<_, u64>::new();
        for (key, verdict) in self.judge.all() {
            let workload = self.resolver.of_living(key, now_ns);
            let labels = Labels::of(workload.as_deref());
            *culprits.entry((labels, verdict)).or_default() += 1;
        }
        let holder = |(key, (comm, zombies))| Holder {
            workload: Labels::of(self.resolver.of_living(key, now_ns).as_deref()),
            comm,
            zombies,
        };
        let lost_exits = tally::lost_deaths(&counters);
        let sample = Sample {
            now_ns,
            parents: holders.into_iter().map(holder).collect(),
            present,
            lost_exits,
            lost_reaps: self.tally.lost_reaps(lost_exits.total()),
            lookups_failed: self.resolver.known.failed,
            pod_watch: self.resolver.known.watched,
            cri: self.resolver.known.cri,
            lost: self.tally.lost(&counters, self.kernel.skipped_runs()),
            events: self.tally.events,
            verdicts: verdict::ids().chain([verdict::UNEXPLAINED]).collect(),
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

pub(super) fn contained(workload: Option<Arc<Workload>>) -> Option<api::Container> {
    report::container(&*workload?)
}
