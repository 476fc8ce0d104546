//! The table of scenarios; each file makes one kind of death.

use anyhow::Result;

use crate::lacking::Lacking;
use crate::truth::{Lack, Truth};

pub mod adopt;
pub mod autoreap;
pub mod clone;
pub mod core_pipe;
pub mod crowd;
pub mod exec;
pub mod exec_fails;
pub mod fatal;
pub mod kill;
pub mod namespace;
pub mod reap;
pub mod resources;
pub mod reuse;
pub mod ring;
pub mod threads;
pub mod trace;
pub mod unreaped;

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub shows: &'static str,
    run: fn() -> Result<Vec<Truth>>,
}

/// The result of a scenario.
#[derive(Debug)]
pub enum Outcome {
    /// These deaths.
    Deaths(Vec<Truth>),
    /// None, because the kernel lacks something.
    Lacking(Lack),
}

impl Scenario {
    /// Makes its deaths.
    ///
    /// # Errors
    /// If a system call or a helper process fails.
    pub fn run(&self) -> Result<Outcome> {
        let name = self.name.to_owned();
        let mut truths = match (self.run)() {
            Ok(truths) => truths,
            Err(error) => {
                let Some(lacking) = error.downcast_ref::<Lacking>() else {
                    return Err(error.context(format!("scenario {name} failed")));
                };
                let lacks = lacking.to_string();
                return Ok(Outcome::Lacking(Lack { name, lacks }));
            }
        };
        for truth in &mut truths {
            name.clone_into(&mut truth.name);
        }
        Ok(Outcome::Deaths(truths))
    }
}

/// The scenario called `name`.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

