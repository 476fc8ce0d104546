//! Valid and invalid recordings, replayed without privileges.

use std::io::Write as _;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::schema::problems;
use crate::support::{run, sentence};

/// A zombie that was reaped, and one that was not.
const WHOLE: &str = "\
reapwatch version=1 host=web-1 kernel=6.1 source=fentry agent=0.1.0 began=100s
wall from=0s offset=1700000000s
task process=10@1s:java
task process=43@50s:old parent=10@1s:java zombie
snapshot begun=100.1s ended=100.2s
drained now=100.2s
death at=101.5s process=42@101s:a%20b parent=10@1s:java exit_code=0x300 begin=101.25s
drained now=101.6s
release at=102s dead=42@101s reaper=10@1s:java
drained now=102.1s
counted exited=1 ring_full=4
end now=110s
";

struct Recording {
    _folder: TempDir,
    path: PathBuf,
}

fn recording(text: impl AsRef<[u8]>) -> Recording {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deaths.trace");
    std::fs::write(&path, text).expect("written");
    Recording {
        _folder: folder,
        path,
    }
}

impl Recording {
    fn replay(&self, view: &[&str]) -> (i32, String, String) {
        let file = self.path.to_str().expect("text");
        run(&[&["replay", file], view].concat())
    }

    fn json(&self, view: &[&str]) -> serde_json::Value {
        let (code, stdout, stderr) = self.replay(&[view, &["--json"]].concat());
        assert_eq!(code, 0, "{stderr}");
        let document = serde_json::from_str(&stdout).expect("one document");
        assert_eq!(problems(view[0], &document), []);
        document
    }
}

#[test]
fn each_death_of_a_recording_is_listed() {
    let line = recording(WHOLE).json(&["exits"]);
    assert_eq!(line["comm"], "a b");
    assert_eq!(line["died_at"], "2023-11-14T22:15:01.500000000Z");
    assert_eq!(line["exit_seconds"], 0.25);
    assert_eq!(line["zombie_seconds"], 0.5);
    assert_eq!(line["reaper"]["pid"], 10);
    let (code, stdout, stderr) = recording(WHOLE).replay(&[]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout.lines().count(), 2, "a head and a death: {stdout}");
    assert!(stderr.contains("recorded on web-1, kernel 6.1"), "{stderr}");
}

#[test]
fn lists_show_the_end_of_a_recording() {
    let recording = recording(WHOLE);
    let zombies = recording.json(&["zombies"]);
    assert_eq!(zombies["host"], "web-1");
    assert_eq!(zombies["source"], "fentry");
    assert_eq!(zombies["lost_events"], 4);
    assert_eq!(zombies["at"], "2023-11-14T22:15:10.000000000Z");
    assert_eq!(zombies["items"][0]["pid"], 43);
    assert_eq!(zombies["items"][0]["age_is_lower_bound"], true);
    let culprits = recording.json(&["culprits"]);
    assert_eq!(culprits["items"][0]["process"]["pid"], 10);
    assert_eq!(culprits["items"][0]["reaped_total"], 1);
    assert!(culprits["items"][0]["verdict"].is_null());
    let because = culprits["items"][0]["no_verdict"].as_str();
    assert!(
        because.is_some_and(|it| it.contains("recording")),
        "{culprits}"
    );
    assert!(culprits["notes"][0].is_string(), "{culprits}");
    let story = recording.json(&["explain", "43"]);
    assert_eq!(story["state"], "zombie");
    assert_eq!(story["responsible"]["process"]["comm"], "java");
    let top = recording.json(&["top"]);
    assert_eq!(top["items"][0]["summary"]["reaped_total"], 1);
    assert_eq!(top["items"][0]["summary"]["uptime_seconds"], 10.0);
    let (code, _, _) = recording.replay(&["zombies", "--fail"]);
    assert_eq!(code, 3);
}

/// The sum of all series of a metric that have these labels; `None` if it has none at all.
fn metric(page: &str, name: &str, labels: &str) -> Option<f64> {
    let series = page.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let of_it = series.strip_prefix(name)?;
        let is_it = of_it.is_empty() || of_it.starts_with('{');
        (is_it && of_it.contains(labels)).then(|| value.parse::<f64>().expect("a number"))
    });
    series.reduce(|sum, value| sum + value)
}

