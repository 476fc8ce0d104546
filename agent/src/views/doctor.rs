//! `reapwatch doctor`: what this kernel and these privileges allow.

use crate::cli::DoctorArgs;
use crate::client::Remote;
use crate::stderr::eprint_line;
use api::{Doctor, Fact, Probe};

use super::column::{Column, Tone};
use super::output::{print, width};
use super::text::wrap;
use super::{Look, Outcome, json, table};

/// Asks the agent if there is one, otherwise examines the host itself. A host that fails is a
/// result, not an error.
pub async fn run(args: &DoctorArgs, look: Look) -> anyhow::Result<Outcome> {
    let doctor = match Remote::find(&args.from).await? {
        Ok(remote) => {
            let reply = remote.doctor().await?;
            if args.json {
                json::reply(&reply)?;
                return Ok(outcome(&reply.answer));
            }
            reply.answer
        }
        Err(why_not) => {
            eprint_line(format_args!("{why_not}; checking from inside this command"));
            crate::engine::doctor(&args.from.probes).await?
        }
    };
    if args.json {
        json::line(&doctor)?;
    } else {
        print(&report(&doctor, look, width()))?;
    }
    Ok(outcome(&doctor))
}

fn outcome(doctor: &Doctor) -> Outcome {
    if doctor.runs {
        Outcome::Fine
    } else {
        Outcome::CannotRun
    }
}

fn report(doctor: &Doctor, look: Look, width: usize) -> String {
    let mut text = format!(
        "{}, kernel {}\n",
        look.clean(&doctor.host),
        look.clean(&doctor.kernel)
    );
    if !doctor.facts.is_empty() {
        text.push('\n');
        text.push_str(&facts(doctor, look));
    }
    if !doctor.probes.is_empty() {
        text.push('\n');
        text.push_str(&probes(doctor, look));
    }
    text.push_str(&details(doctor, look, width));
    text.push('\n');
    text.push_str(&verdict(doctor, look));
    text
}

type OfFact = Column<Fact>;

static FACTS: [Column<Fact>; 3] = [
    OfFact::text("OK", "whether it is as it should be", |it, _| {
        Some(if it.ok { "yes" } else { "NO" }.to_owned())
    })
    .tone(|it| if it.ok { Tone::Plain } else { Tone::Bad }),
    OfFact::text("FACT", "what was checked", |it, look| {
        Some(look.clean(&it.name))
    }),
    OfFact::text("FOUND", "what was found", |it, look| {
        Some(look.clean(&it.found))
    }),
];

type OfProbe = Column<Probe>;

static PROBES: [Column<Probe>; 4] = [
    OfProbe::text("PROBE", "the transition", |it, look| {
        Some(look.clean(&it.probe))
    }),
    OfProbe::text(
        "NEEDED",
        "whether the agent cannot run without it",
        |it, _| Some(if it.required { "yes" } else { "no" }.to_owned()),
    ),
    OfProbe::text("HOOK", "the hook in use", |it, look| {
        Some(look.clean(it.hook.as_deref().unwrap_or("NONE")))
    })
    .tone(|it| match (&it.hook, it.required) {
        (None, true) => Tone::Bad,
        (None, false) => Tone::Warn,
        _ => Tone::Plain,
    }),
    OfProbe::text("LOST", "what is lost without it", |it, _| {
        let lost = it.lost.as_ref().map_or("nothing", |_| "see below");
        Some(lost.to_owned())
    })
    .tone(|it| {
        if it.lost.is_some() {
            Tone::Warn
        } else {
            Tone::Plain
        }
    }),
];

fn facts(doctor: &Doctor, look: Look) -> String {
    table::text(&FACTS, doctor.facts.iter(), false, look)
}

fn probes(doctor: &Doctor, look: Look) -> String {
    table::text(&PROBES, doctor.probes.iter(), false, look)
}

/// What is lost, what was refused, and what to do: too long for table cells.
fn details(doctor: &Doctor, look: Look, width: usize) -> String {
    let probes = || doctor.probes.iter();
    let lost = probes().filter_map(|it| Some(("lost", &it.probe, it.lost.as_ref()?)));
    let refused = probes().flat_map(|it| it.refused.iter().map(|why| ("refused", &it.probe, why)));
    let failed = doctor.facts.iter().filter(|fact| !fact.ok);
    // Older agents send only `mend`.
    let fixes =
        failed.filter_map(|it| Some(("to do", &it.name, it.fix.as_ref().or(it.mend.as_ref())?)));
    let mut text = String::new();
    for (kind, name, words) in lost.chain(refused).chain(fixes) {
        let words = look.clean(&format!("{kind} ({name}): {words}"));
        let lines = wrap(&words, width.saturating_sub(4).max(20));
        text.extend(["\n", &lines.join("\n    ")]);
    }
    if text.is_empty() { text } else { text + "\n" }
}

fn verdict(doctor: &Doctor, look: Look) -> String {
    let source = doctor
        .source
        .as_ref()
        .map(|source| look.clean(source.as_str()));
    match (doctor.runs, source) {
        (true, Some(source)) => format!("reapwatch can run here, with {source} hooks\n"),
        (true, None) => "reapwatch can run here\n".to_owned(),
        (false, _) => {
            let missing: Vec<String> = doctor
                .probes
                .iter()
                .filter(|probe| probe.required && probe.hook.is_none())
                .map(|probe| look.clean(&probe.probe))
                .collect();
            if missing.is_empty() {
                "reapwatch cannot run here\n".to_owned()
            } else {
                format!(
                    "reapwatch cannot run here: no hook for {}\n",
                    missing.join(", ")
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::snapshot;

    #[test]
    fn report_names_what_is_missing_and_the_fix() {
        let doctor = Doctor {
            version: 1,
            host: "web-1".into(),
            kernel: "5.10.0".into(),
            source: None,
            runs: false,
            facts: vec![Fact {
                name: "privileges".into(),
                ok: false,
                found: "no CAP_BPF".into(),
                fix: Some("run it with sudo".into()),
                mend: None,
            }],
            probes: vec![Probe {
                probe: "zombie".into(),
                hook: None,
                required: true,
                lost: Some("zombie_seconds is an upper bound; the reaper is unknown".into()),
                refused: vec!["fentry:do_notify_parent: EPERM".into()],
            }],
            agent: None,
        };
        let text = report(
            &doctor,
            Look {
                color: false,
                ascii: true,
            },
            60,
        );
        snapshot::check("doctor", "nothing attaches", &text);
        for part in ["CAP_BPF", "do_notify_parent: EPERM", "run it with sudo"] {
            assert!(
                text.contains(part),
                "{part:?} is not in:
{text}"
            );
        }
    }
}
