//! Asks a helper thread for the container, pod or unit of processes.

use std::{collections::HashSet, sync::mpsc as std_mpsc, thread, time::Duration};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::settings::{Names, Settings};
use crate::host::cgroup_lookup::{Looker, Sources};
use crate::host::cgroups;
use model::state::State;
use model::workload::pods::{News, Source, Watched};
use model::workload::{Answer, Ask, Workloads};

/// How often to check which cgroups are gone.
const WALK_EVERY_NS: u64 = 60_000_000_000;

/// The resolver's state and its thread.
#[derive(Debug)]
pub(super) struct Resolver {
    work: std_mpsc::Sender<Work>,
    answers: mpsc::UnboundedReceiver<Answer>,
    walked_ns: u64,
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

impl Resolver {
    /// Starts the thread, and other sources of names before it; asks for all cgroups of the host.
    pub(super) fn start(settings: &Settings, now_ns: u64) -> anyhow::Result<(Self, Workloads)> {
        let (work, to_do) = std_mpsc::channel();
        let (sender, answers) = mpsc::unbounded_channel();
        let Names {
            files, watch, cri, ..
        } = settings.names.clone();
        let sources = Sources {
            disk: files,
            watch: watch.is_some(),
            cri: cri.is_some(),
        };
        let mut looker = Looker::new(&settings.host_root, sources);
        let mut known = Workloads::new(cgroups::has_v1());
        if let Some(cluster) = watch {
            match await_first(Source::Watch, &work, |send| cluster.watch(send)) {
                // Not up until it reports that it is.
                Ok(()) => known.watched = Some(Watched::default()),
                Err(error) if files => {
                    log::warn!("pod names come from files only: {error:#}");
                }
                Err(error) => return Err(error),
            }
        }
        let asking = cri.map(|cri| await_first(Source::Cri, &work, |send| cri.follow(send)));
        let asking = asking.transpose()?;
        known.cri = asking.is_some().then(Watched::default);
        thread::Builder::new()
            .name("reapwatch-names".to_owned())
            .spawn(move || {
                let send = |answer| sender.send(answer).is_ok();
                for work in to_do {
                    let mut heard = true;
                    let mut send = |answer| heard &= send(answer);
                    match work {
                        Work::Ask(ask) => looker.answer(ask, &mut send),
                        Work::News(source, news) => looker.hear(source, news, &mut send),
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
            walked_ns: now_ns,
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

    /// An answer that is there.
    pub(super) fn heard(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// Asks what is not known yet.
    pub(super) fn send(&self, known: &mut Workloads) {
        for ask in known.asks() {
            // Without the thread there are no answers, and waiting rows are shown without names.
            let _gone = self.work.send(Work::Ask(ask));
        }
    }

    /// Every second: asks for those who hold zombies, and forgets cgroups that are gone.
    pub(super) fn housekeeping(&mut self, state: &mut State, now_ns: u64) {
        let mut held = HashSet::new();
        let mut holders = HashSet::new();
        for group in state.lifecycle.siblings() {
            held.extend(group.cgroups.known());
            holders.extend(group.responsible().map(|holder| holder.key));
        }
        holders.extend(state.lifecycle.unlisted().map(|(holder, _)| holder.key));
        let workloads = &mut state.workloads;
        // So that the answer is available when it is needed.
        for holder in holders {
            workloads.of_living(holder, now_ns);
        }
        workloads.housekeeping(&held, now_ns);
        if now_ns.saturating_sub(self.walked_ns) >= WALK_EVERY_NS {
            self.walked_ns = now_ns;
            workloads.walk();
        }
        self.send(workloads);
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
