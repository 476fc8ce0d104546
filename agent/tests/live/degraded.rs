//! Hosts that lack something: the agent runs with what is left and reports the truth, or refuses
//! with one sentence; and `doctor` agrees. One line of verdict each.

use std::process::{Command, Output};

use rustix::thread::CapabilitySet;
use scenarios::cases::SCENARIOS;

use crate::agent::Agent;
use crate::deaths::compare_all;
use crate::host::{Host, types_without};
use crate::refusals::assert_refused;
use crate::row::{Verdicts, again, attempt};
use crate::scenario;
use crate::stream::Stream;
use api::{Doctor, HookKind};

const TYPES: &str = "/sys/kernel/btf/vmlinux";
/// Without it no kprobe can be requested.
const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";
/// The capabilities of a user with no other privileges.
const BPF: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::PERFMON);
/// The limit of Linux before 5.16.
const MEMLOCK: u64 = 64 << 10;
/// Deaths that every source sees completely.
const DEATHS: [&str; 6] = [
    "reaped_10ms",
    "waitid_pid",
    "killed_sigkill",
    "leader_exits_first",
    "subreaper",
    "vfork",
];

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn every_degraded_host_is_reported_correctly() {
    let mut verdicts = Verdicts::default();
    verdicts.of("types_empty", || {
        refuses(
            &Host::new().showing(b"", TYPES),
            &[],
            "CONFIG_DEBUG_INFO_BTF",
        );
    });
    verdicts.of("types_absent", || {
        let host = Host::new().emptied("/sys/kernel/btf");
        refuses(&host, &[], "CONFIG_DEBUG_INFO_BTF");
    });
    verdicts.of("no_tracefs", || {
        let doctor = runs(&no_tracefs(), &[]);
        assert!(hook(&doctor, "reap").is_some(), "{doctor:#?}");
    });
    verdicts.of("no_tracefs_forced", || {
        let doctor = runs(&no_tracefs(), &["--hook", "tracepoint"]);
        assert!(
            hook(&doctor, "reap").is_some_and(|hook| hook.contains("sys_exit")),
            "{doctor:#?}"
        );
    });
    verdicts.of("no_tracefs_no_mount", || {
        let host = no_tracefs().losing(CapabilitySet::SYS_ADMIN);
        let doctor = runs(&host, &["--hook", "tracepoint"]);
        assert_eq!(hook(&doctor, "reap"), Some("tracepoint:sys_exit"));
    });
    verdicts.of("bpf_and_perfmon", || {
        runs_or_refuses(&Host::new().run_by_nobody(BPF), &[], "locked memory");
    });
    verdicts.of("bpf_without_perfmon", || {
        let host = Host::new().run_by_nobody(CapabilitySet::BPF);
        refuses(&host, &[], "PERFMON");
    });
    verdicts.of("memlock", || {
        let host = Host::new().memlock(MEMLOCK);
        runs(&host, &[]);
    });
    verdicts.of("memlock_held", || {
        let host = Host::new().memlock(MEMLOCK);
        let host = host.losing(CapabilitySet::SYS_RESOURCE);
        runs_or_refuses(&host, &[], "locked memory");
    });
    without_symbols(&mut verdicts);
    verdicts.end();
}

fn without_symbols(verdicts: &mut Verdicts) {
    verdicts.of("no_kprobes", || {
        runs_or_refuses(&no_kprobes(Host::new()), &["--hook", "kprobe"], "kprobes");
        runs(&no_kprobes(Host::new()), &[]);
    });
    verdicts.of("no_reap_symbol", || {
        let types = types_without("release_task");
        let doctor = runs(&Host::new().showing(&types, TYPES), &[]);
        assert_ne!(hook(&doctor, "reap"), Some("fentry:release_task"));
        let doctor = runs(&no_kprobes(Host::new().showing(&types, TYPES)), &[]);
        assert_eq!(
            doctor.source,
            Some(HookKind::Tracepoint.into()),
            "{doctor:#?}"
        );
    });
    verdicts.of("no_zombie_symbol", || {
        let types = types_without("do_notify_parent");
        let host = Host::new().showing(&types, TYPES);
        refuses(&host, &["--hook", "fentry"], "fentry:do_notify_parent");
        runs(&no_kprobes(host), &[]);
    });
}

