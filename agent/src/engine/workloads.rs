//! Finds the container, pod or unit of processes, with a helper thread, and holds back deaths until
//! it has answered.

use std::{
    collections::{HashSet, VecDeque},
    sync::mpsc as std_mpsc,
    thread,
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Names, Settings, core::Agent};
use crate::host::cgroup_lookup::{Looker, Sources};
use crate::host::cgroups;
use crate::metrics::Labels;
use crate::probes;
use model::answers;
use model::counts::ExitKind;
use model::events::{Death, Event};
use model::lifecycle::Record;
use model::state::State;
use model::workload::pods::{News, Source, Watched};
use model::workload::{Answer, Ask, Dead, Found, Workload, Workloads};

/// How long a death waits for an answer.
const PATIENCE_NS: u64 = 2_000_000_000;
/// Maximum number of waiting deaths; further ones are published without a workload.
const WAITING: usize = 8_192;
/// How often to check which cgroups are gone.
const WALK_EVERY_NS: u64 = 60_000_000_000;
/// How often unused groups of the metrics are dropped.
const EXPIRE_EVERY_NS: u64 = 30_000_000_000;

/// The resolver's state and its thread.
#[derive(Debug)]
pub(super) struct Resolver {
    work: std_mpsc::Sender<Work>,
    answers: mpsc::UnboundedReceiver<Answer>,
    waiting: VecDeque<Waiting>,
    walked_ns: u64,
    expired_ns: u64,
}

/// Messages to the thread.
#[derive(Debug)]
enum Work {
    /// A lookup requested by the loop.
    Ask(Ask),
    /// News of pods from a source.
    News(Source, News),
}

/// How long the start waits for the first news of a source, so that the first deaths have names.
const FIRST_WORD: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Waiting {
    until_ns: u64,
    what: Told,
}

/// What is published of a death once its workload is known.
#[derive(Debug)]
enum Told {
    Exit { who: Dead, kind: ExitKind },
    Finished(Box<Record>),
}

impl Resolver {
    /// Starts the thread, and other sources of names before it; asks for all cgroups of the host.
    pub(super) fn start(settings: &Settings, now_ns: u64) -> anyhow::Result<(Self, Workloads)> {
        let (work, to_do) = std_mpsc::channel();
        let (tell, answers) = mpsc::unbounded_channel();
        let Names { files, watch, cri } = settings.names.clone();
        let sources = Sources {
            disk: files,
            watch: watch.is_some(),
            cri: cri.is_some(),
        };
        let mut looker = Looker::new(&settings.host_root, sources);
        let mut known = Workloads::new(cgroups::has_v1());
        if let Some(cluster) = watch {
            match await_first(Source::Watch, &work, |tell| cluster.watch(tell)) {
                // Not up until it says so.
                Ok(()) => known.watched = Some(Watched::default()),
                Err(error) if files => {
                    log::warn!("pod names come from files only: {error:#}");
                }
                Err(error) => return Err(error),
            }
        }
        let asking = cri.map(|cri| await_first(Source::Cri, &work, |tell| cri.follow(tell)));
        let asking = asking.transpose()?;
        known.cri = asking.is_some().then(Watched::default);
        thread::Builder::new()
            .name("reapwatch-names".to_owned())
            .spawn(move || {
                let tell = |answer| tell.send(answer).is_ok();
                for work in to_do {
                    let mut heard = true;
                    let mut tell = |answer| heard &= tell(answer);
                    match work {
                        Work::Ask(ask) => looker.answer(ask, &mut tell),
                        Work::News(source, news) => looker.hear(source, news, &mut tell),
                    }
                    if let Some(asking) = asking.as_ref().filter(|_| looker.take_ask_cri()) {
                        asking.again();
                    }
                    // The thread ends with the loop, and the sources end with the thread.
                    if !heard {
                        return;
                    }
                }
            })
            .context("cannot start the thread that looks for workloads")?;
        let resolver = Self {
            work,
            answers,
            waiting: VecDeque::new(),
            walked_ns: now_ns,
            expired_ns: now_ns,
        };
        resolver.send(&mut known);
        Ok((resolver, known))
    }

    /// An answer, when one comes.
    pub(super) async fn hear(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            // The thread is gone, which nothing but a panic can do.
            None => std::future::pending().await,
        }
    }

    fn hear_rest(&mut self, known: &mut Workloads, now_ns: u64) {
        while let Ok(answer) = self.answers.try_recv() {
            known.tell(answer, now_ns);
        }
        self.send(known);
    }

    /// Asks what is not known yet.
    pub(super) fn send(&self, known: &mut Workloads) {
        for ask in known.asks() {
            // Without the thread nobody answers, and what waits is told without.
            let _gone = self.work.send(Work::Ask(ask));
        }
    }
}

