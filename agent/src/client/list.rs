//! Long lists, item by item: `kubectl reapwatch` runs the command in the agent's container, whose
//! memory limit has no room for all items of an incident at once.

use anyhow::{Context as _, bail};
use hyper::body::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Remote, Source};
use crate::queries::{self, Ask};
use api::Document;

/// What precedes the items of a document.
const ITEMS: &[u8] = b"\"items\":[";
/// The largest item, and the largest rest of a document.
const MOST: usize = 1 << 20;

/// What takes a list.
pub enum Take<'a, T> {
    /// Item by item.
    Items(&'a mut dyn FnMut(&T)),
    /// As JSON, part by part.
    Json(&'a mut dyn FnMut(&[u8]) -> anyhow::Result<()>),
}

/// A list whose items have been taken.
#[derive(Debug)]
pub struct Taken<T> {
    /// All but the items.
    pub document: Document<T>,
    /// How many items there were.
    pub shown: u64,
}

impl<T> Taken<T> {
    /// Whether there are none at all, shown or not; an older agent does not count them.
    pub fn is_empty(&self) -> bool {
        self.shown == 0 && self.document.total == 0
    }
}

impl Source {
    /// Asks for a list.
    ///
    /// # Errors
    /// If a parameter is wrong, nobody answers, or a recording cannot.
    pub async fn list<Q, T>(&self, query: Q, take: Take<'_, T>) -> anyhow::Result<Taken<T>>
    where
        Q: Ask<Answer = Document<T>>,
        T: DeserializeOwned + Serialize,
    {
        let path = queries::path_of(&query);
        let checked = query.check().map_err(anyhow::Error::msg)?;
        let mut document = match self {
            Self::Remote(remote) => return remote.list(&path, take).await,
            Self::Embedded(handle) => Q::ask(checked, handle).await?,
            Self::Recorded(replay) => Q::replay(checked, replay)?,
        };
        match take {
            Take::Items(take) => document.items.iter().for_each(take),
            Take::Json(take) => take(&serde_json::to_vec(&document)?)?,
        }
        let shown = document.items.len() as u64;
        document.items.clear();
        Ok(Taken { document, shown })
    }
}

impl Remote {
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        mut take: Take<'_, T>,
    ) -> anyhow::Result<Taken<T>> {
        let mut parts = self.endpoint.parts(path).await?;
        let mut split = Splitter::default();
        let (mut shown, mut is_checked) = (0, false);
        // Not shown before the version of the document is known.
        let mut held = Vec::<Bytes>::new();
        while let Some(part) = parts.next().await? {
            split.take(&part)?;
            held.push(part);
            let Some(head) = split.head() else {
                continue;
            };
            if !std::mem::replace(&mut is_checked, true) {
                self.check(&[head, b"]}"].concat())?;
            }
            for item in split.items.drain(..) {
                shown += 1;
                if let Take::Items(take) = &mut take {
                    take(&serde_json::from_slice(&item).with_context(|| self.no_agent())?);
                }
            }
            for part in held.drain(..) {
                if let Take::Json(take) = &mut take {
                    take(&part)?;
                }
            }
        }
        let rest = &split.rest;
        if !is_checked {
            self.check(rest)?;
        }
        let mut document: Document<T> =
            serde_json::from_slice(rest).with_context(|| self.no_agent())?;
        // A proxy may have laid the document out in another way: then the items are in the rest.
        for item in document.items.drain(..) {
            shown += 1;
            if let Take::Items(take) = &mut take {
                take(&item);
            }
        }
        if let Take::Json(take) = &mut take {
            held.iter().try_for_each(|part| take(part))?;
        }
        Ok(Taken { document, shown })
    }
}

/// Takes the items out of a document that arrives in parts.
#[derive(Debug, Default)]
struct Splitter {
    /// The document without its items.
    rest: Vec<u8>,
    /// How much of it precedes the items.
    head: usize,
    /// Whole items that nobody has taken yet.
    items: Vec<Vec<u8>>,
    item: Vec<u8>,
    place: Place,
    /// How many brackets are open.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Items,
    After,
}

impl Splitter {
    /// What precedes the items, once they begin.
    fn head(&self) -> Option<&[u8]> {
        (self.place != Place::Before).then(|| &self.rest[..self.head])
    }

    fn take(&mut self, part: &[u8]) -> anyhow::Result<()> {
        part.iter().for_each(|&byte| self.take_byte(byte));
        if self.item.len().max(self.rest.len()) > MOST {
            bail!("an item is longer than {MOST} bytes");
        }
        Ok(())
    }

    fn take_byte(&mut self, byte: u8) {
        let is_structure = !self.in_string;
        if self.in_string {
            self.in_string = self.is_escaped || byte != b'"';
            self.is_escaped = !self.is_escaped && byte == b'\\';
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        match self.place {
            // The items are at depth 2, in the list that is in the document.
            Place::Items if is_structure && self.depth == 1 => {
                self.end_item();
                self.place = Place::After;
                self.rest.push(byte);
            }
            Place::Items if is_structure && self.depth == 2 && byte == b',' => self.end_item(),
            Place::Items => self.item.push(byte),
            Place::Before | Place::After => {
                self.rest.push(byte);
                let begins = self.place == Place::Before && is_structure && self.depth == 2;
                if begins && self.rest.ends_with(ITEMS) {
                    self.place = Place::Items;
                    self.head = self.rest.len();
                }
            }
        }
    }

    fn end_item(&mut self) {
        if !self.item.is_empty() {
            self.items.push(std::mem::take(&mut self.item));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"version":1,"host":"a\"items\":[","tags":[1,[2]],"items":[{"comm":"x,]}\\","of":[{"a":1},2]},{"comm":"\"\\\""},3],"total":3,"notes":["items",{"items":[4]}]}"#;
    const REST: &str = r#"{"version":1,"host":"a\"items\":[","tags":[1,[2]],"items":[],"total":3,"notes":["items",{"items":[4]}]}"#;

    fn split(text: &[u8], portion: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut split = Splitter::default();
        for part in text.chunks(portion) {
            split.take(part).expect("it is short");
        }
        (split.rest, split.items)
    }

    #[test]
    fn items_do_not_depend_on_the_size_of_parts() {
        for portion in 1..=TEXT.len() {
            let (rest, items) = split(TEXT.as_bytes(), portion);
            assert_eq!(String::from_utf8_lossy(&rest), REST);
            let items: Vec<_> = items.iter().map(|it| String::from_utf8_lossy(it)).collect();
            let expected = [
                r#"{"comm":"x,]}\\","of":[{"a":1},2]}"#,
                r#"{"comm":"\"\\\""}"#,
                "3",
            ];
            assert_eq!(items, expected, "parts of {portion} bytes");
        }
    }

    #[test]
    fn a_list_without_items_is_all_rest() {
        assert_eq!(
            split(REST.as_bytes(), 7),
            (REST.as_bytes().to_vec(), Vec::new())
        );
    }

    #[test]
    fn damaged_lists_are_split_to_an_end() {
        fuzz::feed(&[TEXT.to_owned(), REST.to_owned()], |bytes| {
            drop(split(bytes, 7));
        });
    }

    #[test]
    fn an_endless_item_is_refused() {
        let mut split = Splitter::default();
        split.take(br#"{"items":[""#).expect("it is short");
        assert!((0..MOST / 4096 + 2).any(|_| split.take(&[b'x'; 4096]).is_err()));
    }
}
