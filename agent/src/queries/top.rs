//! `/api/v1/top`.

use api::{Query, TopQuery};

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

impl Ask for TopQuery {
    type Checked = Option<usize>;

    fn check(self) -> Result<Option<usize>, String> {
        Ok(self.limit)
    }

    async fn ask(
        limit: Option<usize>,
        handle: &Handle,
    ) -> Result<<Self as Query>::Answer, Stopped> {
        handle.ask(|to| Request::Top(limit, to)).await
    }

    fn replay(limit: Option<usize>, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.top(limit))
    }
}
