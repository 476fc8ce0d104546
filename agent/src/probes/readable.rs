//! Waiting until a file descriptor that somebody else owns can be read.

use std::{io, os::fd::AsRawFd, os::fd::BorrowedFd, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// A second descriptor of the same file, so that its owner stays free to use it.
#[derive(Debug)]
pub(crate) struct Readable(AsyncFd<OwnedFd>);

impl Readable {
    /// # Errors
    /// When no descriptor is left, or the runtime refuses it.
    pub(crate) fn new(owner: &impl AsRawFd) -> io::Result<Self> {
        // SAFETY: the owner is borrowed while its descriptor is duplicated.
        let borrowed = unsafe { BorrowedFd::borrow_raw(owner.as_raw_fd()) };
        let own = borrowed.try_clone_to_owned()?;
        // SAFETY: the descriptor is our own and is closed only after its registration.
        let registered = unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) };
        registered.map(Self).map_err(io::Error::from)
    }

    /// Resolves once for each time that something new can be read. An error of the reactor is
    /// as good as a wake-up: the reader looks and goes on.
    pub(crate) async fn ready(&mut self) {
        if let Ok(mut guard) = self.0.readable_mut().await {
            guard.clear_ready();
        }
    }
}
