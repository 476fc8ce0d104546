//! Authentication and TLS for TCP: a web config file as Prometheus exporters accept with
//! `--web.config.file`.
//!
//! The files are read again at each handshake and each request, as exporters do, so that new
//! certificates and users take effect at once. While a file is invalid, all requests are denied.

mod format;
mod headers;
mod tls;
mod users;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rustls::ServerConfig;

use self::format::File;
use self::users::Users;
use super::refusal::Refusal;

/// A web config file and its last content.
pub struct Web {
    path: PathBuf,
    users: Users,
    state: Mutex<Seen>,
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
    handshake: Option<(tls::Pems, Arc<ServerConfig>)>,
    wrong_rules: Complaint,
    wrong_handshake: Complaint,
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
            encrypted: seen.handshake.is_some(),
            state: Mutex::new(seen),
        })
    }

    /// Whether TLS is used.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether only users with a password, or clients with a certificate, are allowed.
    pub fn asks_who(&self) -> bool {
        let rules = Arc::clone(&self.seen().rules);
        let certificate = rules.tls.as_ref().is_some_and(tls::Settings::asks_who);
        certificate || !rules.users.is_empty()
    }

    /// The configuration for the next handshake; `None` (and a log line) if the files are invalid.
    pub(super) fn handshake(&self) -> Option<Arc<ServerConfig>> {
        let mut seen = self.seen();
        let fresh = seen.fresh_handshake(&self.path);
        seen.wrong_handshake.check(&self.path, fresh)
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        let mut seen = self.seen();
        let fresh = seen.fresh_rules(&self.path).and_then(|rules| {
            ensure!(
                rules.tls.is_some() == self.encrypted,
                "tls_server_config was added or removed; restart the agent"
            );
            Ok(rules)
        });
        seen.wrong_rules.check(&self.path, fresh)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets only authorized requests pass, and adds the file's headers to each response.
pub(super) async fn guard(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let Some(rules) = web.rules() else {
        return Refusal::broken("the agent's web config file is invalid; see its log")
            .into_response();
    };
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
            wrong_rules: Complaint::default(),
            wrong_handshake: Complaint::default(),
        };
        if seen.rules.tls.is_some() {
            seen.fresh_handshake(path)?;
        }
        Ok(seen)
    }

    fn fresh_rules(&mut self, path: &Path) -> anyhow::Result<Arc<Rules>> {
        let text = read(path)?;
        if text != self.text {
            self.rules = Arc::new(Rules::parse(&text, path)?);
            self.text = text;
            self.handshake = None;
        }
        Ok(Arc::clone(&self.rules))
    }

    fn fresh_handshake(&mut self, path: &Path) -> anyhow::Result<Arc<ServerConfig>> {
        let rules = self.fresh_rules(path)?;
        let tls = rules
            .tls
            .as_ref()
            .context("tls_server_config was removed; restart the agent")?;
        let pems = tls.read()?;
        if let Some((known, config)) = &self.handshake
            && *known == pems
        {
            return Ok(Arc::clone(config));
        }
        let config = tls.build(&pems)?;
        self.handshake = Some((pems, Arc::clone(&config)));
        Ok(config)
    }
}

impl Rules {
    fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let file = File::parse(text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let users = file.basic_auth_users.unwrap_or_default();
        for (name, hash) in &users {
            ensure!(
                hash.parse::<bcrypt::HashParts>()
                    .is_ok_and(|hash| (4..=31).contains(&hash.get_cost())),
                "the password of {name:?} in basic_auth_users is not a bcrypt hash"
            );
            ensure!(
                !name.contains(':'),
                "the user name {name:?} in basic_auth_users contains a colon"
            );
        }
        let tls = file.tls_server_config.unwrap_or_default();
        let http = file.http_server_config.unwrap_or_default();
        Ok(Self {
            tls: tls::Settings::check(tls, folder)?,
            headers: headers::check(&http.headers.unwrap_or_default())?,
            users,
        })
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).context("cannot read the file")
}

/// Logs an invalid file once instead of at each request.
#[derive(Default)]
struct Complaint(Option<String>);

impl Complaint {
    fn check<T>(&mut self, path: &Path, fresh: anyhow::Result<T>) -> Option<T> {
        match fresh {
            Ok(fresh) => {
                if self.0.take().is_some() {
                    log::info!("the web config file {} is valid again", path.display());
                }
                Some(fresh)
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.0.as_ref() != Some(&error) {
                    log::error!(
                        "the web config file {} is invalid, so all requests are denied: {error}",
                        path.display()
                    );
                    self.0 = Some(error);
                }
                None
            }
        }
    }
}
