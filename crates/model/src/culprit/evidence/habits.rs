//! What the facts on a suspect say together of how it treats its dead children. Pure.

use super::{Awaited, Evidence, Facts, Habits, Reaped, Sigchld, Since, Thread, block};

impl Evidence {
    /// Whether it ever waited or reaped; `None` where nothing says so and waits are not counted.
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

    /// Whether it reaped before it was watched, where the kernel's accounts tell. They survive an
    /// exec: what an earlier program reaped is in them too. One that the agent saw begin is known
    /// by what was counted since.
    pub fn reaped_before(&self) -> Option<Reaped> {
        let booked = self.facts.as_ref()?.booked_children?;
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

    /// Whether it began a wait while its oldest zombie lay dead.
    pub fn waited_beside_the_dead(&self) -> Option<bool> {
        if self.habits.waits? == 0 {
            return Some(false);
        }
        Some(self.habits.last_wait_age_ns? < self.zombies.oldest_age_ns)
    }

    /// Whether it began a wait that would take any child while its oldest zombie lay dead.
    pub fn asked_for_any_beside_the_dead(&self) -> Option<bool> {
        self.habits.asked?;
        Some(self.is_beside_the_dead(self.habits.last_any_age_ns))
    }

    /// Whether it began a wait that would take somebody while its oldest zombie lay dead.
    pub fn would_take_beside_the_dead(&self) -> Option<bool> {
        self.habits.asked?;
        Some(self.is_beside_the_dead(self.habits.last_take_age_ns))
    }

    /// Whether it looked at the dead, to leave them, while its oldest zombie lay dead.
    pub fn peeked_beside_the_dead(&self) -> bool {
        self.is_beside_the_dead(self.habits.last_peek_age_ns)
    }

    fn is_beside_the_dead(&self, age_ns: Option<u64>) -> bool {
        age_ns.is_some_and(|age_ns| age_ns < self.zombies.oldest_age_ns)
    }

    /// Whether it peeked and took nobody while its oldest zombie was there; `None` where what it
    /// asked for is not known.
    pub fn peeked_instead(&self) -> Option<bool> {
        Some(!self.would_take_beside_the_dead()? && self.peeked_beside_the_dead())
    }

    /// Whether it reaped somebody while its oldest zombie lay dead.
    pub fn reaped_beside_the_dead(&self) -> bool {
        self.is_beside_the_dead(self.habits.last_reap_age_ns)
    }

    /// Whether it began its last wait before they died. That one may have been under way, and have
    /// taken another child beside them: then it must have reaped nobody since the look before.
    pub fn has_not_waited_since_they_died(&self) -> bool {
        let no_more = |since: &Since| since.held_throughout && since.reaped == 0;
        self.waited_beside_the_dead() == Some(false)
            && (!self.reaped_beside_the_dead() || self.since.as_ref().is_some_and(no_more))
    }

    /// Whether it neither waited nor reaped between two looks, while one of its zombies was there to
    /// be taken.
    pub fn has_not_waited_since_the_look_before(&self) -> bool {
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

    /// The threads that want to run or do.
    pub fn runnable(&self) -> impl Iterator<Item = &Thread> {
        let living = self.facts.iter().flat_map(Facts::living);
        living.filter(|thread| thread.state == 'R')
    }

    /// Whether all threads that were looked at are in one of these states, the ended aside.
    pub fn all_threads(&self, states: &[char]) -> bool {
        self.facts.as_ref().is_some_and(|facts| {
            let mut living = facts.living().peekable();
            living.peek().is_some() && living.all(|thread| states.contains(&thread.state))
        })
    }

    /// Whether it ran between two looks while one of its zombies was there to be taken, so that it
    /// could have called wait; `None` where there was no earlier look, or no time could be read.
    pub fn ran_beside_the_dead(&self) -> Option<bool> {
        let since = self.since.as_ref().filter(|since| since.held_throughout)?;
        Some(since.cpu?.ran_ns > 0)
    }

    /// Whether it installed what tells it of deaths: a handler for SIGCHLD, or a signalfd.
    pub fn listens_for_deaths(&self) -> bool {
        let facts = self.facts.as_ref();
        facts.is_some_and(|facts| {
            facts.signalfd == Some(true) || facts.sigchld.is_some_and(|sigchld| sigchld.caught)
        })
    }

    /// Whether SIGCHLD reaches it: by a handler, a signalfd, or, blocked in all threads, by sigwait.
    pub fn hears_of_deaths(&self) -> bool {
        let facts = self.facts.as_ref();
        let by_call = facts.is_some_and(|facts| {
            let living = facts.living().count() as u32;
            let blocked = facts.sigchld.map(|sigchld| sigchld.blocked_in);
            living > 0 && blocked == Some(living)
        });
        by_call || self.reaper_is_in_sigwait() || self.listens_for_deaths()
    }

    /// Whether the thread that reaps is in sigwait, sigwaitinfo or sigtimedwait. Signals that they
    /// wait for are not blocked meanwhile
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

    /// Whether it hears of deaths and each of its waits named one child and took it: it takes the
    /// PID from the signal, so that one SIGCHLD for several deaths leaves the others.
    pub fn waits_once_per_signal(&self) -> bool {
        let Habits { waits, reaped, .. } = self.habits;
        self.hears_of_deaths()
            && self.asked_for_any_beside_the_dead() == Some(false)
            && self
                .habits
                .asked
                .is_some_and(|asked| asked.process + asked.pidfd > 0)
            && self.waits_elsewhere().is_none()
            && self.reaped_beside_the_dead()
            && reaped > 1
            && waits == Some(reaped)
    }

    /// The thread that used to reap, else the main thread, else the first that lives; and whether
    /// it is the one that used to.
    pub fn reaping_thread(&self) -> Option<(&Thread, bool)> {
        let facts = self.facts.as_ref()?;
        let of = |tid: u32| facts.living().find(|thread| thread.tid == tid);
        if let Some(reaper) = self.habits.last_reaper_tid.and_then(of) {
            return Some((reaper, true));
        }
        let main = of(self.pid).or_else(|| facts.living().next())?;
        Some((main, false))
    }

    /// The thread that reaped the last one, where it has ended and the process has not.
    pub fn ended_reaper(&self) -> Option<u32> {
        let facts = self.facts.as_ref()?;
        let tid = self.habits.last_reaper_tid?;
        let all = facts.looked_at.len() == facts.threads as usize;
        let lives = facts.living().any(|thread| thread.tid == tid);
        (all && !lives).then_some(tid)
    }

    /// Whether its wait calls name single processes, by PID or pidfd: to take any child beside them
    /// would take the exit statuses that those calls wait for.
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

    /// Whether it does nothing about its children by what its threads do now: each sleeps, none
    /// in a wait, and neither a handler nor a blocked SIGCHLD would tell it of a death.
    pub fn is_deaf(&self) -> bool {
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

    /// A thread inside a wait that cannot end with one of its zombies, and whom it waits for.
    pub fn waits_elsewhere(&self) -> Option<(&Thread, Awaited)> {
        let threads = self.facts.as_ref()?.living();
        let mut awaiting = threads.filter_map(|thread| Some((thread, thread.awaits?)));
        awaiting.find(|(_, awaited)| *awaited != Awaited::Any)
    }

    /// What it did contradicts what its state says.
    pub fn contradiction(&self) -> Option<&'static str> {
        let since = self.since.as_ref();
        let acted = since.is_some_and(|since| since.reaped > 0 || since.waits > Some(0));
        if self.habits.waits == Some(0) && self.habits.reaped > 0 {
            Some("it reaped children, yet no wait call of it was seen")
        } else if acted && self.all_threads(&['T', 't', 'D']) {
            Some("it waited or reaped since the look before")
        } else {
            None
        }
    }
}
