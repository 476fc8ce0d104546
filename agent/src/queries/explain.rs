//! `/api/v1/explain`.

use api::{ExplainQuery, Query};

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Stopped};

impl Ask for ExplainQuery {
    type Checked = u32;

    fn check(self) -> Result<u32, String> {
        Ok(self.pid)
    }

    async fn ask(pid: u32, handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        handle.explain(pid).await
    }

    fn replay(pid: u32, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.explain(pid))
    }
}
