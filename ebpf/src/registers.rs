//! What a thread handed to the wait call that it is in: the registers saved at its entry.

use core::mem::offset_of;

use aya_ebpf::{
    bindings::pt_regs,
    helpers::{bpf_get_current_task_btf, bpf_task_pt_regs},
};

use crate::{kernel::Kernel, task::Task};

/// `P_PID`, include/uapi/linux/wait.h.
pub(crate) const P_PID: u64 = 1;
/// `WNOWAIT`, likewise.
pub(crate) const WNOWAIT: u64 = 0x0100_0000;

const SYS_WAIT4: u64 = 61;
const SYS_WAITID: u64 = 247;
/// `THREAD_SIZE` without KASAN, arch/x86/include/asm/page_64_types.h.
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
        Self(Kernel::untyped(end - size_of::<pt_regs>() as u64))
    }

    /// The wait call of a 64-bit program; others number their calls otherwise.
    #[inline(always)]
    pub(crate) fn wait_call(self) -> Option<Call> {
        /// `__USER_CS`, arch/x86/include/asm/segment.h.
        const USER_CS: u16 = 0x33;
        if self.0.read_u16(offset_of!(pt_regs, cs) as u32) != USER_CS {
            return None;
        }
        match self.0.read_u64(offset_of!(pt_regs, orig_rax) as u32) {
            SYS_WAIT4 => Some(Call::Wait4),
            SYS_WAITID => Some(Call::Waitid),
            _ => None,
        }
    }

    #[inline(always)]
    pub(crate) fn first(self) -> u64 {
        self.0.read_u64(offset_of!(pt_regs, rdi) as u32)
    }

    #[inline(always)]
    pub(crate) fn second(self) -> u64 {
        self.0.read_u64(offset_of!(pt_regs, rsi) as u32)
    }

    #[inline(always)]
    pub(crate) fn third(self) -> u64 {
        self.0.read_u64(offset_of!(pt_regs, rdx) as u32)
    }

    #[inline(always)]
    pub(crate) fn fourth(self) -> u64 {
        self.0.read_u64(offset_of!(pt_regs, r10) as u32)
    }
}
