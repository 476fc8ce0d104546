//! Probes on the C libraries of processes: on `exit` and `_Exit`, by file, so that they see all
//! processes that map the same file. Files that come later, such as those of a new container, are
//! looked for from time to time.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, sync::mpsc, thread};

use aya::Ebpf;
use aya::programs::uprobe::UProbeScope;
use aya::programs::{ProbeKind, Program, ProgramError, UProbe};

use super::{error::KernelError, privileges, report::ProbeReport};
use crate::host::proc;

/// At most this many files are probed: each costs some milliseconds.
const FILES: usize = 64;
/// How often files are looked for.
const EVERY: Duration = Duration::from_secs(10);
/// A call of `exit`, and that of `_Exit`, which ends it. In glibc, `_exit` is the same function; in
/// musl, it calls `_Exit`, as `exit` does.
const PROGRAMS: [(&str, &str); 2] = [("libc_exit", "exit"), ("libc_exit_now", "_Exit")];

/// Attaches to each C library in use, and to each static program that has symbols. Returns what
/// attaches to those that come later.
pub(super) fn attach(ebpf: &mut Ebpf) -> (ProbeReport, Option<Later>) {
    let mut libraries = Libraries::default();
    let mut refused = Vec::new();
    let mut probes = Vec::new();
    for (name, symbol) in PROGRAMS {
        match load(ebpf, name) {
            Ok(program) => probes.push((symbol, program)),
            Err(error) => refused.push(format!("uprobe:{symbol}: {error}")),
        }
    }
    let mut attached = 0_usize;
    for file in libraries.new_files() {
        attached += usize::from(file.attach(&mut probes, &mut refused));
    }
    if libraries.is_full() {
        refused.push(format!(
            "more than {FILES} C libraries and static programs are in use"
        ));
    }
    let report = ProbeReport {
        probe: "libc_exit",
        hook: (attached > 0).then(|| format!("uprobe:exit+_Exit in {attached} files")),
        required: false,
        lost: (attached == 0).then(|| "time in exit handlers, --libc-exit".to_owned()),
        refused,
    };
    let is_whole = probes.len() == PROGRAMS.len();
    (report, is_whole.then_some(Later { libraries, probes }))
}

/// The program, with links of its own: it is detached when this is dropped.
fn load(ebpf: &mut Ebpf, name: &'static str) -> Result<UProbe, ProgramError> {
    let Some(Program::UProbe(program)) = ebpf.program_mut(name) else {
        return Err(ProgramError::UnexpectedProgramType);
    };
    program.load()?;
    let info = program.info()?;
    // SAFETY: it was compiled as a program for the entry of a function.
    unsafe { UProbe::from_program_info(info, name.into(), ProbeKind::Entry) }
}

/// What attaches to C libraries that come later.
pub(crate) struct Later {
    libraries: Libraries,
    probes: Vec<(&'static str, UProbe)>,
}

impl Later {
    /// Looks for them until this process ends, on a thread that keeps the capabilities for this.
    pub(super) fn start(mut self) -> Result<(), KernelError> {
        let thread = thread::Builder::new().name("reapwatch-libc".to_owned());
        let (to, limited) = mpsc::channel();
        let look = move || {
            // Nobody has gone: the other end waits.
            let _waits = to.send(privileges::keep_for_libraries());
            while !self.libraries.is_full() {
                thread::sleep(EVERY);
                self.look();
            }
            // Dropping the probes would detach them.
            loop {
                thread::park();
            }
        };
        let started = thread.spawn(look).map(drop);
        let limited = started.and_then(|()| limited.recv().map_err(io::Error::other)?);
        limited.map_err(|error| KernelError::Load(format!("no thread for C libraries: {error}")))
    }

