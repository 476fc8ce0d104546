//! Where the threads of dying processes are: iter/task again, of those alone, with kernel stacks.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_ktime_get_boot_ns,
    generated::{bpf_get_task_stack, bpf_seq_printf, bpf_seq_write},
};
use wire::{STACK_FRAMES, ThreadRecord};

use crate::{group::Group, slots, snapshot::IterTask, task::Task};

/// The kernel names the functions itself: /proc/kallsyms shows user space no addresses without
/// CAP_SYSLOG ([`bpf_seq_printf`](https://elixir.bootlin.com/linux/v5.10/A/ident/bpf_seq_printf)).
const FRAME: [u8; 5] = *b"%pB\n\0";

/// Runs once a thread; writes a [`ThreadRecord`] for each that has not ended, of a process that
/// is exiting.
#[unsafe(link_section = "iter/task")]
#[unsafe(no_mangle)]
unsafe extern "C" fn stacks(ctx: *mut c_void) -> i32 {
    let context = ctx as *const IterTask;
    // SAFETY: the kernel hands over this struct; after the last task `task` is null.
    let (meta, address) = unsafe { ((*context).meta, (*context).task) };
    if address == 0 {
        return 0;
    }
    let task = Task::typed(address);
    if task.is_kernel_thread() || task.exit_state() != 0 {
        return 0;
    }
    let group = Group::of(task);
    let began = slots::find(group.id()).is_some_and(|slot| slot.kept.begin_ns != 0);
    if !began && !group.is_exiting() {
        return 0;
    }
    let mut record = ThreadRecord::default();
    let ids = task.ids();
    record.tgid = ids.tgid;
    record.tid = ids.tid;
    record.start_ns = group.leader.start_ns();
    record.last_ran_sched_ns = task.last_ran_sched_ns();
    record.runtime_ns = task.runtime_ns();
    record.reader_ran_sched_ns = Task::current().last_ran_sched_ns();
    // SAFETY: the helper has no preconditions.
    record.read_ns = unsafe { bpf_ktime_get_boot_ns() };
    let mut stack = [0_u64; STACK_FRAMES];
    // SAFETY: `address` is the iterator's own task, and the buffer is on this stack. What the
    // helper does not fill stays 0.
    unsafe {
        bpf_get_task_stack(
            address as *mut _,
            stack.as_mut_ptr().cast(),
            size_of_val(&stack) as u32,
            0,
        );
    }
    while (record.frames as usize) < STACK_FRAMES && stack[record.frames as usize] != 0 {
        record.frames += 1;
    }
    // SAFETY: `seq` is the iterator's own.
    let seq = unsafe { (*meta).seq };
    // SAFETY: the record is on this stack.
    unsafe {
        bpf_seq_write(
            seq.cast(),
            (&raw const record).cast(),
            size_of::<ThreadRecord>() as u32,
        );
    }
    let format = FRAME;
    for address in &stack {
        if *address == 0 {
            break;
        }
        // SAFETY: the format and the address are on this stack.
        unsafe {
            bpf_seq_printf(
                seq.cast(),
                format.as_ptr().cast(),
                size_of_val(&format) as u32,
                core::ptr::from_ref(address).cast(),
                size_of::<u64>() as u32,
            );
        }
    }
    0
}
