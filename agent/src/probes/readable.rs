//! Waits until a file descriptor owned by other code becomes readable.

use std::{io, os::fd::AsRawFd, os::fd::BorrowedFd, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// A duplicate of the descriptor, so that its owner can keep using it.
#[derive(Debug)]
pub(crate) struct Readable(AsyncFd<OwnedFd>);

impl Readable {
    /// # Errors
    /// If no descriptor is left, or the runtime refuses it.
    pub(crate) fn new(owner: &impl AsRawFd) -> io::Result<Self> {
        // SAFETY: the owner is borrowed while its descriptor is duplicated.
        let borrowed = unsafe { BorrowedFd::borrow_raw(owner.as_raw_fd()) };
        let own = borrowed.try_clone_to_owned()?;
        // SAFETY: the descriptor is our own and is closed only after its registration.
        let registered = unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) };
        registered.map(Self).map_err(io::Error::from)
    }

    /// Resolves each time new data can be read. A reactor error counts as a wake-up: the reader
    /// checks and continues.
    pub(crate) async fn ready(&mut self) {
        if let Ok(mut guard) = self.0.readable_mut().await {
            guard.clear_ready();
        }
    }
}
