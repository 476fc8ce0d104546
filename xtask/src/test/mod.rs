//! Runs every test that this machine can run and lists those that it cannot.
//!
//! This is our own runner rather than cargo-nextest: most suites are not cargo tests, and no Debian
//! package has nextest, while building it takes longer than the tests that it would run.

mod output;
mod report;
mod suite;

use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use self::output::Ignored;
use self::report::Report;
use self::suite::{Counted, Suite};
use crate::cli::Purpose;
use crate::setup;
use crate::{deploy, dist, host, statics, workspace};

/// Tests that plain `cargo test` ignores, recognized by a word in the reason of their attribute
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

/// Tests that flood or starve the machine.
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

/// A test belongs to the first of these that has a word of its reason.
static SPECIALS: [&Special; 3] = [&PROMETHEUS, &LIVE_ALONE, &LIVE];

/// Tests with these words in their reason are run and counted by the suite of the kernels.
const BY_KERNELS: &str = "virtual machine";

/// A word of a reason, and why tests with it cannot run here, if so.
type Lack = (&'static str, fn() -> Option<String>);

const LACKS: [Lack; 7] = [
    ("root", host::no_probes),
    ("kernel", host::no_btf),
    ("BTF", host::no_btf),
    ("prom", setup::no_prometheus),
    ("strace", setup::no_strace),
    ("musl-gcc", setup::no_musl),
    ("chromium", setup::no_browser),
];

/// `cargo xtask test`.
pub(crate) fn main() -> Result<ExitCode> {
    if host::is_root() && host::is_debian() {
        // What cannot be installed shows up as suites that cannot run.
        setup::ensure(Purpose::Test).map_or_else(|error| eprintln!("setup: {error:#}"), |_| ());
    }
    let began = Instant::now();
    let mut report = Report::default();
    report.add(suite::run(formatting())?);
    run_if_there(dependencies(), &mut report)?;
    report.add(suite::run(programs())?);
    let (unit, others) = beside(
        // Mostly waits.
        || suite::run(unit()),
        // Mostly compile.
        || [clippy(), OBJECT.suite(Counted::AsOne), own()].map(suite::run),
    )?;
    let unit = unit?;
    let mut ignored = output::ignored(&unit.output);
    report.add(unit);
    for outcome in others {
        let outcome = outcome?;
        ignored.extend(output::ignored(&outcome.output));
        report.add(outcome);
    }
    run_special(&LIVE_ALONE, &ignored, &mut report)?;
    list_others(&ignored, &mut report);
    let (rest, kernels) = beside(
        // Mostly waits.
        || on_this_machine(&ignored, &mut report),
        || suite::run(KERNELS.suite(Counted::Kernels)),
    )?;
    rest?;
    report.add(kernels?);
    println!("all suites: {:.0} s", began.elapsed().as_secs_f64());
    Ok(report.finish())
}

/// Runs two functions side by side.
fn beside<A, B: Send>(this: impl FnOnce() -> A, that: impl FnOnce() -> B + Send) -> Result<(A, B)> {
    thread::scope(|scope| {
        let that = scope.spawn(that);
        let this = this();
        let that = that.join().ok().context("a thread of the tests panicked")?;
        Ok((this, that))
    })
}

/// Runs the suites that need more than cargo, but no other kernel.
fn on_this_machine(ignored: &[Ignored], report: &mut Report) -> Result<()> {
    run_special(&LIVE, ignored, report)?;
    run_special(&PROMETHEUS, ignored, report)?;
    for ourselves in &ON_THIS_MACHINE {
        report.add(suite::run(ourselves.suite(Counted::AsOne))?);
    }
    run_if_there(CLUSTER.suite(Counted::AsOne), report)
}

/// Runs a suite whose programs take so long to build that they are only had on request.
fn run_if_there(suite: Suite, report: &mut Report) -> Result<()> {
    match &suite.lack {
        Some(lack) => report.leave_out(suite.name, lack),
        None => report.add(suite::run(suite)?),
    }
    Ok(())
}

/// Runs the tests of this kind, and lists those that cannot run.
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

/// The kind that an ignored test belongs to.
fn special(test: &Ignored) -> Option<&'static Special> {
    let has = |word: &&str| test.reason.contains(word);
    SPECIALS
        .into_iter()
        .find(|special| special.words.iter().any(has))
}

