//! The live screen: one loop over keys, frames, time and signals.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use rustix::process::{self, kill_current_process_group};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::handle::Stopped;
use crate::views::Outcome;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::act::Effect;
use super::draw::draw;
use super::frame::{Feed, Frame};
use super::model::Model;
use super::settings::{self, Settings};
use super::{Start, keys};

/// After this long without a response, the screen shows it; the client itself times out later.
const PATIENCE: Duration = Duration::from_secs(2);

type Fetch<F> = JoinHandle<anyhow::Result<F>>;

/// Runs until the user quits, a signal arrives, or the number of frames is reached. Restores the
/// terminal, also after a panic.
pub async fn run<S: Feed>(start: &Start<'_>, source: S) -> anyhow::Result<Outcome> {
    // The first frame comes before touching the terminal, so that an error is plain text.
    let player = start.player(&source, Duration::ZERO)?;
    let frame = source
        .frame(start.wanted::<S::Frame>(player.as_ref()))
        .await?;
    let path = settings::path();
    let loaded = path
        .as_deref()
        .map_or_else(|| Ok(Settings::default()), Settings::load);
    // A file that is wrong is left as it is.
    let path = path.filter(|_| loaded.is_ok());
    let problem = loaded.as_ref().err().map(|error| format!("{error:#}"));
    let loaded = loaded.unwrap_or_default();
    let given = start.settings::<S::Frame>(loaded.clone());
    let mut model = Model::new(start.look, source.label(), start.place, &given, frame);
    model.message = problem.or_else(|| remembered(start, &given, &model));
    model.player = player;
    let given = model.settings();
    let mut signals = Signals::new()?;
    // Log lines would corrupt the screen.
    let level = log::max_level();
    log::set_max_level(log::LevelFilter::Off);
    let terminal = ratatui::try_init().context("cannot set up the terminal")?;
    let events = read_events();
    let mut screen = Screen {
        model,
        source,
        terminal,
        events,
        passed: Instant::now(),
    };
    let ended = screen.run(start.args.iterations, &mut signals).await;
    let settings = screen.model.settings();
    if let Err(error) = ratatui::try_restore() {
        log::debug!("lost the terminal: {error}");
        // Dropping the terminal would fail to show the cursor, report that on the closed stderr,
        // and panic.
        std::mem::forget(screen);
    }
    log::set_max_level(level);
    if let Some(path) = path.filter(|_| settings != given) {
        loaded.with_changes(&given, settings).save(&path)?;
    }
    ended.map(|()| Outcome::Fine)
}

/// What to know about a filter of last time.
fn remembered<F: Frame>(start: &Start<'_>, given: &Settings, model: &Model<F>) -> Option<String> {
    let text = given.filters.get(F::NAME);
    let text = text.filter(|_| start.args.filter.is_none())?;
    Some(match model.filter {
        Some(_) => "the filter of last time is set; Esc clears it".to_owned(),
        None => format!("ignoring the filter of last time, which is not valid: {text}"),
    })
}

struct Screen<S: Feed> {
    model: Model<S::Frame>,
    source: S,
    terminal: DefaultTerminal,
    events: mpsc::Receiver<std::io::Result<Event>>,
    /// Up to when time has passed for the model.
    passed: Instant,
}

impl<S: Feed> Screen<S> {
    async fn run(&mut self, frames: Option<u64>, signals: &mut Signals) -> anyhow::Result<()> {
        let mut shown = 1;
        let mut answered = Instant::now();
        let mut due = answered + self.model.interval;
        let mut fetch: Option<Fetch<S::Frame>> = None;
        // Whether something is to be looked up although updates are paused.
        let mut look_up = false;
        loop {
            self.terminal
                .draw(|frame| draw(frame, &mut self.model))
                .context("cannot draw")?;
            if frames.is_some_and(|frames| shown >= frames) {
                return Ok(());
            }
            tokio::select! {
                event = self.events.recv() => {
                    let event = event.context("lost the terminal")?;
                    match self.handle(&event.context("cannot read from the terminal")?)? {
                        Next::Leave => return Ok(()),
                        Next::Refresh => {
                            due = Instant::now();
                            look_up = self.model.paused;
                        }
                        Next::Wait => {}
                    }
                }
                () = tokio::time::sleep_until(due),
                    if fetch.is_none() && (look_up || !self.model.paused) =>
                {
                    // Nothing was asked while paused.
                    let is_anew = look_up && self.model.failure.is_none();
                    answered = if is_anew { due } else { answered };
                    due = Instant::now() + self.model.interval;
                    self.pass();
                    let (source, wanted) = (self.source.clone(), self.model.wanted());
                    fetch = Some(tokio::spawn(async move { source.frame(wanted).await }));
                }
                done = finished(&mut fetch) => {
                    fetch = None;
                    match done? {
                        Ok(frame) if self.model.is_frozen() && look_up => {
                            look_up = false;
                            self.model.look_up(frame);
                        }
                        // A frame requested before the pause would undo it.
                        Ok(_) if self.model.is_frozen() => {}
                        Ok(frame) => {
                            look_up = false;
                            answered = Instant::now();
                            shown += 1;
                            self.model.apply(frame);
                        }
                        // The agent inside this command cannot come back.
                        Err(error) if error.is::<Stopped>() => return Err(error),
                        Err(error) => self.model.fail(format!("{error:#}"), answered.elapsed()),
                    }
                }
                () = tokio::time::sleep(PATIENCE), if fetch.is_some() => {
                    self.model.fail("still waiting for a response".to_owned(), answered.elapsed());
                }
                () = signals.any() => return Ok(()),
            }
        }
    }

