//! The first process of a test kernel: mounts what a host has, runs the live test with each kind
//! of hook, says what came of it, and powers the machine off.
//!
//! Verdicts are lines that begin with `RW-`: `RW-TEST hook test ok`, `RW-TEST hook test FAIL why`
//! and at the end `RW-END passed=N failed=M`.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

/// The live tests, where the archive has them.
const LIVE: &str = "/live";
/// The one that prints a line of verdict for each scenario.
const ROW: &str = "row::every_death_is_told_truly";
/// The one that takes things away from the host, with whatever hooks are left.
const DEGRADED: &str = "degraded::every_poor_host_is_told_truly";
/// The one that looks at what a running agent may still do.
const PRIVILEGES: &str = "privileges::what_only_loading_needs_is_given_up";
const HOOKS: [&str; 3] = ["fentry", "kprobe", "tracepoint"];

/// Kind and place of each file system; the folders above them come from the archive. None may
/// lie over a place where a checkout, and with it a packed program, can be.
const MOUNTS: [(&str, &str); 5] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tracefs", "/sys/kernel/tracing"),
    ("cgroup2", "/sys/fs/cgroup"),
];

/// How many tests came to which end.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: u32,
    failed: u32,
}

fn main() {
    match run() {
        Ok(Tally { passed, failed }) => say(&format!("RW-END passed={passed} failed={failed}")),
        Err(error) => say(&format!("RW-BROKEN {error:#}")),
    }
    // A machine that does not go off is killed from outside.
    let _ = reboot(RebootMode::RB_POWER_OFF);
}

fn run() -> Result<Tally> {
    say("RW-BOOT");
    for (kind, place) in MOUNTS {
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
    for hook in HOOKS {
        test(ROW, Some(hook), &mut tally).with_context(|| format!("test with {hook}"))?;
    }
    for name in [DEGRADED, PRIVILEGES] {
        test(name, None, &mut tally).context("test with any hook")?;
    }
    Ok(tally)
}

/// Runs a test, with one kind of hook forced if one is named.
fn test(name: &str, forced: Option<&'static str>, tally: &mut Tally) -> Result<()> {
    let hook = forced.unwrap_or("any");
    let mut test = Command::new(LIVE)
        .args(["--ignored", "--exact", "--nocapture", name])
        .envs(forced.map(|hook| ("REAPWATCH_TEST_HOOK", hook)))
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
    if judged.passed == 0 || succeeded != (judged.failed == 0) {
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
        let Some(verdict) = line.strip_prefix("RW-TEST ") else {
            say(&line);
            continue;
        };
        let ok = verdict.ends_with(" ok") && verdict.split(' ').count() == 2;
        tally.passed += u32::from(ok);
        tally.failed += u32::from(!ok);
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
