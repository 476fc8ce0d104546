//! A dead process is released.
//!
//! `release_task` is the exact moment, with the reaper as the current task (kernel/exit.c). Its
//! inner loop that frees a leader after its last thread is not entered anew, but then the parent
//! auto-reaps, which the record of the death shows. Where it cannot be hooked, the return of wait4
//! and waitid shows who reaped whom.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_ktime_get_boot_ns, bpf_probe_read_user},
    macros::{btf_tracepoint, fentry, kprobe, tracepoint},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext, TracePointContext},
};
use wire::{Head, NamespacePid, Release, Waited, kind, release_flags};

use crate::{
    frees, hold, maps,
    registers::{Call, P_PID, Registers, WNOWAIT},
    slots,
    task::Task,
};

#[fentry(function = "release_task")]
fn reap_fentry(ctx: FEntryContext) -> i32 {
    released(Task::typed(ctx.arg(0)));
    0
}

#[kprobe(function = "release_task")]
fn reap_kprobe(ctx: ProbeContext) -> u32 {
    released(Task::untyped(Registers::argument(&ctx)));
    0
}

/// An exec by a thread has by now given the old leader that thread's former number.
#[inline(always)]
fn released(task: Task) {
    let ids = task.ids();
    if !ids.is_leader() || task.is_kernel_thread() {
        return;
    }
    let id = task.id_as(ids.tgid);
    let current = Task::current();
    let is_over = slots::find(id)
        .is_some_and(|slot| slot.marks.autoreaped != 0 || hold::reaped(slot, current));
    slots::release(id);
    frees::reaped(id.tgid);
    if is_over {
        return;
    }
    let Some(mut entry) = maps::reserve::<Release>() else {
        return;
    };
    let mut flags = 0;
    if current.is_exiting() {
        flags |= release_flags::REAPER_EXITING;
    }
    if current.address() == task.address() {
        flags |= release_flags::BY_ITSELF;
    }
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    record.head = Head {
        kind: kind::RELEASE,
        flags,
        at_ns,
    };
    record.tgid = id.tgid;
    record.pad = 0;
    record.start_ns = id.start_ns;
    current.fill_process(&mut record.reaper);
    current.fill_comm(&mut record.reaper_thread);
    maps::submit(entry);
}

/// Offset of `ret` in the record of every sys_exit tracepoint.
const SYS_EXIT_RET: usize = 16;

#[tracepoint(category = "syscalls", name = "sys_exit_wait4")]
fn reap_wait4(ctx: TracePointContext) -> u32 {
    let returned = returned(&ctx);
    if returned > 0 {
        wait4_returned(Registers::of_current(), returned);
    }
    0
}

#[tracepoint(category = "syscalls", name = "sys_exit_waitid")]
fn reap_waitid(ctx: TracePointContext) -> u32 {
    if returned(&ctx) == 0 {
        waitid_returned(Registers::of_current());
    }
    0
}

#[inline(always)]
fn returned(ctx: &TracePointContext) -> i64 {
    // SAFETY: the verifier knows that the tracepoint's record is longer.
    unsafe { ctx.as_ptr().byte_add(SYS_EXIT_RET).cast::<i64>().read() }
}

/// For hosts without tracefs: runs at the end of every system call.
#[btf_tracepoint(function = "sys_exit")]
fn reap_sys_exit(ctx: BtfTracePointContext) -> i32 {
    let returned: i64 = ctx.arg(1);
    if returned < 0 {
        return 0;
    }
    let registers = Registers::typed(ctx.arg(0));
    match registers.wait_call() {
        Some(Call::Wait4) if returned > 0 => wait4_returned(registers, returned),
        Some(Call::Waitid) if returned == 0 => waitid_returned(registers),
        _ => {}
    }
    0
}

/// wait4(pid, status, options, rusage) also returns for stops and continues.
#[inline(always)]
fn wait4_returned(registers: Registers, returned: i64) {
    let status = registers.second() as *const u32;
    if !status.is_null() {
        // SAFETY: the helper checks the address.
        let status = unsafe { bpf_probe_read_user(status) }.unwrap_or(0);
        if status & 0xff == 0x7f || status == 0xffff {
            return;
        }
    }
    waited(returned as u32);
}

/// Offset of `si_code` in `siginfo_t`.
const SI_CODE: u64 = 8;
/// Offset of `si_pid`.
const SI_PID: u64 = 16;

/// waitid(which, id, info, options): the child is in user memory only.
#[inline(always)]
fn waitid_returned(registers: Registers) {
    if registers.fourth() & WNOWAIT != 0 {
        return;
    }
    let info = registers.third();
    if info == 0 {
        if registers.first() == P_PID {
            waited(registers.second() as u32);
        }
        return;
    }
    // SAFETY: the helper checks the address.
    let code = unsafe { bpf_probe_read_user((info + SI_CODE) as *const u32) }.unwrap_or(0);
    // SAFETY: as above.
    let pid = unsafe { bpf_probe_read_user((info + SI_PID) as *const u32) }.unwrap_or(0);
    if matches!(code, 1..=3) && pid != 0 {
        waited(pid);
    }
}

#[inline(always)]
fn waited(nr: u32) {
    let current = Task::current();
    let numbers = current.numbers();
    // In a nested namespace the number is another one.
    if numbers.level() == 0 {
        if let Some(slot) = slots::of_number(nr)
            && hold::reaped(slot, current)
        {
            return frees::reaped(nr);
        }
    }
    let Some(mut entry) = maps::reserve::<Waited>() else {
        return;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    // SAFETY: the helper has no preconditions.
    let at_ns = unsafe { bpf_ktime_get_boot_ns() };
    record.head = Head {
        kind: kind::WAITED,
        flags: 0,
        at_ns,
    };
    record.child = NamespacePid {
        namespace: numbers.namespace(),
        nr,
    };
    current.fill_process(&mut record.reaper);
    current.fill_comm(&mut record.reaper_thread);
    maps::submit(entry);
    if numbers.level() == 0 {
        frees::reaped(nr);
    }
}
