//! A terminating signal comes to nothing: its target ignores it, or is the init of a PID namespace
//! without a handler for it
//! ([`sig_task_ignored`](https://elixir.bootlin.com/linux/v6.12/A/ident/sig_task_ignored)).

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;

use crate::{
    group::Group,
    maps::NOBODY,
    signals::{SIGSTOP, ends_a_process, is_a_request},
    slots,
    task::Task,
};

/// Keeps the last signal that asks a process to end, in preference to others that would end it.
/// What a process sends itself is not a request, such as the SIGPIPE of a write. Like SIGKILL,
/// SIGSTOP is dropped for an init that gets it from within its namespace. `by_current` is whether
/// the current task is the sender.
#[inline(always)]
pub(crate) fn note(signal: u32, target: Task, current: Task, by_current: impl Fn() -> bool) {
    if signal != SIGSTOP && !ends_a_process(signal) {
        return;
    }
    if target.is_kernel_thread() || current.ids().tgid == target.ids().tgid {
        return;
    }
    let group = Group::of(target);
    // One that is dying takes no more signals; these count as ignored too.
    if group.is_exiting() {
        return;
    }
    let Some(slot) = slots::find_or_take(group.id(), group.leader) else {
        return;
    };
    let known = slot.ignored();
    if !is_a_request(signal) && known.is_some_and(|known| is_a_request(known.signal)) {
        return;
    }
    let ignored = slot.ignored_mut();
    // SAFETY: the helper has no preconditions.
    ignored.at_ns = unsafe { bpf_ktime_get_boot_ns() };
    ignored.signal = signal;
    ignored.by_choice = u32::from(target.disposition(signal).is_ignored());
    if by_current() {
        current.fill_process(&mut ignored.by);
    } else {
        ignored.by = NOBODY;
    }
}
