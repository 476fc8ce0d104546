//! Parses the text of /proc files. Pure, so that the output of unusual kernels can be tested.

use model::culprit::evidence::{Awaited, Cpu, Sigchld};

/// SIGCHLD has this number on every architecture that is built for here.
const SIGCHLD: u8 = 17;

/// The value of a line of `status`.
pub fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// The letter of a thread's state.
pub fn state(status: &str) -> Option<char> {
    field(status, "State")?.chars().next()
}

/// The tracer, if there is one.
pub fn tracer(status: &str) -> Option<u32> {
    let tgid = field(status, "TracerPid")?.parse().ok()?;
    (tgid != 0).then_some(tgid)
}

/// The number in the innermost PID namespace, and how many namespaces deep that is.
pub fn own_number(status: &str) -> Option<(u32, u32)> {
    let numbers: Vec<_> = field(status, "NSpid")?.split_whitespace().collect();
    Some((numbers.last()?.parse().ok()?, numbers.len() as u32 - 1))
}

/// Whether a signal is in one of the masks of `status`, such as `SigBlk`.
pub fn has_signal(status: &str, mask: &str, signal: u8) -> Option<bool> {
    let mask = u64::from_str_radix(field(status, mask)?, 16).ok()?;
    let bit = u32::from(signal).checked_sub(1)?;
    Some(mask.checked_shr(bit)? & 1 != 0)
}

/// What one thread does about SIGCHLD.
pub fn sigchld(status: &str) -> Option<Sigchld> {
    let has = |name: &str| has_signal(status, name, SIGCHLD);
    Some(Sigchld {
        blocked_in: u32::from(has("SigBlk")?),
        pending: has("ShdPnd")? || has("SigPnd")?,
        caught: has("SigCgt")?,
        ignored: has("SigIgn")?,
    })
}

/// The first of SIGINT, SIGTERM and SIGKILL that it neither ignores nor blocks. Background jobs of a
/// shell ignore SIGINT.
pub fn ended_by(status: &str) -> Option<u8> {
    for signal in [2, 15, 9] {
        let has = |name: &str| has_signal(status, name, signal);
        if !(has("SigIgn")? || has("SigBlk")?) {
            return Some(signal);
        }
    }
    None
}

/// Whether the first thread blocks a signal that is pending for the process or for that thread;
/// `None` if it is not pending.
pub fn pending(status: &str, signal: u8) -> Option<bool> {
    let has = |name: &str| has_signal(status, name, signal);
    let pending = has("ShdPnd")? || has("SigPnd")?;
    has("SigBlk").filter(|_| pending)
}

/// Time on and before a CPU, from `schedstat`.
pub fn schedstat(text: &str) -> Option<Cpu> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some(Cpu {
        ran_ns: numbers.next()?.ok()?,
        queued_ns: numbers.next()?.ok()?,
        quota: None,
    })
}

/// Whether `stat`, from its third field on, has page faults or CPU time of children that were
/// waited for. One that was has them, unless it ended at once in the memory of its parent (vfork).
pub fn has_usage_of_children(fields: &[&str]) -> Option<bool> {
    // Fields are numbered from 1 in the manual, and the state is the third.
    let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
    let [minor, major, user, system] = [11, 13, 16, 17].map(number);
    Some(minor? != 0 || major? != 0 || user? != 0 || system? != 0)
}

/// The function that a thread sleeps in; kernels print `0` if there is none.
pub fn wchan(text: &str) -> Option<String> {
    let name = text.trim();
    let named = !name.is_empty() && name != "0";
    named.then(|| name.to_owned())
}

/// Function names of a kernel stack, innermost first.
pub fn stack(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| {
        let name = line.split_whitespace().last()?.split('+').next()?;
        (!name.starts_with("bpf_") && !name.starts_with("0x")).then(|| name.to_owned())
    });
    names.take(8).collect()
}

#[cfg(target_arch = "x86_64")]
const WAIT4: i64 = 61;
#[cfg(target_arch = "x86_64")]
const WAITID: i64 = 247;
#[cfg(not(target_arch = "x86_64"))]
const WAIT4: i64 = 260;
#[cfg(not(target_arch = "x86_64"))]
const WAITID: i64 = 95;

/// `__WNOTHREAD`: no children of other threads.
const OF_THREAD: u64 = 0x2000_0000;

/// What a thread waits for, from `syscall`: the number and arguments of its current call.
pub fn awaited(syscall: &str) -> Option<Awaited> {
    let mut words = syscall.split_whitespace();
    let number: i64 = words.next()?.parse().ok()?;
    let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    match number {
        WAIT4 => {
            let (pid, _status, options) = (argument()? as i32, argument(), argument());
            Some(match pid {
                -1 => any(options),
                0 => Awaited::Group(0),
                group if group < 0 => Awaited::Group(group.unsigned_abs()),
                pid => Awaited::Process(pid as u32),
            })
        }
        WAITID => {
            let (kind, id) = (argument()? as u32, argument()? as u32);
            let (_info, options) = (argument(), argument());
            Some(match kind {
                1 => Awaited::Process(id),
                2 => Awaited::Group(id),
                3 => Awaited::Pidfd,
                _ => any(options),
            })
        }
        _ => None,
    }
}

