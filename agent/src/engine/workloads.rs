//! Whose container, pod or unit it was: the helper thread that finds out, and the deaths that wait
//! for its answer before they are told.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, mpsc as std_mpsc},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Names, Settings, core::Agent};
use crate::host::cgroup_lookup::{Looker, Sources};
use crate::host::cgroups;
use crate::metrics::{ExitKind, Labels};
use crate::{probes, report};
use model::events::{CgroupIds, Death, Event, Key};
use model::lifecycle::Record;
use model::stuck::evidence::watch::Suspect;
use model::workload::pods::{News, Source, Watched};
use model::workload::{Answer, Ask, Found, Workload, Workloads};

/// How long a death waits for an answer.
const PATIENCE_NS: u64 = 2_000_000_000;
/// Deaths that wait at most; further ones are told without.
const WAITING: usize = 8_192;
/// How often it is looked which cgroups are gone.
const WALK_EVERY_NS: u64 = 60_000_000_000;
/// How often groups of the metrics are given up.
const EXPIRE_EVERY_NS: u64 = 30_000_000_000;

/// The resolver's state and its thread.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) known: Workloads,
    work: std_mpsc::Sender<Work>,
    answers: mpsc::UnboundedReceiver<Answer>,
    waiting: VecDeque<Waiting>,
    walked_ns: u64,
    expired_ns: u64,
}

/// What the thread is given.
#[derive(Debug)]
enum Work {
    /// A question of the loop.
    Ask(Ask),
    /// What a source tells of pods.
    News(Source, News),
}

/// How long the start waits for the first word of a source, so that the first deaths have names
/// already.
const FIRST_WORD: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Waiting {
    until_ns: u64,
    what: Told,
}

/// What is told of a death once its place is known.
#[derive(Debug)]
enum Told {
    Exit { who: Dead, kind: ExitKind },
    Finished(Box<Record>),
}

/// What the place of a death is found by.
#[derive(Clone, Copy, Debug)]
struct Dead {
    key: Key,
    cgroups: CgroupIds,
    parent: Option<Key>,
}

impl Dead {
    fn of(record: &Record) -> Self {
        Self {
            key: record.process.key,
            cgroups: record.cgroups,
            parent: record.parent.as_ref().map(|parent| parent.key),
        }
    }
}

impl Resolver {
    /// Starts the thread, and other sources of names before it; asks for all cgroups of the host.
    pub(super) fn start(settings: &Settings, now_ns: u64) -> anyhow::Result<Self> {
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
                    log::warn!("names of pods come from files only: {error:#}");
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
                    // It ends with the loop, and the sources with it.
                    if !heard {
                        return;
                    }
                }
            })
            .context("cannot start the thread that looks for workloads")?;
        let mut resolver = Self {
            known,
            work,
            answers,
            waiting: VecDeque::new(),
            walked_ns: now_ns,
            expired_ns: now_ns,
        };
        resolver.send();
        Ok(resolver)
    }

    /// Takes in an answer when one comes.
    pub(super) async fn hear(&mut self) {
        match self.answers.recv().await {
            Some(answer) => self.known.tell(answer, probes::now_ns()),
            // The thread is gone, which nothing but a panic can do.
            None => std::future::pending().await,
        }
    }

    fn hear_rest(&mut self, now_ns: u64) {
        while let Ok(answer) = self.answers.try_recv() {
            self.known.tell(answer, now_ns);
        }
        self.send();
    }

    /// Asks what is not known yet.
    pub(super) fn send(&mut self) {
        for ask in self.known.asks() {
            // Without the thread nobody answers, and what waits is told without.
            let _gone = self.work.send(Work::Ask(ask));
        }
    }

    fn of(&mut self, who: Dead, now_ns: u64) -> Found {
        self.known.of_dead(who.key, who.cgroups, who.parent, now_ns)
    }

    /// Where a zombie or whoever died belongs, as far as that is known; else the bare id.
    pub(super) fn of_record(&mut self, record: &Record, now_ns: u64) -> Option<Arc<Workload>> {
        let who = Dead::of(record);
        settled(self.of(who, now_ns)).or_else(|| {
            let id = who.cgroups.telling();
            id.map(|_| Arc::new(Workloads::only_id(id)))
        })
    }

    /// Whether it is known where a living process belongs, or nobody can tell.
    pub(super) fn knows_living(&mut self, key: Key, now_ns: u64) -> bool {
        match self.known.of_living(key, now_ns) {
            Found::Known(workload) => !self.known.is_being_named(&workload),
            Found::Pending(_) => false,
            Found::Unknown => true,
        }
    }

    /// The same of a zombie and its parent.
    pub(super) fn knows_record(&mut self, record: &Record, now_ns: u64) -> bool {
        let own = !matches!(self.of(Dead::of(record), now_ns), Found::Pending(_));
        let parent = record.parent.as_ref().map(|parent| parent.key);
        parent.is_none_or(|parent| self.knows_living(parent, now_ns)) && own
    }

    /// Where a process on its way out belongs, as far as that is known.
    pub(super) fn of_suspect(&mut self, suspect: &Suspect, now_ns: u64) -> Option<Arc<Workload>> {
        let who = Dead {
            key: suspect.process.key,
            cgroups: suspect.cgroups,
            parent: suspect.parent,
        };
        settled(self.of(who, now_ns))
    }

    /// Where a living process belongs, as far as that is known.
    pub(super) fn of_living(&mut self, key: Key, now_ns: u64) -> Option<Arc<Workload>> {
        settled(self.known.of_living(key, now_ns))
    }
}

