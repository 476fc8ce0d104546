//! An exec that fails: before the point of no return the process continues, after it the kernel
//! kills it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::execv;
use tempfile::tempdir;

use crate::clock::pause;
use crate::death::{Death, FAILED};
use crate::slots::Slot;
use crate::truth::{Exit, SentBy, Truth};
use crate::wait::By;

const ZOMBIE_FOR: Duration = Duration::from_millis(5);
/// Exit code of a shell for a missing program.
const NOT_FOUND: i32 = 127;

/// No such program: it exits as a shell's child would.
///
/// # Errors
/// If a system call or a helper process fails.
pub fn not_found() -> Result<Vec<Truth>> {
    let death = Death::new(c"rw-not-found")?;
    let pid = death.fork(|| match execv(c"/nowhere/at/all", &[c"nowhere"]) {
        Err(_) => NOT_FOUND,
        Ok(never) => match never {},
    })?;
    death.see(pid)?;
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    Ok(vec![death.truth()?])
}

/// A program with an impossible load address: the kernel notices when the old one is gone
/// already, so the kernel ends the process by SIGSEGV, under the name of the new one.
///
/// # Errors
/// As [`not_found`].
pub fn broken() -> Result<Vec<Truth>> {
    let folder = tempdir()?;
    let death = Death::new(c"rw-exec-broken")?;
    let program = folder.path().join(death.comm());
    fs::write(&program, broken_program())?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let path = std::ffi::CString::new(program.as_os_str().as_bytes())?;
    let pid = death.fork(|| {
        if setrlimit(Resource::RLIMIT_CORE, 0, 0).is_ok() {
            death.killing(Signal::SIGSEGV);
            let _ = execv(&path, &[c"broken"]);
        }
        FAILED
    })?;
    death.see(pid)?;
    death.set(Slot::KillEnd, death.get(Slot::Seen));
    pause(ZOMBIE_FOR);
    death.reap(pid, By::Wait4)?;
    let truth = death.truth()?;
    let signal = libc::SIGSEGV as u8;
    ensure!(truth.exit == Exit::Killed { signal }, "{:?}", truth.exit);
    Ok(vec![truth.sent_by(SentBy::Kernel)])
}

/// An ELF program (elf(5)) of nothing but headers, to be loaded into the kernel's half.
fn broken_program() -> Vec<u8> {
    const KERNELS_HALF: u64 = 0xffff_8000_0000_0000;
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    let mut put = |bytes_each: usize, values: &[u64]| {
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes()[..bytes_each]);
        }
    };
    // Executable, for this processor, version 1.
    let machine = if cfg!(target_arch = "aarch64") {
        libc::EM_AARCH64
    } else {
        libc::EM_X86_64
    };
    put(2, &[2, machine.into(), 1, 0]);
    // Entry, place of the program headers, no section headers.
    put(8, &[KERNELS_HALF, 64, 0]);
    // Flags, then sizes and numbers of the headers.
    put(2, &[0, 0, 64, 56, 1, 0, 0, 0]);
    // One segment to load, readable and executable.
    put(4, &[1, 5]);
    // Offset, addresses, sizes, alignment.
    put(8, &[0, KERNELS_HALF, KERNELS_HALF, 120, 120, 0x1000]);
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_broken_program_is_as_long_as_its_headers() {
        assert_eq!(super::broken_program().len(), 120);
    }
}
