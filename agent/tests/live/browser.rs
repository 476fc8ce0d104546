//! The landing page in a real browser.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::agent::{Agent, eventually};
use crate::scenario::{Leak, Undying};

/// How long the browser may take, and how long its page lives: it never stops to ask the agent.
const PATIENCE: Duration = Duration::from_secs(30);
const PAGE_MS: &str = "--virtual-time-budget=3000";
/// No name is looked up, so that a resource from elsewhere would be missing.
const ALONE: &str = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";

/// The page once its script has run.
fn dom(url: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder can be made");
    let profile = format!("--user-data-dir={}", profile.path().display());
    let began = Instant::now();
    let output = Command::new("timeout")
        .args([&PATIENCE.as_secs().to_string(), "chromium"])
        .args(["--headless", "--no-sandbox", "--disable-gpu", PAGE_MS])
        .args([ALONE, &profile, "--dump-dom", url])
        .output()
        .expect("timeout is there");
    let errors = String::from_utf8_lossy(&output.stderr);
    let took = began.elapsed();
    assert!(output.status.success(), "after {took:?}: {errors}");
    String::from_utf8(output.stdout).expect("a page is UTF-8")
}

/// Everything that a page loads, links to or sends to.
fn addresses(page: &str) -> impl Iterator<Item = &str> {
    ["src=\"", "href=\"", "action=\"", "url("]
        .into_iter()
        .flat_map(|mark| page.split(mark).skip(1))
        .filter_map(|rest| rest.split(['"', ')']).next())
}

/// The page, once it names the worst culprit and the oldest zombie. The host may have others than this
/// test made, more than the page has room for, and they change.
fn eventually_shown(agent: &Agent) -> String {
    let mut page = String::new();
    let mut missing = Vec::new();
    for _ in 0..5 {
        let (culprits, zombies) = (agent.culprits().items, agent.zombies().items);
        let worst = culprits.first().map(|it| &it.process);
        let worst = worst.map(|it| format!("{} ({})", it.comm, it.pid));
        let oldest = zombies
            .first()
            .map(|it| format!("{} ({})", it.comm, it.pid));
        page = dom(&agent.url());
        missing = [worst, oldest]
            .map(|it| it.expect("the test made some"))
            .into();
        missing.retain(|part| !page.contains(part));
        if missing.is_empty() {
            return page;
        }
    }
    panic!("{missing:?} is not on the page:\n{page}");
}

#[test]
#[ignore = "needs root, a kernel with BTF and chromium"]
fn the_landing_page_names_those_who_hold_zombies_and_loads_nothing_from_elsewhere() {
    let agent = Agent::start(&["--listen", "127.0.0.1:0"]);
    let leak = Leak::start(3);
    let hung = Undying::start("exit_stop");
    assert!(eventually(|| agent.culprit(leak.pid()).is_some()));
    let is_hung = |it: &api::Stuck| it.pid == hung.truth.pid && it.verdict.is_some();
    assert!(eventually(|| agent.stuck("5s").items.iter().any(is_hung)));
    let page = eventually_shown(&agent);
    for part in [format!("({})", hung.truth.pid), hung.truth.verdict.clone()] {
        assert!(page.contains(&part), "{part} is not on the page:\n{page}");
    }
    for address in addresses(&page) {
        let is_of_agent = address.starts_with(['/', '#']) || address.starts_with("data:");
        assert!(is_of_agent, "{address} is not of the agent");
    }
}
