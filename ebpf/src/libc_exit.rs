//! A program leaves by its C library.
//!
//! `exit` runs the handlers of the program, flushes its buffers and removes its temporary files, and
//! calls `_exit` at the end. A program that calls `_exit` itself does without. None of these
//! programs is loaded without `--libc-exit`.

use aya_ebpf::{helpers::bpf_ktime_get_boot_ns, macros::uprobe, programs::ProbeContext};
use wire::mark;

use crate::{group::Group, slots, task::Task};

#[uprobe]
fn libc_exit(_ctx: ProbeContext) -> u32 {
    called(mark::LIBC_EXIT);
    0
}

#[uprobe]
fn libc_exit_now(_ctx: ProbeContext) -> u32 {
    called(mark::LIBC_EXIT_NOW);
    0
}

/// The first call counts: a handler may call `exit` again.
#[inline(always)]
fn called(mark: usize) {
    let group = Group::of(Task::current());
    if let Some(slot) = slots::find_or_take(group.id(), group.leader) {
        let reached_ns = &mut slot.start_steps().reached_ns[mark];
        if *reached_ns == 0 {
            // SAFETY: the helper has no preconditions.
            *reached_ns = unsafe { bpf_ktime_get_boot_ns() };
        }
    }
}
