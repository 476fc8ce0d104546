//! The FUSE connection that a process waits for, and its server. I/O.
//!
//! A process that closes its files at exit no longer has a file table, so its descriptors are not
//! visible. It can only wait for connections of mounts that it sees with unanswered requests. A
//! process that sleeps in a call on a descriptor still has that descriptor.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{call::Call, mounts::of_descriptor};
use crate::host::actor;
use crate::host::mounts::{self, Mount};
use crate::host::parse;
use crate::host::proc;
use crate::host::refusal;
use crate::probes;
use model::stuck::evidence::{Actor, Connection, Hidden};

/// How long the search for servers may take.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// Threads of one server that are looked at.
const THREADS: usize = 16;

/// The control file system of FUSE.
const CONTROL: &str = "/sys/fs/fuse/connections";
/// Checks of the number of unanswered requests: with a working server it is 0 now and then.
const LOOKS: u32 = 3;
/// The time between two checks.
const BETWEEN: Duration = Duration::from_millis(20);

/// The connections that a thread may wait for, and whether it is known to be that one.
pub(super) fn connections(
    process: u32,
    thread: u32,
    servers: &mut Servers,
) -> (Vec<Connection>, bool) {
    // The thread's own mounts: a main thread that has exited sees none.
    let root = format!("/proc/{process}/task/{thread}");
    let text = fs::read(format!("{root}/mountinfo")).unwrap_or_default();
    let mounts: Vec<_> = mounts::parse(&text).filter(Mount::is_fuse).collect();
    let mounted = find_control();
    let by_call = mount_of_call(&root).filter(Mount::is_fuse);
    if let Some(mount) = by_call {
        let seen = BTreeMap::from([(mount.minor, Some(mount.words()))]);
        return (describe(seen, mounted, servers), true);
    }
    let mut seen: BTreeMap<u32, Option<String>> = BTreeMap::new();
    for mount in mounts.iter().filter(|mount| mount.major == 0) {
        seen.entry(mount.minor)
            .or_insert_with(|| Some(mount.words()));
    }
    if seen.is_empty() {
        // It has left its mount namespace: it may be any connection of the host.
        seen.extend(numbers().map(|number| (number, None)));
    }
    let busy = |number: &u32| waiting(*number) != Some(0);
    for look in 0..LOOKS {
        if look > 0 {
            std::thread::sleep(BETWEEN);
        }
        seen.retain(|number, _| busy(number));
    }
    let exact = seen.len() == 1;
    let mut found = describe(seen, mounted, servers);
    rule_out(&mut found, serves_nobody);
    (found, exact)
}

/// The mount of the descriptor of the call in which a thread sleeps.
fn mount_of_call(root: &str) -> Option<Mount> {
    let call = proc::text(format!("{root}/syscall")).ok()?;
    of_descriptor(root, Call::parse(&call)?.descriptor()?)
}

/// Drops connections with idle servers, unless the kernel counts their requests or none would be
/// left.
fn rule_out(found: &mut Vec<Connection>, serves_nobody: impl Fn(&Actor) -> bool) {
    let is_idle = |it: &Connection| {
        let counted = it.waiting.is_some();
        let known = it.servers_are_certain && !it.servers.is_empty();
        !counted && known && it.servers.iter().all(&serves_nobody)
    };
    let idle: Vec<bool> = found.iter().map(is_idle).collect();
    if idle.contains(&false) {
        let mut idle = idle.into_iter();
        found.retain(|_| !idle.next().unwrap_or_default());
    }
}

/// Whether a server is not handling any request.
fn serves_nobody(server: &Actor) -> bool {
    let threads = proc::threads(server.pid, THREADS + 1);
    let wchan = |tid: u32| {
        let path = format!("/proc/{}/task/{tid}/wchan", server.pid);
        (tid == server.pid, proc::text(path).unwrap_or_default())
    };
    let places: Vec<_> = threads.into_iter().map(wchan).collect();
    places.len() <= THREADS && all_wait_for_requests(&places)
}

