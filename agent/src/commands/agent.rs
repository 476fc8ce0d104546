//! `reapwatch agent`.

use clap::Args as _;

use super::command::{Command, parsed};
use crate::cli::AgentArgs;
use crate::engine;
use crate::views::Outcome;

pub(super) const COMMAND: Command = Command {
    log: "info",
    debugs_probes: true,
    ..Command::new(
        "agent",
        "Run the daemon: load the probes, serve HTTP and a Unix socket",
        "\
Examples:
  sudo reapwatch agent
  sudo reapwatch agent --listen 0.0.0.0:9991      so that Prometheus elsewhere can scrape it
  sudo reapwatch agent --listen 0.0.0.0:9991 --web.config.file web.yml
                                                  the same, with TLS and passwords
  sudo reapwatch agent --listen none              only the Unix socket",
        AgentArgs::augment_args,
        |options, _| {
            let args: AgentArgs = parsed(options);
            Box::pin(async { engine::run(args).await.map(|()| Outcome::Fine) })
        },
    )
};
