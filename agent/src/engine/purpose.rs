//! What a snapshot is taken for.

use tokio::sync::oneshot;

use api::Explained;
use model::explain::Seen;

/// Each purpose that a snapshot serves.
pub(super) enum Purpose {
    /// To repair the table of the dead.
    Repair,
    /// For a round of judging.
    Judge,
    /// To count stuck exits.
    Count,
    /// For a request about stuck exits.
    Stuck,
    Explain(u32, Seen, oneshot::Sender<Explained>),
}
