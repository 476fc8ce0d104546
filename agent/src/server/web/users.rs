//! Basic authentication by user name and password.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, oneshot};

/// Maximum number of verified pairs to remember.
const REMEMBERED: usize = 100;

/// Digest of a user name, the hash it was checked against, and a password.
type Pair = [u8; 32];

/// Checks passwords one at a time on a separate thread, so that a flood of wrong ones uses at most
/// one core and does not delay users already verified.
#[derive(Debug)]
pub(super) struct Users {
    /// Verified pairs, so that frequent scrapes do not cost a bcrypt each.
    right: Mutex<HashSet<Pair>>,
    turn: Arc<Semaphore>,
}

impl Users {
    pub(super) fn new() -> Self {
        Self {
            right: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether these headers authenticate one of the users.
    pub(super) async fn admit(
        &self,
        users: &BTreeMap<String, String>,
        headers: &HeaderMap,
    ) -> bool {
        // An unknown user costs as much time as a known one, so that timing does not reveal names.
        let Some(stand_in) = users.values().next() else {
            return true;
        };
        let Some((name, password)) = said(headers) else {
            return false;
        };
        let known = users.contains_key(&name);
        let hash = users.get(&name).unwrap_or(stand_in).clone();
        let pair = digest(&[name.as_bytes(), hash.as_bytes(), &password]);
        if known && self.remembers(&pair) {
            return true;
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.expect("the semaphore is never closed");
        // The same pair may have been verified while this one waited.
        if known && self.remembers(&pair) {
            return true;
        }
        // A runtime thread would delay shutdown.
        let (to, checked) = oneshot::channel();
        let thread = thread::Builder::new().name("reapwatch-users".to_owned());
        let started = thread.spawn(move || {
            // Held until the end even if the client has gone; otherwise a flood would run in
            // parallel.
            let _turn = turn;
            let _gone = to.send(bcrypt::verify(password, &hash).unwrap_or(false));
        });
        if let Err(error) = started {
            log::warn!("cannot start the thread that checks a password: {error}");
        }
        let right = known & checked.await.unwrap_or(false);
        if right {
            self.remember(pair);
        }
        right
    }

    fn remembers(&self, pair: &Pair) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.contains(pair)
    }

    fn remember(&self, pair: Pair) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(pair);
    }
}

/// The user name and password in the headers.
fn said(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(rest.trim()).ok()?;
    let colon = pair.iter().position(|&byte| byte == b':')?;
    let name = String::from_utf8(pair[..colon].to_vec()).ok()?;
    Some((name, pair[colon + 1..].to_vec()))
}

/// Lengths come first, so that different lists of parts cannot have the same digest.
fn digest(parts: &[&[u8]]) -> Pair {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    sum.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let value = value.parse().expect("a header");
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    fn pair(name: &str, password: &str) -> HeaderMap {
        headers(&format!(
            "Basic {}",
            STANDARD.encode(format!("{name}:{password}"))
        ))
    }

    fn users() -> BTreeMap<String, String> {
        let hash = |password| bcrypt::hash(password, 4).expect("a hash");
        BTreeMap::from([
            ("alice".to_owned(), hash("wonder:land")),
            ("bob".to_owned(), hash("builder")),
        ])
    }

    #[tokio::test]
    async fn only_a_correct_password_is_admitted() {
        let (checker, users) = (Users::new(), users());
        for _ in 0..2 {
            assert!(checker.admit(&users, &pair("alice", "wonder:land")).await);
            assert!(checker.admit(&users, &pair("bob", "builder")).await);
            for (name, password) in [
                ("alice", "builder"),
                ("alice", ""),
                ("", ""),
                // The password that unknown users are actually checked against.
                ("mallory", "wonder:land"),
            ] {
                let stranger = pair(name, password);
                assert!(!checker.admit(&users, &stranger).await, "{name} {password}");
            }
        }
    }

    #[tokio::test]
    async fn other_authentication_schemes_are_not_admitted() {
        let (checker, users) = (Users::new(), users());
        assert!(!checker.admit(&users, &HeaderMap::new()).await);
        for value in [
            "Basic",
            "Basic ",
            "Basic %%%",
            "Bearer YTpi",
            "Basic YWxpY2U=",
        ] {
            assert!(!checker.admit(&users, &headers(value)).await, "{value}");
        }
    }

    #[tokio::test]
    async fn without_users_every_client_is_admitted() {
        assert!(
            Users::new()
                .admit(&BTreeMap::new(), &HeaderMap::new())
                .await
        );
    }

    #[tokio::test]
    async fn a_changed_password_is_not_remembered() {
        let (checker, mut users) = (Users::new(), users());
        assert!(checker.admit(&users, &pair("bob", "builder")).await);
        users.insert("bob".to_owned(), bcrypt::hash("other", 4).expect("a hash"));
        assert!(!checker.admit(&users, &pair("bob", "builder")).await);
    }
}
