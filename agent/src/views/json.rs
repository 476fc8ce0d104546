//! JSON: one document or object per line.

use serde::Serialize;

use super::output::{Reader, print};

/// Prints a value on one line and flushes.
pub fn line<T: Serialize>(value: &T) -> anyhow::Result<Reader> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    print(&text)
}
