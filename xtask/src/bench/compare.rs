//! Judges a run by an earlier one.

use std::process::ExitCode;

use super::report::{Line, Report, number};
use super::sheet::Who;

/// How a row of the agent compares with an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Fine,
    Worse,
    /// The earlier run has it and this one does not.
    Missing,
    /// It is a time, and the machines differ.
    Elsewhere,
}

/// Prints the judgement of each row. Fails if one is worse; 2 if one could not be compared.
pub(super) fn print(now: &Report, earlier: &Report) -> ExitCode {
    let same_machine = now.machine == earlier.machine;
    println!("\ncompared with the earlier run:");
    let mut judgements = Vec::new();
    for before in &earlier.rows {
        let Some(was) = before.subjects.get(&Who::Agent) else {
            continue;
        };
        let line = now.rows.iter().find(|line| line.id == before.id);
        let judgement = judge(line, before, same_machine);
        let is = line.and_then(|line| line.subjects.get(&Who::Agent));
        let is = is.map_or("-".to_owned(), |is| number(is.median));
        let was = number(was.median);
        let text = match judgement {
            Judgement::Fine => "",
            Judgement::Worse => "WORSE",
            Judgement::Missing => "not measured",
            Judgement::Elsewhere => "another machine",
        };
        println!("{:34} {was:>8} -> {is:>8} {text}", before.title);
        judgements.push(judgement);
    }
    exit_code(&judgements)
}

fn judge(now: Option<&Line>, before: &Line, same_machine: bool) -> Judgement {
    let agent = |line: &Line| line.subjects.get(&Who::Agent).map(|spread| spread.median);
    let (Some(line), Some(was)) = (now, agent(before)) else {
        return Judgement::Missing;
    };
    let Some(is) = agent(line) else {
        return Judgement::Missing;
    };
    if !same_machine && !line.unit.is_portable() {
        return Judgement::Elsewhere;
    }
    match line.tolerance {
        Some(tolerance) if is > was * (1.0 + tolerance) + line.slack => Judgement::Worse,
        _ => Judgement::Fine,
    }
}

fn exit_code(judgements: &[Judgement]) -> ExitCode {
    if judgements.contains(&Judgement::Worse) {
        ExitCode::FAILURE
    } else if judgements.iter().all(|it| *it == Judgement::Fine) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::sheet::{Spread, Unit};

    fn line(median: f64, unit: Unit, tolerance: Option<f64>) -> Line {
        let spread = Spread {
            median,
            quartiles: [median; 2],
            samples: 1,
        };
        Line {
            id: "row".to_owned(),
            title: "row".to_owned(),
            unit,
            goal: None,
            tolerance,
            slack: 1.0,
            subjects: BTreeMap::from([(Who::Agent, spread)]),
        }
    }

    #[test]
    fn a_row_is_worse_beyond_its_tolerance_and_slack() {
        let before = line(100.0, Unit::Nanoseconds, Some(0.1));
        let judged = |median, tolerance| {
            judge(
                Some(&line(median, Unit::Nanoseconds, tolerance)),
                &before,
                true,
            )
        };
        assert_eq!(judged(111.0, Some(0.1)), Judgement::Fine);
        assert_eq!(judged(111.5, Some(0.1)), Judgement::Worse);
        assert_eq!(judged(900.0, None), Judgement::Fine, "it is only shown");
    }

    #[test]
    fn times_of_another_machine_are_not_compared() {
        let judged = |unit| {
            let (now, before) = (line(9.0, unit, Some(0.1)), line(1.0, unit, Some(0.1)));
            judge(Some(&now), &before, false)
        };
        assert_eq!(judged(Unit::Nanoseconds), Judgement::Elsewhere);
        assert_eq!(judged(Unit::Ratio), Judgement::Worse);
    }

    #[test]
    fn only_a_complete_comparison_without_a_worse_row_exits_with_zero() {
        let missing = judge(None, &line(1.0, Unit::Ratio, None), true);
        assert_eq!(missing, Judgement::Missing);
        let code = |judgements: &[_]| exit_code(judgements) == ExitCode::SUCCESS;
        assert!(code(&[Judgement::Fine]));
        assert!(!code(&[Judgement::Fine, Judgement::Missing]));
        assert!(!code(&[Judgement::Fine, Judgement::Worse]));
    }
}
