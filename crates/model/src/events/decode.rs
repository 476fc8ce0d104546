//! Decodes one record into an [`Event`] or [`Task`]. Invalid bytes are [`Malformed`], which the
//! caller counts; they never cause a panic.

use wire::{
    asked, cgroup_flags, death_flags, kill_by, kind, release_flags, renotified_flags, task_flags,
};
use zerocopy::FromBytes;

use super::{
    Asked, CgroupId, CgroupIds, CgroupMade, CgroupVersion, Comm, Death, Event, Exec, Execed,
    ExitStatus, Freed, Ignored, Key, Kill, KillBy, NamespacePid, Peeked, Process, Release,
    Renotified, Resources, Target, Task, TaskState, Waited, Waits, steps,
};

/// Bytes that are not a valid record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A kind unknown to this version.
    #[error("unknown record kind {0}")]
    UnknownKind(u32),
    /// Fewer bytes than the record has; for a task, any other number.
    #[error("record of {got} bytes where {want} were expected")]
    Size {
        /// Bytes received.
        got: usize,
        /// Bytes of the record.
        want: usize,
    },
    /// The process that the record is about has no PID.
    #[error("record of kind {0} about no process")]
    NoProcess(u32),
}

/// Decodes one record of the ring; `page_size` is in bytes. Trailing bytes are ignored, since the
/// ring rounds lengths up to 8.
pub fn decode(bytes: &[u8], page_size: u64) -> Result<Event, Malformed> {
    let head: wire::Head = read(bytes)?;
    match head.kind {
        kind::DEATH => {
            let mut event = death(&read(bytes)?, page_size)?;
            if head.flags & death_flags::STEPS != 0 {
                let record: wire::SteppedDeath = read(bytes)?;
                event.steps = steps::between(event.begin_ns, record.steps, event.at_ns);
            }
            Ok(Event::Death(Box::new(event)))
        }
        kind::RELEASE => release(&read(bytes)?).map(Event::Release),
        kind::WAITED => waited(&read(bytes)?).map(Event::Waited),
        kind::FREED => freed(&read(bytes)?).map(Event::Freed),
        kind::RENOTIFIED => renotified(&read(bytes)?).map(Event::Renotified),
        kind::EXEC => execed(&read(bytes)?).map(Event::Exec),
        kind::CGROUP_MADE => Ok(Event::CgroupMade(cgroup_made(&read(bytes)?))),
        unknown => Err(Malformed::UnknownKind(unknown)),
    }
}

/// Decodes one [`wire::TaskRecord`], which must be of exactly its size.
pub fn decode_task(bytes: &[u8]) -> Result<Task, Malformed> {
    let record = wire::TaskRecord::read_from_bytes(bytes)
        .map_err(|_| wrong_size::<wire::TaskRecord>(bytes))?;
    let state = if record.flags & task_flags::LEADER_EXITED != 0 {
        TaskState::LeaderExited
    } else if record.flags & task_flags::ZOMBIE != 0 {
        TaskState::Zombie
    } else if record.flags & task_flags::EXITING != 0 {
        TaskState::Exiting
    } else {
        TaskState::Alive
    };
    Ok(Task {
        process: process(&record.process).ok_or(Malformed::NoProcess(0))?,
        state,
        is_held: record.flags & task_flags::HELD != 0,
        parent: process(&record.parent),
        tracer: process(&record.tracer),
        forker: process(&record.forker),
        kill: kill(
            record.kill_by,
            &record.killer,
            record.kill_signal,
            record.killed_ns,
        )
        .map(Box::new),
        begin_ns: known(record.begin_ns),
        status: (state == TaskState::Zombie).then(|| ExitStatus::from_wait(record.exit_code)),
        exit_signal: Some(record.exit_signal),
        cgroups: cgroups(record.cgroup_id, record.cgroup_v1_id),
        uid: record.uid,
        // Of a zombie they no longer matter.
        waits: (state != TaskState::Zombie).then(|| Box::new(waits(&record.waits))),
        dead_by_ns: (state == TaskState::Zombie)
            .then(|| dead_by(&record))
            .flatten(),
        pids: pids(&record.pids),
        exec: known(record.exec_ns).map(|at_ns| {
            Box::new(Exec {
                at_ns,
                former: comm(&record.former),
            })
        }),
        exec_id: known(record.exec_id),
        // It is 0 for a child of the kernel's first thread.
        parent_exec_id: known(record.exec_id).map(|_| record.parent_exec_id),
        group: record.group,
        session: record.session,
        subreaper: match record.flags & (task_flags::SUBREAPER | task_flags::NO_SUBREAPER) {
            task_flags::SUBREAPER => Some(true),
            task_flags::NO_SUBREAPER => Some(false),
            _ => None,
        },
        stop_signal: signal(record.stop_signal),
        ignored: ignored(&record.ignored).map(Box::new),
    })
}

