//! What a thread handed to the wait call that it is in: the registers saved at its entry.

use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_task_btf, bpf_task_pt_regs},
};

use crate::{globals::machine, kernel::Kernel, task::Task};

/// `P_PID`, include/uapi/linux/wait.h.
pub(crate) const P_PID: u64 = 1;
/// `WNOWAIT`, likewise.
pub(crate) const WNOWAIT: u64 = 0x0100_0000;

/// `THREAD_SIZE` without KASAN, arch/x86/include/asm/page_64_types.h; on arm64 with pages of 4 KiB
/// too (arch/arm64/include/asm/memory.h).
const STACK_SIZE: u64 = 16 << 10;

/// A system call that waits for children.
pub(crate) enum Call {
    Wait4,
    Waitid,
}

/// A `struct pt_regs`.
#[derive(Clone, Copy)]
pub(crate) struct Registers(Kernel);

impl Registers {
    /// Those that the kernel passes with their type.
    pub(crate) const fn typed(address: u64) -> Self {
        Self(Kernel::typed(address))
    }

    #[inline(always)]
    pub(crate) fn of_current() -> Self {
        // SAFETY: the current task has saved registers while it is in a system call.
        Self::typed(unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as u64)
    }

    /// For kernels before 5.15, which lack the helper: they lie at the end of the stack
    /// ([`task_pt_regs`](https://elixir.bootlin.com/linux/v5.10/A/ident/task_pt_regs)).
    #[inline(always)]
    pub(crate) fn at_end_of_stack(task: Task) -> Self {
        let end = task.stack() + STACK_SIZE;
        Self(Kernel::untyped(end - u64::from(machine!(registers_size))))
    }

    /// The first argument of the function at whose entry a kprobe runs.
    #[inline(always)]
    pub(crate) fn argument(probe: &impl EbpfContext) -> u64 {
        Kernel::untyped(probe.as_ptr() as u64).read_u64(machine!(argument))
    }

    /// The wait call of a 64-bit program; others number their calls otherwise.
    #[inline(always)]
    pub(crate) fn wait_call(self) -> Option<Call> {
        let mode = u32::from(self.0.read_u16(machine!(mode)));
        if mode & machine!(mode_mask) != machine!(mode_64) {
            return None;
        }
        match self.0.read_u32(machine!(call)) {
            call if call == machine!(wait4) => Some(Call::Wait4),
            call if call == machine!(waitid) => Some(Call::Waitid),
            _ => None,
        }
    }

    #[inline(always)]
    pub(crate) fn first(self) -> u64 {
        self.0.read_u64(machine!(first))
    }

    #[inline(always)]
    pub(crate) fn second(self) -> u64 {
        self.0.read_u64(machine!(second))
    }

    #[inline(always)]
    pub(crate) fn third(self) -> u64 {
        self.0.read_u64(machine!(third))
    }

    #[inline(always)]
    pub(crate) fn fourth(self) -> u64 {
        self.0.read_u64(machine!(fourth))
    }
}
