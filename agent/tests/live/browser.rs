//! The landing page in a real browser.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::agent::{Agent, eventually};
use crate::scenario::Leak;

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

#[test]
#[ignore = "needs root, a kernel with BTF and chromium"]
fn the_landing_page_names_those_who_hold_zombies_and_loads_nothing_from_elsewhere() {
    let agent = Agent::start(&["--listen", "127.0.0.1:0"]);
    let leak = Leak::start(3);
    assert!(eventually(|| agent.culprit(leak.pid()).is_some()));
    let culprit = agent.culprit(leak.pid()).expect("it holds zombies");
    let page = dom(&agent.url());
    let who = format!("{} ({})", culprit.process.comm, leak.pid());
    let zombie = leak.truths[0].pid.to_string();
    for part in [who.as_str(), zombie.as_str()] {
        assert!(page.contains(part), "{part} is not on the page:\n{page}");
    }
    for address in addresses(&page) {
        let is_of_agent = address.starts_with(['/', '#']) || address.starts_with("data:");
        assert!(is_of_agent, "{address} is not of the agent");
    }
}
