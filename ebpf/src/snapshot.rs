//! All processes at once, for the start and for reconciling: iter/task, which needs neither
//! kprobe nor fentry.

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_ktime_get_boot_ns, generated::bpf_seq_write};
use wire::{TaskRecord, task_flags};

use crate::{
    board,
    group::Group,
    maps,
    slot::Slot,
    slots,
    task::{EXIT_ZOMBIE, Task},
};

/// `struct bpf_iter__task`.
#[repr(C)]
pub(crate) struct IterTask {
    pub(crate) meta: *const IterMeta,
    pub(crate) task: u64,
}

/// `struct bpf_iter_meta`.
#[repr(C)]
pub(crate) struct IterMeta {
    pub(crate) seq: *mut c_void,
}

/// Runs once a thread; writes a [`TaskRecord`] for each group leader.
#[unsafe(link_section = "iter/task")]
#[unsafe(no_mangle)]
unsafe extern "C" fn snapshot(ctx: *mut c_void) -> i32 {
    let context = ctx as *const IterTask;
    // SAFETY: the kernel hands over this struct; after the last task `task` is null.
    let (meta, task) = unsafe { ((*context).meta, (*context).task) };
    if task == 0 {
        return 0;
    }
    let task = Task::typed(task);
    if !task.ids().is_leader() || task.is_kernel_thread() {
        return 0;
    }
    let Some(record) = maps::task_record() else {
        return 0;
    };
    *record = TaskRecord::default();
    let group = Group::of_leader(task);
    let id = task.id();
    task.fill_leader(id, &mut record.process);
    task.real_parent().fill_process(&mut record.parent);
    if task.is_traced() {
        task.parent().fill_process(&mut record.tracer);
    }
    let slot = slots::find(id);
    if let Some(slot) = &slot {
        fill_remembered(slot, record);
    }
    record.last_ran_sched_ns = task.last_ran_sched_ns();
    // SAFETY: the helper has no preconditions.
    record.read_ns = unsafe { bpf_ktime_get_boot_ns() };
    record.reader_ran_sched_ns = Task::current().last_ran_sched_ns();
    record.runtime_ns = group.runtime_ns();
    record.threads_runtime_ns = group.signal.threads_runtime_ns();
    record.cgroup_id = task.cgroup_id();
    record.cgroup_v1_id = task.cgroup_v1_id();
    record.flags = state(group);
    if slot.is_some_and(|slot| board::is_held(slot)) {
        record.flags |= task_flags::HELD;
    }
    record.flags |= match group.is_subreaper() {
        Some(true) => task_flags::SUBREAPER,
        Some(false) => task_flags::NO_SUBREAPER,
        None => 0,
    };
    record.exec_id = task.exec_id();
    record.parent_exec_id = task.parent_exec_id();
    record.group = group.process_group();
    record.session = group.session();
    record.stop_signal = group.stop_signal();
    record.exit_code = group.wait_status();
    record.exit_signal = task.exit_signal();
    record.uid = task.uid();
    task.numbers().fill(&mut record.pids);
    // SAFETY: the record is a map's value, and `seq` is the iterator's own.
    unsafe {
        bpf_seq_write(
            (*meta).seq.cast(),
            (&raw const *record).cast(),
            size_of::<TaskRecord>() as u32,
        );
    }
    0
}

#[inline(always)]
fn fill_remembered(slot: &Slot, record: &mut TaskRecord) {
    record.forker = slot.kept.forker;
    record.begin_ns = slot.kept.begin_ns;
    record.exec_ns = slot.kept.exec_ns;
    if slot.kept.exec_ns != 0 {
        record.former = slot.former;
    }
    if slot.killed_ns != 0 {
        record.killed_ns = slot.killed_ns;
        record.killer = slot.killer;
        record.kill_signal = slot.kill_signal;
        record.kill_by = slot.kill_by;
    }
    if let Some(waits) = slot.waits() {
        record.waits = *waits;
    }
    if let Some(ignored) = slot.ignored() {
        record.ignored = *ignored;
    }
}

/// A leader whose threads are not all released cannot be reaped: with live ones the process
/// lives on, unless the whole group exits; without any it is still dying.
#[inline(always)]
fn state(group: Group) -> u32 {
    let exits = group.is_exiting();
    if group.leader.exit_state() & EXIT_ZOMBIE != 0 {
        return match group.signal.threads() {
            0 | 1 => task_flags::ZOMBIE,
            _ if exits => task_flags::EXITING,
            _ => task_flags::LEADER_EXITED,
        };
    }
    if exits { task_flags::EXITING } else { 0 }
}
