//! How much memory answers take that clients have not read yet, over all clients of the agent.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// For answers to queries.
const QUERIES: usize = 24 << 20;
/// For metrics, so that clients that read no answers cannot keep Prometheus out.
const PAGES: usize = 8 << 20;
/// What an answer in parts takes: those that wait in one connection.
const PARTS: usize = 256 << 10;
/// Permits are in units of this size.
const UNIT: usize = 1 << 10;

/// Bytes that may be in flight.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    queries: Arc<Semaphore>,
    pages: Arc<Semaphore>,
}

/// An answer, and its share of the budget for as long as any client has it.
struct Held {
    bytes: Vec<u8>,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(QUERIES, PAGES)
    }
}

impl Budget {
    fn of(queries: usize, pages: usize) -> Self {
        let semaphore = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT));
        Self {
            queries: semaphore(queries),
            pages: semaphore(pages),
        }
    }

    /// The answer to a query. Its share is free again when the last client has read it.
    pub(super) fn answer(&self, bytes: Vec<u8>) -> Result<Bytes, Refusal> {
        hold(&self.queries, bytes)
    }

    /// A page of metrics.
    pub(super) fn page(&self, bytes: Vec<u8>) -> Result<Bytes, Refusal> {
        hold(&self.pages, bytes)
    }

    /// The share of an answer that is sent in parts.
    pub(super) fn parts(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        take(&self.queries, PARTS)
    }
}

fn hold(budget: &Arc<Semaphore>, bytes: Vec<u8>) -> Result<Bytes, Refusal> {
    let share = take(budget, bytes.len())?;
    Ok(Bytes::from_owner(Held {
        bytes,
        _share: share,
    }))
}

fn take(budget: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let share = Arc::clone(budget).try_acquire_many_owned(units);
    share.map_err(|_| {
        Refusal::unavailable(format!(
            "no memory for {} KiB more of answers that clients have not read yet; try again, or \
             ask for less with limit",
            bytes.div_ceil(1 << 10)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_its_share_until_the_last_client_has_read_it() {
        let budget = Budget::of(10 * UNIT, UNIT);
        let answer = budget.answer(vec![1; 6 * UNIT]).expect("there is room");
        let same = answer.clone();
        drop(answer);
        assert!(budget.answer(vec![1; 5 * UNIT]).is_err());
        assert!(budget.page(vec![1; UNIT]).is_ok(), "metrics have their own");
        assert_eq!(same.len(), 6 * UNIT);
        drop(same);
        assert!(budget.answer(vec![1; 10 * UNIT]).is_ok());
        assert!(budget.answer(vec![1; 11 * UNIT]).is_err());
    }

    #[test]
    fn answers_in_parts_are_as_many_as_fit() {
        let budget = Budget::of(2 * PARTS, UNIT);
        let begun = [budget.parts(), budget.parts()];
        assert!(budget.parts().is_err());
        drop(begun);
        assert!(budget.parts().is_ok());
    }
}
