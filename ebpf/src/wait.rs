//! A process calls wait: its calls are counted and no event is sent, because a polling parent may
//! call a hundred thousand times a second.
//!
//! The tracepoint fires once a call, before the search, and shows only a `struct pid`. Which
//! children a call waits for, and whether it reaps them, is in its arguments.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use wire::{Waits, asked};

use crate::{
    registers::{Call, P_PID, Registers, WNOWAIT},
    slots,
    task::Task,
};

/// `WEXITED`, include/uapi/linux/wait.h; wait4 always means it.
const WEXITED: u64 = 4;
/// `__WNOTHREAD`: children of the calling thread only.
const WNOTHREAD: u64 = 0x2000_0000;
/// `__WALL`: children of every exit signal.
const WALL: u64 = 0x4000_0000;
/// `__WCLONE`: only children whose exit signal is not SIGCHLD.
const WCLONE: u64 = 0x8000_0000;
/// `P_ALL`, `P_PGID` and `P_PIDFD` of waitid.
const P_ALL: u64 = 0;
const P_PGID: u64 = 2;
const P_PIDFD: u64 = 3;

#[btf_tracepoint(function = "sched_process_wait")]
fn wait_tracepoint(_ctx: BtfTracePointContext) -> i32 {
    waits(Task::current(), Registers::of_current());
    0
}

#[btf_tracepoint(function = "sched_process_wait")]
fn wait_by_stack(_ctx: BtfTracePointContext) -> i32 {
    let task = Task::current();
    waits(task, Registers::at_end_of_stack(task));
    0
}

#[inline(always)]
fn waits(task: Task, registers: Registers) {
    // The kernel waits for its helper programs.
    if task.is_kernel_thread() {
        return;
    }
    let leader = task.leader();
    if let Some(slot) = slots::find_or_take(leader.id(), leader) {
        // SAFETY: the helper has no preconditions.
        note(slot.waits_mut(), registers, unsafe {
            bpf_ktime_get_boot_ns()
        });
    }
}

#[inline(always)]
fn note(waits: &mut Waits, registers: Registers, now_ns: u64) {
    waits.calls += 1;
    waits.last_ns = now_ns;
    let (target, id, options) = match registers.wait_call() {
        Some(Call::Wait4) => (
            of_wait4(registers.first() as i32),
            0,
            registers.third() | WEXITED,
        ),
        Some(Call::Waitid) => (
            of_waitid(registers.first()),
            registers.second() as u32,
            registers.fourth(),
        ),
        None => {
            waits.unknown += 1;
            return;
        }
    };
    if options & WEXITED == 0 {
        return;
    }
    let clones_only = options & WCLONE != 0 && options & WALL == 0;
    let target = match target {
        asked::ANY if clones_only => asked::CLONES,
        asked::ANY if options & WNOTHREAD != 0 => asked::OF_THREAD,
        target => target,
    };
    // Only waitid knows this one.
    if options & WNOWAIT != 0 {
        waits.last_peek_ns = now_ns;
        waits.last_peek_kind = target as u32;
        waits.last_peek_id = id;
        if target == asked::ANY {
            waits.last_any_peek_ns = now_ns;
        }
        if let Some(count) = waits.peeks.get_mut(target) {
            *count += 1;
        }
        return;
    }
    waits.last_take_ns = now_ns;
    if target == asked::ANY {
        waits.last_any_ns = now_ns;
    }
    if let Some(count) = waits.takes.get_mut(target) {
        *count += 1;
    }
}

#[inline(always)]
fn of_wait4(pid: i32) -> usize {
    match pid {
        -1 => asked::ANY,
        1.. => asked::PROCESS,
        _ => asked::GROUP,
    }
}

#[inline(always)]
fn of_waitid(kind: u64) -> usize {
    match kind {
        P_ALL => asked::ANY,
        P_PID => asked::PROCESS,
        P_PGID => asked::GROUP,
        P_PIDFD => asked::PIDFD,
        // The kernel refuses any other before it gets here.
        _ => asked::COUNT,
    }
}
