//! The two sides of a pseudoterminal: a program has the terminal, and whatever shows it has the
//! master side (an SSH server, a terminal emulator, `script`). I/O.

use std::path::{Path, PathBuf};

use super::{
    at::{At, Direction, simple},
    fdinfo::Info,
    search::{HOLDERS, Search},
};
use crate::host::proc;
use model::culprit::evidence::block::{Block, On};

/// Where pseudoterminals are.
const PTS: &str = "/dev/pts";

pub(super) fn of_terminal(search: &mut Search, at: &At, path: &Path, way: Direction) -> Block {
    let name = Some(proc::name_of(path.as_os_str().as_encoded_bytes()));
    let on = match way {
        Direction::Read => On::Terminal { path: name },
        Direction::Write => On::TerminalWrite { path: name },
    };
    let Some(number) = number(path) else {
        return simple(on);
    };
    let pids = masters_of(search, number);
    search.block(on, at, pids)
}

pub(super) fn of_master(search: &mut Search, at: &At, descriptor: u32) -> Block {
    let path = terminal_of(at.pid, descriptor);
    let pids = path.as_deref().map(|path| users_of(search, path));
    let on = On::Master {
        path: path.map(|path| proc::name_of(path.as_os_str().as_encoded_bytes())),
    };
    search.block(on, at, pids.unwrap_or_default())
}

/// The processes that have the master side of a terminal.
pub(super) fn masters_of(search: &mut Search, number: u64) -> Vec<u32> {
    let masters = search.index().masters.clone();
    let of_it = masters
        .into_iter()
        .take(HOLDERS)
        .filter(|it| index_of(it.pid, it.descriptor) == Some(number));
    of_it.map(|it| it.pid).collect()
}

/// The processes that have a terminal open.
pub(super) fn users_of(search: &mut Search, path: &Path) -> Vec<u32> {
    let users = search.index().of_terminal(path).iter();
    users.map(|it| it.pid).collect()
}

/// The number of a pseudoterminal.
pub(super) fn number(path: &Path) -> Option<u64> {
    path.strip_prefix(PTS).ok()?.to_str()?.parse().ok()
}

/// The terminal of a master side.
pub(super) fn terminal_of(pid: u32, descriptor: u32) -> Option<PathBuf> {
    let number = index_of(pid, descriptor)?;
    Some(Path::new(PTS).join(number.to_string()))
}

fn index_of(pid: u32, descriptor: u32) -> Option<u64> {
    let info = proc::text(format!("/proc/{pid}/fdinfo/{descriptor}")).ok()?;
    Info(&info).number("tty-index")
}
