//! `/api/v1/stuck`.

use std::time::Duration;

use api::{Document, Query, Stuck, StuckQuery};
use model::filter::{Row, STUCK_FIELDS, Selection};

use super::Ask;
use crate::engine::STUCK_AFTER;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

impl Ask for StuckQuery {
    type Checked = (Duration, Selection);

    fn check(self) -> Result<Self::Checked, String> {
        let wanted = Selection::of(&self.list(), &STUCK_FIELDS)?;
        Ok((self.threshold.unwrap_or(STUCK_AFTER), wanted))
    }

    async fn ask(
        (threshold, wanted): Self::Checked,
        handle: &Handle,
    ) -> Result<<Self as Query>::Answer, Stopped> {
        let document = handle.ask(|to| Request::Stuck(threshold, to)).await?;
        Ok(choose(document, &wanted))
    }

    fn replay(
        (threshold, wanted): Self::Checked,
        replay: &Replay,
    ) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(choose(replay.stuck(threshold), &wanted))
    }
}

/// The document with the items that are wanted.
fn choose(document: Document<Stuck>, wanted: &Selection) -> Document<Stuck> {
    let chosen = wanted.choose(document.items.iter().map(Row::from));
    let rows = chosen.rows.iter();
    Document {
        items: rows.map(|&row| document.items[row].clone()).collect(),
        total: chosen.total,
        ..document
    }
}
