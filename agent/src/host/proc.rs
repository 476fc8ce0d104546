//! Reads files of /proc, of cgroups and of mounts as bytes: they contain names chosen by processes,
//! and one that is not UTF-8 must not hide the rest of a file. I/O.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::invisible::is_invisible;
use model::events::Comm;

/// A whole file as text, with replacement characters for what is not UTF-8.
pub fn text(path: impl AsRef<Path>) -> io::Result<String> {
    Ok(lossy(fs::read(path)?))
}

/// The name of a process, as `name_of` shows it.
pub fn comm(pid: u32) -> Option<String> {
    comm_at(format!("/proc/{pid}/comm"))
}

/// The name of a process, as the kernel has it.
pub fn name(pid: u32) -> Option<Comm> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(Comm::new(comm.strip_suffix(b"\n").unwrap_or(&comm)))
}

/// The name in a file `comm`, of a process or a thread.
pub fn comm_at(path: impl AsRef<Path>) -> Option<String> {
    let comm = fs::read(path).ok()?;
    // The kernel ends it with a newline; earlier ones belong to the name.
    Some(name_of(comm.strip_suffix(b"\n").unwrap_or(&comm)))
}

/// A name without characters that could move a terminal's cursor, like names from the kernel side.
pub fn name_of(bytes: &[u8]) -> String {
    let harmless = |char: char| {
        if char.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            char
        }
    };
    String::from_utf8_lossy(bytes)
        .chars()
        .map(harmless)
        .collect()
}

/// The name and the fields of a `stat` file, from the state on. The name may contain anything, so
/// it ends at the last parenthesis.
pub fn split_stat(stat: &[u8]) -> Option<(&[u8], Vec<&str>)> {
    let open = stat.iter().position(|&byte| byte == b'(')?;
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let comm = stat.get(open + 1..close)?;
    Some((comm, fields.split_ascii_whitespace().collect()))
}

/// The numeric entries of a directory: processes, threads, descriptors.
pub fn numbers(folder: &str) -> io::Result<impl Iterator<Item = u32> + use<>> {
    let entries = fs::read_dir(folder)?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// The threads of a process, at most `most`.
pub fn threads(tgid: u32, most: usize) -> Vec<u32> {
    let numbers = numbers(&format!("/proc/{tgid}/task"));
    numbers.into_iter().flatten().take(most).collect()
}

/// The living children of a thread, the oldest first; `None` if the kernel does not list them.
pub fn children(pid: u32, tid: u32) -> Option<Vec<u32>> {
    let text = text(format!("/proc/{pid}/task/{tid}/children")).ok()?;
    let pids = text.split_ascii_whitespace();
    Some(pids.filter_map(|pid| pid.parse().ok()).collect())
}

/// A path from `mountinfo` or `mounts`, where blanks, newlines and backslashes are octal.
pub fn mount_path(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [byte, after @ ..] = rest {
        rest = after;
        let octal = after.get(..3).filter(|_| *byte == b'\\');
        let code = octal.and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        path.push(code.unwrap_or(*byte));
        if code.is_some() {
            rest = &after[3..];
        }
    }
    path_of(&path)
}

/// A path is bytes.
pub fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// A path quoted for a shell, if necessary. Invisible characters are written as `$'\377'`, which bash
/// and POSIX.1-2024 shells understand.
pub fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return path.display().to_string();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(is_invisible) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let mut word = "$'".to_owned();
            for &byte in bytes {
                match byte {
                    b'\'' | b'\\' => word.extend(['\\', byte.into()]),
                    b' '..=b'~' => word.push(byte.into()),
                    // Writing to a string does not fail.
                    _ => drop(write!(word, "\\{byte:03o}")),
                }
            }
            word + "'"
        }
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_what_moves_a_cursor() {
        assert_eq!(name_of(b"a b) (c"), "a b) (c");
        assert_eq!(name_of(b"a\n\x1b[2J"), "a\u{fffd}\u{fffd}[2J");
        assert_eq!(name_of(&[0xff; 15]), "\u{fffd}".repeat(15));
        let me = comm(std::process::id());
        assert!(me.is_some_and(|name| !name.contains('\n')));
    }

    #[test]
    fn a_name_in_stat_ends_at_the_last_parenthesis() {
        let split = |comm: &[u8]| {
            let stat = [b"42 (".as_slice(), comm, b") S 1 42 40 0\n"].concat();
            let (name, fields) = split_stat(&stat).expect("it has both");
            assert_eq!(
                (name, fields.as_slice()),
                (comm, &["S", "1", "42", "40", "0"][..])
            );
        };
        for comm in [b"sh".as_slice(), b"a) Z 9 (", b"x\n) R (", &[0xff; 15], b""] {
            split(comm);
        }
        assert_eq!(split_stat(b""), None);
        assert_eq!(split_stat(b") ("), None);
    }

    #[test]
    fn octal_codes_of_mounts_are_bytes() {
        let path = |field: &[u8]| mount_path(field).into_os_string().into_encoded_bytes();
        assert_eq!(path(br"/a\040b\011\012\134"), b"/a b\t\n\\");
        assert_eq!(path(b"/\xff\\377"), b"/\xff\xff");
        assert_eq!(path(br"/a\9\04"), br"/a\9\04");
        assert_eq!(path(br"/a\"), br"/a\");
    }

    #[test]
    fn a_shell_reads_a_path_as_it_is() {
        for bytes in [
            b"/sys/fs/cgroup/a.slice".as_slice(),
            b"/a b'c\"$(d)`e`*",
            b"/a\nb\\c'd\x1b",
            b"/\xff\xfe 7",
            "/größe".as_bytes(),
            "/a\u{202e}b\u{2066}c\u{feff}".as_bytes(),
        ] {
            let word = shell_word(&path_of(bytes));
            assert!(!word.contains(is_invisible), "{word:?}");
            let mut bash = std::process::Command::new("bash");
            let output = bash.args(["-c", &format!("printf %s {word}")]).output();
            assert_eq!(output.expect("bash runs").stdout, bytes, "{word}");
        }
        assert_eq!(shell_word(Path::new("/a/b.c")), "/a/b.c");
    }
}
