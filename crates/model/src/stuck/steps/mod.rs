//! The steps of an exit, one per file, and how a thread's kernel stack shows which one it is in. Pure.
//!
//! The names are those of functions that all kernels from 5.10 to 7.3 have and do not inline:
//! <https://elixir.bootlin.com/linux/v6.12/source/kernel/exit.c>, `do_exit`.

pub mod closing_files;
pub mod dumping_core;
pub mod exiting;
pub mod freeing_memory;
pub mod frozen;
pub mod in_driver;
pub mod io_uring_cancel;
pub mod leaving;
pub mod not_begun;
pub mod ptrace_exit_stop;
mod step;
pub mod unkillable_sleep;
pub mod waiting_for_dump;
pub mod waiting_for_namespace;

use api::Id;

use super::evidence::ignored::Fate;
use super::evidence::{Facts, Stuck, Thread};
pub use step::Step;

/// All steps, in the order of causes: when threads of one process are in several steps, the first is
/// what the others wait for. A thread is in the first that fits.
static ALL: [Step; 13] = [
    frozen::STEP,
    dumping_core::STEP,
    ptrace_exit_stop::STEP,
    unkillable_sleep::STEP,
    io_uring_cancel::STEP,
    in_driver::STEP,
    closing_files::STEP,
    freeing_memory::STEP,
    leaving::STEP,
    waiting_for_namespace::STEP,
    exiting::STEP,
    not_begun::STEP,
    waiting_for_dump::STEP,
];

/// What a process does in the step with this name; that of another version is its own description.
pub fn words(id: &Id) -> &str {
    let steps = ALL.iter().map(|step| (step.name, step.words));
    let mut all = steps.chain(Fate::ALL.map(Fate::step));
    let known = all.find(|(name, _)| id == name);
    known.map_or(&id.0, |(_, words)| words)
}

/// The place of a step among the causes.
fn rank(step: &Step) -> usize {
    ALL.iter().take_while(|before| *before != step).count()
}

impl Thread {
    /// The step of its exit that it is in.
    pub fn step(&self) -> &'static Step {
        let step = ALL.iter().find(|step| (step.fits)(self));
        step.unwrap_or(&waiting_for_dump::STEP)
    }

    /// Whether it waits for asynchronous requests (io_submit, io_uring).
    pub fn waits_for_requests(&self) -> bool {
        self.is_in(&["exit_aio"]) || self.step() == &io_uring_cancel::STEP
    }
}

impl Facts {
    /// Whether any thread has begun to exit.
    pub fn exit_has_begun(&self) -> bool {
        self.ended > 0 || self.threads.iter().any(Thread::has_begun)
    }
}

impl Stuck {
    /// Whether its exit has begun; `None` if that is not known. A core dump counts as part of the exit:
    /// the program no longer runs.
    pub fn exit_has_begun(&self) -> Option<bool> {
        let facts = self.facts.as_ref()?;
        let is_before = self.decisive()?.step().is_before_exit;
        Some(!is_before || facts.exit_has_begun())
    }

