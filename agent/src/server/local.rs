//! Refuses requests that a web page made under a name of its own for this host.
//!
//! A listener that is local and needs no password trusts everybody on the host. A browser is there
//! too, and a page from elsewhere can have its own name resolve to 127.0.0.1 ("DNS rebinding"); but
//! the browser then sends that name.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::refusal::Refusal;

/// Lets only requests pass that ask for localhost or for an address.
pub(super) async fn guard(request: Request, next: Next) -> Result<Response, Refusal> {
    let host = request.headers().get(HOST);
    // Only programs send none; HTTP/1.0 allows that.
    let host = host.map_or(Some("localhost"), |host| host.to_str().ok());
    match host.filter(|host| is_local(host)) {
        Some(_) => Ok(next.run(request).await),
        None => Err(Refusal::misdirected()),
    }
}

fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.to_ascii_lowercase();
    address.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_not_local() {
        for host in [
            "localhost",
            "LocalHost:9991",
            "a.localhost",
            "127.0.0.1:9991",
            "[::1]:9991",
            "10.0.0.1",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "evil.example:9991",
            "localhost.evil.example",
            "",
            "a b",
            "1.2.3.4.evil",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
