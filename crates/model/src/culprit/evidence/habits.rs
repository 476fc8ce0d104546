//! What the evidence shows about how a suspect treats its dead children. Pure.

use super::{Awaited, Evidence, Facts, Habits, Reaped, Sigchld, Since, Thread, block};

impl Evidence {
    /// Whether it ever waited or reaped; `None` if that is not known and wait calls are not counted.
    pub fn ever_waited(&self) -> Option<bool> {
        if self.was_seen_waiting() || self.reaped_before() == Some(Reaped::ByThisProgram) {
            return Some(true);
        }
        self.habits.waits.map(|waits| waits > 0)
    }

    /// Whether it waited or reaped while it was watched.
    pub fn was_seen_waiting(&self) -> bool {
        self.habits.reaped > 0 || self.habits.waits > Some(0)
    }

    /// Whether it reaped before it was watched, by the kernel's CPU accounting of reaped children. It
    /// survives an exec, so it includes what an earlier program reaped. `None` if the agent saw the
    /// program begin.
    pub fn reaped_before(&self) -> Option<Reaped> {
        let booked = self.facts.as_ref()?.has_usage_of_children?;
        if !booked {
            return Some(Reaped::Never);
        }
        if self.program.age_ns.is_some() {
            return None;
        }
        Some(match self.program.execs {
            Some(0 | 1) => Reaped::ByThisProgram,
            _ => Reaped::Perhaps,
        })
    }

    /// Whether it made a wait call since its oldest zombie died.
    pub fn waited_since_oldest_death(&self) -> Option<bool> {
        if self.habits.waits? == 0 {
            return Some(false);
        }
        Some(self.habits.last_wait_age_ns? < self.zombies.oldest_age_ns)
    }

    /// Whether it made a call that could reap any child since its oldest zombie died.
    pub fn waited_for_any_since_oldest_death(&self) -> Option<bool> {
        self.habits.asked?;
        Some(self.is_since_oldest_death(self.habits.last_any_age_ns))
    }

    /// Whether it made a call that could reap a child since its oldest zombie died.
    pub fn made_reaping_call_since_oldest_death(&self) -> Option<bool> {
        self.habits.asked?;
        Some(self.is_since_oldest_death(self.habits.last_take_age_ns))
    }

    /// Whether it made a call with WNOWAIT since its oldest zombie died.
    pub fn peeked_since_oldest_death(&self) -> bool {
        self.is_since_oldest_death(self.habits.last_peek_age_ns)
    }

    fn is_since_oldest_death(&self, age_ns: Option<u64>) -> bool {
        age_ns.is_some_and(|age_ns| age_ns < self.zombies.oldest_age_ns)
    }

    /// Whether, since its oldest zombie died, it made only calls with WNOWAIT; `None` if the
    /// arguments of its calls are not known.
    pub fn peeked_instead(&self) -> Option<bool> {
        Some(!self.made_reaping_call_since_oldest_death()? && self.peeked_since_oldest_death())
    }

    /// Whether it reaped a child since its oldest zombie died.
    pub fn reaped_since_oldest_death(&self) -> bool {
        self.is_since_oldest_death(self.habits.last_reap_age_ns)
    }

    /// Whether its last wait call began before they died. That call may have reaped another child
    /// since; then it must have reaped none since the previous look.
    pub fn has_not_waited_since_they_died(&self) -> bool {
        let no_more = |since: &Since| since.held_throughout && since.reaped == 0;
        self.waited_since_oldest_death() == Some(false)
            && (!self.reaped_since_oldest_death() || self.since.as_ref().is_some_and(no_more))
    }

    /// Whether it neither waited nor reaped since the previous look, although it held a zombie.
    pub fn has_not_waited_since_last_look(&self) -> bool {
        self.since.as_ref().is_some_and(|since| {
            since.held_throughout && since.waits == Some(0) && since.reaped == 0
        })
    }

    /// Whether a different process created most of its zombies.
    pub fn holds_mostly_adopted(&self) -> bool {
        self.zombies.adopted * 2 >= self.zombies.old.max(1)
    }

    /// Whether it is the init of a PID namespace.
    pub fn is_init(&self) -> bool {
        let number = self.facts.as_ref().and_then(|facts| facts.own_number);
        number.is_some_and(|(number, _)| number == 1)
    }

    /// The threads that are running or runnable.
    pub fn runnable(&self) -> impl Iterator<Item = &Thread> {
        let living = self.facts.iter().flat_map(Facts::living);
        living.filter(|thread| thread.state == 'R')
    }

    /// Whether all threads that were looked at and have not exited are in one of these states.
    pub fn all_threads(&self, states: &[char]) -> bool {
        self.facts.as_ref().is_some_and(|facts| {
            let mut living = facts.living().peekable();
            living.peek().is_some() && living.all(|thread| states.contains(&thread.state))
        })
    }

    /// Whether it ran since the previous look while it held a zombie, and so could have called wait;
    /// `None` if there was no previous look or its CPU time could not be read.
    pub fn ran_since_last_look(&self) -> Option<bool> {
        let since = self.since.as_ref().filter(|since| since.held_throughout)?;
        Some(since.cpu?.ran_ns > 0)
    }

    /// Whether it has a SIGCHLD handler or a signalfd for SIGCHLD.
    pub fn handles_sigchld(&self) -> bool {
        let facts = self.facts.as_ref();
        facts.is_some_and(|facts| {
            facts.signalfd == Some(true) || facts.sigchld.is_some_and(|sigchld| sigchld.caught)
        })
    }

