//! A running agent has dropped what only loading needed, in all of its threads and for good, and
//! does its work with the rest.

use std::fs;
use std::process::{Child, Stdio};

use rustix::thread::CapabilitySet;

use crate::agent::{Agent, eventually};
use crate::host::Host;
use crate::row::Verdicts;
use crate::scenario::{self, Leak};
use api::Fact;

/// The capabilities that a daemon may keep.
const IN_USE: CapabilitySet = CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH);
/// What reading maps needs before Linux 5.19.
const MAPS: CapabilitySet = CapabilitySet::BPF;
const LOADING: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::PERFMON);

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn privileges_that_only_loading_needs_are_dropped() {
    let mut verdicts = Verdicts::default();
    verdicts.of("root_gives_up", || {
        let (host, agent) = start(Host::new());
        assert_works(&agent);
        let all = "in_use and perhaps maps";
        for thread in threads(agent.pid()) {
            thread.assert_limited(IN_USE | MAPS, all);
            thread.assert_shut();
            assert!(thread.effective.contains(IN_USE), "{thread:?}");
        }
        drop(host);
    });
    verdicts.of("nobody_gives_up", || {
        let host = Host::new().run_by_nobody(LOADING);
        if !can_run(&host) {
            // Before 5.11 it lacks locked memory too: `degraded` has that case.
            return;
        }
        let (host, agent) = start(host);
        assert_works(&agent);
        for thread in threads(agent.pid()) {
            thread.assert_limited(MAPS, "perhaps maps");
        }
        let waits = fact(&agent, "waits");
        assert!(!waits.ok, "{waits:?}");
        let fix = waits.fix.unwrap_or_default();
        assert!(fix.contains("cap_sys_ptrace"), "{fix}");
        drop(host);
    });
    verdicts.of("a_view_gives_up", || {
        let host = Host::new();
        let mut exits = Following::start(&host);
        let of_loop = eventually(|| names(exits.pid()).contains(&"reapwatch-loop".to_owned()));
        assert!(of_loop, "no agent runs inside the view");
        let saving = CapabilitySet::DAC_OVERRIDE;
        let limit = IN_USE | MAPS | saving;
        // This thread drops its privileges after the one that loaded.
        let limited = eventually(|| {
            let threads = threads(exits.pid());
            threads
                .iter()
                .all(|thread| limit.contains(thread.effective))
        });
        let threads = threads(exits.pid());
        assert!(limited, "{threads:?}");
        threads.iter().for_each(Thread::assert_shut);
        assert!(exits.0.try_wait().expect("a child").is_none(), "it ended");
    });
    verdicts.end();
}

fn start(host: Host) -> (Host, Agent) {
    let options = ["--reconcile-every", "1s"];
    let agent = Agent::start_as(host.reapwatch(), &options, &host.socket());
    (host, agent)
}

fn can_run(host: &Host) -> bool {
    let mut doctor = host.reapwatch();
    let output = doctor.arg("doctor").output().expect("the program runs");
    output.status.success()
}

/// The counters, the iterator and the ring can still be read, and the hooks are reported unchanged.
fn assert_works(agent: &Agent) {
    let before = agent.metric("reapwatch_exits_total", "");
    let died = scenario::run("reaped_10ms").len() as f64;
    let leak = Leak::start(3);
    let exits = || agent.metric("reapwatch_exits_total", "");
    // A death is counted once its container is known.
    let counted = eventually(|| exits() >= before + died + 3.0);
    assert!(counted, "{before} and then {}", exits());
    let judged = eventually(|| {
        let leaky = agent.culprit(leak.pid());
        leaky.is_some_and(|it| it.zombies == 3 && it.waits_total.is_some() && it.verdict.is_some())
    });
    assert!(judged, "{:?}", agent.culprits().items);
    let privileges = fact(agent, "privileges");
    assert!(privileges.ok, "{privileges:?}");
    let log = fs::read_to_string(agent.socket().with_extension("log")).expect("it logs");
    for failure in [
        "cannot be read",
        "kernel's counters",
        "a snapshot of",
        "cannot drop",
    ] {
        assert!(!log.contains(failure), "{log}");
    }
}

fn fact(agent: &Agent, name: &str) -> Fact {
    let facts = agent.doctor().facts;
    let found = facts.iter().find(|fact| fact.name == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {facts:?}"))
        .clone()
}

/// `exits` with an agent inside.
struct Following(Child);

impl Following {
    fn start(host: &Host) -> Self {
        let mut exits = host.reapwatch();
        exits
            .arg("exits")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(exits.spawn().expect("the program runs"))
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The status of a thread in /proc.
#[derive(Debug)]
struct Thread {
    status: String,
    effective: CapabilitySet,
}

impl Thread {
    fn assert_limited(&self, limit: CapabilitySet, what: &str) {
        assert!(limit.contains(self.effective), "not {what}: {self:?}");
        assert_eq!(self.set("CapPrm"), self.effective, "{self:?}");
        assert!(self.set("CapInh").is_empty(), "{self:?}");
        assert!(self.set("CapAmb").is_empty(), "{self:?}");
        assert_eq!(field(&self.status, "NoNewPrivs"), "1", "{self:?}");
    }

    /// No program that it could run would gain privileges.
    fn assert_shut(&self) {
        assert!(self.set("CapBnd").is_empty(), "{self:?}");
        assert_eq!(field(&self.status, "NoNewPrivs"), "1", "{self:?}");
    }

    fn set(&self, name: &str) -> CapabilitySet {
        set(&self.status, name)
    }
}

fn threads(pid: i32) -> Vec<Thread> {
    let statuses = of_each_thread(pid, "status");
    let threads = statuses.into_iter().map(|status| Thread {
        effective: set(&status, "CapEff"),
        status,
    });
    let threads: Vec<_> = threads.collect();
    assert!(threads.len() >= 2, "the loop has a thread of its own");
    threads
}

fn names(pid: i32) -> Vec<String> {
    let names = of_each_thread(pid, "comm").into_iter();
    names.map(|name| name.trim_end().to_owned()).collect()
}

/// A thread may end while it is looked at.
fn of_each_thread(pid: i32, file: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let paths = tasks.flatten().map(|task| task.path().join(file));
    paths
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect()
}

fn set(status: &str, name: &str) -> CapabilitySet {
    let bits = u64::from_str_radix(field(status, name), 16).expect("hexadecimal");
    CapabilitySet::from_bits_retain(bits)
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value
        .unwrap_or_else(|| panic!("no {name} in {status}"))
        .trim()
}
