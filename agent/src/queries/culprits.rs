//! `/api/v1/culprits`.

use api::{CulpritsQuery, Query};
use model::filter::Selection;
use model::state::CULPRIT_FIELDS;

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

impl Ask for CulpritsQuery {
    type Checked = Selection;

    fn check(self) -> Result<Selection, String> {
        Selection::of(&self.0, &CULPRIT_FIELDS)
    }

    async fn ask(wanted: Selection, handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        handle.ask(|to| Request::Culprits(wanted, to)).await
    }

    fn replay(wanted: Selection, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.culprits(&wanted))
    }
}
