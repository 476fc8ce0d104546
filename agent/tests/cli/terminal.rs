//! `top` on a real terminal: it draws, and restores the terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use crate::pty::{ENTER, LEAVE, local_modes, side, terminal};
use crate::support::{agent, reapwatch};

/// Output that has not changed for this long is complete.
const PATIENCE: Duration = Duration::from_secs(30);

/// `top`, with its output up to the first frame.
fn drawn(
    person: &mut File,
    program: &OwnedFd,
    stderr: Stdio,
    settings: &Path,
    options: &[&str],
) -> (Child, Vec<u8>) {
    let child = reapwatch(&["top", "--url", &agent()])
        .args(options)
        .env("TERM", "xterm-256color")
        .env("XDG_CONFIG_HOME", settings)
        .stdin(side(program))
        .stdout(side(program))
        .stderr(stderr)
        .spawn()
        .expect("it starts");
    (child, read_until(person, "java").into_bytes())
}

/// Output up to these words.
fn read_until(person: &mut File, words: &str) -> String {
    let mut written = Vec::new();
    let mut portion = [0; 4096];
    while !String::from_utf8_lossy(&written).contains(words) {
        let read = person.read(&mut portion).expect("it draws");
        written.extend_from_slice(&portion[..read]);
    }
    String::from_utf8_lossy(&written).into_owned()
}

/// Runs `top`, performs an action after the first frame, and returns its exit code and output.
fn top(act: impl Fn(&mut File, &Child)) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    top_with(folder.path(), &[], act)
}

/// The same, with the settings in this folder, and options.
fn top_with(
    settings: &Path,
    options: &[&str],
    act: impl Fn(&mut File, &Child),
) -> (Option<i32>, String) {
    let (mut person, program) = terminal();
    let before = local_modes(&program);
    let (mut child, mut written) = drawn(&mut person, &program, Stdio::null(), settings, options);
    act(&mut person, &child);
    let begun = Instant::now();
    let reader = thread::spawn(move || {
        // Reading fails when the last program side is closed.
        let mut portion = [0; 4096];
        while let Ok(read) = person.read(&mut portion) {
            written.extend_from_slice(&portion[..read]);
        }
        String::from_utf8_lossy(&written).into_owned()
    });
    let code = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status.code();
        }
        assert!(begun.elapsed() < PATIENCE, "it does not leave");
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(
        local_modes(&program),
        before,
        "the terminal is left in another mode"
    );
    drop(program);
    (code, reader.join().expect("the reader ends"))
}

fn assert_left(code: Option<i32>, written: &str) {
    assert_eq!(code, Some(0));
    let (enter, leave) = (written.find(ENTER), written.rfind(LEAVE));
    assert!(
        enter.is_some() && enter < leave,
        "the screen is not given back: {written:?}"
    );
}

#[test]
fn keys_work_and_q_quits() {
    let (code, written) = top(|person, _| {
        person.write_all(b"y?qq").expect("keys arrive");
    });
    assert_left(code, &written);
    assert!(
        written.contains("\x1b]52;c;MTA=\x07"),
        "PID 10 is copied: {written:?}"
    );
}

#[test]
fn control_c_quits() {
    let (code, written) = top(|person, _| person.write_all(b"/\x03").expect("keys arrive"));
    assert_left(code, &written);
}