    /// The thread that blocks the exit, by the order of causes: one that only waits for another thread
    /// of the process comes last.
    pub fn decisive(&self) -> Option<&Thread> {
        if self.ignored.is_some() {
            return None;
        }
        let threads = self.facts.as_ref()?.threads.iter();
        threads.min_by_key(|thread| {
            let is_worker = thread.is_io_uring_worker();
            (rank(thread.step()), is_worker, thread.tid)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(state: char, stack: &[&str]) -> Thread {
        Thread::of(1, state, stack)
    }

    /// Stacks as they were seen on 5.10 to 7.3: step, state, and frames innermost first.
    const SEEN: &str = "
        dumping_core S anon_pipe_write < elf_core_dump < vfs_coredump < get_signal
        dumping_core S pipe_write < elf_core_dump < do_coredump < get_signal
        waiting_for_core_dump I do_exit < do_group_exit < get_signal
        waiting_for_core_dump D do_exit < do_group_exit < get_signal
        closing_files D request_wait_answer < fuse_flush < filp_close < put_files_struct \
           < do_exit
        closing_files D request_wait_answer fuse < fuse_flush fuse < filp_flush \
           < filp_close < do_exit
        closing_files D fuse_release < __fput < exit_mmap < mmput < do_exit
        in_driver D schedule < nv_close nvidia < __fput < task_work_run < do_exit
        in_driver D n_tty_flush_buffer < tty_ldisc_hangup < __tty_hangup < tty_release \
           < __fput < task_work_run < do_exit
        in_driver S tty_wait_until_sent < uart_close < usb_serial_close usbserial \
           < tty_release < __fput < do_exit
        freeing_memory D exit_aio < __mmput < do_exit
        freeing_memory R unmap_page_range < exit_mmap < mmput < do_exit
        ptrace_exit_stop t ptrace_stop.part.0 < ptrace_notify < do_exit
        waiting_for_namespace I zap_pid_ns_processes < do_exit
        io_uring_cancel S io_uring_cancel_generic < __io_uring_cancel < do_exit
        io_uring_cancel D io_wq_put_and_exit < io_uring_clean_tctx \
           < io_uring_cancel_generic < do_exit
        io_uring_cancel D request_wait_answer < fuse_direct_IO < io_read \
           < io_wq_submit_work < io_wq_worker
        leaving D futex_cleanup < exit_mm_release < do_exit
        frozen D __refrigerator < get_signal < arch_do_signal_or_restart
        unkillable_sleep D request_wait_answer < fuse_file_read_iter < vfs_read
        unkillable_sleep D request_wait_answer < fuse_flush < filp_close < __x64_sys_close
        not_begun R schedule < exit_to_user_mode_loop
    ";

    #[test]
    fn each_step_is_known_by_its_frames() {
        for line in SEEN.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().expect("three parts");
            let (step, state, frames) = (word(), word().parse().expect("a letter"), word());
            let stack: Vec<_> = frames.split(" < ").collect();
            assert_eq!(thread(state, &stack).step().name, step, "{frames}");
        }
    }

    #[test]
    fn without_a_stack_the_step_follows_from_wchan() {
        let at = |state, wchan: &str| {
            let thread = Thread {
                wchan: Some(wchan.to_owned()),
                ..thread(state, &[])
            };
            thread.step()
        };
        assert_eq!(at('t', "ptrace_stop.part.0"), &ptrace_exit_stop::STEP);
        assert_eq!(at('D', "__refrigerator"), &frozen::STEP);
        assert_eq!(at('D', "request_wait_answer"), &unkillable_sleep::STEP);
        let nothing = Thread {
            kill_pending: false,
            ..thread('D', &[])
        };
        assert_eq!(nothing.step(), &exiting::STEP);
        let stopped = thread('t', &[]);
        assert_eq!(stopped.step(), &ptrace_exit_stop::STEP);
        // The trap of version 2 ends with SIGKILL.
        let trap = thread('S', &["do_freezer_trap", "get_signal"]);
        assert_eq!(trap.step(), &not_begun::STEP);
        let frozen = Thread {
            frozen: true,
            ..thread('D', &["hrtimer_nanosleep", "do_syscall_64"])
        };
        assert_eq!(frozen.step(), &frozen::STEP);
    }

    #[test]
    fn without_a_stack_an_exiting_thread_is_not_in_a_call() {
        let at = |state, wchan: Option<&str>| {
            let thread = Thread {
                exiting: true,
                wchan: wchan.map(ToOwned::to_owned),
                ..thread(state, &[])
            };
            thread.step()
        };
        assert_eq!(at('D', Some("request_wait_answer")), &closing_files::STEP);
        assert_eq!(at('D', Some("rpc_wait_bit_killable")), &closing_files::STEP);
        assert_eq!(at('D', Some("exit_aio")), &freeing_memory::STEP);
        assert_eq!(
            at('I', Some("zap_pid_ns_processes")),
            &waiting_for_namespace::STEP
        );
        assert_eq!(at('D', Some("msleep")), &exiting::STEP);
        assert_eq!(at('D', None), &exiting::STEP);
    }
}
