//! What differs between processors.

/// Where a processor's saved registers are, and how it numbers its system calls. User space sets the
/// one of the running machine, so that the same object serves all.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Size of `struct pt_regs` in kernels before 5.15, which have it at the end of the stack.
    pub registers_size: u32,
    /// Offset in it of the number of the system call.
    pub call: u32,
    /// Offsets of the arguments that a program handed to a system call, also after the call.
    pub first: u32,
    /// Likewise.
    pub second: u32,
    /// Likewise.
    pub third: u32,
    /// Likewise.
    pub fourth: u32,
    /// Offset of the first argument at the entry of a kernel function.
    pub argument: u32,
    /// Offset of the 16 bits that tell 64-bit programs from others,
    pub mode: u32,
    /// which of them tell it,
    pub mode_mask: u32,
    /// and their value for 64-bit programs.
    pub mode_64: u32,
    /// `__NR_wait4`.
    pub wait4: u32,
    /// `__NR_waitid`.
    pub waitid: u32,
}

impl Machine {
    /// arch/x86/include/asm/ptrace.h, `__USER_CS`, arch/x86/entry/syscalls/syscall_64.tbl.
    pub const X86_64: Self = Self {
        registers_size: 168,
        call: 120,
        first: 112,
        second: 104,
        third: 96,
        fourth: 56,
        argument: 112,
        mode: 136,
        mode_mask: 0xffff,
        mode_64: 0x33,
        wait4: 61,
        waitid: 247,
    };
    /// arch/arm64/include/asm/ptrace.h (`orig_x0`, `syscallno`), `PSR_MODE32_BIT`,
    /// include/uapi/asm-generic/unistd.h.
    pub const AARCH64: Self = Self {
        registers_size: 336,
        call: 280,
        first: 272,
        second: 8,
        third: 16,
        fourth: 24,
        argument: 0,
        mode: 264,
        mode_mask: 0x10,
        mode_64: 0,
        wait4: 260,
        waitid: 95,
    };
}
