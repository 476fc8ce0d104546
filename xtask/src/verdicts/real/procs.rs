//! The processes of a case, and which of them has which role.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::case::Role;
use crate::process::{self, Process};

/// The PID of each role.
pub(super) type Cast = BTreeMap<String, u32>;

/// The living processes with these PIDs, and their dead children.
pub(super) fn of_case(living: &[u32]) -> Vec<Process> {
    let mut processes = process::all();
    processes.retain(|process| {
        let is_dead = matches!(process.state, 'Z' | 'X');
        living.contains(&process.pid) || (is_dead && living.contains(&process.parent))
    });
    processes
}

/// Finds a process for each role. PID files are in this folder.
pub(super) fn find(roles: &BTreeMap<String, Role>, procs: &[Process], folder: &Path) -> Cast {
    let mut cast = Cast::new();
    // The parent of a role may be another role, which must be found first.
    for _turn in 0..roles.len() {
        for (name, role) in roles {
            if !cast.contains_key(name)
                && let Some(pid) = find_one(role, procs, folder, &cast)
            {
                cast.insert(name.clone(), pid);
            }
        }
    }
    cast
}

fn find_one(role: &Role, procs: &[Process], folder: &Path, cast: &Cast) -> Option<u32> {
    if let Some(file) = &role.file {
        let text = fs::read_to_string(folder.join(file)).ok()?;
        return text.lines().last()?.trim().parse().ok();
    }
    let parent = match &role.parent {
        Some(name) => Some(*cast.get(name)?),
        None => None,
    };
    let zombies = |pid| {
        let children = procs.iter().filter(|child| child.parent == pid);
        children.filter(|child| child.state == 'Z').count()
    };
    let plays = |proc: &&Process| {
        let name = role.comm.as_ref();
        let by_state = |state: &String| state.contains(proc.state);
        name.is_none_or(|name| is_called(&proc.comm, name))
            && role
                .args
                .as_ref()
                .is_none_or(|args| proc.args.contains(args))
            && role.state.as_ref().is_none_or(by_state)
            && parent.is_none_or(|parent| proc.parent == parent)
            && (role.zombies == 0 || zombies(proc.pid) >= role.zombies)
    };
    procs.iter().find(plays).map(|proc| proc.pid)
}

fn is_called(comm: &str, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => comm.starts_with(start),
        None => comm == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proc(pid: u32, comm: &str, state: char, parent: u32) -> Process {
        Process {
            pid,
            comm: comm.to_owned(),
            state,
            parent,
            args: format!("{comm} 900"),
        }
    }

    fn roles(text: &str) -> BTreeMap<String, Role> {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn roles_are_found_by_name_children_and_parent() {
        let procs = [
            proc(1, "sh", 'S', 0),
            proc(2, "python3.11", 'S', 1),
            proc(3, "sh", 'Z', 2),
            proc(4, "sleep", 'S', 2),
        ];
        let roles = roles(
            "a: {comm: sleep, parent: holder}\nholder: {comm: 'python3*', zombies: 1}\n\
             shell: {comm: sh, state: S}",
        );
        let cast = find(&roles, &procs, Path::new("/nowhere"));
        let expected = [("a", 4), ("holder", 2), ("shell", 1)];
        assert_eq!(
            cast,
            expected.map(|(name, pid)| (name.to_owned(), pid)).into()
        );
    }

    #[test]
    fn a_process_with_too_few_dead_children_has_no_role() {
        let procs = [proc(2, "perl", 'S', 1), proc(3, "perl", 'Z', 2)];
        let roles = roles("app: {comm: perl, zombies: 2}");
        assert!(find(&roles, &procs, Path::new("/nowhere")).is_empty());
    }
}
