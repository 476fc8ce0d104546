//! Cgroups made by the test and processes that die in them.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A cgroup, removed when dropped with those above it that were made for it.
#[derive(Debug)]
pub(crate) struct Cgroup {
    root: PathBuf,
    /// From the root of its hierarchy, with a slash before it.
    pub(crate) path: String,
}

impl Cgroup {
    /// One of the unified hierarchy.
    pub(crate) fn unified(path: &str) -> Self {
        Self::below(&unified_root(), path)
    }

    /// One of the hierarchy that is mounted there.
    pub(crate) fn below(root: &Path, path: &str) -> Self {
        let cgroup = Self {
            root: root.to_owned(),
            path: path.to_owned(),
        };
        fs::create_dir_all(cgroup.folder()).expect("a cgroup can be made");
        cgroup
    }

    /// Writes to one of its files.
    pub(crate) fn set(&self, file: &str, value: &str) {
        fs::write(self.folder().join(file), value).expect("it can be set");
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join(self.path.trim_start_matches('/'))
    }

    /// Its id.
    pub(crate) fn id(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(self.folder()).expect("it is there").ino()
    }

    /// The file that moves processes into it.
    pub(crate) fn procs(&self) -> CString {
        let file = self.folder().join("cgroup.procs");
        CString::new(file.as_os_str().as_bytes()).expect("no NUL")
    }

    /// A child of this process that has died in it.
    pub(crate) fn death(&self) -> Child {
        let procs = self.procs();
        // SAFETY: the child makes nothing but system calls on what was made before.
        match unsafe { libc::fork() } {
            0 => {
                enter(&procs);
                // SAFETY: as above.
                unsafe { libc::_exit(0) }
            }
            pid => Child::of(pid).dead(),
        }
    }

    /// A child of this process that lives in it and has one zombie there.
    pub(crate) fn leak(&self) -> Child {
        let procs = self.procs();
        // SAFETY: both children make nothing but system calls on what was made before.
        match unsafe { libc::fork() } {
            0 => {
                enter(&procs);
                // SAFETY: as above.
                unsafe {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    if libc::fork() == 0 {
                        libc::_exit(0);
                    }
                    loop {
                        libc::pause();
                    }
                }
            }
            pid => Child::of(pid),
        }
    }

    /// Removes it as soon as no living process is in it; the zombies stay.
    pub(crate) fn remove(&self) {
        let gone = crate::agent::eventually(|| fs::remove_dir(self.folder()).is_ok());
        assert!(gone, "{} cannot be removed", self.folder().display());
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let folder = self.folder();
        let own = folder.ancestors().take_while(|it| *it != self.root);
        // One above may hold another of the test's cgroups; a killed process is gone in a moment.
        for folder in own {
            for _ in 0..50 {
                match fs::remove_dir(folder) {
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                        std::thread::sleep(std::time::Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Moves this process; if that fails, the test fails later.
pub(crate) fn enter(procs: &CString) {
    // SAFETY: the path ends with a NUL, and the length is the text's.
    unsafe {
        let file = libc::open(procs.as_ptr(), libc::O_WRONLY);
        libc::write(file, c"0".as_ptr().cast(), 1);
        libc::close(file);
    }
}

/// An unreaped child; killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: u32,
}

impl Child {
    fn of(pid: i32) -> Self {
        assert!(pid > 0, "fork fails");
        Self { pid: pid as u32 }
    }

    /// Waits until it is a zombie.
    fn dead(self) -> Self {
        // SAFETY: the struct is integers only, and lives as long as the call.
        let status = unsafe {
            let mut info = std::mem::zeroed();
            let how = libc::WEXITED | libc::WNOWAIT;
            libc::waitid(libc::P_PID, self.pid, &raw mut info, how)
        };
        assert_eq!(status, 0, "it is a child");
        self
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let pid = self.pid as i32;
        // SAFETY: the PID is that of an unreaped child.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
    }
}

/// Where the unified hierarchy is mounted.
fn unified_root() -> PathBuf {
    // Any name may be among them.
    let mounts = fs::read("/proc/self/mounts").expect("there are mounts");
    let mounts = String::from_utf8_lossy(&mounts);
    let mut mounts = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = mounts.find(|words| words[2] == "cgroup2");
    PathBuf::from(mount.expect("cgroup2 is mounted")[1])
}
