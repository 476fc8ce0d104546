//! The first process of a test kernel: mounts what a host has, runs the live test with each kind
//! of hook, prints the results, and powers the machine off.
//!
//! Verdicts are lines that begin with `RW-`: `RW-TEST hook test ok`, `RW-TEST hook test FAIL why`,
//! `RW-TEST hook test skip why` of what this kernel lacks, and at the end
//! `RW-END passed=N failed=M skipped=K`. `RW-NOISE hook figures` is passed on as well.

use std::env;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::termios::tcdrain;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

/// The live tests, where the archive has them.
const LIVE: &str = "/live";
/// Prints a line of verdict for each scenario.
const ROW: &str = "row::every_death_is_reported_correctly";
/// Takes features away from the host and runs with the hooks that are left.
const DEGRADED: &str = "degraded::every_degraded_host_is_reported_correctly";
/// Allows the scenarios to change settings of the whole machine.
const OWN_MACHINE: &str = "REAPWATCH_TEST_OWN_MACHINE";
/// Delays exits in a known step.
const STEPS: &str = "steps::every_slow_step_is_reported_correctly";
/// Compares deaths that are counted in the kernel with those that are sent.
const ORDINARY: &str = "ordinary::counted_and_sent_deaths_give_the_same_answers";
/// Has more PIDs than slots.
const SLOTS: &str = "slots::two_processes_that_share_a_slot_keep_what_is_known_of_each";
/// Steps the clock and suspends the machine, so it comes last.
const CLOCKS: &str = "clocks::a_stepped_clock_and_a_suspend_do_not_change_past_times";
/// Checks the verdict of each culprit.
const VERDICTS: &str = "culprits::each_culprit_has_its_verdict_beside_all_others";
/// Makes cgroups of all forms in which processes die.
const WORKLOADS: &str = "workloads::every_workload_is_named";
/// Holds processes that are exiting.
const STUCK: &str = "stuck::each_stuck_process_has_its_verdict";
/// Fills a cgroup, of version 2 because there is no other here.
const REFUSED_FORKS: &str = "pids::forks_that_a_limit_refuses_are_counted";
/// Checks which privileges a running agent still has.
const PRIVILEGES: &str = "privileges::privileges_that_only_loading_needs_are_dropped";
/// All others; their order matters.
const REST: [&str; 7] = [
    // Before those that bind controllers to hierarchies of version 1, which may last.
    REFUSED_FORKS,
    VERDICTS,
    WORKLOADS,
    STUCK,
    PRIVILEGES,
    DEGRADED,
    CLOCKS,
];
const HOOKS: [&str; 3] = ["fentry", "kprobe", "tracepoint"];

/// Kind and place of each file system; none may cover a place where a checkout, and with it a
/// packed program, can be.
const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("devpts", "/dev/pts"),
    ("tracefs", "/sys/kernel/tracing"),
    ("cgroup2", "/sys/fs/cgroup"),
];

/// Results of the tests.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

fn main() {
    match run() {
        Ok(Tally {
            passed,
            failed,
            skipped,
        }) => print_line(&format!(
            "RW-END passed={passed} failed={failed} skipped={skipped}"
        )),
        Err(error) => print_line(&format!("RW-BROKEN {error:#}")),
    }
    // The kernel's last messages would cut off what still waits for the serial line.
    let _ = tcdrain(io::stdout());
    // A machine that does not power off is killed from outside.
    let _ = reboot(RebootMode::RB_POWER_OFF);
}

fn run() -> Result<Tally> {
    print_line("RW-BOOT");
    for (kind, place) in MOUNTS {
        fs::create_dir_all(place).with_context(|| format!("make {place}"))?;
        mount(
            Some(kind),
            place,
            Some(kind),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("mount {place}"))?;
    }
    // Some tests run as the user `nobody`.
    fs::set_permissions("/tmp", Permissions::from_mode(0o1777)).context("open /tmp to all")?;
    let mut tally = Tally::default();
    // From the kernel's command line; without it, all.
    let part = env::var("REAPWATCH_TESTS").ok();
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    // Likewise; without it, all.
    let hooks = env::var("REAPWATCH_HOOKS").ok();
    let has = |hook: &&str| match &hooks {
        Some(hooks) => hooks.split(',').any(|it| it == *hook),
        None => true,
    };
    // Likewise; without it, each.
    let in_full = env::var("REAPWATCH_ONLY_IN_FULL").ok();
    if wanted("deaths") {
        for hook in HOOKS.into_iter().filter(has) {
            let others = match in_full.as_deref() {
                Some(other) if other != hook => &[][..],
                _ => &[STEPS, ORDINARY, SLOTS],
            };
            for name in [&[ROW], others].concat() {
                test(name, Some(hook), &mut tally).with_context(|| format!("test with {hook}"))?;
            }
        }
    }
    if wanted("rest") {
        for name in REST {
            test(name, None, &mut tally).with_context(|| format!("test {name} with any hook"))?;
        }
    }
    Ok(tally)
}

/// Runs a test, with one kind of hook forced if one is named.
fn test(name: &str, forced: Option<&'static str>, tally: &mut Tally) -> Result<()> {
    let hook = forced.unwrap_or("any");
    let mut test = Command::new(LIVE)
        .args(["--ignored", "--exact", "--nocapture", name])
        .envs(forced.map(|hook| ("REAPWATCH_TEST_HOOK", hook)))
        .env(OWN_MACHINE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {LIVE}"))?;
    let output = BufReader::new(test.stdout.take().context("its output is piped")?);
    let reader = thread::spawn(move || relay(hook, output));
    let succeeded = reap_until(Pid::from_raw(test.id() as i32))?;
    let judged = reader.join().unwrap_or_default();
    tally.passed += judged.passed;
    tally.failed += judged.failed;
    tally.skipped += judged.skipped;
    if judged.passed + judged.skipped == 0 || succeeded != (judged.failed == 0) {
        print_line(&format!(
            "RW-TEST {hook} whole FAIL the test itself failed, see the log"
        ));
        tally.failed += 1;
    }
    Ok(())
}

/// Passes a test's output on, and counts the results.
fn relay(hook: &str, output: impl BufRead) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines().map_while(Result::ok) {
        if let Some(figures) = line.strip_prefix("RW-NOISE ") {
            print_line(&format!("RW-NOISE {hook} {figures}"));
            continue;
        }
        let Some(verdict) = line.strip_prefix("RW-TEST ") else {
            print_line(&line);
            continue;
        };
        let end = verdict.split_once(' ').map_or("", |(_, end)| end);
        match end {
            "ok" => tally.passed += 1,
            _ if end.starts_with("skip ") => tally.skipped += 1,
            _ => tally.failed += 1,
        }
        print_line(&format!("RW-TEST {hook} {verdict}"));
    }
    tally
}

/// Reaps all orphans until `child` has ended; whether it
/// ended well.
fn reap_until(child: Pid) -> Result<bool> {
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => return Ok(code == 0),
            Ok(WaitStatus::Signaled(pid, ..)) if pid == child => return Ok(false),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("wait for the test"),
        }
    }
}

/// Prints to the console; a failure could not be reported anywhere.
fn print_line(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
