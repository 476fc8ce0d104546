//! The first process of a test kernel: mounts what a host has, runs the live test with each kind
//! of hook, says what came of it, and powers the machine off.
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
/// The one that prints a line of verdict for each scenario.
const ROW: &str = "row::every_death_is_told_truly";
/// The one that takes things away from the host, with whatever hooks are left.
const DEGRADED: &str = "degraded::every_poor_host_is_told_truly";
/// Tells the scenarios that they may change settings of the whole machine.
const OWN_MACHINE: &str = "REAPWATCH_TEST_OWN_MACHINE";
/// The one that holds exits up in a known step.
const STEPS: &str = "steps::every_slow_step_is_told_truly";
/// The one that has more PIDs than slots.
const SLOTS: &str = "slots::two_processes_that_share_a_slot_keep_what_is_known_of_each";
/// The one that steps the clock and lets the machine sleep, and so the last.
const CLOCKS: &str = "clocks::a_stepped_clock_and_a_sleep_change_nothing_that_was";
/// The one that asks why each of all culprits does not reap.
const VERDICTS: &str = "culprits::each_culprit_has_its_verdict_beside_all_others";
/// The one that makes cgroups of all forms and dies in them.
const WORKLOADS: &str = "workloads::every_workload_is_named";
/// The one that holds processes on their way out.
const STUCK: &str = "stuck::each_who_does_not_die_has_its_verdict";
/// The one that fills a cgroup, of version 2 as there is no other here.
const REFUSED_FORKS: &str = "pids::forks_that_a_limit_refuses_are_counted";
/// The one that looks at what a running agent may still do.
const PRIVILEGES: &str = "privileges::what_only_loading_needs_is_given_up";
/// All others, in an order that matters.
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

/// Kind and place of each file system; none may lie over a place where a checkout, and with it a
/// packed program, can be.
const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("devpts", "/dev/pts"),
    ("tracefs", "/sys/kernel/tracing"),
    ("cgroup2", "/sys/fs/cgroup"),
];

/// How many tests came to which end.
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
        }) => say(&format!(
            "RW-END passed={passed} failed={failed} skipped={skipped}"
        )),
        Err(error) => say(&format!("RW-BROKEN {error:#}")),
    }
    // The kernel's own last words would cut off what still waits for the serial line.
    let _ = tcdrain(io::stdout());
    // A machine that does not go off is killed from outside.
    let _ = reboot(RebootMode::RB_POWER_OFF);
}

fn run() -> Result<Tally> {
    say("RW-BOOT");
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
    // Some tests run as nobody.
    fs::set_permissions("/tmp", Permissions::from_mode(0o1777)).context("open /tmp to all")?;
    let mut tally = Tally::default();
    // From the kernel's command line; without it, all.
    let part = env::var("REAPWATCH_TESTS").ok();
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if wanted("deaths") {
        for hook in HOOKS {
            for name in [ROW, STEPS, SLOTS] {
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
        say(&format!(
            "RW-TEST {hook} whole FAIL the test itself failed, see the log"
        ));
        tally.failed += 1;
    }
    Ok(())
}

/// Passes a test's output on, and counts.
fn relay(hook: &str, output: impl BufRead) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines().map_while(Result::ok) {
        if let Some(figures) = line.strip_prefix("RW-NOISE ") {
            say(&format!("RW-NOISE {hook} {figures}"));
            continue;
        }
        let Some(verdict) = line.strip_prefix("RW-TEST ") else {
            say(&line);
            continue;
        };
        let end = verdict.split_once(' ').map_or("", |(_, end)| end);
        match end {
            "ok" => tally.passed += 1,
            _ if end.starts_with("skip ") => tally.skipped += 1,
            _ => tally.failed += 1,
        }
        say(&format!("RW-TEST {hook} {verdict}"));
    }
    tally
}

/// Waits for all that is handed to the first process, until `child` has ended; whether it
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

/// To the console; nobody could be told that it is gone.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
