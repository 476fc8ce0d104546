//! Ordinary deaths, which the kernel side counts and does not send: beside an agent to which every
//! death is sent, the counts and the answers are the same.

use std::ffi::CString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use scenarios::Truth;

use crate::agent::{Agent, eventually};
use crate::cgroup::{Cgroup, enter};
use crate::compare::assert_true;
use crate::row::Verdicts;
use crate::scenario;
use crate::stream::Stream;
use api::Explanation;

const UNIT: &str = "rw-ordinary.service";
/// The bucket of deaths that are not sent.
const QUICK: &str = "le=\"0.01\"";
/// Deaths in a row.
const CYCLES: u32 = 500;
/// Children that a keeper reaps; it holds one more as a zombie.
const REAPED: u64 = 20;
/// One of each kind of death; that each by itself is reported correctly is tested elsewhere.
const SCENARIOS: [&str; 14] = [
    "reaped_10ms",
    "reaped_100ms",
    "reaped_by_thread",
    "sigchld_ignored",
    "killed_sigkill",
    "leader_exits_first",
    "thread_execs",
    "subreaper",
    "zombie_adopted",
    "adopter_ignores",
    "tracer_waits",
    "exit_signal_0",
    "pid_namespace",
    "namespace_dies",
];

/// The counts of one workload: exits by kind, reaps, late ones.
fn counts(agent: &Agent) -> Vec<f64> {
    let of = |name: &str, kind: &str| {
        let series = agent.series(&format!("reapwatch_{name}"));
        let own = series
            .iter()
            .filter(|it| it.contains(UNIT) && it.contains(kind));
        let values = own.filter_map(|it| it.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    };
    let kinds = ["exited", "killed", "dumped"];
    let exits = kinds.map(|kind| of("exits_total", &format!("kind=\"{kind}\"")));
    let reaps = ["reaped_total", "reaped_late_total"].map(|name| of(name, ""));
    exits.into_iter().chain(reaps).collect()
}

/// Both agents, and a cgroup in which processes die.
struct Both {
    counting: Agent,
    followed: Agent,
    _stream: Stream,
    cgroup: Cgroup,
}

impl Both {
    fn start() -> Self {
        let cgroup = Cgroup::unified(&format!("/system.slice/{UNIT}"));
        let (counting, followed) = (Agent::start(&[]), Agent::start(&[]));
        let stream = Stream::of(&followed);
        Self {
            counting,
            followed,
            _stream: stream,
            cgroup,
        }
    }

    /// Runs the program that makes deaths in the cgroup.
    fn run(&self, args: &[&str]) -> String {
        let procs = self.cgroup.procs();
        let mut program = Command::new(scenario::program());
        // SAFETY: the child makes nothing but system calls on what was made before.
        unsafe {
            program.pre_exec(move || {
                enter(&procs);
                Ok(())
            });
        }
        let output = program.args(args).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("JSON is UTF-8")
    }

    fn assert_equal_counts(&self, least: f64) {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let equal = eventually(|| {
            (one, other) = (counts(&self.counting), counts(&self.followed));
            let differ = one
                .iter()
                .zip(&other)
                .any(|(one, other)| (one - other).abs() > 0.5);
            !differ && one[0] >= least && (one[3] - one[..3].iter().sum::<f64>()).abs() < 0.5
        });
        assert!(equal, "counted {one:?}, sent {other:?}, at least {least}");
    }
}

#[test]
#[ignore = "needs root and a kernel with BTF"]
fn counted_and_sent_deaths_give_the_same_answers() {
    let mut verdicts = Verdicts::default();
    let both = Both::start();
    // The first death in a cgroup is sent, so that its workload can be found.
    both.run(&["run", "reaped_1ms"]);
    both.assert_equal_counts(1.0);
    verdicts.of("ordinary_deaths_are_not_sent", || not_sent(&both));
    verdicts.of("ordinary_death_is_explained", || explained(&both));
    verdicts.of("ordinary_reaps_are_habits", || habits(&both));
    verdicts.of("ordinary_scenarios_have_equal_counts", || {
        for name in SCENARIOS {
            both.run(&["run", name]);
        }
        both.assert_equal_counts(f64::from(CYCLES) + SCENARIOS.len() as f64);
    });
    verdicts.end();
}

fn not_sent(both: &Both) {
    let agent = &both.counting;
    // On a slow machine many are slow, which are sent.
    let slow = || {
        let slow = |phase: &str| {
            let series = |kind: &str| format!("reapwatch_{phase}_duration_seconds_{kind}");
            agent.metric(&series("count"), "") - agent.metric(&series("bucket"), QUICK)
        };
        slow("zombie") + slow("exit")
    };
    let slow_before = slow();
    let read = || {
        (
            agent.metric("reapwatch_exits_total", ""),
            agent.metric("reapwatch_events_total", "event=\"death\""),
            agent.metric("reapwatch_zombie_duration_seconds_count", "how=\"wait\""),
            agent.metric("reapwatch_exit_duration_seconds_count", ""),
        )
    };
    let before = read();
    both.run(&["cycles", "--count", &CYCLES.to_string()]);
    let after = read();
    let (died, sent) = (after.0 - before.0, after.1 - before.1);
    assert!(died >= f64::from(CYCLES), "{died} deaths");
    let slow = slow() - slow_before;
    assert!(
        sent < slow + died / 2.0,
        "{sent} of {died} deaths were sent, of which {slow} were slow"
    );
    // Linux 7 may skip a probe: the death is counted, but one of its times is not known.
    let lost = agent.zombies().head.lost_events;
    let timed = f64::from(CYCLES) - lost as f64;
    for counted in [after.2 - before.2, after.3 - before.3] {
        assert!(counted >= timed, "{before:?} {after:?}, {lost} events lost");
    }
    both.assert_equal_counts(f64::from(CYCLES));
}

fn explained(both: &Both) {
    for name in ["reaped_0ms", "reaped_1ms", "reaped_10ms", "subreaper"] {
        let output = both.run(&["run", name]);
        let truths = output.lines().map(serde_json::from_str);
        let truths: Vec<Truth> = truths.collect::<Result<_, _>>().expect("truths");
        for truth in &truths {
            let story = both.counting.explain(truth.pid).story;
            let death = story
                .death
                .as_ref()
                .unwrap_or_else(|| panic!("{truth:#?}\n{story:#?}"));
            assert_true(death, truth, both.counting.by_tracepoints());
        }
    }
}

fn habits(both: &Both) {
    let keeper = Keeper::start(&both.cgroup.procs());
    let of = |agent: &Agent| {
        let mut story = None;
        eventually(|| {
            let answer: Explanation = agent.explain(keeper.0).story;
            let habits = answer.habits.as_ref();
            let known = habits
                .is_some_and(|it| it.culprit.zombies == 1 && it.culprit.reaped_total >= REAPED);
            story = Some(answer);
            known
        });
        story.and_then(|story| story.habits).expect("it lives")
    };
    for agent in [&both.counting, &both.followed] {
        let habits = of(agent);
        assert_eq!(
            (habits.culprit.zombies, habits.culprit.reaped_total),
            (1, REAPED)
        );
        let habits = &habits.habits;
        assert!(habits.p50_seconds.is_some() && habits.p99_seconds.is_some());
        let zombies = agent.zombies().items;
        let own =
            |zombie: &&api::Zombie| zombie.parent.as_ref().is_some_and(|by| by.pid == keeper.0);
        assert_eq!(zombies.iter().filter(own).count(), 1);
    }
}

/// A process that has reaped [`REAPED`] children and holds one zombie.
struct Keeper(u32);

impl Keeper {
    fn start(procs: &CString) -> Self {
        // SAFETY: both children make nothing but system calls on what was made before.
        let pid = match unsafe { libc::fork() } {
            // SAFETY: as above.
            0 => unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                enter(procs);
                for _ in 0..REAPED {
                    match libc::fork() {
                        0 => libc::_exit(0),
                        child => libc::waitpid(child, std::ptr::null_mut(), 0),
                    };
                }
                if libc::fork() == 0 {
                    libc::_exit(0);
                }
                loop {
                    libc::pause();
                }
            },
            pid => pid,
        };
        assert!(pid > 0, "fork fails");
        Self(pid as u32)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // SAFETY: the PID is that of an unreaped child.
        unsafe {
            libc::kill(self.0 as i32, libc::SIGKILL);
            libc::waitpid(self.0 as i32, std::ptr::null_mut(), 0);
        }
    }
}