/// Starts a source that sends what it tells to the thread, and waits for a moment until it has
/// told of pods, or that it cannot.
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
            // Nobody waits any more after the first.
            let _late = settled.send(());
        }
        heard
    }))?;
    let _slow = first.recv_timeout(FIRST_WORD);
    Ok(started)
}

fn settled(found: Found) -> Option<Arc<Workload>> {
    match found {
        Found::Known(workload) => Some(workload),
        Found::Pending(workload) => workload,
        Found::Unknown => None,
    }
}

impl Agent {
    /// Takes from an event what it says of workloads, before it changes what is known of the dead.
    pub(super) fn place(&mut self, event: &Event) {
        match event {
            Event::Death(death) => self.count_exit(death, probes::now_ns()),
            Event::CgroupMade(cgroup) => self.resolver.known.made(cgroup, cgroup.at_ns),
            _ => {}
        }
    }

    /// Counts an exit, the first time that its death is told. One that is only announced is asked
    /// for, while its cgroup is there.
    fn count_exit(&mut self, death: &Death, now_ns: u64) {
        let who = Dead {
            key: death.process.key,
            cgroups: death.cgroups,
            parent: death.parent.as_ref().map(|parent| parent.key),
        };
        if death.at_is_lower_bound {
            let _asked = self.resolver.of(who, now_ns);
            return;
        }
        let known = self.lifecycle.get(&death.process.key);
        // A snapshot may have seen the zombie before.
        if known.is_some_and(|record| record.resources.is_some()) {
            return;
        }
        let kind = ExitKind::from(death.status);
        self.tell_or_wait(Told::Exit { who, kind }, now_ns);
    }

    /// Counts an exit that was announced and has happened.
    pub(super) fn count_confirmed(&mut self, record: &Record, now_ns: u64) {
        if let Some(kind) = record.status.map(ExitKind::from) {
            let who = Dead::of(record);
            self.tell_or_wait(Told::Exit { who, kind }, now_ns);
        }
    }

    /// Tells of a complete death as soon as its place is known.
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
        let resolver = &mut self.resolver;
        if matches!(resolver.of(who, now_ns), Found::Pending(_)) {
            return true;
        }
        // Only a follower wants to know of the parent.
        let parent = who.parent.filter(|_| matches!(what, Told::Finished(_)));
        parent.is_some_and(|parent| {
            self.streams.followed()
                && matches!(resolver.known.of_living(parent, now_ns), Found::Pending(_))
        })
    }

    fn tell(&mut self, what: &Told, now_ns: u64) {
        match what {
            Told::Exit { who, kind } => {
                let workload = settled(self.resolver.of(*who, now_ns));
                self.metrics.exited(*kind, workload.as_deref(), now_ns);
            }
            Told::Finished(record) => {
                let workload = self.resolver.of_record(record, now_ns);
                self.metrics.finished(record, workload.as_deref(), now_ns);
                if self.streams.followed() {
                    let parent = record.parent.as_ref();
                    let parent = parent.and_then(|it| self.resolver.of_living(it.key, now_ns));
                    let mut exit = report::finished(self.wall, record);
                    exit.container = workload.as_deref().and_then(report::container);
                    exit.parent_container = parent.as_deref().and_then(report::container);
                    self.streams.send(&exit);
                }
            }
        }
    }

    /// Tells what waited for an answer that has come, or has waited long enough.
    pub(super) fn tell_waiting(&mut self, now_ns: u64) {
        self.resolver.hear_rest(now_ns);
        for waiting in std::mem::take(&mut self.resolver.waiting) {
            if waiting.until_ns > now_ns && self.is_pending(&waiting.what, now_ns) {
                self.resolver.waiting.push_back(waiting);
            } else {
                self.tell(&waiting.what, now_ns);
            }
        }
        self.resolver.send();
        self.answer_held();
    }

    /// Tells what still waits for an answer, without it.
    pub(super) fn tell_rest(&mut self) {
        let now_ns = probes::now_ns();
        for waiting in std::mem::take(&mut self.resolver.waiting) {
            self.tell(&waiting.what, now_ns);
        }
    }

    /// Once a second.
    pub(super) fn keep_workloads(&mut self, now_ns: u64) {
        let mut held = HashSet::new();
        let mut holders = HashSet::new();
        // Of thousands most have the place and the holder of the one before.
        let mut before = (None, None);
        for record in self.lifecycle.zombies() {
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
        let resolver = &mut self.resolver;
        // So that the answer is there when somebody asks who does not reap them.
        for holder in holders {
            resolver.of_living(holder, now_ns);
        }
        resolver.known.keep_house(&held, now_ns);
        if now_ns.saturating_sub(resolver.walked_ns) >= WALK_EVERY_NS {
            resolver.walked_ns = now_ns;
            resolver.known.walk();
        }
        if now_ns.saturating_sub(resolver.expired_ns) >= EXPIRE_EVERY_NS {
            resolver.expired_ns = now_ns;
            let there = resolver.known.all().map(|it| Labels::of(Some(it)));
            let mut there: HashSet<_> = there.collect();
            for record in self.lifecycle.zombies() {
                let workload = settled(resolver.of(Dead::of(record), now_ns));
                there.insert(Labels::of(workload.as_deref()));
            }
            self.metrics.expire(&there, now_ns);
        }
        resolver.send();
    }
}
