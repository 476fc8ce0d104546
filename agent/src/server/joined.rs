//! Equal questions that are asked at the same time are asked once: their answer is made, written as
//! JSON and kept in memory once, however many clients wait for it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

use super::refusal::Refusal;

type Answer = Pin<Box<dyn Future<Output = Result<Bytes, Refusal>> + Send>>;

/// The questions in flight, by path and parameters.
#[derive(Clone, Default)]
pub(super) struct Joined(Arc<Mutex<HashMap<String, WeakShared<Answer>>>>);

impl Joined {
    /// The answer to the question with this path: of one in flight, else of `ask`. It is dropped
    /// once nobody waits for it.
    pub(super) async fn answer(
        &self,
        path: String,
        ask: impl Future<Output = Result<Bytes, Refusal>> + Send + 'static,
    ) -> Result<Bytes, Refusal> {
        let answer = self.join(path, ask);
        answer.await
    }

    fn join(
        &self,
        path: String,
        ask: impl Future<Output = Result<Bytes, Refusal>> + Send + 'static,
    ) -> Shared<Answer> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, answer| answer.upgrade().is_some());
        let in_flight = asked.get(&path).and_then(WeakShared::upgrade);
        // A complete one is out of date.
        if let Some(answer) = in_flight.filter(|answer| answer.peek().is_none()) {
            return answer;
        }
        let ask: Answer = Box::pin(ask);
        let answer = ask.shared();
        if let Some(answer) = answer.downgrade() {
            asked.insert(path, answer);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn equal_questions_in_flight_are_asked_once_and_later_ones_anew() {
        let joined = Joined::default();
        let asked = Arc::new(AtomicU32::new(0));
        let go = Arc::new(Semaphore::new(0));
        let ask = |path: &str| {
            let (asked, go) = (Arc::clone(&asked), Arc::clone(&go));
            joined.answer(path.to_owned(), async move {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                go.acquire().await.expect("it stays open").forget();
                Ok(Bytes::from(number.to_string()))
            })
        };
        let (one, same, other) = (ask("/a"), ask("/a"), ask("/b"));
        let permits = async { go.add_permits(2) };
        let (one, same, other, ()) = tokio::join!(one, same, other, permits);
        assert_eq!(one.expect("an answer"), same.expect("an answer"));
        assert!(other.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        go.add_permits(1);
        assert!(ask("/a").await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_question_whose_askers_have_left_is_dropped() {
        let joined = Joined::default();
        let (to, from) = tokio::sync::oneshot::channel::<()>();
        let answer = joined.join("/a".to_owned(), async move {
            let _never = from.await;
            Ok(Bytes::new())
        });
        assert!(!to.is_closed());
        drop(answer);
        assert!(to.is_closed());
    }
}
