//! `kubectl reapwatch`: how it calls kubectl, and its errors.
//!
//! A fake kubectl records its arguments and answers as scripted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// One test at a time: a program started while another test writes its script would inherit the
/// open file for a moment, and the kernel refuses to run a file open for writing.
static ALONE: Mutex<()> = Mutex::new(());

/// A directory with programs, and a file in which the fake kubectl records its arguments.
struct Cluster {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Cluster {
    /// `answers` are the branches of a `case` over the first argument.
    fn new(answers: &str) -> Self {
        let cluster = Self {
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
            folder: tempfile::tempdir().expect("a folder"),
        };
        cluster.program(
            "kubectl",
            &format!(
                "printf '%s\\n' \"$*\" >>'{}'\n\
                 for word; do case $word in --*) ;; *) break ;; esac; done\n\
                 case $word in\n{answers}\nesac",
                cluster.log().display()
            ),
        );
        cluster
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("arguments")
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made a program");
    }

    /// Exit code, both outputs, and the lines of kubectl's arguments.
    fn run(&self, args: &[&str]) -> (i32, String, String, Vec<String>) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubectl-reapwatch");
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        let output = Command::new(script)
            .args(args)
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        (
            output.status.code().expect("an exit code"),
            text(output.stdout),
            text(output.stderr),
            log.lines().map(str::to_owned).collect(),
        )
    }
}

/// A pod whose agent runs, as the script asks for it.
const ONE_AGENT: &str = "get) echo 'agent|reapwatch-abcde||2026-11-30T10:00:00Z|||Running' ;;";
/// Two of them.
const TWO_AGENTS: &str = "get) echo 'agent|a||2026||||'; echo 'agent|b||2026||||' ;;";

#[test]
fn a_view_runs_inside_the_agent_of_the_node() {
    let cluster = Cluster::new(&format!("{ONE_AGENT}\nexec) echo a view; exit 3 ;;"));
    let (code, stdout, stderr, asked) = cluster.run(&[
        "--node",
        "worker-1",
        "--context=prod",
        "culprits",
        "--fail",
        "a b",
    ]);
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (3, "a view\n", "")
    );
    let [list, exec] = &asked[..] else {
        panic!("it asks twice: {asked:?}");
    };
    let selected = "--context=prod get pods --namespace reapwatch --selector \
                    app.kubernetes.io/name=reapwatch --field-selector=spec.nodeName=worker-1 ";
    assert!(list.starts_with(selected), "{list}");
    assert_eq!(
        exec,
        "--context=prod exec --namespace reapwatch reapwatch-abcde --container agent -- /reapwatch \
         culprits --fail a b"
    );
}

#[test]
fn a_cluster_of_one_node_needs_no_node_name() {
    let cluster = Cluster::new(&format!("{ONE_AGENT}\nexec) ;;"));
    let (code, _, _, asked) = cluster.run(&["-n", "other", "top"]);
    assert_eq!(code, 0);
    assert!(asked[0].contains("--namespace other") && !asked[0].contains("nodeName"));
}

/// How kubectl answers, the arguments, the exit status, and a part of the only line.
type Case<'a> = (&'a str, &'a [&'a str], i32, &'a str);

