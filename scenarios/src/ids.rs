//! The numbers of a process outside all PID namespaces.

/// PID and thread id of the caller as `/proc` numbers them, whatever PID namespace it is in.
/// Allocates nothing, so that any child may ask.
pub(crate) fn host_ids() -> (u64, u64) {
    let mut link = [0; 64];
    let path = c"/proc/thread-self";
    // SAFETY: the path is NUL-terminated and the buffer has the given length.
    let length = unsafe { libc::readlink(path.as_ptr(), link.as_mut_ptr().cast(), link.len()) };
    let length = usize::try_from(length).unwrap_or(0);
    parse_ids(&link[..length]).unwrap_or((0, 0))
}

/// `PID/task/TID`.
fn parse_ids(link: &[u8]) -> Option<(u64, u64)> {
    let mut parts = std::str::from_utf8(link).ok()?.split('/');
    let pid = parts.next()?.parse().ok()?;
    let tid = parts.nth(1)?.parse().ok()?;
    Some((pid, tid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_the_link() {
        assert_eq!(parse_ids(b"12/task/34"), Some((12, 34)));
        assert_eq!(parse_ids(b""), None);
    }
}
