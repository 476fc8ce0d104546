//! Every error response: a status and `{"error":"…"}`.

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    pub(super) fn not_found(path: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            error: format!("{path} does not exist; see / for the list"),
        }
    }

    pub(super) fn method(method: &str) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            error: format!("{method} is not allowed here; the agent only accepts GET"),
        }
    }

    pub(super) fn parameter(name: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: format!("unknown query parameter {name}; this path takes none"),
        }
    }

    pub(super) fn bad(error: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
        }
    }

    pub(super) fn stranger() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "this agent requires a user and a password".to_owned(),
        }
    }

    pub(super) fn misdirected() -> Self {
        Self {
            status: StatusCode::MISDIRECTED_REQUEST,
            error: "this agent serves local clients only; ask for localhost or its address"
                .to_owned(),
        }
    }

    pub(super) fn not_for_strangers() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            error: "this agent shows processes only to clients on its own host, which ask for \
                    localhost or its address, and to users of its web config file; see `reapwatch \
                    agent --help`"
                .to_owned(),
        }
    }

    pub(super) fn unencrypted() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "this port speaks TLS; use https://".to_owned(),
        }
    }

    pub(super) fn broken(error: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: error.into(),
        }
    }

    pub(super) fn unavailable(error: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.error }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"reapwatch\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
