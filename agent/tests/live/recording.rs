//! Recordings and their replay.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::CapabilitySet;
use scenarios::Truth;

use crate::agent::{PATIENCE, REAPWATCH, eventually};
use crate::compare::is_same_process;
use crate::host::{Host, NOBODY};
use crate::refusals::assert_refused;
use crate::scenario::{self, Leak, Misbehaving, Undying};
use api::{Culprit, Document, ExitLine, FinishedExit, Stuck, Zombie};

/// Each ends differently, and every kernel can run it.
const SCENARIOS: [&str; 6] = [
    "reaped_10ms",
    "killed_sigkill",
    "leader_exits_first",
    "zombie_adopted",
    "tracer_waits",
    "thread_execs",
];

/// `reapwatch record --json`, and what it has printed.
struct Recorder {
    program: Child,
    lines: Receiver<String>,
    printed: String,
}

impl Recorder {
    /// Starts one and waits until it has printed a death.
    fn start(file: &Path) -> Self {
        let forced = std::env::var("REAPWATCH_TEST_HOOK").ok();
        let mut program = Command::new(REAPWATCH)
            .args(["record", "--json"])
            .arg(file)
            .args(forced.map(|hook| format!("--hook={hook}")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let lines = follow(program.stdout.take().expect("it is piped"));
        let mut recorder = Self {
            program,
            lines,
            printed: String::new(),
        };
        let end = Instant::now() + PATIENCE;
        while recorder.printed.is_empty() {
            assert!(Instant::now() < end, "it prints no death");
            scenario::run("reaped_0ms");
            recorder.read();
        }
        recorder
    }

    fn read(&mut self) {
        let patience = Duration::from_millis(100);
        while let Ok(line) = self.lines.recv_timeout(patience) {
            self.printed.push_str(&line);
        }
    }

    /// Waits until all of these deaths have been printed.
    fn wait_for(&mut self, truths: &[Truth]) {
        let end = Instant::now() + PATIENCE;
        let has = |deaths: &[FinishedExit], truth: &Truth| {
            let is_it = |death: &FinishedExit| is_same_process(death, truth);
            deaths
                .iter()
                .any(|death| is_it(death) && death.comm == truth.comm)
        };
        loop {
            self.read();
            let deaths = deaths(&self.printed);
            if truths.iter().all(|truth| has(&deaths, truth)) {
                return;
            }
            assert!(Instant::now() < end, "{truths:#?}\n{}", self.printed);
        }
    }

    /// Ends it like Ctrl-C; returns all that it printed.
    fn end(mut self) -> String {
        let pid = Pid::from_child(&self.program);
        kill_process(pid, Signal::INT).expect("it runs");
        self.printed.extend(self.lines.iter());
        let status = self.program.wait().expect("it is a child");
        let mut log = String::new();
        let mut stderr = self.program.stderr.take().expect("it is piped");
        stderr.read_to_string(&mut log).expect("text");
        assert!(status.success() && log.contains("recorded to"), "{log}");
        self.printed
    }
}

fn follow(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line + "\n").is_err() {
                return;
            }
        }
    });
    lines
}

fn deaths(printed: &str) -> Vec<FinishedExit> {
    let death = |line| match serde_json::from_str(line).expect("a line of exits") {
        ExitLine::Exit(death) => *death,
        ExitLine::Lost { .. } => panic!("this reader was too slow"),
    };
    printed.lines().map(death).collect()
}

/// The lines without containers, which a replay does not wait for, and without the order that comes
/// from looking them up.
fn placeless(lines: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut death: serde_json::Value = serde_json::from_str(line).expect("a line of exits");
        for field in ["container", "parent_container"] {
            death[field] = serde_json::Value::Null;
        }
        death.to_string()
    };
    let mut lines: Vec<_> = lines.lines().map(line).collect();
    lines.sort_unstable();
    lines
}

