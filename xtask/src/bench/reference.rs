//! The least that a watcher of exits can cost: a raw tracepoint that stamps and counts them, without
//! a record for user space.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use anyhow::{Context, Result};
use nix::errno::Errno;

const MAP_CREATE: libc::c_long = 0;
const PROG_LOAD: libc::c_long = 5;
const RAW_TRACEPOINT_OPEN: libc::c_long = 17;
const MAP_TYPE_PERCPU_ARRAY: u32 = 6;
const PROG_TYPE_RAW_TRACEPOINT: u32 = 17;
const TRACEPOINT: &std::ffi::CStr = c"sched_process_exit";
/// The kernel refuses some helpers to others.
const LICENSE: &std::ffi::CStr = c"GPL";

/// The attached probe, detached on drop.
pub(super) struct Reference {
    _map: OwnedFd,
    _program: OwnedFd,
    _link: OwnedFd,
}

#[repr(C)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
struct RawTracepointOpen {
    name: u64,
    program: u32,
    _padding: u32,
}

impl Reference {
    pub(super) fn attach() -> Result<Self> {
        let map = bpf(
            MAP_CREATE,
            &MapCreate {
                kind: MAP_TYPE_PERCPU_ARRAY,
                key_size: 4,
                value_size: 16,
                max_entries: 1,
            },
        )
        .context("make the map of the minimal probe")?;
        let code = code(map.as_raw_fd());
        let load = ProgLoad {
            kind: PROG_TYPE_RAW_TRACEPOINT,
            instructions: code.len() as u32,
            code: code.as_ptr().addr() as u64,
            license: LICENSE.as_ptr().addr() as u64,
            ..ProgLoad::default()
        };
        let program = bpf(PROG_LOAD, &load).context("load the minimal probe")?;
        let open = RawTracepointOpen {
            name: TRACEPOINT.as_ptr().addr() as u64,
            program: program.as_raw_fd() as u32,
            _padding: 0,
        };
        let link = bpf(RAW_TRACEPOINT_OPEN, &open).context("attach the minimal probe")?;
        Ok(Self {
            _map: map,
            _program: program,
            _link: link,
        })
    }
}

/// `count += 1; last = ktime_get_boot_ns()`, in the only element of the map.
fn code(map: RawFd) -> [u64; 14] {
    let instruction = |code: u8, to: u8, from: u8, offset: i16, number: i32| {
        u64::from(code)
            | u64::from(from << 4 | to) << 8
            | u64::from(offset as u16) << 16
            | u64::from(number as u32) << 32
    };
    [
        // r6 = ktime_get_boot_ns()
        instruction(0x85, 0, 0, 0, 125),
        instruction(0xbf, 6, 0, 0, 0),
        // r0 = map_lookup_elem(map, &0)
        instruction(0x62, 10, 0, -4, 0),
        instruction(0xbf, 2, 10, 0, 0),
        instruction(0x07, 2, 0, 0, -4),
        instruction(0x18, 1, 1, 0, map),
        instruction(0, 0, 0, 0, 0),
        instruction(0x85, 0, 0, 0, 1),
        instruction(0x15, 0, 0, 4, 0),
        // r0[0] += 1; r0[1] = r6
        instruction(0x79, 1, 0, 0, 0),
        instruction(0x07, 1, 0, 0, 1),
        instruction(0x7b, 0, 1, 0, 0),
        instruction(0x7b, 0, 6, 8, 0),
        instruction(0x95, 0, 0, 0, 0),
    ]
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> nix::Result<OwnedFd> {
    // SAFETY: the attributes have the given size, and all that they point to outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    let fd = Errno::result(result)? as RawFd;
    // SAFETY: these commands return a new descriptor, which nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
