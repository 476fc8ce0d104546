//! The landing page for browsers: static text here, and a script that asks the paths it links to.

use super::access::OPEN;
use api::{Doctor, OrOther};

/// Every path, and what it shows.
const PATHS: [(&str, &str); 11] = [
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
        "/api/v1/workload",
        "how the processes of a container, pod or unit reaped of late, by its cgroup: \
         ?cgroup=/system.slice/cron.service",
    ),
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

/// The note for a client without full access.
const CLOSED: &str = "<p>Processes are shown only to clients on this host and to users of a web \
                      config file.</p>\n";

/// The page, with names in braces where the agent's own words belong.
const PAGE: &str = include_str!("landing.html");

/// The page; a client without full access sees only the paths that are open to all.
pub(super) fn page(doctor: &Doctor, stranger: bool) -> String {
    let source = doctor.source.as_ref().map(OrOther::as_str);
    let source = source.unwrap_or("no probe: see doctor");
    let paths = PATHS
        .iter()
        .filter(|(path, _)| !stranger || OPEN.contains(path));
    let link = |(path, what): &(&str, &str)| {
        format!("<dt><a href=\"{path}\">{path}</a></dt><dd>{what}</dd>\n")
    };
    // What may contain braces comes last.
    PAGE.replace("{paths}", &paths.map(link).collect::<String>())
        .replace("{closed}", if stranger { CLOSED } else { "" })
        .replace("{open}", if stranger { "some" } else { "all" })
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{source}", &escape(source))
        .replace("{kernel}", &escape(&doctor.kernel))
        .replace("{host}", &escape(&doctor.host))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
