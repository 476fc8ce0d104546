//! What this host allows: facts first, then each transition and the hook that it gets.

use std::{fs, path::Path};

use crate::{
    agent::host,
    api::{self, Doctor, Fact, Probe},
    kernel::{self, Config, ProbeReport, Rung, Source},
};

/// Attaches for a moment and tells what came of it.
pub(crate) fn examine(config: Config) -> Doctor {
    match kernel::attach(config) {
        Ok(kernel) => {
            let (_, snapshot) = Source::choose(&kernel);
            let mut probes = kernel.probes.clone();
            probes.push(snapshot);
            report(Some(kernel.source), &probes, None)
        }
        Err(error) => report(None, &[], Some(error.to_string())),
    }
}

/// The report of what is attached, or of why nothing is.
pub(crate) fn report(source: Option<Rung>, probes: &[ProbeReport], why: Option<String>) -> Doctor {
    let mut facts = facts();
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

fn facts() -> Vec<Fact> {
    let privileged = kernel::may_load();
    let types = Path::new(kernel::VMLINUX).exists();
    let tracefs = kernel::tracefs_is_mounted();
    vec![
        fact(
            "privileges",
            privileged,
            if privileged {
                "may load probes"
            } else {
                "may not load probes"
            }
            .to_owned(),
            "run it with sudo, or give the binary cap_bpf,cap_perfmon=ep with setcap",
        ),
        fact(
            "kernel types",
            types,
            if types {
                kernel::VMLINUX.to_owned()
            } else {
                "not shown by this kernel".to_owned()
            },
            "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y",
        ),
        Fact {
            name: "tracefs".to_owned(),
            ok: true,
            found: if tracefs {
                "mounted"
            } else {
                "not mounted; read privately"
            }
            .to_owned(),
            mend: None,
        },
        Fact {
            name: "lockdown".to_owned(),
            ok: true,
            found: lockdown().unwrap_or_else(|| "none".to_owned()),
            mend: None,
        },
    ]
}

fn fact(name: &str, ok: bool, found: String, mend: &str) -> Fact {
    Fact {
        name: name.to_owned(),
        ok,
        found,
        mend: (!ok).then(|| mend.to_owned()),
    }
}

/// The mode in brackets in /sys/kernel/security/lockdown.
fn lockdown() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}
