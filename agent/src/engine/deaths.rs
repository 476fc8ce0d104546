//! Publishes deaths to the metrics and to followers, each once its workload is known.

use std::collections::{HashSet, VecDeque};
use std::mem;

use super::ordinary::Ordinary;
use super::streams::Streams;
use crate::metrics::{Labels, Metrics, Table};
use crate::probes::Board;
use model::answers;
use model::counts::ExitKind;
use model::events::{Death, Event};
use model::lifecycle::{Correction, Record, Transition};
use model::state::State;
use model::workload::{Dead, Found, Workload};

/// How long a death waits for its workload.
const PATIENCE_NS: u64 = 2_000_000_000;
/// Maximum number of waiting deaths; further ones are published without a workload.
const WAITING: usize = 8_192;
/// How often unused groups of the metrics are dropped.
const EXPIRE_EVERY_NS: u64 = 30_000_000_000;

/// Where deaths are published, and those that wait.
pub(super) struct Deaths {
    pub(super) metrics: Metrics,
    pub(super) streams: Streams,
    pub(super) ordinary: Ordinary,
    waiting: VecDeque<Waiting>,
    expired_ns: u64,
}

struct Waiting {
    until_ns: u64,
    news: News,
}

/// What is published of a death once its workload is known.
enum News {
    Exit { who: Dead, kind: ExitKind },
    Finished(Box<Record>),
}

impl Deaths {
    /// The kernel side counts the ordinary deaths of at most `places` cgroups.
    pub(super) fn new(metrics: Metrics, places: usize, now_ns: u64) -> Self {
        Self {
            metrics,
            streams: Streams::default(),
            ordinary: Ordinary::new(places),
            waiting: VecDeque::new(),
            expired_ns: now_ns,
        }
    }

    /// Takes workload facts from an event before the event changes the table of the dead.
    pub(super) fn note(&mut self, event: &Event, state: &mut State, now_ns: u64) {
        match event {
            Event::Death(death) => self.count_exit(death, state, now_ns),
            Event::CgroupMade(cgroup) => state.workloads.made(cgroup, cgroup.at_ns),
            _ => {}
        }
    }

    /// Counts an exit when its death is first reported. An announced one is looked up now, while
    /// its cgroup exists.
    fn count_exit(&mut self, death: &Death, state: &mut State, now_ns: u64) {
        let who = Dead {
            key: death.process.key,
            cgroups: death.cgroups,
            parent: death.parent.as_ref().map(|parent| parent.key),
        };
        if death.at_is_lower_bound {
            let _asked = state.workloads.find(who, now_ns);
            return;
        }
        let known = state.lifecycle.get(&death.process.key);
        // A snapshot may have found the zombie first.
        if known.is_none_or(|record| record.resources.is_none()) {
            let kind = ExitKind::from(death.status);
            self.publish_or_wait(News::Exit { who, kind }, state, now_ns);
        }
    }

    /// Takes changes into the state, and publishes them. Whether there is one that only a snapshot
    /// can explain.
    pub(super) fn publish(
        &mut self,
        changes: Vec<Transition>,
        state: &mut State,
        now_ns: u64,
    ) -> bool {
        let (mut reopened, mut unexplained) = (false, false);
        for change in changes {
            state.note(&change, now_ns);
            match change {
                Transition::Confirmed(record) => {
                    if let Some(kind) = record.status.map(ExitKind::from) {
                        let who = Dead::of(&record);
                        self.publish_or_wait(News::Exit { who, kind }, state, now_ns);
                    }
                }
                Transition::Finished(record) => {
                    self.publish_or_wait(News::Finished(record), state, now_ns);
                }
                Transition::Corrected(correction) => {
                    reopened = correction == Correction::AutoreapWrong;
                    self.metrics.corrected(correction, 1);
                }
                Transition::UnlistedFound(count) => {
                    self.metrics.corrected(Correction::ZombieFound, count);
                }
                // Events lost after that repair start the next one.
                Transition::Died(dead) if mem::take(&mut reopened) => self.metrics.take_back(dead),
                Transition::Unexplained => unexplained = true,
                Transition::Died(_)
                | Transition::Adopted { .. }
                | Transition::Unlisted(_)
                | Transition::UnlistedGone(_)
                | Transition::UnlistedVanished(_) => {}
            }
        }
        unexplained
    }

