//! Where each field that the kernel side reads is on this kernel.
//!
//! rustc emits no CO-RE relocations, so the offsets are resolved here and set before load. A field
//! may have another name in older kernels.

use wire::{NO_OFFSET, Offsets};

use crate::host::cgroups::Version1;
use btf::Btf;

/// The offsets, and what this kernel lacks.
pub(crate) struct Resolved {
    /// For the kernel side; missing fields are [`NO_OFFSET`].
    pub(crate) offsets: Offsets,
    /// Missing fields without which no death can be measured.
    pub(crate) missing: Vec<String>,
    /// Whether `sched_process_exit` has a parameter for the death of the group.
    pub(crate) exit_has_group_dead: bool,
    /// Whether `mark_victim` passes the task and not its PID.
    pub(crate) victim_is_task: bool,
}

/// The size of a pointer.
const ADDRESS: u32 = 8;

/// Resolves all fields, with those for this cgroup v1 hierarchy.
#[expect(clippy::too_many_lines, reason = "a table of fields")]
pub(crate) fn resolve(btf: &Btf<'_>, v1: Option<Version1>) -> Resolved {
    let mut missing = Vec::new();
    let bits = |structure: &str, names: &[&str]| {
        names
            .iter()
            .find_map(|name| btf.bit_offset(structure, name))
    };
    let optional =
        |structure: &str, names: &[&str]| bits(structure, names).map_or(NO_OFFSET, |bit| bit / 8);
    let mut required = |structure: &str, names: &[&str]| {
        let offset = optional(structure, names);
        if offset == NO_OFFSET {
            missing.push(format!("{structure}.{}", names[0]));
        }
        offset
    };
    let offsets = Offsets {
        direct_loads: 0,
        task_flags: required("task_struct", &["flags"]),
        task_exit_state: required("task_struct", &["exit_state"]),
        task_exit_code: required("task_struct", &["exit_code"]),
        task_exit_signal: required("task_struct", &["exit_signal"]),
        task_pid: required("task_struct", &["pid"]),
        task_tgid: required("task_struct", &["tgid"]),
        task_real_parent: required("task_struct", &["real_parent"]),
        task_parent: required("task_struct", &["parent"]),
        task_group_leader: required("task_struct", &["group_leader"]),
        task_start_boottime: required("task_struct", &["start_boottime", "real_start_time"]),
        task_signal: required("task_struct", &["signal"]),
        task_sighand: required("task_struct", &["sighand"]),
        task_cgroups: optional("task_struct", &["cgroups"]),
        task_comm: required("task_struct", &["comm"]),
        task_ptrace: required("task_struct", &["ptrace"]),
        task_thread_pid: required("task_struct", &["thread_pid"]),
        task_real_cred: required("task_struct", &["real_cred"]),
        task_utime: optional("task_struct", &["utime"]),
        task_stime: optional("task_struct", &["stime"]),
        task_sum_exec_runtime: optional("task_struct", &["se.sum_exec_runtime"]),
        task_last_arrival: optional("task_struct", &["sched_info.last_arrival"]),
        task_stack: optional("task_struct", &["stack"]),
        task_children: optional("task_struct", &["children"]),
        task_sibling: optional("task_struct", &["sibling"]),
        task_self_exec_id: optional("task_struct", &["self_exec_id"]),
        task_parent_exec_id: optional("task_struct", &["parent_exec_id"]),
        task_pdeath_signal: optional("task_struct", &["pdeath_signal"]),
        task_jobctl: optional("task_struct", &["jobctl"]),
        signal_flags: required("signal_struct", &["flags"]),
        signal_live: required("signal_struct", &["live"]),
        signal_group_exit_code: required("signal_struct", &["group_exit_code"]),
        signal_nr_threads: required("signal_struct", &["nr_threads"]),
        signal_utime: optional("signal_struct", &["utime"]),
        signal_stime: optional("signal_struct", &["stime"]),
        signal_sum_sched_runtime: optional("signal_struct", &["sum_sched_runtime"]),
        signal_maxrss: optional("signal_struct", &["maxrss"]),
        signal_pids: optional("signal_struct", &["pids"]),
        signal_autoreap_bit: bits("signal_struct", &["autoreap"]).unwrap_or(NO_OFFSET),
        signal_is_child_subreaper_bit: bits("signal_struct", &["is_child_subreaper"])
            .unwrap_or(NO_OFFSET),
        sighand_action: required("sighand_struct", &["action"]),
        css_set_dfl_cgrp: optional("css_set", &["dfl_cgrp"]),
        css_set_v1_css: v1
            .and_then(|v1| css_set_entry(btf, v1))
            .unwrap_or(NO_OFFSET),
        css_cgroup: optional("cgroup_subsys_state", &["cgroup"]),
        cgroup_kn: optional("cgroup", &["kn"]),
        cgroup_root: optional("cgroup", &["root"]),
        cgroup_root_hierarchy_id: optional("cgroup_root", &["hierarchy_id"]),
        kernfs_node_id: optional("kernfs_node", &["id"]),
        cred_uid: required("cred", &["uid"]),
        pid_level: required("pid", &["level"]),
        pid_numbers: required("pid", &["numbers"]),
        pid_namespace_inum: required("pid_namespace", &["ns.inum"]),
    };
    Resolved {
        offsets,
        missing,
        exit_has_group_dead: btf.tracepoint_parameters("sched_process_exit") == Some(2),
        victim_is_task: btf.tracepoint_parameters("mark_victim") == Some(2),
    }
}

/// Where a set of cgroups has the one of a controller
/// ([`css_set.subsys`](https://elixir.bootlin.com/linux/v6.12/A/ident/css_set)).
fn css_set_entry(btf: &Btf<'_>, v1: Version1) -> Option<u32> {
    let name = format!("{}_cgrp_id", v1.controller);
    let index = btf.enumerator("cgroup_subsys_id", &name)?;
    Some(btf.bit_offset("css_set", "subsys")? / 8 + index * ADDRESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs a kernel with BTF"]
    fn every_required_field_is_found_on_the_running_kernel() {
        let bytes = std::fs::read(btf::VMLINUX).expect("the kernel shows its types");
        let btf = Btf::parse(&bytes).expect("they parse");
        let resolved = resolve(&btf, None);
        assert!(
            resolved.missing.is_empty(),
            "missing: {:?}",
            resolved.missing
        );
        let offsets = resolved.offsets;
        assert_eq!(
            offsets.task_tgid,
            offsets.task_pid + 4,
            "kernel.org: sched.h keeps them so"
        );
        assert_eq!(offsets.task_parent, offsets.task_real_parent + 8);
    }

    #[test]
    #[ignore = "needs a kernel with BTF"]
    fn each_controller_has_its_entry_in_a_set_of_cgroups() {
        let bytes = std::fs::read(btf::VMLINUX).expect("the kernel shows its types");
        let btf = Btf::parse(&bytes).expect("they parse");
        let entry = |controller| {
            let of = Version1 {
                controller,
                hierarchy: 1,
            };
            resolve(&btf, Some(of)).offsets.css_set_v1_css
        };
        let [pids, memory, cpu] = ["pids", "memory", "cpu"].map(entry);
        assert!(cpu < memory && memory < pids, "{cpu} {memory} {pids}");
        assert_eq!(pids % ADDRESS, 0);
        assert_eq!(entry("nothing"), NO_OFFSET);
    }
}
