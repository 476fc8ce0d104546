//! Facts about this host that every answer contains.

/// Host name.
pub(crate) fn name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Kernel release.
pub(crate) fn kernel() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// Page size in bytes.
pub(super) fn page_size() -> u64 {
    rustix::param::page_size() as u64
}
