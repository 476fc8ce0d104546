//! Aged zombies are watched by pidfd, for reaps that no hook shows: a pidfd hangs up when its
//! process is reaped (6.12 and later; before that it never does, and the free shows it instead).

use std::{
    collections::{HashMap, HashSet},
    io,
    os::fd::OwnedFd,
};

use rustix::{
    event::{Timespec, epoll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::procfs;
use crate::events::Key;

/// Zombies watched at once; more are left to the free.
const MOST: usize = 1024;

/// Pidfds in one epoll instance, itself readable when one of them hangs up.
pub(crate) struct Pidfds {
    epoll: OwnedFd,
    watched: HashMap<Key, OwnedFd>,
}

impl Pidfds {
    /// # Errors
    /// When the kernel gives no epoll instance.
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self {
            epoll,
            watched: HashMap::new(),
        })
    }

    /// Watches exactly these, as far as there is room.
    pub(crate) fn watch(&mut self, zombies: impl Iterator<Item = Key>) {
        let wanted: HashSet<Key> = zombies.take(MOST).collect();
        self.watched.retain(|key, _| wanted.contains(key));
        for key in wanted {
            if !self.watched.contains_key(&key)
                && let Some(pidfd) = self.open(key)
            {
                self.watched.insert(key, pidfd);
            }
        }
    }

    /// Those that have hung up since the last call.
    pub(crate) fn hung_up(&mut self) -> Vec<Key> {
        let mut events = Vec::with_capacity(64);
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let buffer = rustix::buffer::spare_capacity(&mut events);
        if epoll::wait(&self.epoll, buffer, Some(&now)).is_err() {
            return Vec::new();
        }
        let tgids: HashSet<u64> = events
            .iter()
            .map(|event| (event.flags, event.data))
            .filter(|(flags, _)| flags.contains(epoll::EventFlags::HUP))
            .map(|(_, data)| data.u64())
            .collect();
        let gone: Vec<Key> = self
            .watched
            .keys()
            .filter(|key| tgids.contains(&u64::from(key.tgid)))
            .copied()
            .collect();
        for key in &gone {
            self.watched.remove(key);
        }
        gone
    }

    fn open(&self, key: Key) -> Option<OwnedFd> {
        let pid = Pid::from_raw(i32::try_from(key.tgid).ok()?)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        // The number may be another's by now.
        if procfs::start_ns(key.tgid)? / procfs::tick_ns() != key.start_ns / procfs::tick_ns() {
            return None;
        }
        let data = epoll::EventData::new_u64(u64::from(key.tgid));
        // No event is asked for: a hang-up is always reported.
        epoll::add(&self.epoll, &pidfd, data, epoll::EventFlags::empty()).ok()?;
        Some(pidfd)
    }
}

impl std::os::fd::AsRawFd for Pidfds {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.epoll.as_raw_fd()
    }
}