fn no_tracefs() -> Host {
    let host = Host::new().unmounted("/sys/kernel/tracing");
    host.unmounted("/sys/kernel/debug/tracing")
        .unmounted("/sys/kernel/debug")
}

/// A kernel without them lacks the folder already.
fn no_kprobes(host: Host) -> Host {
    if std::path::Path::new(KPROBES).exists() {
        host.emptied(KPROBES)
    } else {
        host
    }
}

/// The report of `doctor` there; its exit status must agree.
fn doctor(host: &Host, options: &[&str]) -> Doctor {
    let output = output(host.reapwatch().args(["doctor", "--json"]).args(options));
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let doctor: Doctor = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error} in: {text}\non stderr: {errors}"));
    let code = i32::from(!doctor.runs);
    assert_eq!(output.status.code(), Some(code), "{doctor:#?}\n{errors}");
    assert_eq!(
        errors.lines().count(),
        1,
        "only the note on its source: {errors}"
    );
    let unexplained = doctor
        .probes
        .iter()
        .find(|probe| probe.hook.is_none() && (probe.lost.is_none() || probe.refused.is_empty()));
    assert_eq!(unexplained, None, "it has no hook and no reason");
    doctor
}

/// Asserts that the agent refuses in one sentence, and that `doctor` fails with the same fix.
fn refuses(host: &Host, options: &[&str], telling: &str) {
    let doctor = doctor(host, options);
    refuses_as(&doctor, host, options, telling);
}

fn refuses_as(doctor: &Doctor, host: &Host, options: &[&str], telling: &str) {
    assert!(!doctor.runs, "{doctor:#?}");
    let fixes: Vec<_> = doctor
        .facts
        .iter()
        .filter_map(|fact| fact.fix.as_deref())
        .collect();
    let is_named = fixes.iter().any(|fix| fix.contains(telling));
    assert!(is_named, "no `{telling}` in: {fixes:?}");
    let mut agent = host.reapwatch();
    agent
        .args(["agent", "--listen", "none", "--socket"])
        .arg(host.socket());
    let output = output(agent.args(options));
    assert_refused(&output, telling);
    print!("\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Asserts that `doctor` succeeds, that the agent attaches what `doctor` lists, and that it reports
/// the truth.
fn runs(host: &Host, options: &[&str]) -> Doctor {
    let doctor = doctor(host, options);
    runs_as(&doctor, host, options);
    doctor
}

fn runs_as(doctor: &Doctor, host: &Host, options: &[&str]) {
    assert!(doctor.runs, "{doctor:#?}");
    let socket = host.socket();
    let agent = Agent::start_as(host.reapwatch(), options, &socket);
    let at_work = agent.doctor();
    assert_eq!(at_work.source, doctor.source, "doctor disagrees");
    assert_eq!(at_work.probes, doctor.probes, "doctor disagrees");
    let by_tracepoints = agent.by_tracepoints();
    let mut stream = Stream::of(&agent);
    let mut judge = || {
        let truths = DEATHS.map(scenario::run).concat();
        compare_all(&mut stream, &truths, by_tracepoints);
    };
    let result = attempt(&mut judge).or_else(|why| again(&agent, "deaths", false, why, judge));
    assert_eq!(result, Ok(()));
    assert_eq!(stream.lost, 0, "the stream kept up");
    let (source, reap) = (&doctor.source, hook(doctor, "reap"));
    println!("\nruns by {source:?}, reaps by {reap:?}");
}

/// One or the other, depending on `doctor`.
fn runs_or_refuses(host: &Host, options: &[&str], telling: &str) {
    let doctor = doctor(host, options);
    if doctor.runs {
        runs_as(&doctor, host, options);
    } else {
        refuses_as(&doctor, host, options, telling);
    }
}

fn output(program: &mut Command) -> Output {
    program.output().expect("the program runs")
}

fn hook<'a>(doctor: &'a Doctor, probe: &str) -> Option<&'a str> {
    let mut probes = doctor.probes.iter();
    probes.find(|it| it.probe == probe)?.hook.as_deref()
}

#[test]
fn the_deaths_are_scenarios() {
    for name in DEATHS {
        assert!(SCENARIOS.iter().any(|scenario| scenario.name == name));
    }
}
