//! Looks up a group in /etc/group.

use std::fs;

use rustix::process::Gid;

/// The group with this name or number. Groups from a directory service can be given by number.
pub(super) fn find(name: &str) -> Option<Gid> {
    if let Ok(number) = name.parse() {
        // To the kernel, the highest number means "no change".
        return (number != u32::MAX).then(|| Gid::from_raw(number));
    }
    of_name(name, &fs::read_to_string("/etc/group").ok()?)
}

fn of_name(name: &str, groups: &str) -> Option<Gid> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let same = fields.next() == Some(name);
        let number = fields.nth(1)?.parse().ok()?;
        same.then(|| Gid::from_raw(number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_names_and_numbers() {
        let groups = "root:x:0:\nbroken\nadm:x:4:syslog,me\n";
        assert_eq!(of_name("adm", groups), Some(Gid::from_raw(4)));
        assert_eq!(of_name("me", groups), None);
        assert_eq!(of_name("", groups), None);
        assert_eq!(find("1234"), Some(Gid::from_raw(1234)));
        assert_eq!(find("4294967295"), None);
    }
}
