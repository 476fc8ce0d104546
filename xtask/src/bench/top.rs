//! Measures the live view with an agent inside it, among very many zombies and while processes die:
//! how long a key takes until its effect is on the screen, and the CPU time.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use nix::pty::{Winsize, openpty};

use super::culprits;
use super::load::Load;
use super::sheet::Spread;
use crate::cli::BenchTop;
use crate::usage::cpu;
use crate::{host, run};

const ROWS: u16 = 50;
const COLUMNS: u16 = 160;
/// How long the screen may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two keys: not in step with the frames, one in each second.
const BETWEEN: Duration = Duration::from_millis(130);

/// How often CPU time is sampled: `top` asks for a frame each second.
const EACH: Duration = Duration::from_secs(1);

/// `cargo xtask bench top`.
pub(crate) fn main(options: &BenchTop) -> Result<ExitCode> {
    let (program, scenarios) = match &options.programs {
        Some(folder) => (folder.join("reapwatch"), folder.join("scenarios")),
        None => (run::build_agent()?, run::build_release("scenarios")?),
    };
    let _dead = culprits::Load::start(&scenarios, "--zombies", options.zombies)?;
    let mut top = Top::start(&program)?;
    top.await_selection(0)?;
    let load = Load {
        program: &scenarios,
        kind: "vfork",
        count: options.rate * options.seconds,
        rate: Some(options.rate),
        cgroups: &[],
    };
    let mut exits = load.prepare()?;
    exits.begin();
    let measured = measure(&mut top, Duration::from_secs(options.seconds.into()))?;
    let made = exits.end()?;
    println!("{}", host::describe());
    println!(
        "{}, {} zombies of one parent, {:.0} exits/s, a key every {} ms\n",
        humantime::format_rfc3339_seconds(SystemTime::now()),
        options.zombies,
        f64::from(made.count) / made.seconds,
        BETWEEN.as_millis()
    );
    row("key to screen", "ms", 20.0, &measured.answers_ms);
    row(
        "CPU of top with its agent",
        "% of a core",
        3.0,
        &measured.cpu_percent,
    );
    Ok(ExitCode::SUCCESS)
}

/// Samples, in the order in which they were taken.
#[derive(Default)]
struct Measured {
    /// From each key until its effect was on the screen.
    answers_ms: Vec<f64>,
    /// Of each second or so.
    cpu_percent: Vec<f64>,
}

/// Presses keys for so long, while exits are made.
fn measure(top: &mut Top, length: Duration) -> Result<Measured> {
    let mut measured = Measured::default();
    let began = Instant::now();
    let (mut since, mut before) = (began, cpu(top.program.id())?);
    while began.elapsed() < length {
        // Down and up again, so that each key has an effect.
        let (key, selected) = [(b"j", 1), (b"k", 0)][measured.answers_ms.len() % 2];
        thread::sleep(BETWEEN);
        let pressed = Instant::now();
        top.keyboard.write_all(key)?;
        top.await_selection(selected)?;
        let answered = pressed.elapsed();
        measured.answers_ms.push(answered.as_secs_f64() * 1e3);
        if since.elapsed() >= EACH {
            let used = cpu(top.program.id())?;
            let share = used.saturating_sub(before).as_secs_f64() / since.elapsed().as_secs_f64();
            measured.cpu_percent.push(share * 100.0);
            (since, before) = (Instant::now(), used);
        }
    }
    Ok(measured)
}

/// One row: the median with its quartiles, and the slowest, since a person notices that.
fn row(title: &str, unit: &str, goal: f64, samples: &[f64]) {
    let spread = Spread::of(samples);
    let [low, high] = spread.quartiles;
    let most = samples.iter().copied().fold(f64::NAN, f64::max);
    println!(
        "{title:<26} {:.1} {unit} [{low:.1}, {high:.1}], at most {most:.1}, {} samples (goal: {goal})",
        spread.median, spread.samples
    );
}

/// `top` on a terminal of its own.
struct Top {
    program: Child,
    keyboard: File,
    /// The selected row after each change.
    selected: Receiver<Option<usize>>,
}

impl Top {
    /// Shows the view Zombies.
    fn start(program: &Path) -> Result<Self> {
        let window = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let terminal = openpty(&window, None).context("open a terminal")?;
        let side = || -> Result<Stdio> { Ok(terminal.slave.try_clone()?.into()) };
        let program = Command::new(program)
            .args(["top", "--view", "zombies"])
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            // What somebody has chosen there does not matter here.
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .stdin(side()?)
            .stdout(side()?)
            .stderr(Stdio::null())
            .spawn()
            .context("run top")?;
        let keyboard = File::from(terminal.master);
        let mut output = keyboard.try_clone()?;
        let (to, selected) = channel();
        thread::spawn(move || {
            let mut screen = vt100::Parser::new(ROWS, COLUMNS, 0);
            let mut portion = [0; 16_384];
            while let Ok(read) = output.read(&mut portion) {
                screen.process(&portion[..read]);
                if to.send(selection(screen.screen())).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            program,
            keyboard,
            selected,
        })
    }

    /// Waits until this row is the selected one.
    fn await_selection(&self, row: usize) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.selected.recv_timeout(left) {
                Ok(selected) if selected == Some(row) => return Ok(()),
                Ok(_) => {}
                Err(_) => bail!("row {row} is not selected after {PATIENCE:?}: is this root?"),
            }
        }
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _gone = self.program.kill();
        let _reaped = self.program.wait();
    }
}

/// The selected row, counted from the first below the headings.
fn selection(screen: &vt100::Screen) -> Option<usize> {
    let rows: Vec<_> = screen.rows(0, COLUMNS).collect();
    let heads = rows
        .iter()
        .position(|row| row.trim_start().starts_with("PID "))?;
    rows[heads + 1..]
        .iter()
        .position(|row| row.starts_with('>'))
}
