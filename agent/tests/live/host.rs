//! A host with less than this one has: what a program started here sees, without harm to others.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Gid, Uid};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid, unshare_unsafe,
};
use tempfile::TempDir;

use crate::agent::REAPWATCH;

pub(crate) const NOBODY: u32 = 65534;

/// What is taken away, and a folder for sockets there.
#[derive(Debug)]
pub(crate) struct Host {
    folder: TempDir,
    program: PathBuf,
    less: Less,
}

#[derive(Clone, Debug, Default)]
struct Less {
    /// What is shown at which place.
    shown: Vec<(CString, CString)>,
    /// Folders that show nothing.
    emptied: Vec<CString>,
    unmounted: Vec<CString>,
    /// Capabilities taken from root.
    lost: Option<CapabilitySet>,
    /// No capability.
    left: Option<CapabilitySet>,
    memlock: Option<u64>,
}

impl Host {
    /// As this one, but no agent runs there; the program is where all users may run it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let program = folder.path().join("reapwatch");
        // A link keeps the pages, of which an emulator has translated the code; a copy crosses file
        // systems.
        fs::hard_link(REAPWATCH, &program)
            .or_else(|_| fs::copy(REAPWATCH, &program).map(drop))
            .expect("the program can be linked or copied");
        for path in [folder.path(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))
                .expect("the folder is writable");
        }
        Self {
            folder,
            program,
            less: Less {
                emptied: vec![c"/run".to_owned()],
                ..Less::default()
            },
        }
    }

    /// With a file of this content in the place of another.
    pub(crate) fn showing(mut self, content: &[u8], place: &str) -> Self {
        let file = format!("shown-{}", self.less.shown.len());
        let file = self.folder.path().join(file);
        fs::write(&file, content).expect("a file can be made");
        let file = CString::new(file.as_os_str().as_bytes()).expect("no NUL");
        self.less.shown.push((file, c_string(place)));
        self
    }

    /// With nothing in that folder.
    pub(crate) fn emptied(mut self, folder: &str) -> Self {
        self.less.emptied.push(c_string(folder));
        self
    }

    /// Without the file system at that place.
    pub(crate) fn unmounted(mut self, place: &str) -> Self {
        self.less.unmounted.push(c_string(place));
        self
    }

    /// With a root that lacks these capabilities.
    pub(crate) fn losing(mut self, lost: CapabilitySet) -> Self {
        self.less.lost = Some(lost);
        self
    }

    /// As the user `nobody`, with only these capabilities.
    pub(crate) fn run_by_nobody(mut self, left: CapabilitySet) -> Self {
        chown(self.folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may do that");
        self.less.left = Some(left);
        self
    }

    /// With that many bytes of locked memory at most.
    pub(crate) fn memlock(mut self, bytes: u64) -> Self {
        self.less.memlock = Some(bytes);
        self
    }

    /// The socket of an agent there.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("s.sock")
    }

    /// The program under test, there.
    pub(crate) fn reapwatch(&self) -> Command {
        let less = self.less.clone();
        let mut command = Command::new(&self.program);
        command.current_dir("/").stdin(Stdio::null());
        // SAFETY: between fork and exec there are only system calls on what was made before.
        unsafe { command.pre_exec(move || less.apply()) };
        command
    }
}

impl Less {
    fn apply(&self) -> io::Result<()> {
        // SAFETY: the process has one thread, and shares nothing that it needs.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )?;
        for place in &self.unmounted {
            // It may not be mounted.
            let _absent = unmount(place, UnmountFlags::DETACH);
        }
        for place in &self.emptied {
            mount(c"tmpfs", place, c"tmpfs", MountFlags::empty(), None)?;
        }
        for (file, place) in &self.shown {
            mount_bind(file, place)?;
        }
        if let Some(bytes) = self.memlock {
            let limit = Rlimit {
                current: Some(bytes),
                maximum: Some(bytes),
            };
            setrlimit(Resource::Memlock, limit)?;
        }
        for lost in self.lost.iter().flat_map(CapabilitySet::iter) {
            remove_capability_from_bounding_set(lost)?;
        }
        self.left.map_or(Ok(()), switch_to_nobody)
    }
}

fn switch_to_nobody(left: CapabilitySet) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    let sets = CapabilitySets {
        effective: left,
        permitted: left,
        inheritable: left,
    };
    set_capabilities(None, sets)?;
    for capability in left.iter() {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// The types of this kernel without a function of that name.
pub(crate) fn types_without(function: &str) -> Vec<u8> {
    let mut types = fs::read("/sys/kernel/btf/vmlinux").expect("this kernel shows its types");
    let name = format!("\0{function}\0");
    let at = types
        .windows(name.len())
        .position(|window| window == name.as_bytes());
    let last = at.expect("this kernel has it") + function.len();
    types[last] = b'_';
    types
}

fn c_string(path: &str) -> CString {
    CString::new(Path::new(path).as_os_str().as_bytes()).expect("no NUL")
}
