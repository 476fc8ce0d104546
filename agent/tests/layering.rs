//! Holds the rules of ARCHITECTURE.md: who may import whom, how long a file may be, and that
//! each test which that document names exists.
//!
//! A plain scan of the sources: it reads `use` trees and written-out paths, and leaves comments
//! and tests alone.

mod source;

use std::collections::BTreeSet;
use std::fs;

use source::{Source, read_sources, workspace};

/// A part of the agent and what it may not mention.
struct Rule {
    what: &'static str,
    applies: fn(&str) -> bool,
    forbidden: &'static [&'static str],
}

/// Clocks, I/O, formats and other people's parts.
const IMPURE: [&str; 25] = [
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "tokio",
    "rustix",
    "serde",
    "serde_json",
    "prometheus",
    "ratatui",
    "crate::agent",
    "crate::api",
    "crate::cli",
    "crate::client",
    "crate::handle",
    "crate::kernel",
    "crate::metrics",
    "crate::proc",
    "crate::report",
    "crate::server",
    "crate::views",
];

const RULES: [Rule; 13] = [
    Rule {
        what: "only kernel and events import aya",
        applies: |file| !is_part(file, "kernel") && !is_part(file, "events"),
        forbidden: &["aya", "aya_log", "aya_obj"],
    },
    Rule {
        what: "events, lifecycle, parents, evidence, verdict, story, pids, workload and the lines of a recording know no clock, no I/O, no format and no view",
        applies: |file| PURE.iter().any(|part| is_part(file, part)) && !COLLECTORS.contains(&file),
        forbidden: &IMPURE,
    },
    Rule {
        what: "events come before all that is made from them",
        applies: |file| is_part(file, "events"),
        forbidden: &[
            "crate::evidence",
            "crate::lifecycle",
            "crate::parents",
            "crate::pids",
            "crate::story",
            "crate::verdict",
            "crate::workload",
        ],
    },
    Rule {
        what: "verdicts are made from evidence alone",
        applies: |file| is_part(file, "verdict"),
        forbidden: &[
            "crate::events",
            "crate::evidence::cgroup",
            "crate::evidence::collect",
            "crate::lifecycle",
            "crate::parents",
            "crate::story",
        ],
    },
    Rule {
        what: "the kernel part knows nothing of what is made from its events",
        applies: |file| is_part(file, "kernel"),
        forbidden: &[
            "crate::agent",
            "crate::evidence",
            "crate::lifecycle",
            "crate::metrics",
            "crate::parents",
            "crate::pids",
            "crate::server",
            "crate::story",
            "crate::verdict",
            "crate::views",
            "crate::workload",
        ],
    },
    Rule {
        what: "views read snapshots: no view imports kernel, events, lifecycle or verdicts",
        applies: |file| is_part(file, "views"),
        forbidden: &[
            "crate::kernel",
            "crate::events",
            "crate::evidence",
            "crate::lifecycle",
            "crate::parents",
            "crate::pids",
            "crate::story",
            "crate::verdict",
            "crate::workload",
        ],
    },
    Rule {
        what: "the fleet is what Prometheus tells: it knows nothing of the inside of an agent",
        applies: |file| is_part(file, "fleet"),
        forbidden: &[
            "crate::agent",
            "crate::events",
            "crate::evidence",
            "crate::handle",
            "crate::kernel",
            "crate::lifecycle",
            "crate::metrics",
            "crate::parents",
            "crate::server",
            "crate::verdict",
            "crate::views",
        ],
    },
    Rule {
        what: "only metrics imports prometheus",
        applies: |file| !is_part(file, "metrics"),
        forbidden: &["prometheus"],
    },
    Rule {
        what: "only cluster knows Kubernetes",
        applies: |file| !is_part(file, "cluster"),
        forbidden: &["kube", "k8s_openapi"],
    },
    Rule {
        what: "only cri speaks gRPC",
        applies: |file| !is_part(file, "cri"),
        forbidden: &["tonic", "tonic_prost", "prost"],
    },
    Rule {
        what: "cri does not know cluster",
        applies: |file| is_part(file, "cri"),
        forbidden: &["crate::cluster"],
    },
    Rule {
        what: "cluster and cri tell workload of pods, and know nobody else",
        applies: |file| is_part(file, "cluster") || is_part(file, "cri"),
        forbidden: &[
            "crate::agent",
            "crate::api",
            "crate::cli",
            "crate::doctor",
            "crate::events",
            "crate::evidence",
            "crate::handle",
            "crate::kernel",
            "crate::lifecycle",
            "crate::metrics",
            "crate::server",
            "crate::views",
        ],
    },
    Rule {
        what: "only views/top imports ratatui",
        applies: |file| !is_part(file, "views/top"),
        forbidden: &["ratatui", "crossterm"],
    },
];