/// The latest time at which a zombie can have died: the end of its last turn on a CPU. Not for a
/// process that ever had other threads, which may have outlived its leader, the thread that the
/// statistics are about.
fn dead_by(record: &wire::TaskRecord) -> Option<u64> {
    if record.threads_runtime_ns != 0 {
        return None;
    }
    let turn = Turn {
        last_ran_sched_ns: record.last_ran_sched_ns,
        runtime_ns: record.runtime_ns,
        reader_ran_sched_ns: record.reader_ran_sched_ns,
        read_ns: record.read_ns,
    };
    turn.over_by()
}

/// Scheduler statistics of a thread that is not running.
#[expect(clippy::struct_field_names, reason = "units are in names")]
pub(super) struct Turn {
    pub(super) last_ran_sched_ns: u64,
    pub(super) runtime_ns: u64,
    pub(super) reader_ran_sched_ns: u64,
    pub(super) read_ns: u64,
}

impl Turn {
    /// The latest time at which its last turn on a CPU ended: it began then, and lasted no longer
    /// than its whole life.
    ///
    /// The statistics use another clock, so the reader's own last turn calibrates it. The clocks
    /// may drift apart by NTP slewing, and a turn may be stretched by interrupts and the
    /// hypervisor. The tolerance for that makes the answer later, never earlier.
    pub(super) fn over_by(&self) -> Option<u64> {
        const SLEW: u64 = 2_000;
        const STRETCH: u64 = 2;
        const SLACK_NS: u64 = 1_000_000;
        if self.last_ran_sched_ns == 0 {
            return None;
        }
        let turn_ns = self.runtime_ns.checked_mul(STRETCH)?;
        let since_turn_ns = self
            .reader_ran_sched_ns
            .checked_sub(self.last_ran_sched_ns)?;
        let age_ns = (since_turn_ns - since_turn_ns / SLEW).checked_sub(turn_ns + SLACK_NS)?;
        self.read_ns.checked_sub(age_ns)
    }
}

/// The record that `bytes` begin with, at any alignment, and the bytes after it.
pub(super) fn split<T: FromBytes>(bytes: &[u8]) -> Result<(T, &[u8]), Malformed> {
    T::read_from_prefix(bytes).map_err(|_| wrong_size::<T>(bytes))
}

fn read<T: FromBytes>(bytes: &[u8]) -> Result<T, Malformed> {
    split(bytes).map(|(record, _)| record)
}

/// The error for `bytes` that are too few for a `T`, or too many.
pub(super) fn wrong_size<T>(bytes: &[u8]) -> Malformed {
    Malformed::Size {
        got: bytes.len(),
        want: size_of::<T>(),
    }
}

