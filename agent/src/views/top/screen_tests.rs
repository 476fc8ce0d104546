//! The terminal, files, and what happens to both when something fails.

use std::env;
use std::io::Read;
use std::process::Command;

use crate::cli;
use crate::views::top::host::Host;
use crate::views::top::sample::{LOOK, busy, host};

use super::super::frame::Wanted;
use super::*;

#[path = "../../../tests/cli/pty.rs"]
mod pty;

/// Set in the process that panics.
const PANICS: &str = "REAPWATCH_TEST_PANICS";

#[test]
fn copies_are_base64() {
    assert_eq!(osc52("123"), "\x1b]52;c;MTIz\x07");
}

#[test]
fn a_frame_that_cannot_be_written_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("frame.json");
    write_new(&path, b"{}").expect("there is room");
    assert_eq!(std::fs::read(&path).expect("written"), b"{}\n");
    let again = write_new(&path, b"x").expect_err("another's file is kept");
    assert!(is_there(&again), "{again:?}");
    assert_eq!(std::fs::read(&path).expect("kept"), b"{}\n");
}

#[test]
fn file_names_cannot_leave_the_directory() {
    assert_eq!(file_name("../x").to_str(), Some("reapwatch-top----x.json"));
}

/// Its second frame is a panic.
#[derive(Clone, Default)]
struct Broken(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Feed for Broken {
    type Frame = Host;

    fn label(&self) -> String {
        "broken".to_owned()
    }

    async fn frame(&self, _: Wanted) -> anyhow::Result<Host> {
        let is_second = self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
        assert!(!is_second, "the second frame");
        Ok(host(busy()))
    }
}

/// Draws on the terminal of this process until it panics.
fn draw_and_panic() {
    let args = cli::defaults::<cli::TopArgs>();
    let start = Start::of::<Host>(&args, LOOK);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let ended = runtime.block_on(run(&start, Broken::default()));
    panic!("{:#}", ended.expect_err("a panic"));
}

#[test]
fn a_panic_restores_the_terminal() {
    if env::var_os(PANICS).is_some() {
        return draw_and_panic();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (mut person, program) = pty::terminal();
    let before = pty::local_modes(&program);
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args([
            "--exact",
            "views::top::screen::tests::a_panic_restores_the_terminal",
        ])
        .arg("--nocapture")
        .env(PANICS, "1")
        .env("TERM", "xterm-256color")
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(pty::side(&program))
        .stdout(pty::side(&program))
        .stderr(pty::side(&program))
        .spawn()
        .expect("it starts");
    let after = program.try_clone().expect("another descriptor");
    let reader = std::thread::spawn(move || {
        let mut written = Vec::new();
        let mut portion = [0; 4096];
        while let Ok(read) = person.read(&mut portion) {
            written.extend_from_slice(&portion[..read]);
        }
        String::from_utf8_lossy(&written).into_owned()
    });
    let status = child.wait().expect("it ends");
    let modes = pty::local_modes(&after);
    drop((program, after));
    let written = reader.join().expect("the reader ends");
    assert!(!status.success(), "{written}");
    assert_eq!(modes, before, "the terminal is left in another mode");
    let [enter, leave] = [written.find(pty::ENTER), written.find(pty::LEAVE)];
    assert!(enter.is_some() && enter < leave, "{written:?}");
    let message = written.find("the second frame");
    assert!(
        leave < message,
        "the message is on the screen that vanishes: {written:?}"
    );
}