    fn pass(&mut self) {
        let now = Instant::now();
        self.model.pass(now - self.passed);
        self.passed = now;
    }

    fn handle(&mut self, event: &Event) -> anyhow::Result<Next> {
        let Event::Key(key) = event else {
            return Ok(Next::Wait);
        };
        // Before a key stops or resumes it.
        self.pass();
        let action = keys::action(*key, self.model.typing());
        match action.and_then(|action| self.model.act(action)) {
            None => {}
            Some(Effect::Quit) => return Ok(Next::Leave),
            Some(Effect::Refresh) => return Ok(Next::Refresh),
            Some(Effect::Suspend) => self.suspend()?,
            Some(Effect::Copy(text)) => {
                let mut stdout = std::io::stdout();
                stdout.write_all(osc52(&text).as_bytes())?;
                stdout.flush()?;
                self.model.message = Some(format!("{text} copied, if the terminal allows it"));
            }
            Some(Effect::Save) => self.model.message = Some(self.save()),
        }
        Ok(Next::Wait)
    }

    /// Suspends as the terminal does on Ctrl-Z, with all of the job, such as a script around it; a
    /// shell would not notice that only one process of it stops. Redraws when continued.
    fn suspend(&mut self) -> anyhow::Result<()> {
        self.terminal
            .show_cursor()
            .context("cannot show the cursor")?;
        ratatui::try_restore().context("cannot restore the terminal")?;
        kill_current_process_group(process::Signal::TSTP).context("cannot suspend")?;
        // No clear: it would query the cursor position, and the thread that reads keys would take
        // the answer. A new terminal draws every cell anyway.
        self.terminal = ratatui::try_init().context("cannot set up the terminal")?;
        Ok(())
    }

    /// Saves the frame to a new file; returns a message.
    fn save(&self) -> String {
        let path = file_name(&self.model.frame.at());
        let written = serde_json::to_vec_pretty(&self.model.frame.document(None))
            .map_err(anyhow::Error::new)
            .and_then(|text| write_new(&path, &text));
        match written {
            Ok(()) => format!("saved to {}", path.display()),
            Err(error) if is_there(&error) => format!("already saved to {}", path.display()),
            Err(error) => format!("cannot save to {}: {error}", path.display()),
        }
    }
}

enum Next {
    Leave,
    Refresh,
    Wait,
}

/// The requested frame; never resolves if none was requested.
async fn finished<F>(fetch: &mut Option<Fetch<F>>) -> anyhow::Result<anyhow::Result<F>> {
    match fetch {
        Some(fetch) => fetch.await.context("the request task panicked"),
        None => std::future::pending().await,
    }
}

/// Keys are read on a separate thread, since reading blocks; it ends with the program.
fn read_events() -> mpsc::Receiver<std::io::Result<Event>> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let last = event.is_err();
            if sender.blocking_send(event).is_err() || last {
                break;
            }
        }
    });
    receiver
}

/// Signals that end the program.
struct Signals {
    all: [Signal; 4],
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot install signal handlers");
        Ok(Self {
            all: [
                listen(SignalKind::terminate())?,
                listen(SignalKind::interrupt())?,
                listen(SignalKind::hangup())?,
                listen(SignalKind::quit())?,
            ],
        })
    }

    async fn any(&mut self) {
        let [terminate, interrupt, hangup, quit] = &mut self.all;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

/// A file name that sorts by time and is valid on every file system.
fn file_name(at: &str) -> PathBuf {
    let at: String = at
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '-'
            }
        })
        .collect();
    PathBuf::from(format!("reapwatch-top-{at}.json"))
}

fn is_there(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists)
}

/// Creates the file completely or not at all, in case the disk is full.
fn write_new(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let mut file = File::create_new(path)?;
    let written = file.write_all(text).and_then(|()| file.write_all(b"\n"));
    if written.is_err() {
        let _absent = std::fs::remove_file(path);
    }
    Ok(written?)
}

/// The escape sequence that asks a terminal to copy text.
fn osc52(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text))
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
