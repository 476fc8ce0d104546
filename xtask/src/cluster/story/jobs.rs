//! Containers that end: an init container, a Job, a CronJob. Their deaths are counted under their
//! names, although all is over before anybody could look.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::soon;
use crate::cluster::{kubectl, timeline::Timeline};
use crate::prometheus::server::Prometheus;

/// How long a count has to stay the same: longer than a scrape and the wait for a name.
const SETTLED: Duration = Duration::from_secs(4);

/// Starts a CronJob, whose first run may be a minute away, and a Job.
pub(super) fn begin() -> Result<()> {
    kubectl::apply(include_str!("jobs.yaml"))
}

/// Waits until the Job and the first run of the CronJob have been counted.
pub(super) fn are_counted(prometheus: &Prometheus, timeline: &Timeline) -> Result<()> {
    for (pods, container, what) in [
        (
            "imports-.*",
            "prepare",
            "the init container of the Job shop/imports",
        ),
        ("imports-.*", "work", "the Job shop/imports"),
        ("nightly-.*", "work", "the CronJob shop/nightly"),
    ] {
        let count = soon(what, || exits(prometheus, pods, container))?;
        timeline.print(&format!("Prometheus: {count} deaths in {what}"));
    }
    // A container without a name is shown by the start of its id: only a pause process has none.
    let unnamed = exits(prometheus, "(imports|nightly)-.*", "[0-9a-f]{12}")?.unwrap_or(0.0);
    timeline.print(&format!(
        "Prometheus: {unnamed} deaths in their containers without a name"
    ));
    Ok(())
}

/// Runs another Job to its end; how many deaths are counted then.
pub(super) fn run(prometheus: &Prometheus, name: &str) -> Result<f64> {
    let image = "--image=registry.example/scenarios:1";
    let words = ["create", "job", name, image, "--namespace=shop", "--"];
    kubectl::try_run(&[&words[..], &["/scenarios", "pod", "batch"]].concat())?;
    let job = format!("job/{name}");
    let words = ["wait", "--for=condition=complete", &job, "--namespace=shop"];
    kubectl::try_run(&[&words[..], &["--timeout=60s"]].concat())?;
    let mut last = None;
    soon(&format!("all deaths of the Job {name}"), || {
        thread::sleep(SETTLED);
        let count = exits(prometheus, &format!("{name}-.*"), name)?;
        let same = count.filter(|_| count == last);
        last = count;
        Ok(same)
    })
}

/// Fails unless a Job has as many deaths as it had when it ended.
pub(super) fn is_unchanged(prometheus: &Prometheus, name: &str, before: f64) -> Result<()> {
    let now = exits(prometheus, &format!("{name}-.*"), name)?.unwrap_or(0.0);
    ensure!(
        (now - before).abs() < 0.5,
        "the Job {name} had {before} deaths and has {now}"
    );
    Ok(())
}

/// The deaths in a container, summed over all agents that ever ran.
fn exits(prometheus: &Prometheus, pods: &str, container: &str) -> Result<Option<f64>> {
    prometheus.number(&format!(
        "sum(max_over_time(reapwatch_exits_total{{namespace=\"shop\", pod=~\"{pods}\", \
         container=~\"{container}\"}}[1h]))"
    ))
}
