//! Probes on the C libraries of the processes that there are: on `exit` and `_exit`, by file, so that
//! they see processes that start later too if these map the same file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use aya::Ebpf;
use aya::programs::{Program, ProgramError, UProbe, uprobe::UProbeScope};

use super::report::ProbeReport;
use crate::host::proc;

/// At most this many files are probed: each costs some milliseconds at the start.
const FILES: usize = 64;
/// A call of `exit`, and that of `_exit`, which ends it. Both libraries have `_Exit` at the same
/// address.
const PROGRAMS: [(&str, &str); 2] = [("libc_exit", "exit"), ("libc_exit_now", "_exit")];

/// Attaches to each C library in use, and to each static program that has symbols.
pub(super) fn attach(ebpf: &mut Ebpf) -> ProbeReport {
    let mut attached = 0_usize;
    let mut refused = Vec::new();
    let (files, cut) = files();
    for (name, symbol) in PROGRAMS {
        let loaded = match ebpf.program_mut(name) {
            Some(Program::UProbe(program)) => program.load().map(|()| program),
            _ => Err(ProgramError::UnexpectedProgramType),
        };
        match loaded {
            Ok(program) => attached += attach_to(program, symbol, &files, &mut refused),
            Err(error) => refused.push(format!("uprobe:{symbol}: {error}")),
        }
    }
    if cut {
        refused.push(format!(
            "more than {FILES} C libraries and static programs are in use"
        ));
    }
    ProbeReport {
        probe: "libc_exit",
        hook: (attached > 0).then(|| format!("uprobe:exit+_exit in {} files", attached / 2)),
        required: false,
        lost: (attached == 0).then(|| "time in exit handlers, --libc-exit".to_owned()),
        refused,
    }
}

/// Number of files to which it was attached. Static programs without symbols are left out.
fn attach_to(
    program: &mut UProbe,
    symbol: &str,
    files: &[CodeFile],
    refused: &mut Vec<String>,
) -> usize {
    let mut attached = 0;
    for file in files {
        match program.attach(symbol, &file.path, UProbeScope::AllProcesses) {
            Ok(_) => attached += 1,
            Err(error) if file.is_libc => {
                refused.push(format!("uprobe:{symbol} in {}: {error}", file.name));
            }
            Err(error) => log::debug!("uprobe:{symbol} in {}: {error}", file.name),
        }
    }
    attached
}

/// A file with code of a C library.
struct CodeFile {
    /// Where it can be opened, even if it was deleted or is in another mount namespace.
    path: PathBuf,
    name: String,
    is_libc: bool,
}

/// The C library, or the static program, of each process; and whether there are more.
fn files() -> (Vec<CodeFile>, bool) {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for pid in proc::numbers("/proc").into_iter().flatten() {
        let maps = proc::text(format!("/proc/{pid}/maps")).unwrap_or_default();
        let Some(code) = code_of(&maps) else { continue };
        if !seen.insert(code.inode.to_owned()) {
            continue;
        }
        if files.len() == FILES {
            return (files, true);
        }
        files.push(CodeFile {
            path: format!("/proc/{pid}/map_files/{}", code.range).into(),
            name: code.path.to_owned(),
            is_libc: code.is_libc,
        });
    }
    (files, false)
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
        range: range.trim_start_matches('0'),
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
