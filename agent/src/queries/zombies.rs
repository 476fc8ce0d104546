//! `/api/v1/zombies`.

use std::{mem, vec};

use api::{Query, Zombie, ZombiesQuery};
use futures_util::stream;
use model::events::Key;
use model::filter::Selection;
use model::state::{ListedZombies, ZOMBIE_FIELDS};

use super::{Ask, Parts};
use crate::engine::replay::Replay;
use crate::handle::{Handle, Request, Stopped};

/// How many zombies a part of the answer has: some 100 kB.
const ROWS: usize = 64;
/// Most rows are shorter. Larger buffers would come from the kernel, and go back to it each time.
const ROW_BYTES: usize = 1536;

impl Ask for ZombiesQuery {
    type Checked = Selection;

    fn check(self) -> Result<Selection, String> {
        Selection::of(&self.0, &ZOMBIE_FIELDS)
    }

    async fn ask(wanted: Selection, handle: &Handle) -> Result<<Self as Query>::Answer, Stopped> {
        handle.zombies(wanted).await
    }

    fn replay(wanted: Selection, replay: &Replay) -> anyhow::Result<<Self as Query>::Answer> {
        Ok(replay.zombies(&wanted))
    }

    fn parts(wanted: Selection, handle: Handle) -> Result<Parts, Selection> {
        let step = async |(handle, left): (Handle, Left)| {
            Ok(match left {
                Left::All(wanted) => {
                    let listed = handle.ask(|to| Request::Zombies(wanted, to)).await?;
                    let (begin, rows) = Rows::of(listed);
                    Some((begin, (handle, Left::Rows(rows))))
                }
                Left::Rows(mut rows) => {
                    let keys: Vec<_> = rows.keys.by_ref().take(ROWS).collect();
                    let is_last = keys.is_empty();
                    // The loop makes the next rows while the last ones are written.
                    let next = handle.ask(|to| Request::ZombieRows(keys, to));
                    let zombies = mem::take(&mut rows.made);
                    let (made, text) = tokio::join!(next, async { rows.written(&zombies) });
                    if is_last {
                        let end = [text, rows.end.into_bytes()].concat();
                        Some((end, (handle, Left::Nothing)))
                    } else {
                        rows.made = made?;
                        Some((text, (handle, Left::Rows(rows))))
                    }
                }
                Left::Nothing => None,
            })
        };
        Ok(Box::pin(stream::try_unfold(
            (handle, Left::All(wanted)),
            step,
        )))
    }
}

/// What is still to be sent.
enum Left {
    All(Selection),
    Rows(Rows),
    Nothing,
}

/// The items, and what follows them.
struct Rows {
    keys: vec::IntoIter<Key>,
    /// Not written yet.
    made: Vec<Zombie>,
    begun: bool,
    end: String,
}

impl Rows {
    /// What precedes them, and the rest.
    fn of(ListedZombies { document, chosen }: ListedZombies) -> (Vec<u8>, Self) {
        let text = serde_json::to_string(&document).unwrap_or_default();
        // No text inside can contain this: its quotes would be escaped.
        let (begin, end) = text.split_once("\"items\":[]").unwrap_or((&text, ""));
        let rows = Self {
            keys: chosen.in_order().into_iter(),
            made: Vec::new(),
            begun: false,
            end: format!("]{end}"),
        };
        (format!("{begin}\"items\":[").into_bytes(), rows)
    }

    fn written(&mut self, zombies: &[Zombie]) -> Vec<u8> {
        let mut text = Vec::with_capacity(zombies.len() * ROW_BYTES);
        for zombie in zombies {
            if mem::replace(&mut self.begun, true) {
                text.push(b',');
            }
            zombie.write(&mut text);
        }
        text
    }
}
