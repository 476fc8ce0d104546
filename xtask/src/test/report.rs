//! Prints the results of the suites and chooses the exit code.

use std::process::ExitCode;

use super::output;
use super::suite::Outcome;
use crate::tally::Tally;

/// The results so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    tally: Tally,
    not_run: Vec<String>,
    /// Suites that run only if somebody has built their programs.
    left_out: Vec<String>,
    suites_not_run: u64,
    /// Scenarios that a kernel cannot run; `xtask vm` makes sure that another kernel can.
    lacking: Vec<String>,
    /// Why suites failed, repeated at the end, where it is looked for.
    failures: Vec<String>,
}

impl Report {
    /// Prints how a suite ended, and its output if it failed.
    pub(super) fn add(&mut self, outcome: Outcome) {
        let Outcome {
            name,
            counted,
            tally,
            output,
            took,
            failure,
            lack,
        } = outcome;
        if let Some(lack) = lack {
            return self.not_run(name, vec![format!("{name}: {lack}")]);
        }
        let seconds = took.as_secs_f64();
        let Tally { passed, failed, .. } = tally;
        match failure {
            None => println!("{name}: ok in {seconds:.1} s, {passed} passed"),
            Some(why) => {
                println!("{output}");
                println!("{name}: FAILED in {seconds:.1} s, {failed} failed ({why})");
                let reasons = output::reasons(counted, &output).join("\n  ");
                self.failures.push(format!("{name}:\n  {reasons}"));
            }
        }
        self.tally += tally;
        let lacking = output::lacking(&output).into_iter();
        self.lacking
            .extend(lacking.map(|line| format!("{name}: {line}")));
    }

    /// Records a suite whose programs nobody has built.
    pub(super) fn leave_out(&mut self, suite: &str, lack: &str) {
        println!("{suite}: left out");
        self.left_out.push(format!("{suite}: {lack}"));
    }

    /// Records tests of a suite that could not run, each with its reason.
    pub(super) fn not_run(&mut self, suite: &str, tests: Vec<String>) {
        if tests.is_empty() {
            return;
        }
        println!("{suite}: {} NOT RUN", tests.len());
        self.tally.skipped += tests.len() as u64;
        self.suites_not_run += 1;
        self.not_run.extend(tests);
    }

    /// Prints the summary. The exit code is 0 for a full pass, 1 for a failure, and 2 if something
    /// could not run.
    pub(super) fn finish(self) -> ExitCode {
        if !self.not_run.is_empty() {
            println!("\nnot run:");
            for test in &self.not_run {
                println!("  {test}");
            }
            println!(
                "NOT A FULL PASS: {} suites were not run or only in part",
                self.suites_not_run
            );
        }
        if !self.left_out.is_empty() {
            println!("\nonly on request:");
            for suite in &self.left_out {
                println!("  {suite}");
            }
        }
        if !self.lacking.is_empty() {
            println!(
                "\nskipped on some kernels (`xtask vm` fails unless another kernel runs them):"
            );
            for line in &self.lacking {
                println!("  {line}");
            }
        }
        for failure in &self.failures {
            println!("\nFAILED {failure}");
        }
        println!("{}", self.tally);
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self.tally {
            Tally { failed: 1.., .. } => 1,
            Tally { skipped: 1.., .. } => 2,
            Tally { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test::suite::Counted;

    fn outcome(tally: Tally, lack: Option<&str>) -> Outcome {
        Outcome {
            name: "a suite",
            counted: Counted::AsOne,
            tally,
            output: String::new(),
            took: Duration::ZERO,
            failure: (tally.failed > 0).then(|| "exit status: 101".to_owned()),
            lack: lack.map(str::to_owned),
        }
    }

    #[test]
    fn only_a_full_pass_exits_with_zero() {
        let mut report = Report::default();
        report.add(outcome(
            Tally {
                passed: 3,
                ..Tally::default()
            },
            None,
        ));
        assert_eq!(report.code(), 0);
        report.add(outcome(Tally::default(), Some("needs root")));
        assert_eq!((report.code(), report.tally.skipped), (2, 1));
        report.add(outcome(
            Tally {
                failed: 1,
                ..Tally::default()
            },
            None,
        ));
        assert_eq!(report.code(), 1);
    }
}