const PURE: [&str; 11] = [
    "events",
    "evidence",
    "lifecycle",
    "parents",
    "pids",
    "recording/line",
    "recording/read",
    "recording/write",
    "story",
    "verdict",
    "workload",
];

/// The files of pure parts that read for them what files say: of /proc, of cgroups, of runtimes.
const COLLECTORS: [&str; 26] = [
    "evidence/cgroup.rs",
    "evidence/collect.rs",
    "evidence/ends/chain.rs",
    "evidence/ends/index.rs",
    "evidence/ends/ipc.rs",
    "evidence/ends/kin.rs",
    "evidence/ends/memory.rs",
    "evidence/ends/mod.rs",
    "evidence/ends/mounts.rs",
    "evidence/ends/peers.rs",
    "evidence/ends/sets.rs",
    "evidence/ends/shared.rs",
    "evidence/ends/terminals.rs",
    "evidence/ends/things.rs",
    "evidence/freezing.rs",
    "evidence/numbers.rs",
    "evidence/refusal.rs",
    "evidence/stuck/collect.rs",
    "evidence/stuck/fuse.rs",
    "evidence/mounts.rs",
    "evidence/stuck/people.rs",
    "evidence/stuck/waiters.rs",
    "pids/read.rs",
    "story/look.rs",
    "workload/look.rs",
    "workload/names.rs",
];

const LONGEST_FILE: usize = 500;
const LONGEST_ARCHITECTURE: usize = 150;

/// Whether `file`, from `agent/src`, is `part.rs` or lies in the folder `part`.
fn is_part(file: &str, part: &str) -> bool {
    file.strip_prefix(part)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// One line per violation.
fn violations(sources: &[Source], rules: &[Rule]) -> Vec<String> {
    let mut found = Vec::new();
    for rule in rules {
        for source in sources.iter().filter(|source| (rule.applies)(&source.name)) {
            let paths = source.paths();
            for forbidden in rule.forbidden {
                let inside = format!("{forbidden}::");
                if paths
                    .iter()
                    .any(|path| path == forbidden || path.starts_with(&inside))
                {
                    found.push(format!("{}: {forbidden} ({})", source.name, rule.what));
                }
            }
        }
    }
    found
}

/// Files that read a format which is somebody else's, and no JSON of ours: its types would say
/// nothing in api.
const FOREIGN_FORMATS: [&str; 1] = ["server/web/format.rs"];

/// Files outside of api that derive serde's traits.
fn serde_derives(sources: &[Source]) -> Vec<String> {
    let derives = |source: &&Source| {
        source
            .derives()
            .iter()
            .any(|name| matches!(name.as_str(), "Serialize" | "Deserialize"))
    };
    let others = sources
        .iter()
        .filter(|source| !is_part(&source.name, "api"))
        .filter(|source| !FOREIGN_FORMATS.contains(&source.name.as_str()))
        .filter(derives);
    others
        .map(|source| format!("{}: derives a trait of serde", source.name))
        .collect()
}

/// Names in backticks after "held by", to the end of the clause, that no test has.
fn missing_tests(architecture: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let text = architecture.replace("Held by", "held by");
    let clauses = text
        .split("held by")
        .skip(1)
        .filter_map(|rest| rest.split([';', ')', '.']).next());
    let names = clauses.flat_map(|clause| clause.split('`').skip(1).step_by(2));
    names
        .filter(|name| !tests.contains(*name))
        .map(str::to_owned)
        .collect()
}

fn assert_none(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "see ARCHITECTURE.md:\n{}",
        violations.join("\n")
    );
}

#[test]
fn the_flow_goes_one_way() {
    let sources = read_sources("agent/src");
    for part in PURE.into_iter().chain(["kernel", "metrics", "views"]) {
        // Parts of the design that are still to come have nothing to violate.
        if !sources.iter().any(|source| is_part(&source.name, part)) {
            eprintln!("no {part} yet");
        }
    }
    assert!(
        sources
            .iter()
            .any(|source| is_part(&source.name, "lifecycle")),
        "nothing was read"
    );
    assert_none(&violations(&sources, &RULES));
}

#[test]
fn only_api_derives_serialize() {
    assert_none(&serde_derives(&read_sources("agent/src")));
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for folder in ["agent/src", "ebpf/src", "scenarios/src", "xtask/src"] {
        for source in read_sources(folder) {
            let lines = source.text.lines().count();
            if lines > LONGEST_FILE {
                long.push(format!(
                    "{folder}/{}: {lines} lines of {LONGEST_FILE}",
                    source.name
                ));
            }
        }
    }
    assert_none(&long);
}