/// Starts a source that sends its news to the thread, and waits briefly for its first news or its
/// failure.
fn await_first<T>(
    source: Source,
    work: &std_mpsc::Sender<Work>,
    start: impl FnOnce(Box<dyn Fn(News) -> bool + Send>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (settled, first) = std_mpsc::channel();
    let work = work.clone();
    let started = start(Box::new(move |news| {
        let over = matches!(news, News::All(_) | News::Failed(_));
        let heard = work.send(Work::News(source, news)).is_ok();
        if over {
            // Only the first one has a waiting receiver.
            let _late = settled.send(());
        }
        heard
    }))?;
    let _slow = first.recv_timeout(FIRST_WORD);
    Ok(started)
}

impl Agent {
    /// Takes workload facts from an event before the event changes the table of the dead.
    pub(super) fn place(&mut self, event: &Event) {
        match event {
            Event::Death(death) => self.count_exit(death, probes::now_ns()),
            Event::CgroupMade(cgroup) => self.state.workloads.made(cgroup, cgroup.at_ns),
            _ => {}
        }
    }

    /// Counts an exit when its death is first reported. An announced one is looked up now, while
    /// its cgroup exists.
    fn count_exit(&mut self, death: &Death, now_ns: u64) {
        let who = Dead {
            key: death.process.key,
            cgroups: death.cgroups,
            parent: death.parent.as_ref().map(|parent| parent.key),
        };
        if death.at_is_lower_bound {
            let _asked = self.state.workloads.find(who, now_ns);
            return;
        }
        let known = self.state.lifecycle.get(&death.process.key);
        // A snapshot may have found the zombie first.
        if known.is_some_and(|record| record.resources.is_some()) {
            return;
        }
        let kind = ExitKind::from(death.status);
        self.tell_or_wait(Told::Exit { who, kind }, now_ns);
    }

    /// Counts an announced exit that has happened.
    pub(super) fn count_confirmed(&mut self, record: &Record, now_ns: u64) {
        if let Some(kind) = record.status.map(ExitKind::from) {
            let who = Dead::of(record);
            self.tell_or_wait(Told::Exit { who, kind }, now_ns);
        }
    }

    /// Publishes a complete death as soon as its workload is known.
    pub(super) fn finished(&mut self, record: Box<Record>, now_ns: u64) {
        self.tell_or_wait(Told::Finished(record), now_ns);
    }

    fn tell_or_wait(&mut self, what: Told, now_ns: u64) {
        if self.is_pending(&what, now_ns) && self.resolver.waiting.len() < WAITING {
            let until_ns = now_ns + PATIENCE_NS;
            self.resolver.waiting.push_back(Waiting { until_ns, what });
        } else {
            self.tell(&what, now_ns);
        }
    }

    fn is_pending(&mut self, what: &Told, now_ns: u64) -> bool {
        let who = match what {
            Told::Exit { who, .. } => *who,
            Told::Finished(record) => Dead::of(record),
        };
        let workloads = &mut self.state.workloads;
        if matches!(workloads.find(who, now_ns), Found::Pending(_)) {
            return true;
        }
        // Only followers need the workload of the parent.
        let parent = who.parent.filter(|_| matches!(what, Told::Finished(_)));
        parent.is_some_and(|parent| {
            self.streams.followed()
                && matches!(workloads.of_living(parent, now_ns), Found::Pending(_))
        })
    }

    fn tell(&mut self, what: &Told, now_ns: u64) {
        match what {
            Told::Exit { who, kind } => {
                let workload = self.state.workloads.known(*who, now_ns);
                self.metrics.exited(*kind, workload.as_deref(), now_ns);
            }
            Told::Finished(record) => {
                let workloads = &mut self.state.workloads;
                let workload = workloads.of_record(record, now_ns);
                self.metrics.finished(record, workload.as_deref(), now_ns);
                if self.streams.followed() {
                    let places = [
                        workload.as_deref().and_then(Workload::container_for_answer),
                        workloads.container_of_parent(record, now_ns),
                    ];
                    self.streams
                        .send(&answers::finished(self.state.wall, record, places));
                }
            }
        }
    }

    /// Publishes deaths whose answer has come, or that have waited long enough.
    pub(super) fn tell_waiting(&mut self, now_ns: u64) {
        self.resolver.hear_rest(&mut self.state.workloads, now_ns);
        for waiting in std::mem::take(&mut self.resolver.waiting) {
            if waiting.until_ns > now_ns && self.is_pending(&waiting.what, now_ns) {
                self.resolver.waiting.push_back(waiting);
            } else {
                self.tell(&waiting.what, now_ns);
            }
        }
        self.resolver.send(&mut self.state.workloads);
        self.answer_held();
    }

    /// Publishes all waiting deaths without an answer.
    pub(super) fn tell_rest(&mut self) {
        let now_ns = probes::now_ns();
        for waiting in std::mem::take(&mut self.resolver.waiting) {
            self.tell(&waiting.what, now_ns);
        }
    }

    /// Runs every second.
    pub(super) fn keep_workloads(&mut self, now_ns: u64) {
        let mut held = HashSet::new();
        let mut holders = HashSet::new();
        // Consecutive zombies mostly share workload and holder.
        let mut before = (None, None);
        for record in self.state.lifecycle.zombies() {
            let now = (
                Some(record.cgroups),
                record.responsible().map(|holder| holder.key),
            );
            if now != before {
                held.extend(record.cgroups.known());
                holders.extend(now.1);
                before = now;
            }
        }
        let State {
            workloads,
            lifecycle,
            ..
        } = &mut self.state;
        let resolver = &mut self.resolver;
        // So that the answer is available when it is needed.
        for holder in holders {
            workloads.of_living(holder, now_ns);
        }
        workloads.housekeeping(&held, now_ns);
        if now_ns.saturating_sub(resolver.walked_ns) >= WALK_EVERY_NS {
            resolver.walked_ns = now_ns;
            workloads.walk();
        }
        if now_ns.saturating_sub(resolver.expired_ns) >= EXPIRE_EVERY_NS {
            resolver.expired_ns = now_ns;
            let there = workloads.all().map(|it| Labels::of(Some(it)));
            let mut there: HashSet<_> = there.collect();
            for record in lifecycle.zombies() {
                let workload = workloads.known(Dead::of(record), now_ns);
                there.insert(Labels::of(workload.as_deref()));
            }
            self.metrics.expire(&there, now_ns);
        }
        resolver.send(workloads);
    }
}
