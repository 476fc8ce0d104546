//! `top` on a terminal, with a live agent and real zombies.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::agent::{Agent, REAPWATCH, eventually};
use crate::pty::{side, terminal};
use crate::scenario::Misbehaving;

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// `top`, what its terminal shows, and its keyboard.
struct Top {
    keyboard: File,
    shown: Arc<Mutex<vt100::Parser>>,
    program: Child,
    _settings: tempfile::TempDir,
}

impl Top {
    fn start(agent: &Agent, options: &[&str]) -> Self {
        let settings = tempfile::tempdir().expect("a folder");
        let (person, program) = terminal();
        let child = Command::new(REAPWATCH)
            .arg("top")
            .args(options)
            .arg("--socket")
            .arg(agent.socket())
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env("XDG_CONFIG_HOME", settings.path())
            .stdin(side(&program))
            .stdout(side(&program))
            .stderr(side(&program))
            .spawn()
            .expect("the program runs");
        let shown = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let mut output = person.try_clone().expect("another descriptor");
        let screen = shown.clone();
        thread::spawn(move || {
            let mut portion = [0; 4096];
            // Reading fails when the program has left and this side is the only one.
            while let Ok(read) = output.read(&mut portion) {
                screen
                    .lock()
                    .expect("not poisoned")
                    .process(&portion[..read]);
            }
        });
        Self {
            keyboard: person,
            shown,
            program: child,
            _settings: settings,
        }
    }

    fn text(&self) -> String {
        let shown = self.shown.lock().expect("not poisoned");
        shown.screen().contents()
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("the terminal is open");
    }

    /// Waits until a line of the screen has all these words.
    fn await_line(&self, words: &[&str]) {
        let is_there = || {
            let text = self.text();
            let mut lines = text.lines();
            lines.any(|line| words.iter().all(|word| line.contains(word)))
        };
        assert!(eventually(is_there), "no {words:?} in:\n{}", self.text());
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        // It may have left already.
        let _gone = self.program.kill();
        let _reaped = self.program.wait();
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn top_follows_a_live_leak_through_all_views() {
    let agent = Agent::start(&[]);
    let one = Misbehaving::start("never_waits");
    let pid = one.culprit.pid.to_string();
    let filter = format!("pid={pid} or parent={pid}");
    let mut top = Top::start(&agent, &["--filter", &filter, "--delay", "100ms"]);
    top.await_line(&["[1 Culprits"]);
    top.await_line(&[&pid, "never_waits"]);
    top.press(b"\r");
    top.await_line(&["PID", &pid, "has not reaped"]);
    top.press(b"qt");
    top.await_line(&[&pid, "zombies, oldest"]);
    top.press(b"q2");
    top.await_line(&["[2 Zombies"]);
    top.await_line(&["exit", &pid]);
    top.press(b"3");
    top.await_line(&["[3 Workloads"]);
    top.press(b"5");
    top.await_line(&["[5 Agent]"]);
    top.await_line(&["CPU", "% of a core now"]);
    top.await_line(&["memory", "MB"]);
    top.await_line(&["table zombies"]);
    top.press(b"q");
    assert!(eventually(
        || matches!(top.program.try_wait(), Ok(Some(status)) if status.success())
    ));
}