fn any(options: Option<u64>) -> Awaited {
    match options {
        Some(options) if options & OF_THREAD != 0 => Awaited::OfThread,
        _ => Awaited::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tapp\nState:\tT (stopped)\nTgid:\t40\nPPid:\t1\n\
        TracerPid:\t0\nNSpid:\t40\t1\nThreads:\t2\nSigPnd:\t0000000000000000\n\
        ShdPnd:\t0000000000010000\nSigBlk:\t0000000000010000\nSigIgn:\t0000000000001000\n\
        SigCgt:\t0000000000010002\n";

    #[test]
    fn pending_and_blocked_signals_are_distinguished() {
        let status = |pending: &str, blocked: &str| {
            format!("State:\tS\nSigPnd:\t0\nShdPnd:\t{pending}\nSigBlk:\t{blocked}\n")
        };
        assert_eq!(pending(&status("4000", "4000"), 15), Some(true));
        assert_eq!(pending(&status("4000", "0"), 15), Some(false));
        assert_eq!(pending(&status("2", "4000"), 15), None);
        assert_eq!(pending("", 15), None);
    }

    #[test]
    fn a_status_is_read() {
        assert_eq!(state(STATUS), Some('T'));
        assert_eq!((tracer(STATUS), own_number(STATUS)), (None, Some((1, 1))));
        let expected = Sigchld {
            blocked_in: 1,
            pending: true,
            caught: true,
            ignored: false,
        };
        assert_eq!(sigchld(STATUS), Some(expected));
    }

    #[test]
    fn a_name_is_not_a_field() {
        assert_eq!(field("Name:\tState: R\nState:\tS\n", "State"), Some("S"));
        assert_eq!(field("", "State"), None);
        assert_eq!(sigchld("SigBlk:\tzz\n"), None);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_arguments_of_a_wait_call_are_read() {
        let of = |text: &str| awaited(text);
        assert_eq!(
            of("61 0xffffffff 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f"),
            Some(Awaited::Any)
        );
        assert_eq!(
            of("61 0x1f 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f"),
            Some(Awaited::Process(31))
        );
        assert_eq!(of("61 0xffffff9c 0x0"), Some(Awaited::Group(100)));
        assert_eq!(of("247 0x3 0x5 0x0"), Some(Awaited::Pidfd));
        assert_eq!(of("247 0x0 0x0 0x0"), Some(Awaited::Any));
        let of_thread = Some(Awaited::OfThread);
        assert_eq!(of("61 0xffffffff 0x0 0x20000000 0x0"), of_thread);
        assert_eq!(of("247 0x0 0x0 0x0 0x20000004 0x0"), of_thread);
        assert_eq!(of("61 0x1f 0x0 0x20000000 0x0"), Some(Awaited::Process(31)));
        assert_eq!(of("0 0x3 0x5 0x0"), None);
        assert_eq!(of("running"), None);
        assert_eq!(of("-1 0x7f 0x7f"), None);
    }

    #[test]
    fn the_first_signal_that_is_neither_ignored_nor_blocked_is_found() {
        let of = |ignored: u64, blocked: u64| {
            ended_by(&format!(
                "SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\n"
            ))
        };
        assert_eq!(of(0, 0), Some(2));
        assert_eq!(of(1 << 1, 0), Some(15));
        assert_eq!(of(1 << 1, 1 << 14), Some(9));
        assert_eq!(ended_by(""), None);
    }

    #[test]
    fn reaped_children_are_in_the_cpu_accounts() {
        let stat =
            |minor, user| format!("S 1 7 7 0 -1 4194560 120 {minor} 3 0 5 6 {user} 0 20 0 1 0 99");
        let of = |text: &str| has_usage_of_children(&text.split(' ').collect::<Vec<_>>());
        assert_eq!(of(&stat(0, 0)), Some(false));
        assert_eq!(of(&stat(81, 0)), Some(true));
        assert_eq!(of(&stat(0, 2)), Some(true));
        assert_eq!(of("S 1"), None);
    }

    #[test]
    fn stacks_and_sleeps_are_named() {
        let text = "[<0>] request_wait_answer+0x1a/0x2b\n[<0>] bpf_trampoline_1+0x1\n[<0>] do_exit+0x1/0x2\n";
        assert_eq!(stack(text), ["request_wait_answer", "do_exit"]);
        assert_eq!(
            (wchan("0"), wchan("do_wait")),
            (None, Some("do_wait".to_owned()))
        );
    }

    #[test]
    fn damaged_files_of_proc_are_read() {
        let corpus = [
            "Name:\tx\nState:\tS (sleeping)\nTracerPid:\t7\nNSpid:\t7\t1\n\
             SigPnd:\t0000000000010000\nShdPnd:\t0000000000004000\nSigBlk:\t0000000000010000\n\
             SigIgn:\t0000000000000002\nSigCgt:\t0000000000010000\n",
            "123456 789 10\n",
            "61 0xffffffff 0x7ff0 0x0 0x0 0x0 0x0 0x7ffc00000000 0x7f0000000000\n",
            "247 0x3 0x5 0x0 0x4 0x0 0x0 0x7ffc00000000 0x7f0000000000\n",
            "[<0>] do_wait+0x5a/0xa0\n[<0>] kernel_wait4+0xaf/0x150\n",
            "S 1 7 7 0 -1 4194304 105 0 0 0 1 2 3 4 20 0 1 0 12345 0 0\n",
        ];
        fuzz::feed(&corpus, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = (state(&text), tracer(&text), own_number(&text));
            let _ = (sigchld(&text), ended_by(&text), pending(&text, 15));
            let _ = (schedstat(&text), wchan(&text), stack(&text), awaited(&text));
            has_usage_of_children(&text.split(' ').collect::<Vec<_>>());
        });
    }
}
