//! `/api/v1/stuck`.

use std::time::Duration;

use anyhow::bail;
use api::{Query, StuckQuery};

use super::Ask;
use crate::engine::STUCK_AFTER;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

impl Ask for StuckQuery {
    type Checked = Duration;

    fn check(self) -> Result<Duration, String> {
        Ok(self.threshold.unwrap_or(STUCK_AFTER))
    }

    async fn ask(threshold: Duration, handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        handle.ask(|to| Request::Stuck(threshold, to)).await
    }

    fn replay(_: Duration, _: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        bail!("a recording has no kernel stacks; run `reapwatch stuck` on the machine itself")
    }
}