pub(super) fn death(record: &wire::Death, page_size: u64) -> Result<Death, Malformed> {
    let (user_ns, system_ns) = cpu_time(record.user_ns, record.system_ns, record.runtime_ns);
    Ok(Death {
        at_ns: record.head.at_ns,
        at_is_lower_bound: record.head.flags & death_flags::BEFORE_NOTIFICATION != 0,
        process: process(&record.process).ok_or(Malformed::NoProcess(kind::DEATH))?,
        parent: process(&record.parent),
        tracer: process(&record.tracer),
        forker: process(&record.forker),
        kill: kill(
            record.kill_by,
            &record.killer,
            record.kill_signal,
            record.killed_ns,
        ),
        begin_ns: known(record.begin_ns),
        status: ExitStatus::from_wait(record.exit_code),
        exit_signal: record.exit_signal,
        autoreap: record.head.flags & death_flags::AUTOREAP != 0,
        cgroups: cgroups(record.cgroup_id, record.cgroup_v1_id),
        uid: record.uid,
        resources: Resources {
            user_ns,
            system_ns,
            threads: (record.threads != 0).then_some(record.threads),
            max_rss_bytes: record.max_rss_pages.saturating_mul(page_size),
        },
        steps: None,
        pids: pids(&record.pids),
    })
}

/// A signal may come from no process.
fn kill(by: u16, killer: &wire::Process, signal: u16, at_ns: u64) -> Option<Kill> {
    Some(Kill {
        by: kill_by(by),
        process: process(killer),
        signal: self::signal(signal.into())?,
        at_ns: known(at_ns)?,
    })
}

fn signal(number: u32) -> Option<u8> {
    u8::try_from(number).ok().filter(|&it| it != 0)
}

fn ignored(record: &wire::Ignored) -> Option<Ignored> {
    Some(Ignored {
        signal: signal(record.signal)?,
        at_ns: known(record.at_ns)?,
        by: process(&record.by),
        by_choice: record.by_choice != 0,
    })
}

fn kill_by(code: u16) -> Option<KillBy> {
    Some(match code {
        kill_by::PROCESS => KillBy::Process,
        kill_by::KERNEL => KillBy::Kernel,
        kill_by::OOM => KillBy::Oom,
        kill_by::TERMINAL => KillBy::Terminal,
        kill_by::TIMER => KillBy::Timer,
        kill_by::NAMESPACE => KillBy::Namespace,
        kill_by::PARENT_DEATH => KillBy::ParentDeath,
        kill_by::CPU_LIMIT => KillBy::CpuLimit,
        _ => return None,
    })
}

fn cgroup_made(record: &wire::CgroupMade) -> CgroupMade {
    let length = record.path.iter().position(|&byte| byte == 0);
    let whole = record.head.flags & cgroup_flags::PATH_CUT == 0;
    CgroupMade {
        at_ns: record.head.at_ns,
        id: CgroupId {
            version: match record.head.flags & cgroup_flags::VERSION_1 {
                0 => CgroupVersion::V2,
                _ => CgroupVersion::V1,
            },
            id: record.id,
        },
        path: length
            .filter(|_| whole)
            .map(|length| String::from_utf8_lossy(&record.path[..length]).into_owned()),
    }
}

fn release(record: &wire::Release) -> Result<Release, Malformed> {
    let by = process(&record.reaper).ok_or(Malformed::NoProcess(kind::RELEASE))?;
    Ok(Release {
        at_ns: record.head.at_ns,
        dead: key(record.tgid, record.start_ns).ok_or(Malformed::NoProcess(kind::RELEASE))?,
        by_thread: thread(&by, &record.reaper_thread),
        by,
        reaper_exiting: record.head.flags & release_flags::REAPER_EXITING != 0,
        by_itself: record.head.flags & release_flags::BY_ITSELF != 0,
    })
}

fn waited(record: &wire::Waited) -> Result<Waited, Malformed> {
    let by = process(&record.reaper).ok_or(Malformed::NoProcess(kind::WAITED))?;
    Ok(Waited {
        at_ns: record.head.at_ns,
        child: child(record.child),
        by_thread: thread(&by, &record.reaper_thread),
        by,
    })
}

fn freed(record: &wire::Freed) -> Result<Freed, Malformed> {
    Ok(Freed {
        at_ns: record.head.at_ns,
        dead: key(record.tgid, record.start_ns).ok_or(Malformed::NoProcess(kind::FREED))?,
    })
}