    /// Publishes deaths whose workload is known by now, or that have waited long enough.
    pub(super) fn publish_waiting(&mut self, state: &mut State, now_ns: u64) {
        for waiting in mem::take(&mut self.waiting) {
            if waiting.until_ns > now_ns && self.is_pending(&waiting.news, state, now_ns) {
                self.waiting.push_back(waiting);
            } else {
                self.publish_now(&waiting.news, state, now_ns);
            }
        }
        self.streams.announce();
    }

    /// How full the queue of those is that wait.
    pub(super) fn table(&self) -> Table {
        Table {
            name: "waiting",
            entries: self.waiting.len(),
            limit: WAITING,
        }
    }

    /// Whether there are deaths that wait, or followers.
    pub(super) fn is_waiting(&mut self) -> bool {
        !self.waiting.is_empty() || self.streams.followed()
    }

    /// Publishes all waiting deaths.
    pub(super) fn publish_rest(&mut self, state: &mut State, now_ns: u64) {
        for waiting in mem::take(&mut self.waiting) {
            self.publish_now(&waiting.news, state, now_ns);
        }
    }

    /// Drops unused groups of the metrics from time to time.
    pub(super) fn expire(&mut self, board: &mut Board, state: &mut State, now_ns: u64) {
        if now_ns.saturating_sub(self.expired_ns) < EXPIRE_EVERY_NS {
            return;
        }
        self.expired_ns = now_ns;
        self.add_ordinary(board, state, now_ns);
        self.ordinary.expire(board, &state.workloads);
        let there = state.workloads.all().map(|it| Labels::of(Some(it)));
        let mut there: HashSet<_> = there.collect();
        for group in state.lifecycle.siblings() {
            let workload = state.workloads.known(Dead::of_siblings(&group), now_ns);
            there.insert(Labels::of(workload.as_deref()));
        }
        self.metrics.expire(&there, now_ns);
    }

    /// Adds to the metrics the ordinary deaths that the kernel side has counted.
    pub(super) fn add_ordinary(&mut self, board: &Board, state: &State, now_ns: u64) {
        let metrics = &mut self.metrics;
        self.ordinary.add(board, &state.workloads, metrics, now_ns);
    }

    fn publish_or_wait(&mut self, news: News, state: &mut State, now_ns: u64) {
        if self.is_pending(&news, state, now_ns) && self.waiting.len() < WAITING {
            let until_ns = now_ns + PATIENCE_NS;
            self.waiting.push_back(Waiting { until_ns, news });
        } else {
            self.publish_now(&news, state, now_ns);
        }
    }

    fn is_pending(&mut self, news: &News, state: &mut State, now_ns: u64) -> bool {
        let who = match news {
            News::Exit { who, .. } => *who,
            News::Finished(record) => Dead::of(record),
        };
        let workloads = &mut state.workloads;
        if matches!(workloads.find(who, now_ns), Found::Pending(_)) {
            return true;
        }
        // Only followers need the workload of the parent.
        let parent = who.parent.filter(|_| matches!(news, News::Finished(_)));
        parent.is_some_and(|parent| {
            self.streams.followed()
                && matches!(workloads.of_living(parent, now_ns), Found::Pending(_))
        })
    }

    fn publish_now(&mut self, news: &News, state: &mut State, now_ns: u64) {
        let workloads = &mut state.workloads;
        match news {
            News::Exit { who, kind } => {
                if !self.ordinary.has(who.cgroups)
                    && let Some(workload) = workloads.certain(*who, now_ns)
                {
                    self.ordinary.want(who.cgroups, workload);
                }
                let workload = workloads.known(*who, now_ns);
                self.metrics.exited(*kind, workload.as_deref(), now_ns);
            }
            News::Finished(record) => {
                let workload = workloads.of_record(record, now_ns);
                self.metrics.finished(record, workload.as_deref(), now_ns);
                if self.streams.followed() {
                    let places = [
                        workload.as_deref().and_then(Workload::container_for_answer),
                        workloads.container_of_parent(record, now_ns),
                    ];
                    self.streams
                        .send(&answers::finished(state.wall, record, places));
                }
            }
        }
    }
}
