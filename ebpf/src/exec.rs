//! A process executes another program. What it did as the former one is not this one's habit.
//!
//! Only where it did something by which it is judged, that is forked or waited, is that told.
//! The usual exec, of a child just forked, ends after two look-ups.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use wire::{COMM_LEN, Exec, Head, Waits, kind};

use crate::{
    group::Group,
    maps::{self, Remembered},
    task::Task,
};

/// The first argument is the current thread. It leads its process by now, with the leader's
/// number and start, and has the children of all its former threads
/// ([`de_thread`](https://elixir.bootlin.com/linux/v6.12/A/ident/de_thread)). Its name is the new
/// one ([`begin_new_exec`](https://elixir.bootlin.com/linux/v6.12/A/ident/begin_new_exec)).
#[btf_tracepoint(function = "sched_process_exec")]
fn exec_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let task = Task::typed(ctx.arg(0));
    let group = Group::of_leader(task);
    let newest = task.newest_child();
    let known = maps::remembered(group);
    let is_known = known.is_some();
    let process = match known {
        Some(process) => process,
        None if newest.is_none() => return 0,
        None => match maps::remember(group) {
            Some(process) => process,
            None => return 0,
        },
    };
    if newest.is_some() || process.waits.calls > 0 {
        let acted = process.waits.calls > 0
            || newest.is_some_and(|child| child.start_ns() > process.exec_ns);
        if !is_known {
            // Its name before was that of a time before the agent.
            process.former = [0; COMM_LEN];
        } else if acted {
            // One that only executes the next, such as env, leaves the name of who forked.
            process.former = process.program;
        }
        begin(task, process);
    }
    task.fill_comm(&mut process.program);
    0
}

#[inline(always)]
fn begin(task: Task, process: &mut Remembered) {
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    process.exec_ns = at_ns;
    process.waits = Waits::NONE;
    let Some(mut entry) = maps::reserve::<Exec>() else {
        return;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.head = Head {
        kind: kind::EXEC,
        flags: 0,
        at_ns,
    };
    task.fill_leader(&mut record.process);
    record.former = process.former;
    maps::submit(entry);
}
