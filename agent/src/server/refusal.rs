//! Every answer that is not what was asked for: a status and `{"error":"…"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not answered.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
}

impl Refusal {
    pub(super) fn not_found(path: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            error: format!("there is nothing at {path}; / lists what there is"),
        }
    }

    pub(super) fn method(method: &str) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            error: format!("{method} is not allowed here; the agent is only read from, with GET"),
        }
    }

    pub(super) fn parameter(name: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: format!("unknown query parameter {name}; this path takes none"),
        }
    }

    pub(super) fn unknown_beside(known: &str, name: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: format!("unknown query parameter {name}; this path takes only {known}"),
        }
    }

    pub(super) fn value(name: &str, why: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: format!("{name} is a duration such as 5s or 500ms: {why}"),
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
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}
