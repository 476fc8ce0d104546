//! A node full of zombies, with the agent limited to the memory of its manifest.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent::{Agent, REAPWATCH, eventually};
use crate::cgroup::Cgroup;
use crate::scenario::Leak;

/// Below the usual `pid_max` of 32,768.
const PARENTS: u32 = 25;
const ZOMBIES_EACH: u32 = 1_000;
const ZOMBIES: u64 = (PARENTS * ZOMBIES_EACH) as u64;
/// Clients that ask for everything and read nothing.
const NEVER_READING: usize = 16;

/// The limit of the DaemonSet.
fn limit_bytes() -> u64 {
    let manifest = include_str!("../../../deploy/kubernetes/base/daemon-set.yaml");
    let (_, limits) = manifest.split_once("limits:").expect("it has limits");
    let (_, memory) = limits.split_once("memory: ").expect("of memory");
    let (mebibytes, _) = memory.split_once("Mi").expect("in MiB");
    mebibytes.parse::<u64>().expect("a number") << 20
}

/// A cgroup with that limit, and the files of its usage and events.
struct Limited {
    cgroup: Cgroup,
    /// The peak usage.
    peak: Option<PathBuf>,
    failures: PathBuf,
}

impl Limited {
    fn new() -> Self {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        if v1.exists() {
            let cgroup = Cgroup::below(v1, "/reapwatch-incident");
            cgroup.set("memory.limit_in_bytes", &limit_bytes().to_string());
            let folder = cgroup.folder();
            return Self {
                peak: Some(folder.join("memory.max_usage_in_bytes")),
                failures: folder.join("memory.oom_control"),
                cgroup,
            };
        }
        let root = Path::new("/sys/fs/cgroup");
        fs::write(root.join("cgroup.subtree_control"), "+memory").expect("a memory controller");
        let cgroup = Cgroup::below(root, "/reapwatch-incident");
        cgroup.set("memory.max", &limit_bytes().to_string());
        let folder = cgroup.folder();
        // Since Linux 5.19.
        let peak = Some(folder.join("memory.peak")).filter(|file| file.exists());
        Self {
            peak,
            failures: folder.join("memory.events"),
            cgroup,
        }
    }

    /// How often the OOM killer ran in it.
    fn kills(&self) -> u64 {
        let text = fs::read_to_string(&self.failures).expect("it can be read");
        let mut lines = text.lines();
        let kills = lines.find_map(|line| line.strip_prefix("oom_kill "));
        kills.map_or(0, |kills| kills.parse().expect("a number"))
    }

    fn peak_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(self.peak.as_ref()?).expect("it can be read");
        Some(text.trim().parse().expect("a number"))
    }
}

fn rss_bytes(agent: &Agent) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("it lives");
    let mut lines = status.lines();
    let kilobytes = lines.find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    kilobytes
        .expect("it has memory")
        .parse::<u64>()
        .expect("a number")
        << 10
}

fn ask_and_do_not_read(agent: &Agent) -> UnixStream {
    let mut stream = UnixStream::connect(agent.socket()).expect("it listens");
    let request = b"GET /api/v1/zombies HTTP/1.0\r\n\r\n";
    stream.write_all(request).expect("it reads");
    // The response has begun.
    assert!(stream.read(&mut [0; 64]).expect("it answers") > 0);
    stream
}

#[test]
#[ignore = "needs root, a kernel with BTF and a memory controller, alone: it fills the PID table"]
fn the_agent_lives_through_an_incident_in_the_memory_of_its_manifest() {
    let limited = Limited::new();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("s.sock");
    let mut program = Command::new("sh");
    let enter = format!(
        "echo $$ > {}/cgroup.procs && exec {REAPWATCH} \"$@\"",
        limited.cgroup.folder().display()
    );
    program.args(["-c", &enter, "sh"]);
    let agent = Agent::start_as(program, &[], &socket);
    let rest_bytes = rss_bytes(&agent);

    let parents: Vec<_> = (0..PARENTS).map(|_| Leak::start(ZOMBIES_EACH)).collect();
    let mine = |count: u64| count >= ZOMBIES;
    let total = || {
        agent
            .document::<api::Document<api::Zombie>>("zombies?limit=1")
            .total
    };
    assert!(eventually(|| mine(total())), "{} of {ZOMBIES}", total());

    let idle: Vec<_> = (0..NEVER_READING)
        .map(|_| ask_and_do_not_read(&agent))
        .collect();
    let zombies = agent.zombies();
    assert!(mine(zombies.total) && mine(zombies.items.len() as u64));
    drop(zombies);
    let held = |pid: u32| agent.culprit(pid).map(|culprit| culprit.zombies);
    for parent in &parents {
        assert!(eventually(
            || held(parent.pid()) == Some(ZOMBIES_EACH.into())
        ));
    }
    let frame = agent.document::<api::Document<api::Top>>("top?limit=1000");
    assert!(mine(frame.items[0].summary.zombies));
    assert!(mine(agent.metric("reapwatch_zombies", "") as u64));
    let one = parents[0].truths[0].pid;
    assert_eq!(agent.explain(one).story.pid, one);
    drop(idle);

    drop(parents);
    assert!(eventually(|| total() < ZOMBIES / 10));
    let (kills, peak, after) = (limited.kills(), limited.peak_bytes(), rss_bytes(&agent));
    println!(
        "memory of {} MiB: at rest {} kB, peak of the cgroup {:?} kB, afterwards {} kB",
        limit_bytes() >> 20,
        rest_bytes >> 10,
        peak.map(|bytes| bytes >> 10),
        after >> 10
    );
    assert_eq!(kills, 0);
}