fn assert_sentences(cases: &[Case]) {
    for &(answers, args, status, part) in cases {
        let (code, stdout, stderr, _) = Cluster::new(answers).run(args);
        assert_eq!((code, stdout.as_str()), (status, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(part), "{part:?} is not in {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn a_node_without_one_agent_is_named() {
    assert_sentences(&[
        (
            "get) case $* in *' node worker-9 '*) echo 'Error (NotFound): nodes' >&2; exit 1 ;; \
             *) echo 'No resources found' >&2 ;; esac ;;",
            &["--node", "worker-9", "top"],
            1,
            "worker-9; see kubectl get nodes",
        ),
        (
            "get) case $* in *' node worker-1 '*) echo node/worker-1 ;; esac ;;",
            &["--node", "worker-1", "top"],
            1,
            "no agent runs on node worker-1 in namespace reapwatch",
        ),
        (
            "get) case $* in *' node worker-1 '*) echo Forbidden >&2; exit 1 ;; esac ;;",
            &["--node", "worker-1", "top"],
            1,
            "worker-1 in namespace reapwatch; check",
        ),
        (
            TWO_AGENTS,
            &["--node", "worker-1", "top"],
            1,
            "several agents run on node worker-1; choose one with --pod: a b\n",
        ),
        (TWO_AGENTS, &["top"], 1, "--node"),
    ]);
}

#[test]
fn an_error_of_kubectl_comes_with_its_fix() {
    assert_sentences(&[
        (
            "get) echo 'E1130 08:48:53.662374 7 memcache.go:265] x' >&2; echo 'no server' >&2; \
             exit 1 ;;",
            &["top"],
            1,
            "cannot find the agent: no server; check that kubectl get pods",
        ),
        (
            "get) for line in 'E1130 08:48:53.662374 7 memcache.go:265] \"x\" err=<' '\ty' ' >' \
             'getting credentials: exec: executable login not found' '' 'It looks like more'; do \
             printf \"$line\\n\" >&2; done; exit 1 ;;",
            &["top"],
            1,
            "agent: getting credentials: exec: executable login not found; install that program",
        ),
        (
            "get) echo 'Error in configuration: context was not found for specified context: x' \
             >&2; exit 1 ;;",
            &["top"],
            1,
            "specified context: x; see kubectl config get-contexts\n",
        ),
        (
            "get) echo 'error: context \"x\" does not exist' >&2; exit 1 ;;",
            &["--context", "x", "top"],
            1,
            "agent: context \"x\" does not exist; see kubectl config get-contexts\n",
        ),
        (
            "get) echo 'error: You must be logged in to the server (Unauthorized)' >&2; exit 1 ;;",
            &["top"],
            1,
            "log in to the cluster again",
        ),
        (
            "get) echo 'The connection to the server x was refused' >&2; exit 1 ;;",
            &["top"],
            1,
            "choose another with --context or --kubeconfig\n",
        ),
    ]);
}

#[test]
fn a_pod_that_cannot_be_asked_is_named() {
    assert_sentences(&[
        (
            "get) echo 'agent|a|||ImagePullBackOff||Pending' ;;",
            &["top"],
            1,
            "pod a does not run (ImagePullBackOff); see kubectl describe pod --namespace reapwatch a\n",
        ),
        (
            "get) echo 'agent|a|||||Pending'; echo 'agent|b|2026||||Running' ;;",
            &["top"],
            1,
            "pod a does not run (Pending); see",
        ),
        (
            &format!("{ONE_AGENT} exec) exit 1 ;; auth) echo no; exit 1 ;;"),
            &["top"],
            1,
            "--forward",
        ),
    ]);
}

#[test]
fn wrong_usage_is_refused() {
    assert_sentences(&[
        ("", &[], 2, "kubectl reapwatch --node NODE top"),
        ("", &["--node"], 2, "--node needs a value"),
        ("", &["--nod", "top"], 2, "--nod before the command"),
        ("", &["agent"], 2, "agent is not a view"),
    ]);
}

#[test]
fn a_failed_view_does_not_blame_permissions() {
    // Nor is an API server that has just gone away a lack of permission.
    let cluster = Cluster::new(&format!(
        "{ONE_AGENT} exec) echo 'no such PID' >&2; \
             echo 'command terminated with exit code 1' >&2; exit 1 ;; \
             auth) echo 'no server' >&2; exit 1 ;;"
    ));
    let (code, _, stderr, _) = cluster.run(&["explain", "1"]);
    assert_eq!((code, stderr.as_str()), (1, "no such PID\n"));
}

#[test]
fn a_pod_that_is_being_deleted_is_not_asked_if_there_is_another() {
    let cluster = Cluster::new(
        "get) echo 'agent|old|2026|2026|||Running'; echo 'agent|new||2026|||Running' ;;\nexec) ;;",
    );
    let (code, _, stderr, asked) = cluster.run(&["--node", "worker-1", "top"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(asked[1].contains(" new "), "{asked:?}");
}

#[test]
fn a_pod_that_is_named_is_not_listed() {
    let cluster = Cluster::new(&format!("{ONE_AGENT}\nexec) ;;"));
    let (code, _, _, asked) = cluster.run(&["--pod", "pod/reapwatch-abcde", "top"]);
    assert_eq!(code, 0);
    assert!(
        asked[0].starts_with("get pod reapwatch-abcde "),
        "{asked:?}"
    );
}

#[test]
fn a_missing_kubectl_is_reported() {
    let cluster = Cluster::new("");
    fs::remove_file(cluster.folder.path().join("kubectl")).expect("it was there");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubectl-reapwatch");
    let output = Command::new("/bin/sh")
        .arg(script)
        .arg("top")
        .env("PATH", cluster.folder.path())
        .output()
        .expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("kubectl is not on PATH"), "{stderr}");
}

#[test]
fn forward_runs_the_local_reapwatch_and_closes_the_port() {
    let cluster = Cluster::new(&format!(
        "{ONE_AGENT}\nport-forward)\n\
         echo $$ >\"${{0%/*}}/pid\"\n\
         echo 'Forwarding from 127.0.0.1:40123 -> 9991'\n\
         exec sleep 600 ;;"
    ));
    cluster.program("reapwatch", "echo \"$*\"; exit 3");
    let (code, stdout, stderr, asked) =
        cluster.run(&["--node", "worker-1", "--forward", "zombies", "--json"]);
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (3, "zombies --json --url http://127.0.0.1:40123\n", "")
    );
    assert_eq!(
        asked[1],
        "port-forward --namespace reapwatch pod/reapwatch-abcde :9991"
    );
    let pid = fs::read_to_string(cluster.folder.path().join("pid")).expect("it ran");
    let status = Path::new("/proc").join(pid.trim()).join("status");
    // It was sent a signal and this test is not its parent; dead is enough.
    let begun = std::time::Instant::now();
    while fs::read_to_string(&status).is_ok_and(|text| !text.contains("State:\tZ")) {
        assert!(
            begun.elapsed().as_secs() < 60,
            "the port is still forwarded"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_failed_port_forward_is_one_sentence() {
    let cluster = Cluster::new(&format!(
        "{ONE_AGENT}\nport-forward) echo 'error: forbidden' >&2; exit 1 ;;"
    ));
    cluster.program("reapwatch", "");
    let (code, _, stderr, _) = cluster.run(&["--forward", "zombies"]);
    assert_eq!(code, 1);
    let start = "kubectl reapwatch: cannot forward a port to pod reapwatch-abcde: forbidden; ";
    assert!(stderr.starts_with(start), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