/// Whether all threads wait for the next request. The first of several may wait for the others
/// instead: with libfuse it serves no requests then.
fn all_wait_for_requests(places: &[(bool, String)]) -> bool {
    let serves = |wchan: &str| wchan.starts_with("fuse_dev_");
    let waits =
        |(first, wchan): &(bool, String)| serves(wchan) || *first && wchan.starts_with("futex_");
    places.iter().any(|(_, wchan)| serves(wchan)) && places.iter().all(waits)
}

fn describe(
    seen: BTreeMap<u32, Option<String>>,
    mounted: bool,
    servers: &mut Servers,
) -> Vec<Connection> {
    if seen.is_empty() {
        return Vec::new();
    }
    let Found {
        of: servers,
        hidden,
    } = servers.0.get_or_insert_with(Found::of_host);
    let hidden = *hidden;
    let connection = |(number, mount): (u32, Option<String>)| {
        let (servers, certain) = of_connection(servers, number);
        Connection {
            number,
            mount,
            waiting: waiting(number),
            servers,
            servers_are_certain: certain,
            hidden,
            abort: abort(number, mounted),
        }
    };
    seen.into_iter().map(connection).collect()
}

/// The processes that have the FUSE device open, looked up once a round.
#[derive(Debug, Default)]
pub(super) struct Servers(Option<Found>);

#[derive(Debug)]
struct Found {
    /// Their PIDs, and their connections if the kernel shows them.
    of: Vec<(u32, Option<u32>)>,
    /// Why a server may be missing.
    hidden: Option<Hidden>,
}

impl Found {
    /// One look at all processes, for a bounded time.
    fn of_host() -> Self {
        let until = Instant::now() + TIME_LIMIT;
        let mut servers = Self {
            of: Vec::new(),
            hidden: None,
        };
        for pid in proc::numbers("/proc").into_iter().flatten() {
            if Instant::now() >= until {
                servers.hidden.get_or_insert(Hidden::Cut);
                break;
            }
            servers.visit(pid);
        }
        servers
    }

    fn visit(&mut self, pid: u32) {
        let mut root = format!("/proc/{pid}");
        // If the first thread has exited, another one still shows the descriptors.
        if proc::text(format!("{root}/status")).is_ok_and(|it| has_ended(&it)) {
            let mut rest = proc::threads(pid, THREADS).into_iter();
            let Some(tid) = rest.find(|tid| *tid != pid) else {
                return;
            };
            root = format!("{root}/task/{tid}");
        }
        // Links are read, not followed: opening the files could hang.
        let entries = match fs::read_dir(format!("{root}/fd")) {
            Ok(entries) => entries,
            Err(error) => {
                let refused = error.kind() == ErrorKind::PermissionDenied;
                self.hidden = self.hidden.or(refused.then(|| is_hidden(pid)).flatten());
                return;
            }
        };
        let devices = entries.flatten().filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|target| target == Path::new("/dev/fuse"))
        });
        for device in devices {
            let name = device.file_name();
            let info = proc::text(format!("{root}/fdinfo/{}", name.to_string_lossy())).ok();
            let info = info.unwrap_or_default();
            let of = parse::field(&info, "fuse_connection").and_then(|it| it.parse().ok());
            self.of.push((pid, of));
        }
    }
}

/// Why a process whose descriptors may not be read may be a server. An init is not one.
fn is_hidden(pid: u32) -> Option<Hidden> {
    match refusal::missing("/proc/PID/fd") {
        Some(capability) => Some(Hidden::Needs(capability)),
        None => (pid != 1).then_some(Hidden::Refused),
    }
}

fn has_ended(status: &str) -> bool {
    matches!(parse::state(status), Some('Z' | 'X'))
}

