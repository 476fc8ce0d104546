//! Signals by number, as on every architecture that matters here.

pub(crate) const SIGHUP: u32 = 1;
pub(crate) const SIGINT: u32 = 2;
pub(crate) const SIGQUIT: u32 = 3;
pub(crate) const SIGKILL: u32 = 9;
pub(crate) const SIGTERM: u32 = 15;
pub(crate) const SIGCHLD: u32 = 17;
pub(crate) const SIGSTOP: u32 = 19;
pub(crate) const SIGXCPU: u32 = 24;

/// Bits of the signals that do not end a process by default: CHLD, CONT, STOP, TSTP, TTIN,
/// TTOU, URG, WINCH (`sig_kernel_ignore` and `sig_kernel_stop`, include/linux/signal.h).
const HARMLESS: u64 = bit(17) | bit(18) | bit(19) | bit(20) | bit(21) | bit(22) | bit(23) | bit(28);

pub(crate) const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// Whether this signal ends a process that does nothing about it.
#[inline(always)]
pub(crate) fn ends_a_process(signal: u32) -> bool {
    signal != 0 && signal <= 64 && HARMLESS & bit(signal) == 0
}

/// Whether it is sent to make a process end.
#[inline(always)]
pub(crate) fn is_a_request(signal: u32) -> bool {
    matches!(signal, SIGHUP | SIGINT | SIGQUIT | SIGKILL | SIGTERM)
}
