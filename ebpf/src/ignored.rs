//! A terminating signal comes to nothing: its target ignores it, or is the init of a PID namespace
//! without a handler for it
//! ([`sig_task_ignored`](https://elixir.bootlin.com/linux/v6.12/A/ident/sig_task_ignored)).

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use wire::Ignored;

use crate::{
    kill::{Sender, ends_a_process, is_a_request},
    maps,
    task::{Task, clear_process},
};

/// SIGSTOP: like SIGKILL it is dropped for an init that gets it from within its namespace.
const SIGSTOP: u32 = 19;

/// Keeps the last signal that asks for an end, before any other that would bring it. What a
/// process sends itself is no wish of others: SIGPIPE of a write, above all.
#[inline(always)]
pub(crate) fn note(signal: u32, target: Task, current: Task, sender: impl Fn() -> Sender) {
    if signal != SIGSTOP && !ends_a_process(signal) {
        return;
    }
    if target.is_kernel_thread() || current.ids().tgid == target.ids().tgid {
        return;
    }
    let group = target.group();
    // One that dies already takes no more signals, and these count as ignored too.
    if group.is_exiting() {
        return;
    }
    let known = maps::ignored(group);
    let lesser = !is_a_request(signal);
    if lesser && known.is_some_and(|known| is_a_request(known.what.signal)) {
        return;
    }
    let by_choice = target.disposition(signal).is_ignored();
    let mut what = Ignored {
        // SAFETY: the helper has no preconditions.
        at_ns: unsafe { bpf_ktime_get_boot_ns() },
        by: maps::NOBODY,
        signal,
        by_choice: u32::from(by_choice),
    };
    if sender().is_current {
        current.fill_process(&mut what.by);
    } else {
        clear_process(&mut what.by);
    }
    maps::note_ignored(group, what);
}