#[test]
fn architecture_is_short_and_names_tests_that_exist() {
    let text = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    assert!(
        text.lines().count() <= LONGEST_ARCHITECTURE,
        "more than {LONGEST_ARCHITECTURE} lines"
    );
    let folders = ["agent", "ebpf/src", "scenarios", "xtask/src"];
    let tests: BTreeSet<_> = folders
        .iter()
        .flat_map(|folder| read_sources(folder))
        .flat_map(|s| s.tests())
        .collect();
    assert!(text.contains("eld by `"), "no invariant names its test");
    assert_none(&missing_tests(&text, &tests));
}

mod of_the_checker_itself {
    use super::*;

    fn caught(file: &str, text: &str) -> bool {
        let sources = [Source {
            name: file.to_owned(),
            text: text.to_owned(),
        }];
        !violations(&sources, &RULES).is_empty() || !serde_derives(&sources).is_empty()
    }

    #[test]
    fn each_kind_of_violation_is_caught() {
        assert!(caught("lifecycle/mod.rs", "use std::time::Instant;"));
        assert!(caught(
            "lifecycle/mod.rs",
            "use std::{\n    time::{Duration, SystemTime},\n};"
        ));
        assert!(caught(
            "parents.rs",
            "fn f() { let _ = std::fs::read(\"x\"); }"
        ));
        assert!(caught(
            "events/mod.rs",
            "pub(crate) use crate::{lifecycle::Record};"
        ));
        assert!(caught("lifecycle/reap.rs", "use crate::metrics;"));
        assert!(caught("evidence/mod.rs", "use std::fs;"));
        assert!(caught("story/tell.rs", "use crate::api::Explanation;"));
        assert!(caught("pids/mod.rs", "use std::fs;"));
        assert!(caught("views/pids.rs", "use crate::pids::Usage;"));
        assert!(caught("workload/mod.rs", "use crate::kernel;"));
        assert!(caught("workload/pods.rs", "use kube::Api;"));
        assert!(caught("cluster/watch.rs", "use crate::lifecycle::Record;"));
        assert!(caught("cluster/mod.rs", "use tonic::Status;"));
        assert!(caught("cri/list.rs", "use crate::events::Key;"));
        assert!(caught("verdict/init.rs", "use crate::lifecycle::Record;"));
        assert!(caught("views/table.rs", "use crate::{api, kernel as k};"));
        assert!(caught("server/routes.rs", "use aya::Ebpf;"));
        assert!(caught(
            "server/mod.rs",
            "let registry = ::prometheus::Registry::new();"
        ));
        assert!(caught("views/table.rs", "use ratatui::widgets::Table;"));
        assert!(caught("kernel/mod.rs", "use crate::lifecycle::Record;"));
        assert!(caught(
            "events.rs",
            "#[derive(Clone,\n    serde::Serialize)]\nstruct A;"
        ));
        assert!(caught("handle.rs", "#[derive(Deserialize)] struct A;"));
    }

    #[test]
    fn what_is_allowed_is_not_caught() {
        assert!(!caught(
            "kernel/attach.rs",
            "use aya::{Ebpf, programs::Program};"
        ));
        assert!(!caught(
            "lifecycle/mod.rs",
            "use std::time::Duration;\nuse crate::events::Key;"
        ));
        assert!(!caught(
            "lifecycle/mod.rs",
            "// use std::fs;\n/// like aya::Ebpf\nfn f() {}"
        ));
        assert!(!caught(
            "lifecycle/mod.rs",
            "#[cfg(test)]\nmod tests {\n    use std::fs;\n}"
        ));
        assert!(!caught("api.rs", "#[derive(Serialize)] struct A;"));
        assert!(!caught("api/pids.rs", "#[derive(Serialize)] struct A;"));
        assert!(!caught(
            "server/web/format.rs",
            "#[derive(Deserialize)] struct A;"
        ));
        assert!(!caught(
            "views/json.rs",
            "use serde::Serialize;\nfn f(x: &impl Serialize) {}"
        ));
        assert!(!caught("evidence/collect.rs", "use std::fs;"));
        assert!(!caught("story/look.rs", "use std::fs;"));
        assert!(!caught("views/top/draw.rs", "use ratatui::Frame;"));
        assert!(!caught("views/top.rs", "use ratatui::Frame;"));
        assert!(!caught(
            "server/mod.rs",
            "let page = views::prometheus::page();"
        ));
    }

    #[test]
    fn a_name_of_no_test_is_caught() {
        let tests = BTreeSet::from(["known".to_owned()]);
        let text = "`no_test`. Held by `known` and `unknown`; `command` too (held by `known`).";
        assert_eq!(missing_tests(text, &tests), ["unknown"]);
    }
}
