//! Runs every test that this machine can and says which it could not.

mod output;
mod report;
mod suite;

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use self::output::Ignored;
use self::report::Report;
use self::suite::{Counted, Suite};
use crate::setup::{self, Purpose};
use crate::{deploy, host, statics, workspace};

/// Tests that plain `cargo test` ignores, told apart by a word of the reason in their attribute
/// (`#[ignore = "needs root …"]`).
struct Special {
    name: &'static str,
    words: &'static [&'static str],
    side_by_side: bool,
    limit: Duration,
}

static PROMETHEUS: Special = Special {
    name: "prometheus",
    words: &["prom"],
    side_by_side: false,
    limit: minutes(10),
};

/// They flood the machine or starve it.
static LIVE_ALONE: Special = Special {
    name: "live kernel, alone",
    words: &["alone"],
    side_by_side: false,
    limit: minutes(10),
};

static LIVE: Special = Special {
    name: "live kernel",
    words: &["root", "kernel", "BTF"],
    side_by_side: true,
    limit: minutes(15),
};

/// The first that knows a word of the reason takes the test.
static SPECIALS: [&Special; 3] = [&PROMETHEUS, &LIVE_ALONE, &LIVE];

/// Tests whose reason has these words are run by the first process of each test kernel, and
/// counted with the kernels.
const BY_KERNELS: &str = "virtual machine";

/// Why a test whose reason has this word cannot run here, if so.
type Lack = (&'static str, fn() -> Option<String>);

const LACKS: [Lack; 4] = [
    ("root", host::no_probes),
    ("kernel", host::no_btf),
    ("BTF", host::no_btf),
    ("prom", setup::no_prometheus),
];

/// `cargo xtask test`.
pub(crate) fn main() -> Result<ExitCode> {
    if host::is_root() && host::is_debian() {
        // What could not be installed shows as suites that could not run.
        setup::ensure(Purpose::Test).map_or_else(|error| eprintln!("setup: {error:#}"), |_| ());
    }
    let mut report = Report::default();
    report.add(suite::run(formatting())?);
    report.add(suite::run(clippy())?);
    report.add(suite::run(programs())?);
    let (unit, object) = beside(
        // Most of the unit suite waits for one crate to compile or for time to pass.
        || suite::run(unit()),
        || suite::run(object()),
    )?;
    let unit = unit?;
    let mut ignored = output::ignored(&unit.output);
    report.add(unit);
    report.add(object?);
    let own = suite::run(own())?;
    ignored.extend(output::ignored(&own.output));
    report.add(own);
    run_special(&LIVE_ALONE, &ignored, &mut report)?;
    list_others(&ignored, &mut report);
    let (rest, kernels) = beside(
        // What runs on this machine waits more than it computes.
        || on_this_machine(&ignored, &mut report),
        || suite::run(kernels()),
    )?;
    rest?;
    report.add(kernels?);
    Ok(report.finish())
}

/// Does two things side by side.
fn beside<A, B: Send>(this: impl FnOnce() -> A, that: impl FnOnce() -> B + Send) -> Result<(A, B)> {
    thread::scope(|scope| {
        let that = scope.spawn(that);
        let this = this();
        let that = that.join().ok().context("a thread of the tests panicked")?;
        Ok((this, that))
    })
}

/// All that needs more than cargo, but no other kernel.
fn on_this_machine(ignored: &[Ignored], report: &mut Report) -> Result<()> {
    run_special(&LIVE, ignored, report)?;
    run_special(&PROMETHEUS, ignored, report)?;
    for suite in [manifests(), dashboards(), real(), package(), cluster()] {
        report.add(suite::run(suite)?);
    }
    Ok(())
}

/// Runs those of the tests that plain `cargo test` left out; lists those that cannot run.
fn run_special(
    Special {
        name,
        side_by_side,
        limit,
        ..
    }: &Special,
    ignored: &[Ignored],
    report: &mut Report,
) -> Result<()> {
    let mut names = Vec::new();
    let mut lacking = Vec::new();
    let is_one = |test: &&Ignored| special(test).is_some_and(|it| it.name == *name);
    for test in ignored.iter().filter(is_one) {
        match lack(test) {
            Some(lack) => lacking.push(format!("{}: {lack}", test.name)),
            None => names.push(test.name.as_str()),
        }
    }
    if !names.is_empty() {
        let threads = if *side_by_side { host::cpus() * 2 } else { 1 };
        let mut command = cargo_test();
        command
            .args(["--", "--ignored", "--exact"])
            .arg(format!("--test-threads={threads}"))
            .args(&names);
        let mut outcome = suite::run(Suite::new(name, Counted::CargoTests, *limit, command))?;
        outcome.expect_tests(names.len() as u64);
        report.add(outcome);
    }
    report.not_run(name, lacking);
    Ok(())
}

/// The kind of special tests that an ignored one belongs to.
fn special(test: &Ignored) -> Option<&'static Special> {
    let has = |word: &&str| test.reason.contains(word);
    SPECIALS
        .into_iter()
        .find(|special| special.words.iter().any(has))
}

