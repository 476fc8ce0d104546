//! The hooks for the steps of an exit, attached only on request.

use super::hooks::{Hook, HookKind, Point, Transition, exact};

/// The functions that begin each step. Later names are from newer kernels: from 6.18, 6.19, 6.19
/// and 7.3 on.
pub(super) const STEPS: Transition = Transition {
    name: "steps",
    required: false,
    decides_source: false,
    lost_without: "all steps except waiting_for_siblings",
    hooks: &[
        exact(
            HookKind::Fentry,
            &[
                ("step_memory_fentry", MEMORY),
                ("step_memory_end_fentry", Point::Function("exit_sem")),
                ("step_files_fentry", Point::Function("exit_files")),
                ("step_files_end_fentry", Point::Function("exit_fs")),
                ("step_namespaces_fentry", NAMESPACES),
                ("step_task_work_fentry", Point::Function("task_work_run")),
                ("step_task_work_end_fentry", CGROUP),
                ("step_pid_namespace_fentry", PID_NAMESPACE),
                ("step_dump_fentry", DUMP),
            ],
        ),
        exact(
            HookKind::Kprobe,
            &[
                ("step_memory_kprobe", MEMORY),
                ("step_memory_end_kprobe", Point::Function("exit_sem")),
                ("step_files_kprobe", Point::Function("exit_files")),
                ("step_files_end_kprobe", Point::Function("exit_fs")),
                ("step_namespaces_kprobe", NAMESPACES),
                ("step_task_work_kprobe", Point::Function("task_work_run")),
                ("step_task_work_end_kprobe", CGROUP),
                ("step_pid_namespace_kprobe", PID_NAMESPACE),
                ("step_dump_kprobe", DUMP),
            ],
        ),
        Hook {
            kind: HookKind::Tracepoint,
            programs: &[("step_memory_end_tracepoint", Point::Typed("exit_mmap"))],
            lost: Some(
                "all steps except waiting_for_siblings and, from Linux 6.16 on, \
                        releasing_memory",
            ),
            slows_system_calls: false,
            replaces: &[],
        },
    ],
};

const DUMP: Point = Point::Renamed("do_coredump", "vfs_coredump");
const MEMORY: Point = Point::Renamed("exit_mm_release", "mm_exit_exec_release");
const NAMESPACES: Point = Point::Renamed("exit_task_namespaces", "exit_nsproxy_namespaces");
const CGROUP: Point = Point::Renamed("cgroup_exit", "cgroup_task_exit");
const PID_NAMESPACE: Point = Point::Function("zap_pid_ns_processes");
