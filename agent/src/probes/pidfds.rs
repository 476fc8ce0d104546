//! Watches old zombies with pidfds, for reaps that no hook sees. A pidfd hangs up when its process
//! is reaped (Linux 6.12 and newer; before that it never does, and the free shows the reap).

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    os::fd::OwnedFd,
    path::Path,
};

use rustix::{
    event::{Timespec, epoll},
    io::Errno,
    process::{Pid, PidfdFlags, Resource, Rlimit, getrlimit, pidfd_open, setrlimit},
};

use super::procfs;
use model::events::Key;

/// Maximum number of watched zombies; for more, the free and the snapshots are used.
const MOST: u64 = 1024;
/// Descriptors reserved for the probes, the clients and the snapshots.
const OTHERS: u64 = 512;
/// The initial PID namespace: `PROC_PID_INIT_INO` in include/linux/proc_ns.h.
const INITIAL: &str = "pid:[4026531836]";
/// Maximum number of hang-ups per epoll call.
const BATCH: usize = 64;

/// Pidfds in one epoll instance, which itself becomes readable when one hangs up.
pub(crate) struct Pidfds {
    epoll: OwnedFd,
    watched: HashMap<Key, OwnedFd>,
    room: usize,
    crowded: bool,
    /// Whether our PIDs are those of the kernel; otherwise a missing PID means nothing.
    initial: bool,
}

impl Pidfds {
    /// # Errors
    /// If the kernel provides no epoll instance.
    pub(crate) fn new() -> io::Result<Self> {
        Self::with_room(room())
    }

    fn with_room(room: usize) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self {
            epoll,
            watched: HashMap::new(),
            room,
            crowded: false,
            initial: fs::read_link("/proc/self/ns/pid").is_ok_and(|it| it == Path::new(INITIAL)),
        })
    }

    /// How many zombies matter to [`Pidfds::watch`]: one more than it watches makes it crowded.
    pub(crate) fn most(&self) -> usize {
        self.room + 1
    }

    /// Whether there were more zombies to watch than allowed.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// Whether none is watched.
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Watches exactly these, as far as the limit allows; returns those that no longer exist.
    pub(crate) fn watch(&mut self, mut zombies: impl Iterator<Item = Key>) -> Vec<Key> {
        let wanted: HashSet<Key> = zombies.by_ref().take(self.room).collect();
        self.crowded = zombies.next().is_some();
        self.watched.retain(|key, _| wanted.contains(key));
        let mut gone = Vec::new();
        for key in wanted {
            if self.watched.contains_key(&key) {
                continue;
            }
            match self.open(key) {
                Opened::Watched(pidfd) => drop(self.watched.insert(key, pidfd)),
                Opened::Gone if self.initial => gone.push(key),
                Opened::Gone | Opened::Failed => {}
            }
        }
        gone
    }

    /// Those that have hung up since the last call. Returns all, since only the next hang-up wakes
    /// the waiting task again.
    pub(crate) fn hung_up(&mut self) -> Vec<Key> {
        let mut gone = Vec::new();
        loop {
            let tgids = self.hung_up_tgids();
            let before = gone.len();
            // Closing a pidfd removes it from the instance.
            let hung_up = self
                .watched
                .extract_if(|key, _| tgids.contains(&u64::from(key.tgid)));
            gone.extend(hung_up.map(|(key, _)| key));
            if tgids.len() < BATCH || gone.len() == before {
                return gone;
            }
        }
    }

    fn hung_up_tgids(&self) -> HashSet<u64> {
        let mut events = Vec::with_capacity(BATCH);
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let buffer = rustix::buffer::spare_capacity(&mut events);
        if epoll::wait(&self.epoll, buffer, Some(&now)).is_err() {
            return HashSet::new();
        }
        events
            .iter()
            .map(|event| (event.flags, event.data))
            .filter(|(flags, _)| flags.contains(epoll::EventFlags::HUP))
            .map(|(_, data)| data.u64())
            .collect()
    }

    fn open(&self, key: Key) -> Opened {
        let Some(pid) = i32::try_from(key.tgid).ok().and_then(Pid::from_raw) else {
            return Opened::Failed;
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Opened::Gone,
            Err(_) => return Opened::Failed,
        };
        // The PID may have been reused.
        let ticks = |ns: u64| ns / procfs::tick_ns();
        match procfs::start_ns(key.tgid) {
            Some(start_ns) if ticks(start_ns) == ticks(key.start_ns) => {}
            Some(_) => return Opened::Gone,
            None => return Opened::Failed,
        }
        let data = epoll::EventData::new_u64(u64::from(key.tgid));
        // No event is requested: hang-ups are always reported.
        match epoll::add(&self.epoll, &pidfd, data, epoll::EventFlags::empty()) {
            Ok(()) => Opened::Watched(pidfd),
            Err(_) => Opened::Failed,
        }
    }
}

