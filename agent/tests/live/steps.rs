//! Where the time of an exit goes, for exits that are delayed in a known step. One line of
//! verdict each.

use scenarios::slow::{CASES, SlowExit};
use scenarios::truth::Lack;

use crate::agent::{Agent, eventually};
use crate::row::Verdicts;
use crate::scenario;
use crate::stream::Stream;
use api::{FinishedExit, PhaseName, Steps};

/// Every figure is rounded to f64.
const ROUNDING: f64 = 1e-6;
/// Number of tries for an exit without a delay: a busy machine may delay any single one.
const TRIES: usize = 3;
/// The steps that tracepoints can see.
const BY_TRACEPOINTS: [PhaseName; 2] = [PhaseName::WaitingForSiblings, PhaseName::ReleasingMemory];

#[test]
#[ignore = "needs a virtual machine of its own: it sets the core pattern"]
fn every_slow_step_is_reported_correctly() {
    let agent = Agent::start(&["--steps"]);
    let all = sees_all(&agent);
    let mut stream = Stream::of(&agent);
    let mut verdicts = Verdicts::default();
    for case in CASES {
        match run(case.name) {
            Err(lack) => Verdicts::skip(&lack),
            Ok(exits) => verdicts.of(case.name, || {
                let with_line = |exit: SlowExit| (stream.line_of(exit.pid, &exit.comm), exit);
                let ran: Vec<_> = exits.into_iter().map(with_line).collect();
                judge(&agent, all, &ran);
            }),
        }
    }
    verdicts.end();
}

/// Runs it as often as needed.
fn run(name: &str) -> Result<Vec<SlowExit>, Lack> {
    let tries = if name == "much_memory" { TRIES } else { 1 };
    (0..tries).map(|_| scenario::slow(name)).collect()
}

/// Whether all steps are seen: wherever functions can be hooked, and `doctor` must agree.
fn sees_all(agent: &Agent) -> bool {
    let all = !agent.by_tracepoints();
    let doctor = agent.doctor();
    let probe = doctor.probes.iter().find(|probe| probe.probe == "steps");
    let probe = probe.expect("it was asked for");
    assert_eq!(probe.lost.is_none(), all, "{probe:?}");
    all
}

fn judge(agent: &Agent, all: bool, ran: &[(FinishedExit, SlowExit)]) {
    let mut largest = 0;
    for (line, exit) in ran {
        let context = format!("{exit:#?}\n{line:#?}");
        let steps = line.steps.as_ref();
        let steps = steps.unwrap_or_else(|| panic!("no steps\n{context}"));
        let step = |name: &str| {
            steps
                .each()
                .into_iter()
                .find(|step| <&str>::from(step.0) == name)
        };
        let (_, took) = step(&exit.step).expect("a step");
        if all {
            assert_whole(line, steps, &context);
            assert!(took.is_some(), "{context}");
            largest += usize::from(steps.each().iter().all(|other| other.1 <= took));
        } else {
            let seen = steps.each().into_iter().filter(|step| step.1.is_some());
            for (name, _) in seen {
                assert!(BY_TRACEPOINTS.contains(&name), "{name:?} seen\n{context}");
            }
        }
        if let Some(took) = took {
            let least = exit.at_least_ns as f64 / 1e9;
            assert!(
                took >= least - ROUNDING,
                "{} is short\n{context}",
                exit.step
            );
            let summed = || agent.metric("reapwatch_exit_step_seconds_total", &exit.step) >= least;
            assert!(eventually(summed), "the metric lacks it\n{context}");
        }
    }
    if all {
        assert!(largest * 2 > ran.len(), "not the largest\n{ran:#?}");
    }
}

/// All steps in the kernel are known and fill the time of the exit. What its program does before,
/// this agent does not measure.
fn assert_whole(line: &FinishedExit, steps: &Steps, context: &str) {
    let in_kernel = steps.each().into_iter();
    let in_kernel = in_kernel.filter(|step| step.0 != PhaseName::ExitHandlers);
    let known: Option<f64> = in_kernel.map(|step| Some(step.1?.0)).sum();
    let known = known.unwrap_or_else(|| panic!("an unknown step\n{context}"));
    let dumped = steps.dumping_core.map_or(0.0, |took| took.0);
    let took = line.exit_seconds.expect("the exit was seen").0;
    assert!(
        (known - dumped - took).abs() < ROUNDING,
        "sum {known}\n{context}"
    );
}
