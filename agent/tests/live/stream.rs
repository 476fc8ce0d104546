//! A running `reapwatch exits --json` and what it has printed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use scenarios::Truth;

use crate::agent::{Agent, PATIENCE, REAPWATCH};
use crate::compare::is_same_process;
use crate::scenario;
use api::{ExitLine, FinishedExit};

/// How long to wait for a line that must not come.
const QUIET: Duration = Duration::from_millis(300);

/// How many times as long all lines together may take as one.
const PATIENT_TIMES: u32 = 4;

/// The stream of deaths.
#[derive(Debug)]
pub(crate) struct Stream {
    program: Child,
    lines: Receiver<ExitLine>,
    seen: Vec<FinishedExit>,
    /// Deaths that the stream reported as lost.
    pub(crate) lost: u64,
}

impl Stream {
    /// Follows the agent's deaths; returns when the first has arrived.
    pub(crate) fn of(agent: &Agent) -> Self {
        let mut program = Command::new(REAPWATCH)
            .args(["exits", "--json", "--socket"])
            .arg(agent.socket())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = BufReader::new(program.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let parsed = serde_json::from_str(&line);
                let parsed = parsed.unwrap_or_else(|error| panic!("{error} in: {line}"));
                if sender.send(parsed).is_err() {
                    return;
                }
            }
        });
        let mut stream = Self {
            program,
            lines,
            seen: Vec::new(),
            lost: 0,
        };
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let probe = scenario::run("reaped_0ms");
            // The first may die before the stream begins, and then never arrives.
            if stream.wait_for(&probe, QUIET) {
                return stream;
            }
        }
        panic!("the stream has no death");
    }

    /// All lines with the PIDs of `truths`, once each name has arrived, and a while longer.
    pub(crate) fn collect(&mut self, truths: &[Truth]) -> Vec<FinishedExit> {
        let mut lines = self.collect_all(truths);
        lines.retain(|line| truths.iter().any(|truth| is_same_process(line, truth)));
        lines
    }

    /// The same with the lines of all others.
    pub(crate) fn collect_all(&mut self, truths: &[Truth]) -> Vec<FinishedExit> {
        let complete = self.wait_for(truths, PATIENCE);
        if !complete {
            let missing: Vec<_> = truths.iter().filter(|truth| !self.has(truth)).collect();
            let (of, all, ended) = (missing.len(), truths.len(), self.program.try_wait());
            panic!("no line for {of} of {all}; the program: {ended:?}; {missing:#?}");
        }
        self.collect_where(|_| true)
    }

    /// All lines that match, those of the next moment included.
    pub(crate) fn collect_where(
        &mut self,
        matches: impl Fn(&FinishedExit) -> bool,
    ) -> Vec<FinishedExit> {
        while let Ok(line) = self.lines.recv_timeout(QUIET) {
            self.take(line);
        }
        self.seen
            .iter()
            .filter(|line| matches(line))
            .cloned()
            .collect()
    }

    /// The line with this PID and name, once it has arrived.
    pub(crate) fn line_of(&mut self, pid: u32, comm: &str) -> FinishedExit {
        self.line_where(|it| it.pid == pid && it.comm == comm)
    }

    /// The first line that matches; there must be one.
    pub(crate) fn line_where(&mut self, matches: impl Fn(&FinishedExit) -> bool) -> FinishedExit {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.seen.iter().find(|line| matches(line)) {
                return line.clone();
            }
            let rest = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(rest).expect("such a line");
            self.take(line);
        }
    }

    /// Whether all of them arrive, none later than `patience` after the line before: on a slow
    /// machine it takes long until all have been read.
    fn wait_for(&mut self, truths: &[Truth], patience: Duration) -> bool {
        let end = Instant::now() + patience * PATIENT_TIMES;
        let mut missing: Vec<_> = truths.iter().filter(|truth| !self.has(truth)).collect();
        while !missing.is_empty() {
            let rest = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(rest.min(patience)) else {
                return false;
            };
            if let ExitLine::Exit(line) = &line {
                missing.retain(|truth| !is_of(line, truth));
            }
            self.take(line);
        }
        true
    }

    fn take(&mut self, line: ExitLine) {
        match line {
            ExitLine::Exit(line) => self.seen.push(*line),
            ExitLine::Lost { lost } => self.lost += lost,
        }
    }

    fn has(&self, truth: &Truth) -> bool {
        self.seen.iter().any(|line| is_of(line, truth))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

fn is_of(line: &FinishedExit, truth: &Truth) -> bool {
    is_same_process(line, truth) && line.comm == truth.comm
}
