//! `reapwatch record`: saves events to a file.

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::RecordArgs;
use crate::engine::recording_file::{self, Size, Target};
use crate::engine::streams::{Line, Lines};
use crate::stderr::eprint_line;

use super::Outcome;
use super::output::{Interrupt, Reader, deadline, print};
use super::text::count;

/// Records until a limit is reached, a signal arrives, or writing fails.
pub async fn run(args: &RecordArgs) -> anyhow::Result<Outcome> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = Interrupt::catch()?;
    let (sink, mut written) = recording_file::create(&Target {
        path: &args.file,
        max_bytes: args.max_size,
    })?;
    let probes = args.probes.clone();
    // Loading blocks for a while.
    let agent = tokio::task::spawn_blocking(move || crate::engine::record(&probes, sink)).await?;
    let (handle, mut deaths) = match agent {
        Ok(agent) => agent,
        Err(error) => {
            // The empty file is removed with the sink.
            let _removed = written.await;
            return Err(error);
        }
    };
    let file = args.file.display();
    if args.duration.is_none() && args.count.is_none() {
        eprint_line(format_args!("recording to {file}; press Ctrl-C to stop"));
    }
    let end = deadline(args.duration);
    tokio::pin!(end);
    let mut printer = Printer {
        json: args.json,
        seen: 0,
    };
    let mut early = None;
    while args.count.is_none_or(|count| printer.seen < count) {
        tokio::select! {
            biased;
            () = &mut end => break,
            () = interrupt.pressed() => break,
            _ = terminate.recv() => break,
            outcome = &mut written => {
                early = Some(outcome);
                break;
            }
            line = deaths.next() => match line.map(|line| printer.take(line)).transpose()? {
                Some(Reader::There) => {}
                _ => break,
            },
        }
    }
    // Dropping the last handle ends the agent, then the stream, then the file.
    drop(handle);
    rest(&mut deaths, &mut printer).await?;
    let outcome = match early {
        Some(outcome) => outcome,
        None => written.await,
    };
    let size = outcome.context("the thread that writes the file died")?;
    report(args, printer.seen, size)?;
    Ok(Outcome::Fine)
}

/// Prints what was recorded.
fn report(args: &RecordArgs, deaths: u64, size: std::io::Result<Size>) -> anyhow::Result<()> {
    let file = args.file.display();
    match size {
        Ok(Size { bytes, is_full }) => {
            let full = if is_full {
                "; stopped there, since --max-size was reached"
            } else {
                ""
            };
            let deaths = count(deaths, "death");
            eprint_line(format_args!(
                "{deaths} recorded to {file}, {bytes} bytes{full}"
            ));
            Ok(())
        }
        Err(error) => {
            bail!(
                "cannot write {file}: {error}; it was removed: record to a place with more room, or \
                 for a shorter time (--for)"
            )
        }
    }
}

/// Counts deaths, and prints them with --json.
struct Printer {
    json: bool,
    seen: u64,
}

impl Printer {
    fn take(&mut self, line: Line) -> anyhow::Result<Reader> {
        self.seen += match line {
            Line::Exit(_) => 1,
            Line::Lost(lost) => lost,
        };
        if self.json {
            print(&String::from_utf8_lossy(&line.json()))
        } else {
            Ok(Reader::There)
        }
    }
}

/// Deaths recorded while the agent shut down.
async fn rest(deaths: &mut Lines, printer: &mut Printer) -> anyhow::Result<()> {
    while let Some(line) = deaths.next().await {
        printer.take(line)?;
    }
    Ok(())
}
