//! How long a command watches before it judges.

use std::time::Duration;

use clap::Args;

use super::values;

/// How long a command without an agent watches before it judges.
#[derive(Clone, Copy, Debug, Args)]
pub struct WatchArgs {
    /// Without an agent to ask, watch for up to this long before judging; 0s judges at once
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = values::watch_span)]
    pub watch: Duration,
}
