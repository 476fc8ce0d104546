//! A fatal signal is sent: who, which and when are remembered until the death.
//!
//! Whether it killed is known only at the death, from its status; here every signal counts that
//! would. A later one replaces an earlier one, unless the process is already on its way out.

use aya_ebpf::{
    helpers::bpf_ktime_get_boot_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};

use crate::{
    maps,
    task::{self, Kernel, Task},
};

const SIGKILL: u32 = 9;
/// Bits of the signals that do not end a process by default: CHLD, CONT, STOP, TSTP, TTIN,
/// TTOU, URG, WINCH (`sig_kernel_ignore` and `sig_kernel_stop`, include/linux/signal.h).
const HARMLESS: u64 = bit(17) | bit(18) | bit(19) | bit(20) | bit(21) | bit(22) | bit(23) | bit(28);
/// ALRM, VTALRM and PROF: from the kernel they come out of a timer, in the middle of anybody.
const TIMERS: u64 = bit(14) | bit(26) | bit(27);
/// `SEND_SIG_PRIV`: the kernel itself.
const FROM_KERNEL: u64 = 1;
/// Offset of `si_code` in `kernel_siginfo`.
const SI_CODE: u32 = 8;
/// `SI_TIMER`.
const SI_TIMER: i32 = -2;

const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

#[btf_tracepoint(function = "signal_generate")]
fn kill_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let signal: u32 = ctx.arg(0);
    let result: u32 = ctx.arg(4);
    // Anything but `TRACE_SIGNAL_DELIVERED` was ignored, already pending or dropped.
    if result != 0 || signal == 0 || signal > 64 || HARMLESS & bit(signal) != 0 {
        return 0;
    }
    let target = Task::at(ctx.arg(2));
    if signal != SIGKILL && !target.disposition(signal).is_default() {
        return 0;
    }
    let Some(process) = maps::remember(target.group()) else {
        return 0;
    };
    if process.begin_ns != 0 {
        return 0;
    }
    process.kill_signal = signal;
    // SAFETY: the helper has no preconditions.
    process.killed_ns = unsafe { bpf_ktime_get_boot_ns() };
    let current = Task::current();
    if sender_is_current(Kernel::new(ctx.arg(1)), signal, current) {
        current.fill_process(&mut process.killer);
    } else {
        task::clear_process(&mut process.killer);
    }
    0
}

/// A timer fires, and the terminal's worker runs, in a task that has nothing to do with it.
#[inline(always)]
fn sender_is_current(info: Kernel, signal: u32, current: Task) -> bool {
    match info.address() {
        0 => true,
        FROM_KERNEL => TIMERS & bit(signal) == 0 && !current.is_kernel_thread(),
        _ => info.read_u32(SI_CODE) as i32 != SI_TIMER,
    }
}
