//! Where the kernel's fields are.

/// An offset of a field that the running kernel does not have.
pub const NO_OFFSET: u32 = u32::MAX;

/// Byte offsets of kernel fields, resolved by user space from the running kernel's BTF and
/// handed over before load. Each is relative to the struct its name begins with.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is named after the kernel's own struct and field"
)]
pub struct Offsets {
    pub task_flags: u32,
    pub task_exit_state: u32,
    pub task_exit_code: u32,
    pub task_exit_signal: u32,
    pub task_pid: u32,
    pub task_tgid: u32,
    pub task_real_parent: u32,
    pub task_parent: u32,
    pub task_group_leader: u32,
    pub task_start_boottime: u32,
    pub task_signal: u32,
    pub task_sighand: u32,
    pub task_cgroups: u32,
    pub task_comm: u32,
    pub task_ptrace: u32,
    pub task_thread_pid: u32,
    pub task_real_cred: u32,
    pub task_utime: u32,
    pub task_stime: u32,
    pub task_sum_exec_runtime: u32,
    pub task_last_arrival: u32,
    pub task_stack: u32,
    pub signal_flags: u32,
    pub signal_live: u32,
    pub signal_group_exit_code: u32,
    pub signal_nr_threads: u32,
    pub signal_utime: u32,
    pub signal_stime: u32,
    pub signal_sum_sched_runtime: u32,
    pub signal_maxrss: u32,
    /// Bit offset: `autoreap` is a bitfield, in 7.1 and later.
    pub signal_autoreap_bit: u32,
    pub sighand_action: u32,
    pub css_set_dfl_cgrp: u32,
    /// Of the entry in `subsys` of a controller of [`Options::cgroup_v1`](crate::Options).
    pub css_set_v1_css: u32,
    pub css_cgroup: u32,
    pub cgroup_kn: u32,
    pub cgroup_root: u32,
    pub cgroup_root_hierarchy_id: u32,
    pub kernfs_node_id: u32,
    pub cred_uid: u32,
    pub pid_level: u32,
    pub pid_numbers: u32,
    pub pid_namespace_inum: u32,
}

impl Offsets {
    /// Nothing resolved; what the object holds until the loader overrides it.
    pub const NONE: Self = Self {
        task_flags: NO_OFFSET,
        task_exit_state: NO_OFFSET,
        task_exit_code: NO_OFFSET,
        task_exit_signal: NO_OFFSET,
        task_pid: NO_OFFSET,
        task_tgid: NO_OFFSET,
        task_real_parent: NO_OFFSET,
        task_parent: NO_OFFSET,
        task_group_leader: NO_OFFSET,
        task_start_boottime: NO_OFFSET,
        task_signal: NO_OFFSET,
        task_sighand: NO_OFFSET,
        task_cgroups: NO_OFFSET,
        task_comm: NO_OFFSET,
        task_ptrace: NO_OFFSET,
        task_thread_pid: NO_OFFSET,
        task_real_cred: NO_OFFSET,
        task_utime: NO_OFFSET,
        task_stime: NO_OFFSET,
        task_sum_exec_runtime: NO_OFFSET,
        task_last_arrival: NO_OFFSET,
        task_stack: NO_OFFSET,
        signal_flags: NO_OFFSET,
        signal_live: NO_OFFSET,
        signal_group_exit_code: NO_OFFSET,
        signal_nr_threads: NO_OFFSET,
        signal_utime: NO_OFFSET,
        signal_stime: NO_OFFSET,
        signal_sum_sched_runtime: NO_OFFSET,
        signal_maxrss: NO_OFFSET,
        signal_autoreap_bit: NO_OFFSET,
        sighand_action: NO_OFFSET,
        css_set_dfl_cgrp: NO_OFFSET,
        css_set_v1_css: NO_OFFSET,
        css_cgroup: NO_OFFSET,
        cgroup_kn: NO_OFFSET,
        cgroup_root: NO_OFFSET,
        cgroup_root_hierarchy_id: NO_OFFSET,
        kernfs_node_id: NO_OFFSET,
        cred_uid: NO_OFFSET,
        pid_level: NO_OFFSET,
        pid_numbers: NO_OFFSET,
        pid_namespace_inum: NO_OFFSET,
    };
}
