//! A process at its end.

use crate::{
    group::{ExitNotification, Group},
    numbers::Numbers,
    task::Id,
};

/// A process whose last thread has ended, or is about to.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) group: Group,
    pub(crate) id: Id,
    pub(crate) notification: ExitNotification,
    pub(crate) numbers: Numbers,
    pub(crate) status: u32,
}

impl Ending {
    #[inline(always)]
    pub(crate) fn new(group: Group, id: Id, numbers: Numbers) -> Self {
        Self {
            group,
            id,
            notification: group.exit_notification(),
            numbers,
            status: group.wait_status(),
        }
    }
}