#[test]
fn metrics_of_a_recording_are_those_that_it_holds() {
    let named = "cgroup id=7 path=/system.slice/web.service\n";
    let lost = "counted exited=3 killed=2 lost_deaths=3 lost_killed=2 ring_full=4";
    let text = WHOLE.replace("begin=101.25s", "begin=101.25s cgroup=7");
    let text = text.replace("counted exited=1 ring_full=4", lost);
    // Its workload was found only later.
    let text = text.replace("release ", &format!("{named}release "));
    let recording = recording(text);
    let page = |view: &[&str]| {
        let (code, stdout, stderr) = recording.replay(view);
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let end = page(&["metrics"]);
    for (name, labels, value) in [
        ("reapwatch_exits_total", "", 4.0),
        ("reapwatch_exits_total", "kind=\"killed\"", 2.0),
        ("reapwatch_exits_total", "unit=\"web.service\"", 1.0),
        ("reapwatch_reaped_total", "unit=\"web.service\"", 1.0),
        ("reapwatch_zombie_duration_seconds_sum", "how=\"wait\"", 0.5),
        ("reapwatch_exit_duration_seconds_count", "", 1.0),
        ("reapwatch_zombies", "", 1.0),
        ("reapwatch_events_total", "event=\"death\"", 1.0),
        ("reapwatch_events_total", "event=\"release\"", 1.0),
        ("reapwatch_events_lost_total", "", 4.0),
    ] {
        assert_eq!(
            metric(&end, name, labels),
            Some(value),
            "{name}{{{labels}}}"
        );
    }
    for unknown in ["process_", "reapwatch_probe_info", "reapwatch_culprits"] {
        assert!(!end.contains(unknown), "{unknown} in {end}");
    }
    assert_eq!(page(&["metrics"]), end);
    // A death counts although the recording names its workload only later.
    let before = page(&["metrics", "--at", "1.7s"]);
    assert_eq!(metric(&before, "reapwatch_exits_total", ""), Some(1.0));
    assert_eq!(metric(&before, "reapwatch_zombies", ""), Some(2.0));
    assert_eq!(metric(&before, "reapwatch_events_lost_total", ""), None);
    assert_eq!(page(&["--at", "1.7s", "metrics"]), before);
}

#[test]
fn stuck_exits_of_a_recording_are_those_of_its_last_snapshot() {
    let exiting = "killed=90s killer=10@1s:java kill_signal=9 kill_by=process begin=90.5s exiting";
    let tasks = format!(
        "task process=50@60s:backup parent=10@1s:java {exiting}\n\
         task process=51@60s:tar parent=10@1s:java {exiting}\n\
         snapshot begun"
    );
    // One of them finishes in the end.
    let death = "death at=103s process=51@60s:tar parent=10@1s:java\nrelease at=104s \
                 dead=51@60s reaper=10@1s:java\ndrained now=104s\ncounted";
    let text = WHOLE.replace("snapshot begun", &tasks);
    let recording = recording(text.replace("counted", death));
    let pids = |view: &[&str]| {
        let document = recording.json(view);
        let items = document["items"].as_array().expect("a list").iter();
        items.map(|it| it["pid"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(pids(&["stuck", "--at", "start"]), [50, 51]);
    assert_eq!(pids(&["stuck"]), [50]);
    assert_eq!(pids(&["stuck", "--filter", "comm=tar"]), [0; 0]);
    assert_eq!(pids(&["stuck", "--threshold", "1m"]), [0; 0]);
    let stuck = &recording.json(&["stuck"])["items"][0];
    assert_eq!(stuck["since"], "2023-11-14T22:14:50.000000000Z");
    assert_eq!(stuck["stuck_seconds"], 20.0);
    assert_eq!(stuck["killer"]["signal"], "SIGKILL");
    assert_eq!(stuck["killer"]["process"]["pid"], 10);
    assert!(stuck["step"].is_null() && stuck["verdict"].is_null());
    let because = stuck["no_step"].as_str().expect("a reason");
    assert!(because.contains("recording"), "{because}");
    assert_eq!(recording.replay(&["stuck", "--fail"]).0, 3);
    let top = recording.json(&["top"]);
    assert_eq!(top["items"][0]["summary"]["stuck"], 1);
    let (_, page, _) = recording.replay(&["metrics"]);
    assert_eq!(metric(&page, "reapwatch_stuck_exits", ""), Some(1.0));
}

#[test]
fn what_was_found_of_a_stuck_exit_while_recording_is_shown() {
    let task = "task process=50@60s:backup parent=10@1s:java killed=90s kill_signal=9 begin=90.5s \
                exiting\nsnapshot begun";
    let found = "stuck at=101.5s process=50@60s:backup state=D step=unkillable_sleep \
                 thread0=50:D:unkillable_sleep:fuse_fsync,do_fsync waits_for=fuse what=archive \
                 by0=7:sshfs id=unkillable_sleep confidence=certain summary=hangs \
                 remedy=kill%20-CONT%207\ndrained now=101.6s";
    let text = WHOLE.replace("snapshot begun", task);
    let recording = recording(text.replace("drained now=101.6s", found));
    let document = recording.json(&["stuck"]);
    assert!(document["notes"][0].is_string());
    let stuck = &document["items"][0];
    assert_eq!(
        (&stuck["pid"], &stuck["step"]),
        (&50.into(), &"unkillable_sleep".into())
    );
    assert_eq!(stuck["waits_for"]["processes"][0]["comm"], "sshfs");
    assert_eq!(stuck["verdict"]["remedy"], "kill -CONT 7");
    let story = recording.json(&["explain", "50"]);
    assert_eq!(story["verdict"], stuck["verdict"]);
    assert_eq!(story["stuck"]["threads"], stuck["threads"]);
    let before = recording.json(&["stuck", "--at", "start"]);
    assert!(before["items"][0]["no_step"].is_string());
}

#[test]
fn the_agent_of_a_recording_is_shown_as_far_as_it_is_known() {
    let view = ["top", "-b", "--view", "agent"];
    let (code, stdout, stderr) = recording(WHOLE).replay(&view);
    assert_eq!(code, 0, "{stderr}");
    for row in [
        &["NO", "events lost", "4"][..],
        &["yes", "host", "web-1"],
        &["yes", "kernel", "6.1"],
        &["yes", "version", "0.1.0"],
        &["yes", "source", "fentry"],
        &["yes", "recorded since", "2023-11-14 22:15:00 UTC"],
        &["yes", "death events", "1"],
        &["NO", "lost: ring_full", "4"],
    ] {
        let is_it = |line: &str| row.iter().all(|cell| line.contains(cell));
        assert!(stdout.lines().any(is_it), "{row:?} in {stdout}");
    }
    assert!(!stdout.contains("end of the recording"), "{stdout}");
    let cut = WHOLE.trim_end_matches("end now=110s\n");
    let (_, stdout, _) = recording(cut).replay(&view);
    assert!(stdout.contains("end of the recording"), "{stdout}");
}

#[test]
fn a_truncated_recording_is_reported() {
    let place = WHOLE.find("ing_full").expect("it is there");
    let (code, stdout, stderr) = recording(&WHOLE[..place]).replay(&["exits"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("a b"), "{stdout}");
    assert!(stderr.contains("truncated"), "{stderr}");
    let (_, _, stderr) = recording(WHOLE).replay(&["exits"]);
    assert!(!stderr.contains("truncated"), "{stderr}");
}

#[test]
fn a_compressed_recording_is_replayed_even_if_it_is_cut() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(WHOLE.as_bytes()).expect("to memory");
    encoder.flush().expect("to memory");
    let cut = encoder.get_ref().clone();
    let whole = encoder.finish().expect("to memory");
    let exits = recording(WHOLE).replay(&["exits"]).1;
    // Of the second, all lines are there, though not the end of the compression.
    for file in [whole, cut] {
        let (code, stdout, stderr) = recording(file).replay(&["exits"]);
        assert_eq!((code, &stdout), (0, &exits), "{stderr}");
        assert!(!stderr.contains("truncated"), "{stderr}");
    }
}

#[test]
fn lines_from_a_newer_release_are_counted() {
    let later = WHOLE.replace("drained now=101.6s", "hung at=1s pid=7\nburied at=2s");
    let (code, _, stderr) = recording(later).replay(&["zombies"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("2 lines"), "{stderr}");
}

#[test]
fn a_file_that_cannot_be_replayed_is_refused_in_one_sentence() {
    let refused = |text: &[u8]| {
        let (code, stdout, stderr) = recording(text).replay(&["zombies"]);
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        sentence(&stderr).to_owned()
    };
    let damaged = WHOLE.replace("at=101.5s", "at=101.5");
    let why = refused(damaged.as_bytes());
    assert!(why.contains("line 7 is damaged: at=\"101.5\""), "{why}");
    let why = refused(WHOLE.replace("version=1", "version=2").as_bytes());
    assert!(why.contains("version 2"), "{why}");
    let why = refused(b"death at=1s process=7:x\n");
    assert!(why.contains("is not a recording"), "{why}");
    assert!(refused(b"").contains("is not a recording"));
    let binary = [WHOLE.as_bytes(), b"\xff\xfe\n"].concat();
    assert!(refused(&binary).contains("line 13 is damaged"));
    let long = format!("{WHOLE}# {}\n", "x".repeat(70_000));
    assert!(refused(long.as_bytes()).contains("line 13 is damaged"));
    let twice = format!("{WHOLE}{WHOLE}");
    assert!(refused(twice.as_bytes()).contains("more than one recording"));
    let (code, _, stderr) = run(&["replay", "/nowhere/at.all"]);
    assert_eq!(code, 1);
    assert!(sentence(&stderr).contains("cannot open"), "{stderr}");
}

#[test]
fn a_replay_uses_no_agent() {
    let (code, _, stderr) = recording(WHOLE).replay(&["zombies", "--socket", "/run/x.sock"]);
    assert_eq!(code, 1);
    assert!(
        sentence(&stderr).contains("reads only its file"),
        "{stderr}"
    );
}

#[test]
fn record_does_not_overwrite_a_file() {
    let there = recording("precious");
    let (code, _, stderr) = run(&["record", there.path.to_str().expect("text")]);
    assert_eq!(code, 1);
    assert!(sentence(&stderr).contains("exists already"), "{stderr}");
    let kept = std::fs::read_to_string(&there.path).expect("still there");
    assert_eq!(kept, "precious");
}

#[test]
fn verdicts_made_while_recording_are_shown() {
    let judged = "judged at=105s process=10@1s:java id=never_waits confidence=likely \
                  summary=java%20never%20waits fact0=no%20wait%20call fact1=3%20zombies \
                  remedy=fix%20java\n";
    let (before, end) = WHOLE.split_at(WHOLE.find("counted").expect("it is there"));
    let recording = recording(format!("{before}{judged}{end}"));
    let culprit = &recording.json(&["culprits"])["items"][0];
    let verdict = &culprit["verdict"];
    assert_eq!(verdict["id"], "never_waits");
    assert_eq!(verdict["confidence"], "likely");
    assert_eq!(verdict["evidence"][1], "3 zombies");
    assert_eq!(verdict["remedy"], "fix java");
    assert!(culprit["no_verdict"].is_null());
    assert_eq!(recording.json(&["explain", "10"])["verdict"], *verdict);
    assert_eq!(
        recording.json(&["zombies"])["items"][0]["verdict"],
        *verdict
    );
    let top = recording.json(&["top"]);
    assert_eq!(top["items"][0]["parents"][0]["verdict"], *verdict);
    let none = format!("{before}judged at=105s process=10@1s:java\n{end}");
    let culprit = &self::recording(none).json(&["culprits"])["items"][0];
    assert!(culprit["verdict"].is_null());
    let because = culprit["no_verdict"].as_str().expect("a reason");
    assert!(because.contains("rule"), "{because}");
}

#[test]
fn a_recording_is_looked_at_in_any_moment() {
    let recording = recording(WHOLE);
    let zombies = |at: &str| {
        let document = recording.json(&["zombies", "--at", at]);
        let items = document["items"].as_array().expect("a list");
        let pids = items.iter().map(|it| it["pid"].as_u64().expect("a PID"));
        (document["at"].clone(), pids.collect::<Vec<_>>())
    };
    let (at, pids) = zombies("1.7s");
    // It begins with the first snapshot.
    assert_eq!(at, "2023-11-14T22:15:01.900000000Z");
    assert_eq!(pids, [43, 42]);
    assert_eq!(zombies("start").1, [43]);
    assert_eq!(zombies("22:15:03").1, [43]);
    assert_eq!(zombies("end"), zombies("-0s"));
    let deaths = |at: &str| recording.replay(&["exits", "--json", "--at", at]).1;
    assert_eq!(deaths("1.7s"), "");
    assert_eq!(deaths("3s").lines().count(), 1);
    let (code, _, stderr) = recording.replay(&["zombies", "--at", "11s"]);
    assert_eq!(code, 1);
    let why = sentence(&stderr);
    assert!(why.contains("9s long, from 2023-11-14 22:15:00"), "{why}");
    let (code, _, stderr) = recording.replay(&["zombies", "--at", "soon"]);
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn each_replay_prints_the_same_frames() {
    let recording = recording(WHOLE);
    let frames = |args: &[&str]| {
        let (code, stdout, stderr) = recording.replay(&[&["top", "-b", "--idle"], args].concat());
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let all = frames(&["--at", "start", "--delay", "1s"]);
    assert_eq!(all, frames(&["--at", "start", "--delay", "1s"]));
    let heads: Vec<_> = all.lines().filter(|line| line.contains("web-1")).collect();
    assert_eq!(heads.len(), 11, "one at each second, and the last: {all}");
    assert!(
        heads[0].starts_with("2023-11-14T22:15:00.2"),
        "{}",
        heads[0]
    );
    let last = frames(&[]);
    assert!(
        all.ends_with(&last.replace("1 exit  ", "0 exits/s  ")),
        "{all} {last}"
    );
    assert_eq!(
        frames(&["--at", "start", "-n", "2"])
            .matches("web-1")
            .count(),
        2
    );
}
