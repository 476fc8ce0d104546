//! Authentication and TLS for TCP: a web config file as Prometheus exporters accept with
//! `--web.config.file`.
//!
//! The files are read again at each handshake and each request, as exporters do, so that new
//! certificates and users take effect at once. While a file is invalid, or takes protection away,
//! its last good content stays in force.

mod file;
mod format;
mod headers;
mod tls;
mod users;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, anyhow, ensure};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rustls::ServerConfig;

use self::format::File;
use self::users::Users;
use super::refusal::Refusal;
use crate::problem::{News, Problem};

/// A web config file and its last content.
pub struct Web {
    path: PathBuf,
    users: Users,
    state: Mutex<Seen>,
    wrong_rules: Problem<String>,
    wrong_handshake: Problem<String>,
    /// Whether the port uses TLS; this cannot change while it is served.
    encrypted: bool,
}

// The state behind the lock contains secrets.
impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The content of the files, and the result of reading them.
struct Seen {
    text: String,
    rules: Arc<Rules>,
    /// With the rules and files that it was made of.
    handshake: Option<(Arc<Rules>, tls::Pems, Arc<ServerConfig>)>,
}

/// The content of the config file.
struct Rules {
    tls: Option<tls::Settings>,
    headers: HeaderMap,
    users: BTreeMap<String, String>,
}

impl Web {
    /// Reads the file and those that it names.
    ///
    /// # Errors
    /// If one of them cannot be read or has an unsupported field; the error names it.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let seen = Seen::load(path)
            .with_context(|| format!("cannot use the web config file {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            users: Users::new(),
            encrypted: seen.rules.tls.is_some(),
            state: Mutex::new(seen),
            wrong_rules: Problem::new(),
            wrong_handshake: Problem::new(),
        })
    }

    /// Whether TLS is used.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether only users with a password, or clients with a certificate, are allowed.
    pub fn authenticates(&self) -> bool {
        self.seen().rules.authenticates()
    }

    /// The configuration for the next handshake.
    pub(super) fn handshake(&self) -> Option<Arc<ServerConfig>> {
        let mut seen = self.seen();
        if self.refresh(&mut seen) {
            self.note(&self.wrong_handshake, seen.refresh_handshake());
        }
        let (_, _, config) = seen.handshake.as_ref()?;
        Some(Arc::clone(config))
    }

    fn rules(&self) -> Arc<Rules> {
        let mut seen = self.seen();
        self.refresh(&mut seen);
        Arc::clone(&seen.rules)
    }

    /// Whether the file's present content is in force.
    fn refresh(&self, seen: &mut Seen) -> bool {
        let fresh = seen.refresh(&self.path);
        let is_fresh = fresh.is_ok();
        self.note(&self.wrong_rules, fresh);
        is_fresh
    }

    fn note(&self, problem: &Problem<String>, fresh: anyhow::Result<()>) {
        let path = self.path.display();
        let error = fresh.err().map(|error| format!("{error:#}"));
        match problem.note(error.clone(), Instant::now()) {
            Some(News::Began) => log::error!(
                "the web config file {path} cannot be used, so its last good content stays in force: {}",
                error.unwrap_or_default()
            ),
            Some(News::Ended) => log::info!("the web config file {path} can be used again"),
            None => {}
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets only authorized requests pass, and adds the file's headers to each response.
pub(super) async fn guard(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let rules = web.rules();
    let admitted = web.users.admit(&rules.users, request.headers()).await;
    let mut response = if admitted {
        next.run(request).await
    } else {
        Refusal::stranger().into_response()
    };
    response.headers_mut().extend(rules.headers.clone());
    response
}

impl Seen {
    fn load(path: &Path) -> anyhow::Result<Self> {
        let text = read(path)?;
        let rules = Rules::parse(&text, path)?;
        let mut seen = Self {
            text,
            rules: Arc::new(rules),
            handshake: None,
        };
        seen.refresh_handshake()?;
        Ok(seen)
    }

    /// Takes over the file's new content, if it has any and it is good.
    fn refresh(&mut self, path: &Path) -> anyhow::Result<()> {
        let text = read(path)?;
        if text != self.text {
            let rules = Rules::parse(&text, path)?;
            ensure!(
                rules.tls.is_some() == self.rules.tls.is_some(),
                "tls_server_config was added or removed; restart the agent"
            );
            // As half of a file does that is being written.
            ensure!(
                rules.authenticates() || !self.rules.authenticates(),
                "it would now let everybody in; restart the agent if that is intended"
            );
            self.rules = Arc::new(rules);
            self.text = text;
        }
        Ok(())
    }

    fn refresh_handshake(&mut self) -> anyhow::Result<()> {
        let Some(tls) = &self.rules.tls else {
            return Ok(());
        };
        let pems = tls.read()?;
        let known = self.handshake.as_ref();
        if known.is_none_or(|(rules, known, _)| !Arc::ptr_eq(rules, &self.rules) || *known != pems)
        {
            let config = tls.build(&pems)?;
            self.handshake = Some((Arc::clone(&self.rules), pems, config));
        }
        Ok(())
    }
}

impl Rules {
    fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let file = File::parse(text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let users = file.basic_auth_users.unwrap_or_default();
        for (name, hash) in &users {
            users::check_hash(hash)
                .with_context(|| format!("the password of {name:?} in basic_auth_users"))?;
            ensure!(
                !name.contains(':'),
                "the user name {name:?} in basic_auth_users contains a colon"
            );
        }
        let tls = file.tls_server_config.unwrap_or_default();
        let http = file.http_server_config.unwrap_or_default();
        let rules = Self {
            tls: tls::Settings::check(tls, folder)?,
            headers: headers::check(&http.headers.unwrap_or_default())?,
            users,
        };
        ensure!(
            rules.tls.is_some() || !rules.users.is_empty(),
            "it has neither tls_server_config nor basic_auth_users, so it protects nothing"
        );
        Ok(rules)
    }

    fn authenticates(&self) -> bool {
        let certificates = self.tls.as_ref().is_some_and(tls::Settings::authenticates);
        certificates || !self.users.is_empty()
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = file::read(path)
        .map_err(|error| anyhow!("cannot read it ({error:#}); check its path and permissions"))?;
    String::from_utf8(bytes).context("the file is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_web_config_files_are_refused_or_used() {
        let corpus = [
            "tls_server_config:\n  cert_file: a\n  key_file: b\n  min_version: TLS12\n  \
             client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: c\n  \
             cipher_suites: [TLS_AES_128_GCM_SHA256]\n  curve_preferences: [X25519]\n",
            "http_server_config:\n  headers:\n    X-Frame-Options: deny\ntls_server_config:\n  \
             cert: \"-----BEGIN CERTIFICATE-----\"\n  key: x\n",
            "basic_auth_users: {alice: $2y$04$aaaaaaaaaaaaaaaaaaaaaa}\n",
        ];
        fuzz::feed(&corpus, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(rules) = Rules::parse(&text, Path::new("/web.yml")) {
                rules.authenticates();
            }
        });
    }
}
