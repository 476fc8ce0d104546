//! What a TCP client may read.
//!
//! The processes of a host are shown to its own clients, and to those that a web config file
//! authenticates. All others get what monitoring needs: an agent in a pod listens to the whole
//! cluster, and Prometheus is one of many there.
//!
//! A client on this host may be a browser, where a page from elsewhere can have its own name
//! resolve to 127.0.0.1 ("DNS rebinding"); but the browser then sends that name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::refusal::Refusal;
use super::web::Web;

/// The paths that every client may read.
pub(super) const OPEN: [&str; 4] = ["/", "/metrics", "/healthz", "/readyz"];

/// Marks a request of a client that may only read these.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger;

/// What decides it for the connections of one kind of client.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) web: Option<Arc<Web>>,
    /// Whether only clients of this host can connect.
    pub(super) only_local: bool,
    /// Whether the client is on this host.
    pub(super) near: bool,
}

impl Access {
    fn is_full(&self, request: &Request) -> bool {
        let web = self.web.as_ref();
        // With TLS, a browser accepts only the names in the certificate.
        let checks_names = web.is_some_and(|web| web.encrypted());
        web.is_some_and(|web| web.authenticates())
            || self.near && (checks_names || asks_for_this_host(request))
    }
}

/// Whether a client with this address is on this host, or came through `kubectl port-forward`. Not
/// all of 127.0.0.0/8: the proxy of a service mesh uses 127.0.0.6 for clients from elsewhere.
pub(super) fn is_near(address: IpAddr) -> bool {
    let near = [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    near.contains(&address.to_canonical())
}

/// Lets only requests pass that the client may make.
pub(super) async fn guard(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if !access.is_full(&request) {
        if access.only_local {
            return Err(Refusal::misdirected());
        }
        if !OPEN.contains(&request.uri().path()) {
            return Err(Refusal::not_for_strangers());
        }
        request.extensions_mut().insert(Stranger);
    }
    Ok(next.run(request).await)
}

/// Whether it names localhost or an address.
fn asks_for_this_host(request: &Request) -> bool {
    let host = request.headers().get(HOST);
    // Only programs send none; HTTP/1.0 allows that.
    host.is_none_or(|host| host.to_str().is_ok_and(is_local))
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
    fn a_client_is_near_at_the_usual_address_only() {
        for (address, near) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.6", false),
            ("10.0.0.1", false),
            ("::", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(is_near(address), near, "{address}");
        }
    }

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