/// The result of watching one zombie.
enum Opened {
    Watched(OwnedFd),
    /// It was already reaped, without an event.
    Gone,
    Failed,
}

impl std::os::fd::AsRawFd for Pidfds {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.epoll.as_raw_fd()
    }
}

/// How many may be watched. The default limit of 1,024 descriptors would leave none for clients, so
/// it is raised as far as permitted.
fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = MOST + OTHERS;
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted))),
            maximum: limit.maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit = raised,
            Err(error) => log::debug!("cannot raise the limit for open files: {error}"),
        }
    }
    room_of(limit.current)
}

/// Half of a low limit is reserved for everything else.
fn room_of(descriptors: Option<u64>) -> usize {
    let room = descriptors.map_or(MOST, |limit| limit.saturating_sub(OTHERS).max(limit / 2));
    room.min(MOST) as usize
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn zombies(count: usize) -> Vec<(Child, Key)> {
        let children: Vec<_> = (0..count)
            .map(|_| Command::new("true").spawn().expect("a child"))
            .collect();
        let zombie = |child: Child| {
            let key = Key {
                tgid: child.id(),
                start_ns: procfs::start_ns(child.id()).expect("it is not reaped"),
            };
            (child, key)
        };
        children.into_iter().map(zombie).collect()
    }

    /// Major and minor number of the running kernel.
    fn release() -> (u32, u32) {
        let uname = rustix::system::uname();
        let text = uname.release().to_str().expect("a release");
        let mut numbers = text.split(['.', '-']).map_while(|part| part.parse().ok());
        (
            numbers.next().expect("a major number"),
            numbers.next().expect("a minor number"),
        )
    }

    /// 5.10 and 6.1 never hang up; the first version that does, up to 6.12, is unknown.
    #[test]
    fn all_reaped_zombies_are_reported_at_once() {
        let mut children = zombies(3 * BATCH);
        let mut pidfds = Pidfds::with_room(MOST as usize).expect("an instance");
        assert!(
            pidfds
                .watch(children.iter().map(|(_, key)| *key))
                .is_empty()
        );
        for (child, _) in &mut children {
            child.wait().expect("reaped");
        }
        let gone: HashSet<_> = pidfds.hung_up().into_iter().collect();
        let reaped: HashSet<_> = children.iter().map(|(_, key)| *key).collect();
        if release() >= (6, 12) {
            assert_eq!(gone, reaped);
            assert!(pidfds.watched.is_empty());
        } else {
            assert!(gone.is_subset(&reaped));
        }
    }

    #[test]
    fn a_full_watch_list_is_reported() {
        let mut children = zombies(3);
        let keys: Vec<_> = children.iter().map(|(_, key)| *key).collect();
        let mut pidfds = Pidfds::with_room(2).expect("an instance");
        assert!(pidfds.watch(keys.iter().copied()).is_empty());
        assert!(pidfds.is_crowded());
        assert_eq!(pidfds.watched.len(), 2);
        assert!(pidfds.watch(keys[1..].iter().copied()).is_empty());
        assert!(!pidfds.is_crowded());
        assert!(!pidfds.watched.contains_key(&keys[0]));
        for (child, _) in &mut children {
            child.wait().expect("reaped");
        }
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_watched() {
        let (mut child, key) = zombies(1).remove(0);
        let earlier = Key {
            start_ns: key.start_ns - 5 * procfs::tick_ns(),
            ..key
        };
        let mut pidfds = Pidfds::with_room(1).expect("an instance");
        assert_eq!(pidfds.watch([earlier].into_iter()), [earlier]);
        assert!(pidfds.watched.is_empty());
        child.wait().expect("reaped");
    }

    #[test]
    fn a_process_reaped_earlier_is_gone() {
        let (mut child, key) = zombies(1).remove(0);
        child.wait().expect("reaped");
        let mut pidfds = Pidfds::with_room(1).expect("an instance");
        assert_eq!(pidfds.watch([key].into_iter()), [key]);
    }

    #[test]
    fn descriptors_are_left_for_everything_else() {
        assert_eq!(room_of(None), 1024);
        assert_eq!(room_of(Some(1 << 20)), 1024);
        assert_eq!(room_of(Some(1024)), 512);
        assert_eq!(room_of(Some(64)), 32);
    }
}