const fn scenario(
    name: &'static str,
    shows: &'static str,
    run: fn() -> Result<Vec<Truth>>,
) -> Scenario {
    Scenario { name, shows, run }
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    scenario("reaped_0ms", "reaped at once", || {
        reap::after(c"rw-reap0", 0)
    }),
    scenario("reaped_1ms", "a zombie for 1 ms", || {
        reap::after(c"rw-reap1", 1)
    }),
    scenario("reaped_10ms", "a zombie for 10 ms", || {
        reap::after(c"rw-reap10", 10)
    }),
    scenario("reaped_100ms", "a zombie for 100 ms", || {
        reap::after(c"rw-reap100", 100)
    }),
    scenario("wait4_any", "reaped by wait4(-1)", reap::wait4_any),
    scenario("waitid_pid", "reaped by waitid P_PID", reap::waitid),
    scenario(
        "waitid_pidfd",
        "reaped by waitid P_PIDFD",
        reap::waitid_pidfd,
    ),
    scenario("waitid_all", "reaped by waitid P_ALL", reap::waitid_all),
    scenario(
        "waitid_null",
        "reaped by waitid with a NULL infop",
        reap::waitid_null,
    ),
    scenario(
        "peeked",
        "peeked at with WNOWAIT for 20 ms, then reaped",
        reap::peeked,
    ),
    scenario(
        "reaped_by_thread",
        "reaped by another thread of the parent",
        reap::by_thread,
    ),
    scenario(
        "io_uring_waitid",
        "reaped by an io_uring's waitid",
        ring::waitid,
    ),
    scenario(
        "number_again",
        "reaped, and its PID reused by the next",
        reuse::at_once,
    ),
    scenario(
        "sigchld_ignored",
        "auto-reaped, the parent ignores SIGCHLD",
        autoreap::ignored,
    ),
    scenario(
        "sa_nocldwait",
        "auto-reaped, the parent has SA_NOCLDWAIT",
        autoreap::no_zombies,
    ),
    scenario(
        "clone_autoreap",
        "auto-reaped, requested by its clone",
        autoreap::by_clone,
    ),
    scenario(
        "pidfd_autokill",
        "killed by the end of its pidfd, auto-reaped",
        autoreap::by_pidfd,
    ),
    scenario(
        "killed_sigkill",
        "killed by another process with SIGKILL",
        fatal::sigkill,
    ),
    scenario(
        "killed_sigterm",
        "killed by another process with SIGTERM",
        fatal::sigterm,
    ),
    scenario(
        "handled_signal",
        "handles SIGTERM and exits: it has no killer",
        fatal::handled,
    ),
    scenario("aborted", "aborts without a core dump", fatal::aborted),
    scenario("dumped", "aborts with a core dump", fatal::dumped),
    scenario("terminal", "killed by ^C at its terminal", kill::terminal),
    scenario("group_kill", "three killed by one call", kill::group),
    scenario("cgroup_kill", "two killed by cgroup.kill", kill::cgroup),
    scenario("oom_kill", "killed by the OOM killer", kill::oom),
    scenario(
        "blocked_signal",
        "SIGTERM kills when it is unblocked, 20 ms later",
        kill::blocked,
    ),
    scenario(
        "term_then_kill",
        "SIGTERM is blocked, SIGKILL kills",
        kill::term_then_kill,
    ),
    scenario(
        "kill_then_term",
        "SIGKILL kills, SIGTERM comes too late",
        kill::kill_then_term,
    ),
    scenario("alarm", "killed by setitimer's SIGALRM", kill::alarm),
    scenario("posix_timer", "killed by a timer's SIGTERM", kill::timer),
    scenario("fault", "killed by its own SIGSEGV", kill::fault),
    scenario("broken_pipe", "killed by SIGPIPE", kill::broken_pipe),
    scenario(
        "parent_death_signal",
        "killed at its parent's death, as requested",
        kill::parent_death,
    ),
    scenario(
        "pidfd_signal",
        "killed by pidfd_send_signal",
        kill::by_pidfd,
    ),
    scenario(
        "dumped_to_pipe",
        "aborts, a slow program takes the core dump",
        core_pipe::dumped,
    ),
    scenario(
        "leader_exits_first",
        "its last thread lives 100 ms longer",
        threads::leader_first,
    ),
    scenario(
        "leader_first_ignored",
        "its last thread lives longer, auto-reaped",
        threads::leader_first_ignored,
    ),
    scenario(
        "exit_group_threads",
        "exit_group with three threads",
        threads::exit_group,
    ),
    scenario(
        "threads_killed",
        "200 threads killed at once",
        threads::many_killed,
    ),
    scenario(
        "thread_execs",
        "a thread execs while the leader lives",
        exec::leader_alive,
    ),
    scenario(
        "thread_execs_late",
        "a thread execs, the leader has exited",
        exec::leader_exited,
    ),
    scenario(
        "exec_not_found",
        "execs a program that is not there",
        exec_fails::not_found,
    ),
    scenario(
        "exec_broken",
        "execs a program that cannot be loaded",
        exec_fails::broken,
    ),
    scenario(
        "subreaper",
        "an orphan that dies with its subreaper",
        adopt::subreaper,
    ),
    scenario(
        "zombie_adopted",
        "a zombie that outlives its parent",
        adopt::zombie_adopted,
    ),
    scenario(
        "adopter_ignores",
        "a zombie whose adopter ignores SIGCHLD",
        adopt::adopter_ignores,
    ),
    scenario(
        "many_adopted",
        "1,000 zombies adopted at once",
        adopt::many_adopted,
    ),
    scenario(
        "daemon",
        "double fork: adopted by init, dies there",
        adopt::daemon,
    ),
    scenario(
        "tracer_waits",
        "its tracer waits before its parent",
        trace::tracer_waits,
    ),
    scenario(
        "tracer_exits",
        "its tracer exits without a wait",
        trace::tracer_exits,
    ),
    scenario(
        "tracer_detaches",
        "its tracer detaches before it dies",
        trace::tracer_detaches,
    ),
    scenario(
        "thread_traced",
        "a dead traced thread delays its death",
        trace::thread_traced,
    ),
    scenario(
        "tracer_releases",
        "its tracer waits, its parent ignores",
        trace::tracer_releases,
    ),
    scenario(
        "exit_signal_0",
        "cloned without a signal, needs __WCLONE",
        clone::without_signal,
    ),
    scenario(
        "vfork",
        "borrows its parent's memory until it exits",
        clone::vfork,
    ),
    scenario(
        "clone_parent",
        "cloned as a sibling of its cloner",
        clone::sibling,
    ),
    scenario(
        "pid_namespace",
        "reaped inside a PID namespace",
        namespace::reaped_inside,
    ),
    scenario(
        "namespace_dies",
        "released by a dying namespace init",
        namespace::init_dies,
    ),
    scenario(
        "namespace_kills",
        "killed by the end of its namespace's init",
        namespace::init_kills,
    ),
    scenario(
        "namespace_injected",
        "delays the death of a namespace init",
        namespace::injected,
    ),
    scenario(
        "resources",
        "50 ms of CPU, 20 MB, three threads",
        resources::used,
    ),
    scenario(
        "never_reaped",
        "three zombies, as long as this program",
        || unreaped::leak(3),
    ),
];
