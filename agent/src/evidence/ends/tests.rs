//! Real processes that wait for each other.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::*;

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

    /// What its main thread waits for, once it waits for that.
    fn block(&self, zombies: &[u32], wanted: fn(&On) -> bool) -> Block {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut search = Search::new();
            search.left_by(zombies);
            let block = search.block_of(self.pid(), self.pid());
            match block {
                Some(block) if wanted(&block.on) => return block,
                other => assert!(Instant::now() < until, "{other:?}"),
            }
            sleep(Duration::from_millis(20));
        }
    }
}

fn pids(block: &Block) -> Vec<u32> {
    block.ends.iter().map(|end| end.pid).collect()
}

#[test]
fn an_orphan_that_the_dead_left_keeps_a_pipe_open() {
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
    // The shell says the number before it is dead itself.
    let until = Instant::now() + Duration::from_secs(20);
    let block = loop {
        let block = python.block(&[zombie], |on| *on == On::PipeRead);
        if !pids(&block).contains(&zombie) || Instant::now() > until {
            break block;
        }
    };
    assert_eq!((pids(&block), &block.unknown), (vec![sleeper], &None));
    let end = &block.ends[0];
    assert_eq!(
        (end.relation, end.comm.as_str()),
        (Relation::LeftByTheDead, "sleep")
    );
    let timer = end.waits_for.as_ref().map(|block| &block.on);
    assert_eq!(timer, Some(&On::Timer));
}

#[test]
fn who_does_not_read_a_full_pipe_is_found_behind_another() {
    // It writes to a process that itself waits to read from a stopped one.
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
    let block = python.block(&[], |on| *on == On::PipeWrite);
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
fn of_both_ends_of_a_pipe_in_one_hand_itself_is_named() {
    let (python, _) =
        Running::python("import os\nr, w = os.pipe()\nprint(flush=True)\nos.read(r, 1)");
    let block = python.block(&[], |on| *on == On::PipeRead);
    assert_eq!(pids(&block), [python.pid()]);
    assert_eq!(block.ends[0].relation, Relation::Itself);
}

#[test]
fn a_fifo_that_nobody_has_is_named_and_has_no_end() {
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
fn waits_that_nobody_has_an_end_of_are_told_by_kind() {
    for (wait, on) in [
        ("time.sleep(600)", On::Timer),
        ("signal.pause()", On::Signal),
        ("signal.sigwait([signal.SIGUSR1])", On::Signal),
        (
            "threading.Lock().acquire(); l = threading.Lock(); l.acquire(); l.acquire()",
            On::PrivateFutex,
        ),
        ("subprocess.Popen(['sleep', '600']).wait()", On::Child),
    ] {
        let (python, _) = Running::python(&format!(
            "import os, signal, subprocess, threading, time\nprint(flush=True)\n{wait}"
        ));
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let block = Search::new().block_of(python.pid(), python.pid());
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
fn who_else_maps_the_memory_of_a_lock_is_found() {
    // A semaphore of three processes; the end of a thread is no lock that anybody shares.
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
    let block = python.block(&[], shared);
    assert_eq!(pids(&block), children);
    assert!(
        block.unknown.is_some() && block.actor().is_none(),
        "{block:?}"
    );
    assert!(
        block
            .ends
            .iter()
            .all(|end| end.relation == Relation::Descendant && end.waits_for.is_none())
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
fn a_signalfd_for_sigchld_is_seen() {
    let signalfd = |signal: &str| {
        let (python, _) = Running::python(&format!(
            "import ctypes, signal, sys\nmask = (ctypes.c_ulong * 16)(1 << (signal.{signal} - 1))\n\
             f = ctypes.CDLL(None).signalfd(-1, mask, 0)\nprint(f, flush=True)\nsignal.pause()"
        ));
        Search::new().has_signalfd(python.pid())
    };
    assert_eq!(signalfd("SIGCHLD"), Some(true));
    assert_eq!(signalfd("SIGUSR1"), Some(false));
}

#[test]
fn each_file_names_the_capability_that_it_needs() {
    assert_eq!(capability("/proc/42/stack"), "CAP_SYS_ADMIN");
    assert_eq!(capability("/proc/42/syscall"), "CAP_SYS_PTRACE");
    let mut search = Search::new();
    for path in ["/proc/42/stack", "/proc/42/syscall", "/proc/42/syscall"] {
        let told = search.refuse(path);
        assert!(told.ends_with(capability(path)), "{told}");
        // Whoever has it lacks nothing.
        let lacks = !kernel::has_capability(capability(path));
        assert_eq!(told.contains(" needs "), lacks, "{told}");
    }
    let lacking = ["/proc/42/stack", "/proc/42/syscall"]
        .iter()
        .filter(|path| !kernel::has_capability(capability(path)))
        .count();
    let found = search.take_unreadable().len();
    assert_eq!((found, search.take_unreadable().len()), (lacking, 0));
}
