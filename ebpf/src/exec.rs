//! A process executes another program. What it did before is not a habit of that program.
//!
//! This is reported only if it has forked or waited, which is what parents are judged by. The usual
//! exec, of a child just forked, ends after one look-up.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use wire::{COMM_LEN, Exec, Head, kind};

use crate::{
    maps,
    slot::Slot,
    slots,
    task::{Id, Task},
};

/// The first argument is the current thread. It leads its process by now, with the leader's
/// number and start, and has the children of all its former threads
/// ([`de_thread`](https://elixir.bootlin.com/linux/v6.12/A/ident/de_thread)). Its name is the new
/// one ([`begin_new_exec`](https://elixir.bootlin.com/linux/v6.12/A/ident/begin_new_exec)).
#[btf_tracepoint(function = "sched_process_exec")]
fn exec_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let task = Task::typed(ctx.arg(0));
    let id = task.id();
    let newest = task.newest_child();
    let known = slots::find(id);
    let is_known = known.is_some();
    let slot = match known {
        Some(slot) => slot,
        None if newest.is_none() => return 0,
        None => match slots::find_or_take(id, task) {
            Some(slot) => slot,
            None => return 0,
        },
    };
    slot.clear_steps();
    let waited = slot.waits().is_some();
    if newest.is_some() || waited {
        let acted = waited || newest.is_some_and(|child| child.start_ns() > slot.kept.exec_ns);
        if !is_known {
            // Its name before that was from before the agent.
            slot.former = [0; COMM_LEN];
        } else if acted {
            // One that only executes the next, such as env, leaves the name of the forker.
            slot.former = slot.program;
        }
        begin(task, id, slot);
    }
    task.fill_comm(&mut slot.program);
    0
}

#[inline(always)]
fn begin(task: Task, id: Id, slot: &mut Slot) {
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    slot.kept.exec_ns = at_ns;
    slot.clear_waits();
    slot.clear_reaps();
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
    task.fill_leader(id, &mut record.process);
    record.former = slot.former;
    maps::submit(entry);
}
