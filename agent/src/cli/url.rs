//! The URL of a remote agent, and the user in it.

use std::fmt;

/// Where a remote agent listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether to use TLS.
    pub encrypted: bool,
    /// `host:port`, for the resolver and the Host header.
    pub authority: String,
    /// The path before `/api`, without a trailing slash; usually empty.
    pub prefix: String,
    /// The user, if the URL has one.
    pub user: Option<User>,
}

/// A user of an agent.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// User name.
    pub name: String,
    /// The password, if the URL contains it.
    pub password: Option<String>,
}

// Neither representation shows the password.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.prefix)
    }
}

impl Url {
    /// A server that speaks TLS.
    pub fn https(host: &str, port: &str) -> Self {
        let brackets = host.contains(':') && !host.starts_with('[');
        let host = if brackets {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        Self {
            encrypted: true,
            authority: format!("{host}:{port}"),
            prefix: String::new(),
            user: None,
        }
    }

    /// The host without the port, as in a certificate.
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Parses the URL of an agent.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    const FIX: &str = "write http://HOST:PORT or https://HOST:PORT, such as http://web-1:9991";
    parse_of("an agent", text, FIX)
}

/// Parses the URL of `server`; `fix` is what to write.
pub(super) fn parse_of(server: &str, text: &str, fix: &str) -> Result<Url, String> {
    let (encrypted, usual_port) = match text.split_once("://") {
        Some(("http", _)) => (false, 80),
        Some(("https", _)) => (true, 443),
        _ => return Err(format!("not the URL of {server}; {fix}")),
    };
    let uri: hyper::Uri = text
        .parse()
        .map_err(|_| format!("not the URL of {server}; {fix}"))?;
    let host = uri.host().filter(|host| !host.is_empty());
    let (Some(host), Some(authority)) = (host, uri.authority()) else {
        return Err(format!("has no host; {fix}"));
    };
    if uri.query().is_some() {
        return Err(format!("has a query string; {fix}"));
    }
    let (user, place) = match authority.as_str().rsplit_once('@') {
        Some((user, place)) => (Some(parse_user(user)?), place),
        None => (None, authority.as_str()),
    };
    // `host:` and `host:99999` parse as a URI without a port.
    if uri.port_u16().is_none() && place != host {
        return Err(format!("has no valid port; {fix}"));
    }
    Ok(Url {
        encrypted,
        authority: format!("{host}:{}", uri.port_u16().unwrap_or(usual_port)),
        prefix: uri.path().trim_end_matches('/').to_owned(),
        user,
    })
}

fn parse_user(text: &str) -> Result<User, String> {
    let (name, password) = match text.split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (text, None),
    };
    let decode = |text| {
        percent_decode(text)
            .ok_or_else(|| "has a malformed % escape in its user or password".to_owned())
    };
    let name = decode(name)?;
    if name.is_empty() || name.contains(':') {
        return Err("has an empty user name, or one with a colon".to_owned());
    }
    Ok(User {
        name,
        password: password.map(decode).transpose()?,
    })
}

fn percent_decode(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let digits = piece
            .get(..2)
            .filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_and_maybe_a_port() {
        let shown = |text| parse(text).expect("a URL").to_string();
        assert_eq!(shown("http://web-1:9991/"), "http://web-1:9991");
        assert_eq!(shown("http://proxy/web-1"), "http://proxy:80/web-1");
        assert_eq!(shown("https://web-1"), "https://web-1:443");
        assert_eq!(parse("http://[::1]:9991").unwrap().authority, "[::1]:9991");
        assert_eq!(parse("https://[::1]").unwrap().host(), "::1");
        for bad in [
            "web-1:9991",
            "http://",
            "ftp://a",
            "http://a:x",
            "http://a:",
            "http://a b",
            "http://a:99999",
            "http://@a:1",
            "http://:x@a:1",
            "http://a%zz@a:1",
            "http://a%4@a:1",
            "http://a/?x=1",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_url_with_a_user_does_not_show_the_password() {
        let url = parse("https://al%69ce:p%40ss%3aw%c3%b6rd@web-1:9991").expect("a URL");
        let user = url.user.clone().expect("a user");
        assert_eq!(user.name, "alice");
        assert_eq!(user.password.as_deref(), Some("p@ss:wörd"));
        assert_eq!(url.to_string(), "https://web-1:9991");
        assert!(!format!("{url:?}").contains("p@ss"));
        let url = parse("http://bob@web-1:9991").expect("a URL");
        assert_eq!(url.user.expect("a user").password, None);
    }
}
