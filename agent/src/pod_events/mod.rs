//! Kubernetes Events on pods that leak zombies or have a process that does not die, so that
//! `kubectl describe pod` shows them (`--pod-events`). A client of the loop like any other: what it
//! cannot write delays nothing else.

mod choice;
mod findings;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time;

use self::choice::Choice;
use crate::cli::AgentArgs;
use crate::handle::{Handle, Request, Stopped};
use crate::host::kubernetes::{Cluster, Events, Failed, PodEvent, remedy};
use crate::problem::{News, Problem};
use api::Time;
use model::filter::Selection;
use model::workload::pods::Failure;

/// How many parents are examined, those with most zombies first.
const PARENTS: usize = 64;
/// How often, unless zombies become stale sooner.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// At most so often.
const LOOK_LEAST: Duration = Duration::from_secs(1);

/// Writes Events.
#[derive(Debug)]
pub struct PodEvents {
    events: Events,
    stale_after: Duration,
}

impl PodEvents {
    /// As the options say; `None` without `--pod-events`.
    ///
    /// # Errors
    /// If there is no access to an API server.
    pub fn of(args: &AgentArgs) -> anyhow::Result<Option<Self>> {
        if !args.names.pod_events {
            return Ok(None);
        }
        let node = args.names.node();
        let node = node.context("--pod-events needs --node-name or NODE_NAME")?;
        let cluster = Cluster::of(&args.names, node).context(
            "cannot write Events for --pod-events; run the agent in a pod with a service account, \
             or set --kube-url",
        )?;
        Ok(Some(Self {
            events: cluster.into(),
            stale_after: args.stale_after,
        }))
    }

    /// Writes until the loop has ended.
    pub async fn write(self, handle: Handle) {
        let mut choice = Choice::default();
        let problem = Problem::new();
        while let Ok((found, at)) = self.look(&handle).await {
            self.write_due(&mut choice, &found, at, &problem).await;
            time::sleep(self.stale_after.clamp(LOOK_LEAST, LOOK_EVERY)).await;
        }
    }

    /// What deserves an Event now.
    async fn look(&self, handle: &Handle) -> Result<(Vec<PodEvent>, Time<0>), Stopped> {
        let frame = handle
            .ask(|to| Request::Top(Selection::first(PARENTS), to))
            .await?;
        let mut stuck = Vec::new();
        if frame.items.iter().any(|top| top.summary.stuck > 0) {
            let document = handle
                .ask(|to| Request::Stuck(self.stale_after, to))
                .await?;
            stuck = document.items;
        }
        let parents = frame.items.iter().flat_map(|top| &top.parents);
        let found = findings::of(parents, &stuck, self.stale_after);
        Ok((found, Time(frame.head.at.0)))
    }

    /// Writes what is due, until the first failure: the rest would fail too.
    async fn write_due(
        &self,
        choice: &mut Choice,
        found: &[PodEvent],
        at: Time<0>,
        problem: &Problem<Failure>,
    ) {
        choice.forget(found, Instant::now());
        while let Some((event, times)) = choice.next(found, Instant::now()) {
            match self.events.write(event, times, at).await {
                Ok(times) => {
                    choice.written(event, times, Instant::now());
                    if problem.note(None, Instant::now()) == Some(News::Ended) {
                        log::info!("the API server takes Events again");
                    }
                }
                Err(Failed(failure, why)) => {
                    if problem.note(Some(failure), Instant::now()).is_some() {
                        log_failure(failure, &why);
                    }
                    return;
                }
            }
        }
    }
}

fn log_failure(failure: Failure, why: &str) {
    match failure {
        Failure::Forbidden => log::warn!(
            "the API server denies Events ({why}): {}, or omit --pod-events",
            remedy(why, "let the service account create and patch events")
        ),
        _ => log::warn!("writing an Event failed; retrying: {why}"),
    }
}
