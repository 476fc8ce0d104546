//! Finds the container, pod or unit of processes, with a helper thread, and holds back deaths until
//! it has answered.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, mpsc as std_mpsc},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Names, Settings, core::Agent};
use crate::{
    cgroups,
    events::{CgroupIds, Death, Event, Key},
    evidence::stuck::watch::Suspect,
    kernel,
    lifecycle::Record,
    metrics::{ExitKind, Labels},
    report,
    workload::{
        Answer, Ask, Found, Workload, Workloads,
        look::{Looker, Sources},
        pods::{News, Source, Watched},
    },
};

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
    pub(super) known: Workloads,
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

/// How to find the workload of a death.
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
    /// Starts the sources of names and the thread, and looks up all cgroups of the host.
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
            .context("cannot start the thread that looks up workloads")?;
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
            Some(answer) => self.known.tell(answer, kernel::now_ns()),
            // The thread has panicked.
            None => std::future::pending().await,
        }
    }

    fn hear_rest(&mut self, now_ns: u64) {
        while let Ok(answer) = self.answers.try_recv() {
            self.known.tell(answer, now_ns);
        }
        self.send();
    }

    /// Looks up what is not known yet.
    pub(super) fn send(&mut self) {
        for ask in self.known.asks() {
            // Without the thread there are no answers, so waiting deaths are published without.
            let _gone = self.work.send(Work::Ask(ask));
        }
    }

    fn of(&mut self, who: Dead, now_ns: u64) -> Found {
        self.known.of_dead(who.key, who.cgroups, who.parent, now_ns)
    }

    /// The workload of a zombie or dead process, as far as known; otherwise the cgroup id.
    pub(super) fn of_record(&mut self, record: &Record, now_ns: u64) -> Option<Arc<Workload>> {
        let who = Dead::of(record);
        settled(self.of(who, now_ns)).or_else(|| {
            let id = who.cgroups.telling();
            id.map(|_| Arc::new(Workloads::only_id(id)))
        })
    }

    /// Whether the workload of a living process is known, or cannot be found.
    pub(super) fn knows_living(&mut self, key: Key, now_ns: u64) -> bool {
        match self.known.of_living(key, now_ns) {
            Found::Known(workload) => !self.known.is_being_named(&workload),
            Found::Pending(_) => false,
            Found::Unknown => true,
        }
    }

    /// The same for a zombie and its parent.
    pub(super) fn knows_record(&mut self, record: &Record, now_ns: u64) -> bool {
        let own = !matches!(self.of(Dead::of(record), now_ns), Found::Pending(_));
        let parent = record.parent.as_ref().map(|parent| parent.key);
        parent.is_none_or(|parent| self.knows_living(parent, now_ns)) && own
    }

    /// The workload of an exiting process, as far as known.
    pub(super) fn of_suspect(&mut self, suspect: &Suspect, now_ns: u64) -> Option<Arc<Workload>> {
        let who = Dead {
            key: suspect.process.key,
            cgroups: suspect.cgroups,
            parent: suspect.parent,
        };
        settled(self.of(who, now_ns))
    }

    /// The workload of a living process, as far as known.
    pub(super) fn of_living(&mut self, key: Key, now_ns: u64) -> Option<Arc<Workload>> {
        settled(self.known.of_living(key, now_ns))
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

fn settled(found: Found) -> Option<Arc<Workload>> {
    match found {
        Found::Known(workload) => Some(workload),
        Found::Pending(workload) => workload,
        Found::Unknown => None,
    }
}

impl Agent {
    /// Takes workload facts from an event before the event changes the table of the dead.
    pub(super) fn place(&mut self, event: &Event) {
        match event {
            Event::Death(death) => self.count_exit(death, kernel::now_ns()),
            Event::CgroupMade(cgroup) => self.resolver.known.made(cgroup, cgroup.at_ns),
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
            let _asked = self.resolver.of(who, now_ns);
            return;
        }
        let known = self.lifecycle.get(&death.process.key);
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
        let resolver = &mut self.resolver;
        if matches!(resolver.of(who, now_ns), Found::Pending(_)) {
            return true;
        }
        // Only followers need the workload of the parent.
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

    /// Publishes deaths whose answer has come, or that have waited long enough.
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

    /// Publishes all waiting deaths without an answer.
    pub(super) fn tell_rest(&mut self) {
        let now_ns = kernel::now_ns();
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
        // So that the answer is available when it is needed.
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
