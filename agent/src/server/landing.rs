//! The landing page for browsers.

use super::access::OPEN;
use api::{Doctor, OrOther};

/// Every path, and what it shows.
const PATHS: [(&str, &str); 10] = [
    ("/metrics", "Prometheus metrics"),
    ("/api/v1/zombies", "current zombies"),
    (
        "/api/v1/culprits",
        "processes that do not reap their children, why, and what to do",
    ),
    (
        "/api/v1/explain/1",
        "the history of one process, here PID 1",
    ),
    (
        "/api/v1/stuck",
        "processes that were killed or are exiting but never finish, and why",
    ),
    ("/api/v1/top", "one frame of the live view"),
    (
        "/api/v1/exits",
        "finished deaths as they happen, one JSON object per line",
    ),
    (
        "/api/v1/doctor",
        "what this kernel and these privileges allow",
    ),
    ("/healthz", "whether the event loop is running"),
    (
        "/readyz",
        "whether the probes are attached and the first snapshot is done",
    ),
];

/// What a client without full access is told.
const CLOSED: &str = "<p>Processes are shown only to clients on this host and to users of a web \
                      config file.</p>\n";

/// The page; a stranger sees only the paths that are open to all.
pub(super) fn page(doctor: &Doctor, stranger: bool) -> String {
    let host = escape(&doctor.host);
    let kernel = escape(&doctor.kernel);
    let source = doctor.source.as_ref().map(OrOther::as_str);
    let source = escape(source.unwrap_or("no probe: see doctor"));
    let version = env!("CARGO_PKG_VERSION");
    let paths: String = PATHS
        .iter()
        .filter(|(path, _)| !stranger || OPEN.contains(path))
        .map(|(path, what)| format!("<dt><a href=\"{path}\">{path}</a></dt><dd>{what}</dd>\n"))
        .collect();
    let closed = if stranger { CLOSED } else { "" };
    format!(
        "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>reapwatch on {host}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }}
dt {{ font-family: ui-monospace, monospace; }}
</style>
</head>
<body>
<h1>reapwatch on {host}</h1>
<p>Measures how processes die: exit latency, zombie time, and the parents that never reap.</p>
<p>Version {version}, Linux {kernel}, source {source}.</p>
<dl>
{paths}</dl>
{closed}</body>
</html>
"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