    fn look(&mut self) {
        for file in self.libraries.new_files() {
            let mut refused = Vec::new();
            if !file.attach(&mut self.probes, &mut refused) && file.is_libc {
                log::debug!("{}", refused.join("; "));
            }
        }
    }
}

/// A file with code of a C library.
struct CodeFile {
    /// Where it can be opened, even if it was deleted or is in another mount namespace.
    path: PathBuf,
    name: String,
    is_libc: bool,
}

impl CodeFile {
    /// Whether both probes were attached. Static programs without symbols are left out.
    fn attach(&self, probes: &mut [(&'static str, UProbe)], refused: &mut Vec<String>) -> bool {
        let mut attached = !probes.is_empty();
        for (symbol, program) in probes {
            let Err(error) = program.attach(*symbol, &self.path, UProbeScope::AllProcesses) else {
                continue;
            };
            attached = false;
            let error = anyhow::Error::new(error);
            let why = format!("uprobe:{symbol} in {}: {error:#}", self.name);
            if self.is_libc {
                refused.push(why);
            } else {
                log::debug!("{why}");
            }
        }
        attached
    }
}

/// The files that were found, and the processes in which they were looked for.
#[derive(Default)]
struct Libraries {
    /// Device and inode of each file.
    seen: HashSet<String>,
    /// The device and inode of each process' program: others are mapped after an exec.
    looked: HashMap<u32, (u64, u64)>,
}

impl Libraries {
    fn is_full(&self) -> bool {
        self.seen.len() >= FILES
    }

    /// The C library, or the static program, of each process, unless it has been found before.
    fn new_files(&mut self) -> Vec<CodeFile> {
        let mut looked = HashMap::new();
        let mut files = Vec::new();
        for pid in proc::numbers("/proc").into_iter().flatten() {
            // Of a thread of the kernel there is none.
            let Ok(program) = fs::metadata(format!("/proc/{pid}/exe")) else {
                continue;
            };
            let program = (program.dev(), program.ino());
            looked.insert(pid, program);
            if self.looked.get(&pid) == Some(&program) {
                continue;
            }
            let maps = proc::text(format!("/proc/{pid}/maps")).unwrap_or_default();
            let Some(code) = code_of(&maps) else { continue };
            if !self.is_full() && self.seen.insert(code.inode.to_owned()) {
                files.push(CodeFile {
                    path: format!("/proc/{pid}/map_files/{}", code.file_name()).into(),
                    name: code.path.to_owned(),
                    is_libc: code.is_libc,
                });
            }
        }
        self.looked = looked;
        files
    }
}

/// A mapping of code, from a line of `maps`.
#[derive(Debug, PartialEq, Eq)]
struct Code<'a> {
    range: &'a str,
    /// Device and inode.
    inode: &'a str,
    path: &'a str,
    is_libc: bool,
}

impl Code<'_> {
    /// Its name in `map_files`, where addresses have no zeros in front.
    fn file_name(&self) -> String {
        let ends = self.range.split('-').map(|it| it.trim_start_matches('0'));
        ends.collect::<Vec<_>>().join("-")
    }
}

/// The C library of a process; without shared libraries, its program.
fn code_of(maps: &str) -> Option<Code<'_>> {
    let mut code = maps.lines().filter_map(code);
    let program = code.next()?;
    if program.is_libc {
        return Some(program);
    }
    let mut is_static = true;
    for library in code {
        if library.is_libc {
            return Some(library);
        }
        is_static &= library.inode == program.inode;
    }
    is_static.then_some(program)
}

/// A line such as `7f0-7f8 r-xp 00028000 fe:00 1234   /usr/lib/libc.so.6`.
fn code(line: &str) -> Option<Code<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (flags, rest) = rest.split_once(' ')?;
    let (_offset, rest) = rest.split_once(' ')?;
    let (inode, path) = rest.split_at(rest.find('/')?);
    flags.contains('x').then(|| Code {
        range,
        inode: inode.trim_end(),
        path,
        is_libc: is_libc(path),
    })
}

fn is_libc(path: &str) -> bool {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        name == "libc.so.6"
            || name == "libc.so"
            || name.starts_with("libc-2.")
            || name.starts_with("libc.musl-")
            || name.starts_with("ld-musl-")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "55d0-55d8 r-xp 00001000 fe:00 41  /usr/bin/cat\n";

    fn named(maps: &str) -> Option<&str> {
        code_of(maps).map(|code| code.path)
    }

    #[test]
    fn the_c_library_of_a_process_is_found() {
        for libc in [
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/lib/x86_64-linux-gnu/libc-2.31.so",
            "/lib/ld-musl-x86_64.so.1",
            "/usr/lib/libc.so.6 (deleted)",
        ] {
            let maps = format!(
                "{PROGRAM}7f0-7f1 r--p 00000000 fe:00 7  {libc}\n\
                 7f1-7f8 r-xp 00028000 fe:00 7  {libc}\n\
                 7ff-800 r-xp 00000000 00:00 0  [vdso]\n"
            );
            let code = code_of(&maps).expect("it has one");
            assert_eq!(
                (code.path, code.range, code.inode),
                (libc, "7f1-7f8", "fe:00 7")
            );
        }
    }

    #[test]
    fn mappings_at_low_addresses_have_their_name_in_map_files() {
        let code = code("00401000-00495000 r-xp 00001000 fe:00 41  /opt/static\n");
        assert_eq!(code.expect("code").file_name(), "401000-495000");
    }

    #[test]
    fn a_program_counts_only_if_it_is_static() {
        assert_eq!(named(PROGRAM), Some("/usr/bin/cat"));
        let other = "7f1-7f8 r-xp 00028000 fe:00 9  /usr/lib/libother.so\n";
        assert_eq!(named(&format!("{PROGRAM}{other}")), None);
        assert_eq!(named("7ff-800 r-xp 00000000 00:00 0  [vdso]\n"), None);
    }

    #[test]
    fn damaged_maps_are_read() {
        fuzz::feed(
            &[PROGRAM, "7f1-7f8 r-xp 00028000 fe:00 7  /a/libc.so.6\n"],
            |bytes| {
                code_of(&String::from_utf8_lossy(bytes));
            },
        );
    }
}
