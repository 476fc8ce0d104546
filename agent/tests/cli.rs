//! The command as a process: exit codes, output, and use of an agent.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/fleet.rs"]
mod fleet;
#[path = "cli/pty.rs"]
mod pty;
#[path = "cli/replay.rs"]
mod replay;
#[path = "cli/schema.rs"]
mod schema;
#[path = "../src/views/snapshot.rs"]
mod snapshot;
#[path = "cli/sources.rs"]
mod sources;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/terminal.rs"]
mod terminal;

use documents::ZOMBIES;
use support::{agent, read, reapwatch, run, sentence};

#[test]
fn usage_errors_exit_2_and_name_the_fix() {
    for (args, part) in [
        (&["zombies", "--colour"][..], "--colour"),
        (&["zombis"], "zombies"),
        (
            &["exits", "--for", "10x"],
            "write a number and a unit, such as 500ms, 10s or 5m",
        ),
        (
            &["zombies", "--url", "web-1:9991"],
            "write http://HOST:PORT",
        ),
        (&["zombies", "--url", "ftp://web-1"], "or https://HOST:PORT"),
        (&["zombies", "--ca-file", "ca.pem"], "--url"),
        (
            &[
                "zombies",
                "--url",
                "https://a",
                "--insecure",
                "--ca-file",
                "b",
            ],
            "cannot be used with",
        ),
        (
            &["zombies", "--url", "http://a", "--socket", "/b"],
            "cannot be used with",
        ),
        (&["top", "--filter", "color=red"], "`color`"),
        (&["top", "-d", "1ms"], "from 100ms to 1h"),
        (&["exits", "--count", "0"], "0 is not in 1.."),
        (&["culprits", "--watch", "2h"], "1h"),
        (
            &["agent", "--ring-bytes", "3MiB"],
            "power of two from 64KiB",
        ),
        (&["agent", "--listen", "9991"], "127.0.0.1:9991"),
        (&["agent", "--hook", "uprobe"], "fentry, kprobe, tracepoint"),
        (&["explain", "java"], "such as 1234"),
        (&["explain", "0"], "not a PID"),
        (&["explain"], "<PID>"),
        (&["man", "pot"], "possible values: agent, top"),
        (&[], "Usage:"),
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(
            stderr.contains(part),
            "{args:?}: {part:?} is not in {stderr}"
        );
    }
}

#[test]
fn help_is_the_reference() {
    let help_of = |args: &[&str]| {
        let mut asked = reapwatch(args);
        // The help depends on these.
        for variable in ["COLUMNS", "NODE_NAME", "REAPWATCH_POD_EVENTS"] {
            asked.env_remove(variable);
        }
        let (code, help, _) = read(&asked.output().expect("the command starts"));
        assert_eq!(code, 0, "{args:?}: {help}");
        help
    };
    let help = help_of(&["--help"]);
    for part in [
        "agent",
        "top",
        "exits",
        "zombies",
        "explain",
        "doctor",
        "Examples:",
        "Exit status:",
        "NO_COLOR",
    ] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
    snapshot::check("help", "reapwatch", &help);
    let commands = help.split_once("Commands:\n").expect("a list").1.lines();
    let commands = commands.take_while(|line| !line.is_empty());
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        let help = help_of(&["help", command]);
        assert!(command == "help" || help.contains("Examples:"), "{help}");
        snapshot::check("help", command, &help);
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(
            script.contains("zombies") && script.contains("ring-bytes"),
            "{shell}"
        );
    }
}

#[test]
fn manual_pages_refer_to_pages_that_exist() {
    let (_, page, _) = run(&["man"]);
    let pages = |page: &str| -> BTreeSet<String> {
        let page = page.replace("\\fB", "").replace("\\fR", "");
        let lines = page
            .lines()
            .filter_map(|line| line.trim_end_matches(',').strip_suffix("(1)"));
        lines.map(|name| name.replace('\\', "")).collect()
    };
    let known = pages(&page);
    assert!(
        known.contains("reapwatch-top") && !known.contains("reapwatch-help"),
        "{known:?}"
    );
    for name in known
        .iter()
        .filter_map(|page| page.strip_prefix("reapwatch-"))
    {
        let (code, page, _) = run(&["man", name]);
        let mut others = pages(&page);
        others.remove("reapwatch");
        assert!(code == 0 && others.is_subset(&known), "{name}: {others:?}");
    }
}

