//! What a process does with a signal.

/// `SA_NOCLDWAIT`, include/uapi/asm-generic/signal-defs.h.
const SA_NOCLDWAIT: u64 = 2;
/// `SIG_IGN`.
const SIG_IGN: u64 = 1;

/// Its handler, which may stand for a choice, and its flags.
pub(crate) struct Disposition {
    pub(crate) handler: u64,
    pub(crate) flags: u64,
}

impl Disposition {
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
