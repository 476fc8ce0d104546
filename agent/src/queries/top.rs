//! `/api/v1/top`.

use api::{Query, TopQuery};

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

/// How many rows of each table a frame has unless it is asked for others: more than a screen shows.
const ROWS: usize = 1_000;
/// Maximum number of rows of each table: a frame is built and sent whole.
pub const MAX_ROWS: usize = 10_000;

impl Ask for TopQuery {
    type Checked = usize;

    fn check(self) -> Result<usize, String> {
        let limit = self.limit.unwrap_or(ROWS);
        if limit > MAX_ROWS {
            return Err(format!(
                "limit: a frame has at most {MAX_ROWS} rows; zombies and culprits have no limit"
            ));
        }
        Ok(limit)
    }

    async fn ask(limit: usize, handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        handle.ask(|to| Request::Top(limit, to)).await
    }

    fn replay(limit: usize, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.top(limit))
    }
}
