//! Reads of kernel memory, at offsets that user space took from the running kernel's BTF. A field
//! that this kernel does not have, or that cannot be read, is 0.

use aya_ebpf::helpers::generated;
use wire::{COMM_LEN, NO_OFFSET};

use crate::globals::offset;

/// The address of a struct in kernel memory.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    address: u64,
    /// Whether the verifier knows it as a pointer to that struct. Inlining makes it a constant.
    typed: bool,
}

impl Kernel {
    /// An address that the kernel passes with its type, and whose struct may be read by loads.
    pub(crate) const fn typed(address: u64) -> Self {
        Self {
            address,
            typed: true,
        }
    }

    /// Any other address, from which only the helper reads.
    pub(crate) const fn untyped(address: u64) -> Self {
        Self {
            address,
            typed: false,
        }
    }

    pub(crate) const fn address(self) -> u64 {
        self.address
    }

    /// The same address, read by the helper: for offsets that are no constants.
    pub(crate) const fn without_type(self) -> Self {
        Self::untyped(self.address)
    }

    #[inline(always)]
    pub(crate) fn read_u8(self, offset: u32) -> u8 {
        self.read(offset)
    }

    #[inline(always)]
    pub(crate) fn read_u16(self, offset: u32) -> u16 {
        self.read(offset)
    }

    #[inline(always)]
    pub(crate) fn read_u32(self, offset: u32) -> u32 {
        self.read(offset)
    }

    #[inline(always)]
    pub(crate) fn read_u64(self, offset: u32) -> u64 {
        self.read(offset)
    }

    /// Two neighbours. The verifier refuses one load of both.
    #[inline(always)]
    pub(crate) fn read_two_u32(self, offset: u32) -> (u32, u32) {
        if self.is_loaded() {
            (self.load(offset, 0), self.load(offset, 1))
        } else {
            let both = self.read_u64(offset);
            (both as u32, (both >> 32) as u32)
        }
    }

    /// The struct that a pointer member points to.
    #[inline(always)]
    pub(crate) fn follow(self, offset: u32) -> Self {
        Self {
            address: self.read_u64(offset),
            typed: self.typed,
        }
    }

    #[inline(always)]
    pub(crate) fn read_comm(self, offset: u32, comm: &mut [u8; COMM_LEN]) {
        if self.is_loaded() {
            let words = comm.as_mut_ptr().cast::<u64>();
            // SAFETY: two words, at an address that every record and map value aligns.
            unsafe {
                words.write(self.load(offset, 0));
                words.add(1).write(self.load(offset, 1));
            }
            return;
        }
        // SAFETY: the helper checks the address, and fills the buffer with zeros on a failure.
        unsafe {
            let from = self.at(offset);
            generated::bpf_probe_read_kernel(comm.as_mut_ptr().cast(), COMM_LEN as u32, from);
        }
    }

    /// The helper's result is not checked, because it clears what it cannot read: the branch would
    /// double the verifier's work at every field, more than Linux 5.10 accepts.
    #[inline(always)]
    fn read<T: Copy + Default>(self, offset: u32) -> T {
        if offset == NO_OFFSET {
            return T::default();
        }
        if self.is_loaded() {
            return self.load(offset, 0);
        }
        let mut value = T::default();
        // SAFETY: the helper checks the address; all callers read plain integers.
        unsafe {
            let (to, size) = ((&raw mut value).cast(), size_of::<T>() as u32);
            generated::bpf_probe_read_kernel(to, size, self.at(offset));
        }
        value
    }

    #[inline(always)]
    fn load<T: Copy>(self, offset: u32, index: usize) -> T {
        // SAFETY: the verifier accepts only an integer or a pointer within the struct, and the
        // kernel handles the fault of a stale address.
        unsafe { self.at(offset).cast::<T>().add(index).read_volatile() }
    }

    #[inline(always)]
    fn is_loaded(self) -> bool {
        self.typed && offset!(direct_loads) != 0
    }

    #[inline(always)]
    fn at(self, offset: u32) -> *const core::ffi::c_void {
        (self.address + u64::from(offset)) as _
    }
}