#[test]
fn manual_pages_render() {
    let (code, page, _) = run(&["man"]);
    assert!(
        code == 0 && page.contains(".TH reapwatch 1") && page.contains("zombies"),
        "{page}"
    );
    let (code, page, _) = run(&["man", "top"]);
    assert!(
        code == 0 && page.contains("reapwatch\\-top") && page.contains("filter"),
        "{page}"
    );
    for head in ["EXAMPLES", "FILES", "SEE ALSO"] {
        assert!(page.contains(&format!("\n.SH {head}\n")), "{head}: {page}");
    }
}

#[test]
fn zombies_are_a_table_or_a_document() {
    let url = agent();
    let (code, stdout, stderr) = run(&["zombies", "--url", &url]);
    assert_eq!(code, 0);
    assert_eq!(
        stderr,
        format!("reapwatch: reading from the agent at {url}\n")
    );
    snapshot::check("zombies", "a lower bound, an odd name and loss", &stdout);
    let (code, stdout, _) = run(&["zombies", "--json", "--url", &url]);
    assert_eq!(
        (code, stdout),
        (0, format!("{ZOMBIES}\n")),
        "as it was sent"
    );
    let ascii = reapwatch(&["zombies", "--url", &url])
        .env("LC_ALL", "C")
        .output();
    assert!(read(&ascii.expect("it starts")).1.contains(">=3.4s"));
}

#[test]
fn names_of_a_newer_agent_are_shown_unchanged() {
    let (code, stdout, stderr) = run(&["zombies", "--url", &format!("{}/newer", agent())]);
    assert_eq!(code, 0, "{stderr}");
    for name in ["evicted", "sleeps_deeply"] {
        assert!(stdout.contains(name), "{name} is not in {stdout}");
    }
}

#[test]
fn a_running_agent_needs_no_watch_time() {
    let url = agent();
    for command in [
        &["zombies"][..],
        &["culprits"],
        &["stuck"],
        &["explain", "42"],
    ] {
        let (_, usual, stderr) = run(&[command, &["--url", &url]].concat());
        // With a wait of 1h, the test would time out.
        let long = run(&[command, &["--url", &url, "--watch", "1h"]].concat());
        assert_eq!((long.1, long.2), (usual, stderr), "{command:?}");
    }
}

#[test]
fn fail_exits_3_only_when_there_are_zombies() {
    let url = agent();
    assert_eq!(run(&["zombies", "--fail", "--url", &url]).0, 3);
    let (code, stdout, _) = run(&["zombies", "--fail", "--url", &format!("{url}/empty")]);
    assert_eq!((code, stdout.as_str()), (0, "no zombies on web-1\n"));
}

#[test]
fn culprits_have_verdict_and_remedy() {
    let url = agent();
    let (code, stdout, _) = run(&["culprits", "--url", &url]);
    assert_eq!(code, 0);
    snapshot::check("culprits", "two on a full node", &stdout);
    let (_, stdout, _) = run(&["culprits", "--table", "--url", &url]);
    snapshot::check("culprits", "two as a table", &stdout);
    assert_eq!(run(&["culprits", "--fail", "--url", &url]).0, 3);
    let (code, stdout, _) = run(&["culprits", "--fail", "--url", &format!("{url}/empty")]);
    assert_eq!((code, stdout.as_str()), (0, "no culprits on web-1\n"));
}

#[test]
fn explain_fits_on_one_page() {
    let url = agent();
    let (code, stdout, _) = run(&["explain", "42", "--url", &url]);
    assert_eq!(code, 0);
    snapshot::check("explain", "a zombie", &stdout);
    let (code, json, _) = run(&["explain", "42", "--json", "--url", &url]);
    let document: serde_json::Value = serde_json::from_str(&json).expect("a document");
    assert_eq!((code, &document["version"]), (0, &1.into()));
    assert_eq!(document["state"], "zombie");
    assert_eq!(document["responsible"]["zombies"], 2);
    assert_eq!(document["verdict"]["id"], "parent_stopped");
}

#[test]
fn exits_are_lines_and_count_deaths_only() {
    let url = agent();
    let (code, stdout, _) = run(&["exits", "--count", "2", "--url", &url]);
    assert_eq!(code, 0);
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 4, "a head, two deaths and a loss: {stdout}");
    assert!(
        lines[1].contains("SIGKILL") && lines[1].contains("77 bash"),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains("4 deaths missing here"), "{}", lines[2]);
    assert!(
        lines[3].contains("≤1.5s") && lines[3].contains("autoreap"),
        "{}",
        lines[3]
    );

    let (code, stdout, _) = run(&["exits", "--count", "1", "--json", "--url", &url]);
    assert_eq!((code, stdout.lines().count()), (0, 1));
    serde_json::from_str::<serde_json::Value>(&stdout).expect("one object");
}

