//! What this host allows: facts first, then each transition with its hook.

use std::{fs, path::Path};

use crate::engine::host;
use crate::host::cgroups::Mounts;
use crate::host::cri;
use crate::host::kubernetes::Cluster;
use crate::probes::{self, Config, Hidden, HookKind, PidNamespace, ProbeReport, Source};
use api::{Doctor, Fact, Probe};
use model::workload::pods::Failure;

/// Attaches briefly and reports the result.
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
    source: Option<HookKind>,
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
        source: source.map(Into::into),
        runs: source.is_some(),
        facts,
        probes: probes.iter().map(probe).collect(),
        agent: None,
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

/// Facts about this host and the agent's privileges.
pub(crate) fn facts() -> Vec<Fact> {
    vec![
        privileges(probes::may_load()),
        pid_namespace(PidNamespace::own()),
        proc(&Hidden::now()),
        cgroups(Mounts::find().has_whole()),
        waits(&probes::missing_for_waits()),
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
    fact(
        "privileges",
        may_load,
        found.to_owned(),
        probes::fix_for_loading(),
    )
}

/// In any other namespace, most processes would be invisible and taken for dead.
fn pid_namespace(own: PidNamespace) -> Fact {
    let found = match own {
        PidNamespace::Initial => "initial; all processes are visible".to_owned(),
        PidNamespace::Nested(inode) => format!("pid:[{inode}]; only its own processes are visible"),
        PidNamespace::Unknown => "unknown: /proc does not list this process".to_owned(),
    };
    let fix = "run it on the host, or start its container with --pid=host (Docker) or hostPID: \
               true (Kubernetes); if the node is itself a container, as in kind, run it on the \
               machine underneath";
    fact("PID namespace", own == PidNamespace::Initial, found, fix)
}

/// Without it, verdicts have less evidence.
fn proc(hidden: &Hidden) -> Fact {
    let found = match hidden {
        Hidden {
            others: Some(option),
            ..
        } => format!("hides processes of other users ({option})"),
        Hidden { all_else: true, .. } => "hides everything but processes (subset=pid)".to_owned(),
        Hidden { .. } => "shows every process".to_owned(),
    };
    let fix = "mount it without hidepid and subset, or add cap_sys_ptrace; in a systemd unit, set \
               ProtectProc=default and ProcSubset=all";
    fact("/proc", *hidden == Hidden::default(), found, fix)
}

/// Capabilities that a running agent has kept.
pub(crate) fn kept() -> Fact {
    let kept = probes::kept();
    let found = if kept.is_empty() {
        "none".to_owned()
    } else {
        kept.join(", ")
    };
    fact("kept capabilities", true, found, "")
}

/// Whether the API server sends the pods of this node, if it is asked.
pub(crate) fn pod_watch(cluster: &Cluster, failure: Option<Failure>) -> Fact {
    let found = match failure {
        None => "the API server sends the pods of this node",
        Some(Failure::Forbidden) => "the API server denies it",
        Some(Failure::Disconnected) => "the API server is out of reach",
        Some(Failure::Slow) => "the API server does not answer in time",
        Some(_) => "the API server answers with errors",
    };
    let fix = failure.map(|it| cluster.fix(it)).unwrap_or_default();
    fact("pod watch", failure.is_none(), found.to_owned(), &fix)
}

/// Why a pod does not watch the others of its node.
pub(crate) fn no_pod_watch(why: &str) -> Fact {
    let fix = "mount a token of the service account and set NODE_NAME, as the manifests do; or set \
               --pod-names files";
    fact("pod watch", false, why.to_owned(), fix)
}

/// Whether the container runtime answers, if it is used.
pub(crate) fn runtime(socket: &Path, failure: Option<Failure>) -> Fact {
    let socket = socket.display();
    let found = match failure {
        None => format!("answers at {socket}"),
        Some(Failure::Forbidden) => format!("denies access at {socket}"),
        Some(Failure::Disconnected) => format!("not listening at {socket}"),
        Some(Failure::Slow) => format!("timed out at {socket}"),
        Some(_) => format!("lookups fail at {socket}"),
    };
    let fix = failure.map_or("", cri::fix);
    fact("container runtime", failure.is_none(), found, fix)
}

/// A root of the host where no names would be found.
pub(crate) fn host_root(fault: String, fix: &str) -> Fact {
    fact("host root", false, fault, fix)
}

/// What could not be read about the last suspects, if anything.
pub(crate) fn evidence(notes: &[String]) -> Option<Fact> {
    let fix = "give the agent the capabilities named above, or read these files with sudo";
    let found = notes.join("; ");
    (!notes.is_empty()).then(|| fact("evidence", false, found, fix))
}

/// Without it, verdicts have less evidence, and PID limits of pods are unknown.
fn cgroups(are_whole: bool) -> Fact {
    let found = if are_whole {
        "all are visible"
    } else {
        "only a part of their tree is mounted here"
    };
    let fix = "mount the host's /sys/fs/cgroup at the same place, read-only, to see freezers, CPU \
               quotas and PID limits";
    fact("cgroups", are_whole, found.to_owned(), fix)
}

/// Without it, verdicts have less evidence.
fn waits(missing: &[&str]) -> Fact {
    let found = match missing {
        [] => "visible for all users",
        ["sys_ptrace", ..] => "not visible for other processes",
        _ => "system calls of other users are not visible",
    };
    let names: Vec<_> = missing.iter().map(|name| format!("cap_{name}")).collect();
    let fix = format!(
        "run it with sudo, or add {}, to see what a parent waits for",
        names.join(" and ")
    );
    fact("waits", missing.is_empty(), found.to_owned(), &fix)
}

fn types(types: Result<(), String>) -> Fact {
    let ok = types.is_ok();
    let found = types.err().unwrap_or_else(|| probes::VMLINUX.to_owned());
    let fix = "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y";
    fact("kernel types", ok, found, fix)
}

/// Without it, reaps are seen by a hook that makes every system call slightly slower.
fn tracefs(mounted: bool, readable: bool) -> Fact {
    let found = match (mounted, readable) {
        (true, _) => "mounted",
        (false, true) => "not mounted; using a private mount",
        (false, false) => "not mounted, and cannot be mounted privately",
    };
    let fix = "mount it at /sys/kernel/tracing; or, if that directory exists, run reapwatch with \
               sudo or add cap_sys_admin";
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

/// The active mode in /sys/kernel/security/lockdown, which is in brackets.
fn lockdown() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failed_facts_have_a_fix() {
        for (wrong, right) in [
            (privileges(false), privileges(true)),
            (cgroups(false), cgroups(true)),
            (waits(&["sys_ptrace", "dac_read_search"]), waits(&[])),
            (waits(&["dac_read_search"]), waits(&[])),
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
    fn the_reason_why_no_probe_attaches_is_shown() {
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
