//! Requests, and when each is answered.

use super::{Agent, Work};
use crate::engine::feed::Feed;
use crate::engine::judge::{self, SUSPECTS};
use crate::engine::purpose::Purpose;
use crate::engine::questions::Question;
use crate::engine::{pids, scrape, tally};
use crate::handle::{Health, Request};
use crate::metrics::{Page, Sample};
use crate::probes;

use super::PAUSES;

impl Agent {
    /// What needs no news is answered at once: a list that is being sent is of the moment when it was
    /// chosen. A follower gets what has not been published yet, so it does not wait either.
    pub(super) fn hear_request(&mut self, request: Request) {
        let is_at_once = matches!(
            request,
            Request::ZombieRows(..) | Request::Health(_) | Request::Follow(_)
        );
        if is_at_once {
            self.take_request(request);
        } else {
            self.once_caught_up([Work::Request(request)]);
        }
    }

    pub(super) fn take_request(&mut self, request: Request) {
        // Sending fails if the asker has gone.
        let _gone = match request {
            Request::Zombies(wanted, to) => return self.ask(Question::Zombies(wanted, to)),
            Request::ZombieRows(keys, to) => {
                let state = &mut self.feed.state;
                to.send(state.zombie_rows(&keys, probes::now_ns())).is_ok()
            }
            Request::Culprits(wanted, to) => return self.ask(Question::Culprits(wanted, to)),
            Request::Explain(pid, seen, to) => return self.ask(Question::Explain(pid, seen, to)),
            Request::Top(wanted, to) => return self.ask(Question::Top(wanted, to)),
            Request::Stuck(threshold, to) => {
                self.stuck.ask((threshold, Some(to)));
                return self.begin_stuck_round();
            }
            Request::Workload(cgroup, to) => {
                let state = &mut self.feed.state;
                let habits = state.workload(cgroup.as_deref(), probes::now_ns());
                to.send(habits).is_ok()
            }
            Request::Doctor(to) => to.send(self.conditions.doctor(&self.feed)).is_ok(),
            Request::Metrics(to) => {
                self.scrapes.push(to);
                return self.read();
            }
            Request::Health(to) => to.send(Health { ready: true }).is_ok(),
            Request::Follow(to) => {
                self.feed.set_holding(false);
                self.feed.catch_up();
                to.send(self.follow()).is_ok()
            }
        };
    }

    /// Answers from the verdicts that there are, if they are fresh, or when the round that this
    /// begins is over. A frame of `top` takes old ones, unless somebody has not been judged at all; so
    /// does a list of zombies, if they are so many that a round takes long.
    fn ask(&mut self, question: Question) {
        let now_ns = probes::now_ns();
        let state = &self.feed.state;
        let takes_old = match question {
            Question::Top(..) => true,
            Question::Zombies(..) => judge::takes_long(self.snapshots.took_ns()),
            _ => false,
        };
        let is_fresh = if takes_old {
            state.judgements.at_ns().is_some()
        } else {
            let fresh_ns = judge::fresh_ns(self.snapshots.took_ns());
            !judge::is_judged_before(state, fresh_ns, now_ns) && !self.judge.is_busy()
        };
        if !is_fresh || !state.all_are_judged(SUSPECTS, now_ns) {
            self.questions.wait(question);
            return self.judge_if_older_than(0);
        }
        if takes_old {
            self.judge_if_older_than(judge::for_top_ns(PAUSES * self.snapshots.took_ns()));
        }
        self.questions.hold(question, now_ns);
        self.answer_held();
    }

    pub(super) fn judge_if_older_than(&mut self, age_ns: u64) {
        let (state, now_ns) = (&self.feed.state, probes::now_ns());
        if self.judge.begin_if_older_than(age_ns, state, now_ns) {
            self.want(Purpose::Judge);
        }
    }

    /// Judges, and answers those who wait for it.
    pub(super) fn end_round(&mut self) {
        self.feed.follow_clock();
        let now_ns = probes::now_ns();
        let Feed {
            state, recorder, ..
        } = &mut self.feed;
        self.judge.end(state, now_ns);
        recorder.verdicts(now_ns, state.judgements.all());
        self.questions.judged(now_ns);
        self.answer_held();
    }

    pub(super) fn begin_stuck_round(&mut self) {
        if self.stuck.begin() {
            self.want(Purpose::Stuck);
        }
    }

    /// Judges, answers, and starts the round for the next request.
    pub(super) fn end_stuck_round(&mut self) {
        self.feed.follow_clock();
        self.refresh();
        let Feed {
            state, recorder, ..
        } = &mut self.feed;
        self.stuck.end(state, recorder, probes::now_ns());
        self.begin_stuck_round();
    }

    /// Answers all requests that are complete or have timed out.
    pub(super) fn answer_held(&mut self) {
        let now_ns = probes::now_ns();
        let are_placed = || self.feed.are_placed(now_ns);
        let has_looked = |since_ns| self.pids.has_looked(since_ns, now_ns);
        let due = self.questions.take_due(now_ns, are_placed, has_looked);
        self.once_caught_up(due.into_iter().map(Work::Answer));
    }

    pub(super) fn answer(&mut self, question: Question) {
        self.refresh();
        let (state, now_ns) = (&mut self.feed.state, probes::now_ns());
        let _nobody_waits = match question {
            Question::Culprits(wanted, to) => to.send(state.culprits(&wanted, now_ns)).is_ok(),
            Question::Zombies(wanted, to) => to.send(state.list_zombies(&wanted, now_ns)).is_ok(),
            Question::Explain(pid, seen, to) => return self.want(Purpose::Explain(pid, seen, to)),
            Question::Top(wanted, to) => {
                self.pids.begin(pids::WHILE_ASKED_NS, now_ns);
                to.send(state.top(&wanted, now_ns)).is_ok()
            }
        };
    }

    /// Brings what is counted outside the state up to date.
    fn refresh(&mut self) {
        self.feed.count();
        let state = &mut self.feed.state;
        let zombies = state.lifecycle.zombies_len();
        state.pids = self.pids.usages(zombies, probes::now_ns());
        (state.stuck, state.unheard) = self.stuck.counts();
    }

    pub(super) fn scrape(&mut self) -> Page {
        self.refresh();
        let counters = self.feed.counters();
        let (ordinary, now_ns) = (self.feed.times(), probes::now_ns());
        let Feed {
            kernel,
            state,
            deaths,
            intake,
            ..
        } = &mut self.feed;
        deaths.add_ordinary(&kernel.board, state, now_ns);
        let lost_exits = tally::lost_deaths(&counters);
        let stuck = self.stuck.counted();
        let mut sample = scrape::sample(state, stuck, self.stale_after, now_ns);
        sample.tables.push(deaths.table());
        if let Some(holders) = &self.dead_pidfds {
            scrape::add_dead_pidfds(&mut sample, state, holders);
        }
        deaths.metrics.scrape(Sample {
            ordinary,
            lost_exits,
            lost_reaps: state.tally.lost_reaps(lost_exits.total()),
            lost: Some(intake.tally.lost(&counters)),
            events: intake.tally.events,
            probes: self.conditions.attached(),
            ..sample
        })
    }
}
