//! What this host allows: facts first, then each transition and the hook that it gets.

use std::{fs, path::Path};

use crate::engine::host;
use crate::host::cri;
use crate::probes::{self, Config, Hidden, PidNamespace, ProbeReport, Rung, Source};
use api::{Doctor, Fact, Probe};
use model::workload::pods::Failure;

/// Attaches for a moment and tells what came of it.
pub(crate) fn examine(config: Config) -> Doctor {
    match probes::attach(config) {
        Ok(kernel) => {
            let (_, snapshot) = Source::choose(&kernel);
            let mut probes = kernel.probes.clone();
            probes.push(snapshot);
            probes.push(probes::stacks::report(&kernel));
            report(facts(), Some(kernel.source), &probes, None)
        }
        Err(error) => report(facts(), None, &[], Some(error.to_string())),
    }
}

/// The report of what is attached, or of why nothing is.
pub(crate) fn report(
    mut facts: Vec<Fact>,
    source: Option<Rung>,
    probes: &[ProbeReport],
    why: Option<String>,
) -> Doctor {
    if let Some(why) = why {
        facts.push(fact("probes", false, "none attached".to_owned(), &why));
    }
    Doctor {
        version: api::VERSION,
        host: host::name(),
        kernel: host::kernel(),
        source: source.map(|rung| rung.name().to_owned()),
        runs: source.is_some(),
        facts,
        probes: probes.iter().map(probe).collect(),
    }
}

fn probe(report: &ProbeReport) -> Probe {
    Probe {
        probe: report.probe.to_owned(),
        hook: report.hook.clone(),
        required: report.required,
        lost: report.lost.clone(),
        refused: report.refused.clone(),
    }
}

/// What this host and these privileges are like.
pub(crate) fn facts() -> Vec<Fact> {
    vec![
        privileges(probes::may_load()),
        pid_namespace(PidNamespace::own()),
        proc(&Hidden::now()),
        waits(probes::may_see_waits()),
        types(probes::check_types()),
        tracefs(probes::tracefs_is_mounted(), probes::tracefs_is_readable()),
        Fact {
            name: "lockdown".to_owned(),
            ok: true,
            found: lockdown().unwrap_or_else(|| "none".to_owned()),
            fix: None,
            mend: None,
        },
    ]
}

fn privileges(may_load: bool) -> Fact {
    let found = if may_load {
        "may load probes"
    } else {
        "may not load probes"
    };
    let fix = "run it with sudo, or give the binary cap_bpf,cap_perfmon=ep with setcap";
    fact("privileges", may_load, found.to_owned(), fix)
}

/// Outside the initial one, most processes would be taken for gone.
fn pid_namespace(own: PidNamespace) -> Fact {
    let found = match own {
        PidNamespace::Initial => "the initial one, with every process".to_owned(),
        PidNamespace::Nested(inode) => format!("pid:[{inode}], with its own processes only"),
        PidNamespace::Unknown => "unknown: /proc does not show this process".to_owned(),
    };
    let fix = "run it on the host, or start its container with --pid=host (Docker) or \
                hostPID: true (Kubernetes); where the node is itself a container, as in kind, \
                only running it on the machine below helps";
    fact("PID namespace", own == PidNamespace::Initial, found, fix)
}

/// Without all of it, a verdict has fewer facts to rest on.
fn proc(hidden: &Hidden) -> Fact {
    let found = match hidden {
        Hidden {
            others: Some(option),
            ..
        } => format!("hides processes of other users ({option})"),
        Hidden { all_else: true, .. } => "hides everything but processes (subset=pid)".to_owned(),
        Hidden { .. } => "shows every process".to_owned(),
    };
    let fix = "mount it without hidepid and subset, or add cap_sys_ptrace; in a systemd unit, \
                set ProtectProc=default and ProcSubset=all";
    fact("/proc", *hidden == Hidden::default(), found, fix)
}

/// What a running agent has left of its privileges.
pub(crate) fn kept() -> Fact {
    let kept = probes::kept();
    let found = if kept.is_empty() {
        "none".to_owned()
    } else {
        kept.join(", ")
    };
    fact("kept capabilities", true, found, "")
}

