//! Basic authentication by user name and password.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, ensure};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, oneshot};

use crate::problem::Problem;

/// What to write instead of a plain password.
const NO_HASH: &str = "not a bcrypt hash; make one with `htpasswd -nBC 10 USER`";

/// The highest bcrypt cost of a hash: about 5 s for each password.
const MAX_COST: u32 = 16;

/// Maximum number of verified pairs to remember.
const REMEMBERED: usize = 100;

static PROBLEM: Problem = Problem::new();

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

    /// Whether these headers authenticate one of the users. Every user name costs the same time,
    /// also one that does not exist, so that timing reveals none: a password is checked once
    /// with each cost that the users' hashes have.
    pub(super) async fn admit(
        &self,
        users: &BTreeMap<String, String>,
        headers: &HeaderMap,
    ) -> bool {
        if users.is_empty() {
            return true;
        }
        let Some((name, password)) = credentials(headers) else {
            return false;
        };
        let own = users.get(&name).cloned();
        let pair = own
            .as_ref()
            .map(|hash| digest(&[name.as_bytes(), hash.as_bytes(), &password]));
        let remembered = || pair.is_some_and(|pair| self.remembers(&pair));
        if remembered() {
            return true;
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.expect("the semaphore is never closed");
        // The same pair may have been verified while this one waited.
        if remembered() {
            return true;
        }
        let mut hashes: BTreeMap<u32, String> = users
            .values()
            .map(|hash| (cost(hash), hash.clone()))
            .collect();
        if let Some(own) = &own {
            hashes.insert(cost(own), own.clone());
        }
        // A runtime thread would delay shutdown.
        let (to, checked) = oneshot::channel();
        let thread = thread::Builder::new().name("reapwatch-users".to_owned());
        let started = thread.spawn(move || {
            // Held until the end even if the client has gone; otherwise a flood would run in
            // parallel.
            let _turn = turn;
            let right = |hash: &String| {
                let verified = bcrypt::verify(&password, hash).unwrap_or(false);
                verified && own.as_ref() == Some(hash)
            };
            // All of them, whatever the first results are.
            let _gone = to.send(hashes.values().filter(|hash| right(hash)).count() > 0);
        });
        // Without it, `checked` ends at once.
        let _logged = PROBLEM.check("cannot start the thread that checks a password", started);
        let right = checked.await.unwrap_or(false);
        if right && let Some(pair) = pair {
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

/// Refuses what no password matches, and what takes minutes or hours to check.
pub(super) fn check_hash(hash: &str) -> anyhow::Result<()> {
    let parts = hash.parse::<bcrypt::HashParts>().ok();
    let parts = parts.filter(|parts| (4..=31).contains(&parts.get_cost()));
    let parts = parts.context(NO_HASH)?;
    let cost = parts.get_cost();
    ensure!(
        cost <= MAX_COST,
        "a bcrypt cost of {cost} is too high; hash it with a cost of at most {MAX_COST}"
    );
    // With the lowest cost, this only shows whether salt and digest can be decoded.
    let cheap = hash.replacen(&format!("${cost:02}$"), "$04$", 1);
    ensure!(bcrypt::verify("", &cheap).is_ok(), NO_HASH);
    Ok(())
}

fn cost(hash: &str) -> u32 {
    hash.parse::<bcrypt::HashParts>()
        .map_or(0, |parts| parts.get_cost())
}

/// The user name and password in the headers.
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
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
