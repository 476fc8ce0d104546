//! A fatal signal is sent: its sender, number and time are remembered until the death.
//!
//! Whether it killed is known only at the death, from its status; here every signal counts that
//! would. A later one replaces an earlier one, unless the process is already exiting.

use aya_ebpf::{
    EbpfContext as _, helpers::bpf_ktime_get_boot_ns, macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use wire::kill_by;

use crate::{
    group::Group,
    ignored,
    kernel::Kernel,
    maps::NOBODY,
    oom,
    signals::{SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGXCPU, bit, ends_a_process},
    slots,
    task::Task,
};

/// ALRM, VTALRM and PROF: from the kernel they come out of a timer, in the middle of anybody.
const TIMERS: u64 = bit(14) | bit(26) | bit(27);
/// PIPE and XFSZ: what a write earns the writer.
const FOR_WRITES: u64 = bit(13) | bit(25);
/// `TRACE_SIGNAL_DELIVERED`: all others but the last were already pending or dropped.
const DELIVERED: u32 = 0;
/// `TRACE_SIGNAL_IGNORED`.
const IGNORED: u32 = 1;
/// `TRACE_SIGNAL_LOSE_INFO`: delivered, without room for its sender.
const DELIVERED_WITHOUT_INFO: u32 = 4;
/// `SEND_SIG_NOINFO`: the kernel, in the name of the current task.
const FROM_CURRENT: u64 = 0;
/// `SEND_SIG_PRIV`: the kernel itself.
const FROM_KERNEL: u64 = 1;
/// Offset of `si_code` in `kernel_siginfo`.
const SI_CODE: u32 = 8;
/// Those of include/uapi/asm-generic/siginfo.h that do not come from a system call of the current
/// task. A positive one is the kernel's own: no process may send one to another.
const SI_TIMER: i32 = -2;
const SI_ASYNCIO: i32 = -4;
const SI_SIGIO: i32 = -5;

#[btf_tracepoint(function = "signal_generate")]
fn kill_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let signal: u32 = ctx.arg(0);
    if signal != SIGCHLD {
        sent(&ctx, signal);
    }
    0
}

/// Any signal but SIGCHLD, which ends no process.
#[inline(always)]
pub(crate) fn sent(ctx: &BtfTracePointContext, signal: u32) {
    let result: u32 = ctx.arg(4);
    let target = Task::typed(ctx.arg(2));
    if result == IGNORED {
        let current = Task::current();
        let by_current = || sender(siginfo(ctx), signal, target, current).is_current;
        ignored::note(signal, target, current, by_current);
        return;
    }
    if result != DELIVERED && result != DELIVERED_WITHOUT_INFO {
        return;
    }
    if !ends_a_process(signal) {
        return;
    }
    if signal != SIGKILL && !target.disposition(signal).is_default() {
        return;
    }
    let group = Group::of(target);
    // An unblocked fatal signal has decided the status by now (`complete_signal`): before 5.17
    // more of them may come until the process dies of that one.
    if group.signal.group_exits() && group.wait_status() & 0x7f != signal {
        return;
    }
    let Some(slot) = slots::find_or_take(group.id(), group.leader) else {
        return;
    };
    if slot.kept.begin_ns != 0 {
        return;
    }
    let current = Task::current();
    let info = siginfo(ctx);
    let sender = sender(info, signal, target, current);
    slot.kill_signal = signal as u16;
    slot.kill_by = sender.by;
    // SAFETY: the helper has no preconditions.
    slot.killed_ns = unsafe { bpf_ktime_get_boot_ns() };
    if sender.is_current {
        current.fill_process(&mut slot.killer);
    } else {
        slot.killer = NOBODY;
    }
    if signal == SIGKILL && info.address() == FROM_KERNEL {
        oom::note(current, target);
    }
}

