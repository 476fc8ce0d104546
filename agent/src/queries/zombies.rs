//! `/api/v1/zombies`.

use api::{Query, ZombiesQuery};
use model::filter::Selection;
use model::state::ZOMBIE_FIELDS;

use super::Ask;
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

impl Ask for ZombiesQuery {
    type Checked = Selection;

    fn check(self) -> Result<Selection, String> {
        Selection::of(&self.0, &ZOMBIE_FIELDS)
    }

    async fn ask(wanted: Selection, handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        handle.ask(|to| Request::Zombies(wanted, to)).await
    }

    fn replay(wanted: Selection, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.zombies(&wanted))
    }
}