/// What `replay` prints for nobody, to whom root gives the recording.
fn replay(host: &Host, file: &Path, view: &[&str]) -> String {
    let mode = fs::metadata(file).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    chown(file, Some(NOBODY), Some(NOBODY)).expect("ours to give");
    let output = host
        .reapwatch()
        .arg("replay")
        .arg(file)
        .args(view)
        .output()
        .expect("the program runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_recording_keeps_the_verdicts_made_while_it_was_made() {
    let host = Host::new().run_by_nobody(CapabilitySet::empty());
    let file = host.socket().with_file_name("deaths.trace");
    let recorder = Recorder::start(&file);
    let one = Misbehaving::start("never_waits");
    let pid = one.culprit.pid;
    let is_judged =
        |line: &str| line.starts_with("judged ") && line.contains(&format!(" process={pid}@"));
    let text = || fs::read_to_string(&file).unwrap_or_default();
    assert!(eventually(|| text().lines().any(is_judged)), "{}", text());
    recorder.end();
    let culprits = replay(&host, &file, &["culprits", "--json"]);
    let culprits: Document<Culprit> = serde_json::from_str(&culprits).expect("a document");
    let mut culprits = culprits.items.into_iter();
    let culprit = culprits.find(|culprit| culprit.process.pid == pid);
    let culprit = culprit.expect("it is there");
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
    let place = culprit.container.and_then(|it| it.cgroup);
    assert_eq!(
        place.is_none(),
        cgroups.lines().all(|it| it.ends_with(":/"))
    );
    assert!(place.is_none_or(|place| cgroups.contains(&place)));
    let verdict = culprit.verdict.expect("one");
    assert_eq!(verdict.id.0, one.culprit.verdict);
    assert!(!verdict.evidence.is_empty() && !verdict.remedy.is_empty());
    let zombies = replay(&host, &file, &["zombies", "--json"]);
    let zombies: Document<Zombie> = serde_json::from_str(&zombies).expect("a document");
    let is_its = |it: &&Zombie| it.parent.as_ref().is_some_and(|parent| parent.pid == pid);
    let zombie = zombies.items.iter().find(is_its).expect("it has some");
    assert_eq!(zombie.verdict.as_deref(), Some(&verdict));
    for pid in [zombie.pid, pid] {
        let story = replay(&host, &file, &["explain", &pid.to_string()]);
        assert!(story.contains(&*verdict.id.0), "{story}");
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_replay_shows_a_stuck_exit_and_who_killed_it() {
    let host = Host::new().run_by_nobody(CapabilitySet::empty());
    let file = host.socket().with_file_name("deaths.trace");
    let recorder = Recorder::start(&file);
    let one = Undying::start("exit_stop");
    // What does not die is looked at from time to time.
    let its = format!(" process={}@", one.truth.pid);
    let is_its = |line: &str| line.starts_with("stuck ") && line.contains(&its);
    let is_looked_at = || fs::read_to_string(&file).is_ok_and(|text| text.lines().any(is_its));
    assert!(eventually(is_looked_at), "nobody looks at it");
    recorder.end();
    let stuck = replay(&host, &file, &["stuck", "--json"]);
    let stuck: Document<Stuck> = serde_json::from_str(&stuck).expect("a document");
    let is_it = |stuck: &&Stuck| stuck.pid == one.truth.pid;
    let stuck = stuck.items.iter().find(is_it).expect("it is there");
    let killer = stuck.killer.as_ref().expect("it was killed");
    assert_eq!(killer.signal, "SIGKILL");
    assert!(
        killer.process.is_some() && stuck.since.is_some(),
        "{stuck:#?}"
    );
    let verdict = stuck.verdict.as_ref().expect("it was judged");
    assert_eq!(verdict.id.0, one.truth.verdict);
    assert!(
        stuck.step.is_some() && stuck.no_step.is_none(),
        "{stuck:#?}"
    );
    let story = replay(&host, &file, &["explain", &one.truth.pid.to_string()]);
    assert!(story.contains(&*verdict.id.0), "{story}");
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_replay_counts_the_deaths_that_were_printed() {
    let host = Host::new().run_by_nobody(CapabilitySet::empty());
    let file = host.socket().with_file_name("deaths.trace");
    let mut recorder = Recorder::start(&file);
    let truths: Vec<_> = SCENARIOS.into_iter().flat_map(scenario::run).collect();
    recorder.wait_for(&truths);
    let printed = deaths(&recorder.end()).len();
    let page = replay(&host, &file, &["metrics"]);
    let sum = |name: &str| {
        let series = page.lines().filter(|line| line.starts_with(name));
        let values = series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        values.sum::<u64>()
    };
    // A death of which the kernel side saw only that the process was freed is counted, but there is
    // nothing to print.
    let text = fs::read_to_string(&file).expect("it is text");
    let lost = text.rsplit_once("lost_deaths=").expect("it has counts").1;
    let lost: u64 = lost
        .split(' ')
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    assert_eq!(
        sum("reapwatch_reaped_total{"),
        printed as u64 + lost,
        "{page}"
    );
    assert!(
        sum("reapwatch_exits_total{") >= truths.len() as u64,
        "{page}"
    );
    assert_eq!(replay(&host, &file, &["metrics"]), page);
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_replay_prints_the_same_lines_as_the_live_run() {
    let host = Host::new().run_by_nobody(CapabilitySet::empty());
    let file = host.socket().with_file_name("deaths.trace");
    let mut recorder = Recorder::start(&file);
    let truths: Vec<_> = SCENARIOS.into_iter().flat_map(scenario::run).collect();
    let left = Leak::start(2);
    recorder.wait_for(&truths);
    // Deaths are printed every 10 ms: those of the leak are there.
    let lived = recorder.end();
    let replayed = replay(&host, &file, &["exits", "--json"]);
    assert_eq!(placeless(&replayed), placeless(&lived));
    let zombies = replay(&host, &file, &["zombies", "--json"]);
    let zombies: Document<Zombie> = serde_json::from_str(&zombies).expect("a document");
    for truth in &left.truths {
        let is_it = |zombie: &Zombie| zombie.pid == truth.pid && zombie.comm == truth.comm;
        assert!(zombies.items.iter().any(is_it), "{truth:#?}\n{zombies:#?}");
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn the_freeing_of_a_process_is_not_reported_after_its_reap() {
    let host = Host::new().run_by_nobody(CapabilitySet::empty());
    let file = host.socket().with_file_name("deaths.trace");
    let mut recorder = Recorder::start(&file);
    let waited_for = scenario::run("reaped_0ms");
    // With tracepoints only their freeing shows the reap of these, and that comes later.
    let ignored = scenario::run("sigchld_ignored");
    recorder.wait_for(&waited_for);
    recorder.wait_for(&ignored);
    recorder.end();
    let text = fs::read_to_string(&file).expect("it was recorded");
    for truth in &waited_for {
        let dead = format!(" dead={}@", truth.pid);
        let is_its = |line: &&str| line.starts_with("freed ") && line.contains(&dead);
        assert_eq!(text.lines().find(is_its), None);
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn a_recording_that_does_not_fit_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("deaths.trace");
    let script = r#"trap "" XFSZ; ulimit -f 1; exec "$0" record "$1" --for 20s"#;
    let output = Command::new("bash")
        .args(["-c", script, REAPWATCH])
        .arg(&file)
        .output()
        .expect("bash runs");
    assert_refused(&output, &format!("cannot write {}", file.display()));
    assert_refused(&output, "more room");
    assert!(!file.exists());
}