/// Lists ignored tests that nothing here runs.
fn list_others(ignored: &[Ignored], report: &mut Report) {
    let others = ignored
        .iter()
        .filter(|test| special(test).is_none() && !test.reason.contains(BY_KERNELS));
    report.not_run(
        "other ignored tests",
        others
            .map(|test| format!("{}: {}", test.name, test.reason))
            .collect(),
    );
}

/// What this machine lacks for a test, from the reason it is ignored for.
fn lack(test: &Ignored) -> Option<String> {
    let asked = LACKS.iter().filter(|(word, _)| test.reason.contains(word));
    asked.into_iter().find_map(|(_, lack)| lack())
}

fn formatting() -> Suite {
    let mut command = cargo();
    command.args(["fmt", "--all", "--check"]);
    Suite::new("fmt", Counted::AsOne, minutes(2), command)
}

fn clippy() -> Suite {
    let mut command = cargo();
    command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]);
    Suite::new("clippy", Counted::AsOne, minutes(20), command)
}

/// All tests, and the programs that they run.
fn programs() -> Suite {
    let mut command = statics::cargo_for_tests("build");
    command.arg("--all-targets");
    Suite::new("build", Counted::AsOne, minutes(20), command)
}

fn unit() -> Suite {
    Suite::new("unit", Counted::CargoTests, minutes(20), cargo_test())
}

/// The checked-in object against its sources.
fn object() -> Suite {
    ourselves(
        "ebpf --check",
        10,
        &["ebpf", "--check"],
        setup::no_kernel_side(),
    )
}

/// Kubernetes' manifests and systemd's unit.
fn manifests() -> Suite {
    ourselves(
        "manifests",
        10,
        &["deploy", "--check"],
        deploy::no_kustomize(),
    )
}

/// The Debian package, installed, started and purged.
fn package() -> Suite {
    ourselves("package", 20, &["deb", "--check"], setup::no_packager())
}

/// The rules' own tests, and every panel asked of a real Prometheus.
fn dashboards() -> Suite {
    ourselves(
        "dashboards",
        10,
        &["dashboards", "--live"],
        setup::no_prometheus(),
    )
}

/// Real programs with a known truth, those that are quick.
fn real() -> Suite {
    ourselves(
        "verdicts --real",
        10,
        &["verdicts", "--real", "--quick"],
        host::no_probes(),
    )
}

/// Pods under containerd, and the alert of a leak.
fn cluster() -> Suite {
    ourselves("cluster", 20, &["cluster"], setup::no_containers())
}

/// The live deaths on Debian's kernels.
fn kernels() -> Suite {
    let suite = ourselves("kernels", 45, &["vm"], setup::no_emulator());
    Suite {
        counted: Counted::Kernels,
        ..suite
    }
}

/// One test of another command of this program, unless something is lacking for it.
fn ourselves(
    name: &'static str,
    limit_minutes: u64,
    arguments: &[&str],
    lack: Option<String>,
) -> Suite {
    // Not our path: the build of the workspace may replace the file at it.
    let mut command = Command::new("/proc/self/exe");
    command.args(arguments);
    let suite = Suite::new(name, Counted::AsOne, minutes(limit_minutes), command);
    Suite { lack, ..suite }
}

/// The tests of xtask itself.
fn own() -> Suite {
    let mut command = cargo();
    command.args(["test", "--locked", "--package", "xtask"]);
    Suite::new("xtask", Counted::CargoTests, minutes(10), command)
}

fn cargo_test() -> Command {
    let mut command = statics::cargo_for_tests("test");
    command.args(["--no-fail-fast", "--all-targets"]);
    command
}

fn cargo() -> Command {
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root())
        .env("CARGO_TERM_COLOR", "never");
    command
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}