    /// Whether it ignores SIGCHLD now, so that children that die from now on leave no zombies.
    pub fn ignores_sigchld(&self) -> bool {
        let sigchld = self.facts.as_ref().and_then(|facts| facts.sigchld);
        sigchld.is_some_and(|sigchld| sigchld.ignored)
    }

    /// Whether it receives SIGCHLD by a handler, a signalfd or sigwait (blocked in all threads).
    pub fn receives_sigchld(&self) -> bool {
        let facts = self.facts.as_ref();
        let by_call = facts.is_some_and(|facts| {
            let living = facts.living().count() as u32;
            let blocked = facts.sigchld.map(|sigchld| sigchld.blocked_in);
            living > 0 && blocked == Some(living)
        });
        by_call || self.reaper_is_in_sigwait() || self.handles_sigchld()
    }

    /// Whether the thread that reaps is in sigwait, sigwaitinfo or sigtimedwait. The signals that it
    /// waits for do not count as blocked then
    /// ([`do_sigtimedwait`](https://elixir.bootlin.com/linux/v6.12/A/ident/do_sigtimedwait)).
    pub fn reaper_is_in_sigwait(&self) -> bool {
        let wchan = self.reaping_thread().and_then(|(it, _)| it.wchan.as_ref());
        wchan.is_some_and(|wchan| wchan.starts_with("do_sigtimedwait"))
    }

    /// Whether the thread that reaps is waiting for a signal.
    pub fn reaper_awaits_signals(&self) -> bool {
        let block = self.reaping_thread().and_then(|(it, _)| it.block.as_ref());
        block.is_some_and(|block| block.on == block::On::Signal)
    }

    /// Whether it receives SIGCHLD and each of its calls was for one child and reaped it: it takes
    /// the PID from the signal, so that one SIGCHLD for several deaths leaves the others.
    pub fn waits_once_per_signal(&self) -> bool {
        let Habits { waits, reaped, .. } = self.habits;
        self.receives_sigchld()
            && self.waited_for_any_since_oldest_death() == Some(false)
            && self
                .habits
                .asked
                .is_some_and(|asked| asked.process + asked.pidfd > 0)
            && self.waits_elsewhere().is_none()
            && self.reaped_since_oldest_death()
            && reaped > 1
            && waits == Some(reaped)
    }

    /// The thread that used to reap, else the main thread, else the first that is alive; and whether
    /// it is the one that used to reap.
    pub fn reaping_thread(&self) -> Option<(&Thread, bool)> {
        let facts = self.facts.as_ref()?;
        let of = |tid: u32| facts.living().find(|thread| thread.tid == tid);
        if let Some(reaper) = self.habits.last_reaper_tid.and_then(of) {
            return Some((reaper, true));
        }
        let main = of(self.pid).or_else(|| facts.living().next())?;
        Some((main, false))
    }

    /// The thread that reaped the last child, if it has exited.
    pub fn ended_reaper(&self) -> Option<u32> {
        let facts = self.facts.as_ref()?;
        let tid = self.habits.last_reaper_tid?;
        let all = facts.looked_at.len() == facts.threads as usize;
        let lives = facts.living().any(|thread| thread.tid == tid);
        (all && !lives).then_some(tid)
    }

    /// Whether its wait calls are for single processes, by PID or pidfd. A wait for any child would
    /// then take the exit statuses that those calls need.
    pub fn waits_by_pid(&self) -> bool {
        let asked = self.habits.asked.unwrap_or_default();
        let inside = |thread: &Thread| {
            use Awaited::{NamespaceProcess, Pidfd, Process};
            matches!(
                thread.awaits,
                Some(Process(_) | NamespaceProcess(_) | Pidfd)
            )
        };
        let facts = self.facts.as_ref();
        asked.process + asked.pidfd > 0
            || self.habits.peeks_elsewhere > 0
            || facts.is_some_and(|facts| facts.living().any(inside))
    }

    /// Whether it has no means to notice a death now: each thread sleeps outside of wait calls, and
    /// SIGCHLD is neither handled nor blocked (for sigwait or a signalfd).
    pub fn cannot_notice_deaths(&self) -> bool {
        let Some(facts) = &self.facts else {
            return false;
        };
        let elsewhere = |thread: &Thread| {
            let wchan = thread.wchan.as_deref();
            thread.awaits.is_none() && wchan.is_some_and(|wchan| wchan != "do_wait")
        };
        let deaf = |sigchld: Sigchld| !sigchld.caught && sigchld.blocked_in == 0;
        let has_signalfd = facts.signalfd == Some(true);
        self.all_threads(&['S', 'I'])
            && facts.living().all(elsewhere)
            && facts.looked_at.len() == facts.threads as usize
            && facts.sigchld.is_some_and(deaf)
            && !has_signalfd
    }

    /// A thread in a wait call that cannot return one of its zombies, and what it waits for.
    pub fn waits_elsewhere(&self) -> Option<(&Thread, Awaited)> {
        let threads = self.facts.as_ref()?.living();
        let mut awaiting = threads.filter_map(|thread| Some((thread, thread.awaits?)));
        awaiting.find(|(_, awaited)| *awaited != Awaited::Any)
    }

    /// A contradiction between its actions and its state.
    pub fn contradiction(&self) -> Option<&'static str> {
        let since = self.since.as_ref();
        let acted = since.is_some_and(|since| since.reaped > 0 || since.waits > Some(0));
        if self.habits.waits == Some(0) && self.habits.reaped > 0 {
            Some("it reaped children, although none of its wait calls was seen")
        } else if acted && self.all_threads(&['T', 't', 'D']) {
            Some("it waited or reaped since the previous look")
        } else {
            None
        }
    }
}
