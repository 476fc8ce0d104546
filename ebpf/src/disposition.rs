//! What a process does with a signal.

use wire::NO_OFFSET;

use crate::{globals::offset, kernel::Kernel};

/// `SA_NOCLDWAIT`, include/uapi/asm-generic/signal-defs.h.
const SA_NOCLDWAIT: u64 = 2;
/// `SIG_IGN`.
const SIG_IGN: u64 = 1;

/// `sizeof(struct k_sigaction)` on 64-bit; handler, flags, restorer, mask.
const SIGACTION_SIZE: u32 = 32;
/// Offset of `sa_flags` in it.
const SIGACTION_FLAGS: u32 = 8;

/// Its handler, which may stand for a choice, and its flags.
pub(crate) struct Disposition {
    pub(crate) handler: u64,
    pub(crate) flags: u64,
}

impl Disposition {
    /// From a `sighand_struct`.
    #[inline(always)]
    pub(crate) fn read(sighand: Kernel, signal: u32) -> Self {
        let base = offset!(sighand_action);
        if base == NO_OFFSET || signal == 0 || signal > 64 {
            return Self {
                handler: 0,
                flags: 0,
            };
        }
        let action = base + (signal - 1) * SIGACTION_SIZE;
        Self {
            handler: sighand.read_u64(action),
            flags: sighand.read_u64(action + SIGACTION_FLAGS),
        }
    }

    #[inline(always)]
    pub(crate) fn is_default(&self) -> bool {
        self.handler == 0
    }

    #[inline(always)]
    pub(crate) fn is_ignored(&self) -> bool {
        self.handler == SIG_IGN
    }

    /// Whether it lets the kernel reap the children at whose death this signal is sent.
    #[inline(always)]
    pub(crate) fn autoreaps(&self) -> bool {
        self.is_ignored() || self.flags & SA_NOCLDWAIT != 0
    }
}