#[test]
fn a_stream_that_ends_early_is_an_error() {
    let (code, stdout, stderr) = run(&["exits", "--json", "--url", &agent()]);
    assert_eq!((code, stdout.lines().count()), (1, 3));
    assert!(sentence(&stderr).contains("the stream"), "{stderr}");
}

#[test]
fn a_silent_stream_ends_after_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n");
                thread::sleep(Duration::from_secs(30));
            });
        }
    });
    let (code, stdout, _) = run(&["exits", "--for", "300ms", "--json", "--url", &url]);
    assert_eq!((code, stdout.as_str()), (0, ""));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let url = agent();
    for args in [
        &["exits", "--json"][..],
        &["top", "-b", "-d", "100ms"],
        &["zombies"],
        &["man"],
    ] {
        let mut command = reapwatch(args);
        if args != ["man"] {
            command.args(["--url", &url]);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let (code, _, stderr) = read(&child.wait_with_output().expect("it ends"));
        assert_eq!(code, 0, "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn top_without_a_terminal_prints_one_frame() {
    let (code, stdout, _) = run(&["top", "--url", &agent()]);
    assert_eq!(code, 0);
    snapshot::check("top", "one frame in batch mode", &stdout);
}

#[test]
fn top_prints_the_requested_frames_and_filters_them() {
    let url = agent();
    let (code, stdout, _) = run(&[
        "top",
        "-b",
        "-n",
        "3",
        "-d",
        "100ms",
        "--filter",
        "zombies>0",
        "--url",
        &url,
    ]);
    assert_eq!((code, stdout.matches("LEAK/s").count()), (0, 3));
    assert!(
        stdout.contains("filter: zombies>0") && !stdout.contains("30  sh"),
        "{stdout}"
    );

    let (code, stdout, _) = run(&["top", "--json", "--filter", "zombies>0", "--url", &url]);
    assert_eq!((code, stdout.lines().count()), (0, 1));
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("one document");
    assert_eq!(
        document["items"][0]["parents"].as_array().map(Vec::len),
        Some(1)
    );
    let (_, stdout, _) = run(&["top", "--json", "-n", "2", "-d", "100ms", "--url", &url]);
    assert_eq!(stdout.lines().count(), 2);
}

#[test]
fn doctor_exits_1_where_the_main_job_cannot_run() {
    let (code, stdout, stderr) = run(&["doctor", "--url", &agent()]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stdout.contains("reapwatch cannot run here: no hook for zombie"),
        "{stdout}"
    );
    assert!(
        stdout.contains("to do (privileges): run it with sudo"),
        "{stdout}"
    );
}

#[test]
fn colour_is_off_unless_requested() {
    let url = agent();
    let colored = |args: &[&str]| {
        run(&[&["zombies", "--url", &url], args].concat())
            .1
            .contains('\x1b')
    };
    assert!(!colored(&[]));
    assert!(colored(&["--color", "always"]));
    assert!(!colored(&["--color", "never"]));
}

#[test]
fn an_impossible_pod_watch_is_refused_with_the_fix() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("s.sock");
    let socket = socket.to_str().expect("it is UTF-8");
    let refused = |node: &str, names: &[&str]| {
        let mut agent = reapwatch(&["agent", "--listen", "none", "--socket", socket]);
        agent
            .arg("--pod-names")
            .args(names)
            .env("NODE_NAME", node)
            .env_remove("KUBERNETES_SERVICE_HOST")
            .env_remove("KUBERNETES_SERVICE_PORT");
        let (code, _, stderr) = read(&agent.output().expect("the command starts"));
        assert_eq!(code, 1, "{stderr}");
        stderr
    };
    assert!(refused("", &["watch"]).contains("needs --node-name or NODE_NAME"));
    assert!(refused("node-a", &["watch"]).contains("--pod-names files needs no access"));
    for source in ["files", "none"] {
        let unused = refused("node-a", &[source, "--kube-url", "http://127.0.0.1:1"]);
        assert!(unused.contains("--kube-url is for"), "{unused}");
    }
}