fn renotified(record: &wire::Renotified) -> Result<Renotified, Malformed> {
    Ok(Renotified {
        at_ns: record.head.at_ns,
        child: child(record.child),
        parent: process(&record.parent).ok_or(Malformed::NoProcess(kind::RENOTIFIED))?,
        autoreap: record.head.flags & renotified_flags::AUTOREAP != 0,
    })
}

fn execed(record: &wire::Exec) -> Result<Execed, Malformed> {
    Ok(Execed {
        at_ns: record.head.at_ns,
        process: process(&record.process).ok_or(Malformed::NoProcess(kind::EXEC))?,
        former: comm(&record.former),
    })
}

pub(super) fn key(tgid: u32, start_ns: u64) -> Option<Key> {
    (tgid != 0).then_some(Key { tgid, start_ns })
}

pub(super) fn process(record: &wire::Process) -> Option<Process> {
    Some(Process {
        key: key(record.tgid, record.start_ns)?,
        tid: record.tid,
        comm: comm(&record.comm),
    })
}

/// The name of the thread that acted, where that is not the first one, whose name is the process's.
fn thread(of: &Process, name: &[u8; wire::COMM_LEN]) -> Option<Comm> {
    let name = comm(name);
    (of.tid != of.key.tgid && !name.is_empty()).then_some(name)
}

fn comm(bytes: &[u8; wire::COMM_LEN]) -> Comm {
    Comm::new(bytes)
}

fn child(record: wire::NamespacePid) -> NamespacePid {
    NamespacePid {
        namespace: record.namespace,
        nr: record.nr,
    }
}

fn pids(records: &[wire::NamespacePid]) -> Vec<NamespacePid> {
    records
        .iter()
        .take_while(|record| record.namespace != 0)
        .copied()
        .map(child)
        .collect()
}

fn waits(record: &wire::Waits) -> Waits {
    let [any, process, group, pidfd, clones, of_thread] = record.takes;
    let asked = Asked {
        any,
        process,
        group,
        pidfd,
        clones,
        of_thread,
        peeks: record
            .peeks
            .iter()
            .fold(0, |sum, &of| sum.saturating_add(of)),
        last_take_ns: known(record.last_take_ns),
        last_any_ns: known(record.last_any_ns),
        last_peek_ns: known(record.last_peek_ns),
        peeked: peeked(record),
    };
    Waits {
        calls: record.calls,
        last_ns: known(record.last_ns),
        asked: (record.unknown == 0).then_some(asked),
    }
}

fn peeked(record: &wire::Waits) -> Peeked {
    let [any, process, group, pidfd, clones, of_thread] = record.peeks;
    let id = record.last_peek_id;
    let last = match record.last_peek_kind as usize {
        _ if record.last_peek_ns == 0 => None,
        asked::ANY => Some(Target::Any),
        asked::PROCESS => Some(Target::Process(id)),
        asked::GROUP => Some(Target::Group(id)),
        asked::PIDFD => Some(Target::Pidfd(id)),
        asked::CLONES => Some(Target::Clones),
        asked::OF_THREAD => Some(Target::OfThread),
        _ => None,
    };
    Peeked {
        any,
        process,
        group,
        pidfd,
        clones,
        of_thread,
        last_any_ns: known(record.last_any_peek_ns),
        last,
    }
}

fn cgroups(v2: u64, v1: u64) -> CgroupIds {
    CgroupIds {
        v1: known(v1),
        v2: known(v2),
    }
}

fn known(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

/// User and system time as the kernel reports them: `user` and `system` only count in which mode
/// its ticks found the process, so they divide the exact run time but do not add up to it
/// ([`cputime_adjust`](https://elixir.bootlin.com/linux/v6.12/A/ident/cputime_adjust)). Without a
/// run time, only the ticks are available.
fn cpu_time(user: u64, system: u64, runtime: u64) -> (u64, u64) {
    if runtime == 0 {
        return (user, system);
    }
    let system = match (user, system) {
        (_, 0) => 0,
        (0, _) => runtime,
        _ => {
            let ticks = u128::from(user) + u128::from(system);
            (u128::from(runtime) * u128::from(system) / ticks) as u64
        }
    };
    (runtime - system, system)
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