#[test]
fn control_z_stops_the_whole_job_and_it_draws_again_when_continued() {
    let (mut person, program) = terminal();
    let before = local_modes(&program);
    let folder = tempfile::tempdir().expect("a folder");
    // As in `kubectl reapwatch`, a script around it; in a job of its own, as from a shell.
    let mut job = Command::new("sh")
        .args([
            "-c",
            "\"$@\"; exit $?",
            "sh",
            env!("CARGO_BIN_EXE_reapwatch"),
        ])
        .args(["top", "--url"])
        .arg(agent())
        .env("TERM", "xterm-256color")
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(side(&program))
        .stdout(side(&program))
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("it starts");
    let group = Pid::from_child(&job);
    read_until(&mut person, "java");
    person.write_all(b"\x1a").expect("the key arrives");
    let begun = Instant::now();
    let wait = WaitOptions::UNTRACED | WaitOptions::NOHANG;
    while waitpid(Some(group), wait).expect("it is a child").is_none() {
        assert!(begun.elapsed() < PATIENCE, "the script does not stop");
        thread::sleep(Duration::from_millis(10));
    }
    let written = read_until(&mut person, LEAVE);
    assert!(written.contains("\x1b[?25h"), "no cursor: {written:?}");
    assert_eq!(local_modes(&program), before);
    kill_process_group(group, Signal::CONT).expect("it is there");
    read_until(&mut person, "java");
    person.write_all(b"q").expect("the key arrives");
    assert!(job.wait().expect("it is a child").success());
}

#[test]
fn a_terminal_that_is_closed_ends_it_without_a_crash() {
    let (mut person, program) = terminal();
    let folder = tempfile::tempdir().expect("a folder");
    let (mut child, _) = drawn(&mut person, &program, side(&program), folder.path(), &[]);
    drop((person, program));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            child.kill().expect("it is a child");
            panic!("it stays");
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(status.code().is_some(), "it crashed: {status}");
}

#[test]
fn a_signal_restores_the_terminal() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let (code, written) = top(|_, child| {
            kill_process(Pid::from_child(child), signal).expect("the signal is sent");
        });
        assert_left(code, &written);
    }
}

#[test]
fn each_view_is_one_key_away() {
    let (code, written) = top(|person, _| {
        for keys in [
            &b"2"[..],
            b"3",
            b"4",
            b"5",
            b"\t",
            b"s",
            b"\x1b",
            b"i",
            b"q",
        ] {
            person.write_all(keys).expect("keys arrive");
            // Escape and another key in one read would be Alt and that key.
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert_left(code, &written);
    // Only what changes is drawn.
    for part in [
        "[2 Zombies",
        "[3 Workloads",
        "[4 Stuck",
        "[5 Agent",
        "Sort by",
    ] {
        assert!(written.contains(part), "{part} was not drawn: {written:?}");
    }
}

#[test]
fn what_was_chosen_is_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("reapwatch/top.json");
    let press = |keys: &[u8]| {
        let keys = keys.to_vec();
        let (code, written) = top_with(folder.path(), &[], move |person, _| {
            person.write_all(&keys).expect("keys arrive");
        });
        assert_left(code, &written);
        written
    };
    press(b"q");
    assert!(!file.exists(), "nothing was chosen");
    press(b"irq");
    let settings = std::fs::read_to_string(&file).expect("they were saved");
    let settings: serde_json::Value = serde_json::from_str(&settings).expect("JSON");
    assert_eq!(
        (&settings["idle"], &settings["sort"]["culprits"]["reverse"]),
        (&true.into(), &true.into())
    );
    let written = press(b"q");
    assert!(
        written.contains("ZOMBIES▲") && !written.contains("hidden"),
        "{written:?}"
    );
    std::fs::write(&file, "{").expect("written");
    let written = press(b"iq");
    assert!(written.contains("ignoring the settings"), "{written:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("kept"), "{");
}

#[test]
fn the_command_line_overrides_what_is_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("reapwatch/top.json");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    let saved = r#"{"sort":{"culprits":{"by":"pid"}}}"#;
    std::fs::write(&file, saved).expect("written");
    for (options, heading) in [(&[][..], "PID▼"), (&["--sort", "oldest"], "OLDEST▼")] {
        let (code, written) = top_with(folder.path(), options, |person, _| {
            person.write_all(b"q").expect("keys arrive");
        });
        assert_left(code, &written);
        assert!(written.contains(heading), "{heading}: {written:?}");
        let kept = std::fs::read_to_string(&file).expect("it is there");
        assert_eq!(kept, saved, "options are not remembered");
    }
}