/// Whether the container runtime tells names, where it is asked for them.
pub(crate) fn runtime(socket: &Path, failure: Option<Failure>) -> Fact {
    let socket = socket.display();
    let found = match failure {
        None => format!("tells names at {socket}"),
        Some(Failure::Forbidden) => format!("refuses to tell names at {socket}"),
        Some(Failure::Disconnected) => format!("does not listen at {socket}"),
        Some(Failure::Slow) => format!("does not answer in time at {socket}"),
        Some(_) => format!("does not tell names at {socket}"),
    };
    let fix = failure.map_or("", cri::fix);
    fact("container runtime", failure.is_none(), found, fix)
}

/// What could not be read of those who were judged last, if there is any.
pub(crate) fn evidence(notes: &[String]) -> Option<Fact> {
    let fix = "run the agent as root, or add the capabilities that are named";
    let found = notes.join("; ");
    (!notes.is_empty()).then(|| fact("evidence", false, found, fix))
}

/// Without it, a verdict has fewer facts to rest on.
fn waits(may_see: bool) -> Fact {
    let found = if may_see {
        "seen of all users"
    } else {
        "not seen of other users' processes"
    };
    let fix = "run it with sudo, or add cap_sys_ptrace and cap_dac_read_search, to see where a \
                parent waits";
    fact("waits", may_see, found.to_owned(), fix)
}

fn types(types: Result<(), String>) -> Fact {
    let ok = types.is_ok();
    let found = types.err().unwrap_or_else(|| probes::VMLINUX.to_owned());
    let fix = "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y";
    fact("kernel types", ok, found, fix)
}

/// Without it, reaps are seen by a hook that costs every system call a little more.
fn tracefs(mounted: bool, readable: bool) -> Fact {
    let found = match (mounted, readable) {
        (true, _) => "mounted",
        (false, true) => "not mounted; read privately",
        (false, false) => "not mounted, and cannot be for us alone",
    };
    let fix = "mount it at /sys/kernel/tracing; or run it with sudo, or add cap_sys_admin to the \
                capabilities, where that folder is there";
    fact("tracefs", mounted || readable, found.to_owned(), fix)
}

fn fact(name: &str, ok: bool, found: String, fix: &str) -> Fact {
    let fix = (!ok).then(|| fix.to_owned());
    Fact {
        name: name.to_owned(),
        ok,
        found,
        mend: fix.clone(),
        fix,
    }
}

/// The mode in brackets in /sys/kernel/security/lockdown.
fn lockdown() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_is_wrong_names_its_fix_and_one_that_is_right_none() {
        for (wrong, right) in [
            (privileges(false), privileges(true)),
            (waits(false), waits(true)),
            (
                pid_namespace(PidNamespace::Nested(7)),
                pid_namespace(PidNamespace::Initial),
            ),
            (
                proc(&Hidden {
                    others: Some("hidepid=2".to_owned()),
                    all_else: false,
                }),
                proc(&Hidden::default()),
            ),
            (types(Err("rubbish".to_owned())), types(Ok(()))),
            (tracefs(false, false), tracefs(false, true)),
            (
                runtime(Path::new("/x"), Some(Failure::Slow)),
                runtime(Path::new("/x"), None),
            ),
        ] {
            assert!(!wrong.ok && wrong.fix.is_some(), "{wrong:?}");
            assert!(right.ok && right.fix.is_none(), "{right:?}");
        }
        assert!(tracefs(true, false).ok);
    }

    #[test]
    fn where_nothing_attaches_the_reason_is_a_fact_and_it_does_not_run() {
        let doctor = report(facts(), None, &[], Some("no hook".to_owned()));
        assert!(!doctor.runs);
        let fixes: Vec<_> = doctor
            .facts
            .iter()
            .filter_map(|it| it.fix.clone())
            .collect();
        assert!(fixes.contains(&"no hook".to_owned()), "{fixes:?}");
    }
}
