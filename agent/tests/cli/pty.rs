//! Pseudo-terminals.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Stdio;

/// Switches to the alternate screen.
pub(crate) const ENTER: &str = "\x1b[?1049h";
/// Switches back.
pub(crate) const LEAVE: &str = "\x1b[?1049l";

/// A new terminal: the user's side and the program's side. Both are closed in other programs
/// started by tests; otherwise this terminal would never hang up.
pub(crate) fn terminal() -> (File, OwnedFd) {
    const FLAGS: libc::c_int = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    let size = libc::winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: no preconditions.
    let person = owned(unsafe { libc::posix_openpt(FLAGS) });
    let fd = person.as_raw_fd();
    // SAFETY: the descriptor is open, and the size is only read.
    let program = unsafe {
        assert_eq!(libc::unlockpt(fd), 0, "locked");
        assert_eq!(libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size), 0);
        libc::ioctl(fd, libc::TIOCGPTPEER, FLAGS)
    };
    (File::from(person), owned(program))
}

fn owned(fd: libc::c_int) -> OwnedFd {
    assert!(fd >= 0, "no terminal: {}", std::io::Error::last_os_error());
    // SAFETY: it has just been opened and is not shared.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Whether the terminal has line editing, echo and signal keys on.
pub(crate) fn local_modes(program: &OwnedFd) -> libc::tcflag_t {
    let mut settings = std::mem::MaybeUninit::uninit();
    // SAFETY: the descriptor is open, and the settings are only read where they were written.
    unsafe {
        assert_eq!(
            libc::tcgetattr(program.as_raw_fd(), settings.as_mut_ptr()),
            0
        );
        settings.assume_init().c_lflag
    }
}

/// Opens the program's side again.
pub(crate) fn side(program: &OwnedFd) -> Stdio {
    Stdio::from(program.try_clone().expect("another descriptor"))
}
