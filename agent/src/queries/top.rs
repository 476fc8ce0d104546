//! `/api/v1/top`.

use api::{List, Query, TopQuery};
use model::filter::Selection;
use model::state::TOP_FIELDS;

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

/// How many rows of each table a frame has unless it is asked for others: more than a screen shows.
const ROWS: usize = 1_000;
/// Maximum number of rows of each table: a frame is built and sent whole.
pub const MAX_ROWS: usize = 10_000;

impl Ask for TopQuery {
    type Checked = Selection;

    fn check(self) -> Result<Selection, String> {
        let limit = self.0.limit.unwrap_or(ROWS);
        if limit > MAX_ROWS {
            return Err(format!(
                "limit: a frame has at most {MAX_ROWS} rows; zombies and culprits have no limit"
            ));
        }
        let list = List {
            limit: Some(limit),
            ..self.0
        };
        Selection::of(&list, &TOP_FIELDS)
    }

    async fn ask(wanted: Selection, handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        handle.ask(|to| Request::Top(wanted, to)).await
    }

    fn replay(wanted: Selection, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.top(&wanted))
    }
}
