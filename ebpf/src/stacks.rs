//! Where the threads of dying processes are: iter/task again, of those alone, with kernel stacks.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_ktime_get_boot_ns,
    generated::{bpf_get_task_stack, bpf_seq_write},
};
use wire::{STACK_FRAMES, ThreadRecord};

use crate::{maps, snapshot::IterTask, task::Task};

/// Runs once a thread; writes a [`ThreadRecord`] for each that has not ended, of a process that
/// is on its way out.
#[unsafe(link_section = "iter/task")]
#[unsafe(no_mangle)]
unsafe extern "C" fn stacks(ctx: *mut c_void) -> i32 {
    let context = ctx as *const IterTask;
    // SAFETY: the kernel hands over this struct; after the last task `task` is null.
    let (meta, address) = unsafe { ((*context).meta, (*context).task) };
    if address == 0 {
        return 0;
    }
    let task = Task::at(address);
    if task.is_kernel_thread() || task.exit_state() != 0 {
        return 0;
    }
    let group = task.group();
    let began = maps::remembered(group).is_some_and(|process| process.begin_ns != 0);
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
    // SAFETY: `address` is the iterator's own task, the buffer is on this stack, and `seq` is the
    // iterator's own. What the helper does not fill stays 0.
    unsafe {
        bpf_get_task_stack(
            address as *mut _,
            record.stack.as_mut_ptr().cast(),
            (STACK_FRAMES * size_of::<u64>()) as u32,
            0,
        );
        bpf_seq_write(
            (*meta).seq.cast(),
            (&raw const record).cast(),
            size_of::<ThreadRecord>() as u32,
        );
    }
    0
}