/// The second argument, read as a number: newer verifiers hold that a typed pointer is never
/// NULL, and drop what a program does for one that is.
#[inline(always)]
fn siginfo(ctx: &BtfTracePointContext) -> Kernel {
    Kernel::untyped(ctx.as_ptr() as u64).follow(size_of::<u64>() as u32)
}

/// Where a signal came from.
struct Sender {
    /// One of [`kill_by`].
    by: u16,
    /// The current task is the process that sent it or whose act made the kernel send it.
    is_current: bool,
}

const fn nobody(by: u16) -> Sender {
    Sender {
        by,
        is_current: false,
    }
}

const fn current_as(by: u16) -> Sender {
    Sender {
        by,
        is_current: true,
    }
}

#[inline(always)]
fn sender(info: Kernel, signal: u32, target: Task, current: Task) -> Sender {
    let to_itself = current.ids().tgid == target.ids().tgid;
    match info.address() {
        // Not the others: 7.3 sends those of kill(2) like this, and cgroup.kill always did.
        FROM_CURRENT if to_itself && FOR_WRITES & bit(signal) != 0 => nobody(kill_by::KERNEL),
        FROM_CURRENT => in_the_name_of(current, signal, target),
        FROM_KERNEL => from_kernel(signal, to_itself, current),
        _ => match info.read_u32(SI_CODE) as i32 {
            SI_TIMER => nobody(kill_by::TIMER),
            // A completed request, in any process; or a process that pretends to be one.
            SI_ASYNCIO | SI_SIGIO => nobody(kill_by::UNKNOWN),
            code if code > 0 => nobody(kill_by::KERNEL),
            _ => process(current),
        },
    }
}

/// `forget_original_parent` (kernel/exit.c) sends what each child asked for (`PR_SET_PDEATHSIG`)
/// as the thread that forked it ends. The hang-up of a terminal reaches its foreground group like
/// this too (`tty_signal_session_leader`), from a kernel worker or an exiting process.
#[inline(always)]
fn in_the_name_of(current: Task, signal: u32, target: Task) -> Sender {
    if current.is_exiting() && signal == target.pdeath_signal() {
        return current_as(kill_by::PARENT_DEATH);
    }
    match signal {
        SIGHUP if current.is_kernel_thread() => nobody(kill_by::TERMINAL),
        SIGHUP if current.is_exiting() => current_as(kill_by::TERMINAL),
        _ => process(current),
    }
}

#[inline(always)]
fn process(current: Task) -> Sender {
    if current.is_kernel_thread() {
        nobody(kill_by::KERNEL)
    } else {
        current_as(kill_by::PROCESS)
    }
}

#[inline(always)]
fn from_kernel(signal: u32, to_itself: bool, current: Task) -> Sender {
    if TIMERS & bit(signal) != 0 {
        return nobody(kill_by::TIMER);
    }
    let nobodys_act = to_itself || current.is_kernel_thread();
    match signal {
        // `check_process_timers`, in the process itself: SIGXCPU at the soft limit, SIGKILL at the
        // hard one. The OOM killer may choose the current process too; see `oom.rs`.
        SIGXCPU | SIGKILL if to_itself => nobody(kill_by::CPU_LIMIT),
        // A key is handled by a kernel worker, a hang-up by whoever closed or left the terminal.
        SIGHUP | SIGINT | SIGQUIT if nobodys_act => nobody(kill_by::TERMINAL),
        SIGHUP | SIGINT | SIGQUIT => current_as(kill_by::TERMINAL),
        SIGKILL if current.is_exiting() && !nobodys_act => {
            let leader = current.leader().numbers();
            // `zap_pid_ns_processes`; else a tracer with `PTRACE_O_EXITKILL`.
            if leader.nr_seen_by(leader) == 1 {
                current_as(kill_by::NAMESPACE)
            } else {
                current_as(kill_by::PROCESS)
            }
        }
        _ => nobody(kill_by::KERNEL),
    }
}