/// The servers of one connection, and whether that is certain.
fn of_connection(servers: &[(u32, Option<u32>)], number: u32) -> (Vec<Actor>, bool) {
    let mut certain: Vec<u32> = servers
        .iter()
        .filter(|(_, of)| *of == Some(number))
        .map(|(pid, _)| *pid)
        .collect();
    let is_named = !certain.is_empty();
    if !is_named {
        certain.extend(
            servers
                .iter()
                .filter(|(_, of)| of.is_none())
                .map(|(pid, _)| *pid),
        );
    }
    certain.sort_unstable();
    certain.dedup();
    let only = certain.len() == 1;
    (
        certain.into_iter().map(actor::read).collect(),
        is_named || only,
    )
}

/// Makes sure that the control file system can be read; whether the host has it mounted. If not, it is
/// mounted for this thread only.
fn find_control() -> bool {
    let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounted = mounts::parse(&text).any(|mount| mount.place == CONTROL.as_bytes());
    if !mounted && let Err(error) = probes::mount_for_this_thread("fusectl", CONTROL) {
        log::debug!("fusectl is not mounted and cannot be: {error}");
    }
    mounted
}

fn folder(number: u32) -> PathBuf {
    Path::new(CONTROL).join(number.to_string())
}

/// Requests without an answer.
fn waiting(number: u32) -> Option<u64> {
    let text = fs::read(folder(number).join("waiting")).ok()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// All connections of the host.
fn numbers() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(CONTROL).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The command that aborts a connection.
fn abort(number: u32, mounted: bool) -> String {
    let abort = format!("echo 1 > {}", folder(number).join("abort").display());
    if mounted {
        abort
    } else {
        format!("mount -t fusectl fusectl {CONTROL}; {abort}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_certain_if_the_kernel_names_them_or_there_is_only_one() {
        let me = std::process::id();
        let pids = |servers: &[(u32, Option<u32>)]| {
            let (found, certain) = of_connection(servers, 7);
            (
                found.iter().map(|actor| actor.pid).collect::<Vec<_>>(),
                certain,
            )
        };
        assert_eq!(pids(&[(me, Some(7)), (1, Some(8))]), (vec![me], true));
        assert_eq!(pids(&[(me, None)]), (vec![me], true));
        assert_eq!(pids(&[(me, None), (1, None)]), (vec![1, me], false));
        assert_eq!(pids(&[(1, Some(8))]), (vec![], false));
    }

    #[test]
    fn a_server_is_idle_if_all_its_threads_wait_for_requests() {
        let idle = |places: &[(bool, &str)]| {
            let places: Vec<_> = places
                .iter()
                .map(|(it, at)| (*it, (*at).to_owned()))
                .collect();
            all_wait_for_requests(&places)
        };
        assert!(idle(&[(true, "fuse_dev_do_read")]));
        assert!(idle(&[
            (true, "futex_do_wait"),
            (false, "fuse_dev_do_read")
        ]));
        // A worker that handles a request, or a server without libfuse.
        assert!(!idle(&[
            (true, "fuse_dev_do_read"),
            (false, "futex_do_wait")
        ]));
        assert!(!idle(&[(true, "futex_do_wait")]) && !idle(&[]));
    }

    #[test]
    fn connections_of_idle_servers_are_ruled_out() {
        let connection = |number, waiting, comm: &str| Connection {
            number,
            waiting,
            servers: vec![Actor {
                comm: comm.to_owned(),
                ..Actor::default()
            }],
            servers_are_certain: true,
            ..Connection::default()
        };
        let left = |mut found: Vec<Connection>| {
            rule_out(&mut found, |server| server.comm == "idle");
            found.iter().map(|it| it.number).collect::<Vec<_>>()
        };
        let idle = |number| connection(number, None, "idle");
        assert_eq!(
            left(vec![idle(1), connection(2, None, "busy"), idle(3)]),
            [2]
        );
        // If all are idle or the kernel counts the requests, none is ruled out.
        assert_eq!(left(vec![idle(1), idle(2)]), [1, 2]);
        let counted = connection(1, Some(1), "idle");
        assert_eq!(left(vec![counted, connection(2, None, "busy")]), [1, 2]);
        let unsure = Connection {
            servers_are_certain: false,
            ..idle(1)
        };
        assert_eq!(left(vec![unsure, connection(2, None, "busy")]), [1, 2]);
    }
}
