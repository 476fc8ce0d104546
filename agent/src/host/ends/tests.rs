//! Real processes that wait for each other.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::*;
use crate::host::stat::Stat;
use model::culprit::evidence::block::{End, Ipc, On, Relation};

/// A program, with all that it started, ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        // It may have ended already.
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _reaped = self.0.wait();
    }
}

impl Running {
    /// Python, and the line that it prints once it is ready.
    fn python(program: &str) -> (Self, String) {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("python3");
        command.args(["-c", program]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 is there");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("it is a pipe");
        BufReader::new(output.by_ref())
            .read_line(&mut line)
            .expect("it prints a line");
        (Self(child), line.trim().to_owned())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// What its main thread waits for, once that is as wanted.
    fn block(&self, zombies: &[u32], wanted: fn(&On) -> bool) -> Block {
        block_once(self.pid(), zombies, |block| wanted(&block.on))
    }
}

/// What a process waits for, once that is as wanted.
fn block_once(pid: u32, zombies: &[u32], wanted: impl Fn(&Block) -> bool) -> Block {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let mut search = Search::new();
        search.left_by(zombies);
        match block_of(&mut search, pid, pid) {
            Some(block) if wanted(&block) => return block,
            other => assert!(Instant::now() < until, "{other:?}"),
        }
        sleep(Duration::from_millis(20));
    }
}

fn pids(block: &Block) -> Vec<u32> {
    block.ends.iter().map(|end| end.pid).collect()
}

#[test]
fn an_orphan_of_a_dead_child_keeps_a_pipe_open() {
    let (python, line) = Running::python(
        "import os, subprocess\n\
         r, w = os.pipe()\n\
         zombie = subprocess.Popen(['sh', '-c', 'sleep 600 >/dev/null & echo $!'], pass_fds=[w], stdout=subprocess.PIPE)\n\
         os.close(w)\n\
         print(zombie.pid, zombie.stdout.readline().decode().strip(), flush=True)\n\
         os.read(r, 1)",
    );
    let numbers: Vec<u32> = line.split(' ').filter_map(|it| it.parse().ok()).collect();
    let [zombie, sleeper] = numbers[..] else {
        panic!("{line:?}");
    };
    // The shell prints the PID before it exits, and its child may not run `sleep` yet.
    let sleeps = |end: &End| end.waits_for.as_ref().is_some_and(|it| it.on == On::Timer);
    let block = block_once(python.pid(), &[zombie], |block| {
        block.on == On::PipeRead && pids(block) == [sleeper] && sleeps(&block.ends[0])
    });
    assert_eq!(block.unknown, None);
    assert_eq!(block.ends[0].relation, Relation::LeftByDeadChild);
    assert_eq!(block.ends[0].comm, "sleep");
}

#[test]
fn the_reader_of_a_full_pipe_is_followed_to_a_stopped_process() {
    // It writes to a process that waits to read from a stopped one.
    let (python, line) = Running::python(
        "import os, signal, subprocess\n\
         stopped = subprocess.Popen(['sleep', '600'], stdout=subprocess.PIPE)\n\
         stopped.send_signal(signal.SIGSTOP)\n\
         os.dup2(stopped.stdout.fileno(), 9)\n\
         reads = subprocess.Popen(['sh', '-c', 'read line <&9'], stdin=subprocess.PIPE, pass_fds=[9])\n\
         os.close(9)\n\
         stopped.stdout.close()\n\
         print(reads.pid, stopped.pid, flush=True)\n\
         os.write(reads.stdin.fileno(), bytes(1 << 20))",
    );
    let numbers: Vec<u32> = line.split(' ').filter_map(|it| it.parse().ok()).collect();
    // The shell may not read yet.
    let next = |block: &Block| block.ends.first().and_then(|end| end.waits_for.clone());
    let reads = |block: Block| block.on == On::PipeRead;
    let block = block_once(python.pid(), &[], |block| {
        block.on == On::PipeWrite && next(block).is_some_and(|it| reads(*it))
    });
    assert_eq!(pids(&block), numbers[..1]);
    assert_eq!(block.ends[0].relation, Relation::Descendant);
    let next = block.ends[0].waits_for.as_ref().expect("it waits too");
    assert_eq!(
        (&next.on, pids(next)),
        (&On::PipeRead, numbers[1..].to_vec())
    );
    assert_eq!(next.ends[0].state, Some('T'));
}

#[test]
fn a_process_with_both_ends_of_a_pipe_is_named_itself() {
    let (python, _) =
        Running::python("import os\nr, w = os.pipe()\nprint(flush=True)\nos.read(r, 1)");
    let block = python.block(&[], |on| *on == On::PipeRead);
    assert_eq!(pids(&block), [python.pid()]);
    assert_eq!(block.ends[0].relation, Relation::Itself);
}

#[test]
fn a_fifo_without_another_end_is_named() {
    let root = tempfile::tempdir().expect("a folder can be made");
    let path = root.path().join("a b'\n");
    let (python, _) = Running::python(&format!(
        "import os\nos.chdir({:?})\nos.mkfifo({name:?})\nprint(flush=True)\nopen({name:?})",
        root.path(),
        name = "a b'\n",
    ));
    let block = python.block(&[], |on| matches!(on, On::FifoOpen { .. }));
    let shown = proc::name_of(path.as_os_str().as_encoded_bytes());
    assert_eq!(block.on, On::FifoOpen { path: Some(shown) });
    assert_eq!((block.ends, block.unknown), (vec![], None));
}

#[test]
fn the_other_end_of_a_fifo_a_socket_and_a_watched_pipe_is_found() {
    let root = tempfile::tempdir().expect("a folder can be made");
    for wait in [
        "os.mkfifo('f'); f = os.open('f', os.O_RDWR); w = other(f); r = os.open('f', os.O_RDONLY); \
         os.close(f); ready(w); os.read(r, 1)",
        "r, f = socket.socketpair(); w = other(f.fileno()); f.close(); ready(w); r.recv(1)",
        "l = socket.create_server(('127.0.0.1', 0)); f = socket.create_connection(l.getsockname()); \
         r, _ = l.accept(); w = other(f.fileno()); f.close(); ready(w); r.recv(1)",
        "r, f = os.pipe(); w = other(f); os.close(f); ready(w); select.select([r], [], [], 900)",
        "r, f = os.pipe(); w = other(f); os.close(f); p = select.poll(); p.register(r); ready(w); \
         p.poll()",
        "r, f = os.pipe(); w = other(f); os.close(f); p = select.epoll(); p.register(r); ready(w); \
         p.poll()",
        "f = open('l', 'w'); fcntl.flock(f, fcntl.LOCK_EX); w = other(f.fileno()); f.close(); \
         ready(w); fcntl.flock(open('l'), fcntl.LOCK_EX)",
        "import fcntl\npid = os.fork()\nif pid == 0:\n f = open('l', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); \
         ready(os.getpid()); time.sleep(600)\nelse:\n time.sleep(0.5); fcntl.lockf(open('l', 'w'), fcntl.LOCK_EX)",
    ] {
        let (python, other) = Running::python(&format!(
            "import fcntl, os, select, socket, subprocess, time\nos.chdir({:?})\n\
             def other(f): return subprocess.Popen(['sleep', '600'], pass_fds=[f]).pid\n\
             def ready(pid): print(pid, flush=True)\n{wait}",
            root.path(),
        ));
        let waits = |on: &On| !matches!(on, On::Timer | On::Other { .. });
        let block = python.block(&[], waits);
        let other: u32 = other.parse().expect("a PID");
        assert_eq!(
            (pids(&block), &block.unknown),
            (vec![other], &None),
            "{wait}: {block:?}"
        );
        assert_eq!(block.ends[0].relation, Relation::Descendant, "{wait}");
        if let On::Events { kinds, timed } = &block.on {
            assert_eq!(
                (kinds.as_slice(), *timed),
                (&["pipe".to_owned()][..], wait.contains("900"))
            );
        }
    }
}

#[test]
fn waits_without_another_end_are_known_by_kind() {
    for (wait, on) in [
        ("time.sleep(600)", On::Timer),
        ("signal.pause()", On::Signal),
        ("signal.sigwait([signal.SIGUSR1])", On::Signal),
        (
            "threading.Thread(target=signal.pause).start()\n\
             l = threading.Lock(); l.acquire(); l.acquire()",
            On::PrivateFutex,
        ),
        (
            "l = threading.Lock(); l.acquire(); l.acquire()",
            On::LoneFutex,
        ),
        ("subprocess.Popen(['sleep', '600']).wait()", On::Child),
    ] {
        let (python, _) = Running::python(&format!(
            "import os, signal, subprocess, threading, time\nprint(flush=True)\n{wait}"
        ));
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let block = block_of(&mut Search::new(), python.pid(), python.pid());
            if block
                .as_ref()
                .is_some_and(|block| block.on == on && block.ends.is_empty())
            {
                break;
            }
            assert!(Instant::now() < until, "{wait}: {block:?}");
            sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn processes_that_map_the_memory_of_a_lock_are_found() {
    // A semaphore of three processes. A thread join is not a shared lock.
    let lock = "import multiprocessing, os, signal, threading\n\
                lock = multiprocessing.get_context('fork').Lock()\n\
                lock.acquire()\n";
    let (alone, _) = Running::python(&format!("{lock}print(flush=True)\nlock.acquire()"));
    let shared = |on: &On| matches!(on, On::SharedFutex { path: Some(_) });
    let block = alone.block(&[], shared);
    assert!(pids(&block).is_empty(), "{block:?}");
    let (python, line) = Running::python(&format!(
        "{lock}pids = []\n\
         for _ in range(2):\n    \
         pid = os.fork()\n    \
         if not pid: signal.pause()\n    \
         pids.append(pid)\n\
         print(*pids, flush=True)\n\
         lock.acquire()"
    ));
    let children: Vec<u32> = line.split(' ').filter_map(|it| it.parse().ok()).collect();
    // They may not pause yet.
    let is_other = |end: &End| end.relation == Relation::Descendant && end.waits_for.is_none();
    let block = block_once(python.pid(), &[], |block| {
        shared(&block.on) && pids(block) == children && block.ends.iter().all(is_other)
    });
    assert!(
        block.unknown.is_some() && block.actor().is_none(),
        "{block:?}"
    );
    let (joins, _) = Running::python(
        "import ctypes, signal, threading\nlibc = ctypes.CDLL(None)\n\
         thread = ctypes.c_ulong()\n\
         start = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: signal.pause() and None)\n\
         libc.pthread_create(ctypes.byref(thread), None, start, None)\n\
         print(flush=True)\nlibc.pthread_join(thread, None)",
    );
    joins.block(&[], |on| *on == On::PrivateFutex);
}

#[test]
fn the_listener_is_the_other_end_of_a_connection_that_is_not_accepted() {
    for (family, address) in [
        ("AF_INET", "('127.0.0.1', 0)"),
        ("AF_UNIX", "'\\0reapwatch' + str(os.getpid())"),
        ("AF_UNIX", "tempfile.mkdtemp() + '/a b'"),
    ] {
        let (python, line) = Running::python(&format!(
            "import os, signal, socket, tempfile\n\
             one = lambda: socket.socket(socket.{family})\n\
             l = one(); l.bind({address}); l.listen(0)\n\
             pid = os.fork()\n\
             if not pid: signal.pause()\n\
             name = l.getsockname(); l.close(); print(pid, flush=True)\n\
             all = [one() for _ in range(8)]\n\
             for it in all: it.connect(name)"
        ));
        let connects = |on: &On| {
            matches!(
                on,
                On::Connect {
                    address: Some(_),
                    ..
                }
            )
        };
        let block = python.block(&[], connects);
        assert_eq!(
            pids(&block),
            [line.parse::<u32>().expect("a number")],
            "{block:?}"
        );
    }
}

#[test]
fn the_last_user_of_a_queue_or_semaphore_is_found() {
    // A child sends and takes back a message, and raises and lowers a semaphore; then both wait.
    let calls = "import ctypes, os, signal\n\
                 libc = ctypes.CDLL(None)\n\
                 q = libc.msgget(0, 0o1600)\n\
                 s = libc.semget(0, 2, 0o1600)\n\
                 message = ctypes.create_string_buffer(b'\\x01' + bytes(15))\n\
                 one = lambda n, by: (ctypes.c_short * 3)(n, by, 0)\n\
                 receive = lambda: libc.msgrcv(q, message, 8, 0, 0)\n\
                 lower = lambda: libc.semop(s, one(1, -1), 1)\n\
                 r, w = os.pipe()\n\
                 pid = os.fork()\n\
                 if not pid:\n    \
                 libc.msgsnd(q, message, 8, 0); receive()\n    \
                 libc.semop(s, one(1, 1), 1); lower()\n    \
                 os.write(w, b'x'); signal.pause()\n\
                 os.read(r, 1)\n\
                 print(pid, q, s, flush=True)\n";
    let remove = "signal.signal(signal.SIGTERM, lambda *_: None)\n";
    for (wait, is_queue) in [("receive()", true), ("lower()", false)] {
        let after = "libc.msgctl(q, 0, None); libc.semctl(s, 0, 0)";
        let (python, line) = Running::python(&format!("{calls}{remove}{wait}\n{after}"));
        let numbers: Vec<u32> = line.split(' ').filter_map(|it| it.parse().ok()).collect();
        let [child, queue, set] = numbers[..] else {
            panic!("{line:?}");
        };
        let what = if is_queue {
            Ipc::Messages {
                queue: Some(queue),
                full: false,
            }
        } else {
            Ipc::Semaphore { set: Some(set) }
        };
        let block = python.block(&[], |on| matches!(on, On::Ipc { .. }));
        let on = On::Ipc { what, timed: false };
        assert_eq!((&block.on, pids(&block)), (&on, vec![child]), "{block:?}");
        assert!(block.is_hard() && block.unknown.is_none());
        // They outlive the process.
        let pid = rustix::process::Pid::from_child(&python.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
        let until = Instant::now() + Duration::from_secs(20);
        while !matches!(
            Stat::read(python.pid()),
            None | Some(Stat { state: 'Z', .. })
        ) {
            assert!(Instant::now() < until, "it does not end");
            sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn both_sides_of_a_terminal_are_found() {
    // The child writes to a terminal whose output is stopped; its parent reads the other side.
    let (python, line) = Running::python(
        "import os, pty, signal, termios\n\
         master, slave = pty.openpty()\n\
         termios.tcflow(slave, termios.TCOOFF)\n\
         pid = os.fork()\n\
         if not pid:\n    \
         os.close(master)\n    \
         while True: os.write(slave, b'x' * 100)\n\
         print(pid, os.ttyname(slave), flush=True)\n\
         os.close(slave)\n\
         os.read(master, 1)",
    );
    let (child, terminal) = line.split_once(' ').expect("two words");
    let child: u32 = child.parse().expect("a number");
    let path = Some(terminal.to_owned());
    let block = python.block(&[], |on| matches!(on, On::Master { .. }));
    assert_eq!(
        (&block.on, pids(&block)),
        (&On::Master { path: path.clone() }, vec![child])
    );
    let writes = |block: &Block| matches!(block.on, On::TerminalWrite { .. });
    let one = block_once(child, &[], writes);
    assert_eq!(
        (&one.on, pids(&one)),
        (&On::TerminalWrite { path }, vec![python.pid()])
    );
}

#[test]
fn a_fifo_among_events_is_named_and_its_other_end_found() {
    let (python, line) = Running::python(
        "import os, select, signal, tempfile\n\
         path = tempfile.mkdtemp() + '/f'\n\
         os.mkfifo(path)\n\
         fifo = os.open(path, os.O_RDWR)\n\
         pid = os.fork()\n\
         if not pid: signal.pause()\n\
         print(pid, path, flush=True)\n\
         select.select([fifo], [], [])",
    );
    let (child, path) = line.split_once(' ').expect("two words");
    let block = python.block(&[], |on| matches!(on, On::Events { .. }));
    let kinds = vec![format!("the FIFO {path}")];
    let timed = false;
    assert_eq!(block.on, On::Events { kinds, timed });
    assert_eq!(pids(&block), [child.parse::<u32>().expect("a number")]);
}

#[test]
fn a_signalfd_for_sigchld_is_seen() {
    let signalfd = |signal: &str| {
        let (python, _) = Running::python(&format!(
            "import ctypes, signal, sys\nmask = (ctypes.c_ulong * 16)(1 << (signal.{signal} - 1))\n\
             f = ctypes.CDLL(None).signalfd(-1, mask, 0)\nprint(f, flush=True)\nsignal.pause()"
        ));
        has_signalfd(&mut Search::new(), python.pid())
    };
    assert_eq!(signalfd("SIGCHLD"), Some(true));
    assert_eq!(signalfd("SIGUSR1"), Some(false));
}

#[test]
fn each_file_names_the_capability_that_it_needs() {
    let mut search = Search::new();
    search.note_refused("/proc/42/stack", Some("CAP_SYS_ADMIN"));
    search.note_refused("/proc/42/syscall", Some("CAP_SYS_PTRACE"));
    search.note_refused("/proc/42/syscall", Some("CAP_SYS_PTRACE"));
    // No capability would allow reading it.
    search.note_refused("/proc/1/fd", None);
    let found = search.take_unreadable();
    let capability = |path: &str| {
        found
            .iter()
            .find(|it| it.starts_with(path))
            .expect("it is there")
    };
    assert!(capability("/proc/42/stack").ends_with("CAP_SYS_ADMIN"));
    assert!(capability("/proc/42/syscall").ends_with("CAP_SYS_PTRACE"));
    assert_eq!((found.len(), search.take_unreadable().len()), (2, 0));
}
