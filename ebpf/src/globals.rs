//! What the loader sets before it loads the object: read as constants, which the verifier folds.

use aya_ebpf::Global;
use wire::{Machine, Offsets, Options, RING_BYTES};

#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Global<Offsets> = Global::new(Offsets::NONE);

#[unsafe(no_mangle)]
pub(crate) static OPTIONS: Global<Options> = Global::new(Options {
    exit_has_group_dead: 0,
    wake_bytes: RING_BYTES / 2,
    victim_is_task: 0,
    steps: 0,
    cgroup_v1: 0,
    slot_mask: 0,
});

#[unsafe(no_mangle)]
pub(crate) static MACHINE: Global<Machine> = Global::new(Machine::X86_64);

/// One field of these.
macro_rules! global {
    ($global:ident: $type:ident, $field:ident) => {{
        let global: *const wire::$type = (&raw const $crate::globals::$global).cast();
        // SAFETY: `Global` is transparent over the struct, which the loader has filled.
        unsafe { (&raw const (*global).$field).read_volatile() }
    }};
}
pub(crate) use global;

/// The offset of a kernel field.
macro_rules! offset {
    ($field:ident) => {
        $crate::globals::global!(OFFSETS: Offsets, $field)
    };
}
pub(crate) use offset;

/// One of [`wire::Options`].
macro_rules! option {
    ($field:ident) => {
        $crate::globals::global!(OPTIONS: Options, $field)
    };
}
pub(crate) use option;

/// One of [`wire::Machine`].
macro_rules! machine {
    ($field:ident) => {
        $crate::globals::global!(MACHINE: Machine, $field)
    };
}
pub(crate) use machine;
