//! JSON: one document or object per line.

use serde::Serialize;

use crate::client::Reply;

use super::output::{Reader, print};

/// Prints an answer on one line, as it was sent.
pub fn reply<A: Serialize>(reply: &Reply<A>) -> anyhow::Result<Reader> {
    let json = reply.json()?;
    print(&format!("{}\n", String::from_utf8_lossy(&json)))
}

/// Prints a value on one line and flushes.
pub fn line<T: Serialize>(value: &T) -> anyhow::Result<Reader> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    print(&text)
}
