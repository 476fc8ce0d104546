//! How long a command looks before it judges.

use std::time::Duration;

use clap::Args;

use super::values;

/// How long a command without an agent looks before it judges.
#[derive(Clone, Copy, Debug, Args)]
pub struct WatchArgs {
    /// Without an agent to ask, watch for at most this long before judging; 0s judges at once
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = values::watch_span)]
    pub watch: Duration,
}