/// Lists ignored tests that no suite runs.
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

/// What this machine lacks for an ignored test.
fn lack(test: &Ignored) -> Option<String> {
    let asked = LACKS.iter().filter(|(word, _)| test.reason.contains(word));
    asked.into_iter().find_map(|(_, lack)| lack())
}

fn formatting() -> Suite {
    let mut command = cargo();
    command.args(["fmt", "--all", "--check"]);
    Suite::new("fmt", Counted::AsOne, minutes(2), command)
}

/// Checks licences, duplicates and sources of all crates. Advisories need a network.
fn dependencies() -> Suite {
    let mut command = cargo();
    command.args(["deny", "--offline", "check", "bans", "licenses", "sources"]);
    let suite = Suite::new("dependencies", Counted::AsOne, minutes(5), command);
    Suite {
        lack: setup::no_deny(),
        ..suite
    }
}

fn clippy() -> Suite {
    let mut command = statics::cargo_with_test_profile("clippy");
    command.args(["--workspace", "--all-targets", "--", "-D", "warnings"]);
    Suite::new("clippy", Counted::AsOne, minutes(30), command)
}

/// Builds all tests and the programs that they run.
fn programs() -> Suite {
    let mut command = statics::cargo_for_tests("build");
    command.arg("--all-targets");
    Suite::new("build", Counted::AsOne, minutes(30), command)
}

fn unit() -> Suite {
    Suite::new("unit", Counted::CargoTests, minutes(30), cargo_test())
}

/// Compares the checked-in object with its sources.
static OBJECT: Ourselves = Ourselves {
    name: "ebpf --check",
    limit: minutes(10),
    arguments: &["ebpf", "--check"],
    lack: setup::no_kernel_side,
};

/// Suites that need more than cargo, but no other kernel.
static ON_THIS_MACHINE: [Ourselves; 6] = [
    Ourselves {
        name: "soak --quick",
        limit: minutes(10),
        arguments: &["soak", "--quick"],
        lack: host::no_probes,
    },
    Ourselves {
        name: "manifests",
        limit: minutes(10),
        arguments: &["deploy", "--check"],
        lack: deploy::no_kustomize,
    },
    Ourselves {
        name: "dashboards",
        limit: minutes(10),
        arguments: &["dashboards", "--live"],
        lack: setup::no_prometheus,
    },
    Ourselves {
        name: "verdicts --real",
        limit: minutes(10),
        arguments: &["verdicts", "--real", "--quick"],
        lack: host::no_probes,
    },
    Ourselves {
        name: "package",
        limit: minutes(20),
        arguments: &["deb", "--check"],
        lack: setup::no_packager,
    },
    Ourselves {
        name: "clean systems",
        limit: minutes(20),
        arguments: &["dist", "--check"],
        lack: dist::no_clean_system,
    },
];

/// A real Kubernetes.
static CLUSTER: Ourselves = Ourselves {
    name: "cluster",
    limit: minutes(20),
    arguments: &["cluster"],
    lack: setup::no_cluster,
};

/// Runs the live tests on Debian's kernels.
static KERNELS: Ourselves = Ourselves {
    name: "kernels",
    limit: minutes(45),
    arguments: &["vm"],
    lack: setup::no_emulator,
};

/// Another command of this program.
struct Ourselves {
    name: &'static str,
    limit: Duration,
    arguments: &'static [&'static str],
    /// Why it cannot run here, if so.
    lack: fn() -> Option<String>,
}

impl Ourselves {
    fn suite(&self, counted: Counted) -> Suite {
        // Not our path, since building the workspace may replace the file.
        let mut command = Command::new("/proc/self/exe");
        command.args(self.arguments);
        let suite = Suite::new(self.name, counted, self.limit, command);
        Suite {
            lack: (self.lack)(),
            ..suite
        }
    }
}

/// Runs the tests of xtask itself.
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
