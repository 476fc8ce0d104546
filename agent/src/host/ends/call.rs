//! The system call in which a thread sleeps, from the text of its `syscall` file. Pure.

#![expect(
    non_upper_case_globals,
    reason = "the names that the C library gives to system calls"
)]

#[cfg(target_arch = "x86_64")]
use libc::{
    AT_FDCWD, SYS_creat, SYS_epoll_wait, SYS_fork, SYS_open, SYS_pause, SYS_poll, SYS_select,
    SYS_vfork,
};
use libc::{
    F_OFD_SETLKW, F_SETLKW, SYS_accept, SYS_accept4, SYS_clock_nanosleep, SYS_clone, SYS_clone3,
    SYS_connect, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_fallocate, SYS_fcntl, SYS_fdatasync,
    SYS_flock, SYS_fstat, SYS_fsync, SYS_ftruncate, SYS_futex, SYS_futex_waitv, SYS_getdents64,
    SYS_io_getevents, SYS_io_uring_enter, SYS_ioctl, SYS_mq_timedreceive, SYS_mq_timedsend,
    SYS_msgrcv, SYS_msgsnd, SYS_nanosleep, SYS_openat, SYS_openat2, SYS_ppoll, SYS_pread64,
    SYS_preadv, SYS_preadv2, SYS_pselect6, SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_read,
    SYS_readv, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg, SYS_restart_syscall, SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait, SYS_semop, SYS_semtimedop, SYS_sendfile, SYS_sendmmsg, SYS_sendmsg,
    SYS_sendto, SYS_splice, SYS_syncfs, SYS_tee, SYS_vmsplice, SYS_wait4, SYS_waitid, SYS_write,
    SYS_writev, c_long,
};

/// What a call waits for, by its number and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// It reads from a descriptor, or waits to be connected to.
    Read(u32),
    /// It writes to a descriptor.
    Write(u32),
    /// It connects a descriptor.
    Connect {
        /// The descriptor.
        descriptor: u32,
        /// Where the address is in its memory.
        address: u64,
        /// The bytes of that.
        len: u64,
    },
    /// Another operation on a descriptor.
    About(u32),
    /// It opens a file.
    Open {
        /// The folder that the path begins at, if it is relative.
        folder: i32,
        /// Where the path is in its memory.
        path: u64,
    },
    /// Several descriptors, listed in its memory.
    Poll {
        /// Where.
        list: u64,
        /// How many.
        count: u64,
        /// Whether it ends by itself.
        timed: bool,
    },
    /// Several descriptors, as sets of bits in its memory.
    Select {
        /// Where the sets for reading and for writing are.
        sets: [u64; 2],
        /// How many bits they have.
        count: u64,
        /// Whether it ends by itself.
        timed: bool,
    },
    /// Those that an epoll descriptor watches.
    Epoll {
        /// The descriptor.
        descriptor: u32,
        /// Whether it ends by itself.
        timed: bool,
    },
    /// A ring of requests to the kernel.
    Ring,
    /// A lock or condition in memory.
    Futex {
        /// Only its own threads can wake it.
        private: bool,
        /// Where it is.
        word: u64,
        /// Whether it ends by itself.
        timed: bool,
    },
    /// Several of these, listed in its memory.
    Futexes {
        /// Where.
        list: u64,
        /// How many.
        count: u64,
        /// Whether it ends by itself.
        timed: bool,
    },
    /// A message queue of System V.
    Messages {
        /// Its identifier.
        queue: u32,
        /// It waits for room.
        full: bool,
    },
    /// Semaphores of System V.
    Semaphore {
        /// The identifier of the set.
        set: u32,
        /// Where the operations are in its memory.
        list: u64,
        /// How many.
        count: u64,
        /// Whether it ends by itself.
        timed: bool,
    },
    /// A POSIX message queue, with a timeout.
    TimedQueue {
        /// The descriptor.
        descriptor: u32,
        /// It waits for room.
        full: bool,
    },
    /// A wait with a timeout that was resumed after a stop. The kernel does not show of which kind.
    Restarted,
    /// A lock on the file of a descriptor.
    Lock(u32),
    /// A new process.
    Fork,
    /// Time to pass.
    Sleep,
    /// A signal.
    Signal,
    /// A child.
    Wait,
    /// Something else.
    Other,
}

/// `FUTEX_PRIVATE_FLAG`.
const PRIVATE: u64 = 128;

