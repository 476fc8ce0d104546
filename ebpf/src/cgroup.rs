//! A cgroup is made, of the unified hierarchy or of the chosen one of version 1: its id and path,
//! before anybody can die in it.
//! Afterwards its directory may be gone sooner than user space could look.

use aya_ebpf::{
    helpers::{bpf_ktime_get_boot_ns, bpf_probe_read_kernel_str_bytes},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use wire::{CGROUP_PATH_LEN, CgroupMade, Head, NO_OFFSET, cgroup_flags, kind};

use crate::{
    globals::{offset, option},
    kernel::Kernel,
    maps,
};

/// A `struct cgroup`.
#[derive(Clone, Copy)]
pub(crate) struct Cgroup(Kernel);

impl Cgroup {
    pub(crate) const fn at(kernel: Kernel) -> Self {
        Self(kernel)
    }

    #[inline(always)]
    pub(crate) fn id(self) -> u64 {
        self.0
            .follow(offset!(cgroup_kn))
            .read_u64(offset!(kernfs_node_id))
    }

    /// Whose hierarchy it is in, if that is known. Version 2 is the first, 0
    /// ([`cgroup_init`](https://elixir.bootlin.com/linux/v6.12/A/ident/cgroup_init)).
    #[inline(always)]
    fn hierarchy(self) -> Option<u32> {
        let root = self.0.follow(offset!(cgroup_root));
        let known =
            offset!(cgroup_root) != NO_OFFSET && offset!(cgroup_root_hierarchy_id) != NO_OFFSET;
        known.then(|| root.read_u32(offset!(cgroup_root_hierarchy_id)))
    }
}

/// The path comes as an argument: the kernel has written it for its own trace
/// ([`TRACE_CGROUP_PATH`](https://elixir.bootlin.com/linux/v6.12/A/ident/TRACE_CGROUP_PATH)).
#[btf_tracepoint(function = "cgroup_mkdir")]
fn cgroup_tracepoint(ctx: BtfTracePointContext) -> i32 {
    let cgroup = Cgroup::at(Kernel::typed(ctx.arg(0)));
    let version = match cgroup.hierarchy() {
        Some(0) => 0,
        Some(other) if other == option!(cgroup_v1) => cgroup_flags::VERSION_1,
        _ => return 0,
    };
    let Some(mut entry) = maps::reserve::<CgroupMade>() else {
        return 0;
    };
    // SAFETY: the record is ours until it is submitted, and plain integers need no value first.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    let path: *const u8 = ctx.arg(1);
    // SAFETY: the helper checks the address, and writes no more than there is room for.
    let read = unsafe { bpf_probe_read_kernel_str_bytes(path, &mut record.path) };
    let cut = match read {
        Ok(read) if read.len() < CGROUP_PATH_LEN - 1 => 0,
        _ => cgroup_flags::PATH_CUT,
    };
    record.head = Head {
        kind: kind::CGROUP_MADE,
        flags: version | cut,
        // SAFETY: the helper has no preconditions.
        at_ns: unsafe { bpf_ktime_get_boot_ns() },
    };
    record.id = cgroup.id();
    maps::submit(entry);
    0
}