impl Call {
    /// `proc_pid_syscall(5)`: the number, six arguments, the stack pointer, the program counter.
    /// `None` outside of a call, and for a 32-bit program, whose numbers mean other calls.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let number: c_long = words.next()?.parse().ok().filter(|&number| number >= 0)?;
        let mut args = [0; 8];
        for arg in &mut args {
            *arg = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
        }
        let [.., stack, _] = args;
        (stack > u64::from(u32::MAX)).then(|| Self::of(number, &args))
    }

    #[expect(clippy::too_many_lines, reason = "a table of system calls")]
    fn of(number: c_long, args: &[u64]) -> Self {
        let descriptor = args[0] as u32;
        // A timeout in milliseconds, as an int; the others are pointers.
        let is_timed = |timeout: u64| !(timeout as i32).is_negative();
        if let Some(call) = Self::of_x86_64(number, args) {
            return call;
        }
        match number {
            SYS_mq_timedreceive | SYS_mq_timedsend if args[4] != 0 => Self::TimedQueue {
                descriptor,
                full: number == SYS_mq_timedsend,
            },
            SYS_read | SYS_readv | SYS_pread64 | SYS_preadv | SYS_preadv2 | SYS_recvfrom
            | SYS_recvmsg | SYS_recvmmsg | SYS_accept | SYS_accept4 | SYS_splice | SYS_tee
            | SYS_mq_timedreceive => Self::Read(descriptor),
            SYS_write | SYS_writev | SYS_pwrite64 | SYS_pwritev | SYS_pwritev2 | SYS_sendto
            | SYS_sendmsg | SYS_sendmmsg | SYS_vmsplice | SYS_sendfile | SYS_mq_timedsend => {
                Self::Write(descriptor)
            }
            SYS_connect => Self::Connect {
                descriptor,
                address: args[1],
                len: args[2],
            },
            SYS_msgrcv | SYS_msgsnd => Self::Messages {
                queue: descriptor,
                full: number == SYS_msgsnd,
            },
            SYS_semop | SYS_semtimedop => Self::Semaphore {
                set: descriptor,
                list: args[1],
                count: args[2],
                timed: number == SYS_semtimedop && args[3] != 0,
            },
            SYS_restart_syscall => Self::Restarted,
            SYS_fsync | SYS_fdatasync | SYS_fallocate | SYS_ftruncate | SYS_fstat | SYS_ioctl
            | SYS_getdents64 | SYS_syncfs => Self::About(descriptor),
            SYS_openat | SYS_openat2 => Self::Open {
                folder: args[0] as i32,
                path: args[1],
            },
            SYS_ppoll => Self::Poll {
                list: args[0],
                count: args[1],
                timed: args[2] != 0,
            },
            SYS_pselect6 => Self::select(args),
            SYS_epoll_pwait => Self::Epoll {
                descriptor,
                timed: is_timed(args[3]),
            },
            SYS_epoll_pwait2 => Self::Epoll {
                descriptor,
                timed: args[3] != 0,
            },
            SYS_io_uring_enter | SYS_io_getevents => Self::Ring,
            SYS_futex => Self::Futex {
                private: args[1] & PRIVATE != 0,
                word: args[0],
                timed: args[3] != 0,
            },
            SYS_futex_waitv => Self::Futexes {
                list: args[0],
                count: args[1],
                timed: args[3] != 0,
            },
            SYS_flock => Self::Lock(descriptor),
            SYS_fcntl if matches!(args[1] as i32, F_SETLKW | F_OFD_SETLKW) => {
                Self::Lock(descriptor)
            }
            SYS_clone | SYS_clone3 => Self::Fork,
            SYS_nanosleep | SYS_clock_nanosleep => Self::Sleep,
            SYS_rt_sigtimedwait | SYS_rt_sigsuspend => Self::Signal,
            SYS_wait4 | SYS_waitid => Self::Wait,
            _ => Self::Other,
        }
    }

    fn select(args: &[u64]) -> Self {
        Self::Select {
            sets: [args[1], args[2]],
            count: args[0],
            timed: args[4] != 0,
        }
    }

    /// Those that only the oldest architecture has.
    #[cfg(target_arch = "x86_64")]
    fn of_x86_64(number: c_long, args: &[u64]) -> Option<Self> {
        let is_timed = |timeout: u64| !(timeout as i32).is_negative();
        Some(match number {
            SYS_open | SYS_creat => Self::Open {
                folder: AT_FDCWD,
                path: args[0],
            },
            SYS_poll => Self::Poll {
                list: args[0],
                count: args[1],
                timed: is_timed(args[2]),
            },
            SYS_select => Self::select(args),
            SYS_epoll_wait => Self::Epoll {
                descriptor: args[0] as u32,
                timed: is_timed(args[3]),
            },
            SYS_fork | SYS_vfork => Self::Fork,
            SYS_pause => Self::Signal,
            _ => return None,
        })
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of_x86_64(_: c_long, _: &[u64]) -> Option<Self> {
        None
    }

    /// By the kernel function in which a thread sleeps, where its call cannot be read.
    pub(super) fn by_wchan(wchan: &str) -> Self {
        match wchan {
            "do_wait" => Self::Wait,
            "hrtimer_nanosleep" | "do_nanosleep" | "common_nsleep" => Self::Sleep,
            "do_sigtimedwait" | "sigsuspend" | "do_sigtimedwait.isra.0" => Self::Signal,
            "kernel_clone" | "_do_fork" | "wait_for_vfork_done" => Self::Fork,
            _ => Self::Other,
        }
    }

    /// The descriptor that it is about.
    pub(super) fn descriptor(self) -> Option<u32> {
        match self {
            Self::Read(it)
            | Self::Write(it)
            | Self::About(it)
            | Self::Lock(it)
            | Self::Connect { descriptor: it, .. }
            | Self::TimedQueue { descriptor: it, .. } => Some(it),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use libc::{F_GETLK, c_int};

    use super::*;

    fn call(number: c_long, args: [u64; 5]) -> Option<Call> {
        let args = args.map(|arg| format!("{arg:#x}")).join(" ");
        Call::parse(&format!(
            "{number} {args} 0x0 0x7ffe00000000 0x7f0000000000"
        ))
    }

    #[test]
    fn calls_are_parsed_by_number_and_arguments() {
        assert_eq!(call(SYS_read, [3, 9, 9, 0, 0]), Some(Call::Read(3)));
        assert_eq!(call(SYS_write, [1, 9, 9, 0, 0]), Some(Call::Write(1)));
        let open = Call::Open {
            folder: AT_FDCWD,
            path: 0x5000,
        };
        let here = u64::from(AT_FDCWD as u32);
        assert_eq!(call(SYS_openat, [here, 0x5000, 0, 0, 0]), Some(open));
        let futex = |op| call(SYS_futex, [0x1000, op, 0, 0, 0]);
        let at = |private| Call::Futex {
            private,
            word: 0x1000,
            timed: false,
        };
        assert_eq!(futex(0x89), Some(at(true)));
        assert_eq!(futex(0x09), Some(at(false)));
        let semaphore = call(SYS_semtimedop, [4, 0x2000, 1, 0x3000, 0]);
        let of_set = Call::Semaphore {
            set: 4,
            list: 0x2000,
            count: 1,
            timed: true,
        };
        assert_eq!(semaphore, Some(of_set));
        let full = Call::Messages {
            queue: 5,
            full: true,
        };
        assert_eq!(call(SYS_msgsnd, [5, 9, 9, 0, 0]), Some(full));
        let queue = |timeout| call(SYS_mq_timedreceive, [3, 9, 9, 0, timeout]);
        assert_eq!(queue(0), Some(Call::Read(3)));
        assert_ne!(queue(0x3000), queue(0));
        let fcntl = |command: c_int| call(SYS_fcntl, [7, command as u64, 0, 0, 0]);
        assert_eq!(fcntl(F_SETLKW), Some(Call::Lock(7)));
        assert_eq!(fcntl(F_GETLK), Some(Call::Other));
    }

    #[test]
    fn a_timeout_is_a_number_or_a_pointer() {
        let timed = |number, args| match call(number, args) {
            Some(
                Call::Poll { timed, .. } | Call::Select { timed, .. } | Call::Epoll { timed, .. },
            ) => Some(timed),
            _ => None,
        };
        let minus_one = u64::from(u32::MAX);
        assert_eq!(timed(SYS_epoll_pwait, [3, 0, 9, minus_one, 0]), Some(false));
        assert_eq!(timed(SYS_epoll_pwait, [3, 0, 9, u64::MAX, 0]), Some(false));
        assert_eq!(timed(SYS_epoll_pwait, [3, 0, 9, 500, 0]), Some(true));
        assert_eq!(timed(SYS_ppoll, [0x1000, 1, 0, 0, 0]), Some(false));
        assert_eq!(timed(SYS_ppoll, [0x1000, 1, 0x2000, 0, 0]), Some(true));
        assert_eq!(timed(SYS_pselect6, [1, 0, 0, 0, 0x10]), Some(true));
    }

    #[test]
    fn a_thread_outside_a_system_call_or_of_a_32_bit_program_has_no_call() {
        for text in [
            "running",
            "",
            "-1 0x7ffe00000000 0x7f0000000000",
            "0",
            "0 0x3",
        ] {
            assert_eq!(Call::parse(text), None, "{text:?}");
        }
        let of_32_bits = "3 0x0 0x0 0x0 0x0 0x0 0x0 0xffd4a1c0 0xf7fd3579";
        assert_eq!(Call::parse(of_32_bits), None);
    }

    #[test]
    fn damaged_calls_are_parsed() {
        let corpus: Vec<_> = [0, 7, 23, 42, 61, 72, 202, 232, 257, 270, 281, 449]
            .iter()
            .map(|number| format!("{number} 0x5 0x7ff0 0x1 0x8 0x0 0x0 0x7ffe00000000 0x7f00"))
            .collect();
        fuzz::feed(&corpus, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Some(call) = Call::parse(&text) {
                call.descriptor();
            }
            Call::by_wchan(&text);
        });
    }
}
